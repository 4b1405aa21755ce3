//! Plays a script on a new database and returns it with what every line came to.
//!
//! `at 5000` sets the time in milliseconds, `tick` lets it do its work.
//! Every other line is a client's name and what it does; it connects at its first word:
//!
//! ```text
//! ada connect 3000              with this timeout
//! ada leave, ada back, ada forge    its connection ends; it comes back, with its password or a wrong one
//! ada create -s -e -c -t 9 /a x as world:anyone:r    sequential, ephemeral, a container, with a TTL
//! ada set /a x 3                at a version or at any; the word `null` is no data
//! ada get -w /a                 so do `exists` and `ls`; -w leaves a watch
//! ada multi create /a; check /b 3    `read` is the multi of `get` and `ls`
//! ```

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use memkeeper::database::{
    Acl, AddWatchMode, Check, Connect, Connected, ConnectionId, Create, CreateMode, CreateReply, Data,
    Database, DatabaseOptions, Delete, Identity, Permissions, Reads, Request, SessionId, SetData, WatchKind,
    Watches, Write,
};

use crate::told;

/// What clients ask for that say nothing.
const TIMEOUT: i32 = 10_000;

/// Plays a script on a database with the usual options.
pub fn play(script: &str) -> String {
    play_on(DatabaseOptions::default(), script)
}

/// Plays a script on a database with these options.
pub fn play_on(options: DatabaseOptions, script: &str) -> String {
    let mut stage = Stage {
        database: Database::new(options),
        clients: BTreeMap::new(),
        now: 0,
        text: String::new(),
    };
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        stage.text += &format!("{line}\n");
        let words = line.split_whitespace().collect::<Vec<_>>();
        match words.as_slice() {
            ["at", now] => stage.now = now.parse().unwrap(),
            ["tick"] => {
                let ended = stage.database.tick(stage.now);
                let names = ended.iter().map(|session| stage.name(*session));
                let told = names
                    .map(|name| format!("{name}'s session ends"))
                    .collect::<Vec<_>>();
                told.iter().for_each(|told| stage.tell(told));
            }
            [name, words @ ..] => stage.act(name, words),
            [] => {}
        }
        stage.tell_events();
    }
    stage.text
}

/// Where a script is played.
struct Stage {
    database: Database,
    clients: BTreeMap<String, Client>,
    now: i64,
    text: String,
}

/// Somebody in a script.
#[derive(Clone)]
struct Client {
    connection: ConnectionId,
    session: SessionId,
    password: Vec<u8>,
}

impl Stage {
    fn act(&mut self, name: &str, words: &[&str]) {
        match words {
            ["connect", timeout] => self.connect(name, SessionId::NONE, &[0; 16], timeout.parse().unwrap()),
            ["back"] => {
                let client = self.clients[name].clone();
                self.connect(name, client.session, &client.password, TIMEOUT);
            }
            ["forge"] => self.connect(name, self.clients[name].session, &[7; 16], TIMEOUT),
            ["leave"] => self.database.disconnect(self.clients[name].connection),
            words => {
                if !self.clients.contains_key(name) {
                    self.connect(name, SessionId::NONE, &[0; 16], TIMEOUT);
                }
                let connection = self.clients[name].connection;
                let reply = self.database.call(connection, request(words), self.now);
                self.tell(&told::reply(&reply));
            }
        }
    }

    /// Opens a session or comes back to one, and tells what is not as usual.
    fn connect(&mut self, name: &str, session: SessionId, password: &[u8], timeout: i32) {
        let connect = Connect {
            last_zxid_seen: 0,
            timeout,
            session,
            password: password.to_vec(),
            read_only: false,
        };
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        match self.database.connect(&connect, address, self.now) {
            Connected::Open {
                connection,
                session,
                password,
                timeout: granted,
            } => {
                if granted != TIMEOUT {
                    self.tell(&format!("granted {granted}"));
                }
                let client = Client {
                    connection,
                    session,
                    password: password.to_vec(),
                };
                self.clients.insert(name.to_owned(), client);
            }
            other => self.tell(&format!("{other:?}")),
        }
    }

    fn name(&self, session: SessionId) -> String {
        let of = |client: &Client| client.session == session;
        let found = self.clients.iter().find(|(_, client)| of(client));
        found.map(|(name, _)| name.clone()).unwrap()
    }

    fn tell_events(&mut self) {
        for event in self.database.take_notifications() {
            let watcher = self
                .clients
                .iter()
                .find(|(_, client)| client.connection == event.connection);
            let (name, _) = watcher.expect("an old connection is told nothing");
            let text = format!("{name} is told: {} {:?}", event.path, event.kind);
            self.tell(&text);
        }
    }

    fn tell(&mut self, what: &str) {
        for line in what.lines() {
            self.text += &format!("    {line}\n");
        }
    }
}

fn request(words: &[&str]) -> Request {
    if let Some(write) = write(words) {
        return match write {
            Write::Create(create) => Request::Create(create),
            Write::Delete(delete) => Request::Delete(delete),
            Write::SetData(set) => Request::SetData(set),
            Write::Check(check) => Request::Check(check),
        };
    }
    let (watch, words) = match words {
        [verb, "-w", path] => (true, vec![*verb, *path]),
        words => (false, words.to_vec()),
    };
    let path = |path: &&str| (*path).to_owned();
    match words.as_slice() {
        ["exists", at] => Request::Exists {
            path: path(at),
            watch,
        },
        ["get", at] => Request::GetData {
            path: path(at),
            watch,
        },
        ["ls", at] => Request::GetChildren2 {
            path: path(at),
            watch,
        },
        ["count", at] => Request::GetAllChildrenNumber { path: path(at) },
        ["mine", prefix] => Request::GetEphemerals { prefix: path(prefix) },
        ["acl", at] => Request::GetAcl { path: path(at) },
        ["setacl", at, list, version @ ..] => Request::SetAcl {
            path: path(at),
            acls: acls(list),
            version: number(version),
        },
        ["auth", scheme, credential] => Request::Auth {
            scheme: path(scheme),
            credential: credential.as_bytes().to_vec(),
        },
        ["who"] => Request::WhoAmI,
        ["ping"] => Request::Ping,
        ["close"] => Request::CloseSession,
        ["watch", at] => Request::AddWatch {
            path: path(at),
            mode: AddWatchMode::Persistent,
        },
        ["watch", "-r", at] => Request::AddWatch {
            path: path(at),
            mode: AddWatchMode::PersistentRecursive,
        },
        ["unwatch", at, kind] => Request::RemoveWatches {
            path: path(at),
            kind: watch_kind(kind),
        },
        ["watched", at, kind] => Request::CheckWatches {
            path: path(at),
            kind: watch_kind(kind),
        },
        ["rewatch", "since", seen, lists @ ..] => Request::SetWatches {
            relative_zxid: seen.parse().unwrap(),
            watches: watches(lists),
        },
        ["multi", ..] => Request::Multi(parts(&words).map(|part| write(&part).unwrap()).collect()),
        ["read", ..] => Request::MultiRead(parts(&words).map(|part| one_read(&part)).collect()),
        other => panic!("no line of a script: {other:?}"),
    }
}

/// Splits what follows the first word at words that end in `;`.
fn parts<'a>(words: &[&'a str]) -> impl Iterator<Item = Vec<&'a str>> {
    let parts = words[1..].split_inclusive(|word| word.ends_with(';'));
    let bare = |part: &[&'a str]| part.iter().map(|word| word.trim_end_matches(';')).collect();
    parts.map(bare).collect::<Vec<_>>().into_iter()
}

fn one_read(words: &[&str]) -> Reads {
    match words {
        ["get", path] => Reads::Data((*path).to_owned()),
        ["ls", path] => Reads::Children((*path).to_owned()),
        _ => Reads::Misplaced,
    }
}

fn write(words: &[&str]) -> Option<Write> {
    Some(match words {
        ["create", rest @ ..] => Write::Create(create(rest)),
        ["delete", path, version @ ..] => Write::Delete(Delete {
            path: (*path).to_owned(),
            version: number(version),
        }),
        ["set", path, text, version @ ..] => Write::SetData(SetData {
            path: (*path).to_owned(),
            data: data(text),
            version: number(version),
        }),
        ["check", path, version @ ..] => Write::Check(Check {
            path: (*path).to_owned(),
            version: number(version),
        }),
        _ => return None,
    })
}

fn create(words: &[&str]) -> Create {
    let (words, list) = match words {
        [words @ .., "as", list] => (words, acls(list)),
        words => (words, Acl::open()),
    };
    let (mode, words) = match words {
        ["-s", "-e", rest @ ..] => (CreateMode::EphemeralSequential, rest),
        ["-s", "-c", rest @ ..] => (CreateMode::SequentialContainer, rest),
        ["-s", "-t", ttl, rest @ ..] => (CreateMode::PersistentSequentialTtl(ttl.parse().unwrap()), rest),
        ["-s", rest @ ..] => (CreateMode::PersistentSequential, rest),
        ["-e", rest @ ..] => (CreateMode::Ephemeral, rest),
        ["-c", rest @ ..] => (CreateMode::Container, rest),
        ["-t", ttl, rest @ ..] => (CreateMode::PersistentTtl(ttl.parse().unwrap()), rest),
        rest => (CreateMode::Persistent, rest),
    };
    Create {
        path: words[0].to_owned(),
        data: words.get(1).map_or(Data::from([]), |text| data(text)),
        acls: list,
        mode,
        reply: CreateReply::Path,
    }
}

fn data(text: &str) -> Data {
    match text {
        "null" => Data::NULL,
        text => text.as_bytes().into(),
    }
}

fn number(words: &[&str]) -> i32 {
    words.first().map_or(-1, |word| word.parse().unwrap())
}

/// Reads `SCHEME:ID:PERMISSIONS`, with commas between; an id may hold colons.
fn acls(text: &str) -> Vec<Acl> {
    let one = |text: &str| {
        let (who, letters) = text.rsplit_once(':').unwrap();
        let (scheme, id) = who.split_once(':').unwrap();
        let bits = letters.chars().map(|letter| 1 << "rwcda".find(letter).unwrap());
        Acl {
            permissions: Permissions(bits.sum()),
            identity: Identity {
                scheme: scheme.to_owned(),
                id: id.to_owned(),
            },
        }
    };
    text.split(',').map(one).collect()
}

fn watch_kind(word: &str) -> WatchKind {
    match word {
        "children" => WatchKind::Children,
        "data" => WatchKind::Data,
        "any" => WatchKind::Any,
        other => panic!("no kind of watch: {other}"),
    }
}

/// Reads `KIND PATH KIND PATH ...`.
fn watches(words: &[&str]) -> Watches {
    let mut watches = Watches::default();
    for pair in words.chunks(2) {
        let list = match pair[0] {
            "data" => &mut watches.data,
            "exists" => &mut watches.exist,
            "children" => &mut watches.child,
            "persistent" => &mut watches.persistent,
            "recursive" => &mut watches.persistent_recursive,
            other => panic!("no list of watches: {other}"),
        };
        list.push(pair[1].to_owned());
    }
    watches
}
