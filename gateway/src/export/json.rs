//! Rows as JSON objects: a line each, or one array with a line each. How values are written: `rows/json`.

use std::io;

use super::{Encoder, PartFile};
use crate::rows::{Column, RowBlock, unique_names, write_json_string, write_json_value};

#[derive(Debug)]
pub(super) struct JsonEncoder {
    is_array: bool,
    /// As they stand before values: JSON strings, with a colon.
    names: Vec<String>,
    has_rows: bool,
    text: String,
}

impl JsonEncoder {
    pub(super) fn lines() -> Self {
        Self { is_array: false, names: Vec::new(), has_rows: false, text: String::new() }
    }

    pub(super) fn array() -> Self {
        Self { is_array: true, ..Self::lines() }
    }

    fn object<'a>(&mut self, row: impl Iterator<Item = (crate::rows::CellKind, &'a str)>) {
        self.text.push('{');
        for (at, (name, (kind, cell))) in self.names.iter().zip(row).enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.text.push_str(name);
            write_json_value(&mut self.text, kind, cell);
        }
        self.text.push('}');
    }
}

impl Encoder for JsonEncoder {
    fn begin(&mut self, columns: &[Column], out: &mut PartFile) -> io::Result<()> {
        let member = |name: String| {
            let mut text = String::new();
            write_json_string(&mut text, &name);
            text.push(':');
            text
        };
        let names = unique_names(columns.iter().map(|column| column.name.as_str()));
        self.names = names.into_iter().map(member).collect();
        self.has_rows = false;
        if self.is_array { out.write(b"[") } else { Ok(()) }
    }

    fn write(&mut self, rows: &RowBlock, out: &mut PartFile) -> io::Result<()> {
        for row in rows.rows() {
            self.text.clear();
            if self.is_array {
                self.text.push_str(if self.has_rows { ",\n" } else { "\n" });
            }
            self.has_rows = true;
            self.object(row);
            if !self.is_array {
                self.text.push('\n');
            }
            out.write(self.text.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut PartFile) -> io::Result<()> {
        match (self.is_array, self.has_rows) {
            (false, _) => Ok(()),
            (true, true) => out.write(b"\n]\n"),
            (true, false) => out.write(b"]\n"),
        }
    }
}
