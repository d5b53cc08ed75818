//! Keys, and the changes that they ask for.

use super::state::{State, Typing};
use crate::args::Options;
use crate::commands::exhaust;
use crate::commands::restrict::{self, Asked};
use crate::messages;
use portshim_policy::model::Restriction;
use portshim_policy::ports::Scope;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Outcome of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Stay,
    Quit,
}

/// Longest text that is typed.
const LONGEST: usize = 200;

/// Does what a key asks for.
pub(super) fn press(state: &mut State, key: KeyEvent) -> Outcome {
    if key.kind == KeyEventKind::Release {
        return Outcome::Stay;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        return Outcome::Quit;
    }
    if state.typing.is_some() {
        type_on(state, key.code);
        return Outcome::Stay;
    }
    state.remark = None;
    let (sessions, scopes) = (state.looks.len(), Scope::ALL.len());
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => return Outcome::Quit,
        KeyCode::Up | KeyCode::Char('k') => state.chosen = state.chosen.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => state.chosen = (state.chosen + 1).min(sessions.saturating_sub(1)),
        KeyCode::Left | KeyCode::BackTab => state.scope = (state.scope + scopes - 1) % scopes,
        KeyCode::Right | KeyCode::Tab => state.scope = (state.scope + 1) % scopes,
        KeyCode::Char('p' | ' ') => state.paused = !state.paused,
        KeyCode::Char('r') => begin(state, Restriction::Reserve, false),
        KeyCode::Char('u') => begin(state, Restriction::Reserve, true),
        KeyCode::Char('b') => begin(state, Restriction::Block, false),
        KeyCode::Char('n') => begin(state, Restriction::Block, true),
        KeyCode::Char('x') => begin(state, Restriction::Exhaust, false),
        KeyCode::Char('l') => end(state, Restriction::Exhaust, true, ""),
        _ => {}
    }
    Outcome::Stay
}

fn begin(state: &mut State, act: Restriction, lift: bool) {
    if state.session().is_some() {
        // What is looked at is what is most likely meant.
        let text = if act == Restriction::Exhaust { Scope::ALL[state.scope].name() } else { "" };
        state.typing = Some(Typing { act, lift, text: text.to_owned() });
    }
}

/// Makes a change at once.
fn end(state: &mut State, act: Restriction, lift: bool, text: &str) {
    if state.session().is_some() {
        state.typing = Some(Typing { act, lift, text: text.to_owned() });
        type_on(state, KeyCode::Enter);
    }
}

fn type_on(state: &mut State, key: KeyCode) {
    let Some(typing) = &mut state.typing else { return };
    match key {
        KeyCode::Char(letter) if typing.text.len() < LONGEST => typing.text.push(letter),
        KeyCode::Backspace => drop(typing.text.pop()),
        KeyCode::Esc => state.typing = None,
        KeyCode::Enter => {
            state.remark = change(state);
            state.typing = None;
            // What is drawn shows it at once, unless the session is gone by now.
            let _ = state.look();
        }
        _ => {}
    }
}

/// Makes the change, and tells what came of it.
fn change(state: &State) -> Option<String> {
    let typing = state.typing.as_ref()?;
    let words: Vec<_> = typing.text.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() && typing.act != Restriction::Exhaust {
        return None;
    }
    let id = state.session()?.id.as_str();
    let mut remarks = Vec::new();
    let mut remark = |text: &str| remarks.push(text.lines().next().unwrap_or_default().to_owned());
    let asked = Asked { specs: &words, session: Some(id), process: None };
    let done = match (typing.act, typing.lift) {
        (Restriction::Exhaust, lift) => {
            let options = Options { session: Some(id.to_owned()), scopes: words, ..Options::default() };
            if lift { exhaust::release(&options) } else { exhaust::exhaust(&options) }.map(drop)
        }
        (act, false) => restrict::entered(act, &asked, &mut remark).map(drop),
        (act, true) => restrict::lifted(act, &asked, &mut remark).map(drop),
    };
    let told = match done {
        Ok(()) => messages::changed(typing.act, typing.lift, &typing.text),
        Err(failure) => failure.to_string().lines().collect::<Vec<_>>().join("  "),
    };
    Some([&[told][..], &remarks].concat().join("; "))
}
