//! What a client meant by params that are not what their method takes: read where it can be understood, else
//! refused by the member's name.
//!
//! | given | where | read as |
//! |---|---|---|
//! | `null` | anywhere | absent |
//! | `[]` | for an object: PHP writes an empty one so | `{}` |
//! | nothing | `capabilities`, `clientInfo` | a client without capabilities, without a name |
//! | `true`, `false`, also as text | a capability | `{}`, absent |
//! | `true`, `false` as text, 1, 0 | a boolean | that boolean |
//! | a number | a client's name or version | its digits |
//! | a text | `clientInfo` | the client's name |
//! | the text of a JSON object | `arguments` | that object |

use rmcp::model::{
    ArgumentInfo, ClientCapabilities, CompletionContext, Implementation, Reference, RequestMetaObject,
    SubscriptionFilter,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::bounds::DEPTH_MAX;
use super::extent::Extent;

/// JSON values and names of arguments that come as text, at most.
const TEXT_TOKENS_MAX: usize = 2_000;

/// Where a stateless request says what its client can do.
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

type Object = Map<String, Value>;

/// What a member must be.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Arguments,
    Capabilities,
    Client,
    Filter,
    Reference,
    Argument,
    Completed,
}

/// The members of the params of `method`: name, kind, whether it must be there.
fn members(method: &str) -> &'static [(&'static str, Kind, bool)] {
    match method {
        "initialize" => &[
            ("protocolVersion", Kind::Text, true),
            ("capabilities", Kind::Capabilities, false),
            ("clientInfo", Kind::Client, false),
        ],
        "tools/call" => &[("name", Kind::Text, true), ("arguments", Kind::Arguments, false)],
        "tools/list" | "resources/list" | "resources/templates/list" => &[("cursor", Kind::Text, false)],
        "resources/read" => &[("uri", Kind::Text, true)],
        "tasks/get" | "tasks/cancel" => &[("taskId", Kind::Text, true)],
        "completion/complete" => &[
            ("ref", Kind::Reference, true),
            ("argument", Kind::Argument, true),
            ("context", Kind::Completed, false),
        ],
        "subscriptions/listen" => &[("notifications", Kind::Filter, true)],
        _ => &[],
    }
}

/// Params as text, if they are an object or absent.
///
/// # Errors
/// They are something else.
pub(super) fn object(params: Option<&RawValue>) -> Result<Option<&str>, String> {
    match params.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(text) if text.starts_with('{') => Ok(Some(text)),
        Some(text) if is_empty_list(text) => Ok(None),
        Some(text) => {
            let what = match text.as_bytes().first() {
                Some(b'[') => "a list",
                Some(b'"') => "a text",
                Some(b't' | b'f') => "a boolean",
                _ => "a number",
            };
            Err(format!("they must be an object; {what} was given"))
        }
    }
}

fn is_empty_list(text: &str) -> bool {
    text.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.trim().is_empty())
}

/// The params of `method` as it takes them.
///
/// # Errors
/// The name of a member that cannot be read, and why.
pub(super) fn repaired(method: &str, mut params: Object) -> Result<Object, String> {
    params.retain(|_, value| !value.is_null());
    if let Some(meta) = params.remove("_meta") {
        params.insert("_meta".to_owned(), Value::Object(empty_or_object("_meta", meta)?));
    }
    for &(name, kind, is_required) in members(method) {
        let given = params.remove(name);
        if given.is_none() && is_required {
            return Err(format!("`{name}` is missing"));
        }
        if let Some(value) = read(name, kind, given)? {
            params.insert(name.to_owned(), value);
        }
    }
    Ok(params)
}

/// Why the params of a call do not say which tool is meant.
pub(super) fn why_unnamed(params: Option<&RawValue>) -> String {
    match object(params) {
        Err(why) => why,
        Ok(None) => "`name` is missing".to_owned(),
        Ok(Some(_)) => {
            #[derive(serde::Deserialize)]
            struct Named<'a> {
                #[serde(borrow)]
                name: Option<&'a RawValue>,
            }
            let name = params.and_then(|params| serde_json::from_str::<Named<'_>>(params.get()).ok()?.name);
            match name.map(RawValue::get).and_then(|name| name.bytes().next()) {
                None | Some(b'n') => "`name` is missing".to_owned(),
                Some(_) => "`name` must be a string".to_owned(),
            }
        }
    }
}

/// Brings the capabilities that a stateless request carries to what they must be. What cannot be read is left
/// as it is.
pub(super) fn repair_meta(meta: &mut RequestMetaObject) {
    let Some(given) = meta.get(META_CAPABILITIES) else { return };
    // Nothing but objects, as nearly always: nothing to do.
    let is_sound = given.as_object().is_some_and(|all| all.values().all(Value::is_object));
    if !is_sound && let Ok(read) = capabilities(META_CAPABILITIES, given.clone()) {
        meta.insert(META_CAPABILITIES.to_owned(), read);
    }
}

fn read(name: &str, kind: Kind, given: Option<Value>) -> Result<Option<Value>, String> {
    let Some(given) = given else {
        return Ok(match kind {
            Kind::Capabilities => Some(json!({})),
            Kind::Client => Some(json!({"name": "", "version": ""})),
            _ => None,
        });
    };
    match kind {
        Kind::Text if given.is_string() => Ok(Some(given)),
        Kind::Text => Err(must_be(name, "a string", &given)),
        Kind::Arguments => arguments(name, given),
        Kind::Capabilities => capabilities(name, given).map(Some),
        Kind::Client => client(name, given).map(Some),
        Kind::Filter => read_as::<SubscriptionFilter>(name, given),
        Kind::Reference => read_as::<Reference>(name, given),
        Kind::Argument => read_as::<ArgumentInfo>(name, given),
        Kind::Completed => read_as::<CompletionContext>(name, given),
    }
}

fn read_as<T: DeserializeOwned>(name: &str, given: Value) -> Result<Option<Value>, String> {
    let given = Value::Object(empty_or_object(name, given)?);
    fit(name, &given, &fits::<T>)
}

fn must_be(name: &str, what: &str, given: &Value) -> String {
    let given = match given {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("`{name}` must be {what}; {given} was given")
}

fn empty_or_object(name: &str, given: Value) -> Result<Object, String> {
    match given {
        Value::Object(object) => Ok(object),
        Value::Array(list) if list.is_empty() => Ok(Object::new()),
        other => Err(must_be(name, "an object", &other)),
    }
}

fn arguments(name: &str, given: Value) -> Result<Option<Value>, String> {
    if let Value::String(text) = &given {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let extent = Extent::of(text.as_bytes());
        if extent.tokens <= TEXT_TOKENS_MAX
            && extent.depth <= DEPTH_MAX
            && let Ok(object) = serde_json::from_str::<Object>(text)
        {
            return Ok(Some(Value::Object(object)));
        }
    }
    empty_or_object(name, given).map(|object| Some(Value::Object(object)))
}

fn client(name: &str, given: Value) -> Result<Value, String> {
    let mut given = match given {
        Value::String(name) => Object::from_iter([("name".to_owned(), Value::String(name))]),
        other => empty_or_object(name, other)?,
    };
    let mut read = Object::new();
    for member in ["name", "version"] {
        let text = match given.remove(member) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) => number.to_string(),
            Some(other) => return Err(must_be(&format!("{name}.{member}"), "a string", &other)),
        };
        read.insert(member.to_owned(), Value::String(text));
    }
    // The rest changes nothing here: what does not fit is left out.
    for (member, value) in given {
        read.insert(member.clone(), value);
        if !fits::<Implementation>(&Value::Object(read.clone())) {
            read.remove(&member);
        }
    }
    Ok(Value::Object(read))
}

fn capabilities(name: &str, given: Value) -> Result<Value, String> {
    let mut read = Object::new();
    for (member, value) in empty_or_object(name, given)? {
        let path = format!("{name}.{member}");
        let is_fit = |value: &Value| fits::<ClientCapabilities>(&json!({ &*member: value }));
        if let Some(value) = fit(&path, &value, &is_fit)? {
            read.insert(member, value);
        }
    }
    Ok(Value::Object(read))
}

fn fits<T: DeserializeOwned>(value: &Value) -> bool {
    T::deserialize(value).is_ok()
}

/// `value` as `is_fit` takes it; `None`: as if it were not there.
///
/// # Errors
/// The path of what cannot be read.
fn fit(path: &str, value: &Value, is_fit: &dyn Fn(&Value) -> bool) -> Result<Option<Value>, String> {
    if is_absent(value) {
        return Ok(None);
    }
    if is_fit(value) {
        return Ok(Some(value.clone()));
    }
    if let Some(reading) = readings(value).into_iter().find(|reading| reading.as_ref().is_none_or(is_fit)) {
        return Ok(reading);
    }
    let Value::Object(members) = value else { return Err(format!("`{path}` cannot be read")) };
    let mut read = Object::new();
    for (member, value) in members {
        let is_member_fit = |value: &Value| is_fit(&json!({ &**member: value }));
        if let Some(value) = fit(&format!("{path}.{member}"), value, &is_member_fit)? {
            read.insert(member.clone(), value);
        }
    }
    let read = Value::Object(read);
    if is_fit(&read) { Ok(Some(read)) } else { Err(format!("`{path}` cannot be read")) }
}

fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}

/// What else `value` can mean, the likeliest first; `None`: that nothing is there.
fn readings(value: &Value) -> Vec<Option<Value>> {
    let is = |known: &str| value.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case(known));
    if *value == json!(true) || *value == json!(1) || is("true") {
        vec![Some(json!(true)), Some(json!({}))]
    } else if *value == json!(false) || *value == json!(0) || is("false") {
        vec![Some(json!(false)), None]
    } else if value.as_array().is_some_and(Vec::is_empty) {
        vec![Some(json!({}))]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn initialize(params: &Value) -> Result<Value, String> {
        repaired("initialize", params.as_object().cloned().unwrap()).map(Value::Object)
    }

    /// What is made of these capabilities.
    fn read(given: &Value) -> Result<Value, String> {
        let params = initialize(&json!({"protocolVersion": "2025-11-25", "capabilities": given}))?;
        assert!(fits::<ClientCapabilities>(&params["capabilities"]), "{params}");
        Ok(params["capabilities"].clone())
    }

    #[test]
    fn a_client_that_says_nothing_of_itself_is_one_without_name_and_capabilities() {
        let expected = json!({
            "protocolVersion": "x", "capabilities": {}, "clientInfo": {"name": "", "version": ""},
        });
        for params in [
            json!({"protocolVersion": "x"}),
            json!({"protocolVersion": "x", "capabilities": null, "clientInfo": null, "_meta": null}),
            json!({"protocolVersion": "x", "capabilities": [], "clientInfo": []}),
            json!({"protocolVersion": "x", "capabilities": {}, "clientInfo": {"name": null}}),
        ] {
            assert_eq!(initialize(&params), Ok(expected.clone()), "{params}");
        }
    }

    #[test]
    fn capabilities_are_read_in_every_way_that_clients_write_them() {
        for (given, expected) in [
            (
                json!({"sampling": true, "elicitation": [], "roots": null}),
                json!({"sampling": {}, "elicitation": {}}),
            ),
            (json!({"sampling": false, "roots": "true"}), json!({"roots": {}})),
            (json!({"roots": {"listChanged": "true"}}), json!({"roots": {"listChanged": true}})),
            (json!({"roots": {"listChanged": null}}), json!({"roots": {"listChanged": null}})),
            (json!({"roots": {"listChanged": 1}}), json!({"roots": {"listChanged": true}})),
            (
                json!({"experimental": {"a": true, "b": [], "c": {"d": 1}}}),
                json!({"experimental": {"a": {}, "b": {}, "c": {"d": 1}}}),
            ),
            (
                json!({"elicitation": {"form": [], "url": true}}),
                json!({"elicitation": {"form": {}, "url": {}}}),
            ),
            (json!({"of_the_future": true, "logging": 7}), json!({"of_the_future": true, "logging": 7})),
        ] {
            assert_eq!(read(&given), Ok(expected), "{given}");
        }
    }

    #[test]
    fn a_client_s_name_and_version_are_read_from_what_says_them() {
        for (given, name, version) in [
            (json!({"name": "a", "version": 2.5}), "a", "2.5"),
            (json!({"name": 7, "version": "1", "icons": "none", "title": 7}), "7", "1"),
            (json!("a"), "a", ""),
            (json!({"name": "a", "version": "1", "title": "A", "websiteUrl": null}), "a", "1"),
        ] {
            let params = initialize(&json!({"protocolVersion": "x", "clientInfo": given})).unwrap();
            let client = &params["clientInfo"];
            assert_eq!((&client["name"], &client["version"]), (&json!(name), &json!(version)), "{given}");
            assert!(fits::<Implementation>(client), "{client}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_name() {
        for (method, params, words) in [
            ("initialize", json!({}), "`protocolVersion` is missing"),
            ("initialize", json!({"protocolVersion": null}), "`protocolVersion` is missing"),
            (
                "initialize",
                json!({"protocolVersion": 2025}),
                "`protocolVersion` must be a string; a number was given",
            ),
            (
                "initialize",
                json!({"protocolVersion": "x", "capabilities": "all"}),
                "`capabilities` must be an object",
            ),
            (
                "initialize",
                json!({"protocolVersion": "x", "capabilities": {"sampling": "x"}}),
                "`capabilities.sampling`",
            ),
            (
                "initialize",
                json!({"protocolVersion": "x", "capabilities": {"roots": {"listChanged": {}}}}),
                "`capabilities.roots.listChanged`",
            ),
            (
                "initialize",
                json!({"protocolVersion": "x", "clientInfo": 7}),
                "`clientInfo` must be an object",
            ),
            (
                "initialize",
                json!({"protocolVersion": "x", "clientInfo": {"name": {}}}),
                "`clientInfo.name` must be a string",
            ),
            (
                "initialize",
                json!({"protocolVersion": "x", "_meta": "x"}),
                "`_meta` must be an object; a text",
            ),
            ("tools/call", json!({"name": 7}), "`name` must be a string"),
            ("tools/call", json!({"name": "a", "arguments": 7}), "`arguments` must be an object; a number"),
            (
                "tools/call",
                json!({"name": "a", "arguments": "select 1"}),
                "`arguments` must be an object; a text",
            ),
            ("tools/call", json!({"name": "a", "arguments": [1]}), "`arguments` must be an object; a list"),
            ("tools/list", json!({"cursor": {}}), "`cursor` must be a string"),
            ("subscriptions/listen", json!({}), "`notifications` is missing"),
            (
                "subscriptions/listen",
                json!({"notifications": {"toolsListChanged": "x"}}),
                "`notifications.toolsListChanged`",
            ),
        ] {
            let why = repaired(method, params.as_object().cloned().unwrap()).unwrap_err();
            assert!(why.contains(words), "{method} {params}: {why}");
        }
    }

    #[test]
    fn arguments_as_text_are_bounded_like_others() {
        let read = |text: String| arguments("arguments", Value::String(text));
        assert_eq!(read(r#" {"query": "select 1"} "#.to_owned()), Ok(Some(json!({"query": "select 1"}))));
        assert_eq!(read(String::new()), Ok(None));
        assert!(read(format!(r#"{{"a": [{}0]}}"#, "0,".repeat(TEXT_TOKENS_MAX))).is_err());
        assert!(read(format!(r#"{{"a": {}{}}}"#, "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX))).is_err());
    }

    #[test]
    fn a_stateless_request_s_capabilities_are_read_too() {
        for (given, expected) in
            [(json!([]), json!({})), (json!({"sampling": true}), json!({"sampling": {}}))]
        {
            let mut meta = RequestMetaObject::default();
            meta.insert(META_CAPABILITIES.to_owned(), given);
            repair_meta(&mut meta);
            assert_eq!(meta.get(META_CAPABILITIES), Some(&expected));
        }
    }
}
