//! Threads that wait side by side: most of a test of faults is waiting for a process or a session to end.

/// Plays each item on a thread of its own; one that fails fails all.
pub fn side_by_side<T: Send>(items: impl IntoIterator<Item = T>, play: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for item in items {
            let play = &play;
            scope.spawn(move || play(item));
        }
    });
}
