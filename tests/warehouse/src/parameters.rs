//! Parameters of sessions, as answers list them.

use serde_json::{Value, json};

use super::session::Session;

/// What every session has, unless it says otherwise: those that drivers look at.
const USUAL: [(&str, &str); 14] = [
    ("AUTOCOMMIT", "true"),
    ("BINARY_OUTPUT_FORMAT", "\"HEX\""),
    ("CLIENT_PREFETCH_THREADS", "4"),
    ("CLIENT_RESULT_CHUNK_SIZE", "160"),
    ("CLIENT_SESSION_KEEP_ALIVE", "false"),
    ("CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "3600"),
    ("CLIENT_TELEMETRY_ENABLED", "false"),
    ("DATE_OUTPUT_FORMAT", "\"YYYY-MM-DD\""),
    ("QUERY_CONTEXT_CACHE_SIZE", "5"),
    ("TIMESTAMP_NTZ_OUTPUT_FORMAT", "\"YYYY-MM-DD HH24:MI:SS.FF3\""),
    ("TIMESTAMP_OUTPUT_FORMAT", "\"YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM\""),
    ("TIMESTAMP_TYPE_MAPPING", "\"TIMESTAMP_NTZ\""),
    ("TIMEZONE", "\"America/Los_Angeles\""),
    ("TIME_OUTPUT_FORMAT", "\"HH24:MI:SS\""),
];

/// All parameters of a session, as an answer lists them.
pub(super) fn of(session: &Session) -> Vec<Value> {
    let own = session.parameters.iter().map(|(name, value)| json!({"name": name, "value": value}));
    let usual = USUAL.iter().filter(|(name, _)| !session.parameters.contains_key(*name));
    let usual = usual.map(|(name, value)| {
        let value: Value = serde_json::from_str(value).expect("a value in JSON");
        json!({"name": name, "value": value})
    });
    own.chain(usual).collect()
}
