//! Figures: curves, where they were measured, and numbers as people read them.

use crate::stats::Spread;
use serde::Serialize;

/// A point of a curve.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Point {
    pub(crate) held: String,
    pub(crate) free: usize,
    /// Nanoseconds for each call.
    pub(crate) kernel: Spread,
    pub(crate) portshim: Spread,
}

/// What a call costs against how full the range is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) ports: usize,
    pub(crate) points: Vec<Point>,
}

/// Where it was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) memory_mib: u64,
    /// The load average of the last minute before it began: other work makes all figures worse.
    pub(crate) load: f64,
    pub(crate) portshim: String,
    pub(crate) commit: String,
}

/// A time, in the unit that suits it.
pub(crate) fn duration(nanos: f64) -> String {
    let (figure, unit) = match nanos {
        n if n < 1e4 => return format!("{n:.0} ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    match figure {
        f if f < 9.995 => format!("{figure:.2} {unit}"),
        f if f < 99.95 => format!("{figure:.1} {unit}"),
        _ => format!("{figure:.0} {unit}"),
    }
}

/// With a comma after the thousands.
pub(crate) fn grouped(ports: usize) -> String {
    if ports < 1000 { ports.to_string() } else { format!("{},{:03}", ports / 1000, ports % 1000) }
}

#[cfg(test)]
mod tests {
    use super::{duration, grouped};

    #[test]
    fn times_have_a_unit_that_suits_them() {
        let written = [999.4, 14_500.0, 2_254_000.0, 47_600_000_000.0].map(duration);
        assert_eq!(written, ["999 ns", "14.5 µs", "2.25 ms", "47.6 s"]);
    }

    #[test]
    fn ports_are_grouped() {
        assert_eq!([976, 3976, 28_032].map(grouped), ["976", "3,976", "28,032"]);
    }
}
