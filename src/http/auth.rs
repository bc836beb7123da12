//! Basic authentication (RFC 7617) against bcrypt hashes.
//!
//! bcrypt is slow by design. It therefore runs on a thread other than the server's, for one request at a time, and
//! pauses after each wrong password: guessing uses a bounded share of one core and is limited to a few attempts per
//! second. Accepted credentials are remembered as a keyed digest, so that not every scrape pays for bcrypt. An unknown
//! user name is checked against the hash of an existing user, always the same one, and then rejected, so that it takes
//! as long as a known name.

use super::response::failure;
use super::web::{Policy, Web};
use crate::metrics::{HttpRefusal, Metrics};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::rustls::crypto::ring;

/// Maximum number of accepted credentials to remember; a new one replaces the oldest.
const REMEMBERED: usize = 32;
/// Longest wait for other passwords to be checked first.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(3);
/// Pause between a wrong password and the next check.
const FAILURE_PAUSE: Duration = Duration::from_millis(250);

type Digest = [u8; 32];

/// Checks the credentials of requests.
pub(super) struct BasicAuth {
    web: Arc<Web>,
    metrics: Arc<Metrics>,
    /// Random, and different in each process.
    key: Digest,
    /// Digests of accepted credentials, latest first.
    accepted: Arc<Mutex<VecDeque<Digest>>>,
    /// Held during a bcrypt check.
    checking: Arc<Semaphore>,
}

enum Verdict {
    Accepted,
    Rejected,
    Busy,
}

impl BasicAuth {
    pub(super) fn new(web: Arc<Web>, metrics: Arc<Metrics>) -> io::Result<BasicAuth> {
        let mut key = Digest::default();
        let random = ring::default_provider().secure_random.fill(&mut key);
        random.map_err(|_| io::Error::other("the system random number generator failed"))?;
        Ok(BasicAuth { web, metrics, key, accepted: Arc::default(), checking: Arc::new(Semaphore::new(1)) })
    }

    fn digest(&self, parts: &[&str]) -> Digest {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return Digest::default() };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    fn is_remembered(&self, digest: &Digest) -> bool {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    async fn check(&self, policy: &Policy, credentials: Option<&HeaderValue>) -> Verdict {
        let Some((name, password)) = credentials.and_then(decode) else { return Verdict::Rejected };
        let found = policy.users.iter().find(|(user, _)| *user == name);
        let is_user = found.is_some();
        let decoy = || {
            let [first, second, ..] = self.digest(&[&name]);
            let index = usize::from(u16::from_be_bytes([first, second]));
            policy.users.get(index % policy.users.len().max(1))
        };
        let Some((_, hash)) = found.or_else(decoy) else { return Verdict::Rejected };
        // The hash is part of the digest, so changing the password invalidates the remembered credentials.
        let digest = self.digest(&[&name, &password, hash]);
        if is_user && self.is_remembered(&digest) {
            return Verdict::Accepted;
        }
        let Ok(Ok(permit)) = tokio::time::timeout(QUEUE_TIMEOUT, Arc::clone(&self.checking).acquire_owned()).await
        else {
            return Verdict::Busy;
        };
        // Another connection of the same client may have been checked in the meantime.
        if is_user && self.is_remembered(&digest) {
            return Verdict::Accepted;
        }
        let (sender, result) = oneshot::channel();
        let (hash, accepted) = (hash.clone(), Arc::clone(&self.accepted));
        // A separate task, so that the permit is held to the end of the check even if the client disconnects.
        tokio::spawn(async move {
            let verify = move || bcrypt::verify(password, &hash).unwrap_or(false);
            let is_correct = tokio::task::spawn_blocking(verify).await.unwrap_or(false) && is_user;
            if is_correct {
                let mut accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner);
                accepted.truncate(REMEMBERED - 1);
                accepted.push_front(digest);
            }
            let _ = sender.send(is_correct);
            if !is_correct {
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
            drop(permit);
        });
        if result.await.unwrap_or(false) { Verdict::Accepted } else { Verdict::Rejected }
    }
}

/// User name and password of an Authorization header, RFC 7617.
fn decode(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Middleware that rejects unauthenticated requests, for every route including the health probes.
pub(super) async fn authenticate(State(auth): State<Arc<BasicAuth>>, request: Request, next: Next) -> Response {
    let policy = auth.web.policy();
    if policy.users.is_empty() {
        return next.run(request).await;
    }
    match auth.check(&policy, request.headers().get(header::AUTHORIZATION)).await {
        Verdict::Accepted => next.run(request).await,
        Verdict::Rejected => {
            auth.metrics.http_refused(HttpRefusal::Auth);
            let mut response = failure(StatusCode::UNAUTHORIZED, "authentication required");
            let challenge = HeaderValue::from_static("Basic realm=\"pegel\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Verdict::Busy => {
            auth.metrics.http_refused(HttpRefusal::Busy);
            let mut response = failure(StatusCode::SERVICE_UNAVAILABLE, "too many authentication requests");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_decoded_as_in_rfc_7617() {
        let read = |text: &'static str| decode(&HeaderValue::from_static(text));
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), pair("Aladdin", "open sesame"));
        assert_eq!(read("basic dGVzdDoxMjPCow=="), pair("test", "123\u{a3}"));
        assert_eq!(read("Basic YTpiOmM="), pair("a", "b:c"));
        for bad in ["", "Basic", "Basic ", "Bearer YTpi", "Basic YQ==", "Basic ****", "Basic /w=="] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
