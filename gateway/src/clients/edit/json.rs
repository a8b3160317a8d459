//! Changes of one value in a text of JSON with comments.

use jsonc_parser::ast::{Object, ObjectProp, Value as Node};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Map, Number, Value};

use super::json_style::Style;
use super::splice::Splices;
use super::{EditError, Made, gap, indent, line_start, newline, place};

/// Comments and commas at the end are what clients and their users write; anything beyond is refused.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// See [`super::Language::get`].
pub(super) fn get(text: &str, path: &[&str]) -> Result<Option<Value>, EditError> {
    let Some(root) = parse(text)? else { return Ok(None) };
    let Some((last, containers)) = path.split_last() else {
        return Ok(Some(value_of(&Node::Object(root))));
    };
    let mut object = &root;
    for key in containers {
        let Some(prop) = member(text, object, key)? else { return Ok(None) };
        object = object_of(text, key, &prop.value)?;
    }
    Ok(member(text, object, last)?.map(|prop| value_of(&prop.value)))
}

/// See [`super::Language::set`].
pub(super) fn set(text: &str, path: &[&str], value: &Value) -> Result<(String, Made), EditError> {
    let Some(root) = parse(text)? else { return Ok(new_root(text, path, value)) };
    let unit = unit(text, &root);
    let mut object = &root;
    for (depth, key) in path.iter().enumerate() {
        let rest = &path[depth + 1..];
        let Some(prop) = member(text, object, key)? else {
            let made = Made {
                containers: rest.len(),
                interior: object.properties.is_empty().then(|| interior(text, object).to_owned()),
            };
            let is_root = depth == 0;
            return Ok((insert(text, object, is_root, key, &nested(rest, value), unit), made));
        };
        if rest.is_empty() {
            return Ok((replace(text, object, prop, value, unit), Made::default()));
        }
        object = object_of(text, key, &prop.value)?;
    }
    Ok((text.to_owned(), Made::default()))
}

/// See [`super::Language::remove`].
pub(super) fn remove(text: &str, path: &[&str], made: &Made) -> Result<String, EditError> {
    let Some(root) = parse(text)? else { return Ok(text.to_owned()) };
    let mut way = vec![&root];
    for (depth, key) in path.iter().enumerate() {
        let Some(prop) = member(text, way[depth], key)? else { return Ok(text.to_owned()) };
        if depth + 1 < path.len() {
            way.push(object_of(text, key, &prop.value)?);
        }
    }
    // What was made for it and holds nothing else goes with it.
    let mut depth = path.len() - 1;
    while depth > path.len() - 1 - made.containers.min(path.len() - 1) && holds_one(text, way[depth]) {
        depth -= 1;
    }
    Ok(cut(text, way[depth], path[depth], made))
}

fn parse(text: &str) -> Result<Option<Object<'_>>, EditError> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS).map_err(|error| {
        let (line, column) = place(text, error.range().start);
        EditError::Syntax { line, column, message: plain(&error.kind().to_string()) }
    })?;
    match parsed.value {
        None => Ok(None),
        Some(Node::Object(root)) => Ok(Some(root)),
        Some(other) => Err(wrong_kind(text, "the file", &other)),
    }
}

/// A message of the parser as a part of a sentence.
fn plain(message: &str) -> String {
    let mut letters = message.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().collect::<String>() + letters.as_str())
}

fn wrong_kind(text: &str, key: &str, node: &Node<'_>) -> EditError {
    let (line, column) = place(text, node.start());
    let found = match node {
        Node::StringLit(_) => "a text",
        Node::NumberLit(_) => "a number",
        Node::BooleanLit(_) => "true or false",
        Node::Array(_) => "a list",
        Node::Object(_) => "an object",
        Node::NullKeyword(_) => "null",
    };
    EditError::WrongKind { key: key.to_owned(), found, expected: "an object", line, column }
}

fn object_of<'o, 'a>(text: &str, key: &str, node: &'o Node<'a>) -> Result<&'o Object<'a>, EditError> {
    match node {
        Node::Object(object) => Ok(object),
        other => Err(wrong_kind(text, key, other)),
    }
}

fn member<'o, 'a>(
    text: &str,
    object: &'o Object<'a>,
    key: &str,
) -> Result<Option<&'o ObjectProp<'a>>, EditError> {
    let mut found = object.properties.iter().filter(|prop| prop.name.as_str() == key);
    let first = found.next();
    if let Some(second) = found.next() {
        let (line, column) = place(text, second.start());
        return Err(EditError::Duplicate { key: key.to_owned(), line, column });
    }
    Ok(first)
}

fn value_of(node: &Node<'_>) -> Value {
    match node {
        Node::StringLit(text) => Value::from(text.value.as_ref()),
        // What does not fit is compared as it is written.
        Node::NumberLit(number) => {
            number.value.parse::<Number>().map_or_else(|_| Value::from(number.value), Value::Number)
        }
        Node::BooleanLit(literal) => Value::Bool(literal.value),
        Node::NullKeyword(_) => Value::Null,
        Node::Array(array) => array.elements.iter().map(value_of).collect(),
        Node::Object(object) => {
            let members = object.properties.iter();
            Value::Object(
                members.map(|prop| (prop.name.as_str().to_owned(), value_of(&prop.value))).collect(),
            )
        }
    }
}

/// `value` in objects with these keys.
fn nested(keys: &[&str], value: &Value) -> Value {
    keys.iter()
        .rev()
        .fold(value.clone(), |value, key| Value::Object(Map::from_iter([((*key).to_owned(), value)])))
}

/// A text without a value gets one at its end.
fn new_root(text: &str, path: &[&str], value: &Value) -> (String, Made) {
    let style = Style::default_with(newline(text));
    let begins_line = text.is_empty() || text.ends_with('\n');
    let before = if begins_line { "" } else { style.newline };
    let root = style.value(&nested(path, value), "");
    let made = Made { containers: path.len() - 1, interior: None };
    (format!("{text}{before}{root}{}", style.newline), made)
}

fn interior<'t>(text: &'t str, object: &Object<'_>) -> &'t str {
    &text[object.start() + 1..object.end() - 1]
}

/// Whether what is at `offset` is the first of its line.
fn begins_line(text: &str, offset: usize) -> bool {
    text[line_start(text, offset)..offset].trim().is_empty()
}

/// What one level is indented by: as the first member of the root is.
fn unit(text: &str, root: &Object<'_>) -> Option<String> {
    let first = root.properties.iter().find(|prop| begins_line(text, prop.start()))?;
    let (outer, inner) = (indent(text, root.start()), indent(text, first.start()));
    let unit = inner.strip_prefix(outer)?;
    (!unit.is_empty()).then(|| unit.to_owned())
}

/// The style of what comes into `object`.
fn style(text: &str, object: &Object<'_>, is_root: bool, unit: Option<String>) -> Style {
    let mut style = Style::default_with(newline(text));
    style.unit = unit.unwrap_or(style.unit);
    let Some(last) = object.properties.last() else {
        // An empty one follows the text around it; alone, it gets lines.
        style.is_inline = !is_root && !begins_line_of_owner(text, object);
        style.is_minified = style.is_inline && !text.contains(": ");
        return style;
    };
    style.is_inline = !begins_line(text, last.start());
    style.is_minified =
        style.is_inline && text[last.name.end()..last.value.start()].trim_start_matches(':').is_empty();
    style
}

/// Whether the member that `object` is the value of begins a line.
fn begins_line_of_owner(text: &str, object: &Object<'_>) -> bool {
    let line = &text[line_start(text, object.start())..object.start()];
    line.trim().is_empty() || !line.trim_start().starts_with('{')
}

/// Puts `key` with `value` behind the last member of `object`.
fn insert(
    text: &str,
    object: &Object<'_>,
    is_root: bool,
    key: &str,
    value: &Value,
    unit: Option<String>,
) -> String {
    let style = style(text, object, is_root, unit);
    let mut splices = Splices::default();
    let close = object.end() - 1;
    let Some(last) = object.properties.last() else {
        let outer = indent(text, object.start());
        let inner = format!("{outer}{}", style.unit);
        let member = style.member(key, value, &inner);
        let open = object.start() + 1;
        let after = gap::last_end(text, open..close);
        let (before, behind) = if style.is_inline {
            let space = if after == open { "" } else { style.space() };
            (space.to_owned(), space.to_owned())
        } else {
            (format!("{}{inner}", style.newline), format!("{}{outer}", style.newline))
        };
        splices.replace(after..close, format!("{before}{member}{behind}"));
        return splices.apply(text);
    };
    let comma = gap::comma(text, last.end()..close);
    let member_indent = indent(text, last.start());
    let member = style.member(key, value, member_indent);
    let from = comma.as_ref().map_or(last.end(), |comma| comma.end);
    let behind = if comma.is_some() { "," } else { "" };
    if comma.is_none() {
        splices.insert(last.end(), ",");
    }
    if style.is_inline {
        splices.insert(from, format!("{}{member}{behind}", style.space()));
    } else {
        let at = gap::end_of_line_comments(text, from..close);
        splices.insert(at, format!("{}{member_indent}{member}{behind}", style.newline));
    }
    splices.apply(text)
}

/// Puts `value` in the place of that of `prop`, if it is another.
fn replace(
    text: &str,
    object: &Object<'_>,
    prop: &ObjectProp<'_>,
    value: &Value,
    unit: Option<String>,
) -> String {
    if value_of(&prop.value) == *value {
        return text.to_owned();
    }
    let style = style(text, object, false, unit);
    let mut splices = Splices::default();
    let written = style.value(value, indent(text, prop.start()));
    splices.replace(prop.value.start()..prop.value.end(), written);
    splices.apply(text)
}

/// Whether `object` has one member and no comment.
fn holds_one(text: &str, object: &Object<'_>) -> bool {
    let [only] = object.properties.as_slice() else { return false };
    let gaps = [object.start() + 1..only.start(), only.end()..object.end() - 1];
    gaps.into_iter().all(|range| gap::pieces(text, range).iter().all(|piece| piece.is_comma))
}

/// Takes the member `key` out of `object`.
fn cut(text: &str, object: &Object<'_>, key: &str, made: &Made) -> String {
    let Some(index) = object.properties.iter().position(|prop| prop.name.as_str() == key) else {
        return text.to_owned();
    };
    let prop = &object.properties[index];
    let (open, close) = (object.start() + 1, object.end() - 1);
    let before = index.checked_sub(1).map(|before| object.properties[before].end());
    let next = object.properties.get(index + 1).map(Ranged::start);
    let from = gap::last_end(text, before.unwrap_or(open)..prop.start());
    let comma = gap::comma(text, prop.end()..next.unwrap_or(close));
    let mut splices = Splices::default();
    if before.is_none() && next.is_none() {
        let behind = &text[comma.as_ref().map_or(prop.end(), |comma| comma.end)..close];
        let between = comma.as_ref().map_or("", |comma| &text[prop.end()..comma.start]);
        let left = format!("{}{}{behind}", &text[open..from], between.trim());
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        let interior = match &made.interior {
            Some(interior) if bare(interior) == bare(&left) => interior.clone(),
            _ if left.trim().is_empty() => String::new(),
            _ => left,
        };
        splices.replace(open..close, interior);
        return splices.apply(text);
    }
    // The last one goes with the comma that was put before it, unless all members have one behind them.
    if let (None, None, Some(before)) = (next, &comma, before)
        && let Some(separator) = gap::comma(text, before..prop.start())
    {
        if separator.end == from {
            splices.cut(separator.start..prop.end());
            return splices.apply(text);
        }
        splices.cut(separator);
    }
    match comma {
        Some(comma) if text[prop.end()..comma.start].trim().is_empty() => splices.cut(from..comma.end),
        Some(comma) => {
            splices.cut(from..prop.end());
            splices.cut(comma);
        }
        None => splices.cut(from..prop.end()),
    }
    splices.apply(text)
}
