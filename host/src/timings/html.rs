//! The report of `--timings`: one page without anything from elsewhere, with a waterfall of phases, network, imports
//! and links, and the slowest packages; or the same spans as JSON.

use serde_json::{Value, json};

use super::{Lane, Span};

const STYLE: &str = "\
body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222;background:#fff}
h1{font-size:1.4em}h2{font-size:1.1em;margin:1.5em 0 .3em}
table{border-collapse:collapse}td,th{padding:.15em .8em;text-align:right}td:first-child,th:first-child{text-align:left}
svg{display:block;width:100%;background:#fafafa;border:1px solid #ddd}
text{font:10px system-ui,sans-serif;fill:#222}
.phase{fill:#6b7fd7}.metadata{fill:#e0a030}.download{fill:#3a9d5d}.import{fill:#b06ab3}.link{fill:#d1495b}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}svg{background:#202020;border-color:#444}
text{fill:#ddd}}";

/// Spans that begin and end in the same lane are drawn in rows of this height, in units of the picture.
const ROW: f64 = 14.0;
/// The width of the picture, in units of its own.
const WIDTH: f64 = 1000.0;
/// More rows are not drawn in one lane: the rest overlaps in the last one.
const MAX_ROWS: usize = 120;

/// The spans as JSON: milliseconds since the start.
#[must_use]
pub fn json(spans: &[Span]) -> String {
    let spans: Vec<Value> = spans
        .iter()
        .map(|span| {
            json!({
                "lane": lane_name(span.lane),
                "name": span.name,
                "start": milliseconds(span.start),
                "end": milliseconds(span.end),
                "bytes": span.bytes,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "version": 1, "unit": "ms", "spans": spans }))
}

/// The page.
#[must_use]
pub fn page(spans: &[Span]) -> String {
    let end = spans.iter().map(|span| milliseconds(span.end)).fold(1.0, f64::max);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>wasi-pm timings</title>\n\
         <style>{STYLE}</style>\n<h1>wasi-pm timings: {end:.0} ms</h1>\n"
    );
    page.push_str(&totals(spans));
    for lane in [Lane::Phase, Lane::Metadata, Lane::Download, Lane::Import, Lane::Link] {
        let lane_spans: Vec<&Span> = spans.iter().filter(|span| span.lane == lane).collect();
        if !lane_spans.is_empty() {
            page.push_str(&format!("<h2>{}</h2>\n", title(lane)));
            page.push_str(&waterfall(&lane_spans, end));
        }
    }
    page.push_str(&slowest(spans));
    page.push_str("</html>\n");
    page
}

fn totals(spans: &[Span]) -> String {
    let mut table = "<table><tr><th>what<th>count<th>busy ms<th>sum ms<th>bytes</tr>\n".to_owned();
    for lane in [Lane::Phase, Lane::Metadata, Lane::Download, Lane::Import, Lane::Link] {
        let lane_spans: Vec<&Span> = spans.iter().filter(|span| span.lane == lane).collect();
        let sum: f64 = lane_spans.iter().map(|span| length(span)).sum();
        let bytes: u64 = lane_spans.iter().map(|span| span.bytes).sum();
        let (name, count, busy) = (title(lane), lane_spans.len(), busy(&lane_spans));
        table.push_str(&format!("<tr><td>{name}<td>{count}<td>{busy:.1}<td>{sum:.1}<td>{bytes}</tr>\n"));
    }
    table + "</table>\n"
}

/// How long at least one span was open; spans come by start.
fn busy(spans: &[&Span]) -> f64 {
    let (mut busy, mut until) = (0.0, 0.0_f64);
    for span in spans {
        let (start, end) = (milliseconds(span.start).max(until), milliseconds(span.end));
        busy += (end - start).max(0.0);
        until = until.max(end);
    }
    busy
}

fn waterfall(spans: &[&Span], end: f64) -> String {
    let mut free: Vec<f64> = Vec::new();
    let mut bars = String::new();
    for span in spans {
        let (start, stop) = (milliseconds(span.start), milliseconds(span.end));
        let row = match free.iter().position(|until| *until <= start) {
            Some(row) => row,
            None if free.len() < MAX_ROWS => {
                free.push(0.0);
                free.len() - 1
            }
            None => MAX_ROWS - 1,
        };
        free[row] = stop;
        bars.push_str(&bar(span, start / end * WIDTH, (stop - start) / end * WIDTH, row as f64 * ROW));
    }
    let height = free.len() as f64 * ROW;
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n{bars}</svg>\n")
}

fn bar(span: &Span, x: f64, width: f64, y: f64) -> String {
    let name = escape(&span.name);
    let class = lane_name(span.lane);
    let (width, height, text_y) = (width.max(0.5), ROW - 2.0, y + ROW - 4.0);
    let label = if width > 40.0 || span.lane == Lane::Phase {
        format!("<text x=\"{:.2}\" y=\"{text_y:.1}\">{name}</text>", (x + 2.0).min(WIDTH - 60.0))
    } else {
        String::new()
    };
    format!(
        "<g><title>{name}: {:.1} ms, {} bytes</title>\
         <rect class=\"{class}\" x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{height}\" rx=\"1\"/>{label}</g>\n",
        length(span),
        span.bytes
    )
}

fn slowest(spans: &[Span]) -> String {
    let mut packages: Vec<&Span> = spans.iter().filter(|span| span.lane != Lane::Phase).collect();
    packages.sort_by(|a, b| length(b).total_cmp(&length(a)));
    let mut table = "<h2>Slowest</h2>\n<table><tr><th>what<th>kind<th>ms<th>bytes</tr>\n".to_owned();
    for span in packages.iter().take(30) {
        let (name, kind) = (escape(&span.name), lane_name(span.lane));
        table.push_str(&format!("<tr><td>{name}<td>{kind}<td>{:.1}<td>{}</tr>\n", length(span), span.bytes));
    }
    table + "</table>\n"
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn length(span: &Span) -> f64 {
    milliseconds(span.end.saturating_sub(span.start))
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Phase => "phase",
        Lane::Metadata => "metadata",
        Lane::Download => "download",
        Lane::Import => "import",
        Lane::Link => "link",
    }
}

fn title(lane: Lane) -> &'static str {
    match lane {
        Lane::Phase => "Phases",
        Lane::Metadata => "Metadata",
        Lane::Download => "Downloads",
        Lane::Import => "Imports into the store",
        Lane::Link => "Links",
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{json, page};
    use crate::timings::{Lane, Span};

    fn span(lane: Lane, name: &str, start: u64, end: u64) -> Span {
        let (start, end) = (Duration::from_millis(start), Duration::from_millis(end));
        Span { lane, name: name.to_owned(), start, end, bytes: 7 }
    }

    #[test]
    fn a_name_cannot_break_out_of_the_page() {
        let page = page(&[span(Lane::Download, "<script>alert(1)</script>", 0, 5)]);
        assert!(!page.contains("<script"));
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = page(&[span(Lane::Phase, "config", 0, 5)]);
        assert!(!page.contains("http") && !page.contains("src=") && !page.contains("url("));
    }

    #[test]
    fn spans_that_overlap_are_drawn_in_rows_of_their_own() {
        let overlapping = page(&[span(Lane::Link, "a", 0, 10), span(Lane::Link, "b", 5, 15)]);
        assert!(overlapping.contains("0 0 1000 28"));
        let in_turn = page(&[span(Lane::Link, "a", 0, 10), span(Lane::Link, "b", 10, 15)]);
        assert!(in_turn.contains("0 0 1000 14"));
    }

    #[test]
    fn json_has_all_spans() {
        let text = json(&[span(Lane::Import, "a@1.0.0", 1, 3)]);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["spans"][0]["lane"], "import");
        assert_eq!(value["spans"][0]["end"], 3.0);
    }

    #[test]
    fn nothing_recorded_still_gives_a_page() {
        assert!(page(&[]).ends_with("</html>\n"));
    }
}
