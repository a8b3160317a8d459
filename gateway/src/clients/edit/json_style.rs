//! How a JSON text is laid out, so that what is added looks like the rest.

use serde_json::Value;

use super::in_order;

/// What one level is indented by where the text does not show it.
const UNIT_DEFAULT: &str = "  ";

/// How a value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// The newline.
    pub(super) newline: &'static str,
    /// What one level is indented by.
    pub(super) unit: String,
    /// Whether objects are on one line.
    pub(super) is_inline: bool,
    /// Whether there is no space behind colons and commas.
    pub(super) is_minified: bool,
}

impl Style {
    /// The style of a text without any layout: lines of their own, two spaces a level.
    pub(super) fn default_with(newline: &'static str) -> Self {
        Self { newline, unit: UNIT_DEFAULT.to_owned(), is_inline: false, is_minified: false }
    }

    /// `"key": value`, on a line that is indented by `indent`.
    pub(super) fn member(&self, key: &str, value: &Value, indent: &str) -> String {
        format!("{}:{}{}", Value::from(key), self.space(), self.value(value, indent))
    }

    /// `value`, which begins on a line that is indented by `indent`.
    pub(super) fn value(&self, value: &Value, indent: &str) -> String {
        match value {
            Value::Object(members) if members.is_empty() => "{}".to_owned(),
            Value::Object(members) if self.is_inline => {
                let members: Vec<_> =
                    in_order(members).into_iter().map(|(key, value)| self.member(key, value, "")).collect();
                let space = self.space();
                format!("{{{space}{}{space}}}", members.join(&format!(",{space}")))
            }
            Value::Object(members) => {
                let inner = format!("{indent}{}", self.unit);
                let members: Vec<_> = in_order(members)
                    .into_iter()
                    .map(|(key, value)| format!("{inner}{}", self.member(key, value, &inner)))
                    .collect();
                let newline = self.newline;
                let members = members.join(&format!(",{newline}"));
                format!("{{{newline}{members}{newline}{indent}}}")
            }
            Value::Array(values) => {
                let values: Vec<_> = values.iter().map(|value| self.value(value, indent)).collect();
                format!("[{}]", values.join(&format!(",{}", self.space())))
            }
            other => other.to_string(),
        }
    }

    /// What is behind a colon or a comma on one line.
    pub(super) fn space(&self) -> &'static str {
        if self.is_minified { "" } else { " " }
    }
}
