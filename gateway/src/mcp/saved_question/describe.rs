//! What `tools/list` says of a saved question.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};
use sql_gate::Class;

use crate::backend::ParameterKind;
use crate::config::{OfferedQuestion, QuestionParameter};

/// The tool of `offered`.
pub(in crate::mcp) fn describe(offered: &OfferedQuestion) -> Tool {
    let question = &offered.question;
    let is_read = offered.class == Class::Read;
    let annotations = ToolAnnotations::new().read_only(is_read).destructive(!is_read).open_world(false);
    let annotations = if is_read { annotations } else { annotations.idempotent(false) };
    Tool::new(question.name.clone(), question.description.clone(), Arc::new(schema(&question.parameters)))
        .with_title(title(&question.name))
        .with_annotations(annotations)
}

/// `Orders of region`
fn title(name: &str) -> String {
    let mut title = name.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// Plain types and no `format`, as of all tools.
fn schema(parameters: &[QuestionParameter]) -> JsonObject {
    let properties: Map<String, Value> =
        parameters.iter().map(|parameter| (parameter.name.clone(), property(parameter))).collect();
    let mut schema = JsonObject::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), properties.into()),
    ]);
    let required: Vec<&str> = parameters
        .iter()
        .filter(|parameter| parameter.is_required)
        .map(|parameter| parameter.name.as_str())
        .collect();
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn property(parameter: &QuestionParameter) -> Value {
    let (kind, form) = match parameter.kind {
        ParameterKind::Text => ("string", None),
        ParameterKind::Integer => ("integer", None),
        ParameterKind::Number => ("number", None),
        ParameterKind::Boolean => ("boolean", None),
        ParameterKind::Date => ("string", Some("YYYY-MM-DD")),
        ParameterKind::Timestamp => ("string", Some("YYYY-MM-DD HH:MM:SS")),
    };
    let mut property = Map::from_iter([("type".to_owned(), json!(kind))]);
    // Some clients take a list of values of texts only.
    let lists = kind == "string" && !parameter.values.is_empty();
    if lists {
        property.insert("enum".to_owned(), json!(parameter.values));
    }
    let values =
        (!lists && !parameter.values.is_empty()).then(|| format!("one of {}", parameter.values.join(", ")));
    let default = match &parameter.default {
        Some(default) => Some(format!("default: {default}")),
        None => (!parameter.is_required).then(|| "default: none".to_owned()),
    };
    let said = parameter.description.as_deref().map(|said| said.trim_end_matches('.').to_owned());
    let parts: Vec<String> = [said, form.map(str::to_owned), values, default].into_iter().flatten().collect();
    if !parts.is_empty() {
        property.insert("description".to_owned(), json!(format!("{}.", parts.join("; "))));
    }
    property.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SavedQuestion;
    use sql_gate::Dialect;

    #[test]
    fn a_question_is_described_in_plain_types_with_its_defaults_said() {
        let parameter = |name: &str, kind| QuestionParameter {
            name: name.to_owned(),
            kind,
            description: None,
            default: None,
            is_required: true,
            values: Vec::new(),
        };
        let region = QuestionParameter {
            description: Some("Where the customer lives.".to_owned()),
            values: vec!["north".to_owned(), "south".to_owned()],
            ..parameter("region", ParameterKind::Text)
        };
        let top = QuestionParameter {
            default: Some("10".to_owned()),
            is_required: false,
            ..parameter("top", ParameterKind::Integer)
        };
        let since = QuestionParameter { is_required: false, ..parameter("since", ParameterKind::Date) };
        let sql = "select :region, :top, :since";
        let question = Arc::new(SavedQuestion::for_tests("orders_of_region", sql, vec![region, top, since]));
        let tool = describe(&question.on(Dialect::Sqlite).unwrap());
        assert_eq!(tool.title.as_deref(), Some("Orders of region"));
        assert_eq!(tool.annotations.as_ref().unwrap().read_only_hint, Some(true));
        assert_eq!(
            Value::Object((*tool.input_schema).clone()),
            json!({
                "type": "object",
                "properties": {
                    "region": {"type": "string", "enum": ["north", "south"], "description": "Where the customer lives."},
                    "top": {"type": "integer", "description": "default: 10."},
                    "since": {"type": "string", "description": "YYYY-MM-DD; default: none."},
                },
                "required": ["region"],
            })
        );
        let write = Arc::new(SavedQuestion::for_tests("w", "delete from t", Vec::new()));
        let tool = describe(&write.on(Dialect::Sqlite).unwrap());
        assert_eq!(tool.annotations.unwrap().destructive_hint, Some(true));
    }
}
