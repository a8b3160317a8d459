//! Rows as CSV.

/// Writes a row as RFC 4180 has it: NULL is nothing, and an empty text is `""`. A line with nothing in it is none for many readers: where
/// NULL is all that a row has, it is `""`.
pub fn write_csv_row<T: AsRef<str>>(text: &mut String, cells: impl ExactSizeIterator<Item = Option<T>>) {
    let is_alone = cells.len() == 1;
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            text.push(',');
        }
        match cell.as_ref().map(AsRef::as_ref) {
            None if is_alone => text.push_str("\"\""),
            None => {}
            Some(cell) => field(text, cell),
        }
    }
    text.push_str("\r\n");
}

fn field(text: &mut String, cell: &str) {
    if !cell.is_empty() && !cell.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
        return text.push_str(cell);
    }
    text.push('"');
    for (at, part) in cell.split('"').enumerate() {
        if at > 0 {
            text.push_str("\"\"");
        }
        text.push_str(part);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_nothing_and_what_could_be_misread_is_quoted() {
        for (cells, line) in [
            (&[Some("a"), None, Some("")][..], "a,,\"\"\r\n"),
            (&[None], "\"\"\r\n"),
            (
                &[Some("say \"a\""), Some("b,c"), Some("d\ne"), Some("f\rg")],
                "\"say \"\"a\"\"\",\"b,c\",\"d\ne\",\"f\rg\"\r\n",
            ),
            (&[Some("=1+1"), Some(" x ")], "=1+1, x \r\n"),
        ] {
            let mut text = String::new();
            write_csv_row(&mut text, cells.iter().copied());
            assert_eq!(text, line);
        }
    }
}
