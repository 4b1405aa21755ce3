//! Everybody else: the legacy syncer, operators and agents at `/hosts`, and a reader.

use super::options::Flaw;
use super::server::{ClusterVersion, Commit, DataVersion, LEGACY};
use super::world::World;

/// The syncer of the time before treekeeper: it takes the lock, and then writes without looking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Legacy {
    /// It has not begun, or there is none.
    #[default]
    Idle,
    /// Its candidate is in the queue.
    Queued,
    /// It passed its gates once, and writes this node next; after the last node, the version.
    Writing(usize),
    /// It gives its lock back.
    Releasing,
    /// It is over.
    Done,
}

/// A reader that looks at `/hosts`, walks the tree, and looks at `/hosts` again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reader {
    /// It has not begun, or there is none.
    #[default]
    Idle,
    /// It is on its way through the tree.
    Walking(Walk),
    /// It has looked again: whether it believes what it saw.
    Done {
        /// What it saw.
        walk: Walk,
        /// Whether `/hosts` was as before.
        is_believed: bool,
    },
}

/// What a reader has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Walk {
    /// The version of `/hosts` at the first look.
    pub commit: Commit,
    /// Its data version; 0 when the walk is over.
    pub at: DataVersion,
    /// The node that it reads next.
    pub next: usize,
    /// Whether a node belonged to another commit.
    pub is_torn: bool,
    /// History: whether a foreigner wrote the tree before or during the walk.
    pub is_disturbed: bool,
}

/// A step of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The legacy syncer creates its candidate.
    LegacyEnqueues,
    /// The legacy syncer is first, and asks its gates once.
    LegacyTakesLock,
    /// The legacy syncer writes a node or, at last, the version.
    LegacyWrites,
    /// The legacy syncer deletes its candidate.
    LegacyReleases,
    /// An agent writes None to `/hosts`, without looking.
    Stop,
    /// An operator writes None to `/hosts` by `treekeeper stop`, which notes it in the state.
    StopNoted,
    /// An operator ends the stop.
    Resume,
    /// Somebody writes other properties of `/hosts`.
    Touch,
    /// The reader looks at `/hosts`.
    ReaderLooks,
    /// The reader reads a node.
    ReaderWalks,
    /// The reader looks at `/hosts` again.
    ReaderLooksAgain,
}

impl World {
    /// Returns what others can do now.
    pub(super) fn deeds(&self) -> Vec<Deed> {
        let mut deeds: Vec<Deed> = self.legacy_deed().into_iter().collect();
        deeds.extend(self.reader_deed());
        let is_stopped = self.server.hosts.value == ClusterVersion::Stop;
        if self.stops_left > 0 {
            deeds.extend([Deed::Stop, Deed::StopNoted]);
        }
        if is_stopped {
            deeds.push(Deed::Resume);
        }
        if self.touches_left > 0 {
            deeds.push(Deed::Touch);
        }
        deeds
    }

    fn legacy_deed(&self) -> Option<Deed> {
        self.options.legacy?;
        match self.legacy {
            Legacy::Idle => Some(Deed::LegacyEnqueues),
            Legacy::Queued if self.server.is_first(LEGACY) => Some(Deed::LegacyTakesLock),
            // Whether its session lives makes no difference to it.
            Legacy::Writing(_) => Some(Deed::LegacyWrites),
            Legacy::Releasing => Some(Deed::LegacyReleases),
            Legacy::Queued | Legacy::Done => None,
        }
    }

    fn reader_deed(&self) -> Option<Deed> {
        let is_version = matches!(self.server.hosts.value, ClusterVersion::Commit(_));
        match self.reader {
            Reader::Idle if self.options.reader && is_version => Some(Deed::ReaderLooks),
            Reader::Walking(walk) if walk.next < self.options.nodes => Some(Deed::ReaderWalks),
            Reader::Walking(_) => Some(Deed::ReaderLooksAgain),
            Reader::Idle | Reader::Done { .. } => None,
        }
    }

    /// Lets others do something.
    pub(super) fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::LegacyEnqueues => {
                self.server.enqueue(LEGACY);
                self.legacy = Legacy::Queued;
            }
            Deed::LegacyTakesLock => self.legacy_takes_lock(),
            Deed::LegacyWrites => self.legacy_writes(),
            Deed::LegacyReleases => {
                self.server.dequeue(LEGACY);
                self.legacy = Legacy::Done;
            }
            Deed::Stop => self.stop(),
            Deed::StopNoted => {
                self.stop();
                self.server.state.set(self.server.state.value);
            }
            Deed::Resume => self.resume(),
            Deed::Touch => {
                self.touches_left -= 1;
                self.server.hosts.set(self.server.hosts.value);
            }
            Deed::ReaderLooks => self.reader_looks(),
            Deed::ReaderWalks => self.reader_walks(),
            Deed::ReaderLooksAgain => self.reader_looks_again(),
        }
    }

    fn legacy_takes_lock(&mut self) {
        let refuses = match self.server.hosts.value {
            ClusterVersion::Stop => true,
            ClusterVersion::Commit(commit) => Some(commit) == self.options.legacy,
            ClusterVersion::Paused => false,
        };
        self.legacy = if refuses {
            Legacy::Releasing
        } else {
            Legacy::Writing(0)
        };
    }

    fn legacy_writes(&mut self) {
        let (Legacy::Writing(next), Some(commit)) = (self.legacy, self.options.legacy) else {
            unreachable!("it writes after it took the lock")
        };
        if next < self.options.nodes {
            self.server.nodes[next].set(commit);
            self.legacy = Legacy::Writing(next + 1);
        } else {
            self.server.hosts.set(ClusterVersion::Commit(commit));
            self.legacy = Legacy::Releasing;
        }
        self.disturb();
    }

    /// A foreigner wrote: nobody vouches for the tree until a run has observed it anew.
    fn disturb(&mut self) {
        self.verdict.is_vouched = false;
        for run in &mut self.runs {
            run.history.is_disturbed = true;
        }
        if let Reader::Walking(walk) = &mut self.reader {
            walk.is_disturbed = true;
        }
    }

    fn stop(&mut self) {
        self.stops_left -= 1;
        self.server.hosts.set(ClusterVersion::Stop);
        for run in &mut self.runs {
            run.history.began_stopped = false;
        }
    }

    /// `resume` reads and writes at the versions that it read: one step (`cli/operator.rs`).
    fn resume(&mut self) {
        let state = self.server.state.value;
        let version = match state.applying {
            Some(_) if !self.has(Flaw::ResumesBlindly) => ClusterVersion::Paused,
            _ => ClusterVersion::Commit(state.commit),
        };
        self.server.hosts.set(version);
        self.server.state.set(state);
    }

    fn reader_looks(&mut self) {
        let ClusterVersion::Commit(commit) = self.server.hosts.value else {
            unreachable!("it begins at a version")
        };
        self.reader = Reader::Walking(Walk {
            commit,
            at: self.server.hosts.at,
            next: 0,
            is_torn: false,
            is_disturbed: !self.verdict.is_vouched,
        });
    }

    fn reader_walks(&mut self) {
        if let Reader::Walking(walk) = &mut self.reader {
            walk.is_torn |= self.server.nodes[walk.next].value != walk.commit;
            walk.next += 1;
        }
    }

    fn reader_looks_again(&mut self) {
        let is_flawed = self.has(Flaw::LooksOnce);
        if let Reader::Walking(mut walk) = self.reader {
            let is_believed = walk.at == self.server.hosts.at || is_flawed;
            walk.at = 0;
            self.reader = Reader::Done { walk, is_believed };
        }
    }
}
