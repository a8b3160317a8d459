#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| snowgate_fuzz::shim_link(data));
