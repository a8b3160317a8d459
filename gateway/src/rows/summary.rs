//! What each column of a result holds, learned from its rows as they pass, in constant memory.
//!
//! The number of distinct values is exact up to [`HASHES_MAX`], and an estimate from the k smallest hashes beyond it (K. Beyer et al., "On
//! Synopses for Distinct-Value Estimation Under Multiset Operations", SIGMOD 2007): its standard error is about 1 / sqrt(k).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};

use serde::{Deserialize, Serialize};

use super::block::{CellKind, RowBlock};

/// Hashes kept of a column: a standard error of 6 %.
const HASHES_MAX: usize = 256;
/// Columns that are looked at; those behind them have no summary.
const COLUMNS_MAX: usize = 256;
/// Longer values are shortened in the summary, in bytes.
const EXTREME_BYTES_MAX: usize = 60;

/// What the values of one column are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSummary {
    /// What all its values are, in SQLite's words; `None`: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Rows in which it is NULL.
    pub nulls: u64,
    /// Distinct values, NULL aside.
    pub distinct: u64,
    /// Whether `distinct` is an estimate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_estimate: bool,
    /// The least and the greatest value, shortened; `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// See `min`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
}

/// What the rows are that have passed.
#[derive(Debug, Default)]
pub struct Summary {
    rows: u64,
    columns: Vec<ColumnState>,
}

#[derive(Debug, Default)]
struct ColumnState {
    values: u64,
    nulls: u64,
    kinds: Kinds,
    /// The smallest hashes.
    hashes: BTreeSet<u64>,
    /// The greatest of them, once there are as many as are kept.
    threshold: Option<u64>,
    min: Option<Extreme>,
    max: Option<Extreme>,
}

#[derive(Debug)]
struct Extreme {
    number: Option<f64>,
    text: String,
}

impl Summary {
    /// Of no rows yet, with `columns` columns.
    pub fn new(columns: usize) -> Self {
        let columns = (0..columns.min(COLUMNS_MAX)).map(|_| ColumnState::default()).collect();
        Self { rows: 0, columns }
    }

    /// Looks at rows.
    pub fn add(&mut self, rows: &RowBlock) {
        self.rows += rows.row_count() as u64;
        for row in rows.rows() {
            for (column, (kind, text)) in self.columns.iter_mut().zip(row) {
                column.add(kind, text);
            }
        }
    }

    /// Rows that have passed.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What is known now, column by column.
    pub fn columns(&self) -> Vec<ColumnSummary> {
        self.columns.iter().map(ColumnState::summary).collect()
    }
}

impl ColumnState {
    fn add(&mut self, kind: CellKind, text: &str) {
        if kind == CellKind::Null {
            self.nulls += 1;
            return;
        }
        self.values += 1;
        self.kinds.add(kind, text);
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(kind as u8);
        hasher.write(text.as_bytes());
        self.add_hash(hasher.finish());
        self.add_extreme(kind, text);
    }

    fn add_hash(&mut self, hash: u64) {
        if self.threshold.is_some_and(|threshold| hash >= threshold) || !self.hashes.insert(hash) {
            return;
        }
        if self.hashes.len() > HASHES_MAX {
            self.hashes.pop_last();
        }
        if self.hashes.len() == HASHES_MAX {
            self.threshold = self.hashes.last().copied();
        }
    }

    fn add_extreme(&mut self, kind: CellKind, text: &str) {
        let is_number = matches!(kind, CellKind::Number | CellKind::Real);
        let number = if is_number { text.parse().ok() } else { None };
        let is = |extreme: &Option<Extreme>, order| {
            extreme.as_ref().is_none_or(|extreme| compare(number, text, extreme) == order)
        };
        if is(&self.min, Ordering::Less) {
            self.min = Some(Extreme { number, text: text.to_owned() });
        }
        if is(&self.max, Ordering::Greater) {
            self.max = Some(Extreme { number, text: text.to_owned() });
        }
    }

    fn summary(&self) -> ColumnSummary {
        let (distinct, is_estimate) = self.distinct();
        let shown = |extreme: &Option<Extreme>| extreme.as_ref().map(|extreme| shortened(&extreme.text));
        ColumnSummary {
            kind: self.kinds.name().map(str::to_owned),
            nulls: self.nulls,
            distinct,
            is_estimate,
            min: shown(&self.min),
            max: shown(&self.max),
        }
    }

    fn distinct(&self) -> (u64, bool) {
        match self.threshold {
            Some(threshold) if threshold > 0 => {
                let (kept, greatest) = ((HASHES_MAX - 1) as u128, u128::from(threshold));
                let estimate = kept * (u128::from(u64::MAX) + 1) / greatest;
                let estimate = u64::try_from(estimate).unwrap_or(u64::MAX);
                (estimate.clamp(HASHES_MAX as u64, self.values), true)
            }
            _ => (self.hashes.len() as u64, false),
        }
    }
}

/// Which kinds of values there are.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    texts: bool,
    integers: bool,
    fractions: bool,
    booleans: bool,
    blobs: bool,
}

impl Kinds {
    fn add(&mut self, kind: CellKind, text: &str) {
        match kind {
            CellKind::Null => {}
            CellKind::Text | CellKind::Malformed => self.texts = true,
            CellKind::Number if !text.contains('.') => self.integers = true,
            CellKind::Number | CellKind::Real => self.fractions = true,
            CellKind::Boolean => self.booleans = true,
            CellKind::Bytes => self.blobs = true,
        }
    }

    fn name(self) -> Option<&'static str> {
        let Self { texts, integers, fractions, booleans, blobs } = self;
        match (integers || fractions, texts, booleans, blobs) {
            (false, false, false, false) => None,
            (true, false, false, false) => Some(if fractions { "real" } else { "integer" }),
            (false, true, false, false) => Some("text"),
            (false, false, true, false) => Some("boolean"),
            (false, false, false, true) => Some("blob"),
            _ => Some("any"),
        }
    }
}

/// Numbers come before texts, as SQLite has them; numbers that `f64` does not tell apart are compared by their digits.
fn compare(number: Option<f64>, text: &str, other: &Extreme) -> Ordering {
    match (number, other.number) {
        (Some(one), Some(another)) => match one.total_cmp(&another) {
            Ordering::Equal => by_digits(text, &other.text, one < 0.0),
            order => order,
        },
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text.cmp(&other.text),
    }
}

fn by_digits(one: &str, another: &str, is_negative: bool) -> Ordering {
    let whole = |text: &str| text.split('.').next().map_or(0, str::len);
    let order = whole(one).cmp(&whole(another)).then_with(|| one.cmp(another));
    if is_negative { order.reverse() } else { order }
}

fn shortened(text: &str) -> String {
    if text.len() <= EXTREME_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}...", &text[..text.floor_char_boundary(EXTREME_BYTES_MAX)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: impl IntoIterator<Item = (CellKind, String)>) -> ColumnSummary {
        let (mut summary, mut block) = (Summary::new(1), RowBlock::default());
        for (kind, text) in rows {
            block.cell(kind, &text);
            block.end_row();
        }
        summary.add(&block);
        summary.columns().remove(0)
    }

    #[test]
    fn few_values_are_counted_and_many_are_estimated() {
        let few = of((0..1000).map(|at| (CellKind::Number, (at % 100).to_string())));
        assert_eq!((few.distinct, few.is_estimate), (100, false));
        for distinct in [1_000_u64, 50_000] {
            let many = of((0..distinct * 2).map(|at| (CellKind::Number, (at % distinct).to_string())));
            let error = many.distinct.abs_diff(distinct) as f64 / distinct as f64;
            assert!(many.is_estimate && error < 0.25, "{} of {distinct}", many.distinct);
        }
        let all = of((0..50_000).map(|at| (CellKind::Number, at.to_string())));
        assert!(all.distinct <= 50_000, "never more than there are rows: {}", all.distinct);
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_texts_as_texts() {
        let numbers = of(["10", "9", "-3", "-20"].map(|text| (CellKind::Number, text.to_owned())));
        assert_eq!((numbers.min.as_deref(), numbers.max.as_deref()), (Some("-20"), Some("10")));
        let texts = of(["10", "9"].map(|text| (CellKind::Text, text.to_owned())));
        assert_eq!((texts.min.as_deref(), texts.max.as_deref()), (Some("10"), Some("9")));
        let long =
            of(["9007199254740993", "9007199254740992"].map(|text| (CellKind::Number, text.to_owned())));
        assert_eq!(long.max.as_deref(), Some("9007199254740993"));
    }

    #[test]
    fn null_is_counted_and_nothing_else() {
        let summary = of([(CellKind::Null, String::new()), (CellKind::Text, String::new())]);
        assert_eq!((summary.nulls, summary.distinct), (1, 1));
        assert_eq!(of([(CellKind::Null, String::new())]).min, None);
    }

    #[test]
    fn what_all_values_are_is_said() {
        let kind = |cells: &[(CellKind, &str)]| {
            of(cells.iter().map(|(kind, text)| (*kind, (*text).to_owned()))).kind
        };
        let (number, text) = ((CellKind::Number, "1"), (CellKind::Text, "a"));
        assert_eq!(kind(&[number, (CellKind::Null, "")]).as_deref(), Some("integer"));
        assert_eq!(kind(&[number, (CellKind::Real, "1.5")]).as_deref(), Some("real"));
        assert_eq!(kind(&[number, text]).as_deref(), Some("any"));
        assert_eq!(kind(&[(CellKind::Null, "")]), None);
    }

    #[test]
    fn a_long_value_is_shortened() {
        let summary = of([(CellKind::Text, "é".repeat(100))]);
        assert_eq!(summary.min.unwrap(), format!("{}...", "é".repeat(30)));
    }
}
