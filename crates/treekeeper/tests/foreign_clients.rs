//! Clients of other people, unmodified, on either server: kazoo with its recipes, and ZooKeeper's own command line.
//!
//! What they print is the same on both, and stands here.

// A broken case must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use support::locks::python;
use support::server::Server;

/// Where Debian's package has ZooKeeper's command line.
const ZKCLI: &str = "/usr/share/zookeeper/bin/zkCli.sh";
/// A command of `zkCli` that prints one line and does nothing: sent between others, it tells their outputs apart.
const MARKER: &str = "printwatches";
/// What the marker prints.
const MARK: &str = "printwatches is on";

#[test]
fn kazoo_and_its_recipes() {
    let output = Command::new(python())
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/support/kazoo_story.py"
        ))
        .arg(Server::shared().chroot())
        .output()
        .unwrap();
    let story = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{story}\n{complaints}");
    insta::assert_snapshot!(story, @"
    == nodes
    create: /n
    again: NodeExistsError
    below nothing: NoNodeError
    deep: /d/e/f
    sequence: ['/d/s-0000000001', '/d/s-0000000002']
    ephemeral: /d/eph
    below an ephemeral: NoChildrenForEphemeralsError
    null: ('/null', None)
    empty: ('/empty', b'')
    set: 1
    stale set: BadVersionError
    get: (b'22', 2)
    children: ['e', 'eph', 's-0000000001', 's-0000000002']
    counts: (4, 4)
    delete a parent: NotEmptyError
    delete stale: BadVersionError
    delete all: None
    gone: None
    bad name: BadArgumentsError
    sync: /n
    owner: 0
    == transactions
    multi: ['/t', '/t/a', 'ZnodeStat', True]
    rolled back: ['RolledBackError', 'BadVersionError', 'RuntimeInconsistency']
    as before: ['a']
    delete in it: [True, True]
    == acls
    guarded: /acl
    others: NoAuthError
    others write: NoAuthError
    ours: b's'
    listed: [('digest', 'ada', 31)]
    opened: 1
    others read: b's'
    others create a child: NoAuthError
    bad acl: InvalidACLError
    == watches
    one-shot: [('CHANGED', '/w'), ('CHILD', '/w'), ('CREATED', '/later')]
    data watch: b'1' b'2' children watch: ['child', 'deep'] ['deep']
    cache: b'cached'
    == recipes
    lock: True ['a', 'b']
    not blocking: False contenders: ['a']
    readers: [True, True]
    writer beside readers: False
    semaphore: True False ['s1']
    party: ['p1'] 2
    after one left: 1
    elected: [1, 2]
    counter: 20
    queue: b'1' 1
    priorities: b'soon' b'late'
    barrier: False True True
    double barrier: [True, True]
    == sessions
    reconnected: SUSPENDED CONNECTED same session: True still there: True
    closed: None
    restarted: True b'22'
    version: True
    ruok: imok
    mntr: True
    ");
}

/// Runs commands in `zkCli`: each with what it prints, and at the end the events, which come when they like.
fn cli(commands: &str) -> String {
    let connect = Server::shared().chroot();
    let output = run_cli(&connect, commands);
    let (_, chroot) = connect.split_once('/').unwrap();
    let output = output.replace(&format!("/{chroot}"), "<chroot>");
    let (events, said): (Vec<&str>, Vec<&str>) = output
        .lines()
        // Debian's package has no logger for it, which it says in between.
        .filter(|line| !line.is_empty() && *line != "WATCHER::" && !line.starts_with("SLF4J: "))
        .partition(|line| line.starts_with("WatchedEvent "));
    let mut answers = said.split(|line| *line == MARK);
    let greeting = answers.next().unwrap();
    assert!(greeting.contains(&"Welcome to ZooKeeper!"), "{greeting:?}");
    let mut transcript = String::new();
    for command in commands.lines() {
        transcript += &format!("> {command}\n");
        let answer = answers
            .next()
            .unwrap_or_else(|| panic!("no answer to {command}: {output}"));
        for line in answer {
            transcript += &format!("{}\n", fixed(line));
        }
    }
    // Of the connection itself nothing is told: how it ends depends on who is faster.
    for event in events.iter().filter(|event| !event.contains("type:None")) {
        transcript += &format!("{event}\n");
    }
    transcript
}

/// Returns all that `zkCli` prints, with the marker before, between and after the commands.
fn run_cli(connect: &str, commands: &str) -> String {
    assert!(
        Path::new(ZKCLI).is_file(),
        "this test needs {ZKCLI}: install it, on Debian and Ubuntu with `apt-get install zookeeper`"
    );
    // One pipe for both streams keeps their order.
    let mut child = Command::new("sh")
        .args(["-c", "exec \"$0\" -server \"$1\" 2>&1", ZKCLI, connect])
        .env(
            "CLIENT_JVMFLAGS",
            "-Djava.net.preferIPv4Stack=true -XX:TieredStopAtLevel=1",
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut script = format!("{MARKER}\n");
    for command in commands.lines() {
        script += &format!("{command}\n{MARKER}\n");
    }
    script += "quit\n";
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// Takes out transactions, times and what the package was built from, and puts sets in order.
fn fixed(line: &str) -> String {
    if let Some((name, _)) = line
        .split_once(" = ")
        .filter(|(name, _)| name.contains("xid") || name.ends_with("time"))
    {
        return format!("{name} = ...");
    }
    if let Some(items) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
        let mut items = items.split(", ").collect::<Vec<_>>();
        items.sort_unstable();
        return format!("[{}]", items.join(", "));
    }
    line.to_owned()
}

#[test]
fn zkcli_nodes() {
    insta::assert_snapshot!(cli("\
create /a one
create /a
create /nowhere/x y
create -s /a/s- x
create -e /a/eph
create -c /a/container
create -s -e /a/se- y
create -t 60000 /a/ttl x
create -t 0 /a/ttl0 x
create /a/eph/x
ls -s /a
ls -R /a
get -s /a
set /a two
set -v 7 /a three
set -s -v 1 /a three
stat /nowhere
delete /a
delete -v 9 /a/s-0000000000
delete /a/s-0000000000
create -s /a/s- x
getEphemerals
getEphemerals /a
getEphemerals /b
getAllChildrenNumber /
getAllChildrenNumber /nowhere
sync /
whoami
listquota /a
setquota -n x /a
delquota /a
reconfig -remove 1
deleteall /a
ls /
get /a
"), @"
    > create /a one
    Created /a
    > create /a
    Node already exists: /a
    > create /nowhere/x y
    Node does not exist: /nowhere/x
    > create -s /a/s- x
    Created /a/s-0000000000
    > create -e /a/eph
    Created /a/eph
    > create -c /a/container
    Created /a/container
    > create -s -e /a/se- y
    Created /a/se-0000000003
    > create -t 60000 /a/ttl x
    Created /a/ttl
    > create -t 0 /a/ttl0 x
    ttl must be positive and cannot be larger than: 1099511627775
    > create /a/eph/x
    Ephemerals cannot have children: /a/eph/x
    > ls -s /a
    [container, eph, s-0000000000, se-0000000003, ttl]
    cZxid = ...
    ctime = ...
    mZxid = ...
    mtime = ...
    pZxid = ...
    cversion = 5
    dataVersion = 0
    aclVersion = 0
    ephemeralOwner = 0x0
    dataLength = 3
    numChildren = 5
    > ls -R /a
    /a
    /a/container
    /a/eph
    /a/s-0000000000
    /a/se-0000000003
    /a/ttl
    > get -s /a
    one
    cZxid = ...
    ctime = ...
    mZxid = ...
    mtime = ...
    pZxid = ...
    cversion = 5
    dataVersion = 0
    aclVersion = 0
    ephemeralOwner = 0x0
    dataLength = 3
    numChildren = 5
    > set /a two
    > set -v 7 /a three
    version No is not valid : /a
    > set -s -v 1 /a three
    cZxid = ...
    ctime = ...
    mZxid = ...
    mtime = ...
    pZxid = ...
    cversion = 5
    dataVersion = 2
    aclVersion = 0
    ephemeralOwner = 0x0
    dataLength = 5
    numChildren = 5
    > stat /nowhere
    Node does not exist: /nowhere
    > delete /a
    Node not empty: /a
    > delete -v 9 /a/s-0000000000
    version No is not valid : /a/s-0000000000
    > delete /a/s-0000000000
    > create -s /a/s- x
    Created /a/s-0000000005
    > getEphemerals
    [<chroot>/a/eph, <chroot>/a/se-0000000003]
    > getEphemerals /a
    []
    > getEphemerals /b
    []
    > getAllChildrenNumber /
    6
    > getAllChildrenNumber /nowhere
    Node does not exist: /nowhere
    > sync /
    Sync is OK
    > whoami
    Auth scheme: User
    ip: 127.0.0.1
    > listquota /a
    absolute path is /zookeeper/quota/a/zookeeper_limits
    quota for /a does not exist.
    > setquota -n x /a
    NumberFormatException happens when parsing the option value
    > delquota /a
    Quota does not exist for /a
    > reconfig -remove 1
    KeeperErrorCode = Reconfig is disabled
    > deleteall /a
    > ls /
    []
    > get /a
    Node does not exist: /a
    ");
}

#[test]
fn zkcli_access() {
    insta::assert_snapshot!(cli("\
create /a one
getAcl /a
addauth digest ada:secret
setAcl /a auth::crdwa
getAcl -s /a
get /a
setAcl /a world:anyone:r
set /a two
create /a/b
get /a
getAcl /a
setAcl /a world:anyone:cdrwa
create /own x auth::cdrwa
setAcl -v 9 /own world:anyone:r
setAcl -s -v 0 /own world:anyone:ra
set /own y
create /here x ip:127.0.0.1:cdrwa
get /here
create /there x ip:10.0.0.1:cdrwa
get /there
create /bad x nobody:x:r
create /bad x digest:x:r
getAcl /nowhere
ls /
"), @"
    > create /a one
    Created /a
    > getAcl /a
    'world,'anyone
    : cdrwa
    > addauth digest ada:secret
    > setAcl /a auth::crdwa
    > getAcl -s /a
    'digest,'ada:VTFFY3p38X0IKhZgzUit6nGpbgY=
    : cdrwa
    cZxid = ...
    ctime = ...
    mZxid = ...
    mtime = ...
    pZxid = ...
    cversion = 0
    dataVersion = 0
    aclVersion = 1
    ephemeralOwner = 0x0
    dataLength = 3
    numChildren = 0
    > get /a
    one
    > setAcl /a world:anyone:r
    > set /a two
    Insufficient permission : /a
    > create /a/b
    Insufficient permission : /a/b
    > get /a
    one
    > getAcl /a
    'world,'anyone
    : r
    > setAcl /a world:anyone:cdrwa
    Insufficient permission : /a
    > create /own x auth::cdrwa
    Created /own
    > setAcl -v 9 /own world:anyone:r
    version No is not valid : /own
    > setAcl -s -v 0 /own world:anyone:ra
    cZxid = ...
    ctime = ...
    mZxid = ...
    mtime = ...
    pZxid = ...
    cversion = 0
    dataVersion = 0
    aclVersion = 1
    ephemeralOwner = 0x0
    dataLength = 1
    numChildren = 0
    > set /own y
    Insufficient permission : /own
    > create /here x ip:127.0.0.1:cdrwa
    Created /here
    > get /here
    x
    > create /there x ip:10.0.0.1:cdrwa
    Created /there
    > get /there
    Insufficient permission : /there
    > create /bad x nobody:x:r
    KeeperErrorCode = InvalidACL for /bad
    Acl is not valid : /bad
    > create /bad x digest:x:r
    KeeperErrorCode = InvalidACL for /bad
    Acl is not valid : /bad
    > getAcl /nowhere
    Node does not exist: /nowhere
    > ls /
    [a, here, own, there]
    ");
}

#[test]
fn zkcli_watches() {
    insta::assert_snapshot!(cli("\
create /a
get -w /a
set /a two
ls -w /a
create /a/b
stat -w /later
create /later
addWatch -m PERSISTENT_RECURSIVE /a
create /a/b/c x
set /a/b/c y
delete /a/b/c
removewatches /a
set /a/b unseen
addWatch -m PERSISTENT /a
set /a three
set /a four
create /a/d
removewatches /a
removewatches /nowhere
set /a unseen
"), @"
    > create /a
    Created /a
    > get -w /a
    null
    > set /a two
    > ls -w /a
    []
    > create /a/b
    Created /a/b
    > stat -w /later
    Node does not exist: /later
    > create /later
    Created /later
    > addWatch -m PERSISTENT_RECURSIVE /a
    > create /a/b/c x
    Created /a/b/c
    > set /a/b/c y
    > delete /a/b/c
    > removewatches /a
    > set /a/b unseen
    > addWatch -m PERSISTENT /a
    > set /a three
    > set /a four
    > create /a/d
    Created /a/d
    > removewatches /a
    > removewatches /nowhere
    KeeperErrorCode = No such watcher for /nowhere
    > set /a unseen
    WatchedEvent state:SyncConnected type:NodeDataChanged path:/a
    WatchedEvent state:SyncConnected type:NodeChildrenChanged path:/a
    WatchedEvent state:SyncConnected type:NodeCreated path:/later
    WatchedEvent state:SyncConnected type:NodeCreated path:/a/b/c
    WatchedEvent state:SyncConnected type:NodeDataChanged path:/a/b/c
    WatchedEvent state:SyncConnected type:NodeDeleted path:/a/b/c
    WatchedEvent state:SyncConnected type:PersistentWatchRemoved path:/a
    WatchedEvent state:SyncConnected type:NodeDataChanged path:/a
    WatchedEvent state:SyncConnected type:NodeDataChanged path:/a
    WatchedEvent state:SyncConnected type:NodeChildrenChanged path:/a
    WatchedEvent state:SyncConnected type:PersistentWatchRemoved path:/a
    ");
}
