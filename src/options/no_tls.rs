//! The options for TLS in a build without it: each is refused where it stands.

use super::CertificateFiles;
use super::meaning::Reader;

const NAMES: [&str; 3] = ["listen-tls", "tls-cert", "tls-key"];

impl Reader<'_> {
    /// No certificates.
    pub(super) fn tls(&mut self) -> Vec<CertificateFiles> {
        let raw = self.raw;
        for said in NAMES.iter().flat_map(|name| raw.all(name)) {
            let text = format!("{}: this imap2d was built without TLS", said.name);
            self.fault(&said.source, text);
        }
        Vec::new()
    }

    /// Nothing is left to be checked.
    pub(super) fn check_tls(&self) {}
}

#[cfg(test)]
mod tests {
    use crate::options::Options;

    #[test]
    fn every_option_is_refused() {
        let args = [
            "--listen-tls=127.0.0.1:993",
            "--tls-cert=/c",
            "--tls-key=/k",
        ];
        let faults = Options::from_args(args).expect_err("refused").to_string();
        assert_eq!(faults.matches("built without TLS").count(), 3, "{faults}");
    }
}
