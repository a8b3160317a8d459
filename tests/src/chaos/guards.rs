//! Settings that are on and never hit: limits, quotas, the lane, a profile with few slots. With them every request
//! is answered as without.

use crate::harness::Home;

/// Each by itself, because a program of an earlier build does not know it: section, key, value.
const SETTINGS: [(&str, &str); 20] = [
    ("allocator", "lane_slots = 2"),
    ("allocator", "lane_timeout_ms = 1000"),
    ("allocator", "queue_max = 5000"),
    ("limits", "requests_per_second = 100000"),
    ("limits", "requests_burst = 100000"),
    ("limits", "requests_per_minute = 1000000"),
    ("limits", "requests_per_hour = 100000000"),
    ("limits", "requests_per_day = 100000000"),
    ("limits", "queries_per_minute = 1000000"),
    ("limits", "queries_per_hour = 100000000"),
    ("limits", "queries_per_day = 100000000"),
    ("limits", "rows_per_day = 1000000000"),
    ("limits", "bytes_per_day = 1000000000000"),
    ("limits", "backend_seconds_per_day = 100000000"),
    ("limits", "concurrent_max = 10000"),
    ("limits", "sessions_per_client_max = 1000"),
    ("limits", "global_requests_per_second = 100000"),
    ("limits", "global_queries_per_minute = 1000000"),
    ("limits", "global_concurrent_max = 10000"),
    ("limits", "global_backend_seconds_per_day = 100000000"),
];

/// Three clients of ten have a profile with one slot, another weight, and limits of its own.
const PROFILE: &str =
    "[profiles.capped]\nmatch = [{ client = '*2' }, { client = '*5' }, { client = '*8' }]\n";
const PROFILE_SETTINGS: [&str; 6] = [
    "slots_max = 1",
    "weight = 2",
    "requests_per_minute = 1000000",
    "queries_per_hour = 100000000",
    "rows_per_day = 1000000000",
    "concurrent_max = 10000",
];

/// Those of them that the programs under test know, as TOML.
///
/// # Panics
/// The file system refuses.
pub(super) fn known() -> String {
    let home = Home::new();
    let is_known = |text: &str| {
        home.configure(text);
        home.run(&["config", "check"]).code == Some(0)
    };
    let mut text = String::new();
    for section in ["allocator", "limits"] {
        let own = SETTINGS
            .iter()
            .filter(|(of, setting)| *of == section && is_known(&format!("[{of}]\n{setting}\n")));
        let lines: String = own.map(|(_, setting)| format!("{setting}\n")).collect();
        if !lines.is_empty() {
            text.push_str(&format!("[{section}]\n{lines}"));
        }
    }
    text.push_str(PROFILE);
    for setting in PROFILE_SETTINGS {
        if is_known(&format!("{PROFILE}{setting}\n")) {
            text.push_str(&format!("{setting}\n"));
        }
    }
    text
}
