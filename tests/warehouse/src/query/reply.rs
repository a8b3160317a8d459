//! A query as an answer: its result, its error, or that it runs.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Done, Query};
use crate::answers::Reply;
use crate::result::{Column, KeyForm, ResultSet, StatementType};
use crate::sql::Outcome;
use crate::state::State;

/// The header that a part of a result must be asked for with, and what it names the way of encryption with.
pub(super) const KEY_HEADER: &str = "x-amz-server-side-encryption-customer-key";
const ALGORITHM_HEADER: &str = "x-amz-server-side-encryption-customer-algorithm";

pub(super) fn of(state: &State, id: &str) -> Reply {
    let Some(query) = state.queries.get(id) else { return Reply::status(500) };
    match &query.done {
        None => Reply::running(if query.detached { "333334" } else { "333333" }, id),
        Some(Done { outcome: Err(error), .. }) => Reply::failed(error, id),
        Some(Done { outcome: Ok(Outcome::Transfer(data)), .. }) => {
            let mut data = data.clone();
            data["queryId"] = id.into();
            Reply::success(&data)
        }
        Some(done @ Done { outcome: Ok(Outcome::Rows(result)), .. }) => {
            Reply::success(&data(state, id, query, done, result))
        }
    }
}

fn data(state: &State, id: &str, query: &Query, done: &Done, result: &ResultSet) -> Value {
    let total = result.rows.len();
    let inline = result.rows.json(0..result.paging.inline.min(total));
    let rowset: Value = serde_json::from_str(&format!("[{inline}]")).expect("rows are JSON");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let mut data = json!({
        "parameters": done.parameters, "rowtype": result.columns.iter().map(Column::json).collect::<Vec<_>>(),
        "rowset": rowset, "total": total, "returned": total, "queryId": id, "databaseProvider": null,
        "finalDatabaseName": done.context.database, "finalSchemaName": done.context.schema,
        "finalWarehouseName": done.context.warehouse, "finalRoleName": done.context.role,
        "numberOfBinds": 0, "arrayBindSupported": false, "statementTypeId": result.statement_type as u32,
        "version": 1, "sendResultTime": u64::try_from(now).unwrap_or(0), "queryResultFormat": "json",
        // Grows with each query, as a time would.
        "queryContext": {
            "entries": [{"id": 0, "timestamp": state.seen.queries.len(), "priority": 0, "context": "CAQ="}],
        },
    });
    if result.statement_type == StatementType::Insert && !query.describe_only {
        let count = rowset_count(&data["rowset"]);
        data["stats"] = json!({
            "numRowsInserted": count, "numRowsDeleted": 0, "numRowsUpdated": 0, "numDmlDuplicates": 0,
        });
    }
    if result.paging.chunks > 0 {
        link(&mut data, state, id, result);
    }
    data
}

fn rowset_count(rowset: &Value) -> u64 {
    rowset[0][0].as_str().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Adds where the chunks are, and the key for them.
fn link(data: &mut Value, state: &State, id: &str, result: &ResultSet) {
    let (total, address, epoch) = (result.rows.len(), state.address, state.links_epoch);
    let chunk = |index: usize| {
        let rows = result.paging.range(total, index).len();
        let url =
            format!("http://{address}/results/{id}/{index}?X-Amz-Expires=21600&X-Amz-Signature={epoch}");
        // Nobody relies on the sizes: they are an estimate here.
        json!({"url": url, "rowCount": rows, "uncompressedSize": rows * 12, "compressedSize": rows * 3})
    };
    data["chunks"] = (0..result.paging.chunks).map(chunk).collect();
    let key = &state.storage_key;
    if result.paging.key != KeyForm::Headers {
        data["qrmk"] = key.as_str().into();
    }
    if result.paging.key != KeyForm::Qrmk {
        data["chunkHeaders"] = json!({ KEY_HEADER: key, ALGORITHM_HEADER: "AES256" });
    }
}
