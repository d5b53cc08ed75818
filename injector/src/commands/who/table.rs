//! Sockets, for people to look at.

use super::shown::{Holder, Shown};
use crate::messages;
use crate::platform::State;
use crate::present::{ago, for_a_while, one_line};

/// Number of sockets that are listed where not all are asked for.
const SOME: usize = 20;

pub(super) fn of(port: &str, sockets: &[Shown], width: usize, all: bool) -> String {
    if sockets.is_empty() {
        return messages::nobody_has(port) + "\n";
    }
    let listed = if all || sockets.len() <= SOME { sockets.len() } else { SOME };
    let mut text: String = sockets[..listed].iter().map(|socket| one(socket, width)).collect();
    if listed < sockets.len() {
        text += &messages::more_sockets(sockets.len() - listed);
        text.push('\n');
    }
    text
}

fn one(socket: &Shown, width: usize) -> String {
    let address = if socket.address.contains(':') { format!("[{}]", socket.address) } else { socket.address.clone() };
    let mut text = format!("{} {address}:{} {}\n", socket.scopes.join(" "), socket.port, state(socket));
    if let Some(out) = &socket.handed_out {
        text += &format!(
            "  handed out {} to process {} of session {}, by {}, {}\n",
            out.time, out.process, out.session, out.call, out.how
        );
    }
    let user = socket.user.as_deref().unwrap_or_default();
    for holder in &socket.processes {
        text += &one_line(&process(holder, user), width.saturating_sub(2)).replacen("", "  ", 1);
        text.push('\n');
    }
    match (socket.hidden, socket.processes.is_empty()) {
        (true, _) => text += &format!("  {}\n", messages::hidden_holder(user, socket.denied)),
        (false, true) => text += &format!("  {}\n", messages::NO_HOLDER),
        _ => {}
    }
    text
}

fn state(socket: &Shown) -> String {
    let peer = socket.peer.as_deref().unwrap_or("?");
    match socket.is {
        State::Bound => "bound".into(),
        State::Listen => "listening".into(),
        State::Established => format!("connected to {peer}"),
        State::SynSent => format!("connecting to {peer}"),
        State::SynReceived => format!("being connected to by {peer}"),
        State::TimeWait(left) => {
            let left = left.map_or_else(String::new, |left| format!(" for {} more", for_a_while(left)));
            format!("in TIME_WAIT{left}, once connected to {peer}")
        }
        closing => {
            format!("closing its connection to {peer} ({})", closing.to_string().to_uppercase().replace('-', "_"))
        }
    }
}

fn process(holder: &Holder, user: &str) -> String {
    let of = if user.is_empty() { String::new() } else { format!(" of {user}") };
    let session = holder.session.as_ref().map_or_else(String::new, |id| format!(", session {id}"));
    let age = ago(holder.age);
    format!("process {}{of}{session}, started {age}: {}", holder.process.pid, holder.process.command)
}
