//! The configuration to paste into a client.

use std::path::Path;

use serde_json::json;

/// The snippets for the most common clients, with the shim's path.
pub(super) fn text(shim: &Path) -> String {
    let config = json!({"mcpServers": {"snowgate": {"command": shim}}});
    let config = serde_json::to_string_pretty(&config).unwrap_or_default();
    format!(
        "To use it, paste this into claude_desktop_config.json, .cursor/mcp.json or Roo Code's mcp_settings.json:\n\n\
         {config}\n\n\
         or let `snowgate install claude-code` (or another of the clients that `snowgate clients` lists) do it.\n"
    )
}
