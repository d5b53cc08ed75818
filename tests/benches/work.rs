//! The measured process: it does what it is told, and answers how long that took. The very same
//! program runs bare and under portshim, and knows not which.

pub(crate) mod calls;
mod crowd;
mod held;

use crate::netns::{self, Netns};
use crate::process::Process;
use crate::task::{Answer, Form, Kind, Order, Task, Way};
use held::Held;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::io::{BufRead, Error, Result, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Where connections and datagrams go: a port outside every range.
const DESTINATION: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 700);
const SECOND_DESTINATION: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 701);
/// Calls that are timed together.
const PORTION: u32 = 50;
const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// Carries out one task; or, without one, a task for each line of the input, until it ends.
pub(crate) fn serve(netns: &Netns, is_mate: bool, once: Option<&Task>) -> std::result::Result<(), String> {
    pin().map_err(|e| format!("the processor: {e}"))?;
    let mut worker = Worker {
        netns: netns.clone(),
        held: Held::new(netns.ports()),
        listener: None,
        is_mate,
        mate: None,
        strangers: None,
        any: calls::address(ANY),
        destination: calls::address(DESTINATION),
    };
    if let Some(task) = once {
        return worker.carry_out(task).map(drop).map_err(|e| e.to_string());
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let task = crate::task::parse(&line)?;
        let answer = worker.carry_out(&task).unwrap_or_else(|e| Answer::Failed(format!("{task:?}: {e}")));
        let answer = serde_json::to_string(&answer).map_err(|e| e.to_string())?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{answer}").and_then(|()| out.flush()).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Stays on the last processor, where the process that this one is compared with stays as well.
pub(crate) fn pin() -> Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    if let Some(last) = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false)) {
        let mut only = CpuSet::new();
        only.set(last)?;
        sched_setaffinity(Pid::from_raw(0), &only)?;
    }
    Ok(())
}

struct Worker {
    netns: Netns,
    held: Held,
    listener: Option<OwnedFd>,
    /// Holds what this process has no descriptors for.
    mate: Option<Process>,
    is_mate: bool,
    strangers: Option<Process>,
    any: libc::sockaddr_in,
    destination: libc::sockaddr_in,
}

impl Worker {
    fn carry_out(&mut self, task: &Task) -> Result<Answer> {
        match *task {
            Task::Cycle { kind, times } => self.cycle(kind, times),
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
                self.listener = None;
                Ok(Answer::Held(0))
            }
            Task::Strangers { kind, free } => self.invite(kind, free),
            Task::Send { form, times } => self.send(form, times),
            Task::FirstSend { times } => self.first_send(times),
            Task::Parent { times } => undisturbed(times, || {
                nix::unistd::getppid();
                Ok(())
            }),
            Task::Crowd { crowd, size, kind, times } => crowd::together(crowd, size, times, || self.once(kind)),
            Task::Many { sockets } => self.many(sockets),
            Task::Memory => private_memory().map(Answer::Kib),
        }
    }

    /// Gets a port that the kernel or the policy chooses.
    #[inline]
    fn choose(&self, kind: Kind, socket: &OwnedFd) -> Result<()> {
        match kind {
            Kind::TcpConnect => calls::connect(socket, &self.destination),
            _ => calls::bind(socket, &self.any),
        }
    }

    /// A socket that has a port, and an end of it.
    fn once(&self, kind: Kind) -> Result<()> {
        let socket = calls::socket(kind)?;
        self.choose(kind, &socket)?;
        if kind == Kind::TcpConnect {
            calls::reset_on_close(&socket)?;
        }
        Ok(())
    }

    /// Connections need somebody who takes them.
    fn listen(&mut self, kind: Kind) -> Result<()> {
        if kind != Kind::TcpConnect || self.listener.is_some() || self.is_mate {
            return Ok(());
        }
        self.listener = Some(listener(&self.destination)?);
        Ok(())
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
        self.listen(kind)?;
        let (sockets, took) = self.held.fill(kind, within, &|socket| self.choose(kind, socket))?;
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
        self.listen(kind)?;
        let (sockets, took) = self.held.fill(kind, within, &|socket| self.choose(kind, socket))?;
        self.held.keep(kind, sockets)?;
        let (any, to) = (self.any, self.destination);
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

    fn cycle(&mut self, kind: Kind, times: u32) -> Result<Answer> {
        self.listen(kind)?;
        let took = undisturbed(times, || self.once(kind));
        self.forget_connections();
        took
    }

    fn ask(&mut self, kind: Kind, most: u32, within: Duration) -> Result<Answer> {
        self.listen(kind)?;
        let mut each = Vec::with_capacity(most as usize);
        let start = Instant::now();
        while each.len() < most as usize && (each.is_empty() || start.elapsed() < within) {
            let socket = calls::socket(kind)?;
            let since = Instant::now();
            self.choose(kind, &socket)?;
            each.push(since.elapsed());
            if kind == Kind::TcpConnect {
                calls::reset_on_close(&socket)?;
            }
        }
        if self.held.len() > 0 || self.strangers.is_some() {
            return Ok(took_for(each.len() as u64, each.iter().sum()));
        }
        // Nothing is held, so all calls cost the same.
        self.forget_connections();
        Ok(median_of_portions(&each))
    }

    fn by_hand(&mut self, kind: Kind, way: Way, whole: bool, ports: &mut dyn Iterator<Item = u16>) -> Result<Answer> {
        self.listen(kind)?;
        let mut each = Vec::new();
        for port in ports {
            let start = Instant::now();
            let socket = calls::socket(kind)?;
            let since = if whole { start } else { Instant::now() };
            match way {
                Way::Steer => {
                    calls::narrow(&socket, port)?;
                    self.choose(kind, &socket)?;
                    calls::widen(&socket)?;
                }
                Way::Pin => {
                    calls::bind(&socket, &libc::sockaddr_in { sin_port: port.to_be(), ..self.any })?;
                    if kind == Kind::TcpConnect {
                        calls::share(&socket)?;
                        self.choose(kind, &socket)?;
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
            self.forget_connections();
        }
        Ok(median_of_portions(&each))
    }

    /// Ends the connections in the listener's queue: it would run full.
    fn forget_connections(&mut self) {
        self.listener = None;
    }

    fn first_send(&self, times: u32) -> Result<Answer> {
        let sink = calls::socket(Kind::UdpBind)?;
        calls::bind(&sink, &self.destination)?;
        let once = || calls::send(&calls::socket(Kind::UdpBind)?, &self.destination, Form::SendTo);
        // Then the sink is full.
        for _ in 0..500 {
            once()?;
        }
        undisturbed(times, once)
    }

    fn send(&mut self, form: Form, times: u32) -> Result<Answer> {
        let (sink, socket) = (calls::socket(Kind::UdpBind)?, calls::socket(Kind::UdpBind)?);
        calls::bind(&sink, &self.destination)?;
        // The first send settles it, and the sink is soon full: from then on every send costs the
        // same.
        for _ in 0..500 {
            calls::send(&socket, &self.destination, form)?;
        }
        undisturbed(times, || calls::send(&socket, &self.destination, form))
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

/// Takes connections, and leaves them in its queue.
fn listener(at: &libc::sockaddr_in) -> Result<OwnedFd> {
    let socket = calls::socket(Kind::TcpConnect)?;
    calls::bind(&socket, at)?;
    // SAFETY: listen(2) takes numbers only.
    if unsafe { libc::listen(socket.as_raw_fd(), 65535) } < 0 {
        return Err(Error::last_os_error());
    }
    Ok(socket)
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

/// What so many calls take that all cost the same: the median of small portions, because whatever
/// interrupts the process falls into few of them.
#[inline]
fn undisturbed(times: u32, call: impl Fn() -> Result<()>) -> Result<Answer> {
    let mut portions = Vec::with_capacity((times / PORTION + 1) as usize);
    let mut left = times;
    while left > 0 {
        let portion = left.min(PORTION);
        let since = Instant::now();
        for _ in 0..portion {
            call()?;
        }
        // What is left over in the end is no portion to compare with others.
        if portion == PORTION || portions.is_empty() {
            portions.push(since.elapsed() / portion * PORTION);
        }
        left -= portion;
    }
    Ok(median(portions))
}

/// Of calls that all cost the same.
fn median_of_portions(each: &[Duration]) -> Answer {
    let portions = each.chunks(PORTION as usize).map(|few| few.iter().sum::<Duration>() / few.len() as u32);
    median(portions.map(|call| call * PORTION).collect())
}

/// Of portions.
fn median(mut portions: Vec<Duration>) -> Answer {
    let middle = portions.len() / 2;
    took_for(u64::from(PORTION), *portions.select_nth_unstable(middle).1)
}

fn took_for(calls: u64, took: Duration) -> Answer {
    Answer::Took { calls, nanos: took.as_nanos().try_into().unwrap_or(u64::MAX) }
}

/// What no other process shares, in KiB.
fn private_memory() -> Result<u64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let kib = |line: &str| line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    let private =
        rollup.lines().filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"));
    Ok(private.filter_map(kib).sum())
}
