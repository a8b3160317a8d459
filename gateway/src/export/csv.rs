//! Rows as CSV (RFC 4180, UTF-8, lines that end with CR and LF). Values are exact: nothing is put before those that a spreadsheet would
//! take for a formula.

use std::io;

use super::{Encoder, PartFile};
use crate::rows::{CellKind, Column, RowBlock, digits_of, unique_names, write_csv_row};

#[derive(Debug, Default)]
pub(super) struct CsvEncoder {
    text: String,
}

impl Encoder for CsvEncoder {
    fn begin(&mut self, columns: &[Column], out: &mut PartFile) -> io::Result<()> {
        let names = unique_names(columns.iter().map(|column| column.name.as_str()));
        self.text.clear();
        write_csv_row(&mut self.text, names.into_iter().map(Some));
        out.write(self.text.as_bytes())
    }

    fn write(&mut self, rows: &RowBlock, out: &mut PartFile) -> io::Result<()> {
        let mut cells = Vec::new();
        for row in rows.rows() {
            self.text.clear();
            cells.clear();
            cells.extend(row.map(|(kind, cell)| match kind {
                CellKind::Null => None,
                CellKind::Bytes => Some(digits_of(cell)),
                _ => Some(cell),
            }));
            write_csv_row(&mut self.text, cells.iter().copied());
            out.write(self.text.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self, _out: &mut PartFile) -> io::Result<()> {
        Ok(())
    }
}
