//! The arguments that a client gave, brought to the names and types of a tool's schema where they can be read
//! faithfully: another spelling or a common other name, `"5"` for 5, and `null` or `""` for what is absent.
//!
//! What a tool does not take is ignored: clients and models add fields of their own. Not ignored is what shows that
//! the call is not meant as it stands: an argument's name with a slip in it, and a wish for less than a statement
//! does.

use rmcp::model::JsonObject;
use serde_json::{Map, Value};

use super::shown;
use super::tool_name::ToolName;

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

/// Words for a statement that is not to take effect, in lower case and without `_` and `-`, and the value with which
/// each asks for nothing.
const CAUTIONS: [(&str, bool); 9] = [
    ("dryrun", false),
    ("rollback", false),
    ("readonly", false),
    ("simulate", false),
    ("preview", false),
    ("testrun", false),
    ("validateonly", false),
    ("nocommit", false),
    ("commit", true),
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
    let mut unknown = Vec::new();
    for (name, value) in given {
        if is_absent(&value) {
            continue;
        }
        let Some(property) = find(&properties, &name) else {
            unknown.push((name, value));
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
    for (name, value) in &unknown {
        check_unknown(tool, name, value, &properties, &taken)?;
    }
    if let (ToolName::SetContext, true, Some((name, _))) = (tool, taken.is_empty(), unknown.first()) {
        return Err(format!("unknown argument `{}`", shown(name)));
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

pub(super) fn folded(name: &str) -> String {
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
fn check_unknown(
    tool: ToolName,
    name: &str,
    value: &Value,
    properties: &[Property<'_>],
    taken: &JsonObject,
) -> Result<(), String> {
    if let Some(meant) = slip(name, properties).filter(|meant| !taken.contains_key(*meant)) {
        return Err(format!("unknown argument `{}`; did you mean `{meant}`?", shown(name)));
    }
    let folded_name = folded(name);
    let caution = CAUTIONS.iter().find(|(word, _)| *word == folded_name);
    match caution {
        Some((_, harmless)) if tool == ToolName::ExecuteQuery && read_bool(value) != Some(*harmless) => {
            Err(format!("unknown argument `{}`; with auto_commit: false nothing is changed", shown(name)))
        }
        _ => Ok(()),
    }
}

/// The argument that differs from `name` by a slip of the fingers: one letter, two in a long name.
fn slip<'a>(name: &str, properties: &[Property<'a>]) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = folded(name);
    let distance = |property: &Property<'a>| {
        let known = folded(property.name);
        let slips = match known.len() {
            0..4 => 0,
            4..8 => 1,
            _ => 2,
        };
        Some(strsim::osa_distance(&name, &known)).filter(|distance| *distance <= slips)
    };
    let near = properties.iter().filter_map(|property| Some((distance(property)?, property.name)));
    near.min().map(|(_, name)| name)
}

/// A truth value, also as text and as number.
fn read_bool(value: &Value) -> Option<bool> {
    let text = match value {
        Value::Bool(value) => return Some(*value),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        _ => return None,
    };
    match text.as_str() {
        "true" | "1" | "1.0" => Some(true),
        "false" | "0" | "0.0" => Some(false),
        _ => None,
    }
}

/// `value` in the type of `property`.
fn typed(property: &Property<'_>, value: &Value) -> Result<Value, String> {
    let read = match (property.kind, value) {
        ("string", Value::String(_)) => Some(value.clone()),
        // A name of digits. A statement is none.
        ("string", Value::Number(number)) if property.name != "query" && !number.is_f64() => {
            Some(number.to_string().into())
        }
        ("boolean", _) => read_bool(value).map(Value::from),
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
            (json!({"query": "q", "auto_commit": 0}), json!({"query": "q", "auto_commit": false})),
            (json!({"query": "q", "explanation": {"x": 1}, "query_id": 7}), json!({"query": "q"})),
            (json!({"query": "q", "dry_run": false, "commit": "true"}), json!({"query": "q"})),
            (json!({"query": "q", "database": "d", "databse": "e"}), json!({"query": "q", "database": "d"})),
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
            (json!({"query": "q", "limti": 5}), "did you mean `limit`?"),
            (json!({"query": "q", "databse": "d"}), "did you mean `database`?"),
            (json!({"query": "q", "auto_commit": 2}), "must be a boolean; 2 was given"),
            (json!({"query": "q", "dry_run": true}), "unknown argument `dry_run`; with auto_commit: false"),
            (json!({"query": "q", "commit": 0}), "unknown argument `commit`"),
        ] {
            let refused = read_as(ToolName::ExecuteQuery, &given).unwrap_err();
            assert!(refused.contains(words), "{given}: {refused}");
        }
        let long = "x".repeat(1_000_000);
        let refused = read_as(ToolName::SetContext, &json!({long: 1})).unwrap_err();
        assert!(refused.len() < 200, "{}", refused.len());
    }

    #[test]
    fn what_a_tool_does_not_take_is_ignored_unless_nothing_else_is_given() {
        let read = |tool, name: &str| read_as(tool, &json!({"query": "q", name: true}));
        for name in ["verbose", "foo", "description", "schema_version", "limit_type"] {
            for tool in [ToolName::QueryView, ToolName::ExecuteQuery, ToolName::SetContext] {
                assert_eq!(read(tool, name), Ok(json!({"query": "q"})), "{name}");
            }
        }
        assert_eq!(
            read(ToolName::QueryView, "dry_run"),
            Ok(json!({"query": "q"})),
            "it changes nothing anyway"
        );
        assert!(read(ToolName::QueryView, "databas").is_err(), "a slip changes what is asked");
        let nothing = json!({"required": [], "properties": schema()["properties"]});
        for given in [json!({"foo": 1}), json!({"databse": "d"})] {
            let given = given.as_object().cloned().unwrap();
            let refused = super::read(ToolName::SetContext, given, &nothing).unwrap_err();
            assert!(refused.starts_with("unknown argument"), "{refused}");
        }
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
