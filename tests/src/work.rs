//! What is measured of a process: the calls that need nothing but the process itself. The
//! benchmark's own measured process does more.

pub mod calls;
pub mod task;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};
use task::{Answer, Form, Kind, Task};

/// Where connections and datagrams go: a port outside every range.
const DESTINATION: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 700);
/// Calls that are timed together.
const PORTION: u32 = 50;
const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// Stays on the last processor, where the process that this one is compared with stays as well.
pub fn pin() -> Result<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    if let Some(last) = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false)) {
        let mut only = CpuSet::new();
        only.set(last)?;
        sched_setaffinity(Pid::from_raw(0), &only)?;
    }
    Ok(())
}

/// Who makes the calls.
pub struct Caller {
    listener: Option<OwnedFd>,
    listens: bool,
    /// No address, and no port.
    pub any: libc::sockaddr_in,
    /// Where connections and datagrams go.
    pub destination: libc::sockaddr_in,
}

impl Caller {
    /// One that listens itself for its connections, or leaves that to another process.
    #[must_use]
    pub fn new(listens: bool) -> Self {
        let (any, destination) = (calls::address(ANY), calls::address(DESTINATION));
        Self { listener: None, listens, any, destination }
    }

    /// Carries out a task that is nothing but calls.
    ///
    /// # Errors
    /// What the kernel said, and for all other tasks.
    pub fn carry_out(&mut self, task: &Task) -> Result<Answer> {
        match *task {
            Task::Cycle { kind, times } => self.cycle(kind, times),
            Task::Connection { times, from } => self.connections(times, from),
            Task::Send { form, times } => self.send(form, times),
            Task::FirstSend { times, from } => self.first_send(times, from),
            Task::Parent { times } => undisturbed(times, || {
                nix::unistd::getppid();
                Ok(())
            }),
            _ => Err(Error::other("this program cannot do that")),
        }
    }

    /// Gets a port that the kernel or the policy chooses.
    #[inline]
    pub fn choose(&self, kind: Kind, socket: &OwnedFd) -> Result<()> {
        match kind {
            Kind::TcpConnect => calls::connect(socket, &self.destination),
            _ => calls::bind(socket, &self.any),
        }
    }

    /// A socket that has a port, and an end of it.
    pub fn once(&self, kind: Kind) -> Result<()> {
        let socket = calls::socket(kind)?;
        self.choose(kind, &socket)?;
        if kind == Kind::TcpConnect {
            calls::reset_on_close(&socket)?;
        }
        Ok(())
    }

    /// Connections need somebody who takes them.
    pub fn listen(&mut self, kind: Kind) -> Result<()> {
        if kind != Kind::TcpConnect || self.listener.is_some() || !self.listens {
            return Ok(());
        }
        self.listener = Some(listener(&self.destination)?);
        Ok(())
    }

    fn cycle(&mut self, kind: Kind, times: u32) -> Result<Answer> {
        self.listen(kind)?;
        let took = undisturbed(times, || self.once(kind));
        self.forget_connections();
        took
    }

    fn connections(&mut self, times: u32, from: Option<u16>) -> Result<Answer> {
        self.listen(Kind::TcpConnect)?;
        let listener = self.listener.as_ref().ok_or_else(|| Error::other("nobody listens"))?;
        undisturbed(times, || {
            let socket = calls::socket(Kind::TcpConnect)?;
            if let Some(port) = from {
                self.bind(&socket, port)?;
                calls::share(&socket)?;
            }
            self.choose(Kind::TcpConnect, &socket)?;
            let accepted = calls::accept(listener)?;
            calls::reset_on_close(&socket)?;
            drop(socket);
            drop(accepted);
            Ok(())
        })
    }

    /// Ends the connections in the listener's queue: it would run full.
    pub fn forget_connections(&mut self) {
        self.listener = None;
    }

    fn bind(&self, socket: &OwnedFd, port: u16) -> Result<()> {
        calls::bind(socket, &libc::sockaddr_in { sin_port: port.to_be(), ..self.any })
    }

    fn first_send(&self, times: u32, from: Option<u16>) -> Result<Answer> {
        let sink = calls::socket(Kind::UdpBind)?;
        calls::bind(&sink, &self.destination)?;
        let once = || {
            let socket = calls::socket(Kind::UdpBind)?;
            if let Some(port) = from {
                self.bind(&socket, port)?;
            }
            calls::send(&socket, &self.destination, Form::SendTo)
        };
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
}

/// Takes connections, and leaves them in its queue.
pub fn listener(at: &libc::sockaddr_in) -> Result<OwnedFd> {
    let socket = calls::socket(Kind::TcpConnect)?;
    calls::bind(&socket, at)?;
    // SAFETY: listen(2) takes numbers only.
    if unsafe { libc::listen(socket.as_raw_fd(), 65535) } < 0 {
        return Err(Error::last_os_error());
    }
    Ok(socket)
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
#[must_use]
pub fn median_of_portions(each: &[Duration]) -> Answer {
    let portions = each.chunks(PORTION as usize).map(|few| few.iter().sum::<Duration>() / few.len() as u32);
    median(portions.map(|call| call * PORTION).collect())
}

/// Of portions.
fn median(mut portions: Vec<Duration>) -> Answer {
    let middle = portions.len() / 2;
    took_for(u64::from(PORTION), *portions.select_nth_unstable(middle).1)
}

/// The answer for so many calls that took so long together.
#[must_use]
pub fn took_for(calls: u64, took: Duration) -> Answer {
    Answer::Took { calls, nanos: took.as_nanos().try_into().unwrap_or(u64::MAX) }
}
