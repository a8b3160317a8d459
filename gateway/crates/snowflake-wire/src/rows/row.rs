//! One row: cells of JSON to cells of text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::render::Renderer;

/// The cells of a row, as text; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// Reads a row, as JSON. Cells that are not texts are shown as the JSON that they are, digit by digit.
///
/// Bytes that are not UTF-8, which no server should send, show as `�`.
pub(super) fn read(json: &[u8], renderer: &Renderer) -> Result<Row, serde_json::Error> {
    let json = String::from_utf8_lossy(json);
    let mut deserializer = serde_json::Deserializer::from_str(&json);
    deserializer.deserialize_seq(Cells { renderer })
}

struct Cells<'a> {
    renderer: &'a Renderer,
}

impl<'de> Visitor<'de> for Cells<'_> {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row of {} cells", self.renderer.width())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<Row, A::Error> {
        let mut row = Vec::with_capacity(self.renderer.width());
        while let Some(cell) = cells.next_element::<&RawValue>()? {
            let text = text(cell.get());
            row.push(
                text.map(|text| self.renderer.render(row.len(), &text).unwrap_or_else(|| text.into_owned())),
            );
        }
        if row.len() == self.renderer.width() {
            Ok(row)
        } else {
            Err(serde::de::Error::invalid_length(row.len(), &self))
        }
    }
}

/// The text that a cell's JSON stands for.
fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        None if json == "null" => None,
        None => Some(json.into()),
        Some(plain) if !plain.contains('\\') => Some(plain.into()),
        // It was read as JSON before; should its escapes be no text, they are shown.
        Some(escaped) => Some(serde_json::from_str::<String>(json).map_or(escaped.into(), Cow::Owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::{Column, ColumnKind};
    use crate::render::Zone;

    fn row(json: &str, kinds: &[ColumnKind]) -> Result<Row, serde_json::Error> {
        let column = |kind: &ColumnKind| Column {
            name: String::new(),
            kind: kind.clone(),
            precision: None,
            scale: None,
            length: None,
            nullable: true,
        };
        let columns: Vec<_> = kinds.iter().map(column).collect();
        read(json.as_bytes(), &Renderer::new(&columns, &Zone::named(None)))
    }

    #[test]
    fn cells_are_texts_nulls_or_whatever_they_are() {
        let any =
            [ColumnKind::Text, ColumnKind::Text, ColumnKind::Date, ColumnKind::Fixed, ColumnKind::Variant];
        let cells =
            row(r#"["a\n\"b\" \ud83d\ude00", null, "0", 12345678901234567890123.450, {"k": [1]}]"#, &any);
        let expected = [
            Some("a\n\"b\" 😀"),
            None,
            Some("1970-01-01"),
            Some("12345678901234567890123.450"),
            Some("{\"k\": [1]}"),
        ];
        assert_eq!(cells.unwrap(), expected.map(|cell| cell.map(String::from)));
    }

    #[test]
    fn null_and_the_text_null_differ() {
        let cells = row(r#"[null, "null", ""]"#, &[const { ColumnKind::Text }; 3]).unwrap();
        assert_eq!(cells, [None, Some("null".into()), Some(String::new())]);
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        for json in ["[]", r#"["1"]"#, r#"["1","2","3"]"#, r#"["1",]"#, "{}"] {
            assert!(row(json, &[ColumnKind::Fixed, ColumnKind::Fixed]).is_err(), "{json}");
        }
        assert_eq!(row("[]", &[]).unwrap(), Row::new());
    }

    #[test]
    fn an_escape_that_is_no_text_is_shown() {
        assert_eq!(row(r#"["\ud83d"]"#, &[ColumnKind::Text]).unwrap(), [Some("\\ud83d".into())]);
    }
}
