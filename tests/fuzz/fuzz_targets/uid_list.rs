#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| imap2d_fuzz::run("uid_list", octets));
