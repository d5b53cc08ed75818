//! Finds the file that a command names, as the command interpreter does.

use super::super::answers::Find;
use super::super::windows_formats::path::{candidates, extensions};
use super::native::wide;
use std::ffi::OsStr;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::{env, fs};
use windows_sys::Win32::System::Environment::NeedCurrentDirectoryForExePathW;

/// Place where Windows keeps its own programs.
pub(super) fn system_folder() -> PathBuf {
    env::var_os("SystemRoot").map_or_else(|| r"C:\Windows".into(), PathBuf::from).join("System32")
}

/// The file that `name` stands for: itself where it names a folder, else the first in the current
/// folder and `PATH`; of a name without its extension, the first of those in `PATHEXT`.
pub(super) fn search(name: &OsStr) -> Result<PathBuf, Find> {
    if name.is_empty() {
        return Err(Find::NotFound);
    }
    let extensions = extensions(env::var_os("PATHEXT").as_deref());
    let has_folder = name.as_encoded_bytes().iter().any(|byte| b"\\/:".contains(byte));
    if has_folder {
        let path = PathBuf::from(name);
        if path.is_dir() && candidates(&path, &extensions).all(|file| !is_file(&file)) {
            return Err(Find::Denied(path, "it is a directory".into()));
        }
        // A file of the very name is meant even where nothing says that it is a program.
        let files = candidates(&path, &extensions).chain([path.clone()]);
        return first(files).ok_or(Find::NotFound);
    }
    let typed = wide(name);
    // SAFETY: the name ends in NUL.
    let here = unsafe { NeedCurrentDirectoryForExePathW(typed.as_ptr()) } != 0;
    let here = here.then(|| PathBuf::from(format!(".{MAIN_SEPARATOR}")));
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = here.into_iter().chain(env::split_paths(&path)).collect();
    let files = folders.iter().filter(|folder| !folder.as_os_str().is_empty());
    first(files.flat_map(|folder| candidates(&folder.join(name), &extensions).collect::<Vec<_>>()))
        .ok_or(Find::NotFound)
}

fn first(files: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    files.into_iter().find(|file| is_file(file))
}

/// Tells whether there is a file, or an alias such as the Store makes, which can be executed but
/// not be looked into.
fn is_file(path: &Path) -> bool {
    let metadata = fs::metadata(path).or_else(|_| fs::symlink_metadata(path));
    metadata.is_ok_and(|metadata| !metadata.is_dir())
}
