//! How lines are shown.

use std::env;
use std::fmt::Write as _;

use crate::streams::{Line, escaped};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    is_raw: bool,
    is_terminal: bool,
    has_colour: bool,
}

const RESET: &str = "\u{1b}[0m";
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const RED: &str = "\u{1b}[31m";
const YELLOW: &str = "\u{1b}[33m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";

impl Look {
    /// `is_raw`: as lines are in the files. There is colour on a terminal, unless `NO_COLOR` is set or `TERM` says that it has none.
    pub(super) fn new(is_raw: bool, is_terminal: bool) -> Self {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { is_raw, is_terminal, has_colour: is_terminal && !is_raw && !is_dumb && !is_set("NO_COLOR") }
    }

    /// The line as it is printed, with its end.
    pub(super) fn of(self, text: &str) -> String {
        if self.is_raw && !self.is_terminal {
            return format!("{text}\n");
        }
        match Line::read(text) {
            Some(line) if !self.is_raw && self.has_colour => coloured(&line) + "\n",
            Some(line) if !self.is_raw => line.to_text(true) + "\n",
            // Nothing in it may change the terminal.
            _ => escaped(text) + "\n",
        }
    }
}

fn coloured(line: &Line) -> String {
    let colour = match line.level.as_str() {
        "ERROR" => RED,
        "WARN" => YELLOW,
        "INFO" => GREEN,
        _ => DIM,
    };
    let Line { timestamp, level, message, fields } = line;
    let message = Line { level: String::new(), message: message.clone(), ..Line::default() }.to_text(false);
    let message = message.trim_start();
    let mut text =
        format!("{DIM}{}{RESET} {colour}{level:<5}{RESET} {BOLD}{message}{RESET}", escaped(timestamp));
    for (name, value) in fields {
        let field = Line { fields: vec![(name.clone(), value.clone())], ..Line::default() }.to_text(false);
        // Behind the message, which is empty.
        let value = field.split_once('=').map_or("", |(_, value)| value);
        let tint = if name == "error" || name == "reason" { RED } else { "" };
        // Writing to a string does not fail.
        let _ = write!(text, " {CYAN}{}{RESET}={tint}{value}{RESET}", escaped(name));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::must_be_escaped;

    const LINE: &str = "{\"timestamp\":\"t\",\"level\":\"WARN\",\"message\":\"it fails\",\"client\":\"\\u001b[2J\u{9b}2J\u{202e}\",\"n\":1}";

    fn look(is_raw: bool, is_terminal: bool, has_colour: bool) -> String {
        Look { is_raw, is_terminal, has_colour }.of(LINE)
    }

    #[test]
    fn lines_are_as_they_are_or_text_and_coloured_on_a_terminal_only() {
        assert_eq!(look(true, false, false), format!("{LINE}\n"));
        let text = look(false, false, false);
        assert_eq!(text, "t WARN it fails client=\"\\u001b[2J\\u009b2J\\u202e\" n=1\n");
        assert_eq!(look(false, true, false), text);
        let coloured = look(false, true, true);
        assert!(coloured.contains(&format!("{YELLOW}WARN {RESET} {BOLD}it fails{RESET}")), "{coloured:?}");
    }

    #[test]
    fn nothing_of_a_client_reaches_a_terminal_as_an_escape_sequence() {
        let own = [RESET, BOLD, DIM, RED, YELLOW, GREEN, CYAN];
        for (is_raw, has_colour) in [(true, false), (false, false), (false, true)] {
            let shown = look(is_raw, true, has_colour);
            let rest = own.iter().fold(shown.trim_end().to_owned(), |text, own| text.replace(own, ""));
            assert!(!rest.contains(must_be_escaped), "{rest:?}");
        }
        let broken = Look { is_raw: false, is_terminal: true, has_colour: true }.of("no line\u{1b}[2J");
        assert_eq!(broken, "no line\\u001b[2J\n");
        let raw: serde_json::Value = serde_json::from_str(&look(true, true, false)).unwrap();
        assert_eq!(raw["client"], "\u{1b}[2J\u{9b}2J\u{202e}");
    }
}
