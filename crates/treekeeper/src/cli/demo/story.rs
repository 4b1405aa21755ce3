//! The story that the demo tells, as data: chapters of commands as one would type them.
//!
//! What is run is what is shown. How it is run and printed is not decided here.

use crate::cli::ui::Exit;

/// The tree file of the story.
pub const TREE_FILE: &str = "shop.zk";

/// What stands in it at first.
pub const TREE: &str = "\
/shop : web shop
  workers = 2
  /database
    pool = 10
  /preview
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
    Run(&'static str, Show, Exit),
    /// The tree file is edited: the first text gives way to the second.
    Edit(&'static str, &'static str),
    /// The agent of the host `web-1` reports the version that hosts should run; the remark is shown.
    Converge(&'static str),
}

/// How much is shown of what a command prints.
#[derive(Clone, Copy)]
pub enum Show {
    /// Everything.
    All,
    /// So many lines at the beginning.
    First(usize),
    /// So many lines at the end: the reader has seen the others in an earlier chapter.
    Last(usize),
}

use Act::{Converge, Edit, Run};
use Show::{All, First, Last};

/// Everything, in order.
pub const STORY: &[Chapter] = &[
    Chapter {
        title: "The tree is a file in git",
        why: "It says which znodes there should be, and which properties they hold.",
        acts: &[Run("cat shop.zk", All, Exit::Done)],
    },
    Chapter {
        title: "The first sync",
        why: "ZooKeeper is empty. A sync writes what differs, in one transaction, under a lock.",
        acts: &[
            Run("treekeeper sync", All, Exit::Done),
            Run("treekeeper tree /shop", All, Exit::Done),
            Converge("host web-1 deploys this version, and its agent says so in /hosts/web-1"),
        ],
    },
    Chapter {
        title: "A change and its plan",
        why: "Commit it, look at what a sync would do, and sync.",
        acts: &[
            Edit("workers = 2", "workers = 4"),
            Edit("  /preview\n    percent = 5\n", ""),
            Run("git diff -U0 | grep '^[-+] '", All, Exit::Done),
            Run("git commit -qam 'Four workers, no preview'", All, Exit::Done),
            Run("treekeeper plan", All, Exit::Done),
            Run("treekeeper sync", Last(1), Exit::Done),
        ],
    },
    Chapter {
        title: "A slow host holds up the next sync",
        why: "Nothing new is rolled out while a host still deploys the last change.",
        acts: &[
            Edit("pool = 10", "pool = 20"),
            Run("git commit -qam 'A bigger pool'", All, Exit::Done),
            Run("treekeeper sync", Last(3), Exit::NotConverged),
            Converge("web-1 has caught up"),
            Run("treekeeper sync", Last(1), Exit::Done),
            Converge("web-1 follows"),
        ],
    },
    Chapter {
        title: "ALL STOP",
        why: "In trouble, one command holds everything: no host deploys and no sync goes on.",
        acts: &[
            Run("treekeeper stop --reason 'moving the database'", All, Exit::Done),
            Run("treekeeper sync", All, Exit::Stopped),
            Run("treekeeper resume", All, Exit::Done),
        ],
    },
    Chapter {
        title: "Somebody edits the live tree",
        why: "A plan shows the drift, and a repair puts back what git says.",
        acts: &[
            Run("treekeeper set /shop workers=99", All, Exit::Done),
            Run("treekeeper plan", All, Exit::Done),
            Run("treekeeper sync --repair", Last(1), Exit::Done),
        ],
    },
    Chapter {
        title: "Going back",
        why: "The bigger pool was a mistake: go back at once, and mend it in git in your own time.",
        acts: &[
            Run("treekeeper rollback 1", All, Exit::Done),
            Converge("web-1 follows"),
            Run("treekeeper sync", Last(2), Exit::Refused),
            Run("git revert --no-edit HEAD", First(1), Exit::Done),
            Run("treekeeper unpin", All, Exit::Done),
            Run("treekeeper sync", Last(1), Exit::Done),
            Converge("web-1 follows"),
            Run("treekeeper status", All, Exit::Done),
        ],
    },
];
