//! Reads tree files on all processors while git still prints them: a piece is parsed and encoded as soon as it is there.
//!
//! What a piece means is the core's; here are only the threads. Nothing of it counts before git has ended well and every
//! file is what its id says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use treekeeper_core::layer::{Piece, PiecedFile, Rules, join_pieces, may_be_pieced, read_piece};
use treekeeper_core::model::DesiredTree;
use treekeeper_core::treefile::{Cutter, PIECE_BYTES};

use crate::git::FileSink;
use crate::zk::{Amount, Hints, Progress};

/// The most threads that read pieces.
const THREADS_MAX: usize = 8;
/// Pieces that wait for a thread; git waits when there are more.
const WAITING_MAX: usize = 16;

/// A piece that is to be read.
struct Job {
    file: usize,
    place: usize,
    /// The bytes of the whole file.
    file_bytes: usize,
    text: Vec<u8>,
}

/// Pieces that were read, each with its file and its place there.
type Read = Vec<(usize, usize, Piece)>;

/// The threads, and the file that is coming.
pub struct PieceReader {
    rules: Arc<Rules>,
    progress: Arc<Progress>,
    hints: Arc<Hints>,
    threads: usize,
    names: Vec<String>,
    sizes: Vec<usize>,
    jobs: Option<SyncSender<Job>>,
    workers: Vec<JoinHandle<Read>>,
    /// Set when only the whole files can tell what is wrong.
    gave_up: Arc<AtomicBool>,
    file: usize,
    place: usize,
    rest: Vec<u8>,
    cutter: Cutter,
}

impl PieceReader {
    /// Returns a reader without anything to read, which adds to `hints` what it has read.
    pub fn new(rules: Arc<Rules>, progress: Arc<Progress>, hints: Arc<Hints>) -> PieceReader {
        let threads = thread::available_parallelism().map_or(1, |count| count.get().min(THREADS_MAX));
        PieceReader {
            rules,
            progress,
            hints,
            threads,
            names: Vec::new(),
            sizes: Vec::new(),
            jobs: None,
            workers: Vec::new(),
            gave_up: Arc::default(),
            file: 0,
            place: 0,
            rest: Vec::new(),
            cutter: Cutter::default(),
        }
    }

    /// Returns the names of the files and what they desire together; `None` if only the whole files can tell.
    pub fn finish(mut self) -> Option<(Vec<String>, DesiredTree)> {
        self.end_file();
        let read = self.stop();
        if self.has_given_up() {
            return None;
        }
        let files = self.sizes.iter().map(|bytes| PiecedFile {
            bytes: *bytes,
            pieces: Vec::new(),
        });
        let mut files: Vec<_> = files.collect();
        for (file, _, piece) in read {
            files[file].pieces.push(piece);
        }
        Some((std::mem::take(&mut self.names), join_pieces(files, &self.rules)?))
    }

    fn has_given_up(&self) -> bool {
        self.gave_up.load(Ordering::Relaxed)
    }

    fn start(&mut self) {
        let (jobs, waiting) = mpsc::sync_channel(WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        self.jobs = Some(jobs);
        self.gave_up = Arc::default();
        let spawn = |_| {
            let (waiting, rules) = (Arc::clone(&waiting), Arc::clone(&self.rules));
            let (gave_up, hints) = (Arc::clone(&self.gave_up), Arc::clone(&self.hints));
            thread::spawn(move || work(&waiting, &rules, &gave_up, &hints))
        };
        self.workers = (0..self.threads).map(spawn).collect();
    }

    /// Ends the threads and returns what they have read, in the order of the files.
    fn stop(&mut self) -> Read {
        self.jobs = None;
        let mut read = Vec::new();
        for worker in self.workers.drain(..) {
            match worker.join() {
                Ok(pieces) => read.extend(pieces),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        read.sort_unstable_by_key(|(file, place, _)| (*file, *place));
        read
    }

    fn send(&mut self, text: Vec<u8>) {
        let job = Job {
            file: self.file,
            place: self.place,
            file_bytes: self.sizes.get(self.file).copied().unwrap_or(0),
            text,
        };
        self.place += 1;
        // Without a thread that listens there is nothing to read.
        if let Some(jobs) = &self.jobs
            && jobs.send(job).is_err()
        {
            self.gave_up.store(true, Ordering::Relaxed);
        }
    }

    fn end_file(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() && !self.has_given_up() {
            self.send(rest);
        }
        self.place = 0;
        self.cutter = Cutter::default();
    }
}

impl FileSink for PieceReader {
    fn begin(&mut self, files: &[(&str, usize)]) -> bool {
        self.stop();
        self.names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        self.sizes = files.iter().map(|(_, bytes)| *bytes).collect();
        self.rest.clear();
        (self.file, self.place, self.cutter) = (0, 0, Cutter::default());
        self.progress.begin(
            "reading bytes of tree files",
            Amount::Known(self.sizes.iter().sum()),
        );
        let all = files
            .iter()
            .all(|(name, bytes)| may_be_pieced(name, *bytes, &self.rules));
        if all {
            self.start();
        } else {
            self.gave_up = Arc::new(AtomicBool::new(true));
        }
        all
    }

    fn take(&mut self, file: usize, bytes: &[u8]) {
        self.progress.advance(bytes.len());
        if file != self.file {
            self.end_file();
            self.file = file;
        }
        if self.has_given_up() {
            return self.rest.clear();
        }
        let mut bytes = bytes;
        while !bytes.is_empty() {
            // No more than a look needs: what is behind a cut is copied.
            let missing = self.cutter.wanted().saturating_sub(self.rest.len());
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            self.rest.reserve(missing.min(PIECE_BYTES));
            self.rest.extend_from_slice(now);
            bytes = later;
            while self.rest.len() >= self.cutter.wanted() {
                if let Some(length) = self.cutter.cut(&self.rest) {
                    let after = self.rest.split_off(length);
                    let piece = std::mem::replace(&mut self.rest, after);
                    self.send(piece);
                }
            }
        }
    }
}

/// Reads pieces until there will be no more.
fn work(waiting: &Mutex<Receiver<Job>>, rules: &Rules, gave_up: &AtomicBool, hints: &Hints) -> Read {
    let mut read = Vec::new();
    loop {
        // Nobody panics while he holds it.
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return read };
        if gave_up.load(Ordering::Relaxed) {
            continue;
        }
        match read_piece(&job.text, job.file_bytes, rules) {
            Some(piece) => {
                hints.add(piece.outline());
                read.push((job.file, job.place, piece));
            }
            None => gave_up.store(true, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use treekeeper_core::layer;
    use treekeeper_core::treefile::SourceFile;

    use super::*;

    /// Returns every node with its data.
    fn told(desired: &DesiredTree) -> Vec<String> {
        let tree = &desired.tree;
        let node = |id| format!("{} {:?}", tree.path(id), tree.content(id).data);
        tree.walk().map(node).collect()
    }

    fn read(files: &[(&str, &str)], portion: usize) -> Option<(Vec<String>, DesiredTree)> {
        let mut reader = PieceReader::new(Arc::default(), Arc::default(), Arc::default());
        let sizes: Vec<_> = files.iter().map(|(name, text)| (*name, text.len())).collect();
        // As if the mirror had been damaged: what was taken before does not count.
        if reader.begin(&sizes) {
            reader.take(0, b"/stale\n");
        }
        if reader.begin(&sizes) {
            for (file, (_, text)) in files.iter().enumerate() {
                text.as_bytes()
                    .chunks(portion)
                    .for_each(|bytes| reader.take(file, bytes));
            }
        }
        reader.finish()
    }

    #[test]
    fn pieces_are_together_what_the_files_are() {
        let node = |number: usize| {
            format!(
                "/n{}\n  x = {number}\n  /below\n    y = 'z'\n",
                number * 7 % 30_000
            )
        };
        let text: String = (0..30_000).map(node).collect();
        let files = [("a.zk", text.as_str()), ("b.zk", ""), ("c.zk", "/other\n")];
        let source = |(name, text): &(&str, &str)| {
            Arc::new(SourceFile {
                name: (*name).to_owned(),
                bytes: text.as_bytes().to_vec(),
            })
        };
        let sources: Vec<_> = files.iter().map(source).collect();
        let (whole, diagnostics) = layer::read(&sources, &Rules::default());
        assert!(diagnostics.is_empty());
        let whole = whole.expect("the files are good");
        for portion in [999, 100_000] {
            let (names, desired) = read(&files, portion).expect("the files are good");
            assert_eq!(names, ["a.zk", "b.zk", "c.zk"]);
            assert_eq!(told(&desired), told(&whole));
            assert_eq!(desired.roots, whole.roots);
        }
    }

    #[test]
    fn what_only_the_whole_files_can_tell_is_left_to_them() {
        let long = "/n\n".repeat(100_000);
        for (files, why) in [
            ([("a.zk", "/a\n"), ("b.zkx", "/a\n")], "an overlay"),
            ([("a.zk", "/a\n"), ("b.zk", "/a\n")], "one node in two files"),
            ([("a.zk", "/a\n"), ("b.zk", "/a/b\n")], "a path into another file"),
            ([("a.zk", "/a\n"), ("b.zk", "x = 1\n")], "an error"),
            ([("a.zk", "/a\n"), ("b.zk", &long)], "one node in two pieces"),
        ] {
            assert!(read(&files, 1_000).is_none(), "{why}");
        }
    }
}
