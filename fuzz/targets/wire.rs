#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| portshim_fuzz::check("wire", input));
