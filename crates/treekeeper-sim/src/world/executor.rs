//! Runs tasks on one thread in the order of the queue: no waker, no clock, no parallelism.
//!
//! A task is polled when something that it may wait for has happened; it looks for itself whether it can go on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{Due, Inner, Micros, World};

/// A task: a process of the simulated world, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(pub(super) usize);

pub(super) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What the world knows of a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// Who it is, for the trace.
    pub name: String,
    /// It does nothing before this moment: SIGSTOP, a paused machine.
    pub paused_until: Micros,
    /// It dies at its next gap.
    pub is_crashed: bool,
    /// Whether it has ended.
    pub is_over: bool,
}

/// Drives a world to its end.
pub struct Executor {
    world: World,
    tasks: Vec<Option<Task>>,
    steps: u64,
}

/// Events of a run; more mean that something never ends.
const STEPS_MAX: u64 = 2_000_000;

impl Executor {
    /// Returns a driver without tasks.
    pub fn new(world: World) -> Executor {
        Executor {
            world,
            tasks: Vec::new(),
            steps: 0,
        }
    }

    /// Runs until `main` has ended or something wrong was found; the tasks that `main` began go on with it.
    pub fn run(&mut self, main: impl Future<Output = ()> + 'static) {
        let main = self.world.spawn("main", main);
        loop {
            let spawned = self.world.with(|inner| std::mem::take(&mut inner.spawned));
            self.tasks.extend(spawned.into_iter().map(Some));
            let Some(due) = self.world.with(Inner::next_due) else {
                return;
            };
            if let Some(task) = self.world.with(|inner| inner.happen(due)) {
                self.poll(task);
            }
            self.steps += 1;
            let steps = self.steps;
            let is_over = self.world.with(|inner| {
                if steps > STEPS_MAX {
                    inner.checker.endless();
                }
                inner.tasks[main.0].is_over || inner.checker.is_violated()
            });
            if is_over {
                return;
            }
        }
    }

    fn poll(&mut self, task: TaskId) {
        let Some(Some(future)) = self.tasks.get_mut(task.0) else {
            return;
        };
        self.world.with(|inner| inner.current = task);
        let mut context = Context::from_waker(Waker::noop());
        if future.as_mut().poll(&mut context).is_ready() {
            self.tasks[task.0] = None;
            self.world.with(|inner| inner.tasks[task.0].is_over = true);
        }
    }
}

impl World {
    /// Begins a task.
    pub fn spawn(&self, name: &str, future: impl Future<Output = ()> + 'static) -> TaskId {
        self.with(|inner| {
            let id = TaskId(inner.tasks.len());
            inner.tasks.push(Life {
                name: name.to_owned(),
                ..Life::default()
            });
            inner.spawned.push(Box::pin(future));
            inner.after(0, Due::Wake(id));
            id
        })
    }

    /// Runs `future` as a process that may crash; `None` if it did: the future was dropped where it stood.
    pub fn crashable<F: Future>(&self, future: F) -> Crashable<F> {
        Crashable {
            world: self.clone(),
            future: Some(Box::pin(future)),
        }
    }

    /// Tells whether a task has ended.
    pub fn is_over(&self, task: TaskId) -> bool {
        self.with(|inner| inner.tasks[task.0].is_over)
    }
}

impl Inner {
    fn next_due(&mut self) -> Option<Due> {
        let ((moment, _), due) = self.queue.pop_first()?;
        self.now = moment;
        Some(due)
    }

    pub(super) fn wake(&mut self, task: TaskId) {
        self.after(0, Due::Wake(task));
    }

    /// Returns the task to be polled, unless it is paused: then it is woken later.
    pub(super) fn woken(&mut self, task: TaskId) -> Option<TaskId> {
        let until = self.tasks[task.0].paused_until;
        if until > self.now {
            self.after(until - self.now, Due::Wake(task));
            return None;
        }
        Some(task)
    }
}

/// Waits until a moment.
pub struct Sleep {
    world: World,
    until: Micros,
    is_queued: bool,
}

impl Sleep {
    pub(super) fn new(world: World, until: Micros) -> Sleep {
        Sleep {
            world,
            until,
            is_queued: false,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        let until = self.until;
        let (now, current) = self.world.with(|inner| (inner.now, inner.current));
        if now >= until {
            return Poll::Ready(());
        }
        if !self.is_queued {
            self.is_queued = true;
            self.world
                .with(|inner| inner.after(until - now, Due::Wake(current)));
        }
        Poll::Pending
    }
}

/// A process that may crash.
pub struct Crashable<F> {
    world: World,
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Crashable<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Some(future) = self.future.as_mut()
            && let Poll::Ready(output) = future.as_mut().poll(context)
        {
            self.future = None;
            return Poll::Ready(Some(output));
        }
        let crashed = self.world.with(|inner| {
            let current = inner.current;
            std::mem::take(&mut inner.tasks[current.0].is_crashed)
        });
        if crashed {
            self.future = None;
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}
