//! The plan as text for people: per znode and per property, deletes last and together, then what stays, then a sum.
//!
//! Streams: a plan of a million changes is never one string. Knows nothing of the terminal's width.

use std::fmt::{self, Write};

use jiff::Timestamp;

use super::property::{PropertyChange, property_changes};
pub use super::spelling::escaped;
use super::spelling::{Secrets, cut, link, value_text};
use super::{Batch, Change, Obstacle, Plan, Protected, SpareReason, Spared, Touch};
use crate::model::secret::MASK;
use crate::model::{Text, Value, ZnodePath, decode};

/// Whether the text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// No escape sequence is ever written.
    #[default]
    Plain,
    /// Creates are green, changes yellow, deletes and obstacles red.
    Ansi,
}

/// How a plan is shown.
#[derive(Clone, Copy, Debug)]
pub struct DisplayOptions<'a> {
    /// Whether the text is coloured.
    pub style: Style,
    /// Whether secrets are shown.
    pub secrets: Secrets<'a>,
    /// The characters of a value that are shown; `None` shows it whole.
    pub value_width: Option<usize>,
    /// Who was last at each znode that the plan changes, if that is to be shown.
    pub touches: &'a [Option<Touch>],
}

impl Default for DisplayOptions<'_> {
    fn default() -> Self {
        DisplayOptions {
            style: Style::Plain,
            secrets: Secrets::Masked(&[]),
            value_width: Some(120),
            touches: &[],
        }
    }
}

/// Writes `plan`, to be applied as `batches`, to `out`.
pub fn write_plan(
    out: &mut impl Write,
    plan: &Plan,
    batches: &[Batch],
    options: &DisplayOptions<'_>,
) -> fmt::Result {
    let mut display = Display { out, options };
    let (creates, sets, deletes) = plan.parts();
    // Creates and sets are each in the order of a walk; together they read best so too.
    let kept = creates.len() + sets.len();
    let mut sets = (creates.len()..).zip(sets).peekable();
    let mut creates = creates.iter().enumerate().peekable();
    loop {
        let change = match (creates.peek(), sets.peek()) {
            (Some((_, create)), Some((_, set))) if set.path() < create.path() => sets.next(),
            (None, _) => sets.next(),
            _ => creates.next(),
        };
        match change {
            Some((place, change)) => display.change(place, change)?,
            None => break,
        }
    }
    for (place, change) in deletes.iter().enumerate().rev() {
        display.change(kept + place, change)?;
    }
    for spared in &plan.spared {
        display.spared(spared)?;
    }
    for orphan in &plan.orphans {
        let (path, znodes) = (escaped(orphan.path.as_str()), number(orphan.znodes, "znode"));
        let text =
            format!("? {path} is no longer in the files and stays, {znodes} (--prune-roots deletes it)");
        display.line(Colour::None, &text)?;
    }
    for protected in &plan.protected {
        display.line(Colour::Red, &format!("! {}", protected_text(protected)))?;
    }
    for obstacle in &plan.obstacles {
        display.line(Colour::Red, &format!("! {}", obstacle_text(obstacle)))?;
    }
    display.summary(plan, batches)
}

/// Returns a property as a plan shows it.
pub fn property_text(key: &Text, value: &Value, options: &DisplayOptions<'_>) -> String {
    let mut nowhere = String::new();
    Display {
        out: &mut nowhere,
        options,
    }
    .property(key, value)
}

/// Returns why a znode that the files don't define stays.
pub fn spared_text(spared: &Spared) -> String {
    let path = escaped(spared.path.as_str());
    match spared.reason {
        SpareReason::Ephemeral { owner } => format!("{path} stays: it is ephemeral (session 0x{owner:x})"),
        SpareReason::HoldsEphemeral => format!("{path} stays: it holds ephemeral znodes"),
        SpareReason::HoldsRoleLocks => format!("{path} stays: agents stand in line for it"),
    }
}

/// Returns which znode must not be deleted, and why.
pub fn protected_text(protected: &Protected) -> String {
    let (path, glob) = (
        escaped(protected.path.as_str()),
        escaped(protected.by.glob.as_str()),
    );
    format!(
        "{path} must not be deleted: it is protected by {glob} {}",
        protected.by.guardian
    )
}

/// Returns why a plan cannot be applied, fit for a terminal.
pub fn obstacle_text(obstacle: &Obstacle) -> String {
    let safe = |path: &ZnodePath| ZnodePath::root().join(escaped(path.as_str()).trim_start_matches('/'));
    let safe = match obstacle {
        Obstacle::BelowEphemeral { path, ephemeral } => Obstacle::BelowEphemeral {
            path: safe(path),
            ephemeral: safe(ephemeral),
        },
        Obstacle::ParentMissing { path } => Obstacle::ParentMissing { path: safe(path) },
    };
    safe.to_string()
}

/// Returns `Plan: 2 to create, 1 to change, 3 to delete (1 transaction, 1,234 bytes).`, or that nothing differs.
pub fn summary(plan: &Plan, batches: &[Batch]) -> String {
    let blocked = !plan.obstacles.is_empty() || !plan.protected.is_empty();
    if plan.is_empty() && blocked {
        return "Nothing can be applied.".to_owned();
    }
    if plan.is_empty() {
        return format!("Nothing to change: {} as the files say.", are(plan.unchanged));
    }
    let counts = plan.counts();
    let bytes = batches.iter().map(|batch| batch.bytes).sum();
    // A plan that is refused was not cut into transactions.
    let size = match batches.len() {
        0 => String::new(),
        transactions => format!(
            " ({}, {})",
            number(transactions, "transaction"),
            number(bytes, "byte")
        ),
    };
    format!(
        "Plan: {} to create, {} to change, {} to delete{size}.{}",
        thousands(counts.create),
        thousands(counts.set),
        thousands(counts.delete),
        if blocked { " It cannot be applied." } else { "" },
    )
}

fn are(znodes: usize) -> String {
    let verb = if znodes == 1 { "is" } else { "are" };
    format!("{} {verb}", number(znodes, "znode"))
}

fn number(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count))
}

fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let first = (digits.len() + 2) % 3 + 1;
    let mut out = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        out.push(',');
        out.extend(group.iter().map(|digit| char::from(*digit)));
    }
    out
}

#[derive(Clone, Copy)]
enum Colour {
    None,
    Green,
    Yellow,
    Red,
}

struct Display<'a, W: Write> {
    out: &'a mut W,
    options: &'a DisplayOptions<'a>,
}

impl<W: Write> Display<'_, W> {
    fn line(&mut self, colour: Colour, text: &str) -> fmt::Result {
        let start = match (self.options.style, colour) {
            (Style::Plain, _) | (Style::Ansi, Colour::None) => return writeln!(self.out, "{text}"),
            (Style::Ansi, Colour::Green) => "\x1b[32m",
            (Style::Ansi, Colour::Yellow) => "\x1b[33m",
            (Style::Ansi, Colour::Red) => "\x1b[31m",
        };
        writeln!(self.out, "{start}{text}\x1b[0m")
    }

    fn change(&mut self, place: usize, change: &Change) -> fmt::Result {
        let touch = self.options.touches.get(place).copied().flatten();
        let path = escaped(change.path().as_str()) + &touch.map(touch_text).unwrap_or_default();
        match change {
            Change::Create { data, .. } => {
                self.line(Colour::Green, &format!("+ {path}"))?;
                for (key, value) in decode(data).into_properties().iter() {
                    let text = self.property(key, value);
                    self.line(Colour::Green, &format!("    + {text}"))?;
                }
                Ok(())
            }
            Change::Set { data, old, .. } => {
                self.line(Colour::Yellow, &format!("~ {path}"))?;
                let found = property_changes(old, data);
                for change in &found.changes {
                    self.property_change(change)?;
                }
                match found.unchanged {
                    0 => Ok(()),
                    count => self.line(Colour::None, &format!("      ({} unchanged)", thousands(count))),
                }
            }
            Change::Delete { .. } => self.line(Colour::Red, &format!("- {path}")),
        }
    }

    fn property_change(&mut self, change: &PropertyChange) -> fmt::Result {
        match change {
            PropertyChange::Add(key, value) => {
                let text = self.property(key, value);
                self.line(Colour::Green, &format!("    + {text}"))
            }
            PropertyChange::Remove(key, value) => {
                let text = self.property(key, value);
                self.line(Colour::Red, &format!("    - {text}"))
            }
            PropertyChange::Change(key, old, new) => {
                let text = self.property_pair(key, old, new);
                self.line(Colour::Yellow, &format!("    ~ {text}"))
            }
        }
    }

    fn property(&self, key: &Text, value: &Value) -> String {
        let secrets = self.options.secrets.without_hashes();
        format!("{}{}", key_text(key, value), self.value(key, value, secrets))
    }

    /// Returns a property with both of its values; where they look the same, it says that they differ.
    fn property_pair(&self, key: &Text, old: &Value, new: &Value) -> String {
        let start = key_text(key, new);
        let secrets = self.options.secrets;
        let (old_text, new_text) = (self.value(key, old, secrets), self.value(key, new, secrets));
        if secrets.mask(key)
            && let Some((old, new)) = secrets.hash(old).zip(secrets.hash(new))
        {
            format!("{start}{new_text} (changed, {old} -> {new})")
        } else if old_text == new_text {
            format!("{start}{new_text} (changed)")
        } else if link(key).is_some() {
            // An arrow between the targets would read as a part of the link.
            format!("{start}{new_text} (was {old_text})")
        } else {
            format!("{start}{old_text} -> {new_text}")
        }
    }

    fn value(&self, key: &Text, value: &Value, secrets: Secrets<'_>) -> String {
        if secrets.mask(key) {
            return MASK.to_owned();
        }
        let text = match value {
            Value::String(target) if link(key).is_some() => escaped(&target.to_str_lossy()),
            _ => value_text(key, value, secrets),
        };
        cut(text, self.options.value_width)
    }

    fn spared(&mut self, spared: &Spared) -> fmt::Result {
        self.line(Colour::None, &format!("= {}", spared_text(spared)))
    }

    fn summary(&mut self, plan: &Plan, batches: &[Batch]) -> fmt::Result {
        self.line(Colour::None, &summary(plan, batches))
    }
}

/// Returns when a znode was last written, and by which transaction, as the end of a line.
fn touch_text(touch: Touch) -> String {
    let at = Timestamp::from_millisecond(touch.mtime_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("  (written {at}, zxid 0x{:x})", touch.mzxid.0)
}

/// Returns what stands before a property's value: `key = `, or `name -> ` of a link.
fn key_text(key: &Text, value: &Value) -> String {
    let text = escaped(&key.to_str_lossy());
    match (link(key), value) {
        (Some(_), Value::String(_)) => format!("{text} "),
        _ => format!("{text} = "),
    }
}
