//! The plan as JSON for programs: the same facts as the text, the same secrets masked.
//!
//! Streams, one change a line. All of it is ASCII, so that no terminal and no log can be commanded by it.

use std::fmt::{self, Write};

use super::property::{PropertyChange, property_changes};
use super::spelling::Secrets;
use super::{Batch, Change, Obstacle, Orphan, Plan, Protected, SpareReason, Spared, Touch};
use crate::model::protect::Guardian;
use crate::model::secret::MASK;
use crate::model::{Text, Value, decode};

/// The number of the format, raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// Writes `plan`, to be applied as `batches`, to `out` as one JSON object and a newline.
///
/// Values are JSON; a byte string is `{"bytes": "text"}`, or `{"hex": "ff00"}` where it is not UTF-8; a number that
/// JSON can't hold is a string. A masked value is `"•••"`, a masked property says `"secret": true` and has a keyed hash
/// beside each value, good for comparing within this text only.
pub fn write_plan(out: &mut impl Write, plan: &Plan, batches: &[Batch], secrets: Secrets<'_>) -> fmt::Result {
    write_drift(out, plan, batches, &[], secrets)
}

/// Writes the same, each change with the last write of its znode, if `touches` tells it: `mtime` in milliseconds since
/// 1970, and `mzxid`.
pub fn write_drift(
    out: &mut impl Write,
    plan: &Plan,
    batches: &[Batch],
    touches: &[Option<Touch>],
    secrets: Secrets<'_>,
) -> fmt::Result {
    let counts = plan.counts();
    let bytes: usize = batches.iter().map(|batch| batch.bytes).sum();
    write!(
        out,
        "{{\"schema\":{SCHEMA},\"counts\":{{\"create\":{},\"change\":{},",
        counts.create, counts.set
    )?;
    write!(
        out,
        "\"delete\":{},\"unchanged\":{},",
        counts.delete, plan.unchanged
    )?;
    write!(
        out,
        "\"managed\":{}}},\"transactions\":{},\"bytes\":{bytes}",
        plan.managed,
        batches.len()
    )?;
    let places: Vec<usize> = (0..plan.changes.len()).collect();
    list(out, "changes", &places, |out, place| {
        let touch = touches.get(*place).copied().flatten();
        write_change(out, &plan.changes[*place], touch, secrets)
    })?;
    list(out, "spared", &plan.spared, write_spared)?;
    list(out, "orphans", &plan.orphans, write_orphan)?;
    if !plan.protected.is_empty() {
        list(out, "protected", &plan.protected, write_protected)?;
    }
    list(out, "obstacles", &plan.obstacles, write_obstacle)?;
    out.write_str("}\n")
}

/// Writes a znode that stays, and why.
pub(super) fn write_spared<W: Write>(out: &mut W, spared: &Spared) -> fmt::Result {
    out.write_str("{\"path\":")?;
    string(out, spared.path.as_str())?;
    match spared.reason {
        SpareReason::Ephemeral { owner } => {
            write!(out, ",\"reason\":\"ephemeral\",\"session\":\"0x{owner:x}\"}}")
        }
        SpareReason::HoldsEphemeral => out.write_str(",\"reason\":\"holds-ephemeral\"}"),
        SpareReason::HoldsRoleLocks => out.write_str(",\"reason\":\"holds-role-locks\"}"),
    }
}

/// Writes a top-level znode that the files no longer define.
pub(super) fn write_orphan<W: Write>(out: &mut W, orphan: &Orphan) -> fmt::Result {
    out.write_str("{\"path\":")?;
    string(out, orphan.path.as_str())?;
    write!(out, ",\"znodes\":{}}}", orphan.znodes)
}

/// Writes a field that holds a list, one item a line.
pub(super) fn list<W: Write, T>(
    out: &mut W,
    name: &str,
    items: &[T],
    mut item: impl FnMut(&mut W, &T) -> fmt::Result,
) -> fmt::Result {
    write!(out, ",\n\"{name}\":[")?;
    for (place, it) in items.iter().enumerate() {
        out.write_str(if place > 0 { ",\n" } else { "\n" })?;
        item(out, it)?;
    }
    out.write_str("]")
}

fn write_change(
    out: &mut impl Write,
    change: &Change,
    touch: Option<Touch>,
    secrets: Secrets<'_>,
) -> fmt::Result {
    write!(out, "{{\"action\":\"{}\",\"path\":", change.action())?;
    string(out, change.path().as_str())?;
    match change {
        Change::Create { data, .. } => {
            let properties = decode(data).into_properties().into_entries();
            let added: Vec<_> = properties
                .into_iter()
                .map(|(key, value)| PropertyChange::Add(key, value))
                .collect();
            write_properties(out, &added, secrets)?;
        }
        Change::Set {
            data,
            old,
            version,
            czxid,
            ..
        } => {
            let found = property_changes(old, data);
            write_properties(out, &found.changes, secrets)?;
            write!(
                out,
                ",\"unchanged\":{},\"version\":{},\"czxid\":{}",
                found.unchanged, version.0, czxid.0
            )?;
        }
        Change::Delete { version, czxid, .. } => {
            write!(out, ",\"version\":{},\"czxid\":{}", version.0, czxid.0)?;
        }
    }
    if let Some(touch) = touch {
        write!(out, ",\"mtime\":{},\"mzxid\":{}", touch.mtime_ms, touch.mzxid.0)?;
    }
    out.write_str("}")
}

fn write_properties(out: &mut impl Write, changes: &[PropertyChange], secrets: Secrets<'_>) -> fmt::Result {
    out.write_str(",\"properties\":[")?;
    for (place, change) in changes.iter().enumerate() {
        let (action, old, new) = match change {
            PropertyChange::Add(_, new) => ("add", None, Some(new)),
            PropertyChange::Change(_, old, new) => ("change", Some(old), Some(new)),
            PropertyChange::Remove(_, old) => ("remove", Some(old), None),
        };
        out.write_str(if place > 0 { "," } else { "" })?;
        write!(out, "{{\"action\":\"{action}\",\"key\":")?;
        text(out, change.key())?;
        let secret = secrets.mask(change.key());
        if secret {
            out.write_str(",\"secret\":true")?;
        }
        for (name, value) in [("old", old), ("new", new)] {
            let Some(value) = value else { continue };
            write!(out, ",\"{name}\":")?;
            if secret {
                string(out, MASK)?;
                if let Some(hash) = secrets.hash(value) {
                    write!(out, ",\"{name}_hash\":\"{hash}\"")?;
                }
            } else {
                write_value(out, value, secrets)?
            }
        }
        out.write_str("}")?;
    }
    out.write_str("]")
}

fn write_protected<W: Write>(out: &mut W, protected: &Protected) -> fmt::Result {
    out.write_str("{\"path\":")?;
    string(out, protected.path.as_str())?;
    out.write_str(",\"glob\":")?;
    string(out, protected.by.glob.as_str())?;
    let by = match protected.by.guardian {
        Guardian::Configuration => "configuration",
        Guardian::Repository => "repository",
        Guardian::Cluster => "cluster",
    };
    write!(out, ",\"by\":\"{by}\"}}")
}

fn write_obstacle<W: Write>(out: &mut W, obstacle: &Obstacle) -> fmt::Result {
    match obstacle {
        Obstacle::BelowEphemeral { path, ephemeral } => {
            out.write_str("{\"reason\":\"below-ephemeral\",\"path\":")?;
            string(out, path.as_str())?;
            out.write_str(",\"ephemeral\":")?;
            string(out, ephemeral.as_str())?;
        }
        Obstacle::ParentMissing { path } => {
            out.write_str("{\"reason\":\"parent-missing\",\"path\":")?;
            string(out, path.as_str())?;
        }
    }
    out.write_str("}")
}

/// Writes a value, secrets that are nested in it masked.
pub(super) fn write_value(out: &mut impl Write, value: &Value, secrets: Secrets<'_>) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(number) => write!(out, "{number}"),
        Value::BigInt(digits) => out.write_str(digits),
        Value::Float(number) if number.is_finite() => write!(out, "{number:?}"),
        Value::Float(number) => write!(out, "\"{number}\""),
        Value::String(value) => text(out, value),
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::Array(items) => {
            out.write_str("[")?;
            for (place, item) in items.iter().enumerate() {
                out.write_str(if place > 0 { "," } else { "" })?;
                write_value(out, item, secrets)?;
            }
            out.write_str("]")
        }
        Value::Object(entries) => {
            out.write_str("{")?;
            for (place, (key, item)) in entries.iter().enumerate() {
                out.write_str(if place > 0 { "," } else { "" })?;
                text(out, key)?;
                out.write_str(":")?;
                if secrets.mask(key) {
                    string(out, &secrets.masked(item))?
                } else {
                    write_value(out, item, secrets)?
                }
            }
            out.write_str("}")
        }
    }
}

fn write_bytes(out: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    if let Ok(text) = std::str::from_utf8(bytes) {
        out.write_str("{\"bytes\":")?;
        string(out, text)?;
        return out.write_str("}");
    }
    out.write_str("{\"hex\":\"")?;
    for byte in bytes {
        write!(out, "{byte:02x}")?;
    }
    out.write_str("\"}")
}

/// Writes text; lone surrogates, which strict readers refuse, become U+FFFD.
pub(super) fn text(out: &mut impl Write, text: &Text) -> fmt::Result {
    string(out, &text.to_str_lossy())
}

/// Writes a JSON string of plain ASCII.
pub(super) fn string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            ' '..='~' => out.write_char(character)?,
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
    }
    out.write_str("\"")
}
