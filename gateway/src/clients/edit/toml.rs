//! Changes of one value in a TOML text.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::splice::Splices;
use super::{EditError, Made, in_order, line_start, newline, place};

/// See [`super::Language::get`].
pub(super) fn get(text: &str, path: &[&str]) -> Result<Option<Value>, EditError> {
    let root = parse(text)?;
    let Some((last, containers)) = path.split_last() else { return Ok(Some(table_value(&root))) };
    let mut table = &root;
    for key in containers {
        let Some((_, value)) = table.get_key_value(*key) else { return Ok(None) };
        table = table_of(text, key, value)?;
    }
    Ok(table.get(*last).map(|value| value_of(value.get_ref())))
}

/// See [`super::Language::set`].
pub(super) fn set(text: &str, path: &[&str], value: &Value) -> Result<(String, Made), EditError> {
    let root = parse(text)?;
    let mut table = &root;
    let mut place = TableForm::Open;
    for (depth, key) in path.iter().enumerate() {
        let rest = &path[depth + 1..];
        let Some((_, found)) = table.get_key_value(*key) else {
            let text = add(text, table, place, &path[..depth], key, rest, value)?;
            return Ok((text, Made::default()));
        };
        if rest.is_empty() {
            return Ok((replace(text, found, value), Made::default()));
        }
        table = table_of(text, key, found)?;
        place = TableForm::of(text, found);
    }
    Ok((text.to_owned(), Made::default()))
}

/// See [`super::Language::remove`].
pub(super) fn remove(text: &str, path: &[&str]) -> Result<String, EditError> {
    let root = parse(text)?;
    let mut table = &root;
    let mut inline = None;
    for (depth, key) in path.iter().enumerate() {
        let Some((name, found)) = table.get_key_value(*key) else { return Ok(text.to_owned()) };
        if depth + 1 < path.len() {
            table = table_of(text, key, found)?;
            if TableForm::of(text, found) == TableForm::Inline {
                inline = Some((found.span(), table));
            }
        } else if let Some((_, table)) = inline {
            let member = name.span().start..found.span().end;
            return Ok(remove_inline(text, table, member));
        } else {
            let mut lines = BTreeSet::new();
            collect(text, name.span(), found, &mut lines);
            return Ok(remove_lines(text, &lines));
        }
    }
    Ok(text.to_owned())
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableForm {
    /// `[a.b]`: lines can be added behind its last one.
    Header(usize),
    /// `{ ... }`.
    Inline,
    /// By its members alone (`a.b = 1`, `[a.b]`), or the document: tables can be added at the end.
    Open,
}

impl TableForm {
    fn of(text: &str, value: &Spanned<DeValue<'_>>) -> Self {
        let span = value.span();
        match text.as_bytes().get(span.start) {
            Some(b'[') => Self::Header(span.end),
            Some(b'{') => Self::Inline,
            _ => Self::Open,
        }
    }
}

fn parse(text: &str) -> Result<DeTable<'_>, EditError> {
    let parsed = DeTable::parse(text).map_err(|error| {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        let message = error.message().to_owned();
        match message.strip_prefix("duplicate key") {
            Some(_) => {
                let span = error.span().unwrap_or_default();
                EditError::Duplicate { key: text.get(span).unwrap_or_default().to_owned(), line, column }
            }
            None => EditError::Syntax { line, column, message },
        }
    })?;
    Ok(parsed.into_inner())
}

fn table_of<'o, 'i>(
    text: &str,
    key: &str,
    value: &'o Spanned<DeValue<'i>>,
) -> Result<&'o DeTable<'i>, EditError> {
    if let DeValue::Table(table) = value.get_ref() {
        return Ok(table);
    }
    let (line, column) = place(text, value.span().start);
    let found = match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Boolean(_) => "true or false",
        DeValue::Array(_) => "a list",
        DeValue::Datetime(_) => "a date",
        _ => "a number",
    };
    Err(EditError::WrongKind { key: key.to_owned(), found, expected: "a table", line, column })
}

fn table_value(table: &DeTable<'_>) -> Value {
    let members = table.iter();
    Value::Object(
        members.map(|(key, value)| (key.get_ref().to_string(), value_of(value.get_ref()))).collect(),
    )
}

fn value_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(number) => Value::from(number.to_string()),
        DeValue::Float(number) => Value::from(number.to_string()),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(values) => values.iter().map(|value| value_of(value.get_ref())).collect(),
        DeValue::Table(table) => table_value(table),
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(values) => format!("[{}]", values.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members: Vec<_> =
                in_order(members).into_iter().map(|(key, value)| assignment(key, value)).collect();
            format!("{{ {} }}", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// `key = value`; our keys need no quotes.
fn assignment(key: &str, value: &Value) -> String {
    format!("{key} = {}", written(value))
}

fn nested(keys: &[&str], value: &Value) -> Value {
    keys.iter()
        .rev()
        .fold(value.clone(), |value, key| Value::Object(Map::from_iter([((*key).to_owned(), value)])))
}

/// Adds `key` with `value` (in tables of the keys `rest`) to `table`, which is at `at`.
fn add(
    text: &str,
    table: &DeTable<'_>,
    form: TableForm,
    at: &[&str],
    key: &str,
    rest: &[&str],
    value: &Value,
) -> Result<String, EditError> {
    match (form, value) {
        (TableForm::Inline, _) => Ok(add_inline(text, table, at, &assignment(key, &nested(rest, value)))),
        // An entry of its own: a table at the end, where no table before it can take its lines.
        (_, Value::Object(members)) if at.len() + 1 + rest.len() == ENTRY_DEPTH => {
            let name = [at, &[key], rest].concat().join(".");
            Ok(append_table(text, &name, members))
        }
        (TableForm::Header(header_end), _) => {
            let line = assignment(key, &nested(rest, value));
            Ok(add_line(text, table, header_end, &line))
        }
        (TableForm::Open, _) => {
            let line = table.iter().map(|(key, _)| key.span().start).min().unwrap_or_default();
            Err(EditError::Form { key: at.join("."), line: place(text, line).0 })
        }
    }
}

/// How many keys lead to an entry: `mcp_servers.NAME`.
const ENTRY_DEPTH: usize = 2;

fn append_table(text: &str, name: &str, members: &Map<String, Value>) -> String {
    let newline = newline(text);
    let lines: Vec<_> = in_order(members).into_iter().map(|(key, value)| assignment(key, value)).collect();
    let block = format!("[{name}]{newline}{}", lines.join(newline));
    if text.is_empty() {
        format!("{block}{newline}")
    } else if text.ends_with('\n') {
        format!("{text}{newline}{block}{newline}")
    } else {
        format!("{text}{newline}{newline}{block}")
    }
}

/// Adds a line behind the last one that belongs to the table itself.
fn add_line(text: &str, table: &DeTable<'_>, header_end: usize, line: &str) -> String {
    let own = table.values().filter(|value| {
        !matches!(TableForm::of(text, value), TableForm::Header(_)
        if matches!(value.get_ref(), DeValue::Table(_)))
    });
    let last = own.map(|value| value.span().end).max().unwrap_or_default().max(header_end);
    let end = line_end(text, last);
    let mut splices = Splices::default();
    splices.insert(end, format!("{}{line}", newline(text)));
    splices.apply(text)
}

fn add_inline(text: &str, table: &DeTable<'_>, at: &[&str], member: &str) -> String {
    let mut splices = Splices::default();
    match table.values().map(|value| value.span().end).max() {
        Some(last) => splices.insert(last, format!(", {member}")),
        None => {
            // Found by its keys, because an empty one has nothing else that tells its place.
            let open = inline_open(text, at);
            splices.insert(open, format!(" {member} "));
        }
    }
    splices.apply(text)
}

/// The offset behind the brace of the empty inline table at `at`.
fn inline_open(text: &str, at: &[&str]) -> usize {
    let Ok(root) = parse(text) else { return 0 };
    let mut table = &root;
    let mut open = 0;
    for key in at {
        let Some(value) = table.get(*key) else { return open };
        open = value.span().start + 1;
        if let DeValue::Table(inner) = value.get_ref() {
            table = inner;
        }
    }
    open
}

fn replace(text: &str, found: &Spanned<DeValue<'_>>, value: &Value) -> String {
    if value_of(found.get_ref()) == *value {
        return text.to_owned();
    }
    let mut splices = Splices::default();
    splices.replace(found.span(), written(value));
    splices.apply(text)
}

/// The offset of the newline that ends the line of `offset`, or of the end.
fn line_end(text: &str, offset: usize) -> usize {
    let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
    if text[..end].ends_with('\r') && end < text.len() { end - 1 } else { end }
}

/// The lines that `value` is written on, each as its start, its end with the newline, and whether it is a header.
fn collect(
    text: &str,
    key: Range<usize>,
    value: &Spanned<DeValue<'_>>,
    lines: &mut BTreeSet<(usize, usize, bool)>,
) {
    let mut note = |span: Range<usize>, is_header| {
        let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
        lines.insert((line_start(text, span.start), end, is_header));
    };
    match (value.get_ref(), TableForm::of(text, value)) {
        (DeValue::Table(table), TableForm::Header(_)) => {
            note(value.span(), true);
            table.iter().for_each(|(key, value)| collect(text, key.span(), value, lines));
        }
        (DeValue::Table(table), TableForm::Open) => {
            table.iter().for_each(|(key, value)| collect(text, key.span(), value, lines));
        }
        _ => note(key.start..value.span().end, false),
    }
}

/// Takes lines away, and before each block that begins with a header one empty line.
fn remove_lines(text: &str, lines: &BTreeSet<(usize, usize, bool)>) -> String {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for &(start, end, is_header) in lines {
        let begin = if is_header { start - blank_line_before(text, start) } else { start };
        match blocks.last_mut() {
            Some(block) if block.end >= begin => block.end = block.end.max(end),
            _ => blocks.push(begin..end),
        }
    }
    let mut splices = Splices::default();
    for block in blocks {
        let ends_text = block.end == text.len() && !text.ends_with('\n');
        let before = text[..block.start].strip_suffix('\n').filter(|_| ends_text);
        let start = before.map_or(block.start, |before| before.strip_suffix('\r').unwrap_or(before).len());
        splices.cut(start..block.end);
    }
    splices.apply(text)
}

/// The length of the empty line before `start`, if there is one.
fn blank_line_before(text: &str, start: usize) -> usize {
    let before = &text[..start];
    let newline = if before.ends_with("\r\n") { "\r\n" } else { "\n" };
    before.strip_suffix(newline).filter(|above| above.ends_with('\n')).map_or(0, |_| newline.len())
}

fn remove_inline(text: &str, table: &DeTable<'_>, member: Range<usize>) -> String {
    let spans = |value: &Spanned<DeValue<'_>>| value.span().end;
    let before = table.values().map(spans).filter(|end| *end <= member.start).max();
    let has_next = table.values().any(|value| value.span().start > member.end);
    let mut splices = Splices::default();
    match (before, has_next) {
        (Some(before), false) => splices.cut(before..member.end),
        (_, true) => {
            let comma = text[member.end..].find(',').map_or(member.end, |at| member.end + at + 1);
            let space = text[comma..].len() - text[comma..].trim_start_matches(' ').len();
            splices.cut(member.start..comma + space);
        }
        (None, false) => {
            let open = text[..member.start].trim_end_matches([' ', '\t']).len();
            let close = text[member.end..].find('}').map_or(member.end, |at| member.end + at);
            splices.cut(open..close);
        }
    }
    splices.apply(text)
}
