//! Draws how cost grows as an SVG of logarithmic axes: no numbers but those that were measured.

use std::fmt::Write;

/// A work, and its seconds at each size of the tree.
pub struct Series {
    /// The work.
    pub name: String,
    /// Znodes and seconds, by znodes.
    pub points: Vec<(usize, f64)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 200.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 60.0;
const COLOURS: [&str; 6] = ["#0b6e99", "#c4532c", "#3a7d34", "#7a4fa3", "#8a6d1b", "#444444"];

/// Places of powers of ten on an axis.
struct Axis {
    least: f64,
    greatest: f64,
    start: f64,
    end: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Axis {
        Axis {
            least: values.clone().fold(f64::INFINITY, f64::min).log10().floor(),
            greatest: values.fold(0.0, f64::max).log10().ceil(),
            start,
            end,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - self.least) / (self.greatest - self.least).max(1.0);
        self.start + (self.end - self.start) * part
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        (self.least as i32..=self.greatest as i32).map(|exponent| 10_f64.powi(exponent))
    }
}

/// Returns the drawing; a dashed line beside the first series shows what linear growth would be.
pub fn svg(title: &str, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|series| &series.points);
    let across = Axis::new(points().map(|(znodes, _)| *znodes as f64), LEFT, WIDTH - RIGHT);
    let up = Axis::new(points().map(|(_, seconds)| *seconds), HEIGHT - BOTTOM, TOP);
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\" fill=\"#222222\">{title}</text>"
    );
    grid(&mut out, &across, &up);
    if let Some((znodes, seconds)) = series.first().and_then(|series| series.points.first()) {
        let end = 10_f64
            .powf(across.greatest)
            .min(*znodes as f64 * 10_f64.powf(up.greatest) / seconds);
        let (from, to) = ((*znodes as f64, *seconds), (end, seconds * end / *znodes as f64));
        let _ = writeln!(
            out,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#999999\" stroke-dasharray=\"4 4\"/>",
            across.place(from.0),
            up.place(from.1),
            across.place(to.0),
            up.place(to.1)
        );
    }
    for (place, series) in series.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        curve(&mut out, series, colour, &across, &up);
        let y = TOP + 10.0 + 22.0 * place as f64;
        let x = WIDTH - RIGHT + 20.0;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"#222222\">{}</text>",
            x + 18.0,
            y + 7.0,
            series.name
        );
    }
    out.push_str("</svg>\n");
    out
}

fn grid(out: &mut String, across: &Axis, up: &Axis) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for znodes in across.powers() {
        let x = across.place(znodes);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#dddddd\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#222222\">{znodes}</text>",
            bottom + 20.0
        );
    }
    for seconds in up.powers() {
        let y = up.place(seconds);
        let label = if seconds < 1.0 {
            format!("{} ms", (seconds * 1e3 * 1e3).round() / 1e3)
        } else {
            format!("{seconds} s")
        };
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#222222\">{label}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#222222\">znodes; dashed: linear growth</text>",
        (LEFT + right) / 2.0,
        bottom + 44.0
    );
}

fn curve(out: &mut String, series: &Series, colour: &str, across: &Axis, up: &Axis) {
    let places = series
        .points
        .iter()
        .map(|(znodes, seconds)| (across.place(*znodes as f64), up.place(*seconds)));
    let line: Vec<String> = places.clone().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        line.join(" ")
    );
    for (x, y) in places {
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
        );
    }
}
