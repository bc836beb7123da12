//! How Pegel speaks HTTP to others: one request at a time, with a time limit, to exactly the address that was configured.
//!
//! `ureq` blocks, which is right for a sink with a thread of its own. No redirects are followed and no proxy is taken
//! from the environment: nothing leaves the machine but to where the operator said.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Octets of an answer that are read: enough for a sentence about what was wrong.
const ANSWER: u64 = 4096;

/// Where to post, and as whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// `http://` or `https://`.
    pub url: String,
    /// Certificates (PEM) that the other side's must lead to; empty: those that the system trusts.
    pub ca_file: PathBuf,
    /// HTTP basic authentication; empty: none.
    pub username: String,
    pub password_file: PathBuf,
    /// A token for `Authorization: Bearer`; empty: none.
    pub bearer_token_file: PathBuf,
    /// For a whole attempt, 1 to 60.
    pub timeout_seconds: u32,
}

/// Why a POST was not taken.
#[derive(Debug)]
pub enum PostError {
    /// The other side says that this request is wrong, and will be however often it is sent (400, 413, 422).
    Refused(String),
    /// Nobody was there, it took too long, or the other side could not: it may later.
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

pub struct Client {
    endpoint: Endpoint,
    url: String,
    /// Made at the first use: certificates may come later than the start.
    agent: Option<Agent>,
}

impl Client {
    /// Speaks to `path` below the endpoint's URL.
    pub fn new(endpoint: &Endpoint, path: &str) -> Client {
        let url = format!("{}{path}", endpoint.url.trim_end_matches('/'));
        Client { endpoint: endpoint.clone(), url, agent: None }
    }

    /// Posts JSON. The other side took it if its answer is a success (2xx).
    pub fn post(&mut self, body: &[u8], headers: &[(&str, String)]) -> Result<(), PostError> {
        let outcome = self.try_post(body, headers);
        if matches!(outcome, Err(PostError::Failed(_))) {
            // The next attempt begins with a new connection, and with certificates as they are then.
            self.agent = None;
        }
        outcome
    }

    fn try_post(&mut self, body: &[u8], headers: &[(&str, String)]) -> Result<(), PostError> {
        // Read each time: who rotates secrets need not tell us.
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
        // Read to its end, so that the connection can be used again.
        let answer = response.body_mut().with_config().limit(ANSWER).read_to_string().unwrap_or_default();
        if status.is_success() {
            return Ok(());
        }
        let message: String = answer.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        let message = format!("answer {status}: {}", message.trim());
        match status.as_u16() {
            400 | 413 | 422 => Err(PostError::Refused(message)),
            _ => Err(PostError::Failed(io::Error::other(message))),
        }
    }

    /// Status and body, of which at most `most` octets are read.
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
    Ok(config.build().new_agent())
}

/// Those whom the other side's certificate must lead to.
fn authorities(endpoint: &Endpoint) -> io::Result<Vec<Certificate<'static>>> {
    if endpoint.ca_file.as_os_str().is_empty() {
        let system = rustls_native_certs::load_native_certs();
        let known: Vec<_> = system.certs.iter().map(|known| Certificate::from_der(known).to_owned()).collect();
        return match known.is_empty() {
            true => Err(io::Error::other("the system trusts no certificate authority; name one with ca_file")),
            false => Ok(known),
        };
    }
    let path = endpoint.ca_file.display();
    let pem = std::fs::read(&endpoint.ca_file).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
    let mut known = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => known.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(io::Error::other(format!("{path}: {error}"))),
        }
    }
    match known.is_empty() {
        true => Err(io::Error::other(format!("{path}: has no certificate in PEM form"))),
        false => Ok(known),
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
        return Err(io::Error::other(format!("{}: its first line is no secret", path.display())));
    }
    Ok(line.to_owned())
}
