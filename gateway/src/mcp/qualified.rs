//! A qualified name where a tool takes the name of a table or view alone: `shop.orders`, `db.main."a.b"`.
//!
//! A dot may be part of a name, so the name is tried as it is first; only where there is no such table is it
//! taken apart.

use super::call::Call;
use crate::backend::{BackendError, Catalog, Completion, ErrorKind, Relation};

/// Parts of a qualified name, at most: database, schema, relation.
const PARTS_MAX: usize = 3;

impl Call {
    /// Asks `question` about `relation`, or about what a qualified name in its place means; and about which it
    /// was.
    pub(super) async fn ask_about(
        &self,
        relation: Relation,
        rows_max: u64,
        question: impl Fn(Relation) -> Catalog,
    ) -> Result<(Relation, Completion), BackendError> {
        let error = match self.catalog(question(relation.clone()), rows_max).await {
            Ok(done) => return Ok((relation, done)),
            Err(error) if error.kind == ErrorKind::Statement => error,
            Err(error) => return Err(error),
        };
        let keeps_quotes = self.shared.pool(&self.profile).await?.backend().reads_quoted_names();
        let Some(readings) = readings(&relation, keeps_quotes) else { return Err(error) };
        for reading in &readings {
            match self.catalog(question(reading.clone()), rows_max).await {
                Ok(done) => return Ok((reading.clone(), done)),
                // There is none, or its database or schema is none.
                Err(error) if matches!(error.kind, ErrorKind::Statement | ErrorKind::NoContext) => {}
                Err(error) => return Err(error),
            }
        }
        Err(error.with_next_step(explained(&relation, &readings)))
    }
}

/// What `relation` means if its name is a qualified one, the likeliest first; `None`: it is none. Empty: its parts
/// contradict the other arguments.
fn readings(relation: &Relation, keeps_quotes: bool) -> Option<Vec<Relation>> {
    let parts = parts(&relation.name)?;
    let is_quoted = |part: &Part<'_>| part.unquoted.is_some();
    let mut names = parts.iter().map(|part| part.name(keeps_quotes));
    let given =
        |database: Option<String>, schema: Option<String>, name: String| Relation { database, schema, name };
    Some(match (names.next()?, names.next(), names.next()) {
        (name, None, None) if is_quoted(&parts[0]) && !keeps_quotes => {
            vec![given(relation.database.clone(), relation.schema.clone(), name)]
        }
        (_, None, _) => return None,
        (place, Some(name), None) => [
            agreed(&relation.schema, &place)
                .map(|schema| given(relation.database.clone(), schema, name.clone())),
            agreed(&relation.database, &place).map(|database| given(database, relation.schema.clone(), name)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        (database, Some(schema), Some(name)) => {
            let places = agreed(&relation.database, &database).zip(agreed(&relation.schema, &schema));
            places.map(|(database, schema)| given(database, schema, name)).into_iter().collect()
        }
    })
}

/// The place `named`, unless an argument says another.
fn agreed(argument: &Option<String>, named: &str) -> Option<Option<String>> {
    let is_other = argument.as_deref().is_some_and(|argument| !argument.eq_ignore_ascii_case(named));
    (!is_other).then(|| Some(named.to_owned()))
}

/// What to do about a name that was taken apart in vain.
fn explained(relation: &Relation, readings: &[Relation]) -> String {
    let name = &relation.name;
    let place = |relation: &Relation| {
        let within = [("schema", &relation.schema), ("database", &relation.database)];
        let within =
            within.into_iter().filter_map(|(what, name)| Some(format!(" in {what} {}", name.as_ref()?)));
        format!("{}{}", relation.name, within.collect::<String>())
    };
    let read = readings.iter().map(place).collect::<Vec<_>>().join(", and as ");
    let read = if read.is_empty() {
        format!("{name} contradicts the other arguments")
    } else {
        format!("{name} was also read as {read}: there is none")
    };
    format!(
        "{read}. Pass the name alone, and its place as `database` and `schema`; list_tables shows what exists"
    )
}

/// One part of a name.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    written: &'a str,
    /// Without its quotes, if it has any.
    unquoted: Option<String>,
}

impl Part<'_> {
    fn name(&self, keeps_quotes: bool) -> String {
        match &self.unquoted {
            Some(name) if !keeps_quotes => name.clone(),
            // Brackets and backticks are quotes to nobody who keeps them.
            Some(name) if !self.written.starts_with('"') => format!("\"{}\"", name.replace('"', "\"\"")),
            _ => self.written.to_owned(),
        }
    }
}

/// The one to three parts of `name`, as SQL writes them; `None`: it is no such name.
fn parts(name: &str) -> Option<Vec<Part<'_>>> {
    let (mut parts, mut rest) = (Vec::new(), name.trim());
    loop {
        let (part, after) = part(rest)?;
        parts.push(part);
        let after = after.trim_start();
        match after.strip_prefix('.') {
            Some(next) if parts.len() < PARTS_MAX => rest = next.trim_start(),
            _ => return after.is_empty().then_some(parts),
        }
    }
}

fn part(text: &str) -> Option<(Part<'_>, &str)> {
    let close = match text.chars().next()? {
        '"' => '"',
        '`' => '`',
        '[' => ']',
        _ => {
            let (written, after) = text.split_at(text.find('.').unwrap_or(text.len()));
            let written = written.trim_end();
            let is_plain = !written.is_empty() && !written.contains(['"', '`', '[', ']']);
            return is_plain.then_some((Part { written, unquoted: None }, after));
        }
    };
    let mut unquoted = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        if char != close {
            unquoted.push(char);
        } else if close != ']' && chars.peek().is_some_and(|(_, next)| *next == close) {
            unquoted.push(char);
            chars.next();
        } else {
            let (written, after) = text.split_at(at + char.len_utf8());
            return (!unquoted.is_empty()).then_some((Part { written, unquoted: Some(unquoted) }, after));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(database: Option<&str>, schema: Option<&str>, name: &str) -> Relation {
        Relation {
            database: database.map(str::to_owned),
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    fn read(relation: &Relation, keeps_quotes: bool) -> Option<Vec<String>> {
        let text = |relation: &Relation| {
            let or_none = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
            format!("{}/{}/{}", or_none(&relation.database), or_none(&relation.schema), relation.name)
        };
        readings(relation, keeps_quotes).map(|readings| readings.iter().map(text).collect())
    }

    #[test]
    fn a_qualified_name_is_read_as_each_thing_that_it_can_mean() {
        for (name, expected) in [
            ("shop.orders", vec!["-/shop/orders", "shop/-/orders"]),
            (" shop . orders ", vec!["-/shop/orders", "shop/-/orders"]),
            ("db.shop.orders", vec!["db/shop/orders"]),
            ("\"my db\".main.\"a.b\"", vec!["my db/main/a.b"]),
            ("[my db].`a``b`", vec!["-/my db/a`b", "my db/-/a`b"]),
            ("\"say \"\"x\"\"\"", vec!["-/-/say \"x\""]),
        ] {
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(read(&relation(None, None, name), false), Some(expected), "{name}");
        }
        let quoted = read(&relation(None, None, "Db.[s t].\"Orders\""), true);
        assert_eq!(quoted.unwrap(), ["Db/\"s t\"/\"Orders\""], "who reads quotes keeps them");
    }

    #[test]
    fn other_arguments_count() {
        let both = read(&relation(Some("db"), None, "shop.orders"), false).unwrap();
        assert_eq!(both, ["db/shop/orders"]);
        assert_eq!(read(&relation(Some("SHOP"), None, "shop.orders"), false).unwrap()[1], "shop/-/orders");
        assert_eq!(read(&relation(None, Some("main"), "shop.orders"), false).unwrap(), ["shop/main/orders"]);
        assert_eq!(read(&relation(Some("db"), Some("s"), "other.s.orders"), false).unwrap(), [""; 0]);
        assert_eq!(read(&relation(Some("DB"), Some("s"), "db.s.orders"), false).unwrap(), ["db/s/orders"]);
    }

    #[test]
    fn what_is_no_qualified_name_is_left_alone() {
        for name in
            ["orders", "", ".", "a.", ".a", "a..b", "a.b.c.d", "\"a", "\"a\"b", "\"\"", "a\"b.c", "\"\".a"]
        {
            assert_eq!(read(&relation(None, None, name), false), None, "{name}");
        }
        assert_eq!(read(&relation(None, None, "\"Orders\""), true), None, "it was read so already");
    }

    #[test]
    fn what_was_tried_is_said() {
        let asked = relation(None, None, "shop.orders");
        let text = explained(&asked, &readings(&asked, false).unwrap());
        assert!(
            text.contains("orders in schema shop, and as orders in database shop: there is none"),
            "{text}"
        );
        let asked = relation(Some("x"), Some("y"), "shop.orders");
        assert!(explained(&asked, &readings(&asked, false).unwrap()).contains("contradicts"));
    }
}
