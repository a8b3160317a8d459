//! MCP: the tools that a session's client sees, served through `rmcp`.
//!
//! A [`ToolCall`] and the [`RequestFacts`] of its request go in, a result comes out. Both of the protocol's
//! eras are served on one connection: nothing here depends on how a client opened, or through which front it
//! came.
//!
//! `service` answers `rmcp`, and `logged` writes a line for each request (`request_record`); `tool_name`,
//! `arguments`, `given` and `tool_call` read a call, `tools` describes them to clients; `call` runs one, `contexts`
//! and `context_free` decide in which context, `qualified` takes a name apart where a table's should stand,
//! `journaled` keeps a statement that writes from running twice; `table`, `failure` and `session_info` are results
//! as text, `rows` as JSON; `app` is the page in which clients show a result. `resources` serves tables as resources,
//! and completes their names.

mod app;
mod arguments;
mod call;
mod client_log;
mod consent;
mod context_free;
mod contexts;
mod describe_table;
mod execute_query;
mod explain_query;
mod export_kept;
mod export_result;
mod facts;
mod failure;
mod get_result;
mod given;
mod journaled;
mod kept;
mod limited;
mod logged;
mod long_call;
mod own_settings;
mod page;
mod plan_names;
mod progress;
mod qualified;
mod request_record;
mod resources;
mod rows;
mod running;
mod saved_question;
mod search_objects;
mod semantic_views;
mod service;
mod session_info;
mod table;
mod table_sample;
mod tasks;
#[cfg(test)]
mod tests;
mod tool_call;
mod tool_name;
mod tools;

use std::sync::Arc;

pub use facts::{About, LineFacts, RepeatKey, RequestFacts, RowFormat, UnreadableArgument};
pub use logged::LoggedService;
pub use request_record::log_unstarted;
pub use service::SqlService;
pub use tool_call::{CallRefusal, ToolCall};
pub use tool_name::ToolName;
pub use tools::{ToolList, all_tools, order_arguments};

use crate::session::{Profile, Session};
use crate::shared::Shared;

/// In the `_meta` of a result that is an error: what went wrong, for programs (`kind`, and what else is known of it).
pub const META_ERROR: &str = "snowgate/error";

/// In the `_meta` of a result whose text is the document of its rows (`rows`).
pub const META_ROWS: &str = "snowgate/rows";

/// In the `_meta` of a result of which rows are kept: their handle, which rows are shown, and how many there are (`Rest::meta`).
pub const META_RESULT: &str = "snowgate/result";

/// The longest name of a role, warehouse, database, schema, table, view or tool, in bytes: Snowflake's bound.
const NAME_BYTES_MAX: usize = 255;

/// The name of an unknown method or tool is repeated up to this many characters.
const SHOWN_CHARS_MAX: usize = 100;

/// What every front needs to serve MCP.
pub struct Mcp {
    /// What all sessions share.
    pub shared: Arc<Shared>,
    tool_lists: tools::ToolLists,
}

impl Mcp {
    /// The MCP side of a gateway.
    pub fn new(shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { shared, tool_lists: tools::ToolLists::default() })
    }

    /// The tools that sessions of `profile` are offered.
    pub fn tools(&self, profile: &Profile) -> Arc<ToolList> {
        self.tool_lists.list_for(profile)
    }

    /// The service of `session`.
    pub fn service(self: &Arc<Self>, session: Arc<Session>) -> LoggedService {
        LoggedService::new(SqlService::new(Arc::clone(self), session))
    }
}

/// As much of a client's own word as an error repeats.
fn shown(name: &str) -> String {
    name.chars().take(SHOWN_CHARS_MAX).collect()
}
