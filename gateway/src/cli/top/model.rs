//! What is on the screen, and how keys change it. Pure: no terminal, no clock, no gateway.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::rows::{Pane, Row, Target};
use crate::observe::Overview;

/// Characters of a filter.
const FILTER_CHARS_MAX: usize = 64;

/// What is known of the gateway.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Gateway {
    /// Nothing yet.
    Asked,
    /// It answers.
    Here,
    /// None runs.
    Absent,
    /// It cannot be asked: why.
    Silent(String),
}

/// What keys are for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mode {
    /// To move.
    Lists,
    /// The filter is written.
    Filter,
    /// Any closes the help.
    Help,
    /// Whether to stop this.
    Question(Target),
}

/// What is to be done about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing but to draw.
    None,
    /// To end.
    Quit,
    /// To stop this.
    Kill(Target),
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) gateway: Gateway,
    /// The last answer, also where the gateway is gone meanwhile.
    pub(super) overview: Option<Overview>,
    pub(super) pane: Pane,
    pub(super) mode: Mode,
    pub(super) filter: String,
    pub(super) is_paused: bool,
    /// What a kill came to.
    pub(super) message: Option<String>,
    /// The column that each pane is sorted by.
    sorts: [usize; Pane::ALL.len()],
    /// The row that is chosen in each pane, and where it was.
    chosen: [(Option<String>, usize); Pane::ALL.len()],
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            gateway: Gateway::Asked,
            overview: None,
            pane: Pane::Calls,
            mode: Mode::Lists,
            filter: String::new(),
            is_paused: false,
            message: None,
            // Calls and sessions: those that run first.
            sorts: [1, 0, 2, 0, 0],
            chosen: std::array::from_fn(|_| (None, 0)),
        }
    }

    /// The gateway has answered, or not. While the screen is paused it stays as it is.
    pub(super) fn take(&mut self, gateway: Gateway, overview: Option<Overview>) {
        if self.is_paused && self.overview.is_some() {
            return;
        }
        self.gateway = gateway;
        if overview.is_some() {
            self.overview = overview;
        }
    }

    pub(super) fn sort(&self, pane: Pane) -> usize {
        self.sorts[pane as usize]
    }

    pub(super) fn rows(&self, pane: Pane) -> Vec<Row> {
        let overview = self.overview.as_ref();
        overview.map(|overview| pane.rows(overview, &self.filter, self.sort(pane))).unwrap_or_default()
    }

    /// The chosen row's place in `rows`: the same row as before, or what has come to its place.
    pub(super) fn chosen(&self, pane: Pane, rows: &[Row]) -> Option<usize> {
        let (id, before) = &self.chosen[pane as usize];
        let found = id.as_ref().and_then(|id| rows.iter().position(|row| row.id == *id));
        found.or_else(|| rows.len().checked_sub(1).map(|last| last.min(*before)))
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Action {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Action::Quit;
        }
        self.message = None;
        match std::mem::replace(&mut self.mode, Mode::Lists) {
            Mode::Help => Action::None,
            Mode::Question(target) => match key.code {
                KeyCode::Char('y' | 'Y') => Action::Kill(target),
                _ => {
                    self.message = Some("nothing was stopped".to_owned());
                    Action::None
                }
            },
            Mode::Filter => self.filter_key(key.code),
            Mode::Lists => self.list_key(key.code),
        }
    }

    fn filter_key(&mut self, code: KeyCode) -> Action {
        self.mode = Mode::Filter;
        match code {
            KeyCode::Enter => self.mode = Mode::Lists,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Lists;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(c) if !c.is_control() && self.filter.chars().count() < FILTER_CHARS_MAX => {
                self.filter.push(c);
            }
            _ => {}
        }
        Action::None
    }

    fn list_key(&mut self, code: KeyCode) -> Action {
        match code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('s') => self.sort_by(1),
            KeyCode::Char('S') => self.sort_by(-1),
            KeyCode::Char(c @ '1'..='5') => {
                let index = usize::try_from(u32::from(c) - u32::from('1')).unwrap_or(0);
                self.pane = Pane::ALL[index];
            }
            KeyCode::Tab | KeyCode::Right => self.turn(1),
            KeyCode::BackTab | KeyCode::Left => self.turn(-1),
            KeyCode::Down | KeyCode::Char('j') => self.walk(1),
            KeyCode::Up | KeyCode::Char('k') => self.walk(-1),
            KeyCode::PageDown => self.walk(10),
            KeyCode::PageUp => self.walk(-10),
            KeyCode::Home | KeyCode::Char('g') => self.walk(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.walk(isize::MAX),
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('x' | 'K') | KeyCode::Delete => self.ask(),
            _ => {}
        }
        Action::None
    }

    fn turn(&mut self, by: isize) {
        let count = Pane::ALL.len();
        let next = (self.pane as usize).checked_add_signed(by).unwrap_or(count - 1);
        self.pane = Pane::ALL[next % count];
    }

    fn sort_by(&mut self, by: isize) {
        let count = self.pane.columns().len();
        let sort = &mut self.sorts[self.pane as usize];
        *sort = sort.checked_add_signed(by).unwrap_or(count - 1) % count;
    }

    fn walk(&mut self, by: isize) {
        let rows = self.rows(self.pane);
        let Some(last) = rows.len().checked_sub(1) else { return };
        let at = self.chosen(self.pane, &rows).unwrap_or(0);
        let next = if by < 0 {
            at.saturating_sub(by.unsigned_abs())
        } else {
            at.saturating_add_signed(by).min(last)
        };
        self.chosen[self.pane as usize] = (Some(rows[next].id.clone()), next);
    }

    /// Asks whether to stop what is chosen.
    fn ask(&mut self) {
        let rows = self.rows(self.pane);
        let target = self.chosen(self.pane, &rows).and_then(|at| rows[at].target.clone());
        match target {
            Some(target) => self.mode = Mode::Question(target),
            None => self.message = Some("choose a call (1) or a session (3) to stop".to_owned()),
        }
    }
}
