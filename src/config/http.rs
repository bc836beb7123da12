//! `[http]`: the server for metrics, health and API.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub(super) const SECTION: Section = Section {
    heading: "[http]",
    reload: Reload::Restart,
    doc: "HTTP server for metrics, health checks and the API. An address beyond loopback requires passwords or \
          client certificates (web_config), or allow_unauthenticated.",
    keys: &[&ENABLED, &LISTEN, &WEB_CONFIG, &ALLOW_UNAUTHENTICATED],
};

const ENABLED: Key =
    Key { name: "enabled", kind: Kind::Bool, default: DefaultValue::Bool(true), doc: "Run the server." };

const LISTEN: Key = Key {
    name: "listen",
    kind: Kind::Text("an address with port"),
    default: DefaultValue::Text("127.0.0.1:7343"),
    doc: "Address and port to listen on.",
};

const WEB_CONFIG: Key = Key {
    name: "web_config",
    kind: Kind::Text("a file name"),
    default: DefaultValue::Text(""),
    doc: "YAML file with tls_server_config and basic_auth_users, in the format of the Prometheus exporters. Pegel \
          reads it again whenever it changes. Empty: neither TLS nor passwords.",
};

const ALLOW_UNAUTHENTICATED: Key = Key {
    name: "allow_unauthenticated",
    kind: Kind::Bool,
    default: DefaultValue::Bool(false),
    doc: "Serve without authentication at an address beyond loopback. Only for networks that something else \
          protects, such as a firewall or a reverse proxy.",
};

/// The HTTP server.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// Whether it runs.
    pub enabled: bool,
    /// Where it listens.
    pub listen: SocketAddr,
    /// File with certificates and passwords, in the format of the Prometheus exporters; empty: none.
    pub web_config: PathBuf,
    /// Whether clients need no authentication at an address beyond loopback.
    pub allow_unauthenticated: bool,
}

pub(super) fn read(section: &mut Reader<'_>) -> HttpConfig {
    HttpConfig {
        enabled: section.bool(&ENABLED),
        // Where it is wrong, the configuration is refused.
        listen: section.parsed(&LISTEN, listen).unwrap_or((Ipv4Addr::LOCALHOST, 0).into()),
        web_config: section.text(&WEB_CONFIG).into(),
        allow_unauthenticated: section.bool(&ALLOW_UNAUTHENTICATED),
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an address with port, as in \"127.0.0.1:7343\" or \"[::1]:7343\"".to_owned())
}

pub(super) fn write(http: &HttpConfig, page: &mut Page) {
    page.table(&SECTION);
    page.bool(&ENABLED, http.enabled);
    page.text(&LISTEN, http.listen);
    page.path(&WEB_CONFIG, &http.web_config);
    page.bool(&ALLOW_UNAUTHENTICATED, http.allow_unauthenticated);
}
