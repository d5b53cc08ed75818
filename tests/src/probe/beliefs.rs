//! Wrong beliefs: entries of a session's busy ports that nobody has earned. The session's file is
//! written over, as any of its programs might.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Number of 64-bit words that hold a bit for each port; a count of them follows.
const WORDS: u64 = 1024;
/// Number of scopes, whose busy ports follow each other.
const SCOPES: u64 = 4;
/// Number of ports taken to tell the place of the bits from everything else that changes.
const SAMPLES: usize = 8;

/// Prints where in its session's file the busy ports begin: their bits appear as ports are taken.
/// The session's policy must have portshim bind each port by number.
pub(super) fn find() -> Result<(), String> {
    let mut places: Option<BTreeSet<usize>> = None;
    let mut held = Vec::new();
    for _ in 0..SAMPLES {
        let before = words()?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("cannot bind: {e}"))?;
        let port = usize::from(listener.local_addr().map_err(|e| e.to_string())?.port());
        held.push(listener);
        let after = words()?;
        let appeared = before.iter().zip(&after).enumerate();
        let appeared = appeared.filter(|(_, (before, after))| *after & !*before == 1 << (port % 64));
        let found: BTreeSet<usize> = appeared.filter_map(|(at, _)| at.checked_sub(port / 64)).collect();
        places = Some(places.map_or(found.clone(), |places| &places & &found));
    }
    let places = places.unwrap_or_default();
    match (places.first(), places.len()) {
        (Some(place), 1) => println!("{}", place * 8),
        _ => return Err(format!("the busy ports may begin at any of {places:?}")),
    }
    Ok(())
}

/// Writes beliefs into the session's file and becomes a program: the words say where they begin,
/// what shall be believed (`all` or `random`), and the command line.
pub(super) fn lay(words: &[String]) -> Result<(), String> {
    let [at, what, program, arguments @ ..] = words else {
        return Err("usage: portshim-probe believe OFFSET all|random COMMAND…".into());
    };
    let at: u64 = at.parse().map_err(|_| format!("`{at}` is no offset"))?;
    let mut random = 0u64;
    let mut entry = || match what.as_str() {
        "all" => u64::MAX,
        _ => {
            // A counter through the finalizer of SplitMix64.
            random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (random ^ random >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed ^ mixed >> 27
        }
    };
    let file = File::options().write(true).open(path()?).map_err(|e| format!("cannot open the session: {e}"))?;
    for scope in 0..SCOPES {
        let entries: Vec<u64> = (0..WORDS).map(|_| entry()).collect();
        let count = entries.iter().map(|entry| u64::from(entry.count_ones())).sum();
        let bytes: Vec<u8> = entries.into_iter().chain([count]).flat_map(u64::to_ne_bytes).collect();
        file.write_all_at(&bytes, at + scope * (WORDS + 1) * 8).map_err(|e| format!("cannot write: {e}"))?;
    }
    Err(format!("cannot run `{program}`: {}", Command::new(program).args(arguments).exec()))
}

fn path() -> Result<String, String> {
    std::env::var("PORTSHIM_SESSION").map_err(|_| "this program is in no session".into())
}

fn words() -> Result<Vec<u64>, String> {
    let bytes = fs::read(path()?).map_err(|e| format!("cannot read the session: {e}"))?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect())
}
