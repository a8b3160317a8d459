//! Settings into the text of a config file, which keeps what people wrote in it. Pure.

use std::collections::BTreeSet;

use toml_edit::{Array, DocumentMut, Item, Key, Table, TableLike, TomlError, value};

use super::answers::{Setting, Value};

/// The file with the settings in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edited {
    /// Its text.
    pub(super) text: String,
    /// What becomes of each setting that is not there yet, or has another value.
    pub(super) changes: Vec<Change>,
}

/// One setting that changes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Change {
    /// `snowflake.account`
    pub(super) key: String,
    /// Its value before, as the file has it.
    pub(super) from: Option<String>,
    /// Its value.
    pub(super) to: String,
}

/// Puts `settings` into `before`.
///
/// # Errors
/// `before` is no TOML.
pub(super) fn edit(before: &str, settings: &[Setting]) -> Result<Edited, TomlError> {
    let (mark, text) = match before.strip_prefix('\u{feff}') {
        Some(text) => ("\u{feff}", text),
        None => ("", before),
    };
    let has_crlf = text.contains("\r\n");
    let mut document: DocumentMut = text.replace("\r\n", "\n").parse()?;
    let mut changes = Vec::new();
    for setting in settings {
        let Some(table) = table_at(document.as_table_mut(), &setting.tables) else { continue };
        let new = item(&setting.value);
        let old = table.get(&setting.key);
        if old.is_some_and(|old| has(old, &setting.value)) {
            continue;
        }
        let to = if setting.value == Value::Table { "{}".to_owned() } else { shown(&new) };
        changes.push(Change { key: dotted(setting), from: old.map(shown), to });
        put(table, &setting.key, new);
    }
    let text = document.to_string();
    let text = if has_crlf { text.replace('\n', "\r\n") } else { text };
    Ok(Edited { text: format!("{mark}{text}"), changes })
}

/// The whole key of a setting, as a TOML file has it: parts with other characters than letters, digits, `-` and `_` in quotes.
fn dotted(setting: &Setting) -> String {
    let parts = setting.tables.iter().chain([&setting.key]);
    parts.map(|part| Key::new(part).display_repr().into_owned()).collect::<Vec<_>>().join(".")
}

/// Whether `item` says `value`, in whatever form it is written.
fn has(item: &Item, value: &Value) -> bool {
    match value {
        Value::Text(text) => item.as_str() == Some(text),
        Value::Boolean(truth) => item.as_bool() == Some(*truth),
        // Their order says nothing.
        Value::Texts(texts) => item.as_array().is_some_and(|list| {
            let found: Option<BTreeSet<_>> = list.iter().map(toml_edit::Value::as_str).collect();
            found == Some(texts.iter().copied().collect())
        }),
        Value::Table => item.is_table_like(),
    }
}

/// The table at a path, made where it is not there. `None`: something else is there, which the check of the config says.
fn table_at<'a>(root: &'a mut Table, path: &[String]) -> Option<&'a mut dyn TableLike> {
    let mut table: &mut dyn TableLike = root;
    for (depth, name) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len();
        let entry = table.entry(name).or_insert_with(|| {
            let mut made = Table::new();
            made.set_implicit(!is_last);
            if is_last {
                made.decor_mut().set_prefix("\n");
            }
            Item::Table(made)
        });
        table = entry.as_table_like_mut()?;
    }
    Some(table)
}

/// Sets a key; the comment beside its old value stays.
fn put(table: &mut dyn TableLike, key: &str, mut new: Item) {
    if let Some(old) = table.get_mut(key) {
        if let (Some(old), Some(new)) = (old.as_value(), new.as_value_mut()) {
            *new.decor_mut() = old.decor().clone();
        }
        *old = new;
    } else {
        table.insert(key, new);
    }
}

fn item(setting: &Value) -> Item {
    match setting {
        Value::Text(text) => value(text.as_str()),
        Value::Boolean(truth) => value(*truth),
        Value::Texts(texts) => value(texts.iter().copied().collect::<Array>()),
        Value::Table => {
            let mut table = Table::new();
            table.decor_mut().set_prefix("\n");
            Item::Table(table)
        }
    }
}

/// A value as the file has it, without what is around it.
fn shown(item: &Item) -> String {
    match item.as_value() {
        Some(found) => found.clone().decorated("", "").to_string(),
        None => item.to_string().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::of_test;
    use super::*;

    #[test]
    fn a_new_file_has_the_settings_alone() {
        let edited = edit("", &of_test().settings()).unwrap();
        assert_eq!(
            edited.text.trim_start(),
            "[backend]\nkind = \"snowflake\"\n\n[snowflake]\naccount = \"org-acct\"\nuser = \"ADA\"\n\
             authenticator = \"externalbrowser\"\nwarehouse = \"WH\"\nread_only = true\n\n[profiles.default]\ndatabase = \"SALES\"\n\
             statements = [\"read\", \"context\"]\n"
        );
        assert!(edited.changes.iter().all(|change| change.from.is_none()));
        let again = edit(&edited.text, &of_test().settings()).unwrap();
        assert_eq!((again.text, again.changes), (edited.text, Vec::new()));
    }

    const FILE: &str = "# Ours.\n[snowflake]   # the account\naccount = \"other\"  # do not change\nrole = 'R'\n\n[pool]\nconnections_max = 4\n\n# End.\n";

    #[test]
    fn what_people_wrote_stays() {
        let edited = edit(FILE, &of_test().settings()).unwrap();
        for kept in [
            "# Ours.\n[snowflake]   # the account\n",
            "role = 'R'\n",
            "[pool]\nconnections_max = 4\n",
            "# End.\n",
        ] {
            assert!(edited.text.contains(kept), "{kept:?}\n{}", edited.text);
        }
        assert!(edited.text.contains("account = \"org-acct\"  # do not change\n"), "{}", edited.text);
        let changed: Vec<_> = edited.changes.iter().filter_map(|change| change.from.clone()).collect();
        assert_eq!(changed, ["\"other\""]);
    }

    #[test]
    fn equal_values_are_no_change_in_whatever_form_they_are_written() {
        let same = "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = \"\"\"org-acct\"\"\"\nuser = \"\\u0041DA\"\n\
                    authenticator = 'externalbrowser'\nwarehouse = 'WH'\nread_only = true # yes\n\
                    [profiles]\ndefault = { database = 'SALES', statements = [ 'context', \"read\", ] }\n";
        let edited = edit(same, &of_test().settings()).unwrap();
        assert_eq!((edited.text.as_str(), edited.changes), (same, Vec::new()));
        let other = same.replace("'context', ", "");
        assert_eq!(edit(&other, &of_test().settings()).unwrap().changes.len(), 1);
        let other = same.replace("'WH'", "'wh'");
        assert_eq!(edit(&other, &of_test().settings()).unwrap().changes.len(), 1);
    }

    #[test]
    fn line_ends_and_marks_stay_as_they_are() {
        let windows = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));
        let edited = edit(&windows, &of_test().settings()).unwrap().text;
        assert!(edited.starts_with("\u{feff}# Ours.\r\n"));
        assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count());
    }

    #[test]
    fn tables_in_other_forms_are_found() {
        for file in [
            "snowflake = { account = \"x\" }\n",
            "snowflake.account = \"x\"\n",
            "[snowflake]\n\"account\" = \"x\"\n",
        ] {
            let edited = edit(file, &of_test().settings()).unwrap();
            let table: toml::Table =
                edited.text.parse().unwrap_or_else(|error| panic!("{file}: {error}\n{}", edited.text));
            assert_eq!(table["snowflake"]["account"].as_str(), Some("org-acct"), "{}", edited.text);
            assert_eq!(table["profiles"]["default"]["database"].as_str(), Some("SALES"));
        }
        assert!(edit("[snowflake\n", &of_test().settings()).is_err());
        // Nothing to be put there; the check of the config says what is wrong.
        assert!(edit("snowflake = 1\n", &of_test().settings()).is_ok());
    }

    #[test]
    fn odd_names_stay_values() {
        let odd = "a\"\n[gateway]\n";
        let answers = super::super::answers::Answers {
            user: Some(odd.to_owned()),
            profile: "my.profile".to_owned(),
            ..of_test()
        };
        let table: toml::Table = edit("", &answers.settings()).unwrap().text.parse().unwrap();
        assert_eq!(table["snowflake"]["user"].as_str(), Some(odd));
        assert!(table["profiles"]["my.profile"].is_table() && !table.contains_key("gateway"));
        let changes = edit("", &answers.settings()).unwrap().changes;
        assert_eq!(changes.last().unwrap().key, "profiles.\"my.profile\".statements");
        let listed = format!("[{}]\n", changes.last().unwrap().key.rsplit_once('.').unwrap().0);
        assert!(listed.parse::<toml::Table>().unwrap()["profiles"]["my.profile"].is_table());
        for name in ["two words", "a\"b", "'", "ä", "x-1_y"] {
            let answers = super::super::answers::Answers {
                profile: name.to_owned(),
                may_write: true,
                database: None,
                ..of_test()
            };
            let made = edit("", &answers.settings()).unwrap();
            let table: toml::Table = made.text.parse().unwrap();
            assert!(table["profiles"][name].is_table(), "{}", made.text);
            let again = edit(&made.text, &answers.settings()).unwrap();
            assert_eq!((again.text, again.changes), (made.text, Vec::new()));
        }
    }
}
