//! `portshim top`: the live sessions, in the terminal, as long as somebody looks.

mod happenings;
mod input;
mod look;
mod map;
mod state;
mod view;

use crate::args::Options;
use crate::messages::{self, Failure};
use crate::present;
use input::Outcome;
use ratatui::Terminal;
use ratatui::backend::{IntoCrossterm, TestBackend};
use ratatui::crossterm::event::{self, Event};
use ratatui::crossterm::style::{Color, ContentStyle, force_color_output};
use ratatui::style::Style;
use state::State;
use std::io::{IsTerminal, stdin, stdout};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two looks, at least; and how much longer it is than a look takes.
const PAUSE: Duration = Duration::from_secs(1);
const SHARE: u32 = 10;
/// The size of one picture where there is no terminal.
const LINES: u16 = 24;

pub(super) fn top(args: &Options) -> Result<u32, Failure> {
    force_color_output(present::has_colour(&stdout()));
    let mut state = State::new(args.session.clone());
    state.look()?;
    if args.once {
        thread::sleep(PAUSE);
        state.look()?;
        return present::print(&picture(&mut state)).map(|()| 0);
    }
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(messages::no_terminal());
    }
    let mut terminal = ratatui::try_init().map_err(|e| messages::terminal_failed(&e))?;
    let ended = watch(&mut terminal, &mut state);
    ratatui::restore();
    ended.map(|()| 0)
}

fn watch(terminal: &mut ratatui::DefaultTerminal, state: &mut State) -> Result<(), Failure> {
    let failed = |e| messages::terminal_failed(&e);
    let mut next = Instant::now() + PAUSE;
    loop {
        terminal.draw(|frame| view::draw(frame, state)).map_err(failed)?;
        let left = next.saturating_duration_since(Instant::now());
        if event::poll(left).map_err(failed)? {
            match event::read().map_err(failed)? {
                Event::Key(key) if input::press(state, key) == Outcome::Quit => return Ok(()),
                _ => continue,
            }
        }
        if Instant::now() >= next {
            let begun = Instant::now();
            if !state.paused {
                state.look()?;
            }
            next = begun + PAUSE.max(begun.elapsed() * SHARE);
        }
    }
}

/// The screen as text, as wide as the terminal and as high as LINES says.
fn picture(state: &mut State) -> String {
    let lines = std::env::var("LINES").ok().and_then(|lines| lines.parse().ok());
    let lines = lines.filter(|lines| (1..=500).contains(lines)).unwrap_or(LINES);
    let width = u16::try_from(present::width()).unwrap_or(u16::MAX).min(500);
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, lines));
    let Ok(_) = terminal.draw(|frame| view::draw(frame, state));
    let buffer = terminal.backend().buffer();
    let line = |y| {
        let cells: Vec<_> = (0..width).filter_map(|x| buffer.cell((x, y))).collect();
        let alike = cells.chunk_by(|one, other| one.style() == other.style());
        let parts =
            alike.map(|cells| styled(cells[0].style(), &cells.iter().map(|cell| cell.symbol()).collect::<String>()));
        parts.collect::<String>().trim_end().to_owned() + "\n"
    };
    (0..lines).map(line).collect()
}

/// Text in its style, where there are colours.
fn styled(style: Style, text: &str) -> String {
    if !present::has_colour(&stdout()) {
        return text.to_owned();
    }
    let mut style: ContentStyle = style.into_crossterm();
    // What a terminal has by itself needs no word.
    let set = |colour: Option<Color>| colour.filter(|colour| *colour != Color::Reset);
    style = ContentStyle {
        foreground_color: set(style.foreground_color),
        background_color: set(style.background_color),
        underline_color: set(style.underline_color),
        ..style
    };
    if style == ContentStyle::default() { text.to_owned() } else { style.apply(text).to_string() }
}
