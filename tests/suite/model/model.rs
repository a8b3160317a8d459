//! What one session must see.

/// A count of rows that may have grown by one more without anybody knowing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) least: i64,
    pub(super) most: i64,
}

impl Count {
    pub(super) fn contains(self, rows: i64) -> bool {
        (self.least..=self.most).contains(&rows)
    }

    /// What was seen.
    pub(super) fn settle(&mut self, rows: i64) {
        (self.least, self.most) = (rows, rows);
    }

    fn add(&mut self, rows: i64) {
        self.least += rows;
        self.most += rows;
    }
}

/// The state of a session.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// The database that its statements run in.
    pub(super) context: usize,
    /// Committed rows of its table.
    pub(super) rows: Count,
    /// Rows in its open transaction, those that are committed included.
    pub(super) transaction: Option<Count>,
    /// What its temporary table holds.
    pub(super) temporary: Option<i64>,
    /// The same when the transaction began: SQLite takes back what is done to temporary tables, too.
    temporary_before: Option<i64>,
}

impl Model {
    pub(super) fn new(home: usize) -> Self {
        Self {
            context: home,
            rows: Count::default(),
            transaction: None,
            temporary: None,
            temporary_before: None,
        }
    }

    /// What a count of its rows must give.
    pub(super) fn visible(&self) -> Count {
        self.transaction.unwrap_or(self.rows)
    }

    /// It has been told that two rows were inserted.
    pub(super) fn inserted(&mut self) {
        match &mut self.transaction {
            Some(rows) => rows.add(2),
            None => self.rows.add(2),
        }
    }

    /// It has been told that nobody knows whether they were.
    pub(super) fn perhaps_inserted(&mut self) {
        match &mut self.transaction {
            Some(rows) => rows.most += 2,
            None => self.rows.most += 2,
        }
    }

    pub(super) fn begun(&mut self) {
        self.transaction = Some(self.rows);
        self.temporary_before = self.temporary;
    }

    pub(super) fn rolled_back(&mut self) {
        if self.transaction.take().is_some() {
            self.temporary = self.temporary_before;
        }
    }

    pub(super) fn committed(&mut self) {
        if let Some(rows) = self.transaction.take() {
            self.rows = rows;
        }
    }

    /// It has been told that nobody knows whether the transaction was committed.
    pub(super) fn perhaps_committed(&mut self) {
        if let Some(rows) = self.transaction.take() {
            self.rows.most = self.rows.most.max(rows.most);
        }
    }

    /// It has been told that its state is lost.
    pub(super) fn lost(&mut self) {
        self.transaction = None;
        self.temporary = None;
    }
}
