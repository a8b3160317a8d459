//! `PUT` and `GET`: the service tells the client which files to move. A client that gets so far would do it.

use serde_json::json;

use super::words::Words;
use super::{Outcome, Plan, SqlError};

pub(super) fn put(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    transfer(words, "UPLOAD")
}

pub(super) fn get(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    transfer(words, "DOWNLOAD")
}

fn transfer(words: &mut Words<'_>, command: &'static str) -> Result<Plan, SqlError> {
    words.skip_rest();
    let data = json!({
        "command": command, "operation": "Node", "kind": null, "src_locations": [], "localLocation": null,
        "parallel": 4, "threshold": 209_715_200, "autoCompress": true, "overwrite": false,
        "sourceCompression": "auto_detect", "clientShowEncryptionParameter": false, "uploadInfo": {},
        "stageInfo": {"locationType": "LOCAL_FS", "location": "/nowhere", "path": "", "creds": {}, "region": null},
        "encryptionMaterial": null, "statementTypeId": 0,
    });
    Ok(Plan {
        waits: Vec::new(),
        needs_warehouse: false,
        changes: true,
        action: Box::new(move |_| Ok(Outcome::Transfer(data))),
    })
}
