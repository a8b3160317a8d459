//! Answers of the server's forms.

use serde_json::{Value, json};

use super::Reply;

/// A log-in granted for an hour.
pub fn granted(token: &str, master: &str) -> Reply {
    success(&json!({
        "token": token, "validityInSeconds": 3600, "masterToken": master, "masterValidityInSeconds": 14400,
        "displayUserName": "ME", "serverVersion": "10.1", "sessionId": 4711,
        "idToken": null, "mfaToken": null,
        "healthCheckInterval": 45, "newField": {"x": [1]},
        "sessionInfo": {"databaseName": "D0", "schemaName": "S0", "warehouseName": "W0", "roleName": "R0"},
        "parameters": [
            {"name": "TIMEZONE", "value": "Europe/Berlin"}, {"name": "CLIENT_PREFETCH_THREADS", "value": 4},
        ],
    }))
}

/// A session token renewed for an hour.
pub fn renewed(token: &str) -> Reply {
    success(&json!({
        "sessionToken": token, "validityInSecondsST": 3600, "masterToken": "master-2",
        "validityInSecondsMT": 14400, "sessionId": 4711,
    }))
}

/// A success with `data`.
pub fn success(data: &Value) -> Reply {
    Reply::json(&json!({"data": data, "code": null, "message": null, "success": true}))
}

/// A refusal without details.
pub fn refused(code: &str, message: &str) -> Reply {
    Reply::json(&json!({"data": null, "code": code, "message": message, "success": false, "headers": null}))
}

/// The refusal of a session token that has expired.
pub fn expired() -> Reply {
    refused("390112", "the token has expired")
}

/// "Still running", as `code`.
pub fn running(code: &str, query_id: &str) -> Reply {
    let url = format!("/queries/{query_id}/result");
    let data =
        json!({"getResultUrl": url, "queryId": query_id, "progressDesc": null, "queryAbortsAfterSecs": 300});
    Reply::json(&json!({"data": data, "code": code, "message": "in progress", "success": true}))
}

/// The data of a result of one number column `N`.
pub fn numbers(query_id: &str, rows: &[&str]) -> Value {
    json!({
        "queryId": query_id,
        "rowtype": [{"name": "N", "type": "fixed", "scale": 0, "precision": 38, "nullable": false}],
        "rowset": rows.iter().map(|row| [row]).collect::<Vec<_>>(), "total": rows.len(),
        "returned": rows.len(),
        "finalDatabaseName": "D1", "finalSchemaName": null, "finalWarehouseName": "W1",
        "statementTypeId": 4096, "queryResultFormat": "json", "version": 1, "parameters": [],
    })
}

/// A finished query of one number column.
pub fn done(query_id: &str, rows: &[&str]) -> Reply {
    success(&numbers(query_id, rows))
}

/// A result whose rows are in chunks: of each its address and its rows.
pub fn chunked(query_id: &str, inline: &[&str], chunks: &[(String, usize)]) -> Reply {
    let mut data = numbers(query_id, inline);
    data["chunks"] = chunks.iter().map(|(url, rows)| json!({"url": url, "rowCount": rows})).collect();
    data["chunkHeaders"] = json!({"x-storage-key": "storage-secret"});
    data["total"] = (inline.len() + chunks.iter().map(|chunk| chunk.1).sum::<usize>()).into();
    success(&data)
}

/// A chunk's body: the numbers of `range`, each a row.
pub fn chunk(range: std::ops::Range<usize>) -> Vec<u8> {
    range.map(|n| format!("[\"{n}\"]")).collect::<Vec<_>>().join(",").into_bytes()
}
