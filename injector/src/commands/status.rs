//! `portshim status`: what a live session has, what is in use of it, and what became of the
//! requests.

mod table;

use super::sessions::chosen;
use super::shown::Shown;
use super::usage::Usage;
use crate::args::Options;
use crate::messages::{self, Failure};
use crate::present;

pub(super) fn status(args: &Options) -> Result<u32, Failure> {
    let session = chosen(args.session.as_deref())?;
    let region = session.snapshot().map_err(|why| messages::unreadable_session(&session.id, &session.path, &why))?;
    let usage = Usage::of(&session).map_err(|why| messages::unseen_sockets(&why))?;
    let shown = Shown::new(&session, &region, &usage);
    let text = if args.json { present::json(&shown) } else { table::of(&shown, session.age, args.verbose) };
    present::print(&text).map(|()| 0)
}
