//! Rows as Apache Parquet: columns with types, in groups of rows, uncompressed.
//!
//! What a column is, the values of the first group decide; a later one that does not fit ends the export, and none is ever rounded:
//!
//! | the values, NULL aside, are | the column is |
//! |---|---|
//! | whole numbers of 64 bits | INT64 |
//! | numbers that a double holds as they are | DOUBLE |
//! | `true` and `false` | BOOLEAN |
//! | bytes | BYTE_ARRAY |
//! | anything else, also of several kinds | BYTE_ARRAY, UTF8 |
//! | none | as its declared type says, else UTF8 |

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::{Encoder, PartFile};
use crate::rows::{CellKind, Column, RowBlock, digits_of, is_exact, is_number, unique_names};

/// A group of rows is written once it takes as many bytes of memory, or has as many rows.
const GROUP_BYTES: usize = 8 << 20;
const GROUP_ROWS: usize = 128 << 10;
/// Values that are given to a column at once.
const BATCH_ROWS: usize = 1_024;
/// Bytes that are given to the file at once.
const PIECE_BYTES: usize = 128 << 10;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Integers,
    Doubles,
    Booleans,
    Bytes,
    Texts,
}

impl Holds {
    /// In the order in which they are tried: the last takes everything.
    const ALL: [Self; 5] = [Self::Integers, Self::Doubles, Self::Booleans, Self::Bytes, Self::Texts];

    /// Whether it has this value, exactly.
    fn fits(self, kind: CellKind, cell: &str) -> bool {
        match (self, kind) {
            (_, CellKind::Null) | (Self::Texts, _) => true,
            (Self::Integers, CellKind::Number) => {
                cell.parse::<i64>().is_ok_and(|number| number.to_string() == cell)
            }
            (Self::Doubles, CellKind::Number) => is_number(cell) && is_exact(cell),
            (Self::Doubles, CellKind::Real) => cell.parse::<f64>().is_ok(),
            (Self::Booleans, CellKind::Boolean) => matches!(cell, "true" | "false"),
            (Self::Bytes, CellKind::Bytes) => bytes_of(cell).is_some(),
            _ => false,
        }
    }

    /// What a column without values holds.
    fn declared(type_name: &str) -> Self {
        let name = type_name.to_ascii_uppercase();
        let base = name.split('(').next().unwrap_or_default().trim();
        match base {
            "NUMBER" | "DECIMAL" | "NUMERIC" | "FIXED" if !has_scale(&name) => Self::Integers,
            "INT" | "INTEGER" | "BIGINT" | "SMALLINT" => Self::Integers,
            "FLOAT" | "REAL" | "DOUBLE" => Self::Doubles,
            "BOOLEAN" => Self::Booleans,
            "BINARY" | "BLOB" => Self::Bytes,
            _ => Self::Texts,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Integers => "whole numbers of 64 bits",
            Self::Doubles => "numbers that a double holds",
            Self::Booleans => "true and false",
            Self::Bytes => "bytes",
            Self::Texts => "texts",
        }
    }

    fn field(self, name: &str) -> Result<Type, ParquetError> {
        let (physical, logical) = match self {
            Self::Integers => (Physical::INT64, None),
            Self::Doubles => (Physical::DOUBLE, None),
            Self::Booleans => (Physical::BOOLEAN, None),
            Self::Bytes => (Physical::BYTE_ARRAY, None),
            Self::Texts => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    }
}

/// Whether `NUMBER(12,2)` has digits behind the point.
fn has_scale(type_name: &str) -> bool {
    let scale = type_name.split_once(',').map(|(_, scale)| scale.trim_end_matches(')').trim());
    scale.is_some_and(|scale| scale != "0")
}

fn bytes_of(cell: &str) -> Option<Vec<u8>> {
    let digits = digits_of(cell).as_bytes();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
    digits.chunks_exact(2).map(byte).collect()
}

/// Where the writer's bytes wait until the file takes them.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<Vec<u8>>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct ParquetEncoder {
    columns: Vec<Column>,
    holds: Vec<Holds>,
    rows: RowBlock,
    waiting: Waiting,
    writer: Option<SerializedFileWriter<Waiting>>,
}

impl fmt::Debug for ParquetEncoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ParquetEncoder").field("holds", &self.holds).finish_non_exhaustive()
    }
}

pub(super) fn encoder() -> Box<dyn Encoder> {
    Box::new(ParquetEncoder::default())
}

impl ParquetEncoder {
    /// What each column holds, by the rows that wait.
    fn decide(&self) -> Vec<Holds> {
        let of_column = |(at, column): (usize, &Column)| {
            let cells = || self.cells(at).filter(|(kind, _)| *kind != CellKind::Null);
            if cells().next().is_none() {
                return column.type_name.as_deref().map_or(Holds::Texts, Holds::declared);
            }
            let fits = |holds: &Holds| cells().all(|(kind, cell)| holds.fits(kind, cell));
            Holds::ALL.into_iter().find(fits).unwrap_or(Holds::Texts)
        };
        self.columns.iter().enumerate().map(of_column).collect()
    }

    /// The cells of a column.
    fn cells(&self, column: usize) -> impl Iterator<Item = (CellKind, &str)> {
        (0..self.rows.row_count()).map(move |row| self.rows.cell_at(row * self.columns.len() + column))
    }

    fn open(&mut self) -> Result<(), ParquetError> {
        if self.writer.is_some() {
            return Ok(());
        }
        self.holds = self.decide();
        let names = unique_names(self.columns.iter().map(|column| column.name.as_str()));
        let fields = self.holds.iter().zip(&names).map(|(holds, name)| holds.field(name).map(Arc::new));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder("rows").with_fields(fields).build()?;
        // What is kept until the end grows with the groups, and not with their pages.
        let properties = WriterProperties::builder()
            .set_created_by("snowgate".to_owned())
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let writer = SerializedFileWriter::new(self.waiting.clone(), Arc::new(schema), Arc::new(properties))?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Writes the rows that wait as a group.
    fn write_group(&mut self, out: &mut PartFile) -> io::Result<()> {
        self.open().map_err(io::Error::other)?;
        self.check()?;
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        let written = self.group(&mut writer);
        self.writer = Some(writer);
        written.map_err(io::Error::other)?;
        self.rows.clear(GROUP_BYTES);
        self.hand_on(out)
    }

    /// Whether all that waits is what its columns hold.
    fn check(&self) -> io::Result<()> {
        for (at, (holds, column)) in self.holds.iter().zip(&self.columns).enumerate() {
            if self.cells(at).any(|(kind, cell)| !holds.fits(kind, cell)) {
                let message = format!(
                    "the column {:?} has {} at first, and later a value that is none; csv takes all",
                    column.name,
                    holds.name()
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        Ok(())
    }

    fn group(&self, writer: &mut SerializedFileWriter<Waiting>) -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        for (at, holds) in self.holds.iter().enumerate() {
            let Some(mut column) = group.next_column()? else { break };
            match holds {
                Holds::Integers => {
                    self.column::<Int64Type>(at, &mut column, |_, cell| cell.parse().unwrap_or(0))?;
                }
                Holds::Doubles => {
                    self.column::<DoubleType>(at, &mut column, |_, cell| cell.parse().unwrap_or(f64::NAN))?;
                }
                Holds::Booleans => self.column::<BoolType>(at, &mut column, |_, cell| cell == "true")?,
                Holds::Bytes => self.column::<ByteArrayType>(at, &mut column, |_, cell| {
                    ByteArray::from(bytes_of(cell).unwrap_or_default())
                })?,
                Holds::Texts => {
                    self.column::<ByteArrayType>(at, &mut column, |kind, cell| {
                        ByteArray::from(if kind == CellKind::Bytes { digits_of(cell) } else { cell })
                    })?;
                }
            }
            column.close()?;
        }
        group.close().map(drop)
    }

    fn column<T: DataType>(
        &self,
        at: usize,
        column: &mut SerializedColumnWriter<'_>,
        value: impl Fn(CellKind, &str) -> T::T,
    ) -> Result<(), ParquetError> {
        let (mut values, mut levels) = (Vec::with_capacity(BATCH_ROWS), Vec::with_capacity(BATCH_ROWS));
        let mut cells = self.cells(at);
        loop {
            values.clear();
            levels.clear();
            for (kind, cell) in cells.by_ref().take(BATCH_ROWS) {
                levels.push(i16::from(kind != CellKind::Null));
                if kind != CellKind::Null {
                    values.push(value(kind, cell));
                }
            }
            if levels.is_empty() {
                return Ok(());
            }
            column.typed::<T>().write_batch(&values, Some(&levels), None)?;
        }
    }

    fn hand_on(&self, out: &mut PartFile) -> io::Result<()> {
        let mut waiting = self.waiting.lock();
        waiting.chunks(PIECE_BYTES).try_for_each(|piece| out.write(piece))?;
        waiting.clear();
        waiting.shrink_to(GROUP_BYTES);
        Ok(())
    }
}

impl Encoder for ParquetEncoder {
    fn begin(&mut self, columns: &[Column], _out: &mut PartFile) -> io::Result<()> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn write(&mut self, rows: &RowBlock, out: &mut PartFile) -> io::Result<()> {
        self.rows.append(rows);
        let is_full = self.rows.memory_bytes() >= GROUP_BYTES || self.rows.row_count() >= GROUP_ROWS;
        if is_full { self.write_group(out) } else { Ok(()) }
    }

    fn finish(&mut self, out: &mut PartFile) -> io::Result<()> {
        if self.rows.row_count() > 0 {
            self.write_group(out)?;
        }
        self.open().map_err(io::Error::other)?;
        if let Some(writer) = self.writer.take() {
            writer.close().map_err(io::Error::other)?;
        }
        self.hand_on(out)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use super::super::{ExportBounds, ExportFolder, ExportFormat, ExportSink, Exported};
    use super::*;
    use crate::rows::RowSink as _;

    const BOUNDS: ExportBounds = ExportBounds { bytes_max: 1 << 30, free_bytes_min: 0 };

    fn export(
        columns: &[(&str, Option<&str>)],
        blocks: impl Iterator<Item = RowBlock>,
    ) -> (tempfile::TempDir, io::Result<Exported>) {
        let home = tempfile::tempdir().unwrap();
        let folder = Arc::new(ExportFolder::open(&home.path().join("exports")).unwrap());
        let sink = ExportSink::new(folder, "a.parquet".to_owned(), ExportFormat::Parquet, BOUNDS);
        let column = |(name, type_name): &(&str, Option<&str>)| Column {
            name: (*name).to_owned(),
            type_name: type_name.map(str::to_owned),
        };
        let columns: Vec<Column> = columns.iter().map(column).collect();
        let done = sink.begin(&columns).and_then(|()| {
            for block in blocks {
                sink.write(&block)?;
            }
            sink.finish(true)?;
            sink.publish(false)
        });
        (home, done)
    }

    fn row(cells: &[(CellKind, &str)]) -> RowBlock {
        let mut block = RowBlock::default();
        cells.iter().for_each(|(kind, cell)| block.cell(*kind, cell));
        block.end_row();
        block
    }

    fn read(done: &Exported) -> Vec<Vec<(String, Field)>> {
        let reader = SerializedFileReader::new(File::open(&done.path).unwrap()).unwrap();
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns()).collect()
    }

    #[test]
    fn values_come_back_as_they_were_with_their_types() {
        let null = (CellKind::Null, "");
        let rows = [
            row(&[
                (CellKind::Number, "9223372036854775807"),
                (CellKind::Real, "1.5"),
                (CellKind::Boolean, "true"),
                (CellKind::Bytes, "X'00FF'"),
                (CellKind::Text, "é"),
                (CellKind::Number, "99999999999999999999"),
                (CellKind::Number, "1"),
                null,
            ]),
            row(&[
                (CellKind::Number, "-1"),
                (CellKind::Number, "2"),
                (CellKind::Boolean, "false"),
                (CellKind::Bytes, "X''"),
                (CellKind::Text, ""),
                (CellKind::Number, "1"),
                (CellKind::Text, "x"),
                null,
            ]),
            row(&[null; 8]),
        ];
        let names = ["i", "d", "b", "y", "t", "n", "m", "i"].map(|name| (name, None));
        let (_home, done) = export(&names, rows.into_iter());
        let done = done.unwrap();
        let named = |values: [Field; 8]| -> Vec<(String, Field)> {
            ["i", "d", "b", "y", "t", "n", "m", "i_2"].map(str::to_owned).into_iter().zip(values).collect()
        };
        let text = |text: &str| Field::Str(text.to_owned());
        let expected = [
            named([
                Field::Long(i64::MAX),
                Field::Double(1.5),
                Field::Bool(true),
                Field::Bytes(vec![0, 255].into()),
                text("é"),
                text("99999999999999999999"),
                text("1"),
                Field::Null,
            ]),
            named([
                Field::Long(-1),
                Field::Double(2.0),
                Field::Bool(false),
                Field::Bytes(vec![].into()),
                text(""),
                text("1"),
                text("x"),
                Field::Null,
            ]),
            named(std::array::from_fn(|_| Field::Null)),
        ];
        assert_eq!(read(&done), expected);
        assert_eq!(done.bytes, std::fs::metadata(&done.path).unwrap().len());
    }

    #[test]
    fn many_rows_come_in_groups() {
        let block = |from: usize| {
            let mut block = RowBlock::default();
            for number in from..from + 1_000 {
                block.format(CellKind::Number, format_args!("{number}"));
                block.format(CellKind::Text, format_args!("text {number}"));
                block.end_row();
            }
            block
        };
        let (_home, done) = export(&[("n", None), ("t", None)], (0..300).map(|at| block(at * 1_000)));
        let done = done.unwrap();
        let reader = SerializedFileReader::new(File::open(&done.path).unwrap()).unwrap();
        assert!(reader.num_row_groups() > 1, "{}", reader.num_row_groups());
        let rows = read(&done);
        assert_eq!((rows.len(), done.rows), (300_000, 300_000));
        for (number, row) in rows.iter().enumerate() {
            assert_eq!(row[0].1, Field::Long(number as i64));
            assert_eq!(row[1].1, Field::Str(format!("text {number}")));
        }
    }

    #[test]
    fn a_later_value_of_another_type_ends_the_export_and_names_its_column() {
        let numbers = || (0..GROUP_ROWS).map(|_| row(&[(CellKind::Number, "1")]));
        let (_home, done) = export(&[("size", None)], numbers().chain([row(&[(CellKind::Text, "big")])]));
        let error = done.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("\"size\"") && error.to_string().contains("csv"), "{error}");
    }

    #[test]
    fn columns_without_values_have_their_declared_types() {
        let declared = [
            Some("NUMBER(38,0)"),
            Some("FLOAT"),
            Some("NUMBER(12,2)"),
            Some("BOOLEAN"),
            Some("BINARY(8)"),
            None,
        ];
        let columns = declared.map(|name| ("c", name));
        let (_home, done) = export(&columns, std::iter::empty());
        let reader = SerializedFileReader::new(File::open(done.unwrap().path).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let types: Vec<Physical> = schema.columns().iter().map(|column| column.physical_type()).collect();
        let expected = [
            Physical::INT64,
            Physical::DOUBLE,
            Physical::BYTE_ARRAY,
            Physical::BOOLEAN,
            Physical::BYTE_ARRAY,
            Physical::BYTE_ARRAY,
        ];
        assert_eq!(types, expected);
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    }
}
