//! The arguments that a client gave, brought to the names and types of a tool's schema where they can be read
//! faithfully: another spelling or a common other name, `"5"` for 5, and `null` or `""` for what is absent.
//!
//! What a tool does not take is ignored where it only reads. A tool that changes something refuses it: the
//! client may mean that less is to be changed.

use rmcp::model::JsonObject;
use serde_json::{Map, Value};

use super::shown;
use super::tool_name::ToolName;

/// How similar to an argument's name an unknown one must be (Jaro-Winkler) to be taken for a slip.
const SIMILARITY_MIN: f64 = 0.88;

/// Longer names are compared with none.
const NAME_BYTES_MAX: usize = 64;

/// Other names of arguments, in lower case and without `_` and `-`. A tool takes those of the arguments that it has;
/// the first one counts.
const ALIASES: &[(&str, &[&str])] = &[
    ("query", &["sql", "statement", "sqlquery", "querytext", "sqlstatement", "q"]),
    ("database", &["db", "databasename", "dbname", "catalog", "catalogname"]),
    ("schema", &["schemaname"]),
    ("table", &["tablename", "viewname", "view", "name"]),
    ("view_name", &["view", "table", "tablename", "name"]),
    ("like", &["pattern", "likepattern", "namelike"]),
    ("limit", &["maxrows", "rowlimit", "rowsmax", "rows", "top", "maxresults"]),
    ("use_transaction", &["transaction", "intransaction"]),
    ("role", &["rolename"]),
    ("warehouse", &["warehousename", "wh"]),
];

/// What clients and models add to say why they call; it changes nothing.
const REMARKS: [&str; 12] = [
    "reason",
    "reasoning",
    "explanation",
    "description",
    "thought",
    "thoughts",
    "comment",
    "title",
    "note",
    "intent",
    "purpose",
    "randomstring",
];

/// What the schema says of one argument.
struct Property<'a> {
    name: &'a str,
    kind: &'a str,
}

/// The arguments of `tool` under the names and in the types of `schema`.
///
/// # Errors
/// Why they cannot be read.
pub(super) fn read(tool: ToolName, given: JsonObject, schema: &Value) -> Result<JsonObject, String> {
    let properties = properties(schema);
    let mut taken = Map::new();
    let mut named: Vec<(String, String)> = Vec::new();
    for (name, value) in given {
        if is_absent(&value) {
            continue;
        }
        let Some(property) = find(&properties, &name) else {
            refuse_unknown(tool, &name, &properties)?;
            continue;
        };
        let value = typed(property, &value)?;
        match taken.get(property.name) {
            Some(other) if *other != value => {
                let other =
                    named.iter().find(|(of, _)| of == property.name).map_or("", |(_, as_name)| as_name);
                return Err(format!(
                    "`{}` and `{}` are the same argument, and have different values",
                    shown(other),
                    shown(&name)
                ));
            }
            _ => drop(taken.insert(property.name.to_owned(), value)),
        }
        named.push((property.name.to_owned(), name));
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match required.into_iter().find(|name| !taken.contains_key(*name)) {
        Some(missing) => Err(format!("`{missing}` is missing")),
        None => Ok(taken),
    }
}

fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

fn properties(schema: &Value) -> Vec<Property<'_>> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| {
            let kind = &property["type"];
            Property { name, kind: kind.as_str().or_else(|| kind[0].as_str()).unwrap_or("value") }
        })
        .collect()
}

fn folded(name: &str) -> String {
    name.chars().filter(|char| !matches!(char, '_' | '-')).map(|char| char.to_ascii_lowercase()).collect()
}

/// The argument that `name` means.
fn find<'a>(properties: &'a [Property<'a>], name: &str) -> Option<&'a Property<'a>> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let folded_name = folded(name);
    let is_spelled = |property: &&Property<'_>| folded(property.name) == folded_name;
    properties.iter().find(is_spelled).or_else(|| {
        let is_meant = |property: &&Property<'_>| {
            let aliases = ALIASES.iter().find(|(of, _)| *of == property.name);
            aliases.is_some_and(|(_, aliases)| aliases.contains(&folded_name.as_str()))
        };
        properties.iter().find(is_meant)
    })
}

/// Refuses an argument that `tool` does not take, unless it can be ignored.
fn refuse_unknown(tool: ToolName, name: &str, properties: &[Property<'_>]) -> Result<(), String> {
    let similarity = |known: &&Property<'_>| strsim::jaro_winkler(name, known.name);
    let nearest = (name.len() <= NAME_BYTES_MAX)
        .then(|| properties.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b))))
        .flatten()
        .filter(|known| similarity(known) >= SIMILARITY_MIN);
    if let Some(nearest) = nearest {
        return Err(format!("unknown argument `{}`; did you mean `{}`?", shown(name), nearest.name));
    }
    let changes = matches!(tool, ToolName::ExecuteQuery | ToolName::SetContext);
    if changes && !REMARKS.contains(&folded(name).as_str()) {
        return Err(format!("unknown argument `{}`", shown(name)));
    }
    Ok(())
}

/// `value` in the type of `property`.
fn typed(property: &Property<'_>, value: &Value) -> Result<Value, String> {
    let read = match (property.kind, value) {
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => Some(value.clone()),
        // A name of digits. A statement is none.
        ("string", Value::Number(number)) if property.name != "query" && !number.is_f64() => {
            Some(number.to_string().into())
        }
        ("boolean", Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true.into()),
            "false" => Some(false.into()),
            _ => None,
        },
        // Which numbers are allowed is said where that is known.
        ("integer", _) => Some(whole(value).map_or_else(|| value.clone(), Value::from)),
        _ => None,
    };
    let article = if property.kind == "integer" { "an" } else { "a" };
    read.ok_or_else(|| {
        format!("`{}` must be {article} {}; {} was given", property.name, property.kind, text_of(value))
    })
}

/// A whole number, also as JSON Schema means it (10.0 is one), and as text.
pub(super) fn whole(value: &Value) -> Option<u64> {
    // Written out, because a cast would round what is too large.
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    // No sign: `parse` would take a plus.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// A value of a client's, as an error repeats it.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("{:?}", shown(text)),
        other => shown(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "properties": {
                "query": {"type": "string"},
                "database": {"type": ["string", "null"]},
                "limit": {"type": ["integer", "null"]},
                "auto_commit": {"type": ["boolean", "null"]},
            },
            "required": ["query"],
        })
    }

    fn read_as(tool: ToolName, given: &Value) -> Result<Value, String> {
        let given = given.as_object().cloned().unwrap();
        read(tool, given, &schema()).map(Value::Object)
    }

    #[test]
    fn other_names_and_spellings_are_understood() {
        for (given, read) in [
            (json!({"sql": "q", "db": "d"}), json!({"query": "q", "database": "d"})),
            (json!({"Statement": "q", "autoCommit": false}), json!({"query": "q", "auto_commit": false})),
            (json!({"query": "q", "max_rows": "5"}), json!({"query": "q", "limit": 5})),
            (json!({"query": "q", "sql": "q"}), json!({"query": "q"})),
            (json!({"query": "q", "database": null, "limit": "", "db": ""}), json!({"query": "q"})),
            (json!({"query": "q", "database": 2024}), json!({"query": "q", "database": "2024"})),
            (json!({"query": "q", "auto_commit": " FALSE "}), json!({"query": "q", "auto_commit": false})),
            (json!({"query": "q", "explanation": {"x": 1}}), json!({"query": "q"})),
        ] {
            assert_eq!(read_as(ToolName::ExecuteQuery, &given), Ok(read), "{given}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_was_given() {
        for (given, words) in [
            (json!({"query": "q", "sql": "other"}), "are the same argument"),
            (json!({}), "`query` is missing"),
            (json!({"query": ""}), "`query` is missing"),
            (json!({"query": 7}), "`query` must be a string; 7 was given"),
            (json!({"query": ["q"]}), "a list was given"),
            (json!({"query": "q", "auto_commit": "maybe"}), "must be a boolean; \"maybe\" was given"),
            (json!({"query": "q", "autocomit": false}), "did you mean `auto_commit`?"),
            (json!({"query": "q", "dry_run": true}), "unknown argument `dry_run`"),
        ] {
            let refused = read_as(ToolName::ExecuteQuery, &given).unwrap_err();
            assert!(refused.contains(words), "{given}: {refused}");
        }
        let long = "x".repeat(1_000_000);
        let refused = read_as(ToolName::SetContext, &json!({"query": "q", long: 1})).unwrap_err();
        assert!(refused.len() < 200, "{}", refused.len());
    }

    #[test]
    fn a_tool_that_only_reads_ignores_what_it_does_not_take() {
        let read = |name: &str| read_as(ToolName::QueryView, &json!({"query": "q", name: true}));
        assert_eq!(read("verbose"), Ok(json!({"query": "q"})));
        assert!(read("databas").is_err(), "a slip changes what is asked");
    }

    #[test]
    fn whole_numbers_are_read_from_what_says_them() {
        for (value, number) in [(json!(10.0), 10), (json!("10"), 10), (json!(" 7 "), 7), (json!(0), 0)] {
            assert_eq!(whole(&value), Some(number), "{value}");
        }
        for value in [json!(1.5), json!(-1), json!("+1"), json!("1e3"), json!("ten"), json!(true), json!("")]
        {
            assert_eq!(whole(&value), None, "{value}");
        }
    }
}
