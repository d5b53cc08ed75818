//! A divergence: where two transcripts of one script part.

use std::fmt;

/// Where two transcripts part.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// What the bare kernel made of the script so far.
    pub before: Vec<String>,
    /// The line of the script, or where a transcript ended early.
    pub call: String,
    /// What it came to on the bare kernel.
    pub native: String,
    /// What it came to under portshim.
    pub portshim: String,
}

impl Divergence {
    /// Tells whether both part over the same sort of call in the same way: what is left out of a
    /// failing script shall not make another difference of it.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let call = |d: &Self| d.call.split(' ').next().map(str::to_owned);
        let answers = |d: &Self| [&d.native, &d.portshim].map(|s| s.split(' ').next_back().map(str::to_owned));
        call(self) == call(other) && (call(self).as_deref() == Some("fill") || answers(self) == answers(other))
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    {}", self.call)?;
        writeln!(f, "      the kernel: {}", self.native)?;
        write!(f, "      portshim:   {}", self.portshim)
    }
}
