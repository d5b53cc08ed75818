//! Performs scripts and prints a transcript: one line for each call.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::IpAddr;

use super::calls::{self, Answer, Via};
use super::fixture::{self, Ports, Space};
use super::{address, options, sends};

/// A descriptor that the script has a name for.
#[derive(Clone, Copy)]
struct Slot {
    fd: i32,
    space: Space,
}

/// What a script has open.
struct Player {
    ports: Ports,
    slots: BTreeMap<String, Slot>,
    pool: Vec<i32>,
    peers: Vec<i32>,
    servers: Vec<i32>,
}

/// Plays the scripts on standard input. A line `== NAME` begins each; it begins with nothing open.
///
/// # Errors
/// Where a script cannot be read.
pub(super) fn scripts(ports: Ports) -> Result<(), String> {
    give_up_after(240);
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|e| format!("cannot read the script: {e}"))?;
    let servers = fixture::servers()?;
    let mut player = Player { ports, slots: BTreeMap::new(), pool: Vec::new(), peers: Vec::new(), servers };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut begun = false;
    for line in text.lines().filter(|l| !l.trim().is_empty()) {
        let said = if line.starts_with("==") {
            if begun {
                writeln!(out, "{}", player.clear()).map_err(|e| e.to_string())?;
            }
            begun = true;
            line.to_owned()
        } else {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{line} => {}", player.step(&words).map_err(|e| format!("`{line}`: {e}"))?)
        };
        writeln!(out, "{said}").map_err(|e| e.to_string())?;
    }
    writeln!(out, "{}", player.clear()).map_err(|e| e.to_string())?;
    out.flush().map_err(|e| e.to_string())
}

/// A call that never returns must not keep the harness waiting.
pub(super) fn give_up_after(seconds: u32) {
    // SAFETY: alarm(2) takes no pointers.
    unsafe { libc::alarm(seconds) };
}

fn show(answer: Answer) -> String {
    answer.map_or_else(calls::errno_name, |n| if n == 0 { "ok".into() } else { n.to_string() })
}

impl Player {
    fn step(&mut self, words: &[&str]) -> Result<String, String> {
        let (op, via) = match words[0].split_once('/') {
            Some((op, "sys")) => (op, Via::Syscall),
            Some((op, "twin")) => (op, Via::Twin),
            Some(_) => return Err("unknown way to call".into()),
            None => (words[0], Via::Name),
        };
        let slot = words.get(1).copied().unwrap_or_default();
        let fd = self.slots.get(slot).map_or(-1, |s| s.fd);
        let answer = match (op, &words[1..]) {
            ("socket", [slot, kind, rest @ ..]) => {
                let (answer, space) = fixture::socket(kind, rest.contains(&"graceful"), via)?;
                return Ok(self.keep(slot, answer, space));
            }
            ("set", [_, name, value]) => {
                let Some(value) = self.option_value(name, value, slot)? else { return Ok("skip".into()) };
                options::set(fd, name, value)?
            }
            ("get", [_, name]) => {
                let answer = options::get(fd, name)?;
                return Ok(match (*name, answer) {
                    ("error", Ok(n)) if n != 0 => calls::errno_name(n as i32),
                    (_, Ok(n)) => format!("={n}"),
                    (_, Err(n)) => calls::errno_name(n),
                });
            }
            ("bind", [_, address, port]) => {
                let Some(port) = self.port(port, slot)? else { return Ok("skip".into()) };
                calls::bind(fd, &address::encode(address::named(address)?, port), via)
            }
            ("listen", [_]) => calls::listen(fd, 128, via),
            ("connect", [_, address, port]) => {
                let Some(port) = self.port(port, slot)? else { return Ok("skip".into()) };
                let answer = calls::connect(fd, &address::encode(address::named(address)?, port), via);
                return Ok(self.settled(slot, fd, answer));
            }
            ("unspec", [_]) => calls::connect(fd, &[0; 16], via),
            ("accept" | "accept4", [_, new]) => {
                let was = calls::fcntl(fd, libc::F_GETFL, 0).unwrap_or(0) as i32;
                let _ = calls::fcntl(fd, libc::F_SETFL, was | libc::O_NONBLOCK);
                let answer = calls::accept(fd, op == "accept4", via);
                let _ = calls::fcntl(fd, libc::F_SETFL, was);
                if let Ok(new) = answer {
                    fixture::reset_on_close(new as i32);
                }
                return Ok(self.keep(new, answer, Space::Tcp));
            }
            ("dup", [_, new]) => {
                let space = self.slots.get(slot).map_or(Space::Tcp, |s| s.space);
                return Ok(self.keep(new, calls::dup(fd), space));
            }
            ("dup2" | "dup3", [_, to]) => {
                let Some(old) = self.slots.get(*to).copied() else { return Ok("skip".into()) };
                let answer = calls::dup_to(fd, old.fd, op == "dup3");
                if let (Ok(_), Some(space)) = (answer, self.slots.get(slot).map(|s| s.space)) {
                    self.slots.insert((*to).to_owned(), Slot { fd: old.fd, space });
                }
                return Ok(format!("{} {}", show(answer.map(|_| 0)), self.name(to)));
            }
            ("close", [_]) => {
                self.slots.remove(slot);
                return Ok(show(calls::close(fd, via)));
            }
            ("rresvport", [slot]) => return Ok(self.reserved(slot, None)),
            ("rresvport_af", [slot, "4"]) => return Ok(self.reserved(slot, Some(libc::AF_INET))),
            ("rresvport_af", [slot, "6"]) => return Ok(self.reserved(slot, Some(libc::AF_INET6))),
            ("rresvport_af", [slot, "unix"]) => return Ok(self.reserved(slot, Some(libc::AF_UNIX))),
            ("bindresvport", [_]) => calls::bind_reserved(fd),
            ("name", [_]) => return Ok(self.name(slot)),
            ("peer", [_]) => return Ok(self.label(calls::name(fd, true))),
            ("same", [_, other]) => return Ok(self.same(slot, other)),
            ("recv", [_]) => calls::recv(fd),
            ("shut", [_, "rd"]) => calls::shutdown(fd, libc::SHUT_RD),
            ("shut", [_, "wr"]) => calls::shutdown(fd, libc::SHUT_WR),
            ("hangup" | "served", [_]) => {
                let Some(peer) = self.peers.pop() else { return Ok("skip".into()) };
                if op == "hangup" {
                    let _ = calls::shutdown(fd, libc::SHUT_WR);
                }
                fixture::close_gracefully(peer)
            }
            ("poll", [_]) => {
                return Ok(format!("{:#x} {}", calls::poll(fd, libc::POLLIN | libc::POLLOUT, 0), self.name(slot)));
            }
            ("fill", [count, kind, how @ ..]) => return self.fill(count, kind, how),
            ("drain", []) => {
                for fd in self.pool.drain(..) {
                    let _ = calls::close(fd, Via::Name);
                }
                return Ok("ok".into());
            }
            ("sleep", [ms]) => {
                std::thread::sleep(std::time::Duration::from_millis(ms.parse().map_err(|_| "not a number")?));
                return Ok("ok".into());
            }
            (form, [_]) => sends::send(form, fd, &[], via)?,
            (form, [_, address, port]) => {
                let Some(port) = self.port(port, slot)? else { return Ok("skip".into()) };
                let answer = sends::send(form, fd, &address::encode(address::named(address)?, port), via)?;
                return Ok(self.settled(slot, fd, answer));
            }
            _ => return Err("cannot be read".into()),
        };
        Ok(format!("{} {}", show(answer), self.name(slot)))
    }

    /// Waits until a connection that was only begun has come to its end, and lets the servers
    /// accept.
    fn settled(&mut self, slot: &str, fd: i32, answer: Answer) -> String {
        let mut said = show(answer);
        if answer == Err(libc::EINPROGRESS) {
            let found = calls::poll(fd, libc::POLLOUT, 1000);
            said += match found {
                0 => "+pending",
                found if found & libc::POLLERR == 0 => "+connected",
                _ => "+failed",
            };
        }
        if self.slots.get(slot).is_some_and(|s| s.space == Space::Tcp) {
            self.accept_peers();
        }
        format!("{said} {}", self.name(slot))
    }

    fn accept_peers(&mut self) {
        for server in self.servers.iter().take(fixture::SERVERS.len()) {
            while let Ok(peer) = calls::accept(*server, true, Via::Name) {
                fixture::reset_on_close(peer as i32);
                self.peers.push(peer as i32);
            }
        }
    }

    fn keep(&mut self, slot: &str, answer: Answer, space: Space) -> String {
        if let Ok(fd) = answer {
            let fd = fd as i32;
            if let Some(old) = self.slots.insert(slot.to_owned(), Slot { fd, space }) {
                let _ = calls::close(old.fd, Via::Name);
            }
        }
        format!("{} {}", show(answer.map(|_| 0)), self.name(slot))
    }

    fn reserved(&mut self, slot: &str, family: Option<i32>) -> String {
        let (answer, port) = calls::reserved_socket(family);
        // Which privileged port is counted down exactly, so it is compared exactly.
        let shown = if answer.is_ok() { port } else { 0 };
        if let Ok(fd) = answer {
            fixture::hurry(fd as i32);
            fixture::reset_on_close(fd as i32);
        }
        format!("{} port={shown}", self.keep(slot, answer, Space::Tcp))
    }

    fn name(&self, slot: &str) -> String {
        self.slots.get(slot).map_or_else(|| "closed".into(), |slot| self.label(calls::name(slot.fd, false)))
    }

    fn label(&self, name: Result<Vec<u8>, i32>) -> String {
        match name.map(|bytes| address::decode(&bytes)) {
            Ok(Some((address, port))) => format!("{address}:{}", self.ports.class(port)),
            Ok(None) => "other".into(),
            Err(number) => calls::errno_name(number),
        }
    }

    fn number(&self, slot: &str) -> Option<u16> {
        let bytes = calls::name(self.slots.get(slot)?.fd, false).ok()?;
        address::decode(&bytes).map(|(_, port)| port).filter(|port| *port != 0)
    }

    fn same(&self, one: &str, other: &str) -> String {
        match (self.number(one), self.number(other)) {
            (Some(a), Some(b)) => if a == b { "same" } else { "different" }.into(),
            _ => "unbound".into(),
        }
    }

    /// The port that a word stands for; `None` where nothing fits it at this point of the script.
    fn port(&self, word: &str, slot: &str) -> Result<Option<u16>, String> {
        if let Some(other) = word.strip_prefix('@') {
            return Ok(self.number(other));
        }
        if let Some(n) = word.strip_prefix("srv") {
            let index: usize = n.parse().map_err(|_| format!("`{word}` is not a port"))?;
            return Ok(fixture::SERVERS.get(index - 1).copied());
        }
        Ok(match word {
            "free" => self.free(slot),
            "first" => self.ports.allowed().next(),
            "reserved" => self.ports.reserved(),
            "refused" => Some(fixture::REFUSED),
            "outside" => Some(fixture::OUTSIDE),
            _ => Some(word.parse().map_err(|_| format!("`{word}` is not a port"))?),
        })
    }

    /// The lowest port of the policy that nothing of the script's holds, in the space of this slot.
    fn free(&self, slot: &str) -> Option<u16> {
        let space = self.slots.get(slot)?.space;
        let held: Vec<u16> =
            self.slots.iter().filter(|(_, s)| s.space == space).filter_map(|(name, _)| self.number(name)).collect();
        self.ports.allowed().find(|port| !held.contains(port))
    }

    fn option_value(&self, name: &str, value: &str, slot: &str) -> Result<Option<u32>, String> {
        if name != "range" {
            return value.parse().map(Some).map_err(|_| format!("`{value}` is not a number"));
        }
        let (low, high) = value.split_once('-').unwrap_or((value, value));
        let ends = (self.port(low, slot)?, self.port(high, slot)?);
        Ok(if let (Some(low), Some(high)) = ends { Some(u32::from(low) | u32::from(high) << 16) } else { None })
    }

    /// Opens sockets until one gets no port, or there are `count` more; keeps them in the pool.
    fn fill(&mut self, count: &str, kind: &str, how: &[&str]) -> Result<String, String> {
        let count: usize = count.parse().map_err(|_| "not a number")?;
        let (mut names, mut last) = (Vec::new(), "room".to_owned());
        for _ in 0..count {
            let (answer, space) = fixture::socket(kind, false, Via::Name)?;
            let Ok(fd) = answer.map(|fd| fd as i32) else {
                last = show(answer);
                break;
            };
            self.slots.insert("fill".into(), Slot { fd, space });
            let answer = self.take_port(fd, how)?;
            self.slots.remove("fill");
            self.accept_peers();
            if !matches!(answer, Ok(_) | Err(libc::EDESTADDRREQ)) {
                let _ = calls::close(fd, Via::Name);
                last = show(answer);
                break;
            }
            self.pool.push(fd);
            names.push(calls::name(fd, false));
        }
        let mut ports: Vec<u16> = names.iter().flatten().filter_map(|b| address::decode(b).map(|(_, p)| p)).collect();
        let mut labels: Vec<String> = names.into_iter().map(|n| self.label(n)).collect();
        let taken = ports.len();
        ports.sort_unstable();
        ports.dedup();
        labels.sort();
        labels.dedup();
        Ok(format!("{taken} distinct={} {last} {}", ports.len(), labels.join(",")))
    }

    fn take_port(&self, fd: i32, how: &[&str]) -> Result<Answer, String> {
        let peer = |address: &str, port: &str| -> Result<Vec<u8>, String> {
            let address: IpAddr = address::named(address)?;
            Ok(address::encode(address, self.port(port, "fill")?.ok_or("no such port")?))
        };
        Ok(match how {
            ["bind", address] => calls::bind(fd, &peer(address, "0")?, Via::Name),
            ["listen"] => calls::listen(fd, 16, Via::Name),
            ["connect", address, port] => calls::connect(fd, &peer(address, port)?, Via::Name),
            ["connect-fast", address, port] => {
                let _ = options::set(fd, "tfoconnect", 1)?;
                calls::connect(fd, &peer(address, port)?, Via::Name)
            }
            ["noport", address, port] => {
                let _ = options::set(fd, "noport", 1)?;
                let _ = calls::bind(fd, &peer(if *address == "lo6" { "lo6" } else { "lo" }, "0")?, Via::Name);
                calls::connect(fd, &peer(address, port)?, Via::Name)
            }
            [form] => sends::send(form, fd, &[], Via::Name)?,
            [form, address, port] => sends::send(form, fd, &peer(address, port)?, Via::Name)?,
            _ => return Err("no way to take a port".into()),
        })
    }

    /// Closes all that the script opened, and says how many descriptors are open then.
    fn clear(&mut self) -> String {
        let slots: Vec<i32> = std::mem::take(&mut self.slots).into_values().map(|slot| slot.fd).collect();
        for fd in slots.into_iter().chain(self.pool.drain(..)).chain(self.peers.drain(..)) {
            let _ = calls::close(fd, Via::Name);
        }
        let free = if self.ports.allowed().all(is_free) { "" } else { " (a port is still taken)" };
        let lowest = calls::dup(1);
        if let Ok(fd) = lowest {
            let _ = calls::close(fd as i32, Via::Name);
        }
        format!("end => descriptors={}{free}", show(lowest))
    }
}

/// Waits until nothing of the last script holds the TCP port: MPTCP closes behind the scenes.
fn is_free(port: u16) -> bool {
    let any = address::encode(std::net::Ipv6Addr::UNSPECIFIED.into(), port);
    (0..200).any(|attempt| {
        if attempt > 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let Ok(fd) = calls::socket(libc::AF_INET6, libc::SOCK_STREAM, 0, Via::Name) else { return false };
        let bound = calls::bind(fd as i32, &any, Via::Name);
        let _ = calls::close(fd as i32, Via::Name);
        bound.is_ok()
    })
}
