#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| imap2d_fuzz::run("command", octets));
