//! A network namespace of one's own, where nothing but the program under test takes ports.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Enters a fresh namespace, brings its loopback up, sets what `--range` and `--reserved` say, and
/// becomes the program after `--`.
///
/// # Errors
/// Where a step is refused, names it.
pub(super) fn enter(words: &[String]) -> Result<(), String> {
    let at = words.iter().position(|w| w == "--").ok_or("arena: no `--` before the program")?;
    let (options, program) = (&words[..at], &words[at + 1..]);
    let (name, arguments) = program.split_first().ok_or("arena: no program after `--`")?;
    unshare()?;
    loopback_up()?;
    // Ping sockets are there for whoever this is, as on many distributions.
    set("ping_group_range", "0 0")?;
    for pair in options.chunks(2) {
        let [option, value] = pair else { return Err(format!("arena: `{}` needs a value", pair[0])) };
        let (file, value) = match option.as_str() {
            "--range" => ("ip_local_port_range", value.replace('-', " ")),
            "--reserved" => ("ip_local_reserved_ports", value.clone()),
            other => return Err(format!("arena: unknown option `{other}`")),
        };
        set(file, &value)?;
    }
    let error = Command::new(name).args(arguments).exec();
    Err(format!("cannot execute `{name}`: {error}"))
}

fn set(file: &str, value: &str) -> Result<(), String> {
    let path = format!("/proc/sys/net/ipv4/{file}");
    fs::write(&path, value).map_err(|e| format!("cannot write `{value}` to {path}: {e}"))
}

/// With no privilege over the network, in a user namespace where this user is root.
fn unshare() -> Result<(), String> {
    // SAFETY: geteuid, getegid and unshare take no pointers.
    let (user, group, plain) = unsafe { (libc::geteuid(), libc::getegid(), libc::unshare(libc::CLONE_NEWNET)) };
    if plain == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) } != 0 {
        return Err(format!("cannot make a network namespace: {}", std::io::Error::last_os_error()));
    }
    let writes =
        [("setgroups", "deny".into()), ("uid_map", format!("0 {user} 1")), ("gid_map", format!("0 {group} 1"))];
    for (file, text) in writes {
        fs::write(format!("/proc/self/{file}"), text).map_err(|e| format!("cannot write /proc/self/{file}: {e}"))?;
    }
    Ok(())
}

fn loopback_up() -> Result<(), String> {
    // SAFETY: an all-zero ifreq is a valid one; the ioctl reads and writes this ifreq alone.
    let answer = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        let answer = libc::ioctl(fd, libc::SIOCSIFFLAGS as _, &raw const request);
        libc::close(fd);
        answer
    };
    if answer == 0 { Ok(()) } else { Err(format!("cannot bring lo up: {}", std::io::Error::last_os_error())) }
}
