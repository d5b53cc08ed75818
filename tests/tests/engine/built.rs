//! Programs that the tests build: each is out of a library's reach in a way of its own.

use portshim_tests::programs::{fetched, must, source, text};
use portshim_tests::project;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Way in which a program goes past every library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Linked statically, with glibc.
    Glibc,
    /// Linked statically, with musl.
    Musl,
    /// Linked with musl's own shared library.
    SharedMusl,
    /// Linked with glibc's, and with system calls of its own.
    Raw,
}

impl Way {
    pub(super) const ALL: [Self; 4] = [Self::Glibc, Self::Musl, Self::SharedMusl, Self::Raw];

    /// Options of `portshim run` with which such a program is served from outside.
    pub(super) fn options(self) -> &'static [&'static str] {
        // Of the last, nothing shows how it makes its calls.
        if self == Self::Raw { &["--cover", "tree"] } else { &[] }
    }
}

/// Builds `ports.c` into a folder.
pub(super) fn ports(way: Way, folder: &Path) -> PathBuf {
    let built = folder.join(format!("{way:?}"));
    program(way, "engine/ports.c", &[], &built)
}

/// Builds a program of C in this way.
pub(super) fn program(way: Way, from: &str, options: &[&str], built: &Path) -> PathBuf {
    let (compiler, own) = match way {
        Way::Glibc => ("gcc", &["-static"][..]),
        Way::Musl => ("musl-gcc", &["-static"][..]),
        Way::SharedMusl => ("musl-gcc", &[][..]),
        Way::Raw => ("gcc", &["-DRAW"][..]),
    };
    let mut command = Command::new(compiler);
    command.args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(built).arg(source(from));
    must(command.args(own).args(options));
    built.to_owned()
}

/// A Go that programs are built with: what they do in the kernel is in its own libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    /// Debian's, 1.19.
    Debian,
    /// 1.27.
    Newer,
}

impl Go {
    pub(super) const ALL: [Self; 2] = [Self::Debian, Self::Newer];

    /// Builds `ports.go`, without cgo.
    pub(super) fn ports(self) -> PathBuf {
        self.build("ports", None)
    }

    /// Builds `churn.go`, likewise.
    pub(super) fn churn(self) -> PathBuf {
        self.build("churn", None)
    }

    /// Builds `resolve.go`, with cgo: a dynamic program, in which libc's resolver can be used.
    pub(super) fn resolve(self) -> PathBuf {
        self.build("resolve", Some(&[]))
    }

    /// Builds `mixed.go`, with cgo: a static program.
    pub(super) fn mixed(self) -> PathBuf {
        let statically = ["-tags", "netgo,osusergo", "-ldflags", "-linkmode external -extldflags -static"];
        self.build("mixed", Some(&statically))
    }

    /// One at a time: Go's own libraries are compiled at the first, and kept.
    /// `options` are those of a build with cgo.
    fn build(self, name: &str, options: Option<&[&str]>) -> PathBuf {
        let folder = project().join("target/go");
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        let built = folder.join(format!("{name}-{self:?}"));
        let mut command = Command::new("flock");
        command.arg(folder.join("lock"));
        match self {
            Self::Debian => command.arg("go"),
            Self::Newer => command.arg(fetched("go/bin/go")).env("GOTOOLCHAIN", "local"),
        };
        command.args(["build", "-o", text(&built)]).args(options.unwrap_or_default());
        command.arg(source(&format!("engine/{name}.go")));
        command.env("CGO_ENABLED", if options.is_some() { "1" } else { "0" }).env("GO111MODULE", "off");
        must(command.env("GOCACHE", folder.join("cache")).env("GOFLAGS", "-mod=mod"));
        built
    }
}
