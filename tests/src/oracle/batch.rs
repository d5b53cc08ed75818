//! Compares the scripts of one process, and reports those that part.

use std::collections::BTreeMap;

use super::{Case, Directed, Divergence, Variant, compare, play, shrink};

/// Number of failures of one batch are told: most have one cause.
const ENOUGH: usize = 3;

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Number of scripts agreed.
    pub agreed: usize,
    /// Number of calls they made.
    pub calls: usize,
    /// Number of times that each allowance covered a difference.
    pub allowed: BTreeMap<&'static str, usize>,
    /// What each script that did not agree came to, with the command that shows it again.
    pub failures: Vec<String>,
}

impl Verdict {
    /// Adds what another comparison came to.
    pub fn add(&mut self, other: Self) {
        self.agreed += other.agreed;
        self.calls += other.calls;
        self.failures.extend(other.failures);
        for (name, count) in other.allowed {
            *self.allowed.entry(name).or_default() += count;
        }
    }
}

/// One script of a batch.
pub(super) struct Script {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    /// What to tell the oracle, to play it again by itself.
    pub(super) again: String,
}

impl Script {
    /// The script without what cannot be compared: a supervisor is not told of sends that name no
    /// address, and the guest of a static program passes them on. Those that connect (TCP Fast
    /// Open) a supervisor can steer to one run of ports alone, which stays set on the socket. Where
    /// it makes the sockets, programs cannot set a range of their own.
    fn for_variant(&self, case: &Case, variant: Variant) -> Self {
        let is_left_out = |line: &String| {
            let words: Vec<_> = line.split(' ').collect();
            let (call, rest) = match words[..] {
                ["fill", _, _, call, ref rest @ ..] | [call, _, ref rest @ ..] => (call, rest),
                _ => return false,
            };
            let call = call.split('/').next().unwrap_or_default();
            let sends = ["send", "write", "writev"].contains(&call) || call.starts_with("sendto");
            let fast = call.ends_with("-fast") && !case.is_one_run() || call == "get" && rest == ["range"];
            let nowhere = sends && rest.is_empty();
            match variant {
                Variant::Supervised => nowhere || fast,
                Variant::Guest => nowhere,
                Variant::Sockets => ["get", "set"].contains(&call) && rest.first() == Some(&"range"),
                _ => false,
            }
        };
        let lines = self.lines.iter().filter(|line| !is_left_out(line));
        Self { title: self.title.clone(), lines: lines.cloned().collect(), again: self.again.clone() }
    }

    pub(super) fn new<'l>(case: &Case, title: String, lines: impl Iterator<Item = &'l str>, again: String) -> Self {
        // Ports that the kernel has chosen are not shared with those that were bound by number: no
        // mixture could be compared.
        let played = |line: &str| if case.pins_mptcp_alone() { line.replace("mptcp", "tcp") } else { line.to_owned() };
        Self { title, lines: lines.map(played).collect(), again }
    }
}

/// Compares scripts written by hand, if the variant keeps their policy. Those of one policy follow
/// each other in one process, unless each is to be `alone`.
///
/// # Errors
/// Where the probe or portshim could not be run.
pub fn compare_directed(directed: &[Directed], alone: bool, variant: Variant) -> Result<Verdict, String> {
    let mut verdict = Verdict::default();
    let kept: Vec<&Directed> = directed.iter().filter(|script| variant.keeps(script.case)).collect();
    for group in kept.chunk_by(|a, b| !alone && a.case.name == b.case.name) {
        let again = |title: &str| format!("--case {} --directed '{title}'", group[0].case.name);
        let scripts: Vec<Script> = group
            .iter()
            .map(|d| {
                let lines = d.script.lines().filter(|line| !line.is_empty());
                Script::new(d.case, d.name.clone(), lines, again(&d.name))
            })
            .collect();
        verdict.add(compare_all(group[0].case, &scripts, &again(""), variant)?);
    }
    Ok(verdict)
}

/// Plays scripts natively and as `variant`, all in one process each. `whole` is what to tell the
/// oracle to play all of them again.
pub(super) fn compare_all(case: &Case, scripts: &[Script], whole: &str, variant: Variant) -> Result<Verdict, String> {
    let mut verdict = Verdict::default();
    let scripts: Vec<Script> = scripts.iter().map(|script| script.for_variant(case, variant)).collect();
    let text: String = scripts.iter().map(|s| format!("== {}\n{}\n", s.title, s.lines.join("\n"))).collect();
    let played = |as_what| play(case, as_what, &text).map(|transcript| with_own_connects(transcript, variant));
    let (native, other) = (played(Variant::Native)?, played(variant)?);
    let (natives, others) = (apart(&native), apart(&other));
    if natives.len() != scripts.len() || others.len() != scripts.len() {
        return Err("a transcript does not cover every script".into());
    }
    for ((script, native), other) in scripts.iter().zip(natives).zip(others) {
        let mut allowed = Vec::new();
        verdict.calls += script.lines.len();
        match compare(case, native, other, |name| allowed.push(name)) {
            Ok(()) => {
                verdict.agreed += 1;
                allowed.into_iter().for_each(|name| *verdict.allowed.entry(name).or_default() += 1);
            }
            Err(divergence) if verdict.failures.len() < ENOUGH => {
                verdict.failures.push(report(case, script, whole, &divergence, variant)?);
            }
            Err(_) => verdict.failures.push(format!("{}: also parts\n", script.title)),
        }
    }
    Ok(verdict)
}

/// The transcript as it is where the program's own call begins a connection: under a supervisor a
/// call of that has begun it, which shows if it does not come about at once (docs/fidelity.md).
fn with_own_connects(transcript: String, variant: Variant) -> String {
    match variant {
        Variant::Supervised => transcript.replace(" => EALREADY ", " => EINPROGRESS+pending "),
        _ => transcript,
    }
}

/// A transcript, cut where scripts begin.
fn apart(transcript: &str) -> Vec<&str> {
    let starts: Vec<usize> = transcript
        .match_indices("== ")
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || transcript.as_bytes()[at - 1] == b'\n')
        .collect();
    let ends = starts.iter().skip(1).copied().chain([transcript.len()]);
    starts.iter().zip(ends).map(|(start, end)| &transcript[*start..end]).collect()
}

/// What parted, the command that shows it again, and the shortest script that still does.
fn report(
    case: &Case,
    script: &Script,
    whole: &str,
    divergence: &Divergence,
    variant: Variant,
) -> Result<String, String> {
    let both = |lines: &[String]| -> Result<(String, String), String> {
        let text = format!("== {}\n{}\n", script.title, lines.join("\n"));
        Ok((play(case, Variant::Native, &text)?, play(case, variant, &text)?))
    };
    let parts = |lines: &[String]| -> Result<bool, String> {
        let (native, other) = both(lines)?;
        Ok(compare(case, &native, &other, |_| ()).is_err_and(|other| other.is_like(divergence)))
    };
    let alone = parts(&script.lines)?;
    let mut text = format!(
        "{}, under {}\n{divergence}\n  again: cargo run -p portshim-tests --bin portshim-oracle -- {}\n",
        script.title,
        case.name,
        if alone { &script.again } else { whole }
    );
    if !alone {
        text += "  alone it agrees: what went before it matters\n";
        return Ok(text);
    }
    let (native, other) = both(&shrink(script.lines.clone(), parts)?)?;
    text += "  shortest script, and what each variant made of it:\n";
    for (left, right) in native.lines().zip(other.lines()) {
        if left == right {
            text += &format!("      {left}\n");
        } else {
            text += &format!("    - {left}\n    + {right}\n");
        }
    }
    Ok(text)
}
