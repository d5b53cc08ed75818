//! Paired measurements, and what is said of many of them.

use serde::Serialize;

/// What the same work took on either side, one right after the other, in nanoseconds for each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) kernel: f64,
    pub(crate) portshim: f64,
}

/// The median, and between what nine tenths of the figures lie on either side of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) p10: f64,
    pub(crate) p90: f64,
}

impl Spread {
    /// # Panics
    /// Of no figures.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        assert!(!figures.is_empty(), "nothing was measured");
        figures.sort_by(f64::total_cmp);
        Self { median: at(&figures, 0.5), p10: at(&figures, 0.1), p90: at(&figures, 0.9) }
    }
}

/// The figure that this share of all sorted figures lies below, with what lies between two of them.
fn at(figures: &[f64], share: f64) -> f64 {
    let place = share * (figures.len() - 1) as f64;
    let (below, above) = (figures[place.floor() as usize], figures[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// What a row's ratio says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sense {
    /// What portshim takes of what is compared with it: less is better.
    Cost,
    /// Number of times faster portshim is: more is better.
    Gain,
}

impl Sense {
    pub(crate) fn ratio(self, pair: &Pair) -> f64 {
        match self {
            Self::Cost => pair.portshim / pair.kernel,
            Self::Gain => pair.kernel / pair.portshim,
        }
    }

    pub(crate) fn meets(self, ratio: f64, target: f64) -> bool {
        match self {
            Self::Cost => ratio <= target,
            Self::Gain => ratio >= target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pair, Sense, Spread};

    #[test]
    fn a_spread_is_read_between_figures() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]);
        assert_eq!((spread.median, spread.p10), (2.5, 1.3));
        assert!((spread.p90 - 3.7).abs() < 1e-9);
        assert_eq!(Spread::of([7.0]), Spread { median: 7.0, p10: 7.0, p90: 7.0 });
    }

    #[test]
    fn ratios_and_targets_have_a_sense() {
        let pair = Pair { kernel: 10.0, portshim: 5.0 };
        assert_eq!((Sense::Cost.ratio(&pair), Sense::Gain.ratio(&pair)), (0.5, 2.0));
        assert!(Sense::Cost.meets(1.0, 1.05) && !Sense::Cost.meets(1.06, 1.05));
        assert!(Sense::Gain.meets(16.0, 15.0) && !Sense::Gain.meets(14.0, 15.0));
    }
}
