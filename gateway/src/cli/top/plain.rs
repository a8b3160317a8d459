//! One frame as text: for pipes, for terminals that can do no more, and for `--once`.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::text::Span;

use super::model::Model;
use super::rows::Pane;
use super::view::{Palette, draw};

/// Rows of a list that are printed.
const ROWS_MAX: usize = 20;

/// The frame of `model` in `width` columns: each list below the other, without a line about keys.
pub(super) fn frame(model: &Model, width: u16) -> String {
    let mut text = String::new();
    for (at, pane) in Pane::ALL.into_iter().enumerate() {
        let mut one = model.clone();
        one.pane = pane;
        let rows = model.rows(pane).len().min(ROWS_MAX);
        let page = lines(&one, width, u16::try_from(rows).unwrap_or(0));
        // The head stands above the first list alone.
        let list = page.iter().position(|line| line.contains(&title(pane))).unwrap_or(0);
        let first = if at == 0 { 0 } else { list };
        let end = (list + 2 + rows).min(page.len());
        for line in &page[first..end] {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn title(pane: Pane) -> String {
    format!(" {} {} (", pane as usize + 1, pane.title())
}

/// A screen with room for one list of so many rows, line by line.
fn lines(model: &Model, width: u16, rows: u16) -> Vec<String> {
    // Head, problems, list.
    let height = 3 + 8 + 2 + rows;
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width.max(20), height));
    let Ok(_) = terminal.draw(|frame| draw(frame, model, Palette { has_colours: false }, false));
    lines_of(terminal.backend().buffer())
}

/// The text of `buffer`. A wide character has the cell behind it, too.
pub(super) fn lines_of(buffer: &Buffer) -> Vec<String> {
    let area = buffer.area;
    let line = |y: u16| {
        let (mut text, mut covered) = (String::new(), 0);
        for x in 0..area.width {
            if covered > 0 {
                covered -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            covered = Span::raw(symbol).width().saturating_sub(1);
            text.push_str(symbol);
        }
        text.trim_end().to_owned()
    };
    (0..area.height).map(line).collect()
}
