//! The picture: what stands where in the terminal.

use super::look::Look;
use super::map::{self, Kind};
use super::state::State;
use crate::messages;
use crate::present::{clock, cut, has_colour, one_line, or_dash};
use portshim_policy::ports::Scope;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline};
use std::io::stdout;

/// The terminal from which on two columns stand beside each other all the way.
const WIDE: (u16, u16) = (120, 28);
/// Widths of a scope's numbers, on both sides of its line of ports in use.
const BEFORE: u16 = 18;
const BEHIND: u16 = 41;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State) {
    let area = frame.area();
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(area);
    frame.render_widget(title(state, area.width), head);
    frame.render_widget(footer(state, area.width), foot);
    let count = state.looks.len().max(1) as u16;
    let is_wide = area.width >= WIDE.0 && area.height >= WIDE.1;
    let most = if is_wide { 8 } else { 3 };
    let parts = [Constraint::Length(2 + count.min(most)), Constraint::Length(6), Constraint::Min(4)];
    let [sessions, scopes, rest] = Layout::vertical(parts).areas(body);
    sessions_in(frame, state, sessions);
    scopes_in(frame, state, scopes);
    if is_wide {
        let [left, right] = Layout::horizontal([Constraint::Percentage(50); 2]).spacing(2).areas(rest);
        let [upper, lower] = Layout::vertical([Constraint::Percentage(50); 2]).areas(right);
        processes_in(frame, state, left);
        map_in(frame, state, upper);
        happenings_in(frame, state, lower);
    } else {
        let [upper, lower] = Layout::vertical([Constraint::Min(4), Constraint::Length(5)]).areas(rest);
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(54), Constraint::Percentage(46)]).spacing(1).areas(upper);
        processes_in(frame, state, left);
        map_in(frame, state, right);
        happenings_in(frame, state, lower);
    }
}

/// A look of text: colours where there are any, else what every terminal can.
fn style(colour: Color, otherwise: Modifier) -> Style {
    if has_colour(&stdout()) { Style::new().fg(colour) } else { Style::new().add_modifier(otherwise) }
}

fn faint() -> Style {
    style(Color::DarkGray, Modifier::empty())
}

fn alarm() -> Style {
    style(Color::Red, Modifier::BOLD)
}

/// A number that should be nought.
fn should_be_none(text: String, number: u64) -> Span<'static> {
    if number > 0 { Span::styled(text, alarm()) } else { Span::raw(text) }
}

fn title(state: &State, width: u16) -> Line<'static> {
    let count = match state.looks.len() {
        1 => "1 session".to_owned(),
        count => format!("{count} sessions"),
    };
    let paused = if state.paused { ", paused" } else { "" };
    let left = format!("portshim top: {count}{paused}");
    let time = clock();
    let gap = usize::from(width).saturating_sub(left.len() + time.len());
    Line::styled(format!("{left}{:gap$}{time}", ""), Style::new().add_modifier(Modifier::BOLD))
}

fn footer(state: &State, width: u16) -> Line<'static> {
    let width = usize::from(width);
    if let Some(typing) = &state.typing {
        let id = state.session().map_or("", |look| &look.id);
        return Line::raw(one_line(&messages::asked_for(typing.act, typing.lift, id, &typing.text), width));
    }
    match &state.remark {
        Some(remark) => Line::styled(one_line(remark, width), Style::new().add_modifier(Modifier::BOLD)),
        None => Line::styled(cut(messages::KEYS, width), faint()),
    }
}

/// A part with its title, and the room inside it.
fn part(frame: &mut Frame<'_>, area: Rect, title: &str) -> Rect {
    let title = format!(" {} ", cut(title, usize::from(area.width).saturating_sub(4)));
    let block = Block::new().borders(Borders::TOP).border_style(faint()).title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

fn sessions_in(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let inside = part(frame, area, "sessions");
    let rows = usize::from(inside.height).saturating_sub(1);
    let head = format!(
        "  {:<8}{:>8}{:>8}{:>10}{:>10}{:>10}  program",
        "id", "in use", "free", "served/s", "none/s", "refused/s"
    );
    let mut lines = vec![Line::styled(head, faint())];
    if state.looks.is_empty() {
        lines.push(Line::raw(messages::NOTHING_LIVES));
    }
    // The chosen one is always seen.
    let first = state.chosen.saturating_sub(rows.saturating_sub(1));
    for (at, look) in state.looks.iter().enumerate().skip(first).take(rows) {
        lines.push(session(state, at, look, inside.width));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn session(state: &State, at: usize, look: &Look, width: u16) -> Line<'static> {
    let sign = if at == state.chosen { "▶ " } else { "  " };
    let id = format!("{sign}{:<8}", cut(&look.id, 8));
    let look_of = if at == state.chosen { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
    let spans = match &look.inside {
        Err(why) => vec![Span::raw(id), Span::styled(one_line(why, usize::from(width).saturating_sub(10)), alarm())],
        Ok(inside) => {
            let total = inside.total();
            let [served, none, refused] = state.rates(&look.id);
            let rest = usize::from(width).saturating_sub(58);
            vec![
                Span::raw(format!("{id}{:>8}{:>8}{served:>10.1}", total.in_use, total.free)),
                should_be_none(format!("{none:>10.1}"), none.ceil() as u64),
                should_be_none(format!("{refused:>10.1}"), refused.ceil() as u64),
                Span::raw(format!("  {}", one_line(&look.command, rest))),
            ]
        }
    };
    Line::from(spans).style(look_of)
}

fn scopes_in(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let id = state.session().map_or("none", |look| &look.id);
    let inside = part(frame, area, &format!("ports in use, session {id}"));
    let Some(seen) = state.inside() else { return };
    let mut rows = inside.rows();
    let Some(head) = rows.next() else { return };
    let columns = |row: Rect| -> [Rect; 3] {
        let parts = [Constraint::Length(BEFORE), Constraint::Min(4), Constraint::Length(BEHIND)];
        Layout::horizontal(parts).spacing(1).areas(row)
    };
    let [before, _, behind] = columns(head);
    frame.render_widget(Line::styled(format!("{:<6}{:>12}", "", "in use/ports"), faint()), before);
    let words = format!("{:>6}{:>6}{:>7}{:>6}{:>8}{:>8}", "own", "wait", "free", "peak", "none", "refused");
    frame.render_widget(Line::styled(words, faint()), behind);
    for (scope, row) in Scope::ALL.into_iter().zip(rows) {
        let sum = &seen.scopes[scope.index()];
        let [before, line, behind] = columns(row);
        let is_chosen = scope.index() == state.scope;
        let name = format!("{}{:<5}", if is_chosen { "▶" } else { " " }, scope.name());
        let full = if sum.free == 0 && sum.allowed > 0 { alarm() } else { Style::new() };
        let use_of = Span::styled(format!("{:>12}", format!("{}/{}", sum.in_use, sum.allowed)), full);
        frame.render_widget(Line::from(vec![Span::raw(name), use_of]), before);
        if let Some(history) = state.history(scope.index()) {
            let shown = history.iter().skip(history.len().saturating_sub(line.width.into())).copied();
            let most = state.most(scope.index()).max(1);
            let bars: Vec<u64> = shown.collect();
            let bars = Sparkline::default().data(&bars).max(most).style(style(Color::Blue, Modifier::empty()));
            frame.render_widget(bars, line);
        }
        let numbers = vec![
            Span::raw(format!("{:>6}{:>6}{:>7}{:>6}", sum.by_session, sum.time_wait, sum.free, or_dash(sum.peak))),
            should_be_none(format!("{:>8}", sum.exhausted), sum.exhausted),
            should_be_none(format!("{:>8}", sum.refused), sum.refused),
        ];
        frame.render_widget(Line::from(numbers), behind);
    }
}

fn processes_in(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let inside = part(frame, area, "processes by ports held");
    let Some(seen) = state.inside() else { return };
    let mut all: Vec<_> = seen.shown.processes.iter().collect();
    all.sort_by_key(|process| (std::cmp::Reverse(process.in_use), process.member.process.pid));
    let rows = usize::from(inside.height).saturating_sub(1);
    let head = format!("{:>7}{:>7}{:>8}{:>6}  program", "process", "ports", "served", "none");
    let mut lines = vec![Line::styled(head, faint())];
    let room = usize::from(inside.width).saturating_sub(30);
    for process in all.iter().take(rows) {
        let (pid, name) = (process.member.process.pid, one_line(&process.member.process.name, room));
        lines.push(Line::from(vec![
            Span::raw(format!("{pid:>7}{:>7}{:>8}", process.in_use, process.served)),
            should_be_none(format!("{:>6}", process.exhausted), process.exhausted),
            Span::raw(format!("  {name}")),
        ]));
    }
    for other in seen.shown.others.iter().take((rows + 1).saturating_sub(lines.len())) {
        let pid = other.pid.map_or_else(|| "?".into(), |pid| pid.to_string());
        let ports: usize = other.numbers.values().map(Vec::len).sum();
        let name = other.name.as_deref().or(other.user.as_deref()).unwrap_or_default();
        let name = one_line(&format!("{name} (outside)"), room);
        lines.push(Line::styled(format!("{pid:>7}{ports:>7}{:>14}  {name}", ""), faint()));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

fn map_in(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let scope = Scope::ALL[state.scope];
    let Some(seen) = state.inside() else {
        part(frame, area, "map");
        return;
    };
    let rows = usize::from(area.height).saturating_sub(2);
    let (cells, share) = map::cells(seen, scope, rows * usize::from(area.width));
    let each = if share > 1 { format!(", {share} a cell") } else { String::new() };
    let inside = part(frame, area, &format!("{} {}{each}", scope.name(), seen.range(scope)));
    let colour = |kind| match kind {
        Kind::Free => faint(),
        Kind::Own => style(Color::Blue, Modifier::empty()),
        Kind::Others => style(Color::Gray, Modifier::empty()),
        Kind::Waiting => style(Color::Yellow, Modifier::empty()),
        Kind::Reserved => style(Color::Magenta, Modifier::empty()),
        Kind::Exhausted => style(Color::Red, Modifier::BOLD),
        Kind::Blocked => style(Color::Red, Modifier::empty()),
    };
    let line = |cells: &[map::Cell]| -> Line<'static> {
        cells.iter().map(|(sign, kind)| Span::styled(sign.to_string(), colour(*kind))).collect()
    };
    let mut lines: Vec<_> = cells.chunks(usize::from(area.width).max(1)).map(line).collect();
    let legend = [
        ("█", Kind::Own, "own "),
        ("▓", Kind::Others, "other "),
        ("▒", Kind::Waiting, "wait "),
        ("r", Kind::Reserved, "eserved "),
        ("b", Kind::Blocked, "locked "),
        ("x", Kind::Exhausted, "exhausted"),
    ];
    // What is not there needs no room.
    let shown = legend.iter().filter(|(_, kind, _)| cells.iter().any(|(_, other)| other == kind));
    let legend = shown.flat_map(|(sign, kind, word)| {
        let gap = if matches!(kind, Kind::Reserved | Kind::Blocked) { "" } else { " " };
        [Span::styled(*sign, colour(*kind)), Span::styled(format!("{gap}{word}"), faint())]
    });
    lines.truncate(rows);
    lines.push(legend.collect());
    frame.render_widget(Paragraph::new(Text::from(lines)), inside);
}

fn happenings_in(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let inside = part(frame, area, "without a port, as it happens");
    let lines = state.happenings.lines.iter().take(inside.height.into());
    let lines: Vec<_> = lines.map(|line| Line::raw(one_line(line, inside.width.into()))).collect();
    if lines.is_empty() {
        frame.render_widget(Line::styled("nobody since the first look", faint()), inside);
    } else {
        frame.render_widget(Paragraph::new(lines), inside);
    }
}
