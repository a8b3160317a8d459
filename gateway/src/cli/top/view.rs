//! Draws the screen: a header, problems, and the lists.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Row as TableRow, Table, TableState};

use super::super::control::duration;
use super::super::queries::{printable, took};
use super::model::{Gateway, Mode, Model};
use super::rows::{Pane, short};
use crate::observe::{Overview, Severity, problems};

/// From so many columns and rows on, all lists are shown at once.
const WIDE: (u16, u16) = (150, 30);

/// Lines for problems.
const PROBLEMS_MAX: usize = 3;

const HELP: &str = "\
up, down, j, k      choose a row            PgUp, PgDn, g, G   far, to an end
tab, 1 to 5         choose a list           s, S               sort by the next column
/                   show only rows with     Esc                show all again
x, Del              stop what is chosen     p, space           pause, and go on
?                   this help               q, Ctrl-C          quit

Calls: under way; `waiting` is for a connection, or for an identical
statement that runs. Queue: LAG is how far a client is ahead of the others,
BOUND how far it may be. Statements: without their literals, since the start.";

/// With or without colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) has_colours: bool,
}

impl Palette {
    fn of(self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn bad(self) -> Style {
        self.of(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn quiet(self) -> Style {
        self.of(Color::DarkGray)
    }
}

/// Draws `model`; `is_screen`: with the line about keys, and as many lists as there is room for; else the chosen one alone.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, palette: Palette, is_screen: bool) {
    let area = frame.area();
    let troubles = trouble_lines(model, palette);
    let heights = [
        Constraint::Length(3),
        Constraint::Length(u16::try_from(troubles.len()).unwrap_or(0)),
        Constraint::Fill(1),
        Constraint::Length(u16::from(is_screen)),
    ];
    let [head, trouble, lists, foot] = Layout::vertical(heights).areas(area);
    frame.render_widget(Paragraph::new(head_lines(model, palette)), head);
    frame.render_widget(Paragraph::new(troubles), trouble);
    if is_screen {
        draw_lists(frame, lists, model, palette);
        frame.render_widget(Paragraph::new(foot_line(model, palette)), foot);
    } else {
        list(frame, lists, model, model.pane, palette);
    }
    match &model.mode {
        Mode::Help => popup(frame, " Help ", HELP),
        Mode::Question(target) => {
            popup(
                frame,
                " Stop it? ",
                &format!("Stop {}?\n\nIts client is told.  y: yes   n: no", target.what),
            );
        }
        Mode::Lists | Mode::Filter => {}
    }
}

fn draw_lists(frame: &mut Frame<'_>, area: Rect, model: &Model, palette: Palette) {
    let draw = |frame: &mut Frame<'_>, area: Rect, pane: Pane| list(frame, area, model, pane, palette);
    if area.width >= WIDE.0 && area.height >= WIDE.1 {
        let [left, right] =
            Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(2).areas(area);
        let [calls, sessions] = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(left);
        let rest = [Constraint::Fill(1), Constraint::Fill(1), Constraint::Fill(1)];
        let [queue, queries, pool] = Layout::vertical(rest).areas(right);
        for (area, pane) in [
            (calls, Pane::Calls),
            (sessions, Pane::Sessions),
            (queue, Pane::Queue),
            (queries, Pane::Queries),
            (pool, Pane::Pool),
        ] {
            draw(frame, area, pane);
        }
        return;
    }
    // The chosen list, and below it the one that tells most beside it.
    let other = if model.pane == Pane::Calls { Pane::Sessions } else { Pane::Calls };
    if area.height < 10 {
        return draw(frame, area, model.pane);
    }
    let [main, second] = Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).areas(area);
    draw(frame, main, model.pane);
    draw(frame, second, other);
}

fn list(frame: &mut Frame<'_>, area: Rect, model: &Model, pane: Pane, palette: Palette) {
    let rows = model.rows(pane);
    let is_chosen = model.pane == pane;
    let number = pane as usize + 1;
    let filter = if model.filter.is_empty() { String::new() } else { format!(" with {:?}", model.filter) };
    let running = match pane {
        Pane::Calls => {
            format!(", {} with a connection", rows.iter().filter(|row| row.cells[1] == "running").count())
        }
        _ => String::new(),
    };
    let title = format!(" {number} {} ({}{running}{filter}) ", pane.title(), rows.len());
    let style =
        if is_chosen { palette.of(Color::Cyan).add_modifier(Modifier::BOLD) } else { palette.quiet() };
    let block = Block::new().borders(Borders::TOP).title(title).border_style(style);
    let sort = model.sort(pane);
    let heading = pane.columns().iter().enumerate().map(|(at, (title, _))| {
        let is_sorted = at == sort && pane != Pane::Pool;
        let mark = if is_sorted { "*" } else { "" };
        Cell::from(format!("{title}{mark}"))
    });
    let widths = pane.columns().iter().map(|(_, width)| match width {
        0 => Constraint::Fill(1),
        width => Constraint::Length(*width),
    });
    let chosen = model.chosen(pane, &rows);
    let room = usize::from(area.height.saturating_sub(2));
    // Only what can be seen is laid out, for any number of sessions.
    let first = chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(room.max(1)));
    let shown = rows.iter().skip(first).take(room).map(|row| {
        let style = if row.is_bad { palette.bad() } else { Style::new() };
        TableRow::new(row.cells.iter().map(|cell| Cell::from(cell.as_str()))).style(style)
    });
    let table = Table::new(shown, widths)
        .header(TableRow::new(heading).style(palette.quiet().add_modifier(Modifier::BOLD)))
        .column_spacing(1)
        .block(block)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(chosen.filter(|_| is_chosen).map(|at| at - first));
    frame.render_stateful_widget(table, area, &mut state);
}

fn head_lines(model: &Model, palette: Palette) -> Vec<Line<'static>> {
    let Some(overview) = &model.overview else {
        return vec![Line::from("snowgate top")];
    };
    let status = &overview.status;
    let pause = if model.is_paused { "  PAUSED" } else { "" };
    let title = format!(
        "snowgate {}  pid {}  up {}  {} of {} sessions{pause}",
        printable(&status.version),
        status.pid,
        duration(status.uptime_ms),
        status.sessions,
        status.sessions_max
    );
    vec![
        Line::styled(title, palette.of(Color::Cyan).add_modifier(Modifier::BOLD)),
        Line::from(throughput(overview)),
        Line::from(pool_line(overview)),
    ]
}

fn throughput(overview: &Overview) -> String {
    let totals = &overview.status.totals;
    let sum = format!(
        "calls {}, {} failed, {} refused",
        short(totals.calls),
        short(totals.failed),
        short(totals.refused)
    );
    let Some(now) = overview.minutes.last() else { return sum };
    let before = overview.minutes.iter().rev().nth(1).map_or(0, |minute| minute.calls);
    format!(
        "{sum}; minute {}, last {}; p95 wait {} run {}",
        short(now.calls),
        short(before),
        took(now.wait_p95_ms),
        took(now.run_p95_ms)
    )
}

fn pool_line(overview: &Overview) -> String {
    let (status, shares) = (&overview.status, &overview.status.allocator);
    let pinned = match status.connections_pinned {
        0 => String::new(),
        pinned => format!(", {pinned} pinned"),
    };
    format!(
        "pool {}/{} open, {} idle{pinned}; slots {}/{}, lane {}/{}; waiting {}; breaker {}",
        status.connections_open,
        status.connections_max,
        status.connections_idle,
        shares.running,
        shares.slots,
        shares.lane_running,
        shares.lane_slots,
        shares.waiting,
        status.connections.iter().find(|one| one.is_default).map_or("-", |one| one.breaker.state.name())
    )
}

/// What is wrong: with the connection to the gateway, and with the gateway.
fn trouble_lines(model: &Model, palette: Palette) -> Vec<Line<'static>> {
    let gone = match &model.gateway {
        Gateway::Here => None,
        Gateway::Asked => Some("asking the gateway ...".to_owned()),
        Gateway::Absent => {
            Some("no gateway is running; the next client starts one, and this goes on then".to_owned())
        }
        Gateway::Silent(why) => Some(format!("the gateway cannot be asked: {}", printable(why))),
    };
    let mut lines: Vec<Line<'static>> =
        gone.map(|gone| Line::styled(gone, palette.bad())).into_iter().collect();
    let Some(overview) = model.overview.as_ref().filter(|_| model.gateway == Gateway::Here) else {
        return lines;
    };
    let found = problems(&overview.status);
    for problem in found.iter().take(PROBLEMS_MAX) {
        let style = match problem.severity {
            Severity::Critical => palette.bad(),
            Severity::Warning => palette.of(Color::Yellow),
            Severity::Note => palette.quiet(),
        };
        let first = problem.what.lines().next().unwrap_or_default();
        lines.push(Line::from(vec![
            Span::styled(format!("{}: ", problem.severity.name()), style),
            Span::raw(format!("{}  -> {}", printable(first), problem.command)),
        ]));
    }
    if found.len() > PROBLEMS_MAX {
        let more = found.len() - PROBLEMS_MAX;
        lines.push(Line::styled(format!("and {more} more: snowgate status"), palette.quiet()));
    }
    lines
}

fn foot_line(model: &Model, palette: Palette) -> Line<'static> {
    match (&model.mode, &model.message) {
        (Mode::Filter, _) => Line::from(format!("show only rows with: {}_  (Enter, Esc)", model.filter)),
        (_, Some(message)) => Line::styled(printable(message), palette.of(Color::Yellow)),
        _ => Line::styled(
            "? help  tab list  j/k row  s sort  / filter  x stop  p pause  q quit",
            palette.quiet(),
        ),
    }
}

/// A box over all else.
fn popup(frame: &mut Frame<'_>, title: &str, text: &str) {
    let area = frame.area();
    let wanted = text.lines().map(|line| Line::from(line).width()).max().unwrap_or(0) + 4;
    let width = u16::try_from(wanted).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(text.lines().count() + 2).unwrap_or(u16::MAX).min(area.height);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let lines: Vec<Line<'_>> = text.lines().map(|line| Line::from(format!(" {line}"))).collect();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title.to_owned())), place);
}
