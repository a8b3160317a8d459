//! Resources: each table and view as `snowgate://DATABASE/SCHEMA/TABLE`, a few fixed ones, and completion of such names.
//!
//! `fixed` has those that are listed, `uri` reads the name of a table in a URI, `completion` completes one. A read is
//! answered by the same [`Call`] as `describe_table`, a completion as the tool that lists such names: so tools, lists, roles,
//! limits and audit of the profile hold for them as they are.

mod completion;
mod fixed;
mod uri;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, CompleteRequestParams, CompleteResult, ContentBlock, ErrorCode, ErrorData,
    ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams, ReadResourceResult,
    ResourceContents, ResourceTemplate,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};

use super::app;
use super::arguments::DescribeTable;
use super::call::Call;
use super::consent::Consent;
use super::service::SqlService;
use super::tool_call::ToolCall;
use super::{META_ERROR, shown};

/// The template of tables and views.
const TEMPLATE: &str = "snowgate://{database}/{schema}/{table}";

/// `resources/list`
pub(super) fn list(request: Option<PaginatedRequestParams>) -> Result<ListResourcesResult, ErrorData> {
    only_page(request)?;
    Ok(ListResourcesResult::with_all_items(fixed::FIXED.iter().map(fixed::Fixed::listed).collect()))
}

/// `resources/templates/list`
pub(super) fn templates(
    request: Option<PaginatedRequestParams>,
) -> Result<ListResourceTemplatesResult, ErrorData> {
    only_page(request)?;
    let template = ResourceTemplate::new(TEMPLATE, "table")
        .with_title("Table or view")
        .with_description("Columns, keys and comment of a table or view, as describe_table shows them.")
        .with_mime_type("text/plain");
    Ok(ListResourceTemplatesResult::with_all_items(vec![template]))
}

fn only_page(request: Option<PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor) {
        Some(cursor) if !cursor.is_empty() => {
            Err(ErrorData::invalid_params("there is only one page of resources, and no cursor for it", None))
        }
        _ => Ok(()),
    }
}

impl SqlService {
    /// `resources/read`
    pub(super) async fn read(
        &self,
        uri: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<ReadResourceResult, ErrorData> {
        if uri == app::APP_URI {
            let page = app::contents(&self.offered_tools());
            return Ok(ReadResourceResult::new(vec![page]));
        }
        if let Some(fixed) = fixed::find(uri) {
            return Ok(ReadResourceResult::new(vec![fixed.contents()]));
        }
        let Some(table) = uri::table_of(uri) else { return Err(not_found(uri, "no resource has this URI")) };
        let uri::Table { database, schema, table } = table;
        let arguments = DescribeTable { table, database: Some(database), schema: Some(schema), detail: None };
        let call = self.question(context)?;
        let result = Box::pin(call.answer(ToolCall::DescribeTable(arguments))).await;
        contents_of(uri, &result)
    }

    /// `completion/complete`
    pub(super) async fn completed(
        &self,
        request: CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let asked = completion::Asked::read(request)?;
        let call = self.question(context)?;
        let found = Box::pin(call.complete(&asked)).await;
        found.map(CompleteResult::new).map_err(|error| failed(super::failure::result(&error)))
    }
}

impl SqlService {
    /// A call for a question that is no tool's.
    fn question(&self, context: &RequestContext<RoleServer>) -> Result<Call, ErrorData> {
        self.note_client(context);
        self.session().fix_principal();
        self.new_call(context, Consent::default(), context.ct.clone())
    }
}

/// The contents of `uri`, which `result` describes.
fn contents_of(uri: &str, result: &CallToolResult) -> Result<ReadResourceResult, ErrorData> {
    if result.is_error == Some(true) {
        return Err(match kind_of(result) {
            Some("statement" | "no_context") => not_found(uri, &text_of(result)),
            _ => failed(result.clone()),
        });
    }
    Ok(ReadResourceResult::new(vec![ResourceContents::text(text_of(result), uri)]))
}

/// All texts of a result: what is said once, to whatever comes next, is said here, too.
fn text_of(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(ContentBlock::as_text).map(|text| text.text.as_str());
    texts.collect::<Vec<_>>().join("\n\n")
}

fn kind_of(result: &CallToolResult) -> Option<&str> {
    result.meta.as_ref()?.get(META_ERROR)?.get("kind")?.as_str()
}

/// There is no such resource. (`rmcp` sends the code of the revision: -32002, and -32602 since 2026-07-28.)
fn not_found(uri: &str, why: &str) -> ErrorData {
    let uri = shown(uri);
    ErrorData::resource_not_found(format!("Resource not found: {uri}: {why}"), Some(json!({"uri": uri})))
}

/// What could not be answered, with what went wrong for programs. What the profile refuses is no failure of the server's.
fn failed(result: CallToolResult) -> ErrorData {
    let text = text_of(&result);
    let details = result.meta.and_then(|meta| meta.get(META_ERROR).cloned()).unwrap_or(Value::Null);
    let code = match details["kind"].as_str() {
        Some("refused") => ErrorCode::INVALID_PARAMS,
        _ => ErrorCode::INTERNAL_ERROR,
    };
    ErrorData::new(code, text, Some(json!({ META_ERROR: details })))
}
