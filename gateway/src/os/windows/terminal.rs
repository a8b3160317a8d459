//! The keys that are pressed at the console, which does not show them.

use std::io::{self, Read};
use std::os::windows::io::{AsHandle as _, AsRawHandle as _, OwnedHandle};
use std::ptr;

use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, ENABLE_ECHO_INPUT, ENABLE_LINE_INPUT, ENABLE_PROCESSED_INPUT,
    ENABLE_VIRTUAL_TERMINAL_INPUT, GetConsoleMode, ReadConsoleW, SetConsoleMode,
};

use super::check;

/// Ctrl-Z says here what Ctrl-D says elsewhere: there is no more.
const CONTROL_Z: u16 = 26;
const CONTROL_D: u16 = 4;

/// The keys, as bytes of UTF-8; the console's modes are set back when this is dropped.
pub(in crate::os) struct HiddenKeys {
    console: OwnedHandle,
    before: CONSOLE_MODE,
    /// Bytes of the character that was typed last, from the last to the first.
    bytes: Vec<u8>,
}

impl HiddenKeys {
    /// Those of the console at stdin. Keys come one by one and are not shown. Ctrl-C is a key, too: if it ended the process, the
    /// console would stay as it is now.
    ///
    /// # Errors
    /// It is no console.
    pub(in crate::os) fn of_stdin() -> io::Result<Self> {
        const SHOWN: CONSOLE_MODE =
            ENABLE_ECHO_INPUT | ENABLE_LINE_INPUT | ENABLE_PROCESSED_INPUT | ENABLE_VIRTUAL_TERMINAL_INPUT;
        let console = io::stdin().as_handle().try_clone_to_owned()?;
        let mut before = 0;
        // SAFETY: a handle that is open, and room for a number.
        check(unsafe { GetConsoleMode(console.as_raw_handle(), &raw mut before) })?;
        // SAFETY: a handle that is open.
        check(unsafe { SetConsoleMode(console.as_raw_handle(), before & !SHOWN) })?;
        Ok(Self { console, before, bytes: Vec::new() })
    }

    /// The next unit of UTF-16; `None`: the console is gone.
    fn unit(&self) -> io::Result<Option<u16>> {
        let (mut unit, mut count) = (0_u16, 0);
        // SAFETY: a handle that is open, room for one unit, and for a number.
        check(unsafe {
            ReadConsoleW(self.console.as_raw_handle(), (&raw mut unit).cast(), 1, &raw mut count, ptr::null())
        })?;
        Ok((count > 0).then_some(if unit == CONTROL_Z { CONTROL_D } else { unit }))
    }

    /// The next character, of one unit or two.
    fn character(&self) -> io::Result<Option<char>> {
        let Some(first) = self.unit()? else { return Ok(None) };
        if let Some(Ok(whole)) = char::decode_utf16([first]).next() {
            return Ok(Some(whole));
        }
        let Some(second) = self.unit()? else { return Ok(None) };
        let whole = char::decode_utf16([first, second]).next();
        Ok(Some(whole.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER)))
    }
}

impl Read for HiddenKeys {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(place) = bytes.first_mut() else { return Ok(0) };
        if self.bytes.is_empty() {
            let Some(character) = self.character()? else { return Ok(0) };
            self.bytes.extend(character.encode_utf8(&mut [0; 4]).bytes().rev());
        }
        let Some(byte) = self.bytes.pop() else { return Ok(0) };
        *place = byte;
        Ok(1)
    }
}

impl Drop for HiddenKeys {
    fn drop(&mut self) {
        // There is nothing else to be done about it.
        // SAFETY: a handle that is open.
        unsafe { SetConsoleMode(self.console.as_raw_handle(), self.before) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_console_has_no_keys() {
        use std::io::IsTerminal as _;
        if !io::stdin().is_terminal() {
            assert!(HiddenKeys::of_stdin().is_err());
        }
    }
}
