//! Calls that no sound program makes: every hooked call with bad pointers, lengths, families,
//! descriptors and numbers. Each is made on a fresh descriptor, and says what it came to and which
//! address the socket then has.

mod addresses;
mod descriptors;
mod memory;
mod messages;
mod privileged;
mod scene;

use super::calls::{self, Via};
use super::fixture::{self, Ports};
use super::play;
use memory::Memory;
use scene::Scene;

/// Prints one line for each bad call.
///
/// # Errors
/// Where the probe cannot set the scene.
pub(super) fn run(words: &[String]) -> Result<(), String> {
    let ports = Ports::parse(words)?;
    play::give_up_after(1800);
    let servers = fixture::servers()?;
    let scene = Scene { ports, memory: Memory::map()? };
    addresses::run(&scene)?;
    messages::run(&scene)?;
    descriptors::run(&scene)?;
    privileged::run(&scene)?;
    for fd in servers {
        let _ = calls::close(fd, Via::Name);
    }
    Ok(())
}
