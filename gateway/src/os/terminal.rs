//! A line that is typed without being shown.

use std::io::{self, ErrorKind, Read, Write};

use super::system::HiddenKeys;

/// Bytes of such a line, at most.
const LINE_BYTES_MAX: usize = 4096;

/// What the keys send that end or change a line.
const CONTROL_C: u8 = 3;
const CONTROL_D: u8 = 4;
const CONTROL_U: u8 = 21;
const BACKSPACE: [u8; 2] = [8, 127];

/// Reads a line from the terminal at stdin without showing it, after `prompt` on stderr.
///
/// # Errors
/// Stdin is no terminal; [`ErrorKind::Interrupted`]: the user has pressed Ctrl-C; [`ErrorKind::UnexpectedEof`]: Ctrl-D, or the
/// terminal is gone; the line is too long, or not UTF-8.
pub fn read_hidden_line(prompt: &str) -> io::Result<String> {
    let mut keys = HiddenKeys::of_stdin()?;
    write!(io::stderr(), "{prompt}")?;
    io::stderr().flush()?;
    let line = read_keys(&mut keys);
    drop(keys);
    writeln!(io::stderr())?;
    line
}

fn read_keys(keys: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut key = [0];
    loop {
        match keys.read(&mut key) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        match key[0] {
            b'\r' | b'\n' => break,
            CONTROL_C => return Err(ErrorKind::Interrupted.into()),
            CONTROL_D if line.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
            CONTROL_U => line.clear(),
            key if BACKSPACE.contains(&key) => {
                // A whole character: bytes that go on first.
                while line.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            key if line.len() < LINE_BYTES_MAX => line.push(key),
            _ => return Err(io::Error::new(ErrorKind::InvalidData, "the line is too long")),
        }
    }
    String::from_utf8(line).map_err(|_| io::Error::new(ErrorKind::InvalidData, "the line is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_make_a_line_and_can_be_taken_back() {
        let read = |keys: &[u8]| read_keys(&mut &keys[..]);
        assert_eq!(read(b"secret\n").unwrap(), "secret");
        assert_eq!(read(b"secrex\x7ft\r").unwrap(), "secret");
        assert_eq!(read("aé\u{8}b\n".as_bytes()).unwrap(), "ab");
        assert_eq!(read(b"wrong\x15right\n").unwrap(), "right");
        assert_eq!(read(b"\x7f\n").unwrap(), "");
        assert_eq!(read(b"half\x03").unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(read(b"\x04").unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(read(b"half").unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(read(&[b'x'; 5000]).unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read(b"\xff\n").unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
