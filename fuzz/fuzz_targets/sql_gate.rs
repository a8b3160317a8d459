#![no_main]

#[path = "../src/sql_gate.rs"]
mod sql_gate;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sql_gate::sql_gate(data));
