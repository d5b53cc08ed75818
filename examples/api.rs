//! Keeps ports for a server, and works the same without portshim, where nothing keeps others off them:
//! reserves those that its workers are going to bind, blocks those around its own listener, and says why
//! where it cannot. Then it runs what its arguments name, as a worker. It needs the crate `libc`.
//!
//! ```text
//! cargo build --example api
//! portshim run --range 20000-20005 -- target/debug/examples/api python3 examples/drain.py
//! ```

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io::{self, Error};
use std::mem::transmute;
use std::net::TcpListener;
use std::process::{Command, ExitCode};

const TCP: c_uint = 3;
const ALL: c_uint = 15;

/// What portshim does with ports. The numbers are those that `portshim_rule` knows.
#[derive(Clone, Copy)]
enum Act {
    Reserve = 0,
    Block = 1,
}

/// The functions of `portshim.h`.
struct Portshim {
    reserve: Keep,
    block: Keep,
    rule: Rule,
}

type Keep = extern "C" fn(c_uint, c_uint, c_uint) -> c_int;
type Rule = unsafe extern "C" fn(c_int, *mut c_char, usize) -> c_int;

impl Portshim {
    /// `None` where this program runs without the library.
    fn find() -> Option<Self> {
        let find = |name: &CStr| {
            // SAFETY: dlsym reads a name that ends in a NUL.
            let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
            (!found.is_null()).then_some(found)
        };
        let (reserve, block, rule) = (find(c"portshim_reserve")?, find(c"portshim_block")?, find(c"portshim_rule")?);
        // SAFETY: portshim.h declares these functions so.
        let (reserve, block) =
            unsafe { (transmute::<*mut c_void, Keep>(reserve), transmute::<*mut c_void, Keep>(block)) };
        // SAFETY: the same.
        let rule = unsafe { transmute::<*mut c_void, Rule>(rule) };
        Some(Self { reserve, block, rule })
    }

    /// Reserves or blocks ports for as long as this process lives, and tells what became of it.
    fn keep(&self, act: Act, first: u16, last: u16, scopes: c_uint) {
        let (verb, call) = match act {
            Act::Reserve => ("reserve", self.reserve),
            Act::Block => ("block", self.block),
        };
        let answer = call(first.into(), last.into(), scopes);
        let error = Error::last_os_error();
        let reason = match error.raw_os_error() {
            _ if answer >= 0 => "done".to_owned(),
            Some(libc::ERANGE) => self.rule(act),
            _ => error.to_string(),
        };
        println!("{verb} {first}-{last}: {reason}");
    }

    fn rule(&self, act: Act) -> String {
        let mut text = [0u8; 256];
        // SAFETY: the buffer is as long as it is said to be.
        unsafe { (self.rule)(act as c_int, text.as_mut_ptr().cast(), text.len()) };
        CStr::from_bytes_until_nul(&text).unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn main() -> io::Result<ExitCode> {
    match Portshim::find() {
        Some(portshim) => {
            portshim.keep(Act::Reserve, 20000, 20003, ALL);
            portshim.keep(Act::Block, 8440, 8443, TCP);
        }
        None => println!("without portshim: nothing keeps others off our ports"),
    }

    let _listener = TcpListener::bind(("127.0.0.1", 8440))?;
    println!("listening on 8440");

    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(worker) => {
            let status = Command::new(worker).args(arguments).status()?;
            Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        None => Ok(ExitCode::SUCCESS),
    }
}
