//! Keys that `[[alertmanager]]` and `[[webhook]]` have in common: where to send, and with which credentials.

use super::key::{DefaultValue, Key, Kind};
use super::page::Page;
use super::reader::Reader;
use super::values::{NAME as NAME_FORM, Names, is_name, is_plain_url};
use crate::base::Severity;
use crate::output::endpoint::{Endpoint, without_secrets};

pub(super) const NAME: Key = Key {
    name: "name",
    kind: Kind::Text("a name"),
    default: DefaultValue::Absent("\"main\""),
    doc: "Name in the metrics label \"output\". Unless written: host and port of the URL.",
};

/// Also of `[[hook]]`.
pub(super) const MIN_SEVERITY: Key = Key {
    name: "min_severity",
    kind: Kind::Choice(|| Severity::ALL.iter().map(|severity| severity.name()).collect()),
    default: DefaultValue::Text("warning"),
    doc: "Only incidents of this severity or above: \"info\", \"warning\" or \"critical\".",
};

pub(super) const CA_FILE: Key = Key {
    name: "ca_file",
    kind: Kind::Text("a file name"),
    default: DefaultValue::Absent("\"/etc/pegel/ca.pem\""),
    doc: "With https://, certificates (PEM) to trust instead of those of the system.",
};

pub(super) const USERNAME: Key = Key {
    name: "username",
    kind: Kind::Text("a name"),
    default: DefaultValue::Absent("\"pegel\""),
    doc: "User name for HTTP basic authentication.",
};

pub(super) const PASSWORD_FILE: Key = Key {
    name: "password_file",
    kind: Kind::Text("a file name"),
    default: DefaultValue::Absent("\"/etc/pegel/password\""),
    doc: "File with the password, read again for each message.",
};

pub(super) const BEARER_TOKEN_FILE: Key = Key {
    name: "bearer_token_file",
    kind: Kind::Text("a file name"),
    default: DefaultValue::Absent("\"/etc/pegel/token\""),
    doc: "File with a bearer token, instead of user name and password; read again for each message.",
};

/// Receivers of each kind: each has at least one thread and is a label value.
pub(super) const MAX_RECEIVERS: usize = 16;

/// Name and endpoint; `None` with an error recorded.
pub(super) fn read(
    section: &mut Reader<'_>,
    url_key: &Key,
    timeout_key: &Key,
    names: &mut Names,
) -> Option<(String, Endpoint)> {
    let endpoint = Endpoint {
        url: section.text(url_key),
        timeout_seconds: section.whole(timeout_key),
        ca_file: section.text(&CA_FILE).into(),
        username: section.text(&USERNAME),
        password_file: section.text(&PASSWORD_FILE).into(),
        bearer_token_file: section.text(&BEARER_TOKEN_FILE).into(),
    };
    let name = section.text_if_written(&NAME);
    let url = &endpoint.url;
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = host.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if host.is_empty() || host.contains('@') || !is_plain_url(url) {
        let message = "must be a URL with http:// or https:// and a host, without user name and password";
        section.wrong_value(url_key, &without_secrets(url), message);
        return None;
    }
    if endpoint.port().is_none() {
        section.wrong_value(url_key, &without_secrets(url), "must have a port from 1 to 65535, or none");
        return None;
    }
    let name = name.unwrap_or_else(|| host.to_owned());
    if !is_name(&name) && !is_host_and_port(&name) {
        section.wrong_value(&NAME, &name, NAME_FORM);
    } else if let Err(message) = names.insert(&name) {
        section.wrong_value(&NAME, &name, message);
    }
    let has_token = !endpoint.bearer_token_file.as_os_str().is_empty();
    let has_password = !endpoint.password_file.as_os_str().is_empty();
    if has_token && (has_password || !endpoint.username.is_empty()) {
        section.wrong_key(BEARER_TOKEN_FILE.name, "cannot be combined with username and password_file");
    } else if has_password && endpoint.username.is_empty() {
        section.wrong_key(PASSWORD_FILE.name, "needs username as well");
    }
    if !endpoint.ca_file.as_os_str().is_empty() && !url.starts_with("https://") {
        section.wrong_key(CA_FILE.name, "needs a URL with https://");
    }
    Some((name, endpoint))
}

/// The name that an endpoint without a written one has.
fn is_host_and_port(name: &str) -> bool {
    name.len() <= 64 && name.split([':', '[', ']']).all(|part| part.is_empty() || is_name(part))
}

pub(super) fn min_severity(section: &mut Reader<'_>) -> Severity {
    section.choice(&MIN_SEVERITY, Severity::ALL, Severity::name).unwrap_or(Severity::Warning)
}

/// All but name and severity.
pub(super) fn write(endpoint: &Endpoint, url_key: &Key, timeout_key: &Key, page: &mut Page) {
    page.text(url_key, &endpoint.url);
    page.number(timeout_key, endpoint.timeout_seconds);
    page.path_unless_empty(&CA_FILE, &endpoint.ca_file);
    page.text_unless_empty(&USERNAME, &endpoint.username);
    page.path_unless_empty(&PASSWORD_FILE, &endpoint.password_file);
    page.path_unless_empty(&BEARER_TOKEN_FILE, &endpoint.bearer_token_file);
}
