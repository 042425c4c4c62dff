//! Results as an SVG: one panel a scenario, one bar a contender, milliseconds. It brings its own background and takes
//! the reader's colour scheme, so that it reads on light and dark pages; text is in whatever sans-serif there is.

use std::fmt::Write as _;

use crate::{contender::kind::Kind, results::Results};

const WIDTH: u32 = 960;
const MARGIN: u32 = 24;
/// Between the two columns of panels.
const GAP: u32 = 40;
const COLUMN: u32 = (WIDTH - 2 * MARGIN - GAP) / 2;
/// For the names of contenders.
const NAMES: u32 = 148;
/// For the numbers behind the bars.
const NUMBERS: u32 = 66;
const BAR: u32 = 20;
const TITLE: u32 = 32;
/// Where the panels begin.
const TOP: u32 = 70;
/// Bars longer than so many times that of wasi-pm are cut off: else one slow contender makes all others equal.
const CUT: f64 = 5.0;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.head { font-size: 18px; font-weight: 600 }
.title { font-weight: 600 }
.note { font-size: 12px; fill: #57606a }
.page { fill: #ffffff }
.ours { fill: #1a7f5a }
.peer { fill: #a9b4c0 }
.cut { stroke: #ffffff; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.note { fill: #9ea7b3 }
.page { fill: #0d1117 }
.ours { fill: #3fb68b }
.peer { fill: #57606a }
.cut { stroke: #0d1117 }
}
";

/// The chart of one fixture.
pub(crate) fn chart(results: &Results, fixture: &str) -> String {
    let panels: Vec<Panel<'_>> =
        results.names(|row| &row.scenario).iter().filter_map(|name| Panel::new(results, fixture, name)).collect();
    let (mut bottom, mut body) = ([TOP; 2], String::new());
    for panel in &panels {
        // The next panel goes where there is most room; of equal columns, to the left.
        let column = usize::from(bottom[1] < bottom[0]);
        let left = MARGIN + u32::from(column == 1) * (COLUMN + GAP);
        panel.draw(&mut body, left, bottom[column]);
        bottom[column] += panel.height();
    }
    let height = bottom[0].max(bottom[1]) + MARGIN;
    let (machine, rounds) = (results.machine.describe(), results.rounds(fixture));
    let note = format!("{machine} · medians of {rounds} rounds, milliseconds, less is better");
    let mut svg = String::new();
    let size = format!("width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\"");
    svg += &format!("<svg xmlns=\"http://www.w3.org/2000/svg\" {size} role=\"img\">\n");
    svg += &format!("<title>Time to install {}</title>\n<style>\n{STYLE}</style>\n", escape(fixture));
    svg += &format!("<rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n");
    text(&mut svg, "head", MARGIN, 34, &format!("Time to install {fixture}"));
    text(&mut svg, "note", MARGIN, 54, &note);
    svg + &body + "</svg>\n"
}

/// One scenario: names and medians.
struct Panel<'a> {
    title: &'a str,
    bars: Vec<(&'a str, f64)>,
    /// The length of the longest bar that is not cut off, milliseconds.
    scale: f64,
}

impl<'a> Panel<'a> {
    /// `None` if nobody finished.
    fn new(results: &'a Results, fixture: &str, scenario: &'a str) -> Option<Self> {
        let median = |name: &&'a str| Some((*name, results.median(fixture, scenario, name)?));
        let bars: Vec<(&str, f64)> = results.names(|row| &row.contender).iter().filter_map(median).collect();
        let longest = bars.iter().map(|(_, median)| *median).max_by(f64::total_cmp)?;
        let ours = bars.iter().find(|(name, _)| is_ours(name)).map_or(longest, |(_, median)| *median);
        Some(Self { title: scenario, bars, scale: longest.min(ours * CUT).max(f64::MIN_POSITIVE) })
    }

    fn height(&self) -> u32 {
        let bars = u32::try_from(self.bars.len()).expect("contenders are few");
        TITLE + bars * BAR + 14
    }

    fn draw(&self, body: &mut String, left: u32, top: u32) {
        text(body, "title", left, top + 20, self.title);
        let (start, room) = (left + NAMES, COLUMN - NAMES - NUMBERS);
        let mut at = top + TITLE;
        for (name, median) in &self.bars {
            let class = if is_ours(name) { "ours" } else { "peer" };
            let length = (f64::from(room) * (median / self.scale).min(1.0)).max(1.0);
            let cut = *median > self.scale;
            text(body, "", left, at + 13, name);
            writeln!(
                body,
                "<rect class=\"{class}\" x=\"{start}\" y=\"{}\" width=\"{length:.1}\" height=\"14\" rx=\"2\"/>",
                at + 2
            )
            .expect("a string takes all");
            if cut {
                let x = start + room - 16;
                writeln!(body, "<path class=\"cut\" d=\"M{x} {} l6 -18\"/>", at + 18).expect("a string takes all");
            }
            let end = f64::from(start) + length + 6.0;
            writeln!(body, "<text x=\"{end:.1}\" y=\"{}\">{}</text>", at + 13, milliseconds(*median))
                .expect("a string takes all");
            at += BAR;
        }
    }
}

fn is_ours(name: &str) -> bool {
    Kind::of(name).is_some_and(|kind| kind.is_ours())
}

/// Whole milliseconds, thousands apart; tenths below ten.
pub(crate) fn milliseconds(median: f64) -> String {
    if median < 9.95 {
        return format!("{median:.1}");
    }
    let digits = format!("{median:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn text(body: &mut String, class: &str, x: u32, y: u32, text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    writeln!(body, "<text{class} x=\"{x}\" y=\"{y}\">{}</text>", escape(text)).expect("a string takes all");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
