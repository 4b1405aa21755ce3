//! Turns a script of calls into the text of what was answered: the one helper of these tests.
//!
//! A line is `CONNECTION OPERATION ARGUMENTS...`, or `connect`, `disconnect`, `tick` or `expire`.
//! Arguments with `=` are options: `d` data, `m` mode, `a` ACL, `r` what a create replies.
//! Bytes of a path may be written `%41`, the empty path `""`. An answer is the transaction id and the reply;
//! what was told before it is on lines of its own with `!`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use memkeeper::database::{
    Acl, AddWatchMode, Applied, Check, Connect, Connected, ConnectionId, Create, CreateMode, CreateReply,
    Database, DatabaseOptions, Delete, EventKind, Identity, MultiResult, Notification, Permissions, Reads,
    Reply, Request, Response, SessionId, SetData, Stat, WatchKind, Watches, Write,
};

/// A database and what the script calls its connections.
pub struct Script {
    pub database: Database,
    now: i64,
    connections: BTreeMap<String, ConnectionId>,
    sessions: BTreeMap<String, (SessionId, [u8; 16])>,
    owners: BTreeMap<i64, String>,
    output: String,
}

/// Runs a script on a new database.
pub fn run(script: &str) -> String {
    Script::new(DatabaseOptions::default()).run(script)
}

impl Script {
    pub fn new(options: DatabaseOptions) -> Script {
        Script {
            database: Database::new(options),
            now: 0,
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            owners: BTreeMap::new(),
            output: String::new(),
        }
    }

    /// Runs lines and returns what they gave.
    pub fn run(&mut self, script: &str) -> String {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words = Words::of(line);
            let answer = self.line(&words);
            let told = self.database.take_notifications();
            self.tell(&told, |name| name == words.at(0));
            match answer.is_empty() {
                true => writeln!(self.output, "{line}"),
                false => writeln!(self.output, "{line} -> {answer}"),
            }
            .expect("a string takes all");
            self.tell(&told, |name| name != words.at(0));
            self.forget(&words);
        }
        std::mem::take(&mut self.output)
    }

    fn line(&mut self, words: &Words) -> String {
        match (words.at(0), words.at(1)) {
            ("connect", name) => {
                if let Some(old) = self.connections.remove(name) {
                    self.database.disconnect(old);
                }
                self.connect(name, words)
            }
            ("disconnect", name) => match self.connections.remove(name) {
                Some(connection) => {
                    self.database.disconnect(connection);
                    String::new()
                }
                None => "no connection".to_owned(),
            },
            ("tick", now) => {
                self.now = now.parse().expect("a time");
                let ended = self.database.tick(self.now);
                ended
                    .iter()
                    .map(|session| self.owner(session.0))
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            ("expire", name) => {
                self.database.expire(self.sessions[name].0, self.now);
                String::new()
            }
            (name, operation) => {
                let Some(connection) = self.connections.get(name).copied() else {
                    return "no connection".to_owned();
                };
                let reply = self
                    .database
                    .call(connection, request(operation, words), self.now);
                self.reply(&reply)
            }
        }
    }

    fn connect(&mut self, name: &str, words: &Words) -> String {
        let (session, password) = match words.option("session") {
            Some(old) => self.sessions[old],
            None => (SessionId::NONE, [0; 16]),
        };
        let connect = Connect {
            last_zxid_seen: words.number("seen", 0),
            timeout: i32::try_from(words.number("timeout", 30_000)).expect("a timeout"),
            session,
            password: match words.option("password") {
                Some(wrong) => wrong.as_bytes().to_vec(),
                None => password.to_vec(),
            },
            read_only: false,
        };
        match self
            .database
            .connect(&connect, IpAddr::V4(Ipv4Addr::LOCALHOST), self.now)
        {
            Connected::Open {
                connection,
                session,
                password,
                timeout,
            } => {
                self.connections.insert(name.to_owned(), connection);
                self.sessions.insert(name.to_owned(), (session, password));
                self.owners.entry(session.0).or_insert_with(|| name.to_owned());
                format!("{} timeout {timeout}", self.owner(session.0))
            }
            Connected::Expired => "expired".to_owned(),
            Connected::Ahead => "closed".to_owned(),
        }
    }

    /// Writes what some connections were told: the caller before its answer, the others after it.
    fn tell(&mut self, told: &[Notification], who: impl Fn(&str) -> bool) {
        for (name, connection) in self.connections.iter().filter(|(name, _)| who(name)) {
            for event in told.iter().filter(|event| event.connection == *connection) {
                let kind = match event.kind {
                    EventKind::Created => "created",
                    EventKind::Deleted => "deleted",
                    EventKind::DataChanged => "changed",
                    EventKind::ChildrenChanged => "children",
                };
                let path = shown(&event.path);
                writeln!(self.output, "  ! {name} {kind} {path}").expect("a string takes all");
            }
        }
    }

    /// Writes which connections have ended, unless they asked for it.
    fn forget(&mut self, words: &Words) {
        let (database, output) = (&self.database, &mut self.output);
        self.connections.retain(|name, connection| {
            let is_there = database.session_of(*connection).is_some();
            if !is_there && (words.at(0), words.at(1)) != (name, "close") {
                writeln!(output, "  ! {name} closed").expect("a string takes all");
            }
            is_there
        });
    }

    fn reply(&self, reply: &Reply) -> String {
        match &reply.result {
            Ok(response) => format!("{} {}", reply.zxid, self.response(response)),
            Err(error) => format!("{} error {error}", reply.zxid),
        }
    }

    fn response(&self, response: &Response) -> String {
        match response {
            Response::Empty => "ok".to_owned(),
            Response::Path(path) => shown(path),
            Response::Created(path, stat) => format!("{} {}", shown(path), self.stat(stat)),
            Response::Stat(stat) => self.stat(stat),
            Response::Data(data, stat) => format!("{} {}", text(data), self.stat(stat)),
            Response::Acl(acls, stat) => format!("{} {}", acl_text(acls), self.stat(stat)),
            Response::Children(names) => list("children", names),
            Response::ChildrenAndStat(names, stat) => {
                format!("{} {}", list("children", names), self.stat(stat))
            }
            Response::Count(count) => count.to_string(),
            Response::Paths(paths) => list("paths", paths),
            Response::Multi(results) => {
                let results: Vec<String> = results.iter().map(|result| self.multi_result(result)).collect();
                results.join(" | ")
            }
            Response::Identities(identities) => {
                let mut names: Vec<String> = identities
                    .iter()
                    .map(|it| format!("{}:{}", it.scheme, it.id))
                    .collect();
                names.sort();
                list("who", &names)
            }
        }
    }

    fn multi_result(&self, result: &MultiResult) -> String {
        match result {
            MultiResult::Path(path) => shown(path),
            MultiResult::Created(path, stat) => format!("{} {}", shown(path), self.stat(stat)),
            MultiResult::Deleted => "deleted".to_owned(),
            MultiResult::Set(stat) => format!("set {}", self.stat(stat)),
            MultiResult::Checked => "checked".to_owned(),
            MultiResult::Data(data, stat) => format!("{} {}", text(data), self.stat(stat)),
            MultiResult::Children(names) => list("children", names),
            MultiResult::Error(None) => "error none".to_owned(),
            MultiResult::Error(Some(error)) => format!("error {error}"),
        }
    }

    fn owner(&self, session: i64) -> String {
        match session {
            0 => "0".to_owned(),
            session => self
                .owners
                .get(&session)
                .cloned()
                .unwrap_or_else(|| "?".to_owned()),
        }
    }

    /// Times are left out: the same scripts are run on a real server, which has a clock.
    fn stat(&self, stat: &Stat) -> String {
        format!(
            "[c{} m{} p{} v{} cv{} av{} {} len{} ch{}]",
            stat.czxid,
            stat.mzxid,
            stat.pzxid,
            stat.version,
            stat.cversion,
            stat.aversion,
            self.owner(stat.ephemeral_owner),
            stat.data_length,
            stat.num_children
        )
    }
}

/// Writes the transactions that a database recorded.
pub fn transactions(script: &mut Script) -> String {
    let mut output = String::new();
    for transaction in script.database.take_transactions() {
        let changes: Vec<String> = transaction
            .changes
            .iter()
            .map(|change| change_text(script, change))
            .collect();
        let session = script.owner(transaction.session.0);
        writeln!(output, "{} {session}: {}", transaction.zxid, changes.join(", "))
            .expect("a string takes all");
    }
    output
}

fn change_text(script: &Script, change: &Applied) -> String {
    match change {
        Applied::Created(path, data, owner) => {
            format!("created {path} {} {}", text(data), script.owner(*owner))
        }
        Applied::Set(path, data) => format!("set {path} {}", text(data)),
        Applied::AclSet(path) => format!("acl of {path}"),
        Applied::Deleted(path) => format!("deleted {path}"),
    }
}

/// A line, taken apart.
struct Words<'a> {
    positional: Vec<&'a str>,
    options: Vec<(&'a str, &'a str)>,
    line: &'a str,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Words<'a> {
        let words = line.split_whitespace();
        Words {
            positional: words.clone().filter(|word| !word.contains('=')).collect(),
            options: words.filter_map(|word| word.split_once('=')).collect(),
            line,
        }
    }

    fn at(&self, index: usize) -> &'a str {
        self.positional.get(index).copied().unwrap_or_default()
    }

    fn option(&self, name: &str) -> Option<&'a str> {
        // The last one counts.
        self.options
            .iter()
            .rev()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    fn number(&self, name: &str, otherwise: i64) -> i64 {
        self.option(name)
            .map_or(otherwise, |value| value.parse().expect("a number"))
    }

    fn path(&self) -> String {
        decoded(self.at(2))
    }

    fn version(&self) -> i32 {
        self.at(3).parse().expect("a version")
    }

    fn watch(&self) -> bool {
        self.at(3) == "w"
    }

    fn paths(&self, name: &str) -> Vec<String> {
        let paths = self.option(name).into_iter().flat_map(|paths| paths.split(','));
        paths.map(decoded).collect()
    }

    /// Returns the operations of a multi, each with a first word in place of the connection.
    fn operations(&self) -> Vec<String> {
        let operations = self.line.splitn(3, ' ').nth(2).unwrap_or_default().split(" ; ");
        operations
            .filter(|text| !text.trim().is_empty())
            .map(|text| format!("- {text}"))
            .collect()
    }
}

fn request(operation: &str, words: &Words) -> Request {
    let path = words.path();
    match operation {
        "create" | "delete" | "set" | "check" => match write(words) {
            Write::Create(create) => Request::Create(create),
            Write::Delete(delete) => Request::Delete(delete),
            Write::SetData(set) => Request::SetData(set),
            Write::Check(check) => Request::Check(check),
        },
        "exists" => Request::Exists {
            path,
            watch: words.watch(),
        },
        "get" => Request::GetData {
            path,
            watch: words.watch(),
        },
        "ls" => Request::GetChildren {
            path,
            watch: words.watch(),
        },
        "ls2" => Request::GetChildren2 {
            path,
            watch: words.watch(),
        },
        "acl" => Request::GetAcl { path },
        "setacl" => Request::SetAcl {
            path,
            acls: acls(words.option("a")),
            version: words.version(),
        },
        "count" => Request::GetAllChildrenNumber { path },
        "eph" => Request::GetEphemerals { prefix: path },
        "sync" => Request::Sync { path },
        "whoami" => Request::WhoAmI,
        "ping" => Request::Ping,
        "close" => Request::CloseSession,
        "reconfig" => Request::Reconfig,
        "unknown" => Request::Unknown(77),
        "auth" => Request::Auth {
            scheme: path,
            credential: words.option("c").unwrap_or_default().into(),
        },
        "multi" => Request::Multi(
            words
                .operations()
                .iter()
                .map(|text| write(&Words::of(text)))
                .collect(),
        ),
        "mread" => Request::MultiRead(
            words
                .operations()
                .iter()
                .map(|text| read(&Words::of(text)))
                .collect(),
        ),
        "addwatch" | "rmwatch" | "chkwatch" | "setwatches" => watch_request(operation, path, words),
        other => panic!("no operation {other}"),
    }
}

fn watch_request(operation: &str, path: String, words: &Words) -> Request {
    let kind = match words.at(3) {
        "c" => WatchKind::Children,
        "d" => WatchKind::Data,
        _ => WatchKind::Any,
    };
    match operation {
        "addwatch" => Request::AddWatch {
            path,
            mode: match words.at(3) {
                "r" => AddWatchMode::PersistentRecursive,
                _ => AddWatchMode::Persistent,
            },
        },
        "rmwatch" => Request::RemoveWatches { path, kind },
        "chkwatch" => Request::CheckWatches { path, kind },
        _ => Request::SetWatches {
            relative_zxid: words.at(2).parse().expect("a transaction id"),
            watches: Watches {
                data: words.paths("data"),
                exist: words.paths("exist"),
                child: words.paths("child"),
                persistent: words.paths("pers"),
                persistent_recursive: words.paths("rec"),
            },
        },
    }
}

fn write(words: &Words) -> Write {
    let path = words.path();
    let data = words.option("d").unwrap_or_default().as_bytes().into();
    match words.at(1) {
        "create" => {
            let mode = mode(words.option("m").unwrap_or("p"));
            Write::Create(Create {
                path,
                data,
                acls: acls(words.option("a")),
                mode,
                reply: match words.option("r") {
                    Some("path") if !mode.is_extended() => CreateReply::Path,
                    _ => CreateReply::PathAndStat,
                },
            })
        }
        "delete" => Write::Delete(Delete {
            path,
            version: words.version(),
        }),
        "set" => Write::SetData(SetData {
            path,
            data,
            version: words.version(),
        }),
        _ => Write::Check(Check {
            path,
            version: words.version(),
        }),
    }
}

fn read(words: &Words) -> Reads {
    match words.at(1) {
        "get" => Reads::Data(words.path()),
        _ => Reads::Children(words.path()),
    }
}

fn mode(text: &str) -> CreateMode {
    let (name, ttl) = text.split_once(':').unwrap_or((text, "0"));
    let ttl = ttl.parse().expect("milliseconds");
    match name {
        "e" => CreateMode::Ephemeral,
        "ps" => CreateMode::PersistentSequential,
        "es" => CreateMode::EphemeralSequential,
        "c" => CreateMode::Container,
        "t" => CreateMode::PersistentTtl(ttl),
        "ts" => CreateMode::PersistentSequentialTtl(ttl),
        _ => CreateMode::Persistent,
    }
}

/// Reads `scheme/permissions/id,...`; `-` is the empty list, nothing is the open one.
fn acls(text: Option<&str>) -> Vec<Acl> {
    let Some(text) = text else {
        return Acl::open();
    };
    let acl = |text: &str| {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        let mut part = || parts.next().expect("scheme/permissions/id");
        let scheme = part();
        Acl {
            permissions: Permissions(part().parse().expect("permissions")),
            identity: Identity {
                scheme,
                id: decoded(&part()),
            },
        }
    };
    text.split(',').filter(|text| *text != "-").map(acl).collect()
}

fn acl_text(acls: &[Acl]) -> String {
    let texts = acls.iter().map(|acl| {
        format!(
            "{}/{}/{}",
            acl.identity.scheme, acl.permissions.0, acl.identity.id
        )
    });
    texts.collect::<Vec<_>>().join(",")
}

fn list(head: &str, names: &[String]) -> String {
    let mut words = vec![head.to_owned()];
    words.extend(names.iter().map(|name| shown(name)));
    words.join(" ")
}

fn text(data: &[u8]) -> String {
    shown(std::str::from_utf8(data).expect("text"))
}

fn decoded(word: &str) -> String {
    if word == "\"\"" {
        return String::new();
    }
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).expect("text")
}

fn shown(text: &str) -> String {
    if text.is_empty() {
        return "\"\"".to_owned();
    }
    let byte = |byte: &u8| match byte {
        b'%' | 0..=32 | 127.. => format!("%{byte:02X}"),
        byte => char::from(*byte).to_string(),
    };
    text.as_bytes().iter().map(byte).collect()
}
