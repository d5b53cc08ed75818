//! A curve as an SVG that stands by itself, readable on light and dark pages.
//!
//! Written by hand: the libraries that draw charts set colours on each element, which leaves
//! nothing for a page's colour scheme to choose.

use crate::figures::{Curve, Machine, Point, duration, grouped};
use crate::stats::Spread;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
/// The edges of the drawing proper.
const LEFT: f64 = 76.0;
const RIGHT: f64 = 728.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 362.0;

const STYLE: &str = "\
.page{fill:#ffffff}.text{fill:#111827}.quiet{fill:#4b5563}.grid{stroke:#e5e7eb}.axis{stroke:#6b7280}
.kernel{stroke:#b45309;fill:#b45309}.portshim{stroke:#047857;fill:#047857}
.line{fill:none;stroke-width:2.4;stroke-linejoin:round}.band{stroke:none;opacity:.16}.label{stroke:none;font-weight:600}
@media(prefers-color-scheme:dark){.page{fill:#0d1117}.text{fill:#e6edf3}.quiet{fill:#9ca3af}.grid{stroke:#272e38}
.axis{stroke:#9ca3af}.kernel{stroke:#f59e0b;fill:#f59e0b}.portshim{stroke:#34d399;fill:#34d399}}";

/// Where figures lie on the page.
struct Scale {
    /// Powers of ten, in nanoseconds, at the bottom and at the top.
    decades: (f64, f64),
    ports: f64,
}

impl Scale {
    fn of(curve: &Curve) -> Self {
        let all = || curve.points.iter().flat_map(|point| [point.kernel, point.portshim]);
        let least = all().map(|spread| spread.p10).fold(f64::INFINITY, f64::min).max(1.0);
        let most = all().map(|spread| spread.p90).fold(1.0, f64::max);
        let (low, high) = (least.log10().floor(), most.log10().ceil());
        Self { decades: (low, high.max(low + 1.0)), ports: (curve.ports as f64).max(2.0) }
    }

    fn y(&self, nanos: f64) -> f64 {
        let (low, high) = self.decades;
        BOTTOM - (nanos.max(1.0).log10() - low) / (high - low) * (BOTTOM - TOP)
    }

    /// By the logarithm of what is free: each step to the right leaves a share of the ports before
    /// it.
    fn x(&self, point: &Point) -> f64 {
        let inner = (RIGHT - 70.0) - (LEFT + 24.0);
        LEFT + 24.0 + inner * (1.0 - (point.free.max(1) as f64).ln() / self.ports.ln())
    }
}

/// The picture.
pub(crate) fn draw(curve: &Curve, machine: &Machine) -> String {
    let scale = Scale::of(curve);
    let mut svg = String::new();
    let title = format!("What one {} costs, against how full the range is", curve.title);
    head(&mut svg, &title, curve);
    grid(&mut svg, &scale, curve);
    type Series = (&'static str, fn(&Point) -> Spread);
    let series: [Series; 2] = [("kernel", |point| point.kernel), ("portshim", |point| point.portshim)];
    for (name, of) in series {
        series_line(&mut svg, &scale, curve, name, of);
    }
    let below = format!(
        "Linux {}, {} × {}; medians, and between what 80 % of them lie. Both axes are logarithmic.",
        escaped(&machine.kernel),
        machine.processors,
        escaped(&machine.processor),
    );
    let _ = writeln!(svg, r#"<text class="quiet" x="24" y="{}" font-size="11.5">{below}</text>"#, HEIGHT - 14.0);
    svg + "</svg>\n"
}

fn head(svg: &mut String, title: &str, curve: &Curve) {
    let alternative = curve.points.iter().map(|point| {
        format!(
            "{}: kernel {}, portshim {}",
            point.held,
            duration(point.kernel.median),
            duration(point.portshim.median)
        )
    });
    let alternative = alternative.collect::<Vec<_>>().join("; ");
    let held = if curve.id == "tcp-connect" { "held to one destination" } else { "held" };
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="13" role="img" aria-labelledby="title about">
<title id="title">{title}</title>
<desc id="about">{alternative}</desc>
<style>{STYLE}</style>
<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="10"/>
<text class="text" x="24" y="34" font-size="17" font-weight="600">{title}</text>
<text class="quiet" x="24" y="56">time for one call, lower is better; share of {} ports that is {held}</text>"#,
        grouped(curve.ports),
    );
}

fn grid(svg: &mut String, scale: &Scale, curve: &Curve) {
    let (low, high) = scale.decades;
    for decade in low as i32..=high as i32 {
        let nanos = 10f64.powi(decade);
        let (y, label) = (scale.y(nanos), decade_name(decade));
        let _ = writeln!(svg, r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/>"#);
        let _ = writeln!(
            svg,
            r#"<text class="quiet" x="{}" y="{:.1}" text-anchor="end">{label}</text>"#,
            LEFT - 10.0,
            y + 4.5
        );
    }
    let _ = writeln!(svg, r#"<path class="axis" d="M{LEFT} {BOTTOM}H{RIGHT}"/>"#);
    for point in &curve.points {
        let x = scale.x(point);
        let _ = writeln!(svg, r#"<path class="axis" d="M{x:.1} {BOTTOM}v5"/>"#);
        let place = BOTTOM + 21.0;
        let _ =
            writeln!(svg, r#"<text class="text" x="{x:.1}" y="{place}" text-anchor="middle">{}</text>"#, point.held);
    }
}

/// `10 µs`.
fn decade_name(decade: i32) -> String {
    let unit = ["ns", "µs", "ms", "s"][(decade / 3).clamp(0, 3) as usize];
    format!("{} {unit}", 10i64.pow((decade - 3 * (decade / 3).clamp(0, 3)).max(0) as u32))
}

fn series_line(svg: &mut String, scale: &Scale, curve: &Curve, name: &str, of: fn(&Point) -> Spread) {
    let at = |point: &Point, nanos: f64| format!("{:.1} {:.1}", scale.x(point), scale.y(nanos));
    let upper = curve.points.iter().map(|point| at(point, of(point).p90));
    let lower = curve.points.iter().rev().map(|point| at(point, of(point).p10));
    let band = upper.chain(lower).collect::<Vec<_>>().join("L");
    let _ = writeln!(svg, r#"<path class="{name} band" d="M{band}Z"/>"#);
    let line = curve.points.iter().map(|point| at(point, of(point).median)).collect::<Vec<_>>().join("L");
    let _ = writeln!(svg, r#"<path class="{name} line" d="M{line}"/>"#);
    for point in &curve.points {
        let (x, y) = (scale.x(point), scale.y(of(point).median));
        let _ = writeln!(svg, r#"<circle class="{name}" cx="{x:.1}" cy="{y:.1}" r="3.2"/>"#);
    }
    let Some(last) = curve.points.last() else { return };
    // Above a rising line, below a flat one: at the end the two are far apart, or the higher one is
    // above.
    let higher = of(last).median >= last.kernel.median.max(last.portshim.median);
    let y = scale.y(of(last).median) + if higher { -8.0 } else { 20.0 };
    let x = scale.x(last) + 8.0;
    let _ = writeln!(svg, r#"<text class="{name} label" x="{x:.1}" y="{y:.1}">{name}</text>"#);
    let amount = duration(of(last).median);
    let under = y + if higher { -15.0 } else { 15.0 };
    let _ = writeln!(svg, r#"<text class="quiet" x="{x:.1}" y="{under:.1}" font-size="11.5">{amount}</text>"#);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
