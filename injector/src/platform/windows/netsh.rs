//! Port settings of this host, as netsh shows them. Windows documents no other way to all of them.

use super::super::windows_formats::listing::dynamic;
use super::find::system_folder;
use std::io;
use std::process::{Child, Command, Stdio};

/// Question to netsh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The range that wildcard binds get their ports from.
    Dynamic,
    /// The ranges that they never get one from.
    Excluded,
}

/// A question, as netsh takes it: `interface ipv4 show dynamicport protocol=tcp`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question(pub(super) Shown, pub(super) &'static str, pub(super) &'static str);

impl Question {
    /// All there is to be asked.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let of = |shown, family| ["tcp", "udp"].map(|transport| Self(shown, family, transport));
        ["ipv4", "ipv6"].into_iter().flat_map(move |family| {
            [Shown::Dynamic, Shown::Excluded].into_iter().flat_map(move |shown| of(shown, family))
        })
    }

    fn words(self) -> [String; 5] {
        let Self(shown, family, transport) = self;
        let shown = match shown {
            Shown::Dynamic => "dynamicport",
            Shown::Excluded => "excludedportrange",
        };
        ["interface".into(), family.into(), "show".into(), shown.into(), format!("protocol={transport}")]
    }

    fn ask(self) -> io::Result<Child> {
        let mut netsh = Command::new(system_folder().join("netsh.exe"));
        netsh.args(self.words()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
    }
}

/// The answers, each behind its question; no text where netsh does not answer. They are asked for
/// all at once: netsh takes its time.
pub(super) fn answers(questions: impl Iterator<Item = Question>) -> Vec<(Question, String)> {
    let asked: Vec<_> = questions.map(|question| (question, question.ask())).collect();
    let answer = |(question, asked): (Question, io::Result<Child>)| {
        let output = asked.and_then(Child::wait_with_output).ok().filter(|output| output.status.success());
        // What is not ASCII is in the console's code page. The numbers are.
        (question, output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default())
    };
    asked.into_iter().map(answer).collect()
}

/// Reads what netsh shows of everything, as if it were seen in a console; `None` where it shows
/// nothing.
pub(super) fn transcript() -> Option<String> {
    let answers = answers(Question::all());
    let shows = answers.iter().any(|(question, answer)| question.0 == Shown::Dynamic && dynamic(answer).is_some());
    let lines = |(question, answer): &(Question, String)| format!("netsh {}\n{answer}\n", question.words().join(" "));
    shows.then(|| answers.iter().map(lines).collect())
}
