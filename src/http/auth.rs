//! Basic authentication against bcrypt hashes.
//!
//! bcrypt is slow on purpose, so it is kept away from the thread that answers, is done for one request at a time, and
//! rests after each wrong password: guessing costs a bounded share of one core and gets a few tries a second. Who was
//! right once is known by a keyed digest, so that a scrape does not pay for it each time. An unknown name is checked
//! against the hash of some user, always the same one, whose answer does not count: it takes as long as a known one.

use super::routes::failure;
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

/// Credentials that are remembered as right; the oldest gives way.
const REMEMBERED: usize = 32;
/// Longest wait for one's turn to be checked.
const PATIENCE: Duration = Duration::from_secs(3);
/// Before the next check after a wrong password.
const REST: Duration = Duration::from_millis(250);

type Digest = [u8; 32];

/// Checks who asks.
pub(super) struct BasicAuth {
    web: Arc<Web>,
    metrics: Arc<Metrics>,
    /// Of this process alone.
    key: Digest,
    known: Arc<Mutex<VecDeque<Digest>>>,
    turn: Arc<Semaphore>,
}

enum Verdict {
    Welcome,
    Stranger,
    Busy,
}

impl BasicAuth {
    pub fn new(web: Arc<Web>, metrics: Arc<Metrics>) -> io::Result<BasicAuth> {
        let mut key = Digest::default();
        let random = ring::default_provider().secure_random.fill(&mut key);
        random.map_err(|_| io::Error::other("the system has no random numbers"))?;
        Ok(BasicAuth { web, metrics, key, known: Arc::default(), turn: Arc::new(Semaphore::new(1)) })
    }

    fn digest(&self, parts: &[&str]) -> Digest {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return Digest::default() };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    fn knows(&self, digest: &Digest) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    async fn judge(&self, policy: &Policy, credentials: Option<&HeaderValue>) -> Verdict {
        let Some((name, password)) = credentials.and_then(decode) else { return Verdict::Stranger };
        let found = policy.users.iter().find(|(user, _)| *user == name);
        let is_user = found.is_some();
        let stand_in = || {
            let [first, second, ..] = self.digest(&[&name]);
            let drawn = usize::from(u16::from_be_bytes([first, second]));
            policy.users.get(drawn % policy.users.len().max(1))
        };
        let Some((_, hash)) = found.or_else(stand_in) else { return Verdict::Stranger };
        // With the hash in it, a changed password is forgotten by itself.
        let digest = self.digest(&[&name, &password, hash]);
        if is_user && self.knows(&digest) {
            return Verdict::Welcome;
        }
        let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, Arc::clone(&self.turn).acquire_owned()).await else {
            return Verdict::Busy;
        };
        // Another connection of the same client may have had its turn meanwhile.
        if is_user && self.knows(&digest) {
            return Verdict::Welcome;
        }
        let (tell, told) = oneshot::channel();
        let (hash, known) = (hash.clone(), Arc::clone(&self.known));
        // A task of its own: the turn lasts to its end, also where the client has gone meanwhile.
        tokio::spawn(async move {
            let check = move || bcrypt::verify(password, &hash).unwrap_or(false);
            let right = tokio::task::spawn_blocking(check).await.unwrap_or(false) && is_user;
            if right {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                known.truncate(REMEMBERED - 1);
                known.push_front(digest);
            }
            let _ = tell.send(right);
            if !right {
                tokio::time::sleep(REST).await;
            }
            drop(turn);
        });
        if told.await.unwrap_or(false) { Verdict::Welcome } else { Verdict::Stranger }
    }
}

/// Name and password of RFC 7617.
fn decode(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Lets in who may read. Every route is behind it, health as well.
pub(super) async fn guard(State(door): State<Arc<BasicAuth>>, request: Request, next: Next) -> Response {
    let policy = door.web.policy();
    if policy.users.is_empty() {
        return next.run(request).await;
    }
    match door.judge(&policy, request.headers().get(header::AUTHORIZATION)).await {
        Verdict::Welcome => next.run(request).await,
        Verdict::Stranger => {
            door.metrics.http_refused(HttpRefusal::Auth);
            let mut answer = failure(StatusCode::UNAUTHORIZED, "name and password, please");
            let challenge = HeaderValue::from_static("Basic realm=\"pegel\", charset=\"UTF-8\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            answer
        }
        Verdict::Busy => {
            door.metrics.http_refused(HttpRefusal::Busy);
            let mut answer = failure(StatusCode::SERVICE_UNAVAILABLE, "too many passwords to check");
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_as_rfc_7617_has_them() {
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
