//! The story that the demo tells, as data: chapters of commands as one would type them.
//!
//! What is run is what is shown. How it is run and printed is not decided here.

use crate::cli::ui::Exit;

/// The tree file of the story.
pub const TREE_FILE: &str = "shop.zk";

/// What stands in it at first.
pub const TREE: &str = "\
/shop : web shop
  greeting = 'Hello'
  workers = 2
  /database
    host = 'db-1.example.com'
    pool = 10
  /beta
    percent = 5
";

/// One thought, shown by a few commands.
pub struct Chapter {
    /// A few words.
    pub title: &'static str,
    /// Why anybody should care, in one sentence.
    pub why: &'static str,
    /// What happens.
    pub acts: &'static [Act],
}

/// Something that happens.
pub enum Act {
    /// The command is shown, run by a shell in the repository, and must end so.
    Run(&'static str, Exit),
    /// The tree file is edited: the first text gives way to the second.
    Edit(&'static str, &'static str),
    /// The agent of the host `web-1` reports the version that hosts should run; the remark is shown.
    Converge(&'static str),
}

use Act::{Converge, Edit, Run};

/// Everything, in order.
pub const STORY: &[Chapter] = &[
    Chapter {
        title: "The tree is a file in git",
        why: "It says which znodes there should be, and which properties they hold.",
        acts: &[Run("cat shop.zk", Exit::Done)],
    },
    Chapter {
        title: "The first sync",
        why: "ZooKeeper is empty. A sync writes what differs, in one transaction, under a lock.",
        acts: &[
            Run("treekeeper sync", Exit::Done),
            Run("treekeeper tree /shop", Exit::Done),
            Converge("web-1 is a host: its agent deploys, and reports that version in /hosts/web-1"),
        ],
    },
    Chapter {
        title: "A change, and its plan",
        why: "Edit, look at what a sync would do, commit to it.",
        acts: &[
            Edit("workers = 2", "workers = 4"),
            Edit("  /beta\n    percent = 5\n", ""),
            Run("git diff -U0 | grep '^[-+] '", Exit::Done),
            Run("git commit -qam 'Four workers, no beta'", Exit::Done),
            Run("treekeeper plan", Exit::Done),
            Run("treekeeper sync", Exit::Done),
        ],
    },
    Chapter {
        title: "A slow host holds up the next sync",
        why: "Nothing new is rolled out while a host still deploys the last change (or say --force).",
        acts: &[
            Edit("pool = 10", "pool = 20"),
            Run("git commit -qam 'A bigger pool'", Exit::Done),
            Run("treekeeper sync", Exit::NotConverged),
            Converge("web-1 has caught up"),
            Run("treekeeper sync", Exit::Done),
            Converge("web-1 follows"),
        ],
    },
    Chapter {
        title: "ALL STOP",
        why: "In trouble, one command holds everything: no host deploys and no sync goes on.",
        acts: &[
            Run("treekeeper stop --reason 'moving the database'", Exit::Done),
            Run("treekeeper sync", Exit::Stopped),
            Run("treekeeper resume", Exit::Done),
        ],
    },
    Chapter {
        title: "Somebody edits the live tree",
        why: "A plan shows the drift, and a repair puts back what git says.",
        acts: &[
            Run("treekeeper set /shop workers=99", Exit::Done),
            Run("treekeeper plan", Exit::Done),
            Run("treekeeper sync --repair", Exit::Done),
        ],
    },
    Chapter {
        title: "Going back",
        why: "The bigger pool was a mistake. Git takes it back, and a sync follows as always.",
        acts: &[
            Run("git revert --no-edit HEAD | head -n 1", Exit::Done),
            Run("treekeeper sync", Exit::Done),
            Converge("web-1 follows"),
            Run("treekeeper status", Exit::Done),
        ],
    },
];
