//! The arguments of a saved question, checked against its parameters.

use rmcp::model::JsonObject;
use serde_json::Value;
use sql_gate::Dialect;

use crate::backend::{Parameter, ParameterKind, ParameterValue, Parameters};
use crate::config::{OfferedQuestion, QuestionParameter};
use crate::mcp::arguments::InvalidArguments;
use crate::mcp::given::{folded, text_of};
use crate::mcp::shown;
use crate::mcp::tool_name::ToolName;

/// Whole numbers up to this one are exact as floating-point numbers.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// What is bound at each place of the question's text.
///
/// # Errors
/// An argument is missing, or is nothing that its parameter takes; or a name has a slip in it.
pub(super) fn parameters(
    tool: ToolName,
    offered: &OfferedQuestion,
    given: &JsonObject,
) -> Result<Parameters, InvalidArguments> {
    let refuse = |why: String| InvalidArguments::new(tool, format!("{why}; it takes {}", expected(offered)));
    let declared = &offered.question.parameters;
    if let Some((name, meant)) = slip(declared, given) {
        return Err(refuse(format!("unknown argument `{}`; did you mean `{meant}`?", shown(name))));
    }
    let values = declared.iter().map(|parameter| value_of(parameter, offered.dialect, given));
    let values: Vec<ParameterValue> = values.collect::<Result<_, _>>().map_err(refuse)?;
    let at = |&index: &usize| Parameter {
        name: declared[index].name.as_str().into(),
        value: values[index].clone(),
    };
    Ok(Parameters::new(offered.places.iter().map(at).collect()))
}

fn value_of(
    parameter: &QuestionParameter,
    dialect: Dialect,
    given: &JsonObject,
) -> Result<ParameterValue, String> {
    let name = &parameter.name;
    let is_meant = |(as_name, _): &(&String, &Value)| *as_name == name || folded(as_name) == folded(name);
    let is_absent = |value: &Value| {
        value.is_null()
            || (parameter.kind != ParameterKind::Text && value.as_str().is_some_and(str::is_empty))
    };
    let mut values = given.iter().filter(is_meant).map(|(_, value)| value).filter(|value| !is_absent(value));
    let Some(value) = values.next() else {
        return parameter.absent(dialect).ok_or_else(|| format!("`{name}` is missing"));
    };
    if values.any(|other| other != value) {
        return Err(format!("`{name}` is given twice, with different values"));
    }
    let read = written(parameter.kind, value).and_then(|written| parameter.read(&written, dialect));
    read.ok_or_else(|| format!("`{name}` must be {}; {} was given", parameter.takes(dialect), text_of(value)))
}

/// What `value` is as the text of a `kind`; `None`: it is of another type.
fn written(kind: ParameterKind, value: &Value) -> Option<String> {
    match (kind, value) {
        (_, Value::String(text)) => Some(text.clone()),
        (ParameterKind::Boolean, Value::Bool(truth)) => Some(truth.to_string()),
        // A code of digits, which the text has as they are.
        (ParameterKind::Text, Value::Number(number)) if !number.is_f64() => Some(number.to_string()),
        (ParameterKind::Number, Value::Number(number)) => Some(number.to_string()),
        (ParameterKind::Integer, Value::Number(number)) => match number.as_f64() {
            // 10.0 is a whole number in JSON Schema.
            Some(float) if number.is_f64() => {
                (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then(|| format!("{float:.0}"))
            }
            _ => Some(number.to_string()),
        },
        _ => None,
    }
}

/// An argument whose name differs from that of a parameter without a value by a slip of the fingers.
fn slip<'a>(declared: &'a [QuestionParameter], given: &'a JsonObject) -> Option<(&'a str, &'a str)> {
    let is_given =
        |parameter: &QuestionParameter| given.keys().any(|name| folded(name) == folded(&parameter.name));
    let open: Vec<&str> = declared
        .iter()
        .filter(|parameter| !is_given(parameter))
        .map(|parameter| parameter.name.as_str())
        .collect();
    let is_known = |name: &str| declared.iter().any(|parameter| folded(&parameter.name) == folded(name));
    let unknown = given.keys().map(String::as_str).filter(|name| name.len() <= 64 && !is_known(name));
    unknown.into_iter().find_map(|name| {
        let near = open.iter().find(|known| {
            let slips = if known.len() < 4 {
                0
            } else if known.len() < 8 {
                1
            } else {
                2
            };
            strsim::osa_distance(&folded(name), &folded(known)) <= slips
        })?;
        Some((name, *near))
    })
}

/// The arguments of the question, in one line.
fn expected(offered: &OfferedQuestion) -> String {
    let describe = |parameter: &QuestionParameter| {
        let required = if parameter.is_required { ", required" } else { "" };
        format!("{} ({}{required})", parameter.name, parameter.kind.name())
    };
    let parameters: Vec<String> = offered.question.parameters.iter().map(describe).collect();
    if parameters.is_empty() { "no arguments".to_owned() } else { parameters.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::config::SavedQuestion;
    use crate::mcp::tool_name::SavedName;

    fn parameter(name: &str, kind: ParameterKind) -> QuestionParameter {
        QuestionParameter {
            name: name.to_owned(),
            kind,
            description: None,
            default: None,
            is_required: true,
            values: Vec::new(),
        }
    }

    fn offered(dialect: Dialect) -> OfferedQuestion {
        let region = QuestionParameter {
            values: vec!["north".to_owned(), "south".to_owned()],
            ..parameter("region", ParameterKind::Text)
        };
        let since = QuestionParameter { is_required: false, ..parameter("since", ParameterKind::Date) };
        let top = QuestionParameter {
            default: Some("10".to_owned()),
            is_required: false,
            ..parameter("top", ParameterKind::Integer)
        };
        let sql = "select * from t where r = :region and d >= :since and (:region = 'x' or n > :top)";
        Arc::new(SavedQuestion::for_tests("q", sql, vec![region, since, top])).on(dialect).unwrap()
    }

    fn read(dialect: Dialect, given: &Value) -> Result<Vec<Option<String>>, String> {
        let tool = ToolName::Saved(SavedName::of("q"));
        let read = parameters(tool, &offered(dialect), given.as_object().unwrap());
        let text = |result: &InvalidArguments| format!("{result:?}");
        let values = |found: Parameters| {
            found.as_slice().iter().map(|found| found.value.written().map(str::to_owned)).collect()
        };
        read.map(values).map_err(|refusal| text(&refusal))
    }

    #[test]
    fn each_place_gets_the_value_of_its_parameter_and_what_is_absent_its_default() {
        for dialect in [Dialect::Sqlite, Dialect::Snowflake] {
            let all = read(dialect, &json!({"region": "north", "since": "2026-01-31", "top": 5.0})).unwrap();
            let text = |text: &str| Some(text.to_owned());
            assert_eq!(all, [text("north"), text("2026-01-31"), text("north"), text("5")]);
            let few =
                read(dialect, &json!({"Region": "north", "since": null, "top": "", "other": 1})).unwrap();
            assert_eq!(few, [text("north"), None, text("north"), text("10")]);
        }
        let offered = offered(Dialect::Snowflake);
        assert_eq!(offered.sql, "select * from t where r = ? and d >= ? and (? = 'x' or n > ?)");
        assert_eq!(offered.places, [0, 1, 0, 2]);
    }

    #[test]
    fn what_a_parameter_does_not_take_is_refused_by_its_name() {
        for (given, why) in [
            (json!({}), "`region` is missing; it takes region (text, required), since (date), top (integer)"),
            (json!({"region": "east"}), "`region` must be one of north, south; \\\"east\\\" was given"),
            (json!({"region": "north' or '1'='1"}), "`region` must be one of north, south"),
            (json!({"region": ["north"]}), "a list was given"),
            (json!({"region": "north", "top": "1 or 1=1"}), "`top` must be a whole number of 64 bits"),
            (json!({"region": "north", "top": 1.5}), "`top` must be"),
            (json!({"region": "north", "top": true}), "true was given"),
            (json!({"region": "north", "since": "yesterday"}), "`since` must be a date, YYYY-MM-DD"),
            (json!({"region": "north", "REGION": "south"}), "`region` is given twice"),
            (json!({"region": "north", "sinse": "2026-01-31"}), "did you mean `since`?"),
        ] {
            let refused = read(Dialect::Sqlite, &given).unwrap_err();
            assert!(refused.contains(why), "{given}: {refused}");
        }
    }
}
