//! What became of the writes: the rows that are there against the answers that were given. Pure.

use std::collections::BTreeMap;

use super::databases::Database;
use super::judge::Outcome;

/// What the answer to a write, or the lack of one, says about its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is there, once.
    There,
    /// It is not there.
    NotThere,
    /// It is there once or not at all.
    Unknown,
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Right => Self::There,
            Outcome::Refused | Outcome::Busy => Self::NotThere,
            Outcome::Unknown | Outcome::ShimError => Self::Unknown,
        }
    }
}

/// A write that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write {
    /// Where its row may be: the client's current database, or more where that is not known.
    pub(super) databases: Vec<Database>,
    /// How often.
    pub(super) fate: Fate,
}

/// All writes, by key.
pub(super) type Writes = BTreeMap<String, Write>;

/// The rows that were found: how often each key is in each database.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<String, BTreeMap<Database, u64>>);

impl Rows {
    /// Another row.
    pub(super) fn add(&mut self, database: Database, key: String) {
        *self.0.entry(key).or_default().entry(database).or_default() += 1;
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.values().flat_map(BTreeMap::values).sum()
    }

    /// Every row that should not be there, and every one that should be and is not.
    pub(super) fn wrong(&self, writes: &Writes) -> Vec<String> {
        let mut wrong: Vec<String> =
            writes.iter().filter_map(|(key, write)| self.wrong_write(key, write)).collect();
        let unasked = self.0.iter().filter(|(key, _)| !writes.contains_key(*key));
        wrong.extend(unasked.map(|(key, found)| format!("{key} was never sent, and is in {found:?}")));
        wrong
    }

    fn wrong_write(&self, key: &str, write: &Write) -> Option<String> {
        let nowhere = BTreeMap::new();
        let found = self.0.get(key).unwrap_or(&nowhere);
        let rows: u64 = found.values().sum();
        let (least, most) = match write.fate {
            Fate::There => (1, 1),
            Fate::NotThere => (0, 0),
            Fate::Unknown => (0, 1),
        };
        let strays = found.keys().any(|database| !write.databases.contains(database));
        (strays || !(least..=most).contains(&rows))
            .then(|| format!("{key} is in {found:?}; sent in {:?}, fate {:?}", write.databases, write.fate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(fate: Fate, found: &[Database]) -> usize {
        let mut rows = Rows::default();
        found.iter().for_each(|database| rows.add(database, "k".to_owned()));
        rows.wrong(&Writes::from([("k".to_owned(), Write { databases: vec!["ALPHA"], fate })])).len()
    }

    #[test]
    fn an_acknowledged_write_is_there_once() {
        assert_eq!(wrong(Fate::There, &["ALPHA"]), 0);
        assert_eq!((wrong(Fate::There, &[]), wrong(Fate::There, &["ALPHA", "ALPHA"])), (1, 1));
    }

    #[test]
    fn a_refused_write_is_not_there() {
        assert_eq!((wrong(Fate::NotThere, &[]), wrong(Fate::NotThere, &["ALPHA"])), (0, 1));
    }

    #[test]
    fn a_write_of_unknown_fate_is_there_at_most_once() {
        assert_eq!((wrong(Fate::Unknown, &[]), wrong(Fate::Unknown, &["ALPHA"])), (0, 0));
        assert_eq!(wrong(Fate::Unknown, &["ALPHA", "ALPHA"]), 1);
    }

    #[test]
    fn a_row_in_another_database_or_of_no_client_is_wrong() {
        for fate in [Fate::There, Fate::Unknown] {
            assert_eq!(wrong(fate, &["BRAVO"]), 1);
            assert_eq!(wrong(fate, &["ALPHA", "BRAVO"]), 1);
        }
        let mut rows = Rows::default();
        rows.add("ALPHA", "foreign".to_owned());
        assert_eq!(rows.wrong(&Writes::new()).len(), 1);
    }
}
