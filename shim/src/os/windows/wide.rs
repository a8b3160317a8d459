//! Text as the system takes it: UTF-16, with a NUL behind it.

use std::ffi::OsStr;
use std::os::windows::ffi::OsStrExt as _;
use std::path::{Component, Path, Prefix};

/// From so many units on, a path of the usual form is too long for the system (`MAX_PATH`, with room for a short file name).
const LONG_UNITS: usize = 240;

/// `text` with a NUL behind it.
pub fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// `path` with a NUL behind it; a long one in the form that has no bound. (std does the same for its own calls.)
pub fn wide_path(path: &Path) -> Vec<u16> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if whole.as_os_str().encode_wide().count() < LONG_UNITS {
        return wide(path);
    }
    let prefix = match whole.components().next() {
        Some(Component::Prefix(prefix)) => prefix.kind(),
        _ => return wide(path),
    };
    let text: Vec<u16> = whole.as_os_str().encode_wide().collect();
    let (start, rest) = match prefix {
        Prefix::Disk(_) => (r"\\?\", text.as_slice()),
        Prefix::UNC(..) => (r"\\?\UNC\", &text[2..]),
        _ => ("", text.as_slice()),
    };
    start.encode_utf16().chain(rest.iter().copied()).chain([0]).collect()
}

/// What is in `units` before the first NUL.
pub fn text_of(units: &[u16]) -> String {
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(&units[..end])
}

/// The text that begins at `start`.
///
/// # Safety
/// It is not null, and there is a NUL behind the text.
pub unsafe fn text_at(start: *const u16) -> String {
    // SAFETY: up to the NUL all of it is there.
    unsafe {
        let length = (0..).take_while(|&at| *start.add(at) != 0).count();
        String::from_utf16_lossy(std::slice::from_raw_parts(start, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_has_the_form_without_a_bound() {
        let deep = "x".repeat(200);
        let text = |path: String| text_of(&wide_path(Path::new(&path)));
        assert_eq!(text(r"C:\short".to_owned()), r"C:\short");
        assert_eq!(text(format!(r"C:\{deep}/{deep}")), format!(r"\\?\C:\{deep}\{deep}"));
        assert_eq!(
            text(format!(r"\\host\share\{deep}\{deep}")),
            format!(r"\\?\UNC\host\share\{deep}\{deep}")
        );
        assert_eq!(text(format!(r"\\?\C:\{deep}\{deep}")), format!(r"\\?\C:\{deep}\{deep}"));
    }
}
