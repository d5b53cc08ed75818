//! The measured process: it does what it is told, and answers how long that took. The very same
//! program runs bare and under portshim, and knows not which.

mod crowd;
mod held;

use crate::line;
use crate::netns::{self, Netns};
use crate::process::Process;
use held::Held;
use portshim_tests::work::task::{Answer, Kind, Order, Task, Way};
use portshim_tests::work::{Caller, calls, listener, median_of_portions, took_for};
use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Where connections go that share the ports of others: a port outside every range, too.
const SECOND_DESTINATION: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 701);

/// Carries out one task; or, without one, a task for each line of the input, until it ends.
pub(crate) fn serve(netns: &Netns, is_mate: bool, once: Option<&Task>) -> std::result::Result<(), String> {
    portshim_tests::work::pin().map_err(|e| format!("the processor: {e}"))?;
    let mut worker = Worker {
        netns: netns.clone(),
        held: Held::new(netns.ports()),
        caller: Caller::new(!is_mate),
        mate: None,
        strangers: None,
    };
    match once {
        Some(task) => worker.carry_out(task).map(drop).map_err(|e| e.to_string()),
        None => line::serve(|task| worker.carry_out(task)),
    }
}

struct Worker {
    netns: Netns,
    held: Held,
    caller: Caller,
    /// Holds what this process has no descriptors for.
    mate: Option<Process>,
    strangers: Option<Process>,
}

impl Worker {
    fn carry_out(&mut self, task: &Task) -> Result<Answer> {
        match *task {
            Task::Ask { kind, most, within } => self.ask(kind, most, within),
            Task::ByHand { kind, way, whole, times, free, order, seed } => {
                let ports = self.held.released(kind, free, order, seed);
                self.by_hand(kind, way, whole, &mut ports.into_iter().cycle().take(times as usize))
            }
            Task::Fill { kind, within } => self.fill(kind, within),
            Task::FillSecond { within } => self.fill_second(within),
            Task::Hold { kind, within } => self.hold(kind, within),
            Task::Release { kind, free, order, seed } => {
                self.held.release(kind, free, order, seed);
                self.held_by_all(task)
            }
            Task::Drop => {
                self.held.clear();
                (self.mate, self.strangers) = (None, None);
                self.caller.forget_connections();
                Ok(Answer::Held(0))
            }
            Task::Strangers { kind, free } => self.invite(kind, free),
            Task::Crowd { crowd, size, kind, times } => crowd::together(crowd, size, times, || self.caller.once(kind)),
            Task::Many { sockets } => self.many(sockets),
            Task::Memory => private_memory().map(Answer::Kib),
            _ => self.caller.carry_out(task),
        }
    }

    fn mate(&mut self, task: &Task) -> Result<Answer> {
        if self.mate.is_none() {
            self.mate = Some(Process::mate(&self.netns).map_err(Error::other)?);
        }
        self.mate.as_mut().map_or(Err(Error::other("no mate")), |mate| mate.ask(task).map_err(Error::other))
    }

    /// Number of ports this process and its mates hold after they have all done the task.
    fn held_by_all(&mut self, task: &Task) -> Result<Answer> {
        let own = self.held.len();
        match self.mate.as_mut().map(|mate| mate.ask(task).map_err(Error::other)).transpose()? {
            Some(Answer::Held(more)) => Ok(Answer::Held(own + more)),
            _ => Ok(Answer::Held(own)),
        }
    }

    fn fill(&mut self, kind: Kind, within: Duration) -> Result<Answer> {
        self.caller.listen(kind)?;
        let (sockets, took) = self.held.fill(kind, within, &|socket| self.caller.choose(kind, socket))?;
        let calls = sockets.len() as u64;
        self.held.keep(kind, sockets)?;
        if self.held.needs_help()
            && let Answer::Took { calls: more, nanos } =
                self.mate(&Task::Fill { kind, within: within.saturating_sub(took) })?
        {
            return Ok(took_for(calls + more, took + Duration::from_nanos(nanos)));
        }
        Ok(took_for(calls, took))
    }

    fn fill_second(&mut self, within: Duration) -> Result<Answer> {
        let (kind, second) = (Kind::TcpConnect, calls::address(SECOND_DESTINATION));
        let _listener = listener(&second)?;
        self.hold(kind, within)?;
        let (sockets, took) = self.held.fill(kind, within, &|socket| calls::connect(socket, &second))?;
        sockets.iter().try_for_each(calls::reset_on_close)?;
        Ok(took_for(sockets.len() as u64, took))
    }

    fn hold(&mut self, kind: Kind, within: Duration) -> Result<Answer> {
        self.caller.listen(kind)?;
        let (sockets, took) = self.held.fill(kind, within, &|socket| self.caller.choose(kind, socket))?;
        self.held.keep(kind, sockets)?;
        let (any, to) = (self.caller.any, self.caller.destination);
        self.held.take_rest(kind, &|socket, port| take(kind, socket, port, any, &to))?;
        let own = self.held.len();
        if self.held.needs_help()
            && let Answer::Held(more) = self.mate(&Task::Hold { kind, within: within.saturating_sub(took) })?
        {
            return Ok(Answer::Held(own + more));
        }
        Ok(Answer::Held(own))
    }

    fn many(&mut self, sockets: u32) -> Result<Answer> {
        let here = sockets.min(u32::try_from(netns::sockets()).unwrap_or(u32::MAX));
        let mut open = Vec::with_capacity(here as usize);
        let since = Instant::now();
        for at in 0..here {
            let socket = calls::socket(Kind::UdpBind)?;
            let own = Ipv4Addr::new(127, 0, 0, 1 + (at % 4) as u8);
            calls::bind(&socket, &calls::address(SocketAddrV4::new(own, 0)))?;
            open.push(socket);
        }
        let mut took = since.elapsed();
        if sockets > here
            && let Answer::Took { nanos, .. } = self.mate(&Task::Many { sockets: sockets - here })?
        {
            took += Duration::from_nanos(nanos);
        }
        let since = Instant::now();
        drop(open);
        Ok(took_for(u64::from(sockets), took + since.elapsed()))
    }

    fn ask(&mut self, kind: Kind, most: u32, within: Duration) -> Result<Answer> {
        self.caller.listen(kind)?;
        let mut each = Vec::with_capacity(most as usize);
        let start = Instant::now();
        while each.len() < most as usize && (each.is_empty() || start.elapsed() < within) {
            let socket = calls::socket(kind)?;
            let since = Instant::now();
            self.caller.choose(kind, &socket)?;
            each.push(since.elapsed());
            if kind == Kind::TcpConnect {
                calls::reset_on_close(&socket)?;
            }
        }
        if self.held.len() > 0 || self.strangers.is_some() {
            return Ok(took_for(each.len() as u64, each.iter().sum()));
        }
        // Nothing is held, so all calls cost the same.
        self.caller.forget_connections();
        Ok(median_of_portions(&each))
    }

    fn by_hand(&mut self, kind: Kind, way: Way, whole: bool, ports: &mut dyn Iterator<Item = u16>) -> Result<Answer> {
        self.caller.listen(kind)?;
        let mut each = Vec::new();
        for port in ports {
            let start = Instant::now();
            let socket = calls::socket(kind)?;
            let since = if whole { start } else { Instant::now() };
            match way {
                Way::Steer => {
                    calls::narrow(&socket, port)?;
                    self.caller.choose(kind, &socket)?;
                    calls::widen(&socket)?;
                }
                Way::Pin => {
                    calls::bind(&socket, &libc::sockaddr_in { sin_port: port.to_be(), ..self.caller.any })?;
                    if kind == Kind::TcpConnect {
                        calls::share(&socket)?;
                        self.caller.choose(kind, &socket)?;
                    }
                }
            }
            let chosen = since.elapsed();
            if kind == Kind::TcpConnect {
                calls::reset_on_close(&socket)?;
            }
            drop(socket);
            each.push(if whole { since.elapsed() } else { chosen });
        }
        // Those that are held have their other ends there.
        if self.held.len() == 0 {
            self.caller.forget_connections();
        }
        Ok(median_of_portions(&each))
    }

    fn invite(&mut self, kind: Kind, free: usize) -> Result<Answer> {
        let mut strangers = Process::strangers(&self.netns).map_err(Error::other)?;
        for task in
            [Task::Hold { kind, within: Duration::ZERO }, Task::Release { kind, free, order: Order::Random, seed: 0 }]
        {
            strangers.ask(&task).map_err(Error::other)?;
        }
        self.strangers = Some(strangers);
        Ok(Answer::Held(0))
    }
}

/// Takes one port by its number. A connection takes it as the kernel's own choice does, where that
/// can be had.
fn take(kind: Kind, socket: &OwnedFd, port: u16, any: libc::sockaddr_in, to: &libc::sockaddr_in) -> Result<()> {
    if kind == Kind::TcpConnect && calls::narrow(socket, port).is_ok() {
        calls::connect(socket, to)?;
        if calls::port(socket)? == port {
            return Ok(());
        }
        // The kernel passes over a range that is outside its own.
        return Err(Error::other(format!("port {port} is outside ip_local_port_range")));
    }
    calls::bind(socket, &libc::sockaddr_in { sin_port: port.to_be(), ..any })?;
    if kind == Kind::TcpConnect { calls::connect(socket, to) } else { Ok(()) }
}

/// What no other process shares, in KiB.
fn private_memory() -> Result<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let kib = |line: &str| line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    let private =
        rollup.lines().filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"));
    Ok(private.filter_map(kib).sum())
}
