//! What it costs the shim to number and retain lines: its state machine alone, and the whole shim beside a
//! forwarder that retains nothing.

mod calls;
mod ways;

use anyhow::Result;
use serde_json::json;

use crate::args::Args;
use crate::common::connection::Request;

pub(crate) fn measure(args: &Args) -> Result<()> {
    ways::measure(args)?;
    calls::measure(args)
}

/// A tool call as clients send it: its line has about 300 bytes.
fn typical() -> Request {
    let query = "select 'AUTOMOBILE' as c_mktsegment, 30189 as customers, 4496.28 as c_acctbal, 42 as c_nationkey \
                 union all select 'BUILDING', 29968, 4492.36, 21 order by customers desc, c_mktsegment";
    Request::call("execute_query", &json!({"query": query}))
}
