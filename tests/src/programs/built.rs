//! Programs and libraries of C that one test compiles.

use super::{Scratch, compile_by, text};
use std::path::Path;

/// A folder of what a test has compiled from sources below `tests/tests`.
pub struct Built(Scratch);

impl Built {
    /// Makes the folder.
    #[must_use]
    pub fn begin(name: &str) -> Self {
        Self(Scratch::new(name))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &str {
        text(&self.0)
    }

    /// A file in it.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        text(&self.0.join(name)).to_owned()
    }

    /// Compiles a program, by the name of its source.
    ///
    /// # Panics
    /// Where it does not compile, as below.
    #[must_use]
    pub fn program(&self, source: &str, more: &[&str]) -> String {
        self.by("cc", source, stem(source), more)
    }

    /// Compiles a library, by the name of its source.
    #[must_use]
    pub fn library(&self, source: &str) -> String {
        self.by("cc", source, &format!("{}.so", stem(source)), &["-shared", "-fPIC"])
    }

    /// Compiles a program of musl, by the name of its source.
    #[must_use]
    pub fn of_musl(&self, source: &str) -> String {
        self.by("musl-gcc", source, stem(source), &["-O1"])
    }

    /// Compiles something by this compiler, under this name.
    #[must_use]
    pub fn by(&self, compiler: &str, source: &str, name: &str, more: &[&str]) -> String {
        let path = self.path(name);
        compile_by(compiler, &["-pthread"], source, Path::new(&path), more);
        path
    }
}

fn stem(source: &str) -> &str {
    Path::new(source).file_stem().and_then(|stem| stem.to_str()).expect("a source has a name")
}
