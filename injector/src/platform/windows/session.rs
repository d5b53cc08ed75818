//! A session's region: memory under a name, which every process of the session opens, and a marker
//! that tells of it.

use super::super::windows_formats::name::Name;
use super::super::{Beginning, random};
use super::directories;
use super::liveness::{is_alive, members, now};
use super::native::{handle, wide};
use super::security::Security;
use crate::coverage::Gap;
use crate::messages::{self, plain};
use portshim_policy::ports::Scope;
use portshim_policy::region::{Presence, Process, Region, SharedRules};
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::{io, iter, process, ptr};
use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_ALL_ACCESS, MapViewOfFile, OpenFileMappingW, PAGE_READWRITE,
};
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;
use windows_sys::Win32::System::SystemInformation::GetTickCount64;

/// Number of markers a start leaves unexamined.
const CROWD: usize = 16;
/// The folder of the markers.
pub(super) const FOLDER: &str = "sessions";

/// A session that this process laid down.
pub(crate) struct Session {
    /// The session's marker.
    pub(crate) path: PathBuf,
    region: &'static Region,
    /// The region lives as long as somebody has it open.
    _mapping: OwnedHandle,
}

impl Session {
    /// Lays its region down. Says why, where there is no place for it.
    pub(crate) fn create(beginning: &Beginning<'_>) -> Result<Self, String> {
        let random = random::words::<2>()?;
        let created = now();
        let mut region = beginning.region(created, random[0]);
        let name = Name { maker: process::id(), created, random: random[1], station: station() }.to_string();
        let mapping = mapping(&name, region.as_bytes()).map_err(|e| format!("{name}: {}", plain(&e)))?;
        let mut reasons = Vec::new();
        for folder in directories::folders(FOLDER) {
            if folder.as_ref().is_ok_and(|folder| markers(folder).len() > CROWD) {
                sweep();
            }
            let path = match &folder {
                Ok(folder) => folder.join(&name),
                Err(why) => {
                    reasons.push(why.clone());
                    continue;
                }
            };
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Ok(Self { path, region: mapping.1, _mapping: mapping.0 }),
                Err(e) => reasons.push(format!("{}: {}", path.display(), plain(&e))),
            }
        }
        Err(reasons.join("; "))
    }

    /// The region as it is now.
    pub(crate) fn snapshot(&self) -> Result<Box<Region>, String> {
        snapshot(self.region).map_err(|why| format!("{}: {why}", self.path.display()))
    }

    /// Remarks to make once the program has ended.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut parts = Vec::new();
        // The first is the program itself, of which all was said when it began.
        let others = self.region.processes.all().iter().skip(1);
        // One that lives may still be loading what it is linked with.
        let is_loading =
            |one: &Process| one.presence() == Presence::Awaited && one.owner().as_ref().is_some_and(is_alive);
        for process in others.filter(|one| one.presence() != Presence::Here { missing: 0 } && !is_loading(one)) {
            let name = String::from_utf8_lossy(&process.name()).trim_end_matches('\0').to_owned();
            if !parts.contains(&(name.clone(), process.presence())) {
                parts.push((name, process.presence()));
            }
        }
        let mut remarks = Vec::new();
        if !parts.is_empty() {
            let line = |(name, presence): &(String, Presence)| {
                Gap::of(*presence).map(|gap| format!("{name}: {}", messages::gap(&gap)))
            };
            remarks.push(messages::not_covered(&parts.iter().filter_map(line).collect::<Vec<_>>()));
        }
        // As long as every request gets a port, they are of no concern.
        let failed = |rules: &SharedRules| {
            let live = Scope::ALL.map(|scope| rules.live(scope));
            live.iter().any(|live| live.exhausted.load(Relaxed) + live.refused.load(Relaxed) > 0)
        };
        let kept_back = messages::kept_back(self.region);
        if !kept_back.is_empty() && self.region.all_rules().iter().any(failed) {
            remarks.push(messages::windows_keeps(&kept_back));
        }
        remarks
    }

    /// Notes who serves it from outside: nobody does.
    pub(crate) fn serve_by(&self, _: u32, _: super::Way) {}

    /// Takes the marker away, unless processes that the program left behind are still under the
    /// policy. Says how many are.
    pub(crate) fn end(&self) -> usize {
        end(&self.path)
    }
}

/// Ends the session of this marker, as [`Session::end`] does.
pub(super) fn end(marker: &Path) -> usize {
    let name = marker.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let others = |region| members(region).iter().filter(|member| member.process != process::id()).count();
    let left = open(name).map_or(0, others);
    if left == 0 {
        let _ = fs::remove_file(marker);
    }
    left
}

/// Writes down in a session's marker for which command the session was made.
pub(super) fn tell(marker: &Path, program: &OsStr, arguments: &[OsString]) {
    let words: Vec<_> = iter::once(program).chain(arguments.iter().map(OsString::as_os_str)).collect();
    let command = words.join(OsStr::new(" "));
    // It serves those who list sessions, and nobody else.
    let _ = fs::write(marker, command.to_string_lossy().as_bytes());
}

/// Copy of a region as it is now.
pub(super) fn snapshot(region: &'static Region) -> Result<Box<Region>, String> {
    let mut bytes = vec![0_u8; Region::SIZE];
    // SAFETY: a region is `SIZE` bytes long and mapped for as long as this process runs. Whoever
    // writes meanwhile writes single words; what is read of them is looked at as any bytes are.
    unsafe { ptr::copy_nonoverlapping(ptr::from_ref(region).cast::<u8>(), bytes.as_mut_ptr(), Region::SIZE) };
    Region::from_bytes(&bytes).map_err(|e| e.to_string())
}

/// The name of a session's memory, as Windows has it.
fn object(name: &str) -> Vec<u16> {
    wide(format!(r"Local\{name}"))
}

/// Makes the memory of this name, with these bytes at its start.
fn mapping(name: &str, bytes: &[u8]) -> io::Result<(OwnedHandle, &'static Region)> {
    let security = Security::of_this_user_alone()?;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: security.descriptor(),
        bInheritHandle: 0,
    };
    let (size, name) = (Region::SIZE as u64, object(name));
    // SAFETY: the attributes and the name, which ends in NUL, outlive the call.
    let made = unsafe {
        CreateFileMappingW(
            INVALID_HANDLE_VALUE,
            &attributes,
            PAGE_READWRITE,
            (size >> 32) as u32,
            size as u32,
            name.as_ptr(),
        )
    };
    let mapping = handle(made)?;
    let at = view(&mapping)?;
    // SAFETY: the view is `SIZE` bytes long and not yet anybody else's, and there are not more
    // bytes than that.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len()) };
    // SAFETY: the view is never unmapped.
    let region = unsafe { Region::at(at) }.map_err(io::Error::other)?;
    Ok((mapping, region))
}

/// Opens the memory of this name, and keeps it mapped for as long as this process runs.
pub(super) fn open(name: &str) -> Result<&'static Region, OpenError> {
    let name = object(name);
    // SAFETY: the name ends in NUL and outlives the call.
    let opened = unsafe { OpenFileMappingW(FILE_MAP_ALL_ACCESS, 0, name.as_ptr()) };
    let mapping = handle(opened).map_err(OpenError::Missing)?;
    let at = view(&mapping).map_err(OpenError::Missing)?;
    // SAFETY: the view is never unmapped, and as long as was asked for.
    unsafe { Region::at(at) }.map_err(|e| OpenError::Foreign(e.to_string()))
}

/// Reason why a session's memory is not there.
pub(super) enum OpenError {
    /// It cannot be opened.
    Missing(io::Error),
    /// It is not a region of this version.
    Foreign(String),
}

fn view(mapping: &OwnedHandle) -> io::Result<*mut u8> {
    // SAFETY: the handle is open; the system chooses where, and gives no view that is shorter than
    // asked for.
    let view = unsafe { MapViewOfFile(mapping.as_raw_handle(), FILE_MAP_ALL_ACCESS, 0, 0, Region::SIZE) };
    if view.Value.is_null() { Err(io::Error::last_os_error()) } else { Ok(view.Value.cast()) }
}

/// Removes the markers of sessions that are over.
pub(crate) fn sweep() {
    let (here, boot) = (station(), booted());
    for folder in directories::existing_folders(FOLDER) {
        for marker in markers(&folder) {
            let is_there =
                || !matches!(open(&marker), Err(OpenError::Missing(e)) if e.kind() == io::ErrorKind::NotFound);
            if marker.parse().is_ok_and(|name: Name| name.is_over(here, boot, is_there)) {
                let _ = fs::remove_file(folder.join(marker));
            }
        }
    }
}

/// The Windows session that this process is in; that of services where there is no telling.
fn station() -> u32 {
    let mut station = 0;
    // SAFETY: the number outlives the call.
    unsafe { ProcessIdToSessionId(process::id(), &mut station) };
    station
}

/// Time at which the system began, as processes' beginnings are told. Not a moment later: its
/// clocks may not quite agree.
fn booted() -> u64 {
    const UNITS_PER_MS: u64 = 10_000;
    const DOUBT: u64 = 60_000 * UNITS_PER_MS;
    // SAFETY: the call has no conditions.
    let running = unsafe { GetTickCount64() };
    now().saturating_sub(running.saturating_mul(UNITS_PER_MS)).saturating_sub(DOUBT)
}

/// The sessions that this folder has markers of.
pub(super) fn markers(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.parse::<Name>().is_ok()).collect()
}
