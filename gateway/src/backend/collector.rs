//! Rows under caps: the pure core that both backends fill.
//!
//! A connection pushes every row it gets; the collector keeps those within the row and byte caps, counts a
//! bounded number more so that the result can say how many were cut, then asks the connection to stop.

use super::written::{CELL_BYTES_MIN, fitting, written_bytes};
use crate::rows::{CellKind, ColumnType, RowBlock};

pub use row_writer::RowWriter;

mod row_writer;

/// One value as text; `None` is SQL NULL.
pub type Cell = Option<String>;

/// The limits of one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Caps {
    /// Rows kept, at most.
    pub rows_max: u64,
    /// Bytes of the column names and the kept rows, at most, as they are written. The first row is kept whatever
    /// its size: the connection shortens its values to [`Collector::room`].
    pub bytes_max: u64,
    /// Rows counted past the caps before the count becomes "at least".
    pub count_rows_max: u64,
}

/// A column's name is shortened to this, in bytes: without an alias it is the text of its expression.
const NAME_BYTES_MAX: usize = 1024;

/// What the connection should do after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Send the next row.
    More,
    /// Rows past this one are only counted: their cells need not be read. Call [`Collector::count`] for each.
    CountOnly,
    /// Enough: stop reading.
    Stop,
}

/// How much of a result was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// Nothing: the result is whole.
    #[default]
    Nothing,
    /// Exactly this many rows.
    Rows(u64),
    /// At least this many rows; counting stopped there. With 0 it is not known whether there are more at all.
    AtLeast(u64),
}

/// Columns and kept rows of one result.
///
/// The text of all cells is one buffer: a large result is a few large blocks of memory, which go back to the
/// system, and not many small ones.
#[derive(Clone, Debug)]
pub struct Collector {
    caps: Caps,
    columns: Vec<String>,
    /// Their types, as far as the backend says.
    types: Vec<Option<ColumnType>>,
    /// Columns that are kept: all, but where their names alone would fill the result.
    columns_kept: usize,
    columns_cut: usize,
    block: RowBlock,
    bytes: u64,
    cut: Cut,
    bytes_hit: bool,
    shortened: u64,
    malformed: u64,
    unread: u64,
}

impl Collector {
    /// An empty result under `caps`.
    pub fn new(caps: Caps) -> Self {
        Self {
            caps,
            columns: Vec::new(),
            types: Vec::new(),
            columns_kept: usize::MAX,
            columns_cut: 0,
            block: RowBlock::default(),
            bytes: 0,
            cut: Cut::Nothing,
            bytes_hit: false,
            shortened: 0,
            malformed: 0,
            unread: 0,
        }
    }

    /// Names the columns; called once, before the first row, also for an empty result. Long names are shortened,
    /// and the last columns left out, so that the names and a row fit in the byte cap; one column is always kept.
    pub fn set_columns(&mut self, mut columns: Vec<String>) {
        let bytes_max = usize::try_from(self.caps.bytes_max).unwrap_or(usize::MAX);
        let (mut bytes, mut taken) = (0, 0);
        let mut kept = 0;
        for name in &mut columns {
            self.shorten_name(name);
            let name_bytes = written_bytes(name) + 1;
            taken += name_bytes + CELL_BYTES_MIN;
            if kept > 0 && taken > bytes_max {
                break;
            }
            bytes += name_bytes;
            kept += 1;
        }
        self.columns_cut = columns.len() - kept;
        columns.truncate(kept);
        self.columns_kept = kept;
        self.columns = columns;
        self.bytes = bytes as u64;
    }

    /// The types of the columns, in their order; those that are left out of the result may be among them.
    pub fn set_types(&mut self, types: Vec<Option<ColumnType>>) {
        self.types = types;
    }

    /// The type of a column; `None`: the backend does not say.
    pub fn column_type(&self, column: usize) -> Option<&ColumnType> {
        self.types.get(column)?.as_ref()
    }

    fn shorten_name(&self, name: &mut String) {
        let bytes_max = usize::try_from(self.caps.bytes_max).unwrap_or(usize::MAX);
        let bytes_max = NAME_BYTES_MAX.min(bytes_max / 4).max(2 * CELL_BYTES_MIN);
        if written_bytes(name) > bytes_max {
            *name = format!("{}... ({} bytes)", fitting(name, bytes_max - CELL_BYTES_MIN), name.len());
        }
    }

    /// How many columns of a row are kept; the others need not be read.
    pub fn columns_kept(&self) -> usize {
        self.columns_kept
    }

    /// How many columns were left out.
    pub fn columns_cut(&self) -> usize {
        self.columns_cut
    }

    /// Begins the next row, of [`Collector::columns_kept`] cells at most. What is written to it counts against the
    /// caps when it ends: the writer keeps within [`Collector::room`].
    pub fn begin_row(&mut self) -> RowWriter<'_> {
        RowWriter::new(self)
    }

    /// Takes one row.
    pub fn push(&mut self, row: Vec<Cell>) -> Flow {
        self.push_shortened(row, 0)
    }

    /// Bytes that the next row may have as it is written, separators included; a longer one is cut, but for the
    /// first, whose values are to be shortened to this.
    pub fn room(&self) -> u64 {
        self.caps.bytes_max.saturating_sub(self.bytes)
    }

    /// Takes one row, `shortened` of whose values were too long for [`Collector::room`]: a first row is kept
    /// as it is, a later one is cut.
    pub fn push_shortened(&mut self, row: Vec<Cell>, shortened: u64) -> Flow {
        let kept = self.columns_kept;
        let mut writer = self.begin_row();
        for (column, cell) in row.into_iter().take(kept).enumerate() {
            match cell {
                Some(text) => _ = writer.text_of(writer.kind_of(column), &text),
                None => writer.null(),
            }
        }
        writer.end(shortened)
    }

    /// Counts rows that are not kept.
    pub fn count(&mut self, rows: u64) -> Flow {
        let cut = rows
            + match self.cut {
                Cut::Nothing => 0,
                Cut::Rows(n) | Cut::AtLeast(n) => n,
            };
        if cut >= self.caps.count_rows_max.max(1) {
            self.cut = Cut::AtLeast(cut);
            return Flow::Stop;
        }
        self.cut = Cut::Rows(cut);
        Flow::CountOnly
    }

    /// Records that reading stopped before the source's end: the rows counted so far are a lower bound,
    /// `AtLeast(0)` if none past the kept ones had arrived.
    pub fn stop_counting(&mut self) {
        self.cut = match self.cut {
            Cut::Nothing => Cut::AtLeast(0),
            Cut::Rows(n) | Cut::AtLeast(n) => Cut::AtLeast(n),
        };
    }

    /// The rows are those of `other` in another form: as much of them was left out.
    pub(crate) fn count_as(&mut self, other: &Self) {
        (self.cut, self.bytes_hit) = (other.cut, other.bytes_hit);
    }

    /// The column names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows are kept.
    pub fn row_count(&self) -> usize {
        self.block.row_count()
    }

    /// The kept rows: the cells of each, where `None` is NULL.
    pub fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = Option<&str>>> {
        let cell = |(kind, text)| (kind != CellKind::Null).then_some(text);
        self.block.rows().map(move |row| row.map(cell))
    }

    /// The kept rows: the cells of each with what they are.
    pub fn typed_rows(&self) -> impl Iterator<Item = impl Iterator<Item = (CellKind, &str)>> {
        self.block.rows()
    }

    /// The kept rows.
    pub fn block(&self) -> &RowBlock {
        &self.block
    }

    /// The first cell of the first row; `None` if there is none, or if it is NULL.
    pub fn first_cell(&self) -> Option<&str> {
        self.rows().next()?.next()?
    }

    /// A copy of the kept rows.
    pub(crate) fn to_rows(&self) -> Vec<Vec<Cell>> {
        self.rows().map(|row| row.map(|cell| cell.map(str::to_owned)).collect()).collect()
    }

    /// Bytes of the column names and the kept rows as they are written, separators included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was left out.
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// Whether it was the byte cap that cut, not the row cap.
    pub fn cut_by_bytes(&self) -> bool {
        self.bytes_hit
    }

    /// Values of the kept rows that were shortened: each ends with `... (N bytes)`, its full length.
    pub fn shortened(&self) -> u64 {
        self.shortened
    }

    /// Values of the kept rows whose bytes are not UTF-8: U+FFFD stands for what is wrong in them.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Values of the kept rows that are too long to be read: a text with their length stands for each.
    pub fn unread(&self) -> u64 {
        self.unread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(rows_max: u64, bytes_max: u64, count_rows_max: u64) -> Caps {
        Caps { rows_max, bytes_max, count_rows_max }
    }

    fn feed(collector: &mut Collector, rows: usize) -> usize {
        for fed in 0..rows {
            if collector.push(vec![Some("x".repeat(9))]) == Flow::Stop {
                return fed + 1;
            }
        }
        rows
    }

    #[test]
    fn a_result_within_its_caps_is_whole() {
        let mut collector = Collector::new(caps(5, 1000, 10));
        feed(&mut collector, 5);
        assert_eq!((collector.row_count(), collector.cut()), (5, Cut::Nothing));
    }

    #[test]
    fn rows_past_the_cap_are_counted_exactly() {
        let mut collector = Collector::new(caps(5, 1000, 10));
        feed(&mut collector, 12);
        assert_eq!((collector.row_count(), collector.cut()), (5, Cut::Rows(7)));
        assert!(!collector.cut_by_bytes());
    }

    #[test]
    fn counting_itself_is_bounded() {
        let mut collector = Collector::new(caps(5, 1000, 10));
        assert_eq!(feed(&mut collector, 1000), 15);
        assert_eq!(collector.cut(), Cut::AtLeast(10));
    }

    #[test]
    fn a_source_left_early_is_never_whole() {
        let mut collector = Collector::new(caps(5, 1000, 10));
        feed(&mut collector, 5);
        collector.stop_counting();
        assert_eq!(collector.cut(), Cut::AtLeast(0));
        let mut collector = Collector::new(caps(5, 1000, 10));
        feed(&mut collector, 8);
        collector.stop_counting();
        assert_eq!(collector.cut(), Cut::AtLeast(3));
    }

    #[test]
    fn the_byte_cap_keeps_one_row_at_least_and_no_later_smaller_row() {
        let mut collector = Collector::new(caps(100, 15, 10));
        collector.push(vec![Some("y".repeat(50))]);
        collector.push(vec![Some("z".into())]);
        assert_eq!((collector.row_count(), collector.cut()), (1, Cut::Rows(1)));
        assert!(collector.cut_by_bytes());
    }

    #[test]
    fn only_a_first_row_is_kept_shortened() {
        let mut collector = Collector::new(caps(100, 100, 10));
        assert_eq!(collector.room(), 100);
        collector.push_shortened(vec![Some("y".repeat(40))], 1);
        assert_eq!((collector.room(), collector.shortened(), collector.cut_by_bytes()), (59, 1, false));
        collector.push_shortened(vec![Some("z".repeat(10))], 1);
        assert_eq!((collector.row_count(), collector.cut(), collector.shortened()), (1, Cut::Rows(1), 1));
        assert!(collector.cut_by_bytes());
    }

    #[test]
    fn values_count_as_they_are_written() {
        let mut collector = Collector::new(caps(100, 100, 10));
        collector.push(vec![Some("|".repeat(40)), Some("NULL".into()), None]);
        assert_eq!(collector.bytes(), 81 + 7 + 5);
        assert_eq!(collector.push(vec![Some("|\n".into()), None, None]), Flow::CountOnly);
        assert!(collector.cut_by_bytes());
    }

    #[test]
    fn names_leave_room_for_a_row_and_what_does_not_fit_is_counted() {
        let mut collector = Collector::new(caps(100, 1000, 10));
        collector.set_columns((0..100).map(|at| format!("c{at:03}")).collect());
        let kept = 1000 / (4 + 1 + CELL_BYTES_MIN);
        assert_eq!((collector.columns_kept(), collector.columns_cut()), (kept, 100 - kept));
        assert_eq!(collector.room(), 1000 - 5 * kept as u64);
        collector.push(vec![Some("7".to_owned()); 100]);
        assert_eq!(collector.to_rows()[0].len(), kept);
    }

    #[test]
    fn a_long_name_is_shortened_and_one_column_is_always_kept() {
        let mut collector = Collector::new(caps(100, 4000, 10));
        collector.set_columns(vec!["|".repeat(100_000), "b".into()]);
        assert!(collector.bytes() <= 1000 && collector.columns()[0].ends_with("||... (100000 bytes)"));
        assert_eq!(collector.columns()[1], "b");
        let mut collector = Collector::new(caps(1, 1, 1));
        collector.set_columns(vec!["id".into(), "name".into()]);
        assert_eq!((collector.columns(), collector.columns_cut()), (&["id".to_owned()][..], 1));
    }

    #[test]
    fn a_cap_of_no_rows_keeps_none() {
        let mut collector = Collector::new(caps(0, 15, 10));
        feed(&mut collector, 1);
        assert_eq!((collector.row_count(), collector.cut()), (0, Cut::Rows(1)));
    }

    #[test]
    fn rows_come_back_as_they_were_written() {
        let mut collector = Collector::new(caps(5, 1000, 10));
        let rows = [
            vec![Some("a".to_owned()), None, Some(String::new())],
            vec![None, Some("é".to_owned()), Some("c d".to_owned())],
        ];
        for row in &rows {
            collector.push(row.clone());
        }
        assert_eq!((collector.to_rows(), collector.first_cell()), (rows.to_vec(), Some("a")));
        assert_eq!(collector.bytes(), (2 + 5 + 1) + (5 + 3 + 4));
    }

    #[test]
    fn malformed_values_are_counted_in_kept_rows_only() {
        let mut collector = Collector::new(caps(1, 1000, 10));
        for text in ["kept", "one too many"] {
            let mut row = collector.begin_row();
            row.text_of(CellKind::Malformed, text);
            row.end(0);
        }
        assert_eq!((collector.row_count(), collector.malformed()), (1, 1));
    }

    #[test]
    fn a_row_that_is_not_ended_or_is_cut_leaves_nothing() {
        let mut collector = Collector::new(caps(1, 1000, 10));
        let mut row = collector.begin_row();
        row.text("half");
        drop(row);
        collector.push(vec![Some("whole".to_owned())]);
        collector.push(vec![Some("one too many".to_owned())]);
        assert_eq!(collector.to_rows(), [[Some("whole".to_owned())]]);
        assert_eq!((collector.block.text.len(), collector.block.ends.len()), (5, 1));
    }
}
