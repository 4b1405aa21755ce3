//! `lock show` and `lock break`: who holds the cluster lock, who waits for it, and the end of one that is stuck.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::lock_queue::Queue;
use treekeeper_core::model::printable;

use super::args::{BreakArgs, LockArgs, LockCommand};
use super::setup::Setup;
use super::ui::{self, Exit, Problem};
use crate::zk::{self, Broken, Contender};

/// Where the clients of sessions are, as far as servers tell.
type Addresses = BTreeMap<i64, String>;

/// Runs one of the commands.
pub fn run(setup: &Setup, options: &LockArgs) -> Result<Exit, Problem> {
    match &options.command {
        LockCommand::Show => show(setup),
        LockCommand::Break(options) => break_one(setup, options),
    }
}

/// Prints the contenders of both locks, the holders first.
fn show(setup: &Setup) -> Result<Exit, Problem> {
    let (contenders, addresses) = setup.block_on(async {
        let session = setup.open().await?;
        let contenders = zk::contenders(&session, LockStyle::Both).await?;
        session.close().await;
        let addresses = addresses(setup, &contenders).await;
        Ok((contenders, addresses))
    })?;
    if setup.json {
        let list: Vec<Value> = contenders
            .iter()
            .map(|contender| {
                let mut value = as_json(contender);
                value["role"] = json!(role(contender, &contenders));
                value["address"] = json!(contender.session.and_then(|session| addresses.get(&session)));
                value
            })
            .collect();
        ui::print_json(&json!({ "schema": 1, "lock": setup.lock.to_string(), "contenders": list }))?;
    } else {
        ui::print_text(&shown(setup.lock, &contenders, &addresses))?;
    }
    Ok(Exit::Done)
}

async fn addresses(setup: &Setup, contenders: &[Contender]) -> Addresses {
    let sessions: Vec<i64> = contenders
        .iter()
        .filter_map(|contender| contender.session)
        .collect();
    let found = zk::addresses(&setup.session, &sessions).await;
    let pairs = sessions.into_iter().zip(found);
    pairs
        .filter_map(|(session, address)| Some((session, address?)))
        .collect()
}

/// Each queue is a lock of its own, and its first candidate holds it.
fn role(contender: &Contender, all: &[Contender]) -> &'static str {
    let first = all.iter().find(|other| other.queue == contender.queue);
    if first == Some(contender) {
        "holds"
    } else {
        "waits"
    }
}

fn shown(style: LockStyle, contenders: &[Contender], addresses: &Addresses) -> String {
    let mut text = String::new();
    for queue in Queue::of(LockStyle::Both) {
        let in_queue: Vec<&Contender> = contenders.iter().filter(|one| one.queue == *queue).collect();
        let is_ours = Queue::of(style).contains(queue);
        if in_queue.is_empty() && !is_ours {
            continue;
        }
        text.push_str(&sentence(*queue, &in_queue));
        if !is_ours {
            text.push_str(&format!(
                " This configuration takes the {style} lock and does not wait for it."
            ));
        }
        text.push('\n');
        for contender in in_queue {
            let address = contender.session.and_then(|session| addresses.get(&session));
            text.push_str(&paragraph(contender, role(contender, contenders), address));
        }
    }
    text
}

fn sentence(queue: Queue, contenders: &[&Contender]) -> String {
    let word = queue.word();
    match contenders {
        [] => format!("The {word} lock is free."),
        [_] => format!("The {word} lock is held."),
        [_, waiting @ ..] => format!("The {word} lock is held, {} for it.", wait(waiting.len())),
    }
}

fn wait(count: usize) -> String {
    match count {
        1 => "1 waits".to_owned(),
        count => format!("{count} wait"),
    }
}

fn paragraph(contender: &Contender, role: &str, address: Option<&String>) -> String {
    let path = printable(&contender.path);
    let address = address
        .map(|address| format!(", from {address}"))
        .unwrap_or_default();
    format!(
        "{role}  {path}\n       since {} ({} ago), {}{address}\n       data {}\n",
        created(contender),
        age(contender.created_ms),
        owner(contender),
        contender.data,
    )
}

fn created(contender: &Contender) -> String {
    jiff::Timestamp::from_millisecond(contender.created_ms).map_or_else(
        |_| "?".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

fn owner(contender: &Contender) -> String {
    match contender.session {
        Some(session) => format!("session 0x{session:x}"),
        None => "left by hand (not ephemeral: it will never expire)".to_owned(),
    }
}

/// Returns how long ago it was, by this machine's clock: `40s`, `12m`, `3h`, `5d`.
fn age(created_ms: i64) -> String {
    let seconds = (jiff::Timestamp::now().as_millisecond() - created_ms).max(0) / 1_000;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Returns one line about a contender.
pub fn line(contender: &Contender) -> String {
    let path = printable(&contender.path);
    format!(
        "{path}  since {}  {}  {}",
        created(contender),
        owner(contender),
        contender.data
    )
}

/// Returns a contender as JSON.
pub fn as_json(contender: &Contender) -> Value {
    json!({
        "lock": contender.queue.word(),
        "node": contender.path,
        "data": contender.data,
        "session": contender.session.map(|session| format!("0x{session:x}")),
        "ephemeral": contender.session.is_some(),
        "created_ms": contender.created_ms,
    })
}

/// Removes one candidate, and says what that means for whoever made it.
fn break_one(setup: &Setup, options: &BreakArgs) -> Result<Exit, Problem> {
    let named = Named::parse(&options.node)?;
    let (candidate, was, left) = setup.block_on(async {
        let session = setup.open().await?;
        let broken = broken(&session, &named).await;
        session.close().await;
        broken
    })?;
    if setup.json {
        let left: Vec<Value> = left.iter().map(as_json).collect();
        ui::print_json(&json!({ "schema": 1, "removed": as_json(&candidate), "contenders": left }))?;
    }
    if !setup.quiet {
        let first = left.iter().find(|other| other.queue == candidate.queue);
        let now = first.map_or("is free".to_owned(), |holder| {
            format!("is held by {}", printable(&holder.path))
        });
        ui::say(&format!(
            "Removed {}: the {} lock {now}.",
            printable(&candidate.path),
            candidate.queue.word()
        ));
        ui::say(&format!("note: {}", meaning(&candidate, was)));
    }
    Ok(Exit::Done)
}

/// Returns what the removal means for the one who made the candidate.
fn meaning(candidate: &Contender, role: &str) -> String {
    let by_treekeeper = serde_json::from_str::<Value>(&candidate.data)
        .ok()
        .and_then(|data| Some((data["by"].as_str()?.to_owned(), data["pid"].as_u64()?)));
    match (by_treekeeper, role) {
        (Some((by, pid)), "holds") => format!(
            "it was held by a treekeeper of {} (process {pid}): if that still runs, its next transaction fails and it writes \
             nothing more; what it has left half done, the next sync finishes",
            printable(&by)
        ),
        (Some((by, pid)), _) => format!(
            "a treekeeper of {} (process {pid}) waited with it, and gives up now",
            printable(&by)
        ),
        (None, "holds") if candidate.session.is_none() => {
            "it was left by hand; a syncer that is not treekeeper and counts on it does not look again: make sure that \
             none is at work"
                .to_owned()
        }
        (None, "holds") => "it was not held by a treekeeper: another syncer does not look at its lock again and may \
                            still write; make sure that it has ended"
            .to_owned(),
        (None, _) => "it waited for the lock; who made it may try again".to_owned(),
    }
}

/// A candidate as a user names it.
struct Named {
    /// `None` if only the name was given.
    queue: Option<Queue>,
    name: String,
}

impl Named {
    fn parse(text: &str) -> Result<Named, Problem> {
        let queues = Queue::of(LockStyle::Both);
        let is_name = |name: &str| !name.is_empty() && !name.contains('/');
        if is_name(text) {
            return Ok(Named {
                queue: None,
                name: text.to_owned(),
            });
        }
        let below = queues.iter().find_map(|queue| {
            let name = text.strip_prefix(queue.directory())?.strip_prefix('/')?;
            is_name(name).then(|| (*queue, name.to_owned()))
        });
        match below {
            Some((queue, name)) => Ok(Named {
                queue: Some(queue),
                name,
            }),
            None => {
                let directories: Vec<&str> = queues.iter().map(|queue| queue.directory()).collect();
                Err(Problem::usage(format!(
                    "{} is no candidate of a lock: candidates stand directly below {}",
                    printable(text),
                    directories.join(" and ")
                ))
                .with_code("TK1130")
                .with_hint("`treekeeper lock show` lists them"))
            }
        }
    }

    fn is(&self, contender: &Contender) -> bool {
        let name = contender.path.strip_prefix(contender.queue.directory());
        let name = name.and_then(|rest| rest.strip_prefix('/'));
        self.queue.is_none_or(|queue| queue == contender.queue) && name == Some(self.name.as_str())
    }
}

/// Removes the candidate, and returns it with the role that it had and those who are left.
async fn broken(
    session: &zk::Session,
    named: &Named,
) -> Result<(Contender, &'static str, Vec<Contender>), Problem> {
    let all = zk::contenders(session, LockStyle::Both).await?;
    let mut found = all.iter().filter(|contender| named.is(contender));
    let shown = printable(&named.name);
    let candidate = match (found.next(), found.next()) {
        (Some(candidate), None) => candidate.clone(),
        (Some(_), Some(_)) => {
            return Err(Problem::error(format!("both locks have a candidate {shown}"))
                .with_code("TK1130")
                .with_hint("name it by its whole path, as `treekeeper lock show` prints it"));
        }
        (None, _) => {
            return Err(
                Problem::error(format!("no lock has a candidate {shown}; nothing was removed"))
                    .with_code("TK1130")
                    .with_hint("`treekeeper lock show` lists them: it may have gone by itself"),
            );
        }
    };
    let role = role(&candidate, &all);
    match zk::break_candidate(session, &candidate).await? {
        Broken::Removed => {}
        Broken::Gone => {
            return Err(Problem::error(format!(
                "the candidate {shown} went by itself meanwhile; nothing was removed"
            ))
            .with_code("TK1130")
            .with_hint("`treekeeper lock show` tells how it is now"));
        }
        Broken::Changed => {
            return Err(Problem::error(format!(
                "the candidate {shown} was changed meanwhile and is left alone; nothing was removed"
            ))
            .with_code("TK1130")
            .with_hint("look again: `treekeeper lock show`"));
        }
        Broken::HasChildren => {
            let path = printable(&candidate.path);
            return Err(Problem::error(format!(
                "the candidate {shown} has children, which no locker makes; nothing was removed"
            ))
            .with_code("TK1130")
            .with_hint(format!(
                "look what they are: `zkCli.sh ls {path}`, then `zkCli.sh deleteall {path}`"
            )));
        }
    }
    let left = zk::contenders(session, LockStyle::Both).await?;
    Ok((candidate, role, left))
}
