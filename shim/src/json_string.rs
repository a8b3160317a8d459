//! JSON strings, written and read.

/// Appends `text` to `out` as a JSON string.
pub fn quote(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\0'..' ' => {
                out.push_str("\\u00");
                out.extend([char as usize / 16, char as usize % 16].map(|digit| HEX[digit] as char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

/// The text of the JSON string `quoted`; `None` if it is not one.
pub(crate) fn unquote(quoted: &str) -> Option<String> {
    let mut chars = quoted.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut text = String::with_capacity(quoted.len());
    while let Some(char) = chars.next() {
        text.push(match char {
            '\\' => unescape(&mut chars)?,
            '"' | '\0'..' ' => return None,
            other => other,
        });
    }
    Some(text)
}

/// The character after a backslash.
fn unescape(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        char @ ('"' | '\\' | '/') => char,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let unit = hex4(chars)?;
            if (0xd800..0xdc00).contains(&unit) {
                if chars.next()? != '\\' || chars.next()? != 'u' {
                    return None;
                }
                let low = hex4(chars)?.checked_sub(0xdc00).filter(|&low| low < 0x400)?;
                return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + low);
            }
            char::from_u32(unit)?
        }
        _ => return None,
    })
}

fn hex4(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |value, _| Some(value * 16 + chars.next()?.to_digit(16)?))
}
