//! The preloaded library's own functions, as `portshim.h` describes them.

use crate::error::Error;
use std::ffi::{c_int, c_uint};

/// The version of `portshim.h` that this crate speaks.
const VERSION: c_int = 2;

/// Tells whether this program runs with the library of portshim loaded.
///
/// ```
/// println!("under portshim: {}", portshim_client::loaded());
/// ```
#[must_use]
pub fn loaded() -> bool {
    Library::new().is_ok()
}

/// The functions.
pub(crate) struct Library {
    exhaust: unsafe extern "C" fn(c_uint, c_uint, c_int) -> c_int,
    only: unsafe extern "C" fn(*const c_uint, usize, c_uint, c_int) -> c_int,
    restrict: unsafe extern "C" fn(c_int, c_uint, c_uint, c_uint, c_int) -> c_int,
    release: unsafe extern "C" fn(c_int) -> c_int,
    rule: unsafe extern "C" fn(c_int, *mut u8, usize) -> c_int,
}

#[cfg(target_os = "linux")]
fn find<T: Copy>(name: &std::ffi::CStr) -> Result<T, Error> {
    // SAFETY: the name ends in a NUL.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if found.is_null() {
        return Err(Error::NotLoaded);
    }
    const { assert!(size_of::<T>() == size_of::<*mut libc::c_void>()) };
    // SAFETY: T is a pointer to a function, and of the type that portshim.h gives the one of this
    // name.
    Ok(unsafe { std::mem::transmute_copy(&found) })
}

#[cfg(not(target_os = "linux"))]
fn find<T: Copy>(_name: &std::ffi::CStr) -> Result<T, Error> {
    Err(Error::NotLoaded)
}

impl Library {
    pub(crate) fn new() -> Result<Self, Error> {
        let version: unsafe extern "C" fn() -> c_int = find(c"portshim_version")?;
        // SAFETY: the function takes nothing.
        if unsafe { version() } < VERSION {
            return Err(Error::NotLoaded);
        }
        Ok(Self {
            exhaust: find(c"portshim_exhaust")?,
            only: find(c"portshim_only")?,
            restrict: find(c"portshim_restrict")?,
            release: find(c"portshim_release")?,
            rule: find(c"portshim_rule")?,
        })
    }

    pub(crate) fn exhaust(&self, scopes: c_uint, leave: c_uint, whom: c_int) -> Result<c_int, Error> {
        // SAFETY: the function takes numbers.
        told(unsafe { (self.exhaust)(scopes, leave, whom) }, String::new)
    }

    pub(crate) fn only(&self, ranges: &[[c_uint; 2]], scopes: c_uint, whom: c_int) -> Result<c_int, Error> {
        // SAFETY: there are as many pairs as is said.
        let handle = unsafe { (self.only)(ranges.as_ptr().cast(), ranges.len(), scopes, whom) };
        told(handle, || {
            "the policy hands out none of these ports; name some of its range, or run with another --range".into()
        })
    }

    pub(crate) fn restrict(
        &self,
        act: c_int,
        [first, last]: [c_uint; 2],
        scopes: c_uint,
        whom: c_int,
    ) -> Result<c_int, Error> {
        // SAFETY: the function takes numbers.
        told(unsafe { (self.restrict)(act, first, last, scopes, whom) }, || self.rule(act))
    }

    pub(crate) fn release(&self, handle: c_int) -> Result<(), Error> {
        // SAFETY: the function takes a number.
        told(unsafe { (self.release)(handle) }, String::new).map(drop)
    }

    /// The rule of the policy's model about reserving or blocking.
    fn rule(&self, act: c_int) -> String {
        let mut text = [0; 256];
        // SAFETY: the buffer is as long as is said.
        let len = unsafe { (self.rule)(act, text.as_mut_ptr(), text.len()) };
        let len = usize::try_from(len).unwrap_or(0).min(text.len() - 1);
        String::from_utf8_lossy(&text[..len]).into_owned()
    }
}

fn told(result: c_int, rule: impl FnOnce() -> String) -> Result<c_int, Error> {
    if result >= 0 {
        return Ok(result);
    }
    let number = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    Err(error(number, rule))
}

#[cfg(target_os = "linux")]
fn error(number: i32, rule: impl FnOnce() -> String) -> Error {
    match number {
        libc::ENOTCONN => Error::NoPolicy,
        libc::EINVAL => Error::Invalid,
        libc::ERANGE => Error::NotAllowed(rule()),
        libc::EADDRINUSE => Error::InUse,
        libc::ENOSPC => Error::Full,
        number => Error::Other(number),
    }
}

#[cfg(not(target_os = "linux"))]
fn error(number: i32, _rule: impl FnOnce() -> String) -> Error {
    Error::Other(number)
}
