//! What a compiled statement touches, by SQLite's own account: for the gate of a session with lists of names.
//!
//! SQLite's authorizer reports each table with the view or trigger that reads it. What counts:
//!
//! | access | counts |
//! |---|---|
//! | by the text, or by a temporary view or trigger of the session's own | by its name |
//! | by a view or trigger of a file | as that view, or the trigger's table |
//! | by the engine itself (foreign keys, its own tables) | not: its name stands nowhere in what the client wrote |
//!
//! SQLite gives common table expressions as readers, too: one of the same name as a view is not taken for it. It does not
//! report what `INSERT INTO a SELECT * FROM b` reads where it copies whole pages, nor what a new view or trigger will
//! read: there each table that the text names counts.

use std::collections::{HashMap, HashSet};

use rusqlite::Error;
use sql_gate::{Access, Object, ObjectKind, ObjectName};

use super::databases::{SCHEMA, fold};
use super::guard::{Phase, Touch, Touched};
use super::names::quoted;
use super::statement::{Failure, Runner};
use super::tokens::{Names, Tokens};
use crate::backend::journal::wait_unless;
use crate::backend::{BackendError, ErrorKind};

/// Table functions of SQLite's that read only their arguments.
const HARMLESS_FUNCTIONS: [&str; 2] = ["json_each", "json_tree"];
/// Words that may stand between the name of a common table expression and its query.
const WORDS_OF_CTE: [&str; 3] = ["as", "not", "materialized"];
/// Pragmas whose value is an index.
const OF_INDEX: [&str; 2] = ["index_info", "index_xinfo"];
/// Pragmas that show names of whatever there is, unless their value names a table.
const OF_ALL: [&str; 5] =
    ["table_list", "database_list", "foreign_key_check", "integrity_check", "quick_check"];
/// Those of them whose value is a table.
const OF_ONE: [&str; 7] = [
    "table_info",
    "table_xinfo",
    "index_list",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
];

/// A table or view of an open database.
struct Known {
    name: String,
    database: String,
    kind: String,
}

/// All of them, in the order in which SQLite looks for unqualified names.
struct Relations(Vec<Known>);

impl Relations {
    fn find(&self, database: Option<&str>, name: &str) -> Option<&Known> {
        self.0.iter().find(|known| {
            known.name.eq_ignore_ascii_case(name)
                && database.is_none_or(|database| known.database.eq_ignore_ascii_case(database))
        })
    }

    /// The virtual table whose rows the shadow table `of` holds.
    fn owner(&self, of: &Known) -> Option<&Known> {
        let is_owner = |known: &&Known| {
            known.kind == "virtual"
                && known.database == of.database
                && fold(&of.name).strip_prefix(&fold(&known.name)).is_some_and(|rest| rest.starts_with('_'))
        };
        self.0.iter().filter(is_owner).max_by_key(|known| known.name.len())
    }
}

/// The work on one statement.
struct Collecting<'a> {
    /// What the client wrote: the statement, and the definitions of its temporary objects.
    texts: Vec<Names>,
    relations: Relations,
    /// Triggers of files: database and name, in lower case.
    triggers: HashSet<(String, String)>,
    main: &'a str,
    objects: Vec<Object>,
    seen: HashSet<Object>,
}

impl Runner<'_> {
    /// Asks the gate whether the statement `sql`, which is compiled, may run.
    pub(super) fn ask_gate(&self, sql: &str) -> Result<(), Failure> {
        if !self.gate.is_asked() {
            self.note_names();
            return Ok(());
        }
        let touched = self.guard.take_touched();
        self.guard.enter(Phase::Internal);
        let objects = self.objects(sql, &touched)?;
        let asked = wait_unless(self.gate.admit(&objects), || self.interrupt.is_cancelled());
        Ok(asked.unwrap_or_else(|| Err(super::failure::cancelled()))?)
    }

    /// Has the names noted of what the statement touches, as far as the authorizer saw it.
    fn note_names(&self) {
        let names = self.guard.take_names().into_iter();
        let is_function = |name: &str| HARMLESS_FUNCTIONS.contains(&name) || name.starts_with("pragma_");
        let names: Vec<_> = names
            .filter(|(_, name)| !is_function(name))
            .map(|(database, name)| {
                let is_main = database.eq_ignore_ascii_case("main");
                let database = if is_main { self.main.to_owned() } else { database };
                ObjectName(vec![database, SCHEMA.to_owned(), name])
            })
            .collect();
        if !names.is_empty() {
            self.gate.note_names(names);
        }
    }

    fn objects(&self, sql: &str, touched: &Touched) -> Result<Vec<Object>, Failure> {
        let failed = |error: Error| self.failure(&error);
        let main: String = self
            .connection
            .query_row("SELECT name FROM pragma_database_list WHERE seq = 0", [], |row| row.get(0))
            .map_err(failed)?;
        let mut collecting = Collecting {
            texts: self.texts(sql).map_err(failed)?,
            relations: self.relations().map_err(failed)?,
            triggers: self.triggers(touched).map_err(failed)?,
            main: &main,
            objects: Vec::new(),
            seen: HashSet::new(),
        };
        for touch in &touched.touches {
            collecting.add(touch);
        }
        if touched.copies(&main) {
            collecting.add_named(|_| true);
        }
        collecting.add_definitions(sql, touched);
        let listed = self.gate.looks_at_names();
        for (name, value, database) in &touched.pragmas {
            self.add_pragma(&mut collecting, name, value.as_deref(), database.as_deref(), listed)?;
        }
        if collecting.texts[0].has_pragma_function() {
            self.add_pragma_functions(&mut collecting, listed)?;
        }
        Ok(collecting.objects)
    }

    fn texts(&self, sql: &str) -> Result<Vec<Names>, Error> {
        let mut texts = vec![Names::of(sql)];
        if self.traces.temporary.get() {
            let mut own =
                self.connection.prepare("SELECT sql FROM sqlite_temp_schema WHERE sql IS NOT NULL")?;
            let own = own.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            texts.extend(own.iter().map(|sql| Names::of(sql)));
        }
        Ok(texts)
    }

    fn relations(&self) -> Result<Relations, Error> {
        let mut list = self.connection.prepare(
            "SELECT l.name, l.schema, l.type FROM pragma_table_list AS l, pragma_database_list AS d \
             WHERE l.schema = d.name ORDER BY d.name <> 'temp', d.seq",
        )?;
        let list = list
            .query_map([], |row| Ok(Known { name: row.get(0)?, database: row.get(1)?, kind: row.get(2)? }))?;
        list.collect::<Result<_, _>>().map(Relations)
    }

    fn databases(&self) -> Result<Vec<String>, Error> {
        let mut names = self.connection.prepare("SELECT name FROM pragma_database_list")?;
        names.query_map([], |row| row.get(0))?.collect()
    }

    fn triggers(&self, touched: &Touched) -> Result<HashSet<(String, String)>, Error> {
        let mut triggers = HashSet::new();
        if touched.touches.iter().all(|touch| touch.accessor.is_none()) {
            return Ok(triggers);
        }
        for database in self.databases()?.into_iter().filter(|name| name != "temp") {
            let sql = format!("SELECT name FROM {}.sqlite_schema WHERE type = 'trigger'", quoted(&database));
            let mut names = self.connection.prepare(&sql)?;
            for name in names.query_map([], |row| row.get::<_, String>(0))? {
                triggers.insert((fold(&database), fold(&name?)));
            }
        }
        Ok(triggers)
    }

    /// The tables of the indexes that `is_meant` picks by their names in lower case, by those.
    fn tables_of_indexes(
        &self,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<HashMap<String, Vec<(String, String)>>, Error> {
        let mut found: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for database in self.databases()?.into_iter().filter(|name| name != "temp") {
            let sql = format!(
                "SELECT name, tbl_name FROM {}.sqlite_schema WHERE type = 'index'",
                quoted(&database)
            );
            let mut indexes = self.connection.prepare(&sql)?;
            let rows =
                indexes.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            for row in rows {
                let (index, table) = row?;
                if is_meant(&fold(&index)) {
                    found.entry(fold(&index)).or_default().push((database.clone(), table));
                }
            }
        }
        Ok(found)
    }

    /// A PRAGMA statement; `listed`: there are lists of names.
    fn add_pragma(
        &self,
        collecting: &mut Collecting<'_>,
        name: &str,
        value: Option<&str>,
        database: Option<&str>,
        listed: bool,
    ) -> Result<(), Failure> {
        let relation = value.and_then(|value| collecting.relations.find(database, value));
        let relation = relation.map(|known| (known.database.clone(), known.name.clone()));
        if listed && OF_ALL.contains(&name) && relation.is_none() {
            return Err(shows_all(&format!("PRAGMA {name}")).into());
        }
        if let (Some(value), true) = (value, OF_INDEX.contains(&name)) {
            let found = self.tables_of_indexes(|index| index == fold(value));
            for (database, table) in found.map_err(|error| self.failure(&error))?.into_values().flatten() {
                collecting.push(&database, &table, Access::Read);
            }
        }
        if let (Some((database, table)), true) = (relation, OF_ONE.contains(&name) || OF_ALL.contains(&name))
        {
            collecting.push(&database, &table, Access::Read);
        }
        Ok(())
    }

    /// Functions of pragmas look their values up only while the statement runs: each name in the text counts, and with
    /// lists no other value may come up.
    fn add_pragma_functions(&self, collecting: &mut Collecting<'_>, listed: bool) -> Result<(), Failure> {
        let whole = ["pragma_table_list", "pragma_database_list"];
        if let Some(whole) = whole.iter().find(|name| listed && collecting.texts[0].contain(name)) {
            return Err(shows_all(whole).into());
        }
        let mut values = collecting.add_named(|_| true);
        let text = &collecting.texts[0];
        let indexes =
            self.tables_of_indexes(|index| text.contain(index)).map_err(|error| self.failure(&error))?;
        for (index, tables) in indexes {
            values.insert(index);
            for (database, table) in tables {
                collecting.push(&database, &table, Access::Read);
            }
        }
        if listed {
            self.guard.keep_pragmas_to(values);
        }
        Ok(())
    }
}

impl Collecting<'_> {
    /// Whether `name` stands in what the client wrote.
    fn is_named(&self, name: &str) -> bool {
        let own = ["sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"];
        let named = |name: &str| self.texts.iter().any(|text| text.contain(name));
        if own.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            own.into_iter().any(named)
        } else {
            named(name)
        }
    }

    fn push(&mut self, database: &str, name: &str, access: Access) {
        let name = ObjectName(vec![database.to_owned(), SCHEMA.to_owned(), name.to_owned()]);
        let object = Object { kind: ObjectKind::Relation, name, access };
        if self.seen.insert(object.clone()) {
            self.objects.push(object);
        }
    }

    /// Adds the view of a file that `touch` is made by; returns whether it is made by one, or by a trigger of a file.
    fn add_view(&mut self, touch: &Touch, database: &str) -> bool {
        let Some(accessor) = touch.accessor.as_deref() else { return false };
        let folded = fold(accessor);
        let is_clients = WORDS_OF_CTE.contains(&folded.as_str())
            || self.texts.iter().any(|text| text.define(&folded))
            || self.relations.find(Some("temp"), accessor).is_some();
        if is_clients || database.eq_ignore_ascii_case("temp") {
            return false;
        }
        let view = self.relations.find(Some(database), accessor).filter(|known| known.kind == "view");
        if let Some(view) = view.map(|view| view.name.clone()) {
            if self.is_named(&view) {
                self.push(database, &view, Access::Read);
            }
            return true;
        }
        self.triggers.contains(&(fold(database), folded))
    }

    /// Adds the tables and views of files that the statement names and `is_meant` picks; returns their names in lower case.
    fn add_named(&mut self, is_meant: impl Fn(&Known) -> bool) -> HashSet<String> {
        let is_named = |known: &&Known| {
            known.database != "temp" && self.texts[0].contain(&known.name) && is_meant(known)
        };
        let named: Vec<(String, String)> = self
            .relations
            .0
            .iter()
            .filter(is_named)
            .map(|known| (known.database.clone(), known.name.clone()))
            .collect();
        for (database, name) in &named {
            self.push(database, name, Access::Read);
        }
        named.into_iter().map(|(_, name)| fold(&name)).collect()
    }

    /// What a definition will read, or is called from then on.
    fn add_definitions(&mut self, sql: &str, touched: &Touched) {
        if touched.defines_readers {
            self.add_named(|_| true);
        }
        if let Some(module) = touched.module.as_deref().filter(|module| *module == "dbstat") {
            self.push(self.main, module, Access::Read);
        }
        for touch in touched.touches.iter().filter(|touch| touch.access == Access::Define) {
            let database = touch.database.clone().unwrap_or_else(|| self.main.to_owned());
            if self.texts[0].contain("references") {
                self.add_named(|known| known.database.eq_ignore_ascii_case(&database));
            }
            if let (true, Some(name)) = (touched.alters, new_name(sql)) {
                self.push(&database, &name, Access::Define);
            }
        }
    }

    fn add(&mut self, touch: &Touch) {
        let database = match touch.database.as_deref() {
            Some(name) if name.eq_ignore_ascii_case("main") => Some(self.main),
            other => other,
        };
        let known = self.relations.find(database, &touch.name);
        // One that SQLite names without its database, and that there is not, is a common table expression.
        let database = database.or(known.map(|known| known.database.as_str()));
        let Some(database) = database.map(str::to_owned) else { return };
        let is_internal = touch.name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"));
        if (touch.access != Access::Define || is_internal) && !self.is_named(&touch.name) {
            self.add_view(touch, &database);
            return;
        }
        let folded = fold(&touch.name);
        let is_function = HARMLESS_FUNCTIONS.contains(&folded.as_str()) || folded.starts_with("pragma_");
        if (known.is_none() && is_function) || (database == "temp" && !is_internal) {
            return;
        }
        let owner =
            known.filter(|known| known.kind == "shadow").and_then(|known| self.relations.owner(known));
        let owner = owner.map(|owner| owner.name.clone());
        if self.add_view(touch, &database) {
            return;
        }
        if let Some(owner) = owner {
            self.push(&database, &owner, touch.access);
        }
        let name = known_name(&self.relations, &database, &touch.name);
        self.push(&database, &name, touch.access);
    }
}

/// The name behind RENAME TO.
fn new_name(sql: &str) -> Option<String> {
    let mut tokens = Tokens::of(sql).skip_while(|token| token.name().as_deref() != Some("rename"));
    tokens.next()?;
    (tokens.next()?.name().as_deref() == Some("to")).then(|| tokens.next()?.as_name().map(str::to_owned))?
}

fn known_name(relations: &Relations, database: &str, name: &str) -> String {
    relations.find(Some(database), name).map_or_else(|| name.to_owned(), |known| known.name.clone())
}

fn shows_all(what: &str) -> BackendError {
    BackendError::new(
        ErrorKind::Refused,
        format!("{what} is refused: it shows the names of all tables, and the session's profile has lists of names"),
    )
    .with_next_step("list_databases, list_tables and describe_table show what the session may use")
}
