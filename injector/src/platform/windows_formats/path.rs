//! Files that a command may mean.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Endings that a name may be continued with where `PATHEXT` is not set.
const DEFAULT_EXTENSIONS: &str = ".COM;.EXE;.BAT;.CMD";

/// Endings that a name may be continued with, by what `PATHEXT` is set to.
pub(in super::super) fn extensions(list: Option<&OsStr>) -> Vec<String> {
    let list = list.filter(|list| !list.is_empty()).unwrap_or(OsStr::new(DEFAULT_EXTENSIONS)).to_string_lossy();
    list.split(';').filter(|extension| extension.starts_with('.')).map(str::to_owned).collect()
}

/// The files that a path may stand for, in the order in which they are looked for.
pub(in super::super) fn candidates<'a>(path: &'a Path, extensions: &'a [String]) -> impl Iterator<Item = PathBuf> + 'a {
    let itself = path.extension().map(|_| path.to_owned());
    let continued = extensions.iter().map(move |extension| {
        let mut name = OsString::from(path);
        name.push(extension);
        PathBuf::from(name)
    });
    itself.into_iter().chain(continued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_continued_as_the_command_interpreter_does() {
        let of = |name: &str, list: Option<&str>| {
            let extensions = extensions(list.map(OsStr::new));
            let files: Vec<_> = candidates(Path::new(name), &extensions).collect();
            files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of("a", None), ["a.COM", "a.EXE", "a.BAT", "a.CMD"]);
        assert_eq!(of("a", Some("")), of("a", None));
        assert_eq!(of("a.exe", Some(".EXE;;junk;.X")), ["a.exe", "a.exe.EXE", "a.exe.X"]);
        assert_eq!(of("node-22.1", Some(".EXE")), ["node-22.1", "node-22.1.EXE"]);
    }
}
