//! Waits for Ctrl-C and its kin, for commands that have something to clean up or serve until they are told to end.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::ui::Problem;

/// Somebody pressed Ctrl-C, closed the terminal or asked the process to end.
#[derive(Debug)]
pub struct Interrupted;

/// From its making on, these signals no longer end the process: they are told here, once each.
pub struct Interrupts {
    told: Receiver<()>,
}

impl Interrupts {
    /// Begins to listen.
    ///
    /// # Errors
    /// A system that gives no thread or no signals.
    pub fn listen() -> Result<Interrupts, Problem> {
        let cannot = |error: std::io::Error| Problem::error(format!("cannot listen for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(cannot)?;
        let mut signals = {
            let _inside = runtime.enter();
            let [interrupt, terminate, hangup] = [
                SignalKind::interrupt(),
                SignalKind::terminate(),
                SignalKind::hangup(),
            ]
            .map(signal);
            (
                interrupt.map_err(cannot)?,
                terminate.map_err(cannot)?,
                hangup.map_err(cannot)?,
            )
        };
        let (tell, told) = mpsc::sync_channel(16);
        let listen = move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = signals.0.recv() => {}
                        _ = signals.1.recv() => {}
                        _ = signals.2.recv() => {}
                    }
                    // Who has not heard the first sixteen will not heed more.
                    let _ = tell.try_send(());
                }
            })
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listen)
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
