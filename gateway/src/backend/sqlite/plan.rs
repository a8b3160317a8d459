//! How many rows a plan visits: `EXPLAIN QUERY PLAN` in, a figure out. Pure.
//!
//! The loops of one level are nested, in the order of the plan: the first visits its rows, the second as many as it finds
//! for each of those, and so on; all of them are added up. What a subquery visits is added once, or for each row of the
//! loops before it where it is correlated. What a subquery returns is taken to be all that its loops come to, because
//! filters and GROUP BY are not known: the figure is rather too high than too low.

use std::collections::HashMap;

/// Rows for one value of the first column of an index of which nothing is known, and how many fewer for each further
/// one: SQLite's own assumption.
const ROWS_PER_VALUE: u64 = 10;
/// The least of those.
const ROWS_PER_VALUES_MIN: u64 = 5;
/// The part of the rows that a comparison with `<` or `>` leaves: SQLite's own assumption.
const RANGE_PART: u64 = 4;

/// A line of `EXPLAIN QUERY PLAN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) id: i64,
    /// The line that it belongs to; 0: none.
    pub(super) parent: i64,
    pub(super) detail: String,
}

/// What is known of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexFacts {
    /// Columns that no two rows have the same values in, from the first; `None`: there are such rows.
    pub(super) unique_columns: Option<usize>,
    /// Rows for one value of the first column, of the first two, and so on, as ANALYZE found them.
    pub(super) rows_per_value: Vec<u64>,
}

/// What is known of the tables of a plan, by the names that the plan has for them.
pub(super) trait Tables {
    /// Rows of a table; `None`: not known.
    fn rows(&self, name: &str) -> Option<u64>;

    /// An index of it; `None` as `index`: its primary key.
    fn index(&self, name: &str, index: Option<&str>) -> IndexFacts;

    /// Whether a MIN or MAX over it is that of its row ids, which takes one look.
    fn ends_by_row_id(&self, name: &str) -> bool;
}

/// What a plan, or a part of it, comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Visits {
    /// Rows visited.
    pub(super) rows: u64,
    /// Whether a part of it is not known.
    pub(super) is_at_least: bool,
    /// Rows that come out at the end.
    returned: u64,
}

/// What `steps` visit. `limit`: they stop after so many rows, if all they do is to read one table.
pub(super) fn visits(steps: &[Step], tables: &dyn Tables, limit: Option<u64>) -> Visits {
    let plan = Plan { steps, tables };
    let mut visits = plan.level(0, &mut HashMap::new());
    if let ([only], Some(limit)) = (steps, limit)
        && only.detail.starts_with("SCAN ")
    {
        visits.rows = visits.rows.min(limit);
    }
    visits
}

struct Plan<'a> {
    steps: &'a [Step],
    tables: &'a dyn Tables,
}

/// The loops of one level so far.
struct Level {
    /// Rows that come out of the loops so far.
    iterations: u64,
    visits: Visits,
    /// Rows of the table of the last loop, where that looks for equal values.
    searched: Option<u64>,
}

impl Level {
    /// A further loop, which finds `rows` for each row of those before it.
    fn nest(&mut self, rows: Option<u64>) {
        self.visits.is_at_least |= rows.is_none();
        // A table that was empty when it was counted need not be.
        self.iterations = self.iterations.saturating_mul(rows.unwrap_or(1).max(1));
        self.visits.rows = self.visits.rows.saturating_add(self.iterations);
    }

    /// What `inner` visits is visited so many times, too.
    fn add(&mut self, inner: Visits, times: u64) {
        self.visits.is_at_least |= inner.is_at_least;
        self.visits.rows = self.visits.rows.saturating_add(inner.rows.saturating_mul(times));
    }
}

impl Plan<'_> {
    /// The steps that belong to `parent`. `made`: the rows of the subqueries that were made so far, by their names.
    fn level(&self, parent: i64, made: &mut HashMap<String, u64>) -> Visits {
        let mut level = Level { iterations: 1, visits: Visits::default(), searched: None };
        for step in self.steps.iter().filter(|step| step.parent == parent) {
            self.step(step, &mut level, made);
        }
        level.visits.returned = level.iterations;
        level.visits
    }

    fn step(&self, step: &Step, level: &mut Level, made: &mut HashMap<String, u64>) {
        let detail = step.detail.as_str();
        let after = |word: &str| detail.strip_prefix(word);
        if let Some(rest) = after("SCAN ") {
            level.searched = None;
            return level.nest(self.scanned(rest, made));
        }
        if let Some(rest) = after("SEARCH ") {
            let (found, built) = self.searched(rest, made);
            level.add(built, 1);
            level.nest(found);
            level.searched = rest.contains("=?").then(|| self.rows(name_of(rest), made).unwrap_or(u64::MAX));
            return;
        }
        if let Some(rest) = after("BLOOM FILTER ON ") {
            let name = rest.split(" (").next().unwrap_or(rest);
            let rows = self.rows(name, made);
            return level.add(known(rows), 1);
        }
        if let Some(list) = self.list(step, made) {
            level.add(Visits { returned: 0, ..list }, 1);
            // Where the loop before looks for what is in the list, it looks once for each entry.
            if let Some(rows) = level.searched.take() {
                level.nest(Some(list.returned.min(rows).max(1)));
            }
            return;
        }
        if detail == "RECURSIVE STEP" {
            // How often it runs depends on the rows.
            level.visits.is_at_least = true;
            let inner = self.level(step.id, made);
            return level.add(inner, 1);
        }
        let name = after("CO-ROUTINE ").or_else(|| after("MATERIALIZE "));
        if let Some(name) = name {
            let inner = self.level(step.id, made);
            made.insert(name.to_ascii_lowercase(), inner.returned);
            return level.add(inner, 1);
        }
        if detail == "MULTI-INDEX OR" || detail == "COMPOUND QUERY" || detail.starts_with("MERGE (") {
            return self.sum(step, level, made);
        }
        let inner = self.level(step.id, made);
        let times = if detail.starts_with("CORRELATED ") { level.iterations } else { 1 };
        level.add(inner, times);
    }

    /// The parts of a UNION or of an OR one after the other: together they are one loop.
    fn sum(&self, step: &Step, level: &mut Level, made: &mut HashMap<String, u64>) {
        let before = level.iterations;
        let mut returned = 0_u64;
        for part in self.steps.iter().filter(|part| part.parent == step.id) {
            let inner = self.level(part.id, made);
            level.add(inner, before);
            returned = returned.saturating_add(inner.returned);
        }
        level.iterations = before.saturating_mul(returned.max(1));
    }

    /// What makes the list of an IN, and its entries in `returned`; `None`: the step is none.
    fn list(&self, step: &Step, made: &mut HashMap<String, u64>) -> Option<Visits> {
        if step.detail.starts_with("LIST SUBQUERY") {
            return Some(self.level(step.id, made));
        }
        let (_, table) = step.detail.strip_suffix(" FOR IN-OPERATOR")?.split_once(" ON TABLE ")?;
        let rows = self.rows(table, made);
        Some(Visits { rows: 0, is_at_least: rows.is_none(), returned: rows.unwrap_or(1) })
    }

    fn rows(&self, name: &str, made: &HashMap<String, u64>) -> Option<u64> {
        made.get(&name.to_ascii_lowercase()).copied().or_else(|| self.tables.rows(name))
    }

    /// Rows of what stands behind SCAN.
    fn scanned(&self, rest: &str, made: &HashMap<String, u64>) -> Option<u64> {
        let constant = [" CONSTANT ROWS", "-ROW VALUES CLAUSE"].iter().find_map(|end| rest.strip_suffix(end));
        if let Some(count) = constant {
            return count.parse().ok();
        }
        if rest == "CONSTANT ROW" {
            return Some(1);
        }
        let name = name_of(rest);
        match rest[name.len()..].starts_with(" VIRTUAL TABLE") {
            true => made.get(&name.to_ascii_lowercase()).copied(),
            false => self.rows(name, made),
        }
    }

    /// Rows that what stands behind SEARCH finds, and what is visited first to make an index for it.
    fn searched(&self, rest: &str, made: &HashMap<String, u64>) -> (Option<u64>, Visits) {
        let name = name_of(rest);
        let how = &rest[name.len()..];
        let Some((by, terms)) = how.split_once(" (") else {
            // The least or the greatest value: of an index, or of all rows.
            let is_one_look = how.starts_with(" USING ") || self.tables.ends_by_row_id(name);
            let rows = if is_one_look { Some(1) } else { self.rows(name, made) };
            return (rows, Visits::default());
        };
        let terms = Terms::of(terms.split(')').next().unwrap_or_default(), terms);
        let rows = self.rows(name, made);
        let index = by.split_once("INDEX ").map(|(_, index)| index);
        if by.contains(" AUTOMATIC ") {
            let found = rows.map_or(ROWS_PER_VALUE, |rows| rows.min(ROWS_PER_VALUE));
            return (Some(found), known(rows));
        }
        if by.contains("INTEGER PRIMARY KEY") && terms.equal > 0 {
            return (Some(1), Visits::default());
        }
        let facts = self.tables.index(name, index);
        (terms.found(&facts, rows), Visits::default())
    }
}

/// What one look at all of a table visits.
fn known(rows: Option<u64>) -> Visits {
    Visits { rows: rows.unwrap_or_default(), is_at_least: rows.is_none(), returned: 0 }
}

/// The name at the beginning of what stands behind SCAN or SEARCH.
fn name_of(rest: &str) -> &str {
    let ends = [" USING ", " VIRTUAL TABLE ", " LEFT-JOIN", " RIGHT-JOIN", " FULL-JOIN", " EXISTS"];
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    &rest[..end]
}

/// What an index is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Terms {
    /// Columns with one value each.
    equal: usize,
    /// Comparisons with `<` or `>`.
    ranges: u32,
}

impl Terms {
    /// `a=? AND b>?`; `whole`: the same with what is behind it, for vectors.
    fn of(terms: &str, whole: &str) -> Self {
        let mut found = Self::default();
        for term in terms.split(" AND ") {
            if term.ends_with("=?") && !term.ends_with("<=?") && !term.ends_with(">=?") {
                found.equal += 1;
            } else if term.contains(['<', '>']) || whole.contains(")>(") || whole.contains(")<(") {
                found.ranges += 1;
            }
        }
        found
    }

    /// Rows that are found in an index of a table of `rows`.
    fn found(self, facts: &IndexFacts, rows: Option<u64>) -> Option<u64> {
        if facts.unique_columns.is_some_and(|columns| self.equal >= columns) {
            return Some(1);
        }
        let equal = match self.equal {
            0 => rows,
            equal => {
                let fewer = u64::try_from(equal - 1).unwrap_or(u64::MAX);
                let assumed = ROWS_PER_VALUE.saturating_sub(fewer).max(ROWS_PER_VALUES_MIN);
                let found = facts.rows_per_value.get(equal - 1).copied().unwrap_or(assumed);
                Some(rows.map_or(found, |rows| found.min(rows)))
            }
        };
        equal.map(|rows| (rows / RANGE_PART.saturating_pow(self.ranges)).max(1))
    }
}

#[cfg(test)]
mod tests;
