//! Who follows docs/getting-started.md has what it promises.

use std::fs;

use serde_json::{Value, json};
use snowgate_tests::tool_text;

use super::pages::pages;
use super::place::{Needs, Place};
use super::script::{Step, steps};

#[test]
fn getting_started_leads_to_a_profile_that_reads_just_what_it_should() {
    let page = pages().into_iter().find(|page| page.path == "docs/getting-started.md").expect("the page");
    let steps: Vec<Step> = page.blocks.iter().flat_map(steps).collect();
    let place = Place::new(Needs { is_bare: true, ..Needs::default() });
    let ended = place.run(&steps);
    assert_eq!(ended.codes.len(), steps.len(), "{}", ended.output);
    assert!(ended.output.contains("profile: analyst"), "{}", ended.output);
    let entry = fs::read_to_string(place.folder("user/.claude.json")).expect("Claude Code's file");
    let entry: Value = serde_json::from_str(&entry).expect("JSON");
    let command = entry["mcpServers"]["snowgate"]["command"].as_str().unwrap_or_default();
    assert!(command.ends_with("snowgate-shim"), "{entry}");

    let mut claude = place.home().client();
    claude.initialize_as("claude-code", "2025-11-25");
    let orders = claude.query("SELECT CUSTOMER, sum(AMOUNT) AS S FROM ORDERS GROUP BY 1 ORDER BY 1");
    assert!(tool_text(&orders).contains("Ada|160"), "{orders}");
    let refused = claude.query("SELECT * FROM SALARIES");
    let text = tool_text(&refused);
    assert!(text.contains("denied_tables") && text.contains("analyst"), "{text}");
    let write = claude.query("DELETE FROM ORDERS");
    assert_eq!(write["result"]["isError"], json!(true), "{write}");

    let mut other = place.home().client();
    other.initialize_as("cursor", "2025-11-25");
    let list = other.call("list_databases", &json!({}));
    let text = tool_text(&list);
    assert!(text.contains("SNOWFLAKE_SAMPLE_DATA") && !text.contains("SHOP"), "{text}");
}
