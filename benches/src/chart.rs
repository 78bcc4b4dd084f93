//! A group as a picture: a bar for each case, ours and the peers'.

use std::fmt::Write;

use crate::report::{Measured, Role, number};

const WIDTH: f64 = 720.0;
const LABELS: f64 = 270.0;
const ROW: f64 = 24.0;
const TOP: f64 = 34.0;

/// The cases of a group, without its baseline; none where there is no peer to compare with.
pub(crate) fn draw(group: &[Measured]) -> Option<String> {
    let cases: Vec<_> = group.iter().filter(|line| line.role != Role::Baseline).collect();
    if !cases.iter().any(|line| line.role == Role::Peer) {
        return None;
    }
    let nanos = |line: &Measured| line.time.map_or(0.0, |time| time.median.max(0.0));
    let longest = cases.iter().map(|line| nanos(line)).fold(1.0, f64::max);
    let height = TOP + ROW * cases.len() as f64 + 8.0;
    let title =
        format!("{}: {}, nanoseconds beyond the bare service", group[0].concern, group[0].group);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{title}</title>\n\
         <style>text{{font:13px sans-serif;fill:#444}}.ours{{fill:#2f7d5b}}.peer{{fill:#9aa5b1}}\n\
         @media (prefers-color-scheme:dark){{text{{fill:#ccc}}}}</style>\n\
         <text x=\"8\" y=\"20\" font-weight=\"bold\">{title}</text>\n",
        title = escaped(&title),
    );
    for (n, line) in cases.iter().enumerate() {
        let y = TOP + ROW * n as f64;
        let length = (WIDTH - LABELS - 70.0) * nanos(line) / longest;
        let class = if line.role == Role::Ours { "ours" } else { "peer" };
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LABELS}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            LABELS - 8.0,
            y + 14.0,
            escaped(line.name),
            length.max(1.0),
            ROW - 6.0,
            LABELS + length + 6.0,
            y + 14.0,
            number(nanos(line)),
        )
        .expect("a string takes all");
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
