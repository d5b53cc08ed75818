//! Writing that delays nobody: where a pipe is full and nobody empties it, a thread waits, and the
//! program goes on.

use crate::platform;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Amount of text that may wait to be written, in bytes.
const MOST: usize = 1 << 20;
/// Amount that is written at once: what a pipe takes whole, or not at all (PIPE_BUF in pipe(7)).
const PORTION: usize = 4096;
/// Time for which a reader that takes nothing is waited for in the end. A file needs none.
const PATIENCE: Duration = Duration::from_millis(300);

/// Opens what is written to. Where that takes another process, it has to be waited for, too.
type Open = dyn FnOnce() -> io::Result<Box<dyn Write + Send>> + Send;

/// Something to write to. The thread that does it begins with the first text, for the process has
/// to have one thread until the program is there.
pub(super) struct Sink {
    open: Option<Box<Open>>,
    /// Set if somebody has to read what is written.
    has_reader: bool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Whoever waits for a change of the state is told of it.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Text that is still to be written, and how many events each text tells of.
    waiting: VecDeque<(String, u64)>,
    /// Number of bytes of it there are, what is being written included.
    bytes: usize,
    /// Number of events they tell of.
    events: u64,
    /// Number of times that some of it has been written.
    steps: u64,
    /// Reason why nothing can be written any more.
    failed: Option<io::Error>,
    is_broken: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// A file that is open.
    pub(super) fn file(file: File) -> Self {
        let has_reader = !file.metadata().is_ok_and(|metadata| metadata.is_file());
        Self { has_reader, ..Self::new(|| Ok(file)) }
    }

    /// A file that is open, to write at its end. Where it has been renamed meanwhile, or removed,
    /// as logs are, writing goes on in a new one of its name.
    pub(super) fn log(file: File, path: PathBuf) -> Self {
        let has_reader = !file.metadata().is_ok_and(|metadata| metadata.is_file());
        let rotated = Rotated { file, path };
        if has_reader { Self::file(rotated.file) } else { Self { has_reader, ..Self::new(|| Ok(rotated)) } }
    }

    /// Opens it as soon as there is something to write, in the thread that writes.
    pub(super) fn new<W: Write + Send + 'static>(open: impl FnOnce() -> io::Result<W> + Send + 'static) -> Self {
        let open = Box::new(|| open().map(|file| Box::new(file) as Box<dyn Write + Send>));
        Self { open: Some(open), has_reader: true, shared: Arc::default() }
    }

    /// Takes a text that tells of so many events; false where too much waits already. What is
    /// written to a sink that has failed is of no use to anybody.
    pub(super) fn take(&mut self, text: String, events: u64) -> bool {
        if let Some(open) = self.open.take() {
            let shared = Arc::clone(&self.shared);
            let begun = thread::Builder::new().spawn(move || write(&shared, open));
            if let Err(e) = begun {
                self.shared.state().fail(e);
            }
        }
        let mut state = self.shared.state();
        if state.is_broken {
            return true;
        }
        if state.bytes + text.len() > MOST {
            return false;
        }
        state.bytes += text.len();
        state.events += events;
        state.waiting.push_back((text, events));
        self.shared.changed.notify_all();
        true
    }

    /// Waits until all is written, as long as somebody reads it. Tells how many events could not
    /// be, or why.
    pub(super) fn finish(self) -> io::Result<u64> {
        let mut state = self.shared.state();
        while state.bytes > 0 && !state.is_broken {
            let steps = state.steps;
            let still = |state: &mut State| state.bytes > 0 && state.steps == steps && !state.is_broken;
            let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, still);
            let (now, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = now;
            if waited.timed_out() && self.has_reader {
                break;
            }
        }
        state.failed.take().map_or(Ok(state.events), Err)
    }
}

/// A log of that name.
struct Rotated {
    file: File,
    path: PathBuf,
}

impl Write for Rotated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = platform::successor(&self.file, &self.path) {
            self.file = file;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl State {
    fn fail(&mut self, e: io::Error) {
        self.failed = Some(e);
        self.is_broken = true;
    }
}

fn write(shared: &Shared, open: Box<Open>) {
    let failed = |e| {
        shared.state().fail(e);
        shared.changed.notify_all();
    };
    let mut file = match open() {
        Ok(file) => file,
        Err(e) => return failed(e),
    };
    loop {
        let state = shared.changed.wait_while(shared.state(), |state| state.waiting.is_empty());
        let Some((text, events)) = state.unwrap_or_else(PoisonError::into_inner).waiting.pop_front() else { continue };
        let mut left = text.len();
        for portion in portions(&text) {
            if let Err(e) = file.write_all(portion.as_bytes()) {
                return failed(e);
            }
            let mut state = shared.state();
            state.bytes -= portion.len();
            state.steps += 1;
            left -= portion.len();
            // Told of as a whole, they are lost as a whole.
            state.events -= if left == 0 { events } else { 0 };
            shared.changed.notify_all();
        }
    }
}

/// The text in pieces of whole lines that a pipe takes at once, as far as the lines let that be.
fn portions(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        let line_end = |range: &[u8]| range.iter().rposition(|b| *b == b'\n').map(|at| at + 1);
        let end = if bytes.len() <= PORTION { Some(bytes.len()) } else { line_end(&bytes[..PORTION]) };
        let end = end.or_else(|| bytes.iter().position(|b| *b == b'\n').map(|at| at + 1)).unwrap_or(bytes.len());
        let (portion, rest) = text.split_at(end);
        text = rest;
        (!portion.is_empty()).then_some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_whole() {
        let long = "x".repeat(PORTION + 1);
        for text in ["", "a", "a\nb\n", &format!("{long}\nb"), &format!("a\n{long}"), &"line\n".repeat(5000)] {
            let all: Vec<_> = portions(text).collect();
            assert_eq!(all.concat(), text);
            let (last, others) = all.split_last().map_or((None, &[][..]), |(last, others)| (Some(last), others));
            assert!(others.iter().all(|portion| portion.ends_with('\n')));
            assert!(last.is_none_or(|last| !last.is_empty()));
        }
    }

    #[test]
    fn what_nobody_reads_is_counted() {
        let (reader, writer) = io::pipe().unwrap();
        let mut sink = Sink::new(|| Ok(writer));
        let line = "x".repeat(99) + "\n";
        let mut taken = 0;
        while sink.take(line.repeat(100), 100) {
            taken += 100;
        }
        let lost = sink.finish().unwrap();
        assert!(0 < lost && lost <= taken, "{lost} of {taken}");
        drop(reader);
    }

    #[test]
    fn all_is_written_where_somebody_reads() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut sink = Sink::new(|| Ok(writer));
        let text = "line\n".repeat(100_000);
        assert!(sink.take(text.clone(), 100_000));
        let read = thread::spawn(move || {
            let mut bytes = vec![0; text.len()];
            io::Read::read_exact(&mut reader, &mut bytes).unwrap();
            bytes == text.as_bytes()
        });
        assert_eq!(sink.finish().unwrap(), 0);
        assert!(read.join().unwrap());
    }
}
