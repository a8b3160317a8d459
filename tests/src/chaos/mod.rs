//! Clients at work while gateways and shims are killed, stopped and frozen, and socket and disk taken away:
//! is every request answered once and rightly, and is every write there once?
//!
//! Pure, with tests of their own: what clients ask (`script`, `step`, `era`) and what is done to them
//! (`fault`), both drawn from a seed, and how the backend wants to be asked (`backend`); the judges of
//! answers (`judge`, `ledger`) and of the rows that are left (`writes`). The I/O: `guards` has the settings that may be on, `actor` is one client at
//! work, `saboteur` does the damage, `stage` is what they share, `world` where they are, and `census` counts
//! what must not grow. [`run()`] puts them together, and [`Report`] says what came of it, with the log as
//! `evidence`.

mod actor;
mod backend;
mod census;
mod databases;
mod era;
mod evidence;
mod fault;
mod guards;
mod judge;
mod ledger;
mod plan;
mod report;
mod run;
mod saboteur;
mod script;
mod stage;
mod step;
mod tally;
mod world;
mod writes;

pub use backend::Backend;
pub use plan::Plan;
pub use report::Report;
pub use run::run;
