//! Requests that go without a port, as they happen.

use super::look::Look;
use crate::messages;
use std::collections::{HashMap, VecDeque};

/// Number of lines that are kept.
const KEPT: usize = 100;

/// A process of a session, and a scope of it.
type Whose = (String, u32, u64, usize);

/// The lines that tell of them, the newest first.
#[derive(Default)]
pub(super) struct Happenings {
    pub(super) lines: VecDeque<String>,
    before: Option<HashMap<Whose, (u64, u64)>>,
}

impl Happenings {
    /// Takes in what has happened since the look before.
    pub(super) fn take(&mut self, looks: &[Look], time: &str) {
        let mut now = HashMap::new();
        let several = looks.len() > 1;
        for look in looks {
            let Ok(inside) = &look.inside else { continue };
            for denied in inside.denied() {
                let whose = (look.id.clone(), denied.process, denied.since, denied.scope.index());
                if let Some(before) = &self.before {
                    let (exhausted, refused) = before.get(&whose).copied().unwrap_or_default();
                    let session = several.then_some(look.id.as_str());
                    for (more, what) in [
                        (denied.exhausted.saturating_sub(exhausted), messages::FOUND_NO_PORT),
                        (denied.refused.saturating_sub(refused), messages::NAMED_A_BLOCKED_PORT),
                    ] {
                        if more > 0 {
                            let scope = denied.scope.name();
                            let line =
                                messages::happened(time, session, denied.process, &denied.name, scope, what, more);
                            self.lines.push_front(line);
                        }
                    }
                }
                now.insert(whose, (denied.exhausted, denied.refused));
            }
        }
        self.lines.truncate(KEPT);
        self.before = Some(now);
    }
}
