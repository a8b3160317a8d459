//! Both hellos, and the reader of flat objects under them: what parses survives a round trip, within its
//! bound.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use snowgate_link::flat::FlatReader;
use snowgate_link::hello::{
    CLIENT_HELLO_BYTES_MAX, ClientHello, HELLO_BYTES_MAX, STATE_BYTES_MAX, ServerHello, SessionKey,
};
use snowgate_link::json_string::quote;

/// A build's own version, session id or secret is at most this long, in bytes; hellos never cut them.
const OWN_TEXT_BYTES_MAX: usize = 64;

/// The texts of a hello that are cut where the line would become too long.
const CUT: [&str; 4] = ["profile", "session_name", "parent_exe", "cwd"];

/// Input: a line.
pub fn hello(data: &[u8]) {
    expect_read_as_by_a_library(data);
    if let Some(hello) = ClientHello::from_line(data) {
        expect_client_round_trip(data, &hello);
    }
    if let Some(hello) = ServerHello::from_line(data) {
        expect_server_round_trip(&hello);
    }
}

/// `data` is the line that was read as `hello`.
fn expect_client_round_trip(data: &[u8], hello: &ClientHello) {
    let line = hello.to_line();
    let again = ClientHello::from_line(&line).expect("a hello that was written is read");
    expect_line(&line, &again.to_line());
    assert_eq!(never_cut(&again), never_cut(hello));
    let (whole, cut) = (FlatReader::new(data), FlatReader::new(&line));
    assert_eq!(
        cut.text("profile").is_some(),
        whole.text("profile").is_some(),
        "a name may be cut, not left out"
    );
    for key in CUT {
        if let Some(cut) = cut.text(key) {
            expect_beginning(Some(&cut), whole.text(key).as_deref());
        }
    }
    if is_of_own_length(&hello.build, hello.session.as_ref()) && is_state(hello.state.as_deref()) {
        assert!(line.len() <= CLIENT_HELLO_BYTES_MAX, "a hello of {} bytes", line.len());
    }
}

/// The fields that survive a round trip at any length.
fn never_cut(hello: &ClientHello) -> impl PartialEq + fmt::Debug {
    let texts = (hello.build.clone(), hello.session.clone(), hello.state.clone());
    (hello.snowgate, hello.role, hello.origin.pid, hello.window, texts)
}

fn expect_server_round_trip(hello: &ServerHello) {
    let line = hello.to_line();
    let again = ServerHello::from_line(&line).expect("a hello that was written is read");
    expect_line(&line, &again.to_line());
    match (hello, &again) {
        (ServerHello::Refused(refusal), ServerHello::Refused(again)) => {
            expect_beginning(Some(&again.message), Some(&refusal.message));
            expect_beginning(again.next_step.as_deref(), refusal.next_step.as_deref());
            assert_eq!(again.retry, refusal.retry);
            assert!(line.len() <= HELLO_BYTES_MAX, "a refusal of {} bytes", line.len());
        }
        (ServerHello::Welcome(welcome), again) => {
            assert_eq!(again, hello);
            if is_of_own_length(&welcome.build, welcome.session.as_ref()) {
                assert!(line.len() <= HELLO_BYTES_MAX, "a welcome of {} bytes", line.len());
            }
        }
        _ => panic!("{hello:?} was read as {again:?}"),
    }
}

/// One line of JSON, which is written again as it is.
fn expect_line(line: &[u8], again: &[u8]) {
    assert_eq!(line, again);
    assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1), "one line");
    serde_json::from_slice::<Value>(line).expect("a hello is JSON");
}

fn expect_beginning(cut: Option<&str>, whole: Option<&str>) {
    assert_eq!(cut.is_some(), whole.is_some(), "{cut:?} of {whole:?}");
    assert!(cut.is_none_or(|cut| whole.is_some_and(|whole| whole.starts_with(cut))), "{cut:?} of {whole:?}");
}

fn is_of_own_length(build: &str, session: Option<&SessionKey>) -> bool {
    let key = session.map(|key| [key.id.as_str(), key.secret.as_str()]);
    let quoted_len = |text: &str| {
        let mut quoted = String::new();
        quote(text, &mut quoted);
        quoted.len() - 2
    };
    key.into_iter().flatten().chain([build]).all(|text| quoted_len(text) <= OWN_TEXT_BYTES_MAX)
}

/// Whether a gateway sends such a state: JSON of bounded length, in which only quotes and backslashes are
/// escaped once more.
fn is_state(state: Option<&str>) -> bool {
    state.is_none_or(|state| state.len() <= STATE_BYTES_MAX && !state.contains(char::is_control))
}

/// A JSON object with its fields in order, duplicate keys included.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// Of an object's texts, whole numbers and flags the first of each key is read, as a JSON library reads it.
fn expect_read_as_by_a_library(line: &[u8]) {
    let read = FlatReader::new(line);
    let Ok(Fields(fields)) = serde_json::from_slice::<Fields>(line) else { return };
    for (key, _) in &fields {
        let mut values = fields.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
        let value = values.find(|value| value.is_string() || value.is_u64() || value.is_boolean());
        assert_eq!(read.text(key).as_deref(), value.and_then(Value::as_str), "the text {key:?}");
        assert_eq!(read.number::<u64>(key), value.and_then(Value::as_u64), "the number {key:?}");
        assert_eq!(read.flag(key), value == Some(&Value::Bool(true)), "the flag {key:?}");
    }
}
