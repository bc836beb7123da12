//! The web configuration file in the format of the Prometheus exporters: `tls_server_config` and `basic_auth_users`.
//!
//! The format is that of the exporter-toolkit (github.com/prometheus/exporter-toolkit, docs/web-configuration.md). The
//! keys for authentication and certificates are supported. Every other key is an error, since silently ignoring a
//! security setting would be dangerous.

use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Above this cost, a single check takes seconds of CPU time.
const MAX_COST: u32 = 14;

/// Which clients must show a certificate of [`TlsFiles::client_ca`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ClientAuth {
    #[default]
    None,
    IfGiven,
    Required,
}

const CLIENT_AUTH: [(&str, ClientAuth); 3] = [
    ("NoClientCert", ClientAuth::None),
    ("VerifyClientCertIfGiven", ClientAuth::IfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::Required),
];

/// Paths and settings of TLS.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TlsFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// Only TLS 1.3; otherwise 1.2 as well.
    pub(super) only_13: bool,
    pub(super) client_auth: ClientAuth,
    pub(super) client_ca: Option<PathBuf>,
}

/// A parsed file; the files that it names have not been read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct WebConfig {
    pub(super) tls: Option<TlsFiles>,
    /// Names and bcrypt hashes.
    pub(super) users: Vec<(String, String)>,
}

/// Removes known keys from a mapping; keys that remain are unknown.
struct Reader<'e> {
    at: &'static str,
    map: Map<String, Value>,
    known: Vec<&'static str>,
    errors: &'e mut Vec<String>,
}

impl Reader<'_> {
    fn mapping(&mut self, key: &'static str) -> Option<Map<String, Value>> {
        self.known.push(key);
        match self.map.remove(key)? {
            Value::Object(map) => Some(map),
            Value::Null => Some(Map::new()),
            _ => {
                self.errors.push(format!("{}{key}: must be a mapping", self.at));
                None
            }
        }
    }

    fn text(&mut self, key: &'static str) -> Option<String> {
        self.known.push(key);
        match self.map.remove(key)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) | Value::Null => None,
            _ => {
                self.errors.push(format!("{}{key}: must be a string", self.at));
                None
            }
        }
    }

    fn close(self) {
        for key in self.map.keys() {
            self.errors.push(format!("{}{key}: unknown key; known keys: {}", self.at, self.known.join(", ")));
        }
    }
}

impl WebConfig {
    /// Parses `text`; file names are relative to `directory`. Adds all errors, each with its key.
    pub(super) fn parse(text: &str, directory: &Path, errors: &mut Vec<String>) -> WebConfig {
        let mut config = WebConfig::default();
        let blank = |line: &str| matches!(line.trim(), "" | "---") || line.trim_start().starts_with('#');
        if text.lines().all(blank) {
            return config;
        }
        let map = match serde_saphyr::from_str::<Value>(text) {
            Ok(Value::Object(map)) => map,
            Ok(_) => {
                errors.push("must be a mapping with tls_server_config, basic_auth_users or both".to_owned());
                return config;
            }
            Err(error) => {
                let line = error.location().map_or_else(String::new, |at| format!("line {}: ", at.line()));
                let message = error.without_snippet().to_string();
                errors.push(format!("{line}{}", message.lines().next().unwrap_or("invalid YAML")));
                return config;
            }
        };
        let mut top = Reader { at: "", map, known: Vec::new(), errors };
        let tls = top.mapping("tls_server_config");
        let users = top.mapping("basic_auth_users");
        top.close();
        config.tls = tls.filter(|map| !map.is_empty()).and_then(|map| tls_files(map, directory, errors));
        for (name, hash) in users.unwrap_or_default() {
            if let Some(hash) = password_hash(&name, &hash, errors) {
                config.users.push((name, hash));
            }
        }
        config
    }
}

fn tls_files(map: Map<String, Value>, directory: &Path, errors: &mut Vec<String>) -> Option<TlsFiles> {
    let mut section = Reader { at: "tls_server_config.", map, known: Vec::new(), errors };
    let certificate = section.text("cert_file");
    let key = section.text("key_file");
    let version = section.text("min_version");
    let client_auth = section.text("client_auth_type");
    let client_ca = section.text("client_ca_file");
    section.close();

    let only_13 = match version.as_deref() {
        None | Some("TLS12") => false,
        Some("TLS13") => true,
        Some(other) => {
            errors.push(format!("tls_server_config.min_version = {other:?}: must be TLS12 or TLS13"));
            false
        }
    };
    let auth = match client_auth {
        None => Some(ClientAuth::None),
        Some(text) => {
            let found = CLIENT_AUTH.iter().find(|(name, _)| *name == text).map(|&(_, auth)| auth);
            if found.is_none() {
                let names = CLIENT_AUTH.map(|(name, _)| name).join(", ");
                errors.push(format!("tls_server_config.client_auth_type = {text:?}: must be one of {names}"));
            }
            found
        }
    };
    match (auth, &client_ca) {
        (Some(ClientAuth::IfGiven | ClientAuth::Required), None) => {
            errors.push("tls_server_config.client_ca_file: missing; required by client_auth_type".to_owned());
        }
        (Some(ClientAuth::None), Some(_)) => {
            let message = "has no effect without client_auth_type: RequireAndVerifyClientCert";
            errors.push(format!("tls_server_config.client_ca_file: {message}"));
        }
        _ => {}
    }
    for (name, file) in [("cert_file", &certificate), ("key_file", &key)] {
        if file.is_none() {
            errors.push(format!("tls_server_config.{name}: missing; TLS requires cert_file and key_file"));
        }
    }
    let path = |text: String| directory.join(text);
    Some(TlsFiles {
        certificate: path(certificate?),
        key: path(key?),
        only_13,
        client_auth: auth?,
        client_ca: client_ca.map(path),
    })
}

/// The hash, if it is valid. Error messages never contain it.
fn password_hash(name: &str, hash: &Value, errors: &mut Vec<String>) -> Option<String> {
    let key = format!("basic_auth_users.{name}");
    if name.is_empty() || name.contains(':') {
        errors.push(format!("{key}: a user name must not be empty or contain a colon"));
        return None;
    }
    let parts = hash.as_str().map(str::parse::<bcrypt::HashParts>);
    let Some(Ok(parts)) = parts else {
        errors.push(format!("{key}: must be a bcrypt hash, as printed by `htpasswd -nBC 10 {name}` after the colon"));
        return None;
    };
    let cost = parts.get_cost();
    if !(4..=MAX_COST).contains(&cost) {
        errors.push(format!("{key}: bcrypt cost {cost}: must be between 4 and {MAX_COST}; 10 is common"));
        return None;
    }
    hash.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$12$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u";

    fn parse(text: &str) -> (WebConfig, Vec<String>) {
        let mut errors = Vec::new();
        let config = WebConfig::parse(text, Path::new("/etc/pegel"), &mut errors);
        (config, errors)
    }

    #[test]
    fn a_complete_file_is_parsed() {
        let (config, errors) = parse(&format!(
            "# ours\ntls_server_config:\n  cert_file: web.crt\n  key_file: /etc/ssl/private/web.key\n  min_version: TLS13\n  \
             client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n\
             basic_auth_users:\n  prometheus: {HASH}\n  1234: '{HASH}'\n"
        ));
        assert_eq!(errors, Vec::<String>::new());
        let tls = config.tls.expect("TLS");
        assert_eq!(tls.certificate, Path::new("/etc/pegel/web.crt"));
        assert_eq!(tls.key, Path::new("/etc/ssl/private/web.key"));
        assert_eq!((tls.only_13, tls.client_auth), (true, ClientAuth::Required));
        assert_eq!(tls.client_ca.as_deref(), Some(Path::new("/etc/pegel/ca.crt")));
        let mut names: Vec<&str> = config.users.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["1234", "prometheus"]);
    }

    #[test]
    fn an_empty_file_sets_nothing() {
        for text in ["", "\n", "# nothing yet\n---\n", "basic_auth_users:\n", "tls_server_config: {}\n"] {
            assert_eq!(parse(text), (WebConfig::default(), Vec::new()), "{text:?}");
        }
    }

    #[test]
    fn all_errors_are_reported_with_the_known_keys() {
        let (_, errors) = parse(&format!(
            "tls_server_config:\n  cert_file: a\n  keyfile: b\n  min_version: TLS10\n  client_auth_type: Maybe\n\
             http_server_config: {{http2: true}}\n\
             basic_auth_users:\n  'a:b': {HASH}\n  weak: secret\n  slow: {}\n",
            HASH.replace("$12$", "$31$")
        ));
        let expected = [
            "http_server_config: unknown key; known keys: tls_server_config, basic_auth_users",
            "tls_server_config.keyfile: unknown key; known keys: cert_file, key_file, min_version, client_auth_type, \
             client_ca_file",
            "tls_server_config.min_version = \"TLS10\": must be TLS12 or TLS13",
            "tls_server_config.client_auth_type = \"Maybe\": must be one of NoClientCert, VerifyClientCertIfGiven, \
             RequireAndVerifyClientCert",
            "tls_server_config.key_file: missing; TLS requires cert_file and key_file",
            "basic_auth_users.a:b: a user name must not be empty or contain a colon",
            "basic_auth_users.slow: bcrypt cost 31: must be between 4 and 14; 10 is common",
            "basic_auth_users.weak: must be a bcrypt hash, as printed by `htpasswd -nBC 10 weak` after the colon",
        ];
        assert_eq!(errors, expected);
    }

    #[test]
    fn wrong_types_are_reported() {
        for (text, part) in [
            ("- a\n- b\n", "must be a mapping"),
            ("tls_server_config: yes\n", "tls_server_config: must be a mapping"),
            ("basic_auth_users: [a]\n", "basic_auth_users: must be a mapping"),
            ("tls_server_config: {cert_file: [1]}\n", "tls_server_config.cert_file: must be a string"),
            ("basic_auth_users: {a\n", "line "),
            ("basic_auth_users:\n  a: x\n  a: y\n", "line 3: "),
        ] {
            let (_, errors) = parse(text);
            assert!(errors.first().is_some_and(|error| error.starts_with(part)), "{text:?}: {errors:?}");
        }
    }

    #[test]
    fn client_certificates_need_an_authority_and_vice_versa() {
        let files = "tls_server_config:\n  cert_file: a\n  key_file: b\n";
        let (_, errors) = parse(&format!("{files}  client_auth_type: RequireAndVerifyClientCert\n"));
        assert_eq!(errors, ["tls_server_config.client_ca_file: missing; required by client_auth_type"]);
        let (_, errors) = parse(&format!("{files}  client_ca_file: ca\n"));
        assert!(errors[0].contains("has no effect without client_auth_type"), "{errors:?}");
    }
}
