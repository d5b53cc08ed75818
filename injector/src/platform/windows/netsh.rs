//! Port settings of this host, as netsh shows them. Windows documents no other way to all of them.

use super::super::windows_formats::listing::{dynamic, parts};
use super::find::system_folder;
use portshim_policy::netsh::Object;
use portshim_policy::ports::Scope;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A question, as netsh takes it: `interface ipv4 show dynamicport protocol=tcp`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) shown: Object,
    pub(super) scope: Scope,
}

impl Question {
    /// All there is to be asked.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [[Scope::Tcp4, Scope::Udp4], [Scope::Tcp6, Scope::Udp6]].into_iter().flat_map(|family| {
            [Object::DynamicPort, Object::ExcludedPortRange]
                .into_iter()
                .flat_map(move |shown| family.map(|scope| Self { shown, scope }))
        })
    }

    /// Command line of netsh, word by word.
    pub(super) fn words(self) -> [String; 5] {
        let (transport, family) = self.scope.name().split_at(3);
        let (family, protocol) = (format!("ipv{family}"), format!("protocol={transport}"));
        ["interface".into(), family, "show".into(), self.shown.to_string(), protocol]
    }

    fn is_dynamic(&self) -> bool {
        self.shown == Object::DynamicPort
    }
}

/// Time that netsh may take: as a rule it is some tenths of a second.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// The answers, each behind its question, no text where netsh does not answer; and whether it took
/// no longer than it may. All are asked for at once: to start takes netsh longer than to answer.
pub(super) fn answers(questions: &[Question]) -> (Vec<(Question, String)>, bool) {
    let until = Instant::now() + LIMIT;
    let together = if questions.len() > 1 { from_script(questions, until) } else { None };
    let answers = together.unwrap_or_else(|| {
        // One that has not answered in time does not answer several times either.
        let asked = questions.iter().filter(|_| Instant::now() < until);
        let asked: Vec<_> = asked.map(|question| Asked::begin(&question.words())).collect();
        asked.into_iter().map(|asked| asked.and_then(|asked| asked.answer(until)).unwrap_or_default()).collect()
    });
    let answers = answers.into_iter().chain(std::iter::repeat_with(String::new));
    (questions.iter().copied().zip(answers).collect(), Instant::now() < until)
}

/// All answers of one netsh, which reads the questions in a file.
fn from_script(questions: &[Question], until: Instant) -> Option<Vec<String>> {
    let mut script = tempfile::Builder::new().prefix("portshim").suffix(".txt").tempfile().ok()?;
    for question in questions {
        writeln!(script, "{}", question.words().join(" ")).ok()?;
    }
    // Closed, for netsh may not want to share it.
    let script = script.into_temp_path();
    let text = Asked::begin(&["-f".as_ref(), script.as_os_str()])?.answer(until)?;
    parts(&text, &questions.iter().map(Question::is_dynamic).collect::<Vec<_>>())
}

/// A netsh that has been started, and what it says.
struct Asked {
    netsh: Child,
    said: Receiver<String>,
}

impl Asked {
    fn begin(words: &[impl AsRef<OsStr>]) -> Option<Self> {
        let mut netsh = Command::new(system_folder().join("netsh.exe"));
        netsh.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut netsh = netsh.spawn().ok()?;
        let mut output = netsh.stdout.take()?;
        let (tell, said) = channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = output.read_to_end(&mut text);
            // What is not ASCII is in the console's code page. The numbers are. Nobody may be
            // waiting any more.
            let _ = tell.send(String::from_utf8_lossy(&text).into_owned());
        });
        Some(Self { netsh, said })
    }

    /// Its answer, if it succeeds in time; if not, it is ended.
    fn answer(mut self, until: Instant) -> Option<String> {
        match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(text) => self.netsh.wait().is_ok_and(|status| status.success()).then_some(text),
            Err(_) => {
                let _ = self.netsh.kill();
                let _ = self.netsh.wait();
                None
            }
        }
    }
}

/// Reads what netsh shows of everything, as if it were seen in a console; `None` where it shows
/// nothing.
pub(super) fn transcript() -> Option<String> {
    let (answers, _) = answers(&Question::all().collect::<Vec<_>>());
    let shows = answers.iter().any(|(question, answer)| question.is_dynamic() && dynamic(answer).is_some());
    let lines = |(question, answer): &(Question, String)| format!("netsh {}\n{answer}\n", question.words().join(" "));
    shows.then(|| answers.iter().map(lines).collect())
}
