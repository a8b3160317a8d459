//! PUT and GET, which make a client read and write files: found before anything is sent.

use snowflake_tokens::{Reading, Token};

use crate::error::FileTransfer;

/// The transfer that `sql` asks for, if it does: its first word is `PUT` or `GET`.
pub(super) fn requested_transfer(sql: &str) -> Option<FileTransfer> {
    Reading::of(sql).find_map(|reading| {
        let first = reading.tokens(sql).find(|token| *token != Token::Semicolon)?;
        match first {
            word if word.is_word("put") => Some(FileTransfer::Put),
            word if word.is_word("get") => Some(FileTransfer::Get),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_are_found_behind_anything_that_is_no_statement() {
        for sql in [
            "put file:///tmp/x @~",
            "  \t\r\n PUT file://x @s",
            "PuT\nfile://x @s",
            "put'file://x' @s",
            "put/**/file://x @s",
            "-- comment\nput file://x @s",
            "-- comment\rput file://x @s",
            "// comment\n put file://x @s",
            "/* a */ /* b\n * c */put file://x @s",
            "/**/--\n--\n//\nput file://x @s",
            ";; put file://x @s",
            "\u{feff}put file://x @s",
            "\u{a0}\u{200b}\u{0}put file://x @s",
            "/* /* */ */ put file://x @s",
            "/* /* */ put file://x @s -- */",
        ] {
            assert_eq!(requested_transfer(sql), Some(FileTransfer::Put), "{sql:?}");
        }
        assert_eq!(requested_transfer("Get @s file:///tmp"), Some(FileTransfer::Get));
        assert_eq!(requested_transfer("get"), Some(FileTransfer::Get));
    }

    #[test]
    fn other_statements_are_left_alone() {
        for sql in [
            "",
            "select 'put file://x @s'",
            "select 1 -- put",
            "putt 1",
            "get_ddl",
            "GET$X",
            "/* put */ select 1",
            "/* never closed put file://x",
            "-- put file://x @s",
            "show tables like 'get%'",
            "\"put\" 1",
            "ä",
        ] {
            assert_eq!(requested_transfer(sql), None, "{sql:?}");
        }
    }
}
