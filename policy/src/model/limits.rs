//! Limits within which a model lets ports be reserved and blocked while programs run.

use super::preset::Preset;
use super::restriction::Restriction;
use crate::ports::PortRange;
use core::fmt;

/// Limits of a model's restrictions: the model, and the one setting that its legal intervals depend
/// on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestrictionLimits {
    /// The model.
    pub preset: &'static Preset,
    /// `MaxUserPort`, as it counts; `None` in a model that has none.
    pub max_user_port: Option<u16>,
}

impl RestrictionLimits {
    /// The intervals in which `act` is legal, ascending. Where two of them touch, they are one.
    pub fn intervals(&self, act: Restriction) -> impl Iterator<Item = PortRange> + use<> {
        let (one, other) = match act {
            Restriction::Reserve => self.reservable(),
            Restriction::Block => (self.blockable(), None),
            Restriction::Exhaust => (Some(PortRange::ALL), None),
        };
        one.into_iter().chain(other)
    }

    /// The Cable Guy does not say what becomes of a request that crosses 49152 where the two
    /// intervals touch: taken together they are one interval, so here it is legal.
    fn reservable(&self) -> (Option<PortRange>, Option<PortRange>) {
        let (Some(rule), Some(end), Some(range)) = (&self.preset.reserve, self.max_user_port, self.preset.range) else {
            return (Some(PortRange::ALL), None);
        };
        match PortRange::new(range.first(), end) {
            Ok(low) if u32::from(low.last()) + 1 < u32::from(rule.also.first()) => (Some(low), Some(rule.also)),
            Ok(low) => (PortRange::new(low.first(), low.last().max(rule.also.last())).ok(), None),
            Err(_) => (Some(rule.also), None),
        }
    }

    fn blockable(&self) -> Option<PortRange> {
        let (Some(rule), Some(end)) = (&self.preset.block, self.max_user_port) else { return Some(PortRange::ALL) };
        PortRange::new(end.checked_add(1)?, rule.last).ok()
    }

    /// Tells whether `act` is legal for all ports of `range`.
    #[must_use]
    pub fn allows(&self, act: Restriction, range: PortRange) -> bool {
        self.intervals(act).any(|legal| legal.encloses(range))
    }

    /// The rule for `act`, as a sentence without its full stop.
    #[must_use]
    pub fn rule(&self, act: Restriction) -> RestrictionRule {
        RestrictionRule { legal: *self, act }
    }
}

/// A rule, to be displayed: `windows-2003 blocks only ports above MaxUserPort (5000), up to 49151
/// (The Cable Guy, December 2005)`.
#[derive(Clone, Copy, Debug)]
pub struct RestrictionRule {
    legal: RestrictionLimits,
    act: Restriction,
}

impl fmt::Display for RestrictionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RestrictionLimits { preset, max_user_port } = self.legal;
        let (name, end) = (preset.name, max_user_port.unwrap_or_default());
        match (self.act, &preset.reserve, &preset.block) {
            (Restriction::Reserve, Some(rule), _) => {
                write!(f, "{name} reserves only ports of")?;
                for (n, interval) in self.legal.intervals(Restriction::Reserve).enumerate() {
                    write!(f, "{} {interval}", if n == 0 { "" } else { " and" })?;
                }
                write!(f, ", with MaxUserPort {end} ({})", rule.source)
            }
            (Restriction::Block, _, Some(rule)) if self.legal.blockable().is_some() => {
                write!(f, "{name} blocks only ports above MaxUserPort ({end}), up to {} ({})", rule.last, rule.source)
            }
            (Restriction::Block, _, Some(rule)) => {
                write!(f, "with MaxUserPort {end}, {name} can block no port at all ({})", rule.source)
            }
            (act, ..) => write!(f, "{name} {act}s any port"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intervals(name: &str, end: Option<u16>, act: Restriction) -> String {
        let legal = RestrictionLimits { preset: Preset::named(name).unwrap(), max_user_port: end };
        let shown: Vec<_> = legal.intervals(act).map(|i| i.to_string()).collect();
        shown.join(" ")
    }

    /// Each row: The Cable Guy, December 2005.
    #[test]
    fn where_windows_up_to_2003_reserves_and_blocks() {
        for (end, reservable, blockable, blockable_sp1) in [
            (5000, "1025-5000 49152-65535", "5001-49151", "5001-65535"),
            (49150, "1025-49150 49152-65535", "49151", "49151-65535"),
            (49151, "1025-65535", "", "49152-65535"),
            (49152, "1025-65535", "", "49153-65535"),
            (65534, "1025-65535", "", "65535"),
        ] {
            for name in ["windows-xp", "windows-2003", "windows-2003-sp1"] {
                assert_eq!(intervals(name, Some(end), Restriction::Reserve), reservable, "{name} {end}");
                let expected = if name == "windows-2003-sp1" { blockable_sp1 } else { blockable };
                assert_eq!(intervals(name, Some(end), Restriction::Block), expected, "{name} {end}");
            }
        }
    }

    #[test]
    fn the_others_reserve_and_block_anywhere() {
        for preset in Preset::ALL.iter().filter(|preset| preset.max_user_port.is_none()) {
            for act in [Restriction::Reserve, Restriction::Block] {
                assert_eq!(intervals(preset.name, None, act), "0-65535", "{}", preset.name);
            }
        }
    }

    #[test]
    fn rules_are_sentences() {
        for (name, end, act, rule) in [
            (
                "windows-2003",
                5000,
                Restriction::Reserve,
                "windows-2003 reserves only ports of 1025-5000 and 49152-65535, with MaxUserPort 5000 (The Cable Guy, December 2005)",
            ),
            (
                "windows-xp",
                6000,
                Restriction::Block,
                "windows-xp blocks only ports above MaxUserPort (6000), up to 49151 (The Cable Guy, December 2005)",
            ),
            (
                "windows-2003",
                49151,
                Restriction::Block,
                "with MaxUserPort 49151, windows-2003 can block no port at all (The Cable Guy, December 2005)",
            ),
        ] {
            let legal = RestrictionLimits { preset: Preset::named(name).unwrap(), max_user_port: Some(end) };
            assert_eq!(legal.rule(act).to_string(), rule);
        }
    }
}
