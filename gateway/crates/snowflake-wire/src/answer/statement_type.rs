//! Kinds of statements, as the server numbers them.

/// The kind of a statement. The number's upper digits are the group, the lower ones the statement in it.
///
/// Source: the `statementType` constants of gosnowflake and of the Node.js driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementType(pub i64);

/// INSERT, UPDATE, DELETE, MERGE and multi-table INSERT. COPY (0x3600) and what unloads (0x3700) give a
/// report, a row a file.
const DML: std::ops::RangeInclusive<i64> = 0x3000..=0x35ff;
/// SELECT, and what gives rows like it.
const SELECT: i64 = 0x1000;

impl StatementType {
    /// Whether it is a SELECT.
    pub fn is_select(self) -> bool {
        self.0 == SELECT
    }

    /// Whether it changed rows: then its one row holds counts, a column for each kind of change.
    pub fn changes_rows(self) -> bool {
        DML.contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_apart() {
        assert!(StatementType(4096).is_select() && !StatementType(4096).changes_rows());
        assert!(StatementType(0x3100).changes_rows() && StatementType(0x3500).changes_rows());
        assert!(!StatementType(0x3600).changes_rows() && !StatementType(0x3700).changes_rows());
        assert!(!StatementType(0x6000).changes_rows() && !StatementType(0x2000).changes_rows());
    }
}
