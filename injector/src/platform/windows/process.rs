//! Other processes: what they are called, and whose they are.

use super::liveness::started;
use super::native::{done, handle};
use crate::coverage::{Coverage, Standing};
use portshim_policy::region::Owner;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use windows_sys::Wdk::System::Threading::{NtQueryInformationProcess, ProcessCommandLineInformation};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, FILETIME, UNICODE_STRING};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
};

/// A path of Windows has at most so many characters.
const LONGEST: usize = 32_768;

/// A process of a session.
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// The name of its file.
    pub(crate) name: String,
    /// Its command line.
    pub(crate) command: String,
}

/// Hundreds of nanoseconds, in which Windows counts time, from 1601 to 1970.
const TO_1970: u64 = 116_444_736_000_000_000;

impl Process {
    /// Facts of the process of this number.
    pub(crate) fn new(pid: u32) -> Self {
        let opened = open(pid).ok();
        let path = opened.as_ref().and_then(|process| path(process).ok()).unwrap_or_default();
        let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let command = opened.as_ref().and_then(command_line).filter(|line| !line.is_empty()).unwrap_or(path);
        Self { pid, name, command }
    }

    /// What is to be seen of it: that it is in a region's table, which says the rest.
    pub(crate) fn standing(&self) -> Standing {
        Standing::Inside(Coverage::Full)
    }

    /// Time since it started; `None` where it has ended, or Windows does not tell.
    pub(crate) fn age(&self) -> Option<Duration> {
        let process = open(self.pid).ok()?;
        let [mut begun, mut ended, mut kernel, mut user] = [FILETIME::default(); 4];
        let handle = process.as_raw_handle();
        // SAFETY: the handle is open, and the times outlive the call.
        done(unsafe { GetProcessTimes(handle, &mut begun, &mut ended, &mut kernel, &mut user) }).ok()?;
        let since = (u64::from(begun.dwHighDateTime) << 32 | u64::from(begun.dwLowDateTime)).checked_sub(TO_1970)?;
        let since = UNIX_EPOCH + Duration::from_nanos(since.checked_mul(100)?);
        SystemTime::now().duration_since(since).ok()
    }

    /// The process of this number, where one runs.
    pub(crate) fn running(pid: u32) -> Option<Self> {
        started(pid).map(|_| Self::new(pid))
    }

    /// This process as the owner of an entry that is made `now`.
    pub(crate) fn owner(&self, now: u64) -> Owner {
        Owner { process: self.pid, namespace: 0, since: now }
    }

    /// Tells whether this is whom a region means.
    pub(crate) fn is(&self, owner: &Owner) -> bool {
        owner.process == self.pid
    }
}

fn open(pid: u32) -> io::Result<OwnedHandle> {
    // SAFETY: the call has no conditions.
    handle(unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) })
}

fn path(process: &OwnedHandle) -> io::Result<String> {
    let mut text = vec![0_u16; LONGEST];
    let mut length = text.len() as u32;
    // SAFETY: the handle is open; the text is as long as is said.
    done(unsafe {
        QueryFullProcessImageNameW(process.as_raw_handle(), PROCESS_NAME_WIN32, text.as_mut_ptr(), &mut length)
    })?;
    Ok(String::from_utf16_lossy(&text[..length as usize]))
}

/// A process's command line, where Windows tells: since 8.1.
fn command_line(process: &OwnedHandle) -> Option<String> {
    // The structure comes first, and what it points to behind it.
    const ROOM: usize = size_of::<UNICODE_STRING>() / size_of::<u64>() + LONGEST / 4 + 1;
    let mut answer = vec![0_u64; ROOM];
    let (size, mut length) = (size_of_val(answer.as_slice()) as u32, 0);
    // SAFETY: the handle is open; the answer is as long as is said, and aligned for the structure.
    let status = unsafe {
        NtQueryInformationProcess(
            process.as_raw_handle(),
            ProcessCommandLineInformation,
            answer.as_mut_ptr().cast(),
            size,
            &mut length,
        )
    };
    if status != 0 {
        return None;
    }
    // SAFETY: the call has filled it, which says so.
    let text = unsafe { &*answer.as_ptr().cast::<UNICODE_STRING>() };
    let units = usize::from(text.Length) / 2;
    let begin = (text.Buffer as usize).checked_sub(answer.as_ptr() as usize)? / 2;
    // SAFETY: all of the answer is initialised, and any bits are characters.
    let all = unsafe { std::slice::from_raw_parts(answer.as_ptr().cast::<u16>(), size as usize / 2) };
    Some(String::from_utf16_lossy(all.get(begin..begin + units)?))
}

/// The users that matter here: whoever gives the command, and all others.
const US: u32 = 0;
const OTHERS: u32 = 1;

/// Whom a process belongs to; `None` where there is none of that number.
pub(crate) fn owner(pid: u32) -> Option<u32> {
    match open(pid) {
        Ok(_) => Some(US),
        Err(e) if e.raw_os_error() == Some(ERROR_ACCESS_DENIED.cast_signed()) => Some(OTHERS),
        Err(_) => None,
    }
}

/// Tells whether a user is the one that this process acts for.
pub(crate) fn is_us(user: u32) -> bool {
    user == US
}

/// Name of a user.
pub(crate) fn user(user: u32) -> String {
    if is_us(user) { "this user".into() } else { "another user".into() }
}
