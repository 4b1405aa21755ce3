//! Waits for Ctrl-C and its kin, for commands that have something to clean up or serve until they are told to end.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::ui::Problem;

/// Somebody pressed Ctrl-C, closed the terminal or asked the process to end.
#[derive(Debug)]
pub struct Interrupted;

/// From its making on, these signals no longer end the process: they are told here.
pub struct Interrupts {
    told: Receiver<()>,
}

/// Signals that nobody needs to hear twice are not kept beyond this.
const UNHEARD_MAX: usize = 16;

impl Interrupts {
    /// Begins to listen for Ctrl-C and SIGTERM.
    ///
    /// # Errors
    /// A system that gives no thread or no signals.
    pub fn listen() -> Result<Interrupts, Problem> {
        Interrupts::listen_for(&[SignalKind::interrupt(), SignalKind::terminate()])
    }

    /// Begins to listen for a closed terminal too; without a listener it ends the process at once.
    ///
    /// # Errors
    /// As [`Interrupts::listen`].
    pub fn listen_with_hangup() -> Result<Interrupts, Problem> {
        Interrupts::listen_for(&[
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ])
    }

    fn listen_for(kinds: &[SignalKind]) -> Result<Interrupts, Problem> {
        let cannot = |error: std::io::Error| Problem::error(format!("cannot listen for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(cannot)?;
        let (tell, told) = mpsc::sync_channel(UNHEARD_MAX);
        for kind in kinds {
            let inside = runtime.enter();
            let mut signals = signal(*kind).map_err(cannot)?;
            drop(inside);
            let tell = tell.clone();
            runtime.spawn(async move {
                while signals.recv().await.is_some() {
                    let _ = tell.try_send(());
                }
            });
        }
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .map_err(cannot)?;
        Ok(Interrupts { told })
    }

    /// Waits so long, or until a signal comes.
    pub fn pause(&self, time: Duration) -> Result<(), Interrupted> {
        match self.told.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Interrupted),
        }
    }

    /// Waits until a signal comes.
    pub fn wait(&self) {
        // An error would mean that nobody listens any more: then there is nothing to wait for.
        let _ = self.told.recv();
    }
}
