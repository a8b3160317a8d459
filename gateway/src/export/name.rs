//! Which names a file may have. The same on every system: a folder may be read from another one.

use std::fmt;

/// The longest name, in bytes: what is written before it has its name has 24 more, and file systems end at 255.
pub const NAME_BYTES_MAX: usize = 200;

/// What Windows takes for a device, whatever ending it has.
const DEVICES: [&str; 7] = ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];
/// The same with a digit behind it.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];
/// Separators, and what Windows has no name with: among them the mark of a stream (`:`) and of a pattern (`*`).
const REFUSED: [char; 9] = ['/', '\\', ':', '*', '?', '"', '<', '>', '|'];

/// Why a text is no name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameProblem {
    /// There is nothing in it.
    Empty,
    /// It has more than [`NAME_BYTES_MAX`] bytes.
    Long,
    /// It begins with a dot, a dash or a blank.
    Begin,
    /// It ends with a dot or a blank.
    End,
    /// It has a character that no name has.
    Character(char),
    /// It has a character that is not seen.
    Hidden(char),
    /// It is that of a device.
    Device,
}

impl fmt::Display for NameProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("it is empty"),
            Self::Long => write!(formatter, "it has more than {NAME_BYTES_MAX} bytes"),
            Self::Begin => formatter.write_str("it begins with a dot, a dash or a blank"),
            Self::End => formatter.write_str("it ends with a dot or a blank"),
            Self::Character(char) => write!(formatter, "it has the character {char:?}"),
            Self::Hidden(char) => {
                write!(formatter, "it has the invisible character U+{:04X}", u32::from(*char))
            }
            Self::Device => formatter.write_str("it is the name of a device"),
        }
    }
}

/// Whether `name` is the name of one file, on each system, and looks like what it is.
///
/// # Errors
/// It is not.
pub fn check_name(name: &str) -> Result<(), NameProblem> {
    if name.is_empty() {
        return Err(NameProblem::Empty);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(NameProblem::Long);
    }
    if let Some(char) = name.chars().find(|char| REFUSED.contains(char)) {
        return Err(NameProblem::Character(char));
    }
    if let Some(char) = name.chars().find(|char| is_hidden(*char)) {
        return Err(NameProblem::Hidden(char));
    }
    let is_blank = |char: char| char.is_whitespace() || char == '.';
    if name.starts_with(is_blank) || name.starts_with('-') {
        return Err(NameProblem::Begin);
    }
    if name.ends_with(is_blank) {
        return Err(NameProblem::End);
    }
    if is_device(name) { Err(NameProblem::Device) } else { Ok(()) }
}

/// Control characters; marks of direction, which have a name look like another; what has no width, and ends of lines.
fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn is_device(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_numbered = |device: &str| {
        let mut rest = base.strip_prefix(device).unwrap_or_default().chars();
        rest.next().is_some_and(|char| char.is_ascii_digit() || matches!(char, '¹' | '²' | '³'))
            && rest.next().is_none()
    };
    DEVICES.contains(&base.as_str()) || NUMBERED_DEVICES.iter().any(|device| is_numbered(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_file_of_every_system() {
        let long = "é".repeat(NAME_BYTES_MAX / 2);
        for good in [
            "a",
            "a.csv",
            "Umsätze 2026.csv",
            "日本語.jsonl",
            "a..b",
            "a b.c",
            "comma,.csv",
            "com10.csv",
            "nulls.csv",
            "console",
            "~a",
            "$HOME",
            "a%2fb",
            "a'b",
            "a;b",
            "=a",
            "e\u{301}.csv",
            &long,
        ] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let too_long = format!("{long}x");
        for (bad, problem) in [
            ("", NameProblem::Empty),
            (&*too_long, NameProblem::Long),
            (".", NameProblem::Begin),
            ("..", NameProblem::Begin),
            (".hidden", NameProblem::Begin),
            (" a", NameProblem::Begin),
            ("-rf", NameProblem::Begin),
            ("a.", NameProblem::End),
            ("a ", NameProblem::End),
            ("a\u{a0}", NameProblem::End),
            ("../a", NameProblem::Character('/')),
            ("a/b", NameProblem::Character('/')),
            ("/etc/passwd", NameProblem::Character('/')),
            ("..\\a", NameProblem::Character('\\')),
            ("C:a", NameProblem::Character(':')),
            ("a.csv:stream", NameProblem::Character(':')),
            ("a*", NameProblem::Character('*')),
            ("a|b", NameProblem::Character('|')),
            ("a\0b", NameProblem::Hidden('\0')),
            ("a\nb", NameProblem::Hidden('\n')),
            ("a\u{85}b", NameProblem::Hidden('\u{85}')),
            ("a\u{202e}vsc.exe", NameProblem::Hidden('\u{202e}')),
            ("a\u{200b}", NameProblem::Hidden('\u{200b}')),
            ("CON", NameProblem::Device),
            ("nul.csv", NameProblem::Device),
            ("Aux .txt", NameProblem::Device),
            ("COM1", NameProblem::Device),
            ("lpt².csv", NameProblem::Device),
            ("conin$", NameProblem::Device),
        ] {
            assert_eq!(check_name(bad), Err(problem), "{bad:?}");
        }
    }
}
