//! Many sessions, each in a context of its own, on few connections: every answer is what that session alone would
//! get.
//!
//! Every other session is a client over plain HTTP, the others have shims. Each session is compared with a model of what it alone can see: its context, its transaction, its temporary table,
//! its committed rows. Meanwhile statements fail, are cancelled and run out of time, shims and gateways are killed.
//!
//! Short by default. The full run, on release binaries (`cargo build --release`, then
//! `SNOWGATE_TEST_BIN_DIR=$PWD/target/release`), is `SNOWGATE_TEST_SESSIONS=200 SNOWGATE_TEST_STATEMENTS=20000
//! SNOWGATE_TEST_KILLS=3 cargo test -p snowgate-tests --test model -- --nocapture`. `SNOWGATE_TEST_SEED` repeats the
//! choices of a run; the seed is in the output.

mod caller;
mod model;
mod session;
mod world;

use snowgate_tests::Random;
use world::{Plan, World};

#[test]
fn every_session_sees_what_it_alone_would_see() {
    let seed = Random::from_env("SNOWGATE_TEST_SEED").seed;
    println!("SNOWGATE_TEST_SEED={seed}");
    let plan = Plan::from_env(seed);
    let world = World::new(&plan);
    let report = world.run(&plan);
    println!("{report}");
    assert!(report.differences.is_empty(), "{}", report.differences.join("\n"));
    report.check(&plan);
}
