#![no_main]

use blocks_fuzz::targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::changes(data));
