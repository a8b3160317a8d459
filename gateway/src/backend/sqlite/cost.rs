//! What a statement costs before it runs: its plan, and how many rows the tables in it have.
//!
//! Rows of a table are what ANALYZE counted (`sqlite_stat1`); without that, its greatest row id less its least, which two
//! looks at its tree tell, but no more than its file has room for. Of a table without row ids, a virtual table and a
//! table-valued function nothing is known.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension as _};

use super::budget;
use super::names::quoted;
use super::plan::{self, IndexFacts, Step, Tables};
use super::tokens::{Token, Tokens};
use crate::backend::Estimate;

/// Lines of a plan that are read, at most; a longer one has no figure.
const STEPS_MAX: usize = 2_000;

/// Tables and views that a name of a plan is looked for among, at most.
const RELATIONS_MAX: usize = 5_000;

/// The least that a row takes in a file, in bytes: a pointer, two lengths, a header and a value.
const ROW_BYTES_MIN: u64 = 5;

/// The estimate of `sql`, which compiles; `None`: it has no plan that can be read. `main`: the database of names without
/// one. The connection is only read.
pub(super) fn estimate(connection: &Connection, main: &str, sql: &str) -> Option<Estimate> {
    if !reads_tables(sql) {
        return Some(Estimate { rows: Some(0), ..Estimate::default() });
    }
    budget::leniently(|| {
        let steps = steps(connection, sql)?;
        let tables = OpenTables::new(connection, main, sql, &steps)?;
        let limit = plain_limit(sql);
        // A view may read anything before its first row.
        let limit = limit.filter(|_| tables.has_no_views());
        let visits = plan::visits(&steps, &tables, limit);
        Some(Estimate { rows: Some(visits.rows), is_at_least: visits.is_at_least, ..Estimate::default() })
    })
}

/// The statement whose plan `sql` asks for.
pub(super) fn explained(sql: &str) -> Option<&str> {
    ["EXPLAIN", "QUERY", "PLAN"].into_iter().try_fold(sql, |rest, word| {
        let rest = rest.trim_start();
        let (first, rest) = rest.split_at_checked(word.len())?;
        first.eq_ignore_ascii_case(word).then_some(rest)
    })
}

/// Whether it is a statement that reads tables as its plan says. Others have none: some pragmas do what they do when they
/// are compiled.
fn reads_tables(sql: &str) -> bool {
    const PLANNED: [&str; 8] =
        ["select", "with", "values", "insert", "replace", "update", "delete", "create"];
    Tokens::of(sql).next().and_then(|first| first.name()).is_some_and(|word| PLANNED.contains(&word.as_str()))
}

fn steps(connection: &Connection, sql: &str) -> Option<Vec<Step>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).ok()?;
    let read =
        |row: &rusqlite::Row<'_>| Ok(Step { id: row.get(0)?, parent: row.get(1)?, detail: row.get(3)? });
    let steps: Vec<Step> =
        statement.query_map([], read).ok()?.take(STEPS_MAX + 1).collect::<Result<_, _>>().ok()?;
    (steps.len() <= STEPS_MAX).then_some(steps)
}

/// A table or view of an open database.
#[derive(Clone, Debug)]
struct Relation {
    database: String,
    name: String,
    is_view: bool,
    /// Its CREATE.
    sql: String,
}

/// The tables of the open databases, by the names that a statement gives them.
struct OpenTables<'a> {
    connection: &'a Connection,
    /// Those that a name in lower case, or an alias, may mean.
    named: HashMap<String, Vec<Relation>>,
    has_views: bool,
    /// The arguments of MIN and MAX in the text, in lower case.
    ends: Vec<String>,
    rows: RefCell<HashMap<String, Option<u64>>>,
}

impl<'a> OpenTables<'a> {
    fn new(connection: &'a Connection, main: &str, sql: &str, steps: &[Step]) -> Option<Self> {
        let relations = relations(connection)?;
        let mut by_name: HashMap<String, Vec<Relation>> = HashMap::new();
        for relation in relations {
            by_name.entry(relation.name.to_ascii_lowercase()).or_default().push(relation);
        }
        let mut tables = Self {
            connection,
            named: HashMap::new(),
            has_views: false,
            ends: ends_of(sql),
            rows: RefCell::default(),
        };
        if steps.is_empty() {
            return Some(tables);
        }
        tables.read_names(sql, main, &by_name);
        Some(tables)
    }

    /// Notes what the names in `sql`, and in the views that it names, mean, with their aliases.
    fn read_names(&mut self, sql: &str, main: &str, by_name: &HashMap<String, Vec<Relation>>) {
        // A view's names are its own database's.
        let mut texts = vec![(sql.to_owned(), main.to_owned())];
        let mut views: HashSet<(String, String)> = HashSet::new();
        while let Some((text, main)) = texts.pop() {
            for Named { database, name, alias } in named_relations(&text, by_name) {
                let found = by_name.get(&name).map(Vec::as_slice).unwrap_or_default();
                let meant = meant(found, database.as_deref(), &main);
                for view in meant.iter().filter(|relation| relation.is_view) {
                    self.has_views = true;
                    if views.insert((view.database.clone(), view.name.clone())) {
                        texts.push((view.sql.clone(), view.database.clone()));
                    }
                }
                for known in alias.into_iter().chain([name]) {
                    let noted = self.named.entry(known).or_default();
                    noted.extend(meant.iter().map(|relation| (*relation).clone()));
                }
            }
        }
    }

    fn has_no_views(&self) -> bool {
        !self.has_views
    }

    /// What `name`, as a plan has it, may mean.
    fn meant(&self, name: &str) -> Vec<&Relation> {
        let folded = name.to_ascii_lowercase();
        let tables = |name: &str| {
            let relations = self.named.get(name).map(Vec::as_slice).unwrap_or_default();
            relations.iter().filter(|relation| !relation.is_view).collect::<Vec<_>>()
        };
        let found = tables(&folded);
        if !found.is_empty() {
            return found;
        }
        // A plan names the database where the text does.
        match folded.split_once('.') {
            Some((database, table)) => {
                let of = |relation: &&Relation| relation.database.eq_ignore_ascii_case(database);
                let (here, all): (Vec<_>, Vec<_>) = (tables(table), tables(table));
                let here: Vec<_> = here.into_iter().filter(of).collect();
                if here.is_empty() { all } else { here }
            }
            None => found,
        }
    }

    fn count(&self, relation: &Relation) -> Option<u64> {
        let (database, table) = (quoted(&relation.database), quoted(&relation.name));
        let analyzed = format!(
            "SELECT max(CAST(stat AS INTEGER)) FROM {database}.sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE"
        );
        let analyzed: Option<i64> = self
            .connection
            .query_row(&analyzed, [&relation.name], |row| row.get::<_, Option<i64>>(0))
            .ok()
            .flatten();
        if let Some(rows) = analyzed {
            return u64::try_from(rows).ok();
        }
        let ids = format!(
            "SELECT (SELECT max(rowid) FROM {database}.{table}), (SELECT min(rowid) FROM {database}.{table})"
        );
        let ids: (Option<i64>, Option<i64>) =
            self.connection.query_row(&ids, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
        let rows = match ids {
            (Some(most), Some(least)) => most.abs_diff(least).saturating_add(1),
            _ => 0,
        };
        Some(self.room(&relation.database).map_or(rows, |room| rows.min(room)))
    }

    /// Rows that the file of `database` has room for, at most.
    fn room(&self, database: &str) -> Option<u64> {
        let pragma = |name: &str| -> Option<u64> {
            let sql = format!("PRAGMA {}.{name}", quoted(database));
            let value: i64 = self.connection.query_row(&sql, [], |row| row.get(0)).ok()?;
            u64::try_from(value).ok()
        };
        Some(pragma("page_count")?.saturating_mul(pragma("page_size")?) / ROW_BYTES_MIN)
    }
}

impl Tables for OpenTables<'_> {
    fn rows(&self, name: &str) -> Option<u64> {
        let folded = name.to_ascii_lowercase();
        if let Some(known) = self.rows.borrow().get(&folded) {
            return *known;
        }
        // An alias that is given twice means the larger one.
        let meant = self.meant(name);
        let counted: Option<Vec<u64>> = meant.iter().map(|relation| self.count(relation)).collect();
        let rows = counted.and_then(|rows| rows.into_iter().max());
        self.rows.borrow_mut().insert(folded, rows);
        rows
    }

    fn index(&self, name: &str, index: Option<&str>) -> IndexFacts {
        let meant = self.meant(name);
        let Some(relation) = meant.first() else { return IndexFacts::default() };
        let found = self
            .connection
            .query_row(
                "SELECT i.name, i.\"unique\", (SELECT count(*) FROM pragma_index_info(i.name, ?2)) \
                 FROM pragma_index_list(?1, ?2) AS i WHERE i.name = ?3 COLLATE NOCASE OR (?3 IS NULL AND i.origin = 'pk')",
                (&relation.name, &relation.database, index),
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, i64>(2)?)),
            )
            .optional();
        let Ok(Some((index, is_unique, columns))) = found else { return IndexFacts::default() };
        let sql = format!(
            "SELECT stat FROM {}.sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE AND idx = ?2 COLLATE NOCASE",
            quoted(&relation.database)
        );
        let stat: Option<String> = self
            .connection
            .query_row(&sql, (&relation.name, &index), |row| row.get(0))
            .optional()
            .ok()
            .flatten();
        let numbers = stat.as_deref().unwrap_or_default().split(' ').skip(1);
        IndexFacts {
            unique_columns: usize::try_from(columns).ok().filter(|_| is_unique),
            rows_per_value: numbers.map_while(|number| number.parse().ok()).collect(),
        }
    }

    fn ends_by_row_id(&self, name: &str) -> bool {
        const ROW_ID: [&str; 3] = ["rowid", "oid", "_rowid_"];
        let Some(relation) = self.meant(name).first().copied() else { return false };
        let key = self.connection.query_row(
            "SELECT lower(max(name)) FROM pragma_table_info(?1, ?2) WHERE pk > 0 \
             HAVING count(*) = 1 AND max(type) = 'INTEGER' COLLATE NOCASE",
            (&relation.name, &relation.database),
            |row| row.get::<_, String>(0),
        );
        let key = key.unwrap_or_default();
        let is_row_id = |end: &String| ROW_ID.contains(&end.as_str()) || (!key.is_empty() && *end == key);
        !self.ends.is_empty() && self.ends.iter().all(is_row_id)
    }
}

/// The names in `min(...)` and `max(...)`, the last part of each; an empty one for what is no name.
fn ends_of(sql: &str) -> Vec<String> {
    let tokens: Vec<Token<'_>> = Tokens::of(sql).collect();
    let mut ends = Vec::new();
    for at in 0..tokens.len() {
        let is_end = matches!(tokens[at].name().as_deref(), Some("min" | "max"));
        if !is_end || tokens.get(at + 1) != Some(&Token::Open) {
            continue;
        }
        let mut last = at + 2;
        while tokens.get(last + 1) == Some(&Token::Dot) {
            last += 2;
        }
        ends.push(tokens.get(last).and_then(Token::name).unwrap_or_default());
    }
    ends
}

fn relations(connection: &Connection) -> Option<Vec<Relation>> {
    let mut list = connection.prepare("SELECT name FROM pragma_database_list").ok()?;
    let databases: Vec<String> = list.query_map([], |row| row.get(0)).ok()?.collect::<Result<_, _>>().ok()?;
    let mut relations = Vec::new();
    for database in databases {
        let sql = format!(
            "SELECT name, type = 'view', sql FROM {}.sqlite_schema WHERE type IN ('table', 'view') AND sql IS NOT NULL",
            quoted(&database)
        );
        let mut statement = connection.prepare(&sql).ok()?;
        let read = |row: &rusqlite::Row<'_>| {
            let (name, is_view, sql) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Relation { database: database.clone(), name, is_view, sql })
        };
        for relation in statement.query_map([], read).ok()? {
            relations.push(relation.ok()?);
            if relations.len() > RELATIONS_MAX {
                return None;
            }
        }
    }
    Some(relations)
}

/// Those of `found`, all of one name, that a text means in the database `main`: where several have it, that of the
/// context, or a temporary one.
fn meant<'a>(found: &'a [Relation], database: Option<&str>, main: &str) -> Vec<&'a Relation> {
    let of = |database: &str| -> Vec<&Relation> {
        found.iter().filter(|relation| relation.database.eq_ignore_ascii_case(database)).collect()
    };
    if let Some(database) = database {
        let qualified = of(if database == "main" { main } else { database });
        if !qualified.is_empty() {
            return qualified;
        }
    }
    let near = ["temp", main].map(of).into_iter().find(|near| !near.is_empty());
    near.unwrap_or_else(|| found.iter().collect())
}

/// The name of a table in a text, in lower case.
struct Named {
    /// What stands before it and a dot.
    database: Option<String>,
    name: String,
    /// The word behind it, which may be its alias.
    alias: Option<String>,
}

fn named_relations(sql: &str, known: &HashMap<String, Vec<Relation>>) -> Vec<Named> {
    let tokens: Vec<Token<'_>> = Tokens::of(sql).collect();
    let name_at = |at: usize| tokens.get(at).and_then(Token::name);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let Some(name) = name_at(at).filter(|name| known.contains_key(name)) else { continue };
        let is_qualified = at >= 2 && tokens[at - 1] == Token::Dot;
        let database = if is_qualified { name_at(at - 2) } else { None };
        let alias = name_at(at + 1).and_then(|word| if word == "as" { name_at(at + 2) } else { Some(word) });
        found.push(Named { database, name, alias });
    }
    found
}

/// Words of a SELECT that may have it read more than it returns.
const NOT_PLAIN: [&str; 10] =
    ["where", "group", "having", "distinct", "union", "except", "intersect", "with", "values", "join"];

/// The rows after which `sql` ends, where it does nothing but return the rows of one table until then: `SELECT a, b FROM t
/// LIMIT 10`. A function may be an aggregate, so there is none.
fn plain_limit(sql: &str) -> Option<u64> {
    let tokens: Vec<(std::ops::Range<usize>, Token<'_>)> = Tokens::of(sql).with_ranges().collect();
    let words: Vec<Option<String>> = tokens.iter().map(|(_, token)| token.name()).collect();
    let is = |at: usize, word: &str| words.get(at).and_then(Option::as_deref) == Some(word);
    if !is(0, "select") || tokens.iter().any(|(_, token)| *token == Token::Open) {
        return None;
    }
    if words.iter().flatten().any(|word| NOT_PLAIN.contains(&word.as_str())) {
        return None;
    }
    let limit = (0..words.len()).rev().find(|at| is(*at, "limit"))?;
    let number = |at: usize| -> Option<u64> { sql.get(tokens.get(at)?.0.clone())?.parse().ok() };
    let rows = number(limit + 1)?;
    // Behind it: nothing, or an offset, then perhaps a semicolon.
    let rest = match is(limit + 2, "offset") {
        true => (number(limit + 3)?, limit + 4),
        false => (0, limit + 2),
    };
    let is_end = |at: &usize| sql.get(tokens[*at].0.clone()) == Some(";");
    (rest.1..tokens.len()).all(|at| is_end(&at)).then(|| rows.saturating_add(rest.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_where_nothing_else_is_done() {
        for (sql, expected) in [
            ("select * from t limit 10", Some(10)),
            ("SELECT a, \"b\" FROM main.t AS x LIMIT 10 OFFSET 5;", Some(15)),
            ("select * from t order by a limit 3", Some(3)),
            ("select * from t limit 5, 10", None),
            ("select * from t limit 2 + 2", None),
            ("select count(*) from t limit 1", None),
            ("select * from t where a = 1 limit 1", None),
            ("select distinct a from t limit 1", None),
            ("select * from t union select * from u limit 1", None),
            ("with c as (select 1) select * from c limit 1", None),
            ("select * from t", None),
            ("delete from t limit 1", None),
            ("select 'limit 3' from t", None),
        ] {
            assert_eq!(plain_limit(sql), expected, "{sql}");
        }
    }
}
