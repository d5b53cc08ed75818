//! The ports that a measured process holds.

use crate::netns;
use portshim_tests::work::calls;
use portshim_tests::work::task::{Kind, Order};
use std::collections::HashMap;
use std::io::{ErrorKind, Result};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Sockets, by the port that each has.
pub(crate) struct Held {
    /// All ports there are.
    ports: Vec<u16>,
    sockets: HashMap<u16, OwnedFd>,
    /// Number of sockets this process may have.
    most: usize,
}

/// A port is asked for in this way: bind(0), or connect.
pub(crate) type Ask<'a> = dyn Fn(&OwnedFd) -> Result<()> + 'a;

impl Held {
    pub(crate) fn new(ports: Vec<u16>) -> Self {
        Self { ports, sockets: HashMap::new(), most: netns::sockets() }
    }

    pub(crate) fn len(&self) -> usize {
        self.sockets.len()
    }

    pub(crate) fn clear(&mut self) {
        self.sockets.clear();
    }

    /// Tells whether there are ports left, and no descriptors for them.
    pub(crate) fn needs_help(&self) -> bool {
        self.len() >= self.most && self.len() < self.ports.len()
    }

    /// Asks for ports until there is none left, or the time is over: the sockets, and how long the
    /// asking took.
    pub(crate) fn fill(&self, kind: Kind, within: Duration, ask: &Ask<'_>) -> Result<(Vec<OwnedFd>, Duration)> {
        let room = self.most - self.len();
        let mut sockets = Vec::with_capacity(room.min(self.ports.len()));
        let mut took = Duration::ZERO;
        while sockets.len() < room && took < within {
            let socket = calls::socket(kind)?;
            let since = Instant::now();
            let answer = ask(&socket);
            took += since.elapsed();
            match answer {
                Ok(()) => sockets.push(socket),
                Err(error) if is_exhausted(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok((sockets, took))
    }

    /// Keeps sockets that have a port.
    pub(crate) fn keep(&mut self, kind: Kind, sockets: Vec<OwnedFd>) -> Result<()> {
        for socket in sockets {
            if kind == Kind::TcpConnect {
                calls::reset_on_close(&socket)?;
            }
            self.sockets.insert(calls::port(&socket)?, socket);
        }
        Ok(())
    }

    /// Takes the ports that are not held yet, each by its number.
    pub(crate) fn take_rest(&mut self, kind: Kind, take: &dyn Fn(&OwnedFd, u16) -> Result<()>) -> Result<()> {
        let rest: Vec<u16> = self.ports.iter().copied().filter(|port| !self.sockets.contains_key(port)).collect();
        let room = self.most - self.len();
        let mut sockets = Vec::with_capacity(room.min(rest.len()));
        for port in rest {
            if sockets.len() >= room {
                break;
            }
            let socket = calls::socket(kind)?;
            match take(&socket, port) {
                Ok(()) => sockets.push(socket),
                // Another process has it.
                Err(error) if is_exhausted(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.keep(kind, sockets)
    }

    /// Closes sockets until so many ports are free.
    pub(crate) fn release(&mut self, kind: Kind, free: usize, order: Order, seed: u64) {
        for port in self.released(kind, free, order, seed) {
            self.sockets.remove(&port);
        }
    }

    /// Which ports are free then.
    pub(crate) fn released(&self, kind: Kind, free: usize, order: Order, seed: u64) -> Vec<u16> {
        self.order(kind, order, seed).into_iter().rev().take(free).collect()
    }

    /// All ports, in the order in which they were taken; the same in every process for the same
    /// seed.
    fn order(&self, kind: Kind, order: Order, seed: u64) -> Vec<u16> {
        let mut ports = self.ports.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut ports);
        let low = ports.iter().copied().min().unwrap_or(0);
        // A connect takes the first, third, … port of the range, and all others only when these are
        // taken; a bind does it the other way round (inet_csk_find_open_port, __inet_hash_connect).
        let first = match kind {
            Kind::TcpConnect => 0,
            Kind::TcpBind => 1,
            Kind::UdpBind => return ports,
        };
        if order == Order::Native {
            ports.sort_by_key(|port| (port - low) % 2 != first);
        }
        ports
    }
}

fn is_exhausted(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable)
}
