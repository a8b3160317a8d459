//! The app: a page in which clients show a result (MCP Apps, `io.modelcontextprotocol/ui`, revision 2026-01-26).
//!
//! A client that has declared the extension finds the page's address in the `_meta` of the tools that return rows, reads it
//! once, and shows it in a sandboxed frame; it hands each result over as it is. The page reads the rows out of the result's
//! text ([`table`](super::table)), so rows travel once, and what the model sees is what it would see without the page. Other
//! clients are told nothing of it.
//!
//! `text.js` holds what is pure, `page.js` the rest; both go into one script, whose hash the page's own policy names.
//!
//! Invariant: no value becomes markup, and the page asks for nothing but its client's frame: its own policy allows its own
//! script and style alone, whatever the client's policy allows.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{ClientCapabilities, JsonObject, MetaObject, Resource, ResourceContents, Tool};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::tool_name::ToolName;
use super::tools::ToolList;

/// The page's address.
pub(super) const APP_URI: &str = "ui://snowgate/result";
/// What the page is.
pub(super) const APP_MIME_TYPE: &str = "text/html;profile=mcp-app";

/// By this name clients declare that they show such pages (SEP-1724).
const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// Where clients of before the stable revision look for the page's address.
const FLAT_KEY: &str = "ui/resourceUri";

/// The tools whose results the page shows.
const SHOWN: [ToolName; 3] = [ToolName::QueryView, ToolName::ExecuteQuery, ToolName::GetResult];
/// The tools that the page calls, if they are offered.
const CALLED: [ToolName; 2] = [ToolName::GetResult, ToolName::ExportResult];

/// The style, without spaces that mean nothing.
static STYLE: LazyLock<String> = LazyLock::new(|| {
    let lines = include_str!("page.css").lines().map(str::trim_start).collect::<String>();
    [" {", "{ ", "; ", ": ", ", "].iter().fold(lines, |style, spaced| style.replace(spaced, spaced.trim()))
});

/// The script, without what is for its readers here: no text in it has more than one line.
static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let lines = concat!(include_str!("text.js"), include_str!("page.js")).lines().map(str::trim_start);
    lines.filter(|line| !line.starts_with("//") && !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
});

/// The page with all but what differs between profiles.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    // Trusted Types are not asked for: clients that put a script of their own into the page could fail then.
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(&SCRIPT),
        hash(&STYLE)
    );
    include_str!("page.html")
        .replace("{policy}", &policy)
        .replace("{style}", &STYLE)
        .replace("{script}", &SCRIPT)
});

/// Whether a client that declares `capabilities` shows the page.
pub(super) fn is_shown_by(capabilities: Option<&ClientCapabilities>) -> bool {
    let settings = capabilities.and_then(|can| can.extensions.as_ref()?.get(EXTENSION));
    // Some declare the extension without its types: there is but one.
    settings.is_some_and(|settings| match settings.get("mimeTypes").and_then(Value::as_array) {
        Some(types) => types.iter().any(|of| of == APP_MIME_TYPE),
        None => true,
    })
}

/// Has `tools` name the page.
pub(super) fn link(tools: &mut [Tool]) {
    for tool in tools.iter_mut().filter(|tool| SHOWN.iter().any(|shown| tool.name == shown.as_str())) {
        let meta = tool.meta.get_or_insert_with(MetaObject::new);
        meta.0.insert("ui".to_owned(), json!({"resourceUri": APP_URI}));
        meta.0.insert(FLAT_KEY.to_owned(), APP_URI.into());
    }
}

/// The page as `resources/list` has it, for clients that show it.
pub(super) fn listed() -> Resource {
    Resource::new(APP_URI, "result")
        .with_title("Result")
        .with_description("Shows a result as a table and a chart.")
        .with_mime_type(APP_MIME_TYPE)
        .with_meta(meta())
}

/// What `resources/read` returns of the page to a session that is offered `tools`.
pub(super) fn contents(tools: &ToolList) -> ResourceContents {
    ResourceContents::TextResourceContents {
        uri: APP_URI.to_owned(),
        mime_type: Some(APP_MIME_TYPE.to_owned()),
        text: document(tools),
        meta: Some(meta()),
    }
}

/// What clients build the frame's policy of: no origin at all.
fn meta() -> MetaObject {
    let nothing: [&str; 0] = [];
    let csp = json!({
        "connectDomains": nothing, "resourceDomains": nothing, "frameDomains": nothing, "baseUriDomains": nothing,
    });
    let ui = json!({"csp": csp, "permissions": {}, "prefersBorder": true});
    MetaObject(JsonObject::from_iter([("ui".to_owned(), ui)]))
}

/// The page for a session that is offered `tools`: it has no button for what would be refused.
fn document(tools: &ToolList) -> String {
    let is_offered = |called: &&ToolName| tools.tools.iter().any(|tool| tool.name == called.as_str());
    let called: Vec<&str> = CALLED.iter().filter(is_offered).map(|called| called.as_str()).collect();
    PAGE.replacen("{tools}", &called.join(" "), 1)
}

#[cfg(test)]
mod tests {
    use super::super::tools::{ToolLists, all_tools};
    use super::*;
    use crate::session::Profile;

    fn capabilities(of: Value) -> ClientCapabilities {
        serde_json::from_value(of).unwrap()
    }

    fn all() -> ToolList {
        ToolList { tools: all_tools(), digest: String::new() }
    }

    #[test]
    fn the_page_is_small_plain_text_and_makes_no_markup_of_values() {
        let page = document(&all());
        assert!(page.len() < 30_000, "{}", page.len());
        // Its hash must not depend on how a client reads it.
        assert!(page.is_ascii() && !page.contains('\r'));
        for made in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "DOMParser",
            "srcdoc",
            "javascript:",
            "fetch(",
            "XMLHttpRequest",
            "import(",
            ".href",
            ".src",
            "http:",
            "https:",
        ] {
            assert!(!SCRIPT.replace("http://www.w3.org/2000/svg", "").contains(made), "{made}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--") && !STYLE.contains("</style"));
        assert_eq!((page.matches("<script").count(), page.matches("<style").count()), (1, 1));
        for place in ["{policy}", "{style}", "{tools}", "{script}"] {
            assert!(!page.contains(place), "{place}");
        }
        assert!(!page.contains("style=\"") && !page.contains(" onclick="));
    }

    #[test]
    fn the_page_is_told_which_tools_it_may_call() {
        assert!(document(&all()).contains("data-tools=\"get_result export_result\""));
        let tools = Some(vec!["execute_query".to_owned()]);
        let few = ToolLists::default().list_for(&Profile { tools, ..Profile::default() });
        assert!(document(&few).contains("data-tools=\"\""));
    }

    #[test]
    fn the_tools_that_return_rows_name_the_page_and_no_others() {
        let mut tools = all_tools();
        link(&mut tools);
        let linked = |tool: &&Tool| tool.meta.as_ref().is_some_and(|meta| meta.0.contains_key("ui"));
        let names: Vec<&str> = tools.iter().filter(linked).map(|tool| &*tool.name).collect();
        assert_eq!(names, ["query_view", "execute_query", "get_result"]);
        let meta = &tools.iter().find(|tool| tool.name == "execute_query").unwrap().meta.as_ref().unwrap().0;
        assert_eq!(meta["ui"]["resourceUri"], "ui://snowgate/result");
        assert_eq!(meta["ui/resourceUri"], "ui://snowgate/result");
        assert_eq!(meta["anthropic/alwaysLoad"], true, "what was there stays");
    }

    #[test]
    fn only_a_client_that_declares_the_extension_is_told_of_the_page() {
        for (declared, is_shown) in [
            (json!({}), false),
            (json!({"extensions": {}}), false),
            (json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}), false),
            (json!({"extensions": {EXTENSION: {"mimeTypes": [APP_MIME_TYPE]}}}), true),
            (json!({"extensions": {EXTENSION: {"mimeTypes": ["text/uri-list", APP_MIME_TYPE]}}}), true),
            (json!({"extensions": {EXTENSION: {"mimeTypes": ["text/uri-list"]}}}), false),
            (json!({"extensions": {EXTENSION: {}}}), true),
        ] {
            assert_eq!(is_shown_by(Some(&capabilities(declared.clone()))), is_shown, "{declared}");
        }
        assert!(!is_shown_by(None));
    }

    #[test]
    fn the_resource_asks_for_no_origin_and_no_permission() {
        let contents = serde_json::to_value(contents(&all())).unwrap();
        assert_eq!((&contents["uri"], &contents["mimeType"]), (&json!(APP_URI), &json!(APP_MIME_TYPE)));
        let ui = &contents["_meta"]["ui"];
        assert!(ui["csp"].as_object().unwrap().values().all(|origins| *origins == json!([])), "{ui}");
        assert_eq!(ui["permissions"], json!({}));
        assert!(contents["text"].as_str().unwrap().starts_with("<!doctype html>"));
    }
}
