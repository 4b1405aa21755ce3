//! `lock show`: who holds the cluster lock, and who waits for it.

use serde_json::{Value, json};

use super::args::{LockArgs, LockCommand};
use super::setup::Setup;
use super::ui::{self, Exit, Problem};
use crate::zk::{self, Contender};

/// Prints the contenders, the holder first.
pub fn run(setup: &Setup, options: &LockArgs) -> Result<Exit, Problem> {
    let LockCommand::Show = options.command;
    let contenders = setup.block_on(async {
        let session = setup.open().await?;
        let contenders = zk::contenders(&session, setup.lock).await?;
        session.close().await;
        Ok(contenders)
    })?;
    let text = if setup.json {
        let list: Vec<Value> = contenders.iter().map(as_json).collect();
        format!(
            "{:#}\n",
            json!({ "schema": 1, "lock": setup.lock.to_string(), "contenders": list })
        )
    } else if contenders.is_empty() {
        format!("The {} lock is free.\n", setup.lock)
    } else {
        let role = |index: usize| if index == 0 { "holds" } else { "waits" };
        contenders
            .iter()
            .enumerate()
            .map(|(index, contender)| format!("{}  {}\n", role(index), line(contender)))
            .collect()
    };
    ui::print_bytes(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Returns one line about a contender.
pub fn line(contender: &Contender) -> String {
    let path = treekeeper_core::model::printable(&contender.path);
    let created = jiff::Timestamp::from_millisecond(contender.created_ms).map_or_else(
        |_| "?".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    );
    let session = match contender.session {
        Some(session) => format!("session 0x{session:x}"),
        None => "left by hand (not ephemeral: it will never expire)".to_owned(),
    };
    format!("{path}  since {created}  {session}  {}", contender.data)
}

/// Returns a contender as JSON.
pub fn as_json(contender: &Contender) -> Value {
    json!({
        "node": contender.path,
        "data": contender.data,
        "session": contender.session.map(|session| format!("0x{session:x}")),
        "ephemeral": contender.session.is_some(),
        "created_ms": contender.created_ms,
    })
}
