//! Inputs: what is in a target's corpus, and what comes of it when it is cut, torn and glued.

use super::target::Target;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use std::fs;
use std::path::{Path, PathBuf};

/// Number of mutations that are tried where nothing else is said.
const CASES: u32 = 400;
/// Where their randomness begins where nothing else is said.
const SEED: u64 = 6056;
/// The longest input, in bytes.
const LONGEST: usize = 1 << 16;

/// A change of an input. An index stands for a place of it.
#[derive(Clone, Debug)]
enum Mutation {
    /// One of the target's own words comes in.
    Word(Index, Index),
    /// Any bytes come in.
    Bytes(Index, Vec<u8>),
    /// A number that is at some border comes in.
    Number(Index, Index),
    /// A byte changes.
    Flip(Index, u8),
    /// A part goes.
    Cut(Index, usize),
    /// All from here on goes.
    Truncate(Index),
    /// A part stands twice.
    Double(Index, usize),
    /// A part of another input comes in.
    Splice(Index, Index, Index, usize),
}

const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "-1",
    "254",
    "255",
    "1023",
    "1024",
    "1025",
    "5000",
    "49151",
    "49152",
    "65534",
    "65535",
    "65536",
    "4294967296",
    "18446744073709551616",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), at()).prop_map(|(at, word)| Mutation::Word(at, word)),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..5)).prop_map(|(at, bytes)| Mutation::Bytes(at, bytes)),
        2 => (at(), at()).prop_map(|(at, number)| Mutation::Number(at, number)),
        2 => (at(), 1u8..).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        2 => (at(), 1usize..40).prop_map(|(at, length)| Mutation::Cut(at, length)),
        1 => at().prop_map(Mutation::Truncate),
        1 => (at(), 1usize..200).prop_map(|(at, length)| Mutation::Double(at, length)),
        2 => (at(), at(), at(), 1usize..200).prop_map(|(at, other, from, n)| Mutation::Splice(at, other, from, n)),
    ]
}

/// The inputs and the words that a target is tried with.
struct Inputs {
    corpus: Vec<(PathBuf, Vec<u8>)>,
    words: &'static [&'static str],
}

impl Inputs {
    fn apply(&self, mutation: &Mutation, input: &mut Vec<u8>) {
        let place = |at: &Index, input: &[u8]| at.index(input.len() + 1);
        let insert = |at: &Index, input: &mut Vec<u8>, bytes: &[u8]| {
            let at = place(at, input);
            input.splice(at..at, bytes.iter().copied());
        };
        match mutation {
            Mutation::Word(at, word) => insert(at, input, at_word(self.words, word).as_bytes()),
            Mutation::Bytes(at, bytes) => insert(at, input, bytes),
            Mutation::Number(at, number) => insert(at, input, at_word(&NUMBERS, number).as_bytes()),
            Mutation::Flip(at, bits) => {
                if !input.is_empty() {
                    let at = at.index(input.len());
                    input[at] ^= bits;
                }
            }
            Mutation::Cut(at, length) => {
                let at = place(at, input);
                input.drain(at..(at + length).min(input.len()));
            }
            Mutation::Truncate(at) => input.truncate(place(at, input)),
            Mutation::Double(at, length) => {
                let at = place(at, input);
                let part = input[at..(at + length).min(input.len())].to_vec();
                input.splice(at..at, part);
            }
            Mutation::Splice(at, other, from, length) => {
                let (_, other) = &self.corpus[other.index(self.corpus.len())];
                let from = place(from, other);
                let at = place(at, input);
                input.splice(at..at, other[from..(from + length).min(other.len())].iter().copied());
            }
        }
        input.truncate(LONGEST);
    }

    fn input(&self, seed: &Index, mutations: &[Mutation]) -> Vec<u8> {
        let mut input = self.corpus[seed.index(self.corpus.len())].1.clone();
        for mutation in mutations {
            self.apply(mutation, &mut input);
        }
        input
    }
}

fn at_word<'w>(words: &[&'w str], index: &Index) -> &'w str {
    words[index.index(words.len())]
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    let read = |path: PathBuf| (path.clone(), fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    paths.into_iter().map(read).collect()
}

/// Puts every input of the corpus to a target, and then mutations of them.
pub(super) fn fuzz(target: &Target) {
    let Target { name, folders, words, cost, check } = *target;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus: Vec<_> = folders.iter().flat_map(|folder| files(&here.join(folder))).collect();
    assert!(!corpus.is_empty(), "{name} has no corpus");
    for (path, input) in &corpus {
        // Seen where the check panics.
        eprintln!("{}", path.display());
        check(input);
    }
    let inputs = Inputs { corpus, words };
    let mut config = ProptestConfig { failure_persistence: None, max_shrink_iters: 1024, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    config.cases = config.cases.div_ceil(cost);
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let cases = (any::<Index>(), prop::collection::vec(mutation(), 0..10));
    let result = TestRunner::new(config).run(&cases, |(seed, mutations)| {
        check(&inputs.input(&seed, &mutations));
        Ok(())
    });
    if let Err(TestError::Fail(reason, (seed, mutations))) = result {
        let input = inputs.input(&seed, &mutations);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
        let kept = fs::write(&path, &input).map_or_else(|e| e.to_string(), |()| path.display().to_string());
        panic!(
            "{name}: {reason}\nthe input: {}\nis in {kept}; add it to the corpus once this is mended",
            input.escape_ascii()
        );
    }
    result.expect("there is nothing else that can go wrong");
}
