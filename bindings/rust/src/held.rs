//! What is asked for, and what holds until it is dropped.

use crate::error::Error;
use crate::library::Library;
use crate::scopes::Scopes;
use std::ffi::{c_int, c_uint};
use std::ops::RangeInclusive;

/// Something that is asked for, and does not hold yet.
#[derive(Clone, Debug)]
#[must_use = "it holds once `hold` is called"]
pub struct Wanted {
    what: What,
    scopes: Scopes,
    whom: c_int,
    if_loaded: bool,
}

#[derive(Clone, Debug)]
enum What {
    /// All but so many ports of each scope are withheld.
    Exhausted(c_uint),
    Only(Vec<[c_uint; 2]>),
    /// As `PORTSHIM_RESERVE` or `PORTSHIM_BLOCK` says.
    Restricted(c_int, [c_uint; 2]),
}

/// `PORTSHIM_SESSION` and `PORTSHIM_PROCESS`.
const SESSION: c_int = 0;
const PROCESS: c_int = 1;
/// `PORTSHIM_RESERVE` and `PORTSHIM_BLOCK`.
const RESERVE: c_int = 0;
const BLOCK: c_int = 1;

/// Leaves no port to whoever asks for any. Binds to a port by its number go on.
///
/// ```
/// use portshim_client::{Scopes, exhausted};
/// use std::net::UdpSocket;
///
/// # fn main() -> Result<(), portshim_client::Error> {
/// let _three_are_left = exhausted().leave(3).of(Scopes::UDP).if_loaded().hold()?;
/// let sockets: Vec<_> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0")).collect();
/// assert!(sockets.iter().all(Result::is_ok));
/// # Ok(())
/// # }
/// ```
pub fn exhausted() -> Wanted {
    Wanted::new(What::Exhausted(0))
}

/// Leaves these ports alone to whoever asks for any, as far as the policy hands them out.
///
/// ```
/// use portshim_client::only;
///
/// # fn main() -> Result<(), portshim_client::Error> {
/// // As `cargo test` runs this without portshim, nothing holds.
/// let _held = only([20000..=20003, 20010..=20010]).if_loaded().hold()?;
/// # Ok(())
/// # }
/// ```
pub fn only(ports: impl IntoIterator<Item = RangeInclusive<u16>>) -> Wanted {
    Wanted::new(What::Only(ports.into_iter().map(pair).collect()))
}

/// Hands these ports out to nobody; a bind to one by its number succeeds.
///
/// ```
/// let _held = portshim_client::reserved(8080..=8089).if_loaded().hold()?;
/// # Ok::<(), portshim_client::Error>(())
/// ```
pub fn reserved(ports: RangeInclusive<u16>) -> Wanted {
    Wanted::new(What::Restricted(RESERVE, pair(ports)))
}

/// Lets nobody bind these ports; a bind to one by its number is refused with `PermissionDenied`.
///
/// ```
/// use portshim_client::{blocked, loaded};
/// use std::io::ErrorKind;
/// use std::net::TcpListener;
///
/// # fn main() -> Result<(), portshim_client::Error> {
/// let _held = blocked(18123..=18123).if_loaded().hold()?;
/// let bound = TcpListener::bind("127.0.0.1:18123");
/// assert_eq!(bound.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied), loaded());
/// # Ok(())
/// # }
/// ```
pub fn blocked(ports: RangeInclusive<u16>) -> Wanted {
    Wanted::new(What::Restricted(BLOCK, pair(ports)))
}

fn pair(ports: RangeInclusive<u16>) -> [c_uint; 2] {
    [(*ports.start()).into(), (*ports.end()).into()]
}

impl Wanted {
    fn new(what: What) -> Self {
        Self { what, scopes: Scopes::ALL, whom: PROCESS, if_loaded: false }
    }

    /// In these scopes; all of them, unless this is called.
    pub fn of(self, scopes: Scopes) -> Self {
        Self { scopes, ..self }
    }

    /// Leaves so many ports of each scope, 128 at most: the lowest that nobody uses. Has no effect
    /// on what is not [`exhausted`].
    pub fn leave(self, count: u8) -> Self {
        let what = match self.what {
            What::Exhausted(_) => What::Exhausted(count.into()),
            what => what,
        };
        Self { what, ..self }
    }

    /// For every program of the session, instead of this process and those that descend from it.
    pub fn for_session(self) -> Self {
        Self { whom: SESSION, ..self }
    }

    /// Does nothing where the program does not run under portshim, instead of failing.
    pub fn if_loaded(self) -> Self {
        Self { if_loaded: true, ..self }
    }

    /// Lets it hold until the guard is dropped.
    ///
    /// # Errors
    /// [`Error`], and nothing holds.
    pub fn hold(self) -> Result<Held, Error> {
        let library = match Library::new() {
            Err(Error::NotLoaded) if self.if_loaded => return Ok(Held { handle: None }),
            library => library?,
        };
        let (scopes, whom) = (self.scopes.bits(), self.whom);
        let handle = match self.what {
            What::Exhausted(leave) => library.exhaust(scopes, leave, whom),
            What::Only(ranges) => library.only(&ranges, scopes, whom),
            What::Restricted(act, range) => library.restrict(act, range, scopes, whom),
        }?;
        Ok(Held { handle: Some((handle, std::process::id())) })
    }
}

/// Something that holds until this is dropped.
#[derive(Debug)]
#[must_use = "it holds for as long as this is kept"]
pub struct Held {
    /// The handle, and the process that it is for: a child that is forked owns nothing of it.
    handle: Option<(c_int, u32)>,
}

impl Held {
    /// Tells whether anything holds: not where the program does not run under portshim.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.handle.is_some()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let (Some((handle, process)), Ok(library)) = (self.handle, Library::new())
            && process == std::process::id()
        {
            // Nobody could do anything about it; it goes with the process at the latest.
            let _ = library.release(handle);
        }
    }
}
