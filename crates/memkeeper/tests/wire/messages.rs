//! Random messages.
//!
//! Only what can be said on the wire: a container has no older reply, a ping no number of its own.

use memkeeper::database::{
    Acl, AddWatchMode, Check, Connect, Create, CreateMode, CreateReply, Data, Delete, ErrorCode, EventKind,
    Identity, MultiResult, Permissions, Reads, Reply, Request, Response, SessionId, SetData, Stat, WatchKind,
    Watches, Write,
};
use memkeeper::wire::Operation;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub fn code() -> impl Strategy<Value = i32> {
    prop_oneof![-12..120i32, any::<i32>()]
}

pub fn text() -> impl Strategy<Value = String> {
    "[a-z/\u{e9}]{0,12}"
}

fn bytes() -> impl Strategy<Value = Data> {
    prop_oneof![Just(Data::NULL), vec(any::<u8>(), 0..20).prop_map(Data::from)]
}

fn acls() -> impl Strategy<Value = Vec<Acl>> {
    vec(
        (any::<i32>(), identity()).prop_map(|(permissions, identity)| Acl {
            permissions: Permissions(permissions),
            identity,
        }),
        0..3,
    )
}

fn identity() -> impl Strategy<Value = Identity> {
    (text(), text()).prop_map(|(scheme, id)| Identity { scheme, id })
}

pub fn event_kind() -> impl Strategy<Value = EventKind> {
    prop_oneof![
        Just(EventKind::Created),
        Just(EventKind::Deleted),
        Just(EventKind::DataChanged),
        Just(EventKind::ChildrenChanged),
    ]
}

pub fn connect() -> impl Strategy<Value = Connect> {
    (
        any::<i64>(),
        any::<i32>(),
        any::<i64>(),
        vec(any::<u8>(), 0..20),
        any::<bool>(),
    )
        .prop_map(
            |(last_zxid_seen, timeout, session, password, read_only)| Connect {
                last_zxid_seen,
                timeout,
                session: SessionId(session),
                password,
                read_only,
            },
        )
}

/// A kind of node with the reply that its operation can ask for.
fn mode() -> impl Strategy<Value = (CreateMode, CreateReply)> {
    prop_oneof![
        (
            prop_oneof![
                Just(CreateMode::Persistent),
                Just(CreateMode::Ephemeral),
                Just(CreateMode::PersistentSequential),
                Just(CreateMode::EphemeralSequential),
            ],
            prop_oneof![Just(CreateReply::Path), Just(CreateReply::PathAndStat)],
        ),
        (
            prop_oneof![
                Just(CreateMode::Container),
                any::<i64>().prop_map(CreateMode::PersistentTtl),
                any::<i64>().prop_map(CreateMode::PersistentSequentialTtl),
            ],
            Just(CreateReply::PathAndStat),
        ),
    ]
}

fn create() -> impl Strategy<Value = Create> {
    (text(), bytes(), acls(), mode()).prop_map(|(path, data, acls, (mode, reply))| Create {
        path,
        data,
        acls,
        mode,
        reply,
    })
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        create().prop_map(Write::Create),
        (text(), any::<i32>()).prop_map(|(path, version)| Write::Delete(Delete { path, version })),
        (text(), bytes(), any::<i32>()).prop_map(|(path, data, version)| Write::SetData(SetData {
            path,
            data,
            version
        })),
        (text(), any::<i32>()).prop_map(|(path, version)| Write::Check(Check { path, version })),
    ]
}

fn watches() -> impl Strategy<Value = Watches> {
    let texts = || vec(text(), 0..3);
    (texts(), texts(), texts(), texts(), texts()).prop_map(
        |(data, exist, child, persistent, persistent_recursive)| Watches {
            data,
            exist,
            child,
            persistent,
            persistent_recursive,
        },
    )
}

fn watch_kind() -> impl Strategy<Value = WatchKind> {
    prop_oneof![
        Just(WatchKind::Children),
        Just(WatchKind::Data),
        Just(WatchKind::Any)
    ]
}

pub fn request() -> impl Strategy<Value = Request> {
    let single = write().prop_map(|write| match write {
        Write::Create(create) => Request::Create(create),
        Write::Delete(delete) => Request::Delete(delete),
        Write::SetData(set) => Request::SetData(set),
        Write::Check(check) => Request::Check(check),
    });
    let read = prop_oneof![text().prop_map(Reads::Data), text().prop_map(Reads::Children)];
    prop_oneof![
        single,
        vec(write(), 0..4).prop_map(Request::Multi),
        vec(read, 0..4).prop_map(Request::MultiRead),
        read_request(),
        watch_request(),
        (text(), acls(), any::<i32>()).prop_map(|(path, acls, version)| Request::SetAcl {
            path,
            acls,
            version
        }),
        (text(), vec(any::<u8>(), 0..9))
            .prop_map(|(scheme, credential)| Request::Auth { scheme, credential }),
        prop_oneof![
            Just(Request::Ping),
            Just(Request::WhoAmI),
            Just(Request::CloseSession),
            Just(Request::Reconfig),
            (200..300i32).prop_map(Request::Unknown),
        ],
    ]
}

fn read_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (text(), any::<bool>()).prop_map(|(path, watch)| Request::Exists { path, watch }),
        (text(), any::<bool>()).prop_map(|(path, watch)| Request::GetData { path, watch }),
        (text(), any::<bool>()).prop_map(|(path, watch)| Request::GetChildren { path, watch }),
        (text(), any::<bool>()).prop_map(|(path, watch)| Request::GetChildren2 { path, watch }),
        text().prop_map(|path| Request::GetAcl { path }),
        text().prop_map(|path| Request::GetAllChildrenNumber { path }),
        text().prop_map(|path| Request::Sync { path }),
        text().prop_map(|prefix| Request::GetEphemerals { prefix }),
    ]
}

fn watch_request() -> impl Strategy<Value = Request> {
    let mode = prop_oneof![
        Just(AddWatchMode::Persistent),
        Just(AddWatchMode::PersistentRecursive)
    ];
    prop_oneof![
        (text(), mode).prop_map(|(path, mode)| Request::AddWatch { path, mode }),
        (text(), watch_kind()).prop_map(|(path, kind)| Request::RemoveWatches { path, kind }),
        (text(), watch_kind()).prop_map(|(path, kind)| Request::CheckWatches { path, kind }),
        (any::<i64>(), watches()).prop_map(|(relative_zxid, watches)| Request::SetWatches {
            relative_zxid,
            watches,
        }),
    ]
}

fn stat() -> impl Strategy<Value = Stat> {
    let longs = any::<[i64; 6]>();
    let ints = any::<[i32; 5]>();
    (longs, ints).prop_map(|(longs, ints)| Stat {
        czxid: longs[0],
        mzxid: longs[1],
        ctime: longs[2],
        mtime: longs[3],
        version: ints[0],
        cversion: ints[1],
        aversion: ints[2],
        ephemeral_owner: longs[4],
        data_length: ints[3],
        num_children: ints[4],
        pzxid: longs[5],
    })
}

fn error() -> impl Strategy<Value = ErrorCode> {
    prop_oneof![
        Just(ErrorCode::RuntimeInconsistency),
        Just(ErrorCode::MarshallingError),
        Just(ErrorCode::Unimplemented),
        Just(ErrorCode::BadArguments),
        Just(ErrorCode::NoNode),
        Just(ErrorCode::NoAuth),
        Just(ErrorCode::BadVersion),
        Just(ErrorCode::NoChildrenForEphemerals),
        Just(ErrorCode::NodeExists),
        Just(ErrorCode::NotEmpty),
        Just(ErrorCode::SessionExpired),
        Just(ErrorCode::InvalidAcl),
        Just(ErrorCode::AuthFailed),
        Just(ErrorCode::NoWatcher),
        Just(ErrorCode::ReconfigDisabled),
    ]
}

fn multi_result() -> impl Strategy<Value = MultiResult> {
    prop_oneof![
        text().prop_map(MultiResult::Path),
        (text(), stat()).prop_map(|(path, stat)| MultiResult::Created(path, stat)),
        Just(MultiResult::Deleted),
        stat().prop_map(MultiResult::Set),
        Just(MultiResult::Checked),
        (bytes(), stat()).prop_map(|(data, stat)| MultiResult::Data(data, stat)),
        vec(text(), 0..3).prop_map(MultiResult::Children),
        option::of(error()).prop_map(MultiResult::Error),
    ]
}

/// An operation and a response that it has.
fn response() -> impl Strategy<Value = (Operation, Response)> {
    let empty = prop_oneof![
        Just(Operation::Ping),
        Just(Operation::Delete),
        Just(Operation::AddWatch),
        Just(Operation::Check)
    ];
    let names = || vec(text(), 0..4);
    prop_oneof![
        empty.prop_map(|operation| (operation, Response::Empty)),
        text().prop_map(|path| (Operation::Create, Response::Path(path))),
        (text(), stat()).prop_map(|(path, stat)| (Operation::Create2, Response::Created(path, stat))),
        stat().prop_map(|stat| (Operation::Exists, Response::Stat(stat))),
        (bytes(), stat()).prop_map(|(data, stat)| (Operation::GetData, Response::Data(data, stat))),
        (acls(), stat()).prop_map(|(acls, stat)| (Operation::GetAcl, Response::Acl(acls, stat))),
        names().prop_map(|names| (Operation::GetChildren, Response::Children(names))),
        (names(), stat())
            .prop_map(|(names, stat)| { (Operation::GetChildren2, Response::ChildrenAndStat(names, stat)) }),
        any::<i32>().prop_map(|count| (Operation::GetAllChildrenNumber, Response::Count(count))),
        names().prop_map(|names| (Operation::GetEphemerals, Response::Paths(names))),
        vec(multi_result(), 0..4).prop_map(|results| (Operation::Multi, Response::Multi(results))),
        vec(identity(), 0..3).prop_map(|identities| (Operation::WhoAmI, Response::Identities(identities))),
    ]
}

pub fn reply() -> impl Strategy<Value = (Operation, Reply)> {
    (any::<i64>(), response(), option::of(error())).prop_map(|(zxid, (operation, response), error)| {
        let result = error.map_or(Ok(response), Err);
        // A ping's reply has a number of its own.
        let operation = if operation == Operation::Ping {
            Operation::Delete
        } else {
            operation
        };
        (operation, Reply { zxid, result })
    })
}
