//! The TLS options of a build without TLS: each is refused, with its place.

use super::validator::Validator;
use super::values::CertificateFiles;

const NAMES: [&str; 3] = ["listen-tls", "tls-cert", "tls-key"];

impl Validator<'_> {
    /// Refuses the options; returns no certificates.
    pub(super) fn tls(&mut self) -> Vec<CertificateFiles> {
        let raw = self.raw;
        for given in NAMES.iter().flat_map(|name| raw.all(name)) {
            let text = format!("{}: this imap2d was built without TLS", given.name);
            self.fault(&given.source, text);
        }
        Vec::new()
    }

    /// Does nothing: [`Self::tls`] has refused every option.
    pub(super) fn check_tls(&self) {}
}

#[cfg(test)]
mod tests {
    use crate::options::Options;

    #[test]
    fn every_tls_option_is_refused() {
        let args = [
            "--listen-tls=127.0.0.1:993",
            "--tls-cert=/c",
            "--tls-key=/k",
        ];
        let faults = Options::from_args(args).expect_err("refused").to_string();
        assert_eq!(faults.matches("built without TLS").count(), 3, "{faults}");
    }
}
