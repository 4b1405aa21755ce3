//! Runs an operation, and shows how far it has come when it takes long and somebody looks on.
//!
//! Only at a terminal, only after two seconds, only on standard error, and gone before anything else is said.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use treekeeper_core::operation::{Event, Operation, Receipt};

use super::setup::Setup;
use super::ui::Problem;
use crate::engine::{self, World};
use crate::zk::{Amount, Progress, Work};

/// What takes less is done before anybody wonders.
const SHOWN_AFTER: Duration = Duration::from_secs(2);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs `operation` to its end, telling its events by `tell`, and shows its progress if it takes long.
///
/// # Errors
/// A system that gives no threads.
pub fn run(
    setup: &Setup,
    operation: Operation,
    world: World,
    tell: &mut dyn FnMut(&Event),
) -> Result<Receipt, Problem> {
    let display = Display::start(&world.session.progress, setup.quiet);
    let mut tell = |event: &Event| match &display {
        Some(display) => display.bar.suspend(|| tell(event)),
        None => tell(event),
    };
    let receipt = setup.block_on(async { Ok(engine::run(operation, world, &mut tell).await) });
    if let Some(display) = display {
        display.end();
    }
    receipt
}

/// A line at the terminal, and the thread that keeps it true.
struct Display {
    bar: ProgressBar,
    /// Closed to end the thread.
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Display {
    fn start(progress: &Arc<Progress>, quiet: bool) -> Option<Display> {
        if quiet || !std::io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        progress.begin("connecting to ZooKeeper", Amount::Uncounted);
        let (end, ended) = mpsc::channel();
        let (progress, shown) = (Arc::clone(progress), bar.clone());
        let begin = Instant::now();
        let thread = thread::spawn(move || {
            let mut work = Work::default();
            while ended.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                let (now, done) = progress.now();
                if now != work {
                    work = now;
                    restart(&shown, &work);
                }
                shown.set_position(done as u64);
                if begin.elapsed() >= SHOWN_AFTER && shown.is_hidden() {
                    shown.set_draw_target(ProgressDrawTarget::stderr());
                }
            }
        });
        Some(Display { bar, end, thread })
    }

    fn end(self) {
        drop(self.end);
        // A thread that panicked has nothing left to show.
        let _ = self.thread.join();
        self.bar.finish_and_clear();
    }
}

/// Makes the line one of another work, whose time begins now.
fn restart(bar: &ProgressBar, work: &Work) {
    bar.reset();
    bar.set_style(style(work));
    bar.set_message(work.name);
    match work.amount {
        Amount::Known(total) => bar.set_length(total as u64),
        Amount::Unknown | Amount::Uncounted => bar.unset_length(),
    }
}

/// Returns how a work is shown; the estimate is of this work alone, by its speed so far: nobody knows about the next.
fn style(work: &Work) -> ProgressStyle {
    let template = match (work.name, work.amount) {
        ("", _) => "",
        (_, Amount::Uncounted) => "{msg} for {elapsed}",
        (_, Amount::Unknown) => "{msg}: {human_pos} in {elapsed}",
        (_, Amount::Known(_)) => "{msg}: {human_pos} of {human_len} ({percent} %), about {eta} left of this",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use indicatif::TermLike;

    use super::*;

    /// A terminal of one line.
    #[derive(Clone, Debug, Default)]
    struct Line(Arc<Mutex<String>>);

    impl Line {
        fn text(&self) -> String {
            self.0.lock().unwrap().trim_end().to_owned()
        }
    }

    impl TermLike for Line {
        fn width(&self) -> u16 {
            100
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().clear();
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_tells_the_work_how_much_of_it_is_done_and_what_is_left() {
        let terminal = Line::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bar = ProgressBar::with_draw_target(None, target);
        let progress = Progress::default();
        let show = || {
            let (work, done) = progress.now();
            restart(&bar, &work);
            bar.set_position(done as u64);
            bar.force_draw();
            terminal.text()
        };
        progress.begin("applying changes", Amount::Known(1_000_000));
        progress.advance(250_000);
        let line = show();
        let (start, rest) = line.split_once("about ").expect("an estimate");
        assert_eq!(start, "applying changes: 250,000 of 1,000,000 (25 %), ");
        assert!(rest.ends_with(" left of this"), "{rest}");
        progress.begin("reading znodes", Amount::Unknown);
        progress.advance(12_345);
        assert!(show().starts_with("reading znodes: 12,345 in "));
        progress.begin("waiting for the lock", Amount::Uncounted);
        assert!(show().starts_with("waiting for the lock for "));
        bar.finish_and_clear();
        assert_eq!(terminal.text(), "");
    }
}
