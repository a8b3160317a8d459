//! `/openapi.json`: what the front serves, as OpenAPI 3.1, made from the tools' own schemas.

mod calls;
mod paths;
mod schemas;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rmcp::model::Tool;
use serde_json::{Value, json};
use snowgate_link::BUILD;

use super::json_response;
use crate::config::HttpAuth;
use crate::http::caller::Caller;
use crate::http::front::Front;
use crate::mcp::all_tools;

/// `GET /openapi.json`
pub(super) async fn get(State(front): State<Arc<Front>>, Extension(_): Extension<Caller>) -> Response {
    let http = front.mcp.shared.config.http.as_ref();
    let asks_for_keys = http.is_none_or(|http| http.auth == HttpAuth::Keys);
    let mut response = json_response(document(&all_tools(), asks_for_keys).to_string()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The description of a front that serves `tools`.
fn document(tools: &[Tool], asks_for_keys: bool) -> Value {
    let security = if asks_for_keys { json!([{ "bearer": [] }, { "key": [] }]) } else { json!([]) };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Snowgate",
            "version": BUILD,
            "summary": "SQL databases as tools, over MCP and plain HTTP",
            "description":
                "The HTTP front of a Snowgate gateway. Tools are called with `POST /mcp/tools/call`; the same tools are \
                 served over the Model Context Protocol on `/mcp`. Which tools a key may call, and what they may do, is \
                 its profile's and its role's matter: `GET /mcp/tools` lists those of the caller.",
            "license": { "name": "MIT or Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        // Where this document was fetched from.
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "tools", "description": "Calling tools" },
            { "name": "mcp", "description": "The Model Context Protocol" },
            { "name": "health", "description": "Whether it is well" },
            { "name": "admin", "description": "What an operator does: needs the permission `admin_operations`" },
            { "name": "description", "description": "This document" },
        ],
        "security": security,
        "paths": paths::paths(),
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`" },
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
            },
            "schemas": schemas::schemas(tools),
            "headers": schemas::headers(),
            "parameters": schemas::parameters(),
            "responses": schemas::responses(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The texts of all `$ref` in `value`.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match (name.as_str(), member) {
                        ("$ref", Value::String(to)) => _ = found.insert(to.clone()),
                        _ => references(member, found),
                    }
                }
            }
            Value::Array(members) => members.iter().for_each(|member| references(member, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_part_is_used() {
        let document = document(&all_tools(), true);
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for to in &found {
            let path = to.strip_prefix('#').unwrap();
            assert!(document.pointer(path).is_some(), "{to}");
        }
        for part in ["schemas", "headers", "parameters", "responses"] {
            for name in document["components"][part].as_object().unwrap().keys() {
                assert!(found.contains(&format!("#/components/{part}/{name}")), "{part}/{name} is not used");
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_says_what_may_go_wrong() {
        let document = document(&all_tools(), true);
        let mut names = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(
                    names.insert(operation["operationId"].as_str().unwrap().to_owned()),
                    "{method} {path}"
                );
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.len() > 1, "{method} {path}");
                assert!(
                    operation["tags"][0].is_string() && operation["summary"].is_string(),
                    "{method} {path}"
                );
            }
        }
    }

    #[test]
    fn every_tool_is_described_with_its_own_schema() {
        let tools = all_tools();
        let document = document(&tools, true);
        for tool in &tools {
            let schema = &document["components"]["schemas"][format!("{}.arguments", tool.name)];
            assert_eq!(schema["properties"], tool.input_schema["properties"], "{}", tool.name);
        }
        assert_eq!(super::document(&tools, false)["security"], json!([]));
    }
}
