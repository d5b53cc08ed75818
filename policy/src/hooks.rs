//! Hooks: every function that a guest intercepts, and what for.

use strum::IntoStaticStr;

/// Kind of a hook: its use of a call.
#[derive(Clone, Copy, Debug, IntoStaticStr, PartialEq, Eq)]
#[strum(serialize_all = "kebab-case")]
pub enum HookKind {
    /// Gives the call its port, or refuses it.
    Serve,
    /// Takes note of what the call changes, shows what the program set itself, or only calls on.
    Observe,
    /// Takes the guest along into the program that the call starts.
    Follow,
    /// Looks at registers alone and jumps on: such a function may return twice, take any arguments,
    /// or go by its caller.
    Raw,
}

/// A function that a guest intercepts.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// Its name.
    pub name: &'static str,
    /// Purpose.
    pub kind: HookKind,
    /// The library that has it.
    pub library: &'static str,
}

macro_rules! table {
    ($($(#[$meta:meta])* $table:ident: $($library:literal $kind:ident $($name:ident)+;)+)+) => {
        $(
            $(#[$meta])*
            pub const $table: &[Hook] = &[
                $($(Hook { name: stringify!($name), kind: HookKind::$kind, library: $library },)+)+
            ];
        )+
    };
}

table! {
    /// On Linux.
    LINUX_HOOKS:
        "libc" Serve bind listen connect __connect send __send sendto sendmsg sendmmsg write __write writev
            rresvport rresvport_af bindresvport;
        "libc" Observe socket setsockopt getsockopt recvmsg recvmmsg accept accept4 close fclose close_range closefrom
            dup dup2 dup3 fcntl fcntl64 setns unshare prctl;
        "libc" Follow execve execvpe fexecve execveat execv execvp posix_spawn posix_spawnp system popen;
        "libc" Raw syscall vfork clone execl execlp execle dlopen dlmopen dlsym dlvsym;

    /// On Windows.
    WINDOWS_HOOKS:
        "ws2_32.dll" Serve bind connect WSAConnect WSAConnectByNameW WSAConnectByNameA WSAConnectByList WSAJoinLeaf
            sendto WSASendTo WSASendMsg;
        "ws2_32.dll" Observe WSAIoctl getsockopt setsockopt socket WSASocketW WSASocketA closesocket;
        "kernelbase.dll" Follow CreateProcessInternalW;
}

/// The place of the hook of this name and kind in a table, at compile time.
///
/// # Panics
/// Where the table has no such hook.
#[must_use]
pub const fn place_of(table: &[Hook], name: &str, kind: HookKind) -> usize {
    let mut at = 0;
    while at < table.len() {
        if is_same(table[at].name.as_bytes(), name.as_bytes()) && table[at].kind as u8 == kind as u8 {
            return at;
        }
        at += 1;
    }
    panic!("no hook of this name and kind is in the table of policy/src/hooks.rs")
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
