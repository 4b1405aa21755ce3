//! Random sequences: few paths, so that requests meet, and everything that a client may get wrong.
//!
//! A seed gives the same sequence for ever; whoever changes this changes what every seed means.

use memkeeper::database::{
    Acl, AddWatchMode, Check, Create, CreateMode, CreateReply, Data, Delete, Identity, Permissions, Reads,
    Request, SetData, WatchKind, Watches, Write,
};
use memkeeper::wire::Operation;
use memkeeper::wire::client::encode_request;

use super::sequence::{Action, Leave, ROOT, Return, Sequence, Step};
use super::support::random::Random;

const CLIENTS_MAX: usize = 3;
const STEPS_MIN: usize = 20;
const STEPS_MORE: usize = 41;
/// One more than the operations of a multi.
const MULTI_END: usize = 9;
/// What precedes a request's body: the frame's length, the number of the request, the number of the operation.
const HEADER_BYTES: usize = 12;

/// Nodes that can be, below the root; the last ones are what sequential creations make.
const NODES: &[&str] = &[
    "",
    "/a",
    "/b",
    "/a/b",
    "/a/b/c",
    "/b/c",
    "/a/x1",
    "/n-",
    "/a/n-",
    "/9",
    "/é",
    "/n-0000000000",
    "/n-0000000001",
    "/a/n-0000000000",
    "/a/n-0000000002",
    "/a/b/0000000000",
];
/// Paths below the root that no node can have, or only just.
const ODD: &[&str] = &[
    "/",
    "/a/",
    "//a",
    "/a//b",
    "/./a",
    "/a/.",
    "/..",
    "/a/../b",
    "/...",
    "/.a",
    "/a\u{0}b",
    "/\u{0}",
    "/\u{1}",
    "/\u{1f}",
    "/ ",
    "/\u{7f}",
    "/\u{80}",
    "/\u{9f}",
    "/\u{a0}",
    "/\u{200b}",
    "/\u{d7ff}",
    "/\u{e000}",
    "/\u{f8ff}",
    "/\u{f900}",
    "/\u{ffef}",
    "/\u{fff0}",
    "/\u{ffff}",
    "/\u{1f600}",
];
/// Paths elsewhere.
const ELSEWHERE: &[&str] = &[
    "",
    "a",
    "/",
    "//",
    ".",
    "/zookeeper",
    "/zookeeper/",
    "/zookeeper/config",
    "/zookeeper/quota",
    "/zookeeper/quota/x",
    "/zookeeper/nothing",
    "/zookeeper2/x",
    "\u{1f600}",
];
const VERSIONS: &[i32] = &[-1, -1, -1, -1, 0, 0, 0, 1, 1, 2, 3, -2, i32::MIN, i32::MAX];
/// Versions that no node has: to a check alone that succeeds the real server never replies.
const NEVER: &[i32] = &[-2, 1000, i32::MIN, i32::MAX];
const TTLS: &[i64] = &[
    1,
    100_000,
    0,
    -1,
    0xff_ffff_ffff,
    0x100_0000_0000,
    i64::MAX,
    i64::MIN,
];
const TIMEOUTS: &[i32] = &[30_000, 40_000, 100_000, 1, 0, -1, i32::MAX, 60_000, 60_001];
/// Credentials of digest; the first two are those of [`GRANTED`].
const CREDENTIALS: &[&str] = &[
    "alice:secret",
    "bob:builder",
    "alice:wrong",
    "nocolon",
    "",
    ":",
    "a:b:c",
];
const GRANTED: &[&str] = &[
    "alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=",
    "bob:4rsXV9JgUbFl9ZE40xENilxlRV8=",
    "alice:x",
    "alice",
    "a:b:c",
    ":",
    "",
    "\u{1f600}:hash",
];
const ADDRESSES: &[&str] = &[
    "127.0.0.1",
    "127.0.0.0/8",
    "10.0.0.1",
    "0.0.0.0/0",
    "127.0.0.1/32",
    "127.0.0.1/33",
    "127.0.0",
    "127.0.0.256",
    "::1",
    "localhost",
    "",
    "127.0.0.1/-1",
    "127.0.0.1/",
    "+127.0.0.1",
    "127.0.0.1.",
];
const PERMISSIONS: &[i32] = &[31, 31, 31, 1, 2, 4, 8, 16, 15, 0, 32, -1];
const UNKNOWN: &[i32] = &[0, -1, 10, 23, 99, 108, 1000, i32::MAX, i32::MIN, -12];
/// What a damaged frame has in the place of a number.
const DAMAGE: &[i32] = &[-1, -2, 0, 1, 2, 99, 0x7fff_ffff, 0x0010_0000];

/// Returns the sequence of a seed.
pub fn sequence(seed: u64) -> Sequence {
    let mut random = Random::new(seed);
    let clients = 2 + random.below(CLIENTS_MAX - 1);
    let timeouts = (0..clients).map(|_| random.pick(TIMEOUTS)).collect();
    let steps = STEPS_MIN + random.below(STEPS_MORE);
    let mut sequence = Sequence {
        timeouts,
        steps: Vec::with_capacity(steps),
    };
    for _ in 0..steps {
        let who = random.below(clients);
        let action = action(&mut random);
        sequence.steps.push(Step { who, action });
        if must_return(&sequence.steps[sequence.steps.len() - 1].action) {
            let action = Action::Return(Leave::HangUp, random.pick(&[Return::Proper, Return::Fresh]));
            sequence.steps.push(Step { who, action });
        }
    }
    sequence
}

/// Tells whether a step is known to end its connection, which would idle without another.
fn must_return(action: &Action) -> bool {
    matches!(
        action,
        Action::Call(Request::CloseSession | Request::Unknown(_))
            | Action::Return(_, Return::Forged | Return::Ahead)
    )
}

fn action(random: &mut Random) -> Action {
    match random.below(100) {
        0..3 => damaged(random),
        3..6 => Action::Return(
            random.pick(&[Leave::HangUp, Leave::Stay]),
            random.pick(&[
                Return::Proper,
                Return::Proper,
                Return::Proper,
                Return::Forged,
                Return::Ahead,
                Return::Fresh,
            ]),
        ),
        _ => Action::Call(request(random)),
    }
}

fn request(random: &mut Random) -> Request {
    match random.below(100) {
        0..22 => Request::Create(create(random)),
        22..30 => Request::Delete(delete(random)),
        30..37 => Request::SetData(set_data(random)),
        37..47 => Request::Multi(random.list(MULTI_END, write)),
        47..75 => read(random),
        75..86 => watch(random),
        86..90 => Request::SetAcl {
            path: path(random),
            acls: acls(random),
            version: random.pick(VERSIONS),
        },
        90..94 => auth(random),
        94..96 => Request::Check(Check {
            version: random.pick(NEVER),
            ..check(random)
        }),
        96 => Request::Sync { path: path(random) },
        97 => random.pick(&[Request::CloseSession, Request::Reconfig]),
        98 => random.pick(&[Request::Ping, Request::Unknown(0)]),
        _ => Request::Unknown(random.pick(UNKNOWN)),
    }
}

fn read(random: &mut Random) -> Request {
    let (path, watch) = (path(random), random.happens(50));
    match random.below(18) {
        0..4 => Request::Exists { path, watch },
        4..7 => Request::GetData { path, watch },
        7..9 => Request::GetChildren { path, watch },
        9..11 => Request::GetChildren2 { path, watch },
        11..13 => Request::GetAcl { path },
        13 => Request::GetAllChildrenNumber { path },
        14 => Request::GetEphemerals {
            prefix: random.pick(&[path, ROOT.to_owned(), String::new(), ROOT[..3].to_owned()]),
        },
        15 => Request::WhoAmI,
        _ => Request::MultiRead(random.list(MULTI_END, |random| {
            let path = self::path(random);
            match random.happens(50) {
                true => Reads::Data(path),
                false => Reads::Children(path),
            }
        })),
    }
}

fn watch(random: &mut Random) -> Request {
    let path = path(random);
    let kind = random.pick(&[WatchKind::Children, WatchKind::Data, WatchKind::Any]);
    match random.below(11) {
        0..5 => Request::AddWatch {
            path,
            mode: random.pick(&[AddWatchMode::Persistent, AddWatchMode::PersistentRecursive]),
        },
        5..7 => Request::RemoveWatches { path, kind },
        7..9 => Request::CheckWatches { path, kind },
        _ => Request::SetWatches {
            relative_zxid: i64::try_from(random.below(40)).expect("a small number"),
            watches: watches(random),
        },
    }
}

fn watches(random: &mut Random) -> Watches {
    let mut watches = Watches {
        data: random.list(3, path),
        exist: random.list(3, path),
        child: random.list(3, path),
        ..Watches::default()
    };
    if random.happens(50) {
        watches.persistent = random.list(3, path);
        watches.persistent_recursive = random.list(3, path);
    }
    watches
}

fn write(random: &mut Random) -> Write {
    // Most operations of a multi have to succeed, or every multi fails early.
    let careful = random.happens(70);
    match random.below(10) {
        0..4 => {
            let mut create = create(random);
            if careful {
                create.acls = Acl::open();
                create.path = node(random);
            }
            Write::Create(create)
        }
        4..6 => Write::Delete(delete(random)),
        6..9 => {
            let mut set = set_data(random);
            if careful {
                (set.path, set.version) = (format!("{ROOT}{}", random.pick(&["", "/a", "/b"])), -1);
            }
            Write::SetData(set)
        }
        _ => Write::Check(check(random)),
    }
}

fn create(random: &mut Random) -> Create {
    let ttl = random.pick(TTLS);
    let mode = match random.below(14) {
        0..5 => CreateMode::Persistent,
        5..7 => CreateMode::Ephemeral,
        7..9 => CreateMode::PersistentSequential,
        9..11 => CreateMode::EphemeralSequential,
        11 => CreateMode::Container,
        12 => CreateMode::PersistentTtl(ttl),
        _ => CreateMode::PersistentSequentialTtl(ttl),
    };
    Create {
        path: path(random),
        data: data(random),
        acls: match random.happens(75) {
            true => Acl::open(),
            false => acls(random),
        },
        mode,
        reply: random.pick(&[CreateReply::Path, CreateReply::PathAndStat]),
    }
}

fn delete(random: &mut Random) -> Delete {
    Delete {
        path: path(random),
        version: random.pick(VERSIONS),
    }
}

fn set_data(random: &mut Random) -> SetData {
    SetData {
        path: path(random),
        data: data(random),
        version: random.pick(VERSIONS),
    }
}

fn check(random: &mut Random) -> Check {
    Check {
        path: path(random),
        version: random.pick(VERSIONS),
    }
}

fn auth(random: &mut Random) -> Request {
    let scheme = random.pick(&[
        "digest", "digest", "digest", "digest", "ip", "world", "auth", "nobody", "",
    ]);
    Request::Auth {
        scheme: scheme.to_owned(),
        credential: match random.happens(60) {
            true => CREDENTIALS[random.below(2)].as_bytes().to_vec(),
            false => random.pick(CREDENTIALS).as_bytes().to_vec(),
        },
    }
}

fn acls(random: &mut Random) -> Vec<Acl> {
    match random.below(10) {
        0..6 => vec![acl(random)],
        6 => Acl::open(),
        _ => random.list(4, acl),
    }
}

fn acl(random: &mut Random) -> Acl {
    let (scheme, id) = match random.below(16) {
        0..4 => ("world", "anyone"),
        4..7 => ("auth", random.pick(&["", "ignored"])),
        7..10 => ("digest", GRANTED[random.below(2)]),
        10 => ("digest", random.pick(GRANTED)),
        11..14 => ("ip", random.pick(ADDRESSES)),
        14 => ("world", "somebody"),
        _ => (random.pick(&["nobody", "", "sasl", "x509", "super"]), "x"),
    };
    Acl {
        permissions: Permissions(random.pick(PERMISSIONS)),
        identity: Identity {
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        },
    }
}

fn data(random: &mut Random) -> Data {
    let data: Option<&[u8]> = random.pick(&[
        None,
        Some(b"".as_slice()),
        Some(b"x"),
        Some(b"\0\xff"),
        Some(&[b'y'; 300]),
    ]);
    data.into()
}

fn path(random: &mut Random) -> String {
    match random.below(100) {
        0..86 => node(random),
        86..95 => format!("{ROOT}{}", random.pick(ODD)),
        _ => random.pick(ELSEWHERE).to_owned(),
    }
}

/// Half of them are the first few nodes, so that there is something below them.
fn node(random: &mut Random) -> String {
    let few = if random.happens(50) { 5 } else { NODES.len() };
    format!("{ROOT}{}", NODES[random.below(few)])
}

/// A request that was cut, that has too much, or with another number somewhere.
///
/// It is never a check, which might succeed: to that the real server never replies.
fn damaged(random: &mut Random) -> Action {
    let request = match request(random) {
        Request::Check(check) => Request::Sync { path: check.path },
        request => request,
    };
    let mut operation = Operation::of(&request).map_or(0, Operation::code);
    let mut frame = Vec::new();
    encode_request(&mut frame, 0, &request);
    let mut body = frame.split_off(HEADER_BYTES);
    match random.below(5) {
        0..2 => body.truncate(random.below(body.len() + 1)),
        2 => body.extend_from_slice(&random.next().to_be_bytes()),
        3 if body.len() >= 4 => {
            let at = random.below(body.len() - 3);
            body[at..at + 4].copy_from_slice(&random.pick(DAMAGE).to_be_bytes());
        }
        _ => operation = i32::try_from(random.below(110)).expect("a small number"),
    }
    if operation == Operation::Check.code() {
        operation = Operation::Delete.code();
    }
    Action::Bytes { operation, body }
}
