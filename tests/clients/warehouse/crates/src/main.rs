//! The crates `snowflake-connector-rs` and `snowflake-api` against the stand-in warehouse: what they can do
//! works.
//!
//! Usage: `warehouse-crates http://127.0.0.1:PORT PRIVATE_KEY_FILE`

mod api;
mod connector;

use std::fmt::Debug;
use std::fs;

use anyhow::{Context, Result, ensure};
use url::Url;

pub const USER: &str = "TESTER";
pub const PASSWORD: &str = "sg-test-password-7f3a";
pub const ACCOUNT: &str = "org-acct";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = Url::parse(&arguments.next().context("the stand-in's address is missing")?)?;
    let key = fs::read_to_string(arguments.next().context("the private key's file is missing")?)?;
    connector::run(&address, &key).await.context("snowflake-connector-rs")?;
    api::run(&address, &key).await.context("snowflake-api")
}

/// Says that a check has passed, or fails.
pub fn expect<T: PartialEq + Debug>(what: &str, found: T, wanted: T) -> Result<()> {
    ensure!(found == wanted, "{what}: {found:?} instead of {wanted:?}");
    println!("ok - {what}");
    Ok(())
}
