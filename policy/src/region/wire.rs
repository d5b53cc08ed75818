//! The environment form of a policy: one line of text that the shim reads without allocating.
//!
//! `1:follow=1:model=host:order=native:sharing=tuple:dynamic.tcp=4000-4999:reserve.all=4007` — a
//! version, then fields; `/` begins the rules for another program. It says what the session's
//! region says, so that a policy holds where the region cannot be reached, and where there never
//! was one.

use super::layout::{MAX_RULES, Region};
use super::rules::MAX_GLOB;
use crate::model::rresvport::PrivilegedRange;
use crate::model::{Preset, RestrictionLimits};
use crate::ports::{PortRange, Scope, ScopeSet};
#[cfg(feature = "text")]
use crate::{model::Rules, ports::PortSet};
use core::str::FromStr;

/// The version that [`encode`] writes and [`decode`] reads.
const VERSION: &[u8] = b"1";

/// One of the sets that rules have for each scope.
#[cfg(feature = "text")]
type SetOf = fn(&Rules, Scope) -> &PortSet;

/// The sets, by the name of their fields.
#[cfg(feature = "text")]
const KINDS: [(&str, SetOf); 3] = [
    ("dynamic", |e, s| &e.scope(s).dynamic),
    ("reserve", |e, s| &e.scope(s).reserved),
    ("block", |e, s| &e.scope(s).blocked),
];

/// Reason why a line is not a policy. Carries the number of the field, counted from 0 over all
/// rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError {
    /// The field that cannot be read.
    pub field: usize,
}

/// Options that stand beside the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Set if the shim follows into children whose environment the program rebuilt.
    pub follow: bool,
    /// Set if what is believed of ports orders the tries.
    pub hint: bool,
    /// By which model ports are reserved and blocked at run time.
    pub legal: RestrictionLimits,
}

/// Writes rules, the last of which is for everything that none before it matched.
#[cfg(feature = "text")]
#[must_use]
pub fn encode(rules: &[Rules], options: Options) -> String {
    let mut text = format!("1:follow={}:model={}", u8::from(options.follow), options.legal.preset.name);
    if !options.hint {
        text.push_str(":hint=off");
    }
    if let Some(port) = options.legal.max_user_port {
        text.push_str(&format!(":max-user-port={port}"));
    }
    for (n, effective) in rules.iter().enumerate() {
        if n > 0 {
            text.push('/');
        } else {
            text.push(':');
        }
        let mut fields = Vec::new();
        if let Some(glob) = &effective.matches {
            fields.push(format!("match={glob}"));
        }
        fields.push(format!("order={}", effective.order));
        fields.push(format!("sharing={}", effective.sharing));
        if let Some(seed) = effective.seed {
            fields.push(format!("seed={seed}"));
        }
        let PrivilegedRange { low, high, order } = effective.privileged;
        if effective.privileged != PrivilegedRange::LIBC {
            fields.push(format!("privileged.{order}={low}-{high}"));
        }
        if let Some(start) = effective.unprivileged_start {
            fields.push(format!("unprivileged-start={start}"));
        }
        for (kind, set_of) in KINDS {
            let mut done = [false; 4];
            for (name, scopes) in ScopeSet::NAMES {
                let Some(first) = scopes.iter().next() else { continue };
                let set = set_of(effective, first);
                if scopes.iter().all(|s| !done[s.index()] && set_of(effective, s) == set) {
                    scopes.iter().for_each(|s| done[s.index()] = true);
                    if !set.is_empty() {
                        fields.push(format!("{kind}.{name}={set}"));
                    }
                }
            }
        }
        text.push_str(&fields.join(":"));
    }
    text
}

/// Reads a line into a region that is all zeroes, and seals it.
///
/// # Errors
/// [`WireError`] at the first field that cannot be read, and after the last where no port is ever
/// handed out.
pub fn decode(line: &[u8], region: &Region) -> Result<Options, WireError> {
    let mut options =
        Options { follow: true, hint: true, legal: RestrictionLimits { preset: Preset::host(), max_user_port: None } };
    let mut count = 0;
    let mut field = 0;
    for (n, part) in line.split(|b| *b == b'/').enumerate() {
        let rules = region.slot(n).ok_or(WireError { field })?;
        for text in part.split(|b| *b == b':') {
            let bad = WireError { field };
            if field == 0 {
                if text != VERSION {
                    return Err(bad);
                }
                field += 1;
                continue;
            }
            field += 1;
            let eq = text.iter().position(|b| *b == b'=').ok_or(bad)?;
            let (key, value) = (&text[..eq], &text[eq + 1..]);
            match key {
                b"follow" => options.follow = value != b"0",
                b"hint" if value == b"off" => {
                    options.hint = false;
                    region.switch_hints_off();
                }
                b"model" => options.legal.preset = model(value).ok_or(bad)?,
                b"max-user-port" => {
                    options.legal.max_user_port = Some(number(value).and_then(|n| u16::try_from(n).ok()).ok_or(bad)?);
                }
                b"match" if (1..=MAX_GLOB).contains(&value.len()) => rules.set_glob(value),
                b"order" => rules.set_order(word(value).ok_or(bad)?),
                b"sharing" => rules.set_sharing(word(value).ok_or(bad)?),
                b"unprivileged-start" => {
                    rules.set_unprivileged_start(number(value).and_then(|n| u16::try_from(n).ok()).ok_or(bad)?);
                }
                b"seed" => rules.set_seed(number(value).ok_or(bad)?),
                _ => {
                    let dot = key.iter().position(|b| *b == b'.').ok_or(bad)?;
                    if &key[..dot] == b"privileged" {
                        let order = word(&key[dot + 1..]).ok_or(bad)?;
                        let range = range(value).ok_or(bad)?;
                        rules.set_privileged(PrivilegedRange { low: range.first(), high: range.last(), order });
                        continue;
                    }
                    let scopes = str::from_utf8(&key[dot + 1..]).ok().and_then(ScopeSet::named).ok_or(bad)?;
                    for range in value.split(|b| *b == b',') {
                        let range = self::range(range).ok_or(bad)?;
                        for scope in scopes.iter() {
                            let shared = rules.scope(scope);
                            match &key[..dot] {
                                b"dynamic" => shared.dynamic.insert(range),
                                b"reserve" => shared.reserved.insert(range),
                                b"block" => shared.blocked.insert(range),
                                _ => return Err(bad),
                            }
                        }
                    }
                }
            }
        }
        count = n + 1;
    }
    debug_assert!(count <= MAX_RULES);
    region.seal(count);
    if Scope::ALL.iter().all(|scope| region.all_rules().iter().all(|rules| rules.scope(*scope).hull().is_none())) {
        return Err(WireError { field });
    }
    region.set_legal(options.legal);
    region.header.follow.store(u32::from(options.follow), core::sync::atomic::Ordering::Relaxed);
    Ok(options)
}

/// What a word stands for.
fn word<T: FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}

fn model(name: &[u8]) -> Option<&'static Preset> {
    Preset::ALL.iter().find(|preset| preset.name.as_bytes() == name)
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

fn range(text: &[u8]) -> Option<PortRange> {
    let port = |text| number(text).and_then(|n| u16::try_from(n).ok());
    match text.iter().position(|b| *b == b'-') {
        Some(dash) => PortRange::new(port(&text[..dash])?, port(&text[dash + 1..])?).ok(),
        None => port(text).map(PortRange::single),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rresvport::PrivilegedOrder;
    use crate::model::{Order, ScopeRules, Sharing};

    fn effective() -> Rules {
        let set = |text: &str| crate::ports::spec::ports(text, 0).unwrap().into_iter().collect::<PortSet>();
        let tcp = ScopeRules { dynamic: set("4000-4999,5005"), reserved: set("4007"), blocked: set("1,65535") };
        let udp6 = ScopeRules { dynamic: set("1025-5000"), ..ScopeRules::default() };
        Rules {
            matches: Some("java*".into()),
            order: Order::RandomIncrement,
            sharing: Sharing::Exclusive,
            seed: Some(u64::MAX),
            privileged: PrivilegedRange { low: 600, high: 1023, order: PrivilegedOrder::Down },
            unprivileged_start: Some(1024),
            scopes: [tcp.clone(), tcp.clone(), tcp, udp6],
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let plain = Rules { matches: None, seed: None, unprivileged_start: None, ..effective() };
        let rules = [effective(), Rules { privileged: PrivilegedRange::LIBC, ..plain }];
        for legal in [
            RestrictionLimits { preset: Preset::host(), max_user_port: None },
            RestrictionLimits { preset: Preset::named("windows-2003-sp1").unwrap(), max_user_port: Some(6000) },
        ] {
            let options = Options { follow: false, hint: false, legal };
            let line = encode(&rules, options);
            let mut region = Region::boxed(&[]);
            assert_eq!(decode(line.as_bytes(), &region), Ok(options), "{line}");
            let mut direct = Region::boxed(&rules);
            direct.set_legal(legal);
            direct.switch_hints_off();
            assert_eq!(region.as_bytes(), direct.as_bytes(), "{line}");
            assert_eq!(region.legal(), legal);
        }
    }

    #[test]
    fn nonsense_is_refused_at_its_field() {
        for (line, field) in [
            ("", 0),
            ("2:order=native", 0),
            ("1:order=natural", 1),
            ("1:dynamic.tcp=1-2:dynamic.tcp=", 2),
            ("1:dynamic.tcp=5-2", 1),
            ("1:dynamic.tcp=65536", 1),
            ("1:dynamic.icmp=1", 1),
            ("1:seed=-1", 1),
            ("1:seed=99999999999999999999", 1),
            ("1:flavour.tcp=1", 1),
            ("1:match=", 1),
            ("1:hint=maybe", 1),
            ("1:privileged.sideways=1-2", 1),
            ("1:unprivileged-start=65536", 1),
            ("1:model=windows-95", 1),
            ("1:model=windows-xp:max-user-port=65536", 2),
            ("1", 1),
            ("1:follow=1:reserve.all=1-65535", 3),
        ] {
            assert_eq!(decode(line.as_bytes(), &Region::boxed(&[])), Err(WireError { field }), "{line}");
        }
    }
}
