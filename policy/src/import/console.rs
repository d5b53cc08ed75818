//! Scripts that call netsh or rpccfg, and what netsh printed, with or without the commands above
//! it.

mod call;
mod excluded;

use super::draft::{self, Draft};
use super::listing::{Shape, shape};
use super::messages;
use crate::model::Preset;
use crate::netsh::{self, Ask, Change, Command, Store};
use crate::ports::spec::{self, SpecError};
use crate::ports::{PortRange, Scope, ScopeSet, Transport};
use call::{Call, Program};
use core::ops::Range;
use excluded::Outcome;

/// Tells whether a line calls a program that is understood.
pub(super) fn is_command(line: &str) -> bool {
    call::calls(line).next().is_some()
}

/// Tells whether a file with such a line may be a script or listing.
pub(super) fn is_sign(line: &str) -> bool {
    is_command(line) || matches!(shape(line), Shape::Heading(_))
}

pub(super) fn read(draft: &mut Draft<'_>) {
    let mut reader = Reader { draft, outcome: Outcome::default(), asked: None, listing: None, found: false };
    for (start, line) in draft::lines(reader.draft.text, call::goes_on) {
        let mut called = false;
        for call in call::calls(line) {
            called = true;
            reader.call(start, line, call);
        }
        if !called {
            reader.line(start, line);
        }
    }
    reader.end_listing();
    let Reader { outcome, found, .. } = reader;
    if !found {
        let understood = "what netsh prints for show dynamicport and show excludedportrange; set dynamicport, add and \
                          delete excludedportrange in a script";
        draft.nothing_found(&(0..0), understood);
    }
    outcome.lay_into(&mut draft.layer.wishes);
}

fn read_command(text: &str) -> Result<Option<Command>, SpecError> {
    Ok(netsh::command(text)?)
}

/// Subject that a listing turned out to be about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listed {
    /// Nothing yet.
    Heading,
    /// A start port, still without a number of ports.
    Start(u32, Range<usize>),
    /// A dynamic range.
    Dynamic,
    /// Excluded ranges, each with whether an administrator excluded it.
    Excluded(Vec<(PortRange, bool, Range<usize>)>),
}

/// A listing that is being read.
struct Listing {
    place: Range<usize>,
    transport: Transport,
    scopes: ScopeSet,
    /// Set if a command above it named the family.
    named: bool,
    listed: Listed,
}

struct Reader<'d, 'a> {
    draft: &'d mut Draft<'a>,
    outcome: Outcome,
    /// Question of the last command that still is to be printed.
    asked: Option<(Scope, Store)>,
    listing: Option<Listing>,
    found: bool,
}

impl Reader<'_, '_> {
    fn call(&mut self, start: usize, line: &str, call: Call<'_>) {
        self.end_listing();
        let span = draft::span(start, line, call.arguments);
        match call.program {
            Program::Netsh => self.netsh(&span),
            Program::Rpccfg => self.rpccfg(&span),
        }
    }

    fn netsh(&mut self, span: &Range<usize>) {
        self.asked = None;
        let Some(command) = self.draft.keep(span, "netsh", read_command).and_then(|read| read.value) else { return };
        let Command { scope, store, ask } = command;
        let Ask::Change(change, range) = ask else {
            self.asked = Some((scope, store));
            // What follows is about what was asked, in whatever words its heading says so.
            return self.begin_listing(scope.transport(), span.clone());
        };
        self.concerns(span);
        let origin = self.draft.origin(span, &format!("netsh {change}"));
        let said = match change {
            Change::SetDynamicPort => {
                self.outcome.set_dynamic(scope.into(), range, &origin);
                None
            }
            Change::AddExcludedPortRange => self.outcome.add(scope, range, &origin).err(),
            Change::DeleteExcludedPortRange => self.outcome.delete(scope, range, &origin).err(),
        };
        said.into_iter().for_each(|problem| self.draft.say(problem));
    }

    /// The system has netsh's port commands.
    fn concerns(&mut self, span: &Range<usize>) {
        self.found = true;
        // Whatever else there was said which Windows it cannot be.
        if self.draft.layer.guess.take().is_some() {
            self.draft.layer.preset = None;
        }
        self.draft.preset("windows-vista", span, "netsh");
    }

    fn rpccfg(&mut self, span: &Range<usize>) {
        let text = &self.draft.text[span.clone()];
        let mut words = text.split_whitespace();
        let sets =
            |word: &str| word.get(1..).is_some_and(|w| w.eq_ignore_ascii_case("pe") || w.eq_ignore_ascii_case("pi"));
        if !words.any(sets) {
            return;
        }
        self.found = true;
        let ports = words.next().unwrap_or_default().trim_matches('"');
        let place = draft::span(span.start, text, ports);
        // Nothing after the switch clears the list.
        let ports = if ports.is_empty() {
            None
        } else {
            let Some(read) = self.draft.keep(&place, "rpccfg", |text| spec::ports(text, 0)) else { return };
            Some(spec::Spec { ports: read.value, scopes: ScopeSet::ALL }.to_string())
        };
        let origin = self.draft.origin(span, "rpccfg");
        self.draft.say(messages::rpc_endpoints(&origin, ports.as_deref()));
        if self.draft.layer.preset.is_none()
            && let Some(preset) = Preset::named("windows-2003")
        {
            self.draft.preset(preset.name, span, "rpccfg");
            self.draft.layer.guess = Some(messages::guessed(&origin, preset, "windows-2003-sp1 or windows-xp"));
        }
    }

    fn line(&mut self, start: usize, line: &str) {
        match shape(line) {
            Shape::Heading(transport) => {
                self.end_listing();
                self.begin_listing(transport, draft::span(start, line, line.trim()));
            }
            Shape::Number(number) => self.number(draft::span(start, line, number), number),
            Shape::Row(first, last, administered) => {
                let span = draft::span(start, line, first).start..draft::span(start, line, last).end;
                let range = first.parse().ok().zip(last.parse().ok()).filter(|(first, _)| *first > 0);
                let range = range.and_then(|(first, last)| PortRange::new(first, last).ok());
                self.row(span, range, administered);
            }
            Shape::Rule | Shape::Other => {}
        }
    }

    fn begin_listing(&mut self, transport: Transport, place: Range<usize>) {
        let asked = self.asked.filter(|(scope, _)| scope.transport() == transport);
        let scopes = match asked {
            Some((scope, _)) => scope.into(),
            None => Scope::ALL.into_iter().filter(|scope| scope.transport() == transport).collect(),
        };
        self.listing = Some(Listing { place, transport, scopes, named: asked.is_some(), listed: Listed::Heading });
    }

    fn number(&mut self, span: Range<usize>, number: &str) {
        let Some(listing) = &mut self.listing else { return };
        let value = number.parse().unwrap_or(u32::MAX);
        match listing.listed.clone() {
            Listed::Heading => listing.listed = Listed::Start(value, span),
            Listed::Start(first, place) => {
                listing.listed = Listed::Dynamic;
                let last = value.checked_sub(1).and_then(|more| first.checked_add(more));
                let range = u16::try_from(first).ok().filter(|first| *first > 0);
                let range = range.zip(last.and_then(|last| u16::try_from(last).ok()));
                match range.and_then(|(first, last)| PortRange::new(first, last).ok()) {
                    Some(range) => self.dynamic(range, &place),
                    None => {
                        self.draft.tell(&place, "", &messages::NO_SUCH_PORTS);
                    }
                }
            }
            Listed::Dynamic | Listed::Excluded(_) => {}
        }
    }

    fn dynamic(&mut self, range: PortRange, place: &Range<usize>) {
        let Some(Listing { place: heading, transport, scopes, named, .. }) = &self.listing else { return };
        let (heading, transport, scopes, named) = (heading.clone(), *transport, *scopes, *named);
        self.concerns(&heading);
        let origin = self.draft.origin(place, "netsh show dynamicport");
        if !named && !self.outcome.unnamed_dynamic(transport, range) {
            return self.draft.say(messages::SECOND_LISTING_WITHOUT_FAMILY.at(&origin));
        }
        self.without_family(named, &heading);
        self.outcome.set_dynamic(scopes, range, &origin);
    }

    fn row(&mut self, span: Range<usize>, range: Option<PortRange>, administered: bool) {
        let Some(range) = range else {
            return self.draft.tell(&span, "", &messages::NO_SUCH_PORTS);
        };
        match self.listing.as_mut().map(|listing| &mut listing.listed) {
            Some(listed @ Listed::Heading) => *listed = Listed::Excluded(vec![(range, administered, span)]),
            Some(Listed::Excluded(rows)) => rows.push((range, administered, span)),
            _ => {
                self.draft.tell(&span, "", &messages::LISTING_WITHOUT_PROTOCOL);
            }
        }
    }

    /// Takes up what was listed, now that all of it is known.
    fn end_listing(&mut self) {
        let Some(Listing { place, transport, scopes, named, listed }) = self.listing.take() else { return };
        let rows = match listed {
            Listed::Heading | Listed::Dynamic => return,
            Listed::Start(_, span) => {
                return self.draft.tell(&span, "", &messages::INCOMPLETE_LISTING);
            }
            Listed::Excluded(rows) => rows,
        };
        self.concerns(&place);
        let ranges: Vec<_> = rows.iter().map(|(range, administered, _)| (*range, *administered)).collect();
        if !named && !self.outcome.unnamed_excluded(transport, ranges) {
            return self.draft.tell(&place, "", &messages::SECOND_LISTING_WITHOUT_FAMILY);
        }
        self.without_family(named, &place);
        self.outcome.forget(scopes);
        for (range, administered, span) in rows {
            let key = if administered { "administered exclusion" } else { "run-time reservation" };
            let origin = self.draft.origin(&span, key);
            self.outcome.list(scopes, range, administered, &origin);
        }
    }

    fn without_family(&mut self, named: bool, heading: &Range<usize>) {
        if !named && self.outcome.first_unnamed() {
            self.draft.tell(heading, "", &messages::LISTING_WITHOUT_FAMILY);
        }
    }
}
