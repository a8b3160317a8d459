//! Rows under caps: the pure core that both backends fill.
//!
//! A connection pushes every row it gets; the collector keeps those within the row and byte caps, counts a
//! bounded number more so that the result can say how many were cut, then asks the connection to stop.

/// One value as text; `None` is SQL NULL.
pub type Cell = Option<String>;

/// The limits of one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Rows kept, at most.
    pub rows_max: u64,
    /// Bytes of cell text kept, at most. The first row is kept whatever its size: the connection shortens its
    /// values to
    /// [`Collector::room`].
    pub bytes_max: u64,
    /// Rows counted past the caps before the count becomes "at least".
    pub count_rows_max: u64,
}

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
#[derive(Debug)]
pub struct Collector {
    caps: Caps,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    bytes: u64,
    cut: Cut,
    bytes_hit: bool,
    shortened: u64,
}

impl Collector {
    /// An empty result under `caps`.
    pub fn new(caps: Caps) -> Self {
        Self {
            caps,
            columns: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
            cut: Cut::Nothing,
            bytes_hit: false,
            shortened: 0,
        }
    }

    /// Names the columns; called once, before the first row, also for an empty result.
    pub fn set_columns(&mut self, columns: Vec<String>) {
        self.columns = columns;
    }

    /// Takes one row.
    pub fn push(&mut self, row: Vec<Cell>) -> Flow {
        self.push_shortened(row, 0)
    }

    /// Bytes of cell text that the next row may have; a longer one is cut, but for the first, whose values
    /// are to be shortened to this.
    pub fn room(&self) -> u64 {
        self.caps.bytes_max.saturating_sub(self.bytes)
    }

    /// Takes one row, `shortened` of whose values were too long for [`Collector::room`]: a first row is kept
    /// as it is, a later one is cut.
    pub fn push_shortened(&mut self, row: Vec<Cell>, shortened: u64) -> Flow {
        if self.cut != Cut::Nothing {
            return self.count(1);
        }
        let row_bytes: u64 =
            row.iter().map(|cell| cell.as_ref().map_or(4, |text| text.len() as u64 + 1)).sum();
        let over_rows = self.rows.len() as u64 >= self.caps.rows_max;
        let too_long = shortened > 0 || self.bytes + row_bytes > self.caps.bytes_max;
        let over_bytes = !self.rows.is_empty() && too_long;
        if over_rows || over_bytes {
            self.bytes_hit = over_bytes && !over_rows;
            return self.count(1);
        }
        self.bytes += row_bytes;
        self.shortened += shortened;
        self.rows.push(row);
        if self.rows.len() as u64 >= self.caps.rows_max { Flow::CountOnly } else { Flow::More }
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

    /// The column names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The kept rows.
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// Bytes of the kept rows' text, separators included.
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
        assert_eq!((collector.rows().len(), collector.cut()), (5, Cut::Nothing));
    }

    #[test]
    fn rows_past_the_cap_are_counted_exactly() {
        let mut collector = Collector::new(caps(5, 1000, 10));
        feed(&mut collector, 12);
        assert_eq!((collector.rows().len(), collector.cut()), (5, Cut::Rows(7)));
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
        assert_eq!((collector.rows().len(), collector.cut()), (1, Cut::Rows(1)));
        assert!(collector.cut_by_bytes());
    }

    #[test]
    fn only_a_first_row_is_kept_shortened() {
        let mut collector = Collector::new(caps(100, 100, 10));
        assert_eq!(collector.room(), 100);
        collector.push_shortened(vec![Some("y".repeat(40))], 1);
        assert_eq!((collector.room(), collector.shortened(), collector.cut_by_bytes()), (59, 1, false));
        collector.push_shortened(vec![Some("z".repeat(10))], 1);
        assert_eq!((collector.rows().len(), collector.cut(), collector.shortened()), (1, Cut::Rows(1), 1));
        assert!(collector.cut_by_bytes());
    }

    #[test]
    fn a_cap_of_no_rows_keeps_none() {
        let mut collector = Collector::new(caps(0, 15, 10));
        feed(&mut collector, 1);
        assert_eq!((collector.rows().len(), collector.cut()), (0, Cut::Rows(1)));
    }
}
