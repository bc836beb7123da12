//! `[http]`: the server for metrics, health and API.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

pub(super) const SECTION: Section = Section {
    heading: "[http]",
    reload: Reload::Restart,
    doc: "HTTP server for metrics, health checks and the API. An address beyond loopback requires passwords or \
          client certificates (web_config), or allow_unauthenticated.",
    keys: &[&ENABLED, &LISTEN, &UNIX_SOCKET, &HOSTS, &WEB_CONFIG, &ALLOW_UNAUTHENTICATED],
};

const ENABLED: Key =
    Key { name: "enabled", kind: Kind::Bool, default: DefaultValue::Bool(true), doc: "Run the server." };

const LISTEN: Key = Key {
    name: "listen",
    kind: Kind::Text("an address with port"),
    default: DefaultValue::Text("127.0.0.1:7343"),
    doc: "Address and port to listen on.",
};

const UNIX_SOCKET: Key = Key {
    name: "unix_socket",
    kind: Kind::Text("a file name"),
    default: DefaultValue::Text(""),
    doc: "Listen on this Unix socket instead of an address, for a machine whose local users must not read what Pegel shows: only \
          owner and group of the file may connect. Empty: listen is used.",
};

const HOSTS: Key = Key {
    name: "hosts",
    kind: Kind::List("names"),
    default: DefaultValue::List(&[]),
    doc: "On loopback, further names under which browsers and scrapers may ask (Host header), beside addresses, localhost, the \
          name of the machine and that in output.external_url. Others are refused, so that no web page can read Pegel through a \
          browser on this machine (DNS rebinding).",
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
    /// A Unix socket instead; empty: none.
    pub unix_socket: PathBuf,
    /// Further names under which it may be asked on loopback.
    pub hosts: Vec<String>,
    /// File with certificates and passwords, in the format of the Prometheus exporters; empty: none.
    pub web_config: PathBuf,
    /// Whether clients need no authentication at an address beyond loopback.
    pub allow_unauthenticated: bool,
}

impl HttpConfig {
    /// The Unix socket that it listens on instead of an address.
    pub fn socket(&self) -> Option<&Path> {
        Some(self.unix_socket.as_path()).filter(|path| !path.as_os_str().is_empty())
    }
}

pub(super) fn read(section: &mut Reader<'_>) -> HttpConfig {
    HttpConfig {
        enabled: section.bool(&ENABLED),
        // Where it is wrong, the configuration is refused.
        listen: section.parsed(&LISTEN, listen).unwrap_or((Ipv4Addr::LOCALHOST, 0).into()),
        unix_socket: section.parsed(&UNIX_SOCKET, unix_socket).unwrap_or_default(),
        hosts: section.list(&HOSTS, host),
        web_config: section.text(&WEB_CONFIG).into(),
        allow_unauthenticated: section.bool(&ALLOW_UNAUTHENTICATED),
    }
}

fn unix_socket(path: &str) -> Result<PathBuf, String> {
    match path.is_empty() || path.starts_with('/') && path.len() < 108 {
        true => Ok(path.into()),
        // sun_path in unix(7).
        false => Err("must be an absolute path of at most 107 octets".to_owned()),
    }
}

fn host(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !name.is_empty() && name.chars().all(plain) {
        true => Ok(name.to_owned()),
        false => Err("must be a host name without port".to_owned()),
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an address with port, as in \"127.0.0.1:7343\" or \"[::1]:7343\"".to_owned())
}

pub(super) fn write(http: &HttpConfig, page: &mut Page) {
    page.table(&SECTION);
    page.bool(&ENABLED, http.enabled);
    page.text(&LISTEN, http.listen);
    page.path(&UNIX_SOCKET, &http.unix_socket);
    page.list(&HOSTS, &http.hosts);
    page.path(&WEB_CONFIG, &http.web_config);
    page.bool(&ALLOW_UNAUTHENTICATED, http.allow_unauthenticated);
}
