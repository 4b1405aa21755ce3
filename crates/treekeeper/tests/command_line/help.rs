//! The help of the program and of commands, as people read it.

use insta::assert_snapshot;

use crate::support::treekeeper::Treekeeper;

#[test]
fn the_help_of_the_program() {
    assert_snapshot!(Treekeeper::offline().stdout(&["--help"]), @r"
    GitOps for Apache ZooKeeper: keeps the tree of a cluster equal to tree files in git

    Usage: treekeeper [OPTIONS] <COMMAND>

    Commands:
      sync         Make the live tree what the newest commit says, and set the version of /hosts to it
      plan         Show what sync would do, per znode and property
      apply        Apply a plan that `plan --out` saved: exactly its operations, and only if nothing
                   that it rests on has moved
      blame        Tell where a znode or a property comes from: file and line, the commit that wrote it,
                   and whether it is live so
      status       Say in one sentence how the cluster is, then versions, hosts and the lock
      diff         Show how the live tree differs from the deployed commit: what others have changed,
                   when, and in which transaction
      stop         ALL STOP: set the version of /hosts to None, so that no host deploys and no sync goes
                   on
      resume       End a stop or a pause: put a version back
      pause        Set the version of /hosts to False: hosts hold; the next sync goes on without asking
                   for convergence, and ends the pause
      history      Show the last deployments, newest first: commit, when, by whom, how many znodes, of
                   what kind, how long
      rollback     Go back to an earlier commit and stay there: the cluster is pinned until `unpin`
      unpin        End a pin: the next sync goes to the newest commit again
      lock         Look at the cluster lock, and remove a candidate that is stuck
      validate     Parse and merge tree files offline, and report everything that is wrong with them
      fmt          Put tree files into canonical form: indents, blanks around signs, line ends; comments
                   and values stay
      parse        Print a parsed tree file as JSON
      tree         Print the live tree, ephemeral znodes included
      export       Print the live tree as a tree file
      import       Import one tree file at a path, with the same planner, lock and transactions as sync
      get          Print a znode's properties as JSON, or one property, links followed
      set          Set properties of a znode; the others stay
      ln           Set a symbolic link: TARGET is where it leads, SOURCE the path of the link
      resolve      Print the real path, symbolic links resolved
      doctor       Look at everything that a sync needs, and say of each whether it is well, with the
                   fix
      demo         Show in twenty seconds what treekeeper does, on an in-memory ZooKeeper of its own
      dev-server   Serve an in-memory ZooKeeper, for development and CI: never for production
      explain      Explain a code such as TK0104, or a refusal such as stopped; without one, list them
                   all
      config       Look at the configuration
      completions  Print a completion script for a shell
      man          Write manual pages
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Global options:
      -z, --zookeeper <HOST:PORT[,HOST:PORT...][/CHROOT]>
              ZooKeeper servers and chroot [env: TREEKEEPER_ZOOKEEPER, then ZC_ZK_CONNECTION_STRING;
              default: 127.0.0.1:2181]

      -u, --url <GIT_URL>
              The git repository: ssh, https, or a local path

          --branch <NAME>
              The branch [default: the remote's HEAD]

          --path <DIR>
              Directory of the tree files in the repository; only files directly in it are read
              [default: its root]

      -t, --tree-directory <DIR>
              Where the bare mirror of the repository lives [default: in the user's state directory]

          --config <FILE>
              Configuration file [default: treekeeper/treekeeper.toml in the user's and the system's
              configuration directory]

          --overlay <MODE>
              How .zkx files are laid over .zk files: property by property, or replacing whole nodes as
              the original did

              Possible values:
              - merge:   Property by property
              - replace: Whole nodes, as the original

          --lock <STYLE>
              Which foreign syncers the lock excludes

              Possible values:
              - zktools: /ZktoolsLocks/,hosts (zc.zkdeployment up to 0.14)
              - kazoo:   /hosts-lock (zc.zkdeployment from 0.14.1)
              - both:    Both of them

          --json
              Print JSON on standard output

      -v, --verbose
              Tell on standard error what is being done

      -q, --quiet
              Print errors only

          --color <WHEN>
              When to colour

              Possible values:
              - auto:   On a terminal, unless NO_COLOR is set
              - always: Always
              - never:  Never
              
              [default: auto]

    Exit codes: 0 done or in sync, 1 error, 2 differences (where they are asked for), 3 refused by
    policy, 4 hosts not converged, 5 stopped, 6 lock held, 7 plan stale, 8 outcome unknown, 64 usage
    ");
}

#[test]
fn the_help_of_sync() {
    assert_snapshot!(Treekeeper::offline().stdout(&["sync", "--help"]), @r"
    Make the live tree what the newest commit says, and set the version of /hosts to it

    Usage: treekeeper sync [OPTIONS]

    Options:
      -d, --dry-run
              Show the plan and change nothing

          --check
              Ask the server whether it would accept the plan, by transactions that cannot be applied;
              the lock takes no part in it

          --format <FORMAT>
              How to show the plan of a dry run [default: text]

              Possible values:
              - text:     For people
              - json:     As --json
              - markdown: A comment for a pull request, of at most 60,000 bytes

      -f, --force
              Sync in spite of ALL STOP and of hosts that have not converged; never lifts the lock, the
              delete budget or history

          --repair
              Sync an equal version too, so that changes made by hand go

          --revision <REV>
              Sync this commit, tag or branch instead of the branch's tip

          --lock-wait <SECONDS>
              Wait so long for the lock

          --allow-delete <N>
              Allow the plan to delete so many znodes, this once

          --allow-rewind
              Allow a commit that does not descend from the deployed one, this once

          --adopt
              Take over a tree that another repository or lock style has managed

          --prune-roots
              Delete top-level znodes that earlier commits defined and this one doesn't

      -h, --help
              Print help (see a summary with '-h')

    Global options:
      -z, --zookeeper <HOST:PORT[,HOST:PORT...][/CHROOT]>
              ZooKeeper servers and chroot [env: TREEKEEPER_ZOOKEEPER, then ZC_ZK_CONNECTION_STRING;
              default: 127.0.0.1:2181]

      -u, --url <GIT_URL>
              The git repository: ssh, https, or a local path

          --branch <NAME>
              The branch [default: the remote's HEAD]

          --path <DIR>
              Directory of the tree files in the repository; only files directly in it are read
              [default: its root]

      -t, --tree-directory <DIR>
              Where the bare mirror of the repository lives [default: in the user's state directory]

          --config <FILE>
              Configuration file [default: treekeeper/treekeeper.toml in the user's and the system's
              configuration directory]

          --overlay <MODE>
              How .zkx files are laid over .zk files: property by property, or replacing whole nodes as
              the original did

              Possible values:
              - merge:   Property by property
              - replace: Whole nodes, as the original

          --lock <STYLE>
              Which foreign syncers the lock excludes

              Possible values:
              - zktools: /ZktoolsLocks/,hosts (zc.zkdeployment up to 0.14)
              - kazoo:   /hosts-lock (zc.zkdeployment from 0.14.1)
              - both:    Both of them

          --json
              Print JSON on standard output

      -v, --verbose
              Tell on standard error what is being done

      -q, --quiet
              Print errors only

          --color <WHEN>
              When to colour

              Possible values:
              - auto:   On a terminal, unless NO_COLOR is set
              - always: Always
              - never:  Never
              
              [default: auto]
    ");
}

/// Returns the help of a command without the global options, which are those of every command.
fn own_help(command: &str) -> String {
    let help = Treekeeper::offline().stdout(&[command, "--help"]);
    help.split("Global options:")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_help_of_demo() {
    assert_snapshot!(own_help("demo"), @r"
    Show in twenty seconds what treekeeper does, on an in-memory ZooKeeper of its own

    Needs git and nothing else. Runs treekeeper's own commands on a git repository and a ZooKeeper that
    it makes for itself and removes again: syncs, plans, a host that lags, ALL STOP, a change by hand
    and its repair, the way back. Reads neither environment nor configuration files. Exits with 0 only
    if every command ended as the story tells.

    With --zookeeper it plays on a real server instead: below a new znode `treekeeper-demo-...` in the
    chroot that is named, which is removed at the end, also after a failure and after Ctrl-C; nothing
    else there is touched. If that server wants credentials or TLS, name a file with them by --config:
    of it only [auth] counts, and the paths in it must be absolute.

    Usage: treekeeper demo [OPTIONS]

    Options:
          --keep
              Leave server and repository running at the end, to play with, until Ctrl-C

          --fast
              Don't pause for the reader (nor does a demo that isn't told on a terminal)

      -h, --help
              Print help (see a summary with '-h')
    ");
}

#[test]
fn the_help_of_dev_server() {
    assert_snapshot!(own_help("dev-server"), @r"
    Serve an in-memory ZooKeeper, for development and CI: never for production

    Runs in the foreground until Ctrl-C or SIGTERM, and then exits with 0. Any ZooKeeper client can use
    it: it speaks the protocol of ZooKeeper 3.8, without TLS, SASL and quotas. Everything is forgotten
    when it ends.

    As soon as it serves, one line on standard output says so and names the address; scripts wait for
    it: `memkeeper serves at 127.0.0.1:2181 (development and tests only: everything is in memory)`. What
    --import names is there by then. If a file is wrong, every error is told, no server is started, and
    it exits with 1.

    Usage: treekeeper dev-server [OPTIONS]

    Options:
          --listen <HOST:PORT>
              Where to listen; port 0 takes a free one
              
              [default: 127.0.0.1:2181]

          --import <DIR>
              Begin with the tree of the tree files (*.zk, *.zkx) directly in this directory, merged as
              a sync would

          --allow-remote
              Let --listen name an address that other machines can reach; everybody there may read and
              write everything

      -h, --help
              Print help (see a summary with '-h')
    ");
}
