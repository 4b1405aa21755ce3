//! `history`: the last deployments, newest first.

use serde_json::{Value, json};
use treekeeper_core::model::history::Entry;
use treekeeper_core::model::printable;

use super::setup::Setup;
use super::ui::{self, Exit, Problem};
use crate::zk::{self, Recorded};

/// Prints what is kept of the last deployments.
pub fn run(setup: &Setup) -> Result<Exit, Problem> {
    let mut recorded = read(setup)?;
    recorded.reverse();
    if setup.json {
        ui::print_json(&as_json(&recorded))?;
    } else if recorded.is_empty() {
        ui::say("Nothing was deployed yet, or by no release that keeps a history.");
    } else {
        ui::print_bytes(table(&recorded).as_bytes())?;
    }
    Ok(Exit::Done)
}

/// Returns the deployments, oldest first.
pub fn read(setup: &Setup) -> Result<Vec<Recorded>, Problem> {
    setup.block_on(async {
        let session = setup.open().await?;
        let recorded = zk::read_history(&session).await;
        session.close().await;
        Ok(recorded?)
    })
}

fn as_json(recorded: &[Recorded]) -> Value {
    let deployments: Vec<Value> = recorded.iter().map(entry_json).collect();
    json!({ "schema": 1, "deployments": deployments })
}

fn entry_json(recorded: &Recorded) -> Value {
    match &recorded.entry {
        Err(reason) => json!({ "number": recorded.number, "unreadable": reason }),
        Ok(entry) => json!({
            "number": recorded.number,
            "commit": entry.commit,
            "from": entry.from,
            "at": entry.at,
            "by": entry.by,
            "kind": entry.kind.word(),
            "created": entry.created,
            "changed": entry.changed,
            "deleted": entry.deleted,
            "duration_ms": entry.duration_ms(recorded.created_ms),
            "inverse": entry.inverse,
        }),
    }
}

const HEAD: [&str; 8] = [
    "commit", "when", "kind", "created", "changed", "deleted", "took", "by",
];
/// The columns of numbers, which end below each other.
const NUMBERS: [usize; 4] = [3, 4, 5, 6];

fn table(recorded: &[Recorded]) -> String {
    let rows: Vec<[String; 8]> = recorded
        .iter()
        .filter_map(|recorded| Some(cells(recorded, recorded.entry.as_ref().ok()?)))
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let head = HEAD.map(str::to_owned);
    let mut text: String = [&head]
        .into_iter()
        .chain(&rows)
        .map(|row| line(row, &widths))
        .collect();
    for recorded in recorded {
        if let Err(reason) = &recorded.entry {
            text.push_str(&format!(
                "(number {} cannot be read: {reason})\n",
                recorded.number
            ));
        }
    }
    text
}

fn line(row: &[String; 8], widths: &[usize]) -> String {
    let cell = |(column, text): (usize, &String)| match NUMBERS.contains(&column) {
        true => format!("{text:>width$}", width = widths[column]),
        false => format!("{text:<width$}", width = widths[column]),
    };
    let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

fn cells(recorded: &Recorded, entry: &Entry) -> [String; 8] {
    let plain = |text: &str| printable(text).into_owned();
    [
        plain(&entry.commit.chars().take(12).collect::<String>()),
        plain(&entry.at),
        entry.kind.word().to_owned(),
        entry.created.to_string(),
        entry.changed.to_string(),
        entry.deleted.to_string(),
        took(entry.duration_ms(recorded.created_ms)),
        plain(&entry.by),
    ]
}

/// Returns `0.04s`, `12.3s` or `7m05s`.
fn took(ms: i64) -> String {
    match ms {
        ..10_000 => format!("{}.{:02}s", ms / 1_000, ms % 1_000 / 10),
        10_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{}m{:02}s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = [0, 45, 1_234, 59_999, 60_000, 425_999].map(took);
        assert_eq!(shown, ["0.00s", "0.04s", "1.23s", "59.9s", "1m00s", "7m05s"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_below_the_table() {
        let strange = Recorded {
            number: 7,
            created_ms: 0,
            entry: Err("its schema is 9, this release reads 1".to_owned()),
        };
        insta::assert_snapshot!(table(&[strange]), @r"
        commit  when  kind  created  changed  deleted  took  by
        (number 7 cannot be read: its schema is 9, this release reads 1)
        ");
    }
}
