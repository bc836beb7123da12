//! The HTTP client: one request at a time, with a time limit, to the configured URL only.
//!
//! `ureq` blocks, which suits sinks in separate threads. It follows no redirects and ignores proxies of the environment,
//! so that nothing is sent to a server that the operator did not configure.

use crate::sandbox::helper;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use ureq::Agent;
use ureq::config::Config as AgentConfig;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Bytes of a response body that are read: enough for an error message.
const MAX_RESPONSE: u64 = 4096;
/// Addresses of a host that are tried.
const MAX_ADDRESSES: usize = 16;
/// Longest wait for a name server: no request takes longer.
const MOST_FOR_NAMES: Duration = Duration::from_secs(60);
/// Characters of a response body that an error message contains.
const MAX_MESSAGE: usize = 300;

/// A server, and how to authenticate to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `http://` or `https://`.
    pub url: String,
    /// Trusted certificate authorities (PEM); empty: those of the system.
    pub ca_file: PathBuf,
    /// User name for HTTP basic authentication; empty: none.
    pub username: String,
    /// A file whose first line is the password.
    pub password_file: PathBuf,
    /// A file whose first line is a bearer token; empty: none.
    pub bearer_token_file: PathBuf,
    /// Time limit for a whole request, 1 to 60.
    pub timeout_seconds: u32,
}

impl Endpoint {
    /// The files that requests need beside the system's certificate authorities.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.ca_file, &self.password_file, &self.bearer_token_file]
            .into_iter()
            .filter(|file| !file.as_os_str().is_empty())
    }

    /// The TCP port that requests go to; `None` for a URL without a host, or with a port that is none.
    pub fn port(&self) -> Option<u16> {
        port_of(&self.url.parse().ok()?)
    }
}

/// A URL without what may be secret, path, query, user name and password: many receivers know their senders by a token in the path.
pub fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.find("://").and_then(|at| url.split_at_checked(at + 3)).unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(_, host)| ("REDACTED@", host));
    let path = if path.len() > 1 { "/REDACTED" } else { path };
    format!("{scheme}{user}{host}{path}")
}

fn port_of(uri: &Uri) -> Option<u16> {
    let host = uri.host()?;
    let written = uri.authority()?.as_str().rsplit('@').next()?.strip_prefix(host)?;
    match written.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|&port| port != 0),
        None => Some(if uri.scheme_str() == Some("https") { 443 } else { 80 }),
    }
}

/// Why a POST was not accepted.
#[derive(Debug)]
pub enum PostError {
    /// The server refused the request, and would do so again (400, 413, 422).
    Refused(String),
    /// The server is unreachable, too slow or fails: a later attempt may succeed.
    Failed(io::Error),
}

impl From<PostError> for io::Error {
    fn from(error: PostError) -> io::Error {
        match error {
            PostError::Refused(message) => io::Error::new(io::ErrorKind::InvalidData, message),
            PostError::Failed(error) => error,
        }
    }
}

/// A client of one URL.
pub struct Client {
    endpoint: Endpoint,
    url: String,
    /// Created on first use: certificates may be installed after the start.
    agent: Option<Agent>,
}

impl Client {
    /// For `path` below the endpoint's URL.
    pub fn new(endpoint: &Endpoint, path: &str) -> Client {
        let url = format!("{}{path}", endpoint.url.trim_end_matches('/'));
        Client { endpoint: endpoint.clone(), url, agent: None }
    }

    /// Posts JSON. Succeeds if the status is 2xx.
    pub fn post(&mut self, body: &[u8], headers: &[(&str, String)]) -> Result<(), PostError> {
        let outcome = self.try_post(body, headers);
        if matches!(outcome, Err(PostError::Failed(_))) {
            // The next attempt uses a new connection, and reads the certificates again.
            self.agent = None;
        }
        outcome
    }

    fn try_post(&mut self, body: &[u8], headers: &[(&str, String)]) -> Result<(), PostError> {
        // Read for each request, so that secrets can be rotated without a reload.
        let authorization = self.authorization().map_err(PostError::Failed)?;
        let agent = match &self.agent {
            Some(agent) => agent,
            None => self.agent.insert(agent(&self.endpoint).map_err(PostError::Failed)?),
        };
        let mut request = agent.post(&self.url).header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = &authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = request.send(body).map_err(|error| PostError::Failed(failed(error)))?;
        let status = response.status();
        // Read to its end, so that the connection can be reused.
        let body = response.body_mut().with_config().limit(MAX_RESPONSE).read_to_string().unwrap_or_default();
        if status.is_success() {
            return Ok(());
        }
        let message: String = body.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect();
        let message = format!("status {status}: {}", message.trim());
        match status.as_u16() {
            400 | 413 | 422 => Err(PostError::Refused(message)),
            _ => Err(PostError::Failed(io::Error::other(message))),
        }
    }

    /// Returns status and body. At most `most` bytes of the body are read.
    pub fn get(&self, most: u64) -> io::Result<(u16, String)> {
        let mut request = agent(&self.endpoint)?.get(&self.url);
        if let Some(authorization) = self.authorization()? {
            request = request.header("Authorization", authorization);
        }
        let mut response = request.call().map_err(failed)?;
        let body = response.body_mut().with_config().limit(most).read_to_string().map_err(failed)?;
        Ok((response.status().as_u16(), body))
    }

    fn authorization(&self) -> io::Result<Option<String>> {
        let Endpoint { username, password_file, bearer_token_file, .. } = &self.endpoint;
        if !bearer_token_file.as_os_str().is_empty() {
            return Ok(Some(format!("Bearer {}", secret(bearer_token_file)?)));
        }
        if username.is_empty() {
            return Ok(None);
        }
        let password = if password_file.as_os_str().is_empty() { String::new() } else { secret(password_file)? };
        Ok(Some(format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))))
    }
}

fn agent(endpoint: &Endpoint) -> io::Result<Agent> {
    let timeout = Duration::from_secs(endpoint.timeout_seconds.into());
    let mut config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .max_idle_age(Duration::from_secs(90))
        .user_agent(concat!("pegel/", env!("CARGO_PKG_VERSION")));
    if endpoint.url.starts_with("https:") {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&authorities(endpoint)?))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
        config = config.tls_config(tls.build());
    }
    Ok(Agent::with_parts(config.build(), DefaultConnector::default(), Names))
}

/// Resolves names through the helper process, which may read the files that this takes.
#[derive(Debug)]
struct Names;

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &AgentConfig, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = port_of(uri).ok_or(ureq::Error::HostNotFound)?;
        let limit = Duration::min(*timeout.after, MOST_FOR_NAMES);
        let mut found = self.empty();
        let addresses = helper::resolve(host, port, limit)?;
        // The first ones are tried; there is room for 16.
        addresses.into_iter().take(MAX_ADDRESSES).for_each(|address| found.push(address));
        if found.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(found) }
    }
}

/// The trusted certificate authorities.
fn authorities(endpoint: &Endpoint) -> io::Result<Vec<Certificate<'static>>> {
    if endpoint.ca_file.as_os_str().is_empty() {
        let system = rustls_native_certs::load_native_certs();
        let found: Vec<_> =
            system.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        return match found.is_empty() {
            true => Err(io::Error::other("no trusted certificate authorities on this system; set ca_file")),
            false => Ok(found),
        };
    }
    let path = endpoint.ca_file.display();
    let pem = std::fs::read(&endpoint.ca_file).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(io::Error::other(format!("{path}: {error}"))),
        }
    }
    match found.is_empty() {
        true => Err(io::Error::other(format!("{path}: no PEM certificate found"))),
        false => Ok(found),
    }
}

fn failed(error: ureq::Error) -> io::Error {
    match error {
        ureq::Error::Io(error) => error,
        ureq::Error::Timeout(what) => io::Error::new(io::ErrorKind::TimedOut, format!("timed out ({what})")),
        other => io::Error::other(other),
    }
}

/// The first line of a file.
pub(super) fn secret(path: &std::path::Path) -> io::Result<String> {
    let message = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(message)?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() || line.contains(char::is_control) {
        return Err(io::Error::other(format!("{}: first line is empty or has control characters", path.display())));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_up_to_65535() {
        let port = |url: &str| port_of(&url.parse().ok()?);
        assert_eq!(port("https://alerts.example/x"), Some(443));
        assert_eq!(port("http://[2001:db8::1]:8080/"), Some(8080));
        for url in [
            "http://alerts.example:99999/",
            "http://alerts.example:0",
            "http://alerts.example:",
            "http://alerts.example:9o",
        ] {
            assert_eq!(port(url), None, "{url}");
        }
    }

    #[test]
    fn what_may_be_secret_is_left_out_of_a_url() {
        for (url, expected) in [
            ("https://hooks.example/services/T0/B0/xyz?key=1", "https://hooks.example/REDACTED"),
            ("http://user:secret@alerts.example:9093", "http://REDACTED@alerts.example:9093"),
            ("http://127.0.0.1:9093/", "http://127.0.0.1:9093/"),
            ("https://[2001:db8::1]:8080?token=1", "https://[2001:db8::1]:8080/REDACTED"),
        ] {
            assert_eq!(without_secrets(url), expected);
        }
    }
}
