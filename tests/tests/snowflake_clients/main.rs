//! The Snowflake backend in front of fakesnow, which runs real SQL and is not ours: the official SDKs in every mode, and
//! what many clients cost the server in log-ins.
//!
//! `tests/clients/README.md` says what the programs check; `tests/clients/fakesnow/contract.json` what they must see.

mod log_ins;
mod sdks;
