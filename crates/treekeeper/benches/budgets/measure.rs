//! Times, how they are told, and the table of budgets.
//!
//! Measures nothing by itself and knows nothing of ZooKeeper.

use std::fmt;
use std::time::Instant;

/// What was measured several times, sorted.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Returns samples of anything, of which there is at least one.
    pub fn new(mut values: Vec<f64>) -> Samples {
        assert!(!values.is_empty(), "something was measured");
        values.sort_by(f64::total_cmp);
        Samples(values)
    }

    /// Returns the value in the middle.
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// Returns `12.3 (11.0-14.2)`: the median, the least and the greatest.
    pub fn text(&self, scale: f64, digits: usize) -> String {
        let [median, min, max] =
            [self.median(), self.0[0], self.0[self.0.len() - 1]].map(|value| value * scale);
        format!("{median:.digits$} ({min:.digits$}-{max:.digits$})")
    }

    /// Returns the samples, which are seconds, in milliseconds.
    pub fn ms(&self) -> String {
        format!("{} ms", self.text(1e3, 1))
    }
}

/// Returns how many seconds `work` took, and what it returned.
pub fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begin = Instant::now();
    let result = work();
    (begin.elapsed().as_secs_f64(), result)
}

/// Where a ratio has to lie.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    AtLeast(f64),
    AtMost(f64),
    /// Told for comparison only.
    None,
}

impl Budget {
    fn is_met(self, value: f64) -> bool {
        match self {
            Budget::AtLeast(bound) => value >= bound,
            Budget::AtMost(bound) => value <= bound,
            Budget::None => true,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Budget::AtLeast(bound) => write!(formatter, ">= {bound}"),
            Budget::AtMost(bound) => write!(formatter, "<= {bound}"),
            Budget::None => formatter.write_str("-"),
        }
    }
}

/// A line of the table.
struct Row {
    work: String,
    ours: String,
    baseline: String,
    ratio: f64,
    budget: Budget,
}

/// All that was measured.
#[derive(Default)]
pub struct Report(Vec<Row>);

impl Report {
    /// Adds a line whose `ratio` is what the budget bounds.
    pub fn add(&mut self, work: &str, ours: String, baseline: String, ratio: f64, budget: Budget) {
        self.0.push(Row {
            work: work.to_owned(),
            ours,
            baseline,
            ratio,
            budget,
        });
    }

    /// Adds a line that is told only.
    pub fn tell(&mut self, work: &str, ours: String) {
        self.add(work, ours, "-".to_owned(), f64::NAN, Budget::None);
    }

    /// Returns all lines as JSON; `about` says what was measured where.
    pub fn json(&self, about: serde_json::Value) -> serde_json::Value {
        let row = |row: &Row| {
            let (kind, bound) = match row.budget {
                Budget::AtLeast(bound) => (Some("at least"), Some(bound)),
                Budget::AtMost(bound) => (Some("at most"), Some(bound)),
                Budget::None => (None, None),
            };
            serde_json::json!({
                "work": row.work,
                "ours": row.ours,
                "baseline": row.baseline,
                "ratio": (!row.ratio.is_nan()).then_some(row.ratio),
                "budget": kind,
                "bound": bound,
                "passed": kind.map(|_| row.budget.is_met(row.ratio)),
            })
        };
        let rows: Vec<_> = self.0.iter().map(row).collect();
        serde_json::json!({ "about": about, "rows": rows })
    }

    /// Returns how many budgets were missed.
    pub fn missed(&self) -> usize {
        self.0.iter().filter(|row| !row.budget.is_met(row.ratio)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| work | ours | baseline | ratio | budget | |")?;
        writeln!(formatter, "| --- | --- | --- | --- | --- | --- |")?;
        for row in &self.0 {
            let verdict = match row.budget {
                Budget::None => "",
                budget if budget.is_met(row.ratio) => "pass",
                _ => "**FAIL**",
            };
            let ratio = if row.ratio.is_nan() {
                "-".to_owned()
            } else {
                format!("{:.2}", row.ratio)
            };
            let Row {
                work,
                ours,
                baseline,
                budget,
                ..
            } = row;
            writeln!(
                formatter,
                "| {work} | {ours} | {baseline} | {ratio} | {budget} | {verdict} |"
            )?;
        }
        Ok(())
    }
}
