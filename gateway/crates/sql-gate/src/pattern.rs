//! Patterns of names: `DB.SCHEMA.TABLE`, of which each part may have `*`.

use crate::Dialect;
use crate::tokens::{fold, unquote};

/// Bytes of a pattern.
const BYTES_MAX: usize = 1024;

/// The one schema of every SQLite database.
pub(crate) const SQLITE_SCHEMA: &str = "main";

/// What a pattern is about; it says how many parts it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// `DB`
    Database,
    /// `SCHEMA`, `DB.SCHEMA`
    Schema,
    /// `TABLE`, `SCHEMA.TABLE` (SQLite: `DB.TABLE`), `DB.SCHEMA.TABLE`
    Table,
}

/// A pattern; what it does not write of the outer parts may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// As it is written.
    pub(crate) text: String,
    database: Glob,
    /// `None`: it is about databases.
    schema: Option<Glob>,
    /// `None`: it is about schemas.
    table: Option<Glob>,
}

/// What is known of one part of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known<'a> {
    /// All of it.
    Name(&'a str),
    /// It may be any: the name is of what holds it.
    Within,
    /// It is one, but which is not known: the context has none.
    Missing,
}

/// Whether a pattern fits a name; of several parts, the least counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// No.
    No,
    /// That depends on a part that is not known.
    Unclear,
    /// Not the whole, but perhaps something in it.
    Within,
    /// Yes.
    Yes,
}

impl Fit {
    /// Whether it fits something of it, for sure.
    pub(crate) fn is_some_of_it(self) -> bool {
        matches!(self, Self::Within | Self::Yes)
    }
}

/// A name that rules look at, its parts as the dialect compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// Its database.
    pub(crate) database: Known<'a>,
    /// Its schema.
    pub(crate) schema: Known<'a>,
    /// Its own name.
    pub(crate) table: Known<'a>,
}

/// One part of a pattern: the pieces between its `*`, so one piece is the name itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob(Vec<String>);

/// A name as `dialect` compares it.
pub(crate) fn compared(name: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Snowflake => name.to_owned(),
        Dialect::Sqlite => name.to_ascii_lowercase(),
    }
}

impl Pattern {
    /// Reads a pattern about objects of `level`.
    ///
    /// # Errors
    /// What is wrong with it, and how it would be right.
    pub(crate) fn read(text: &str, level: Level, dialect: Dialect) -> Result<Self, String> {
        let right = level.form(dialect);
        if text.len() > BYTES_MAX {
            return Err(format!("it has more than {BYTES_MAX} bytes"));
        }
        if let Some(char) = text.chars().find(|char| char.is_control()) {
            return Err(format!("it has a control character (U+{:04X}): write {right}", u32::from(char)));
        }
        let mut parts = Self::parts(text, dialect).map_err(|what| format!("{what}: write {right}"))?;
        if parts.len() > level.parts_max() {
            return Err(format!(
                "it has {} parts, {} at most: write {right}",
                parts.len(),
                level.parts_max()
            ));
        }
        if dialect == Dialect::Sqlite {
            if level == Level::Table && parts.len() == 2 {
                if parts[0].is(SQLITE_SCHEMA) {
                    return Err(format!("`{SQLITE_SCHEMA}` is the schema of every database: write {right}"));
                }
                parts.insert(1, Glob::any());
            }
            let schema = match level {
                Level::Schema => parts.last(),
                Level::Table if parts.len() == 3 => parts.get(1),
                _ => None,
            };
            if schema.is_some_and(|schema| !schema.fits(SQLITE_SCHEMA)) {
                return Err(format!(
                    "a SQLite database has one schema, `{SQLITE_SCHEMA}`, which it does not fit: write {right}"
                ));
            }
        }
        let mut inner = parts.into_iter().rev();
        let mut next = || inner.next().unwrap_or_else(Glob::any);
        let table = (level == Level::Table).then(&mut next);
        let schema = (level != Level::Database).then(&mut next);
        Ok(Self { text: text.trim().to_owned(), database: next(), schema, table })
    }

    fn parts(text: &str, dialect: Dialect) -> Result<Vec<Glob>, String> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let (part, behind) = Glob::read(rest, dialect)?;
            parts.push(part);
            let behind = behind.trim_start();
            match behind.strip_prefix('.') {
                Some(next) => rest = next.trim_start(),
                None if behind.is_empty() => return Ok(parts),
                None => {
                    return Err(
                        "something stands behind a quoted part that is neither a dot nor the end".to_owned()
                    );
                }
            }
        }
    }

    /// Whether it fits `place`.
    pub(crate) fn fit(&self, place: Place<'_>) -> Fit {
        let inner = |glob: &Option<Glob>, known| glob.as_ref().map_or(Fit::Yes, |glob| glob.fit(known));
        self.database
            .fit(place.database)
            .min(inner(&self.schema, place.schema))
            .min(inner(&self.table, place.table))
    }

    /// Whether it names this schema by its whole name.
    pub(crate) fn names_schema(&self, name: &str) -> bool {
        self.schema.as_ref().is_some_and(|schema| schema.is(name))
    }

    /// Whether it names this database by its whole name.
    pub(crate) fn names_database(&self, name: &str) -> bool {
        self.database.is(name)
    }
}

impl Level {
    fn parts_max(self) -> usize {
        match self {
            Self::Database => 1,
            Self::Schema => 2,
            Self::Table => 3,
        }
    }

    /// A right form of it, for people.
    fn form(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Database, Dialect::Snowflake) => {
                "`DB` or `DEV_*`, a name of other characters as `\"my-db\"`"
            }
            (Self::Schema, Dialect::Snowflake) => {
                "`DB.SCHEMA`, `DB.*`, or `SCHEMA` for that of any database, a name of other characters as `\"my-schema\"`"
            }
            (Self::Table, Dialect::Snowflake) => {
                "`DB.SCHEMA.TABLE`, `DB.SCHEMA.*`, `SCHEMA.TABLE` or `TABLE`, a name of other characters as \
                 `DB.SCHEMA.\"my-table\"`"
            }
            (Self::Database, Dialect::Sqlite) => "`DB` or `shop_*`, a name with a dot as `\"a.b\"`",
            (Self::Schema, Dialect::Sqlite) => "`DB.main`; for whole databases use the list of databases",
            (Self::Table, Dialect::Sqlite) => {
                "`DB.TABLE`, `DB.main.TABLE`, `DB.*`, or `TABLE` for that of any database, a name with a dot as \
                 `DB.\"a.b\"`"
            }
        }
    }
}

impl Glob {
    fn any() -> Self {
        Self(vec![String::new(), String::new()])
    }

    /// Reads the first part of `text`; returns what is behind it, too.
    fn read(text: &str, dialect: Dialect) -> Result<(Self, &str), String> {
        if let Some(quoted) = text.strip_prefix('"') {
            let mut from = 0;
            let end = loop {
                let at = from + quoted[from..].find('"').ok_or("a quote `\"` has no end")?;
                if !quoted[at + 1..].starts_with('"') {
                    break at;
                }
                from = at + 2;
            };
            let name = unquote(&quoted[..end]);
            if name.is_empty() {
                return Err("a part is empty".to_owned());
            }
            return Ok((Self(vec![compared(&name, dialect)]), &quoted[end + 1..]));
        }
        let (part, behind) = text.split_at(text.find('.').unwrap_or(text.len()));
        let part = part.trim_end();
        if part.is_empty() {
            return Err("a part is empty".to_owned());
        }
        if part.contains('"') {
            return Err("a quote `\"` stands inside a part".to_owned());
        }
        if dialect == Dialect::Snowflake {
            // Such a pattern would fit nothing, and nobody would notice.
            let is_plain = |char: char| char.is_alphanumeric() || matches!(char, '_' | '$' | '*');
            if let Some(char) = part.chars().find(|char| !is_plain(*char)) {
                return Err(format!("`{char}` is in no name that has no quotes"));
            }
            if part.starts_with(|char: char| char.is_ascii_digit()) {
                return Err("a name without quotes does not begin with a digit".to_owned());
            }
        }
        let stored = match dialect {
            Dialect::Snowflake => fold(part),
            Dialect::Sqlite => compared(part, dialect),
        };
        let mut pieces: Vec<String> = stored.split('*').map(str::to_owned).collect();
        let last = pieces.len() - 1;
        let mut at = 0;
        pieces.retain(|piece| {
            at += 1;
            !piece.is_empty() || at == 1 || at == last + 1
        });
        Ok((Self(pieces), behind))
    }

    /// Whether it is this name, without a `*`.
    fn is(&self, name: &str) -> bool {
        matches!(&self.0[..], [only] if only == name)
    }

    fn is_any(&self) -> bool {
        matches!(&self.0[..], [first, last] if first.is_empty() && last.is_empty())
    }

    fn fit(&self, known: Known<'_>) -> Fit {
        let is = |fits| if fits { Fit::Yes } else { Fit::No };
        match known {
            Known::Name(name) => is(self.fits(name)),
            _ if self.is_any() => Fit::Yes,
            Known::Within => Fit::Within,
            Known::Missing => Fit::Unclear,
        }
    }

    /// Takes each piece at its first place, which leaves the most for those behind it.
    fn fits(&self, name: &str) -> bool {
        let [first, middle @ .., last] = &self.0[..] else {
            return self.is(name);
        };
        let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snowflake(text: &str) -> Pattern {
        Pattern::read(text, Level::Table, Dialect::Snowflake).unwrap()
    }

    fn place(database: &'static str, schema: &'static str, table: &'static str) -> Place<'static> {
        Place { database: Known::Name(database), schema: Known::Name(schema), table: Known::Name(table) }
    }

    #[test]
    fn names_are_folded_unless_they_are_quoted_and_outer_parts_may_be_left_out() {
        for (pattern, database, schema, table) in [
            ("a.b.c", "A", "B", "C"),
            ("c", "X", "Y", "C"),
            ("b.c", "X", "B", "C"),
            (" a . b . \"c\" ", "A", "B", "c"),
            ("a.b.\"x.y\"\"z\"", "A", "B", "x.y\"z"),
            ("a.b.\"x*\"", "A", "B", "x*"),
            ("*.*.*", "A", "B", "C"),
            ("a*z.b.c", "A_Z", "B", "C"),
            ("a**z.b.c", "AZ", "B", "C"),
            ("*a*b*.b.c", "XAYBZ", "B", "C"),
            ("ä.b.c", "Ä", "B", "C"),
            ("a$1.b.c", "A$1", "B", "C"),
        ] {
            assert_eq!(snowflake(pattern).fit(place(database, schema, table)), Fit::Yes, "{pattern}");
        }
        for (pattern, database, schema, table) in [
            ("a.b.c", "a", "B", "C"),
            ("a.b.\"C\"", "A", "B", "c"),
            ("a.b.\"x*\"", "A", "B", "xy"),
            ("a*a.b.c", "A", "B", "C"),
            ("*ab*ba*.b.c", "ABA", "B", "C"),
            ("a.b*.c", "A", "XB", "C"),
            ("a.*c", "A", "B", "C"),
        ] {
            assert_eq!(snowflake(pattern).fit(place(database, schema, table)), Fit::No, "{pattern}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_name_is_no_match_and_no_mismatch() {
        let within = Place { table: Known::Within, ..place("A", "B", "") };
        let missing = Place { database: Known::Missing, ..place("", "B", "C") };
        for (pattern, is_within, is_missing) in [
            ("a.b.c", Fit::Within, Fit::Unclear),
            ("a.b.*", Fit::Yes, Fit::Unclear),
            ("b.c", Fit::Within, Fit::Yes),
            ("x.b.c", Fit::No, Fit::Unclear),
            ("a.x.*", Fit::No, Fit::No),
            ("*.b.c", Fit::Within, Fit::Yes),
        ] {
            let read = snowflake(pattern);
            assert_eq!((read.fit(within), read.fit(missing)), (is_within, is_missing), "{pattern}");
        }
    }

    #[test]
    fn a_wrong_pattern_is_told_with_a_right_one() {
        let long = "x".repeat(BYTES_MAX + 1);
        for (pattern, level, dialect, what) in [
            ("", Level::Table, Dialect::Snowflake, "a part is empty: write `DB.SCHEMA.TABLE`"),
            (" ", Level::Database, Dialect::Snowflake, "a part is empty: write `DB`"),
            ("a..b", Level::Table, Dialect::Snowflake, "a part is empty"),
            ("a.", Level::Table, Dialect::Sqlite, "a part is empty"),
            ("a.\"\"", Level::Table, Dialect::Sqlite, "a part is empty"),
            (
                "a.b.c.d",
                Level::Table,
                Dialect::Snowflake,
                "it has 4 parts, 3 at most: write `DB.SCHEMA.TABLE`",
            ),
            ("a.b.c", Level::Schema, Dialect::Snowflake, "it has 3 parts, 2 at most: write `DB.SCHEMA`"),
            ("a.b", Level::Database, Dialect::Snowflake, "it has 2 parts, 1 at most: write `DB`"),
            ("a.\"b", Level::Table, Dialect::Snowflake, "a quote `\"` has no end"),
            ("a.\"b\"\"", Level::Table, Dialect::Snowflake, "a quote `\"` has no end"),
            ("a.b\"c\"", Level::Table, Dialect::Snowflake, "a quote `\"` stands inside a part"),
            ("\"a\"b", Level::Table, Dialect::Snowflake, "something stands behind a quoted part"),
            ("\"a\"*", Level::Table, Dialect::Snowflake, "something stands behind a quoted part"),
            ("a\n.b", Level::Table, Dialect::Snowflake, "it has a control character (U+000A)"),
            ("my-db", Level::Database, Dialect::Snowflake, "`-` is in no name that has no quotes"),
            ("my table", Level::Table, Dialect::Snowflake, "` ` is in no name that has no quotes"),
            ("1st", Level::Table, Dialect::Snowflake, "does not begin with a digit"),
            (&long, Level::Table, Dialect::Snowflake, "more than 1024 bytes"),
            ("main.t", Level::Table, Dialect::Sqlite, "`main` is the schema of every database"),
            ("a.public.t", Level::Table, Dialect::Sqlite, "has one schema, `main`"),
            ("shop", Level::Schema, Dialect::Sqlite, "has one schema, `main`"),
        ] {
            let error = Pattern::read(pattern, level, dialect).unwrap_err();
            assert!(error.contains(what), "{pattern}: {error}");
        }
    }

    #[test]
    fn sqlite_names_are_compared_without_case_and_have_the_schema_main() {
        for (pattern, level) in [
            ("SHOP.Orders", Level::Table),
            ("shop.main.\"ORDERS\"", Level::Table),
            ("orders", Level::Table),
            ("*.MAIN.orders", Level::Table),
            ("shop.m*", Level::Schema),
            ("\"Shop\"", Level::Database),
            ("s*", Level::Database),
        ] {
            let read = Pattern::read(pattern, level, Dialect::Sqlite).unwrap();
            assert_eq!(read.fit(place("shop", "main", "orders")), Fit::Yes, "{pattern}");
        }
        let odd = Pattern::read("my shop-2.t", Level::Table, Dialect::Sqlite).unwrap();
        assert_eq!(odd.fit(place("my shop-2", "main", "t")), Fit::Yes);
    }
}
