//! The least that the techniques take, made by hand: a supervisor, and a filter that tells nobody.
//!
//! The supervisor does the least that a call can be served with from outside, if somebody is to
//! know which port was got. Its program has one thread, IPv4 sockets and one network, and every
//! port of the kernel's own range is allowed.

use libc::{c_int, c_long, c_ulong, c_void, sock_filter, sockaddr_in, socklen_t};
use std::io::{Error, PipeReader, PipeWriter, Read, Write, pipe};
use std::mem::{offset_of, zeroed};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// SECCOMP_IOCTL_NOTIF_SET_FLAGS and SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, linux/seccomp.h.
const SET_FLAGS: u64 = 0x4008_2104;
const SYNC_WAKE_UP: c_ulong = 1;
const SO_NETNS_COOKIE: c_int = 71;

/// Runs a command, and serves it until it ends.
pub(crate) fn supervise(command: &[String]) -> Result<(), String> {
    let pipes = pipe().and_then(|to| Ok((to, pipe()?)));
    let ((told, tell), (go, let_go)) = pipes.map_err(|e| format!("a pipe: {e}"))?;
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        0 => become_it(tell, go, command),
        child if child > 0 => serve(child, told, let_go),
        _ => Err(failed("fork")),
    }
}

fn failed(what: &str) -> String {
    format!("{what}: {}", Error::last_os_error())
}

fn answered(what: &str, answer: c_long) -> Result<c_int, String> {
    if answer < 0 { Err(failed(what)) } else { Ok(answer as c_int) }
}

/// The child's part: it puts itself under the filter, and becomes the command.
fn become_it(mut tell: PipeWriter, mut go: PipeReader, command: &[String]) -> Result<(), String> {
    // SAFETY: no memory is passed.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let listener = install(&[ret(libc::SECCOMP_RET_USER_NOTIF)], flags)?;
    let gone = tell.write_all(&listener.to_ne_bytes()).and_then(|()| go.read_exact(&mut [0]));
    gone.map_err(|e| format!("the supervisor: {e}"))?;
    become_command(command)
}

/// Becomes a command under a filter that looks at a call's number, and of those that may bind a
/// socket whether they are marked, as a supervisor's filter has to below a guest. It allows all.
pub(crate) fn filter(command: &[String]) -> Result<(), String> {
    const MARK: u32 = 1;
    let upper = (offset_of!(libc::seccomp_data, args) + size_of::<u32>()) as u32;
    let allow = ret(libc::SECCOMP_RET_ALLOW);
    install(&[load(upper), sock_filter { code: 0x15, jt: 0, jf: 1, k: MARK }, allow, allow], 0)?;
    become_command(command)
}

fn become_command(command: &[String]) -> Result<(), String> {
    Err(format!("{}: {}", command[0], Command::new(&command[0]).args(&command[1..]).exec()))
}

fn ret(k: u32) -> sock_filter {
    sock_filter { code: 0x06, jt: 0, jf: 0, k }
}

fn load(k: u32) -> sock_filter {
    sock_filter { code: 0x20, jt: 0, jf: 0, k }
}

/// Puts this process under a filter that goes on with `rest` for calls that may bind a socket, and
/// allows all others. What seccomp(2) answers.
fn install(rest: &[sock_filter], flags: c_ulong) -> Result<c_int, String> {
    let calls = [libc::SYS_bind, libc::SYS_connect, libc::SYS_sendto, libc::SYS_sendmsg];
    let mut filter = vec![load(offset_of!(libc::seccomp_data, nr) as u32)];
    for (at, call) in calls.iter().enumerate() {
        filter.push(sock_filter { code: 0x15, jt: (calls.len() - at) as u8, jf: 0, k: *call as u32 });
    }
    filter.push(ret(libc::SECCOMP_RET_ALLOW));
    filter.extend(rest);
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel reads the filter, which lives until then; nothing else is passed.
    answered("seccomp", unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })
}

/// The parent's part.
fn serve(child: c_int, mut told: PipeReader, mut let_go: PipeWriter) -> Result<(), String> {
    let mut number = [0; 4];
    told.read_exact(&mut number).map_err(|e| format!("the program: {e}"))?;
    // SAFETY: no memory is passed.
    let program = answered("pidfd_open", unsafe { libc::syscall(libc::SYS_pidfd_open, child, 0) })?;
    let listener = answered("pidfd_getfd", duplicate(program, c_int::from_ne_bytes(number)).into())?;
    // SAFETY: the flags are passed by value.
    unsafe { libc::ioctl(listener, SET_FLAGS as _, SYNC_WAKE_UP) };
    // SAFETY: no memory is passed.
    let network = network_of(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) });
    let_go.write_all(&[0]).map_err(|e| format!("the program: {e}"))?;
    loop {
        // SAFETY: all zeroes is one, and the kernel wants it so.
        let mut told: libc::seccomp_notif = unsafe { zeroed() };
        // SAFETY: the kernel writes one.
        if unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut told) } == 0 {
            let answer = served(program, network, &told);
            let (flags, error) = match answer {
                None => (libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32, 0),
                Some(error) => (0, -error),
            };
            let mut reply = libc::seccomp_notif_resp { id: told.id, val: 0, error, flags };
            // SAFETY: the kernel reads one.
            unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw mut reply) };
        // SAFETY: nothing is asked of how it ended.
        } else if unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG) } == child {
            return Ok(());
        }
    }
}

/// Serves a call: its error, 0 for none; `None` where the program's own call does the rest.
fn served(program: c_int, network: u64, told: &libc::seccomp_notif) -> Option<c_int> {
    let (call, arguments) = (c_long::from(told.data.nr), &told.data.args);
    let fd = arguments[0] as c_int;
    if call == libc::SYS_bind || call == libc::SYS_connect {
        let address = read(told.pid, arguments[1], arguments[2])?;
        let fd = duplicate(program, fd);
        let answer = if call == libc::SYS_bind { bind(fd, &address) } else { connect(fd, network, &address) };
        close(fd);
        return answer;
    }
    let fd = duplicate(program, fd);
    if call == libc::SYS_sendto && port(fd) == 0 && option::<c_int>(fd, libc::SO_PROTOCOL) == libc::IPPROTO_UDP {
        // SAFETY: all zeroes is an address without a family, which the next line gives it.
        let mut any: sockaddr_in = unsafe { zeroed() };
        any.sin_family = libc::AF_INET as u16;
        bind(fd, &any);
    } else if call == libc::SYS_sendmsg {
        port(fd);
    }
    close(fd);
    None
}

fn bind(fd: c_int, address: &sockaddr_in) -> Option<c_int> {
    if address.sin_port != 0 {
        return None;
    }
    option::<c_int>(fd, libc::SO_PROTOCOL);
    // SAFETY: the kernel reads one address.
    let answer = unsafe { libc::bind(fd, std::ptr::from_ref(address).cast(), size_of::<sockaddr_in>() as socklen_t) };
    let error = error_of(answer);
    port(fd);
    Some(error)
}

/// Begins a connection without waiting for it.
fn connect(fd: c_int, network: u64, peer: &sockaddr_in) -> Option<c_int> {
    if port(fd) != 0 || option::<c_int>(fd, libc::SO_PROTOCOL) != libc::IPPROTO_TCP || network_of(fd) != network {
        return None;
    }
    // SAFETY: the kernel reads one address; the flags are passed by value.
    let (flags, answer) = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK);
        (flags, libc::connect(fd, std::ptr::from_ref(peer).cast(), size_of::<sockaddr_in>() as socklen_t))
    };
    let error = error_of(answer);
    // SAFETY: the flags are passed by value.
    unsafe { libc::fcntl(fd, libc::F_SETFL, flags) };
    port(fd);
    (error != libc::EINPROGRESS || flags & libc::O_NONBLOCK != 0).then_some(error)
}

fn error_of(answer: c_int) -> c_int {
    if answer < 0 { Error::last_os_error().raw_os_error().unwrap_or(libc::EIO) } else { 0 }
}

/// An IPv4 address in the program's memory.
fn read(thread: u32, at: u64, len: u64) -> Option<sockaddr_in> {
    // SAFETY: all zeroes is one.
    let mut address: sockaddr_in = unsafe { zeroed() };
    let len = usize::try_from(len).ok().filter(|len| *len == size_of::<sockaddr_in>())?;
    let here = libc::iovec { iov_base: (&raw mut address).cast(), iov_len: len };
    let there = libc::iovec { iov_base: at as *mut c_void, iov_len: len };
    // SAFETY: the kernel writes `len` bytes to the address; the other place is the program's.
    let read = unsafe { libc::process_vm_readv(thread as c_int, &raw const here, 1, &raw const there, 1, 0) };
    (read == len as isize && c_int::from(address.sin_family) == libc::AF_INET).then_some(address)
}

fn duplicate(program: c_int, fd: c_int) -> c_int {
    // SAFETY: no memory is passed.
    unsafe { libc::syscall(libc::SYS_pidfd_getfd, program, fd, 0) as c_int }
}

fn close(fd: c_int) {
    // SAFETY: it is a duplicate, of which nobody else knows.
    unsafe { libc::close(fd) };
}

/// The port that a socket shows.
fn port(fd: c_int) -> u16 {
    // SAFETY: all zeroes is one.
    let mut address: sockaddr_in = unsafe { zeroed() };
    let mut len = size_of::<sockaddr_in>() as socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to the address, and the length.
    unsafe { libc::getsockname(fd, (&raw mut address).cast(), &raw mut len) };
    address.sin_port
}

fn network_of(fd: c_int) -> u64 {
    option(fd, SO_NETNS_COOKIE)
}

/// An option of a socket that is an integer.
fn option<T: Copy + Default>(fd: c_int, name: c_int) -> T {
    let mut value = T::default();
    let mut len = size_of::<T>() as socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to the value, and the length.
    unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut len) };
    value
}
