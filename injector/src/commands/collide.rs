//! `portshim collide`: a port that a stranger holds.

use super::ports::single;
use super::program::find;
use super::restrict::holder;
use super::time::duration;
use crate::args::{Options, State};
use crate::messages::{self, Failure};
use crate::platform::{self, Socket, Stranger};
use crate::present;
use portshim_policy::ports::{Scope, ScopeSet, Transport};
use std::time::{Duration, Instant};

pub(super) fn collide(args: &Options) -> Result<u32, Failure> {
    let (port, scopes) = single(&args.port)?;
    let time = args.time.as_deref().map(duration).transpose()?;
    let state = args.state;
    let of_tcp = |scopes: ScopeSet| scopes.iter().filter(|scope| scope.transport() == Transport::Tcp).collect();
    let scopes: ScopeSet = if state.rests() { of_tcp(scopes) } else { scopes };
    if scopes.bits() == 0 {
        return Err(messages::nothing_rests(&args.port));
    }
    let program = args.command.first().map(|command| find(args, command)).transpose()?;
    let held = match state {
        #[cfg(target_os = "linux")]
        State::TimeWait => Stranger::resting(port, scopes),
        State::Bound | State::Listening => Stranger::bound(port, scopes, state == State::Listening),
    };
    let held = held.map_err(|(scope, why)| messages::cannot_collide(port, scope, why, &holder(taken(port, scope))))?;
    match program {
        None => {
            present::print(&messages::collides(port, held.scopes()))?;
            wait(held, time)
        }
        Some(program) => {
            let begun = Instant::now();
            let mut held = Some(held);
            let mut meanwhile = || {
                held.take_if(|_| time.is_some_and(|time| begun.elapsed() >= time));
                held.iter_mut().for_each(Stranger::go_on);
                false
            };
            let ended = platform::watch_program(&program, &args.command[1..], None, None, Some(&mut meanwhile))?;
            drop(held);
            Ok(ended.pass_on())
        }
    }
}

/// A socket that has the port where this process is.
fn taken(port: u16, scope: Scope) -> Option<Socket> {
    let sockets = platform::sockets([std::process::id()]).ok()?;
    let has = |socket: &Socket| socket.port == port && socket.scopes.contains(scope);
    sockets.into_iter().filter(has).min_by_key(Socket::waits)
}

fn wait(mut held: Stranger, time: Option<Duration>) -> Result<u32, Failure> {
    platform::wait_for_end(time, || held.go_on()).map_err(messages::cannot_wait)?;
    Ok(0)
}
