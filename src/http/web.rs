//! The access rules in force: the web configuration and its certificates, reloaded when one of the files changes.
//!
//! The files are checked when a client connects, at most once a second. A renewed certificate or a changed password
//! therefore applies to the next connection, without a signal. An invalid change is logged once and has no effect.

use super::hosts::Hosts;
use super::tls;
use super::web_config::{ClientAuth, WebConfig};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::ServerConfig;

/// Minimum time between two checks of the files.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The access rules at one point in time.
#[derive(Default)]
pub(super) struct Policy {
    /// Plain HTTP if `None`.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Names and bcrypt hashes. If empty, no password is required.
    pub(super) users: Vec<(String, String)>,
    certificates_required: bool,
}

impl Policy {
    /// Whether clients must authenticate.
    fn authenticates(&self) -> bool {
        !self.users.is_empty() || self.certificates_required
    }
}

/// Modification time (seconds, nanoseconds), length and inode of a file; `None` if it does not exist.
type Stamp = Option<(i64, i64, u64, u64)>;
type Files = Vec<(PathBuf, Stamp)>;

struct State {
    policy: Arc<Policy>,
    files: Files,
    checked_at: Instant,
}

/// The access rules of a server, reloaded when their files change.
pub struct Web {
    /// Empty if there is none.
    file: PathBuf,
    /// The error for a configuration without authentication, where that is refused.
    refusal: Option<String>,
    hosts: Hosts,
    state: Mutex<State>,
}

impl Web {
    /// Plain HTTP without authentication.
    pub fn open_to_all() -> Web {
        let state = State { policy: Arc::default(), files: Vec::new(), checked_at: now() };
        Web { file: PathBuf::new(), refusal: None, hosts: Hosts::default(), state: Mutex::new(state) }
    }

    /// Loads the web configuration `file`, if the path is not empty, and the files that it names. Returns all errors:
    /// those of the files, or one if `listen` is not a loopback address and clients need not authenticate, unless
    /// `allow_unauthenticated` is set.
    pub fn read(file: &Path, listen: SocketAddr, allow_unauthenticated: bool) -> Result<Web, Vec<String>> {
        let refusal = (!listen.ip().to_canonical().is_loopback() && !allow_unauthenticated).then(|| {
            format!(
                "http.listen = \"{listen}\": this address is reachable without authentication; set http.web_config to a \
                 file with basic_auth_users (or client_auth_type RequireAndVerifyClientCert), or, if access is \
                 restricted by other means, set http.allow_unauthenticated = true"
            )
        });
        let (policy, files) = load(file, refusal.as_deref());
        let state = State { policy: Arc::new(policy?), files, checked_at: now() };
        Ok(Web { file: file.to_owned(), refusal, hosts: Hosts::default(), state: Mutex::new(state) })
    }

    /// Answers only requests for these names, beside addresses and localhost. Otherwise for any.
    pub fn only_for(self, names: impl IntoIterator<Item = String>) -> Web {
        Web { hosts: Hosts::only(names), ..self }
    }

    pub(super) fn hosts(&self) -> Hosts {
        self.hosts.clone()
    }

    /// The files that are read again when they change.
    pub fn files(&self) -> Vec<PathBuf> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.files.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Whether connections use TLS.
    pub(super) fn uses_tls(&self) -> bool {
        self.policy().tls.is_some()
    }

    /// The rules as last loaded.
    pub(super) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner).policy)
    }

    /// The rules for a new connection; reloads changed files if a check is due.
    pub(super) fn refreshed_policy(&self) -> Arc<Policy> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if self.file.as_os_str().is_empty() || now.saturating_duration_since(state.checked_at) < CHECK_INTERVAL {
            return Arc::clone(&state.policy);
        }
        state.checked_at = now;
        if state.files.iter().any(|(path, known)| stamp(path) != *known) {
            let (policy, files) = load(&self.file, self.refusal.as_deref());
            state.files = files;
            match policy {
                Ok(policy) => {
                    state.policy = Arc::new(policy);
                    tracing::info!("reloaded web configuration and certificates");
                }
                Err(errors) => {
                    let errors = errors.join("\n");
                    tracing::error!("web configuration not reloaded, keeping the old one:\n{errors}");
                }
            }
        }
        Arc::clone(&state.policy)
    }
}

/// The rules of a file and of the files that it names, and the list of these files. Stamps are taken before a file is
/// read, so that a change in between is noticed at the next check.
fn load(file: &Path, refusal: Option<&str>) -> (Result<Policy, Vec<String>>, Files) {
    let mut errors = Vec::new();
    let mut policy = Policy::default();
    let mut files = Vec::new();
    let mut watch = |path: &Path| files.push((path.to_owned(), stamp(path)));
    if !file.as_os_str().is_empty() {
        watch(file);
        let mut found = Vec::new();
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let config = WebConfig::parse(&text, file.parent().unwrap_or(Path::new("")), &mut found);
                if let Some(tls) = &config.tls {
                    [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()]
                        .into_iter()
                        .flatten()
                        .for_each(|path| watch(path));
                    policy.tls = tls::server_config(tls, &mut found);
                    policy.certificates_required = tls.client_auth == ClientAuth::Required;
                }
                policy.users = config.users;
            }
            Err(error) => found.push(format!("cannot be read: {error}")),
        }
        errors.extend(found.into_iter().map(|error| format!("http.web_config: {}: {error}", file.display())));
    }
    if let Some(refusal) = refusal.filter(|_| errors.is_empty() && !policy.authenticates()) {
        errors.push(refusal.to_owned());
    }
    (if errors.is_empty() { Ok(policy) } else { Err(errors) }, files)
}

fn stamp(path: &Path) -> Stamp {
    let data = std::fs::metadata(path).ok()?;
    Some((data.mtime(), data.mtime_nsec(), data.len(), data.ino()))
}

#[expect(clippy::disallowed_methods, reason = "limits how often files are checked; no detection depends on it")]
fn now() -> Instant {
    Instant::now()
}
