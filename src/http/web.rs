//! Who may read, as it is in force: the web configuration and its certificates, read again when one of the files changes.
//!
//! The files are looked at when a connection comes, at most once a second: a renewed certificate or a changed password
//! holds for the next connection, without a signal. What cannot be used is told once and changes nothing.

use super::tls;
use super::web_config::{ClientAuth, WebConfig};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::ServerConfig;

/// Between looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// What the server asks of its clients, at one moment.
#[derive(Default)]
pub(super) struct Policy {
    /// In the clear where there is none.
    pub tls: Option<Arc<ServerConfig>>,
    /// Names and bcrypt hashes; anyone where there are none.
    pub users: Vec<(String, String)>,
    certificates_required: bool,
}

impl Policy {
    /// Whether strangers get no answer.
    fn authenticates(&self) -> bool {
        !self.users.is_empty() || self.certificates_required
    }
}

/// When a file was last written, how long it is and which one it is; `None` where it is not there.
type Stamp = Option<(i64, i64, u64, u64)>;
type Files = Vec<(PathBuf, Stamp)>;

struct State {
    policy: Arc<Policy>,
    files: Files,
    looked: Instant,
}

/// The web configuration of a server.
pub struct Web {
    /// Empty: none.
    file: PathBuf,
    /// Why a configuration without authentication is not taken.
    refusal: Option<String>,
    state: Mutex<State>,
}

impl Web {
    /// Anyone may read, in the clear.
    pub fn open_to_all() -> Web {
        let state = State { policy: Arc::default(), files: Vec::new(), looked: now() };
        Web { file: PathBuf::new(), refusal: None, state: Mutex::new(state) }
    }

    /// Reads the web configuration `file` (none where that is empty) and all that it names. Errors, all at once: what is
    /// wrong there, or that strangers could read at an address `listen` beyond this machine, unless
    /// `allow_unauthenticated`.
    pub fn read(file: &Path, listen: SocketAddr, allow_unauthenticated: bool) -> Result<Web, Vec<String>> {
        let refusal = (!listen.ip().to_canonical().is_loopback() && !allow_unauthenticated).then(|| {
            format!(
                "http.listen = \"{listen}\": whoever reaches it could read everything; give http.web_config a file with \
                 basic_auth_users (or client_auth_type RequireAndVerifyClientCert), or, if something else keeps strangers \
                 out, set http.allow_unauthenticated = true"
            )
        });
        let (policy, files) = load(file, refusal.as_deref());
        let state = State { policy: Arc::new(policy?), files, looked: now() };
        Ok(Web { file: file.to_owned(), refusal, state: Mutex::new(state) })
    }

    /// Whether it speaks TLS.
    pub(super) fn is_secured(&self) -> bool {
        self.policy().tls.is_some()
    }

    pub(super) fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.state.lock().unwrap_or_else(PoisonError::into_inner).policy)
    }

    /// The policy for a new connection: the files are looked at where that is due.
    pub(super) fn renewed(&self) -> Arc<Policy> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if self.file.as_os_str().is_empty() || now.saturating_duration_since(state.looked) < LOOK {
            return Arc::clone(&state.policy);
        }
        state.looked = now;
        if state.files.iter().any(|(path, known)| stamp(path) != *known) {
            let (policy, files) = load(&self.file, self.refusal.as_deref());
            state.files = files;
            match policy {
                Ok(policy) => {
                    state.policy = Arc::new(policy);
                    tracing::info!("web configuration and certificates read again");
                }
                Err(errors) => {
                    let errors = errors.join("\n");
                    tracing::error!("web configuration not read again, the old one stays:\n{errors}");
                }
            }
        }
        Arc::clone(&state.policy)
    }
}

/// What a file and those that it names say, and which files these are. Stamps are older than what was read, so that a
/// change in between is seen the next time.
fn load(file: &Path, refusal: Option<&str>) -> (Result<Policy, Vec<String>>, Files) {
    let mut errors = Vec::new();
    let mut policy = Policy::default();
    let mut files = Vec::new();
    let mut watch = |path: &Path| files.push((path.to_owned(), stamp(path)));
    if !file.as_os_str().is_empty() {
        watch(file);
        let mut said = Vec::new();
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let config = WebConfig::parse(&text, file.parent().unwrap_or(Path::new("")), &mut said);
                if let Some(tls) = &config.tls {
                    [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()]
                        .into_iter()
                        .flatten()
                        .for_each(|path| watch(path));
                    policy.tls = tls::server_config(tls, &mut said);
                    policy.certificates_required = tls.client_auth == ClientAuth::Required;
                }
                policy.users = config.users;
            }
            Err(error) => said.push(format!("cannot be read: {error}")),
        }
        errors.extend(said.into_iter().map(|error| format!("http.web_config: {}: {error}", file.display())));
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

#[expect(clippy::disallowed_methods, reason = "how long ago the files were looked at, nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}
