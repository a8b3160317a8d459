//! The tables of attempts and innocent statements in `data/`, which people add to: their heads say how.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use sql_gate::{Class, ClassSet, Dialect, NameContext, NameRules, Policy, Verdict, read};
use toml::{Table, Value};

/// One text of a table, with what holds for its group.
#[derive(Debug)]
struct Case {
    sql: String,
    about: String,
    policies: Vec<String>,
    context: String,
    refused_as: Vec<String>,
}

/// A file of `data/`.
#[derive(Debug)]
struct Cases {
    policies: BTreeMap<String, Policy>,
    cases: Vec<Case>,
}

/// `defaults`: the policies of groups that name none.
fn load(text: &str, dialect: Dialect, defaults: &[&str]) -> Cases {
    let defaults: Vec<String> = defaults.iter().map(|&name| name.to_owned()).collect();
    let mut file: Table = toml::from_str(text).expect("a table that can be read");
    let mut policies = BTreeMap::new();
    for (name, settings) in file.remove("policies").expect("policies").as_table().expect("a table") {
        policies.insert(name.clone(), policy(settings.as_table().expect("settings"), dialect));
    }
    let groups = file.remove("group").expect("groups");
    let is_seen = |group: &&Value| group.get("seen_by").is_none();
    let cases: Vec<Case> = groups
        .as_array()
        .expect("groups")
        .iter()
        .filter(is_seen)
        .flat_map(|group| cases_of(group, &defaults))
        .collect();
    assert!(file.is_empty(), "unknown keys: {file:?}");
    let mut seen = HashSet::new();
    for case in &cases {
        assert!(seen.insert((&case.sql, &case.context, &case.policies)), "twice: {:?}", shortened(&case.sql));
    }
    Cases { policies, cases }
}

fn policy(settings: &Table, dialect: Dialect) -> Policy {
    let mut classes = ClassSet::all();
    let mut lists: Vec<(&'static str, Vec<String>)> = Vec::new();
    for (setting, values) in settings {
        let values = texts(values);
        if setting == "statements" {
            classes = values.iter().map(|name| name.parse::<Class>().expect("a class")).collect();
        } else {
            lists.push((String::leak(setting.clone()), values));
        }
    }
    let lists: Vec<(&'static str, &[String])> = lists.iter().map(|(name, list)| (*name, &list[..])).collect();
    Policy { classes, rules: NameRules::new(&lists, dialect).expect("patterns") }
}

fn cases_of(group: &Value, defaults: &[String]) -> Vec<Case> {
    let group = group.as_table().expect("a group");
    for key in group.keys() {
        let known = ["about", "policy", "context", "refused_as", "seen_by", "cases"];
        assert!(known.contains(&key.as_str()), "unknown key {key} in {group:?}");
    }
    let policies = group.get("policy").map_or_else(|| defaults.to_vec(), texts);
    let context = group.get("context").map_or("A.S", |context| context.as_str().expect("a context"));
    let about = group["about"].as_str().expect("what the group is about");
    let refused_as = group.get("refused_as").map(texts);
    let cases = group["cases"].as_array().expect("cases").iter();
    cases
        .map(|case| Case {
            sql: sql_of(case),
            about: about.to_owned(),
            policies: policies.clone(),
            context: context.to_owned(),
            refused_as: case.get("refused_as").map(texts).or_else(|| refused_as.clone()).unwrap_or_default(),
        })
        .collect()
}

fn sql_of(case: &Value) -> String {
    let text = |key: &str| case.get(key).map_or("", |text| text.as_str().expect("a text"));
    match (case.as_str(), case.get("times")) {
        (Some(sql), _) => sql.to_owned(),
        (None, Some(times)) => {
            let times = usize::try_from(times.as_integer().expect("a number")).expect("a number");
            [text("begin"), &text("repeat").repeat(times), text("end")].concat()
        }
        (None, None) => text("sql").to_owned(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        other => other
            .as_array()
            .expect("texts")
            .iter()
            .map(|text| text.as_str().expect("a text").to_owned())
            .collect(),
    }
}

fn context(name: &str) -> NameContext {
    let mut parts = name.split('.').filter(|part| !part.is_empty()).map(str::to_owned);
    NameContext { database: parts.next(), schema: parts.next() }
}

/// Whether a verdict is for the reason that a table says.
fn is_for(verdict: &Verdict, reason: &str) -> bool {
    match verdict {
        Verdict::Always(_) => reason == "always",
        Verdict::Class(class) => class.name() == reason,
        Verdict::NotUnderstood(_) => matches!(reason, "not understood" | "lists"),
        Verdict::Object(denial) => {
            reason == "lists" || denial.setting == reason || denial.object.contains(reason)
        }
    }
}

fn shortened(sql: &str) -> String {
    match sql.char_indices().nth(160) {
        Some((at, _)) => format!("{} ... ({} bytes)", &sql[..at], sql.len()),
        None => sql.to_owned(),
    }
}

/// Decides on each case, and returns what is wrong with the verdicts.
fn wrong(
    cases: &Cases,
    dialect: Dialect,
    is_right: impl Fn(&Case, Result<(), &Verdict>) -> bool,
) -> (usize, String) {
    let (mut count, mut wrong) = (0, String::new());
    for case in &cases.cases {
        let statement = read(&case.sql, dialect);
        for name in &case.policies {
            let verdict = cases.policies[name].decide(&statement, &context(&case.context));
            if is_right(
                case,
                match &verdict {
                    Ok(()) => Ok(()),
                    Err(verdict) => Err(verdict),
                },
            ) {
                continue;
            }
            count += 1;
            let got = verdict
                .map_or_else(|verdict| verdict.to_string(), |()| format!("it passes as {}", statement.class));
            let part = statement.not_understood.as_deref().map(|part| format!(" [not understood: {part}]"));
            let _ = writeln!(
                wrong,
                "[{}] {name}: {:?}\n    expected: {:?}\n    got: {got}{}",
                case.about,
                shortened(&case.sql),
                case.refused_as,
                part.unwrap_or_default()
            );
        }
    }
    (count, wrong)
}

#[test]
fn attempts_are_refused_for_their_reason() {
    let cases = load(include_str!("data/attempts.toml"), Dialect::Snowflake, &["read-only"]);
    assert!(cases.cases.len() >= 250, "{} attempts", cases.cases.len());
    let (count, wrong) = wrong(&cases, Dialect::Snowflake, |case, verdict| {
        verdict.is_err_and(|verdict| case.refused_as.iter().any(|reason| is_for(verdict, reason)))
    });
    assert_eq!(count, 0, "of {} attempts:\n{wrong}", cases.cases.len());
}

#[test]
fn innocent_statements_pass() {
    let cases =
        load(include_str!("data/innocents.toml"), Dialect::Snowflake, &["read-only", "databases", "denied"]);
    assert!(cases.cases.len() >= 400, "{} innocent statements", cases.cases.len());
    let (count, wrong) = wrong(&cases, Dialect::Snowflake, |_, verdict| verdict.is_ok());
    assert_eq!(count, 0, "of {} innocent statements:\n{wrong}", cases.cases.len());
}

/// The rest of these tables is seen by SQLite's authorizer alone: the suite of the whole gateway runs them.
#[test]
fn sqlite_statements_have_their_classes() {
    let cases = load(include_str!("data/sqlite-attempts.toml"), Dialect::Sqlite, &["read-only"]);
    let (count, attempts) = wrong(&cases, Dialect::Sqlite, |case, verdict| {
        verdict.is_err_and(|verdict| case.refused_as.iter().any(|reason| is_for(verdict, reason)))
    });
    assert_eq!(count, 0, "attempts:\n{attempts}");
    let cases =
        load(include_str!("data/sqlite-innocents.toml"), Dialect::Sqlite, &["read-only", "some-tables"]);
    assert!(cases.cases.len() >= 120, "{} innocent statements", cases.cases.len());
    let (count, innocents) = wrong(&cases, Dialect::Sqlite, |_, verdict| verdict.is_ok());
    assert_eq!(count, 0, "innocent statements:\n{innocents}");
}
