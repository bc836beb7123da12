//! The webhook sink: posts incidents as JSON, signed if a secret is configured. A failed post is retried for about half
//! an hour, unless the receiver refused the message.
//!
//! The body is the incident JSON of the API plus the keys `stage` (open, update, close) and `summary` (one line of text).
//! The signature includes
//! the time of sending, so that a receiver can reject replayed messages: header `Pegel-Signature: t=SECONDS,v1=HEX`,
//! where HEX is HMAC-SHA256 (RFC 2104) of `SECONDS.BODY`. Changes of one incident arrive in order.

use super::clock::{instant, wall_clock};
use super::endpoint::{Client, Endpoint, PostError, secret};
use super::retry::{backoff, random};
use super::sink::{Delivery, Settled, Sink};
use super::stages::{NO_STAGE, Stages};
use super::text;
use crate::base::Severity;
use crate::incident::{Detailed, Event};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;
use std::collections::VecDeque;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

/// Maximum number of messages queued while the receiver is down; beyond it, a new message replaces the oldest.
const MAX_WAITING: usize = 256;
/// Failed attempts after which a message is discarded. With the pauses between them, they take about half an hour.
const MAX_FAILURES: u32 = 40;

/// One receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookConfig {
    /// Part of the `output` label; unique.
    pub name: String,
    /// Where to post.
    pub endpoint: Endpoint,
    /// Incidents below this severity are not posted.
    pub severity: Severity,
    /// A file whose first line is the key of the signature; empty: no signature.
    pub secret_file: PathBuf,
}

#[derive(Serialize)]
struct Body<'a> {
    stage: &'static str,
    summary: String,
    #[serde(flatten)]
    incident: Detailed<'a>,
}

/// Posts to one receiver.
pub struct Webhook {
    client: Client,
    secret_file: PathBuf,
    stages: Stages,
    waiting: VecDeque<Vec<u8>>,
    /// Failed attempts for the first queued message.
    failures: u32,
    not_before: Option<Instant>,
    settled: Settled,
}

impl Webhook {
    /// Connects on the first delivery.
    pub fn new(config: &WebhookConfig) -> Webhook {
        Webhook {
            client: Client::new(&config.endpoint, ""),
            secret_file: config.secret_file.clone(),
            stages: Stages::new(config.severity),
            waiting: VecDeque::new(),
            failures: 0,
            not_before: None,
            settled: Settled::default(),
        }
    }

    /// Posts queued messages in order until one fails.
    fn post_waiting(&mut self) -> io::Result<()> {
        while let Some(body) = self.waiting.front() {
            match post(&mut self.client, &self.secret_file, body) {
                Ok(()) => {
                    self.waiting.pop_front();
                    self.settled.delivered += 1;
                    (self.failures, self.not_before) = (0, None);
                }
                Err(error) => {
                    self.failures = self.failures.saturating_add(1);
                    if matches!(error, PostError::Refused(_)) || self.failures >= MAX_FAILURES {
                        self.waiting.pop_front();
                        self.settled.given_up += 1;
                        (self.failures, self.not_before) = (0, None);
                    } else {
                        self.not_before = Some(instant() + backoff(self.failures, random()));
                    }
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }
}

fn post(client: &mut Client, secret_file: &std::path::Path, body: &[u8]) -> Result<(), PostError> {
    let mut headers = Vec::new();
    if !secret_file.as_os_str().is_empty() {
        let secret = secret(secret_file).map_err(PostError::Failed)?;
        let now = wall_clock().nanos() / 1_000_000_000;
        headers.push(("Pegel-Signature", signature(secret.as_bytes(), now, body)));
    }
    client.post(body, &headers)
}

/// The value of the signature header.
fn signature(secret: &[u8], seconds: u64, body: &[u8]) -> String {
    let mut text = format!("t={seconds},v1=");
    // Always `Ok`: HMAC accepts keys of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) {
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        for octet in mac.finalize().into_bytes() {
            let _ = write!(text, "{octet:02x}");
        }
    }
    text
}

impl Sink for Webhook {
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery> {
        let Some(stage) = self.stages.next(event) else { return Ok(Delivery::Skipped(NO_STAGE)) };
        let summary = text::summary(&event.incident);
        let body =
            serde_json::to_vec(&Body { stage: stage.name(), summary, incident: Detailed::new(&event.incident) })?;
        let full = self.waiting.len() >= MAX_WAITING;
        if full {
            self.waiting.pop_front();
            self.settled.given_up += 1;
            self.failures = 0;
        }
        self.waiting.push_back(body);
        // A drill does not wait for the next attempt.
        if self.not_before.is_some_and(|at| instant() < at) && !event.incident.drill {
            return match full {
                true => Err(io::Error::other(format!("{MAX_WAITING} messages are queued: discarded the oldest"))),
                false => Ok(Delivery::Later),
            };
        }
        let outcome = self.post_waiting().map(|()| Delivery::Delivered);
        if outcome.is_ok() {
            // The caller counts the message of this call itself.
            self.settled.delivered = self.settled.delivered.saturating_sub(1);
        }
        outcome
    }

    fn settled(&mut self) -> Settled {
        std::mem::take(&mut self.settled)
    }

    fn due(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then(|| self.not_before.unwrap_or_else(instant))
    }

    fn wake(&mut self) -> io::Result<()> {
        self.post_waiting()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.post_waiting()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by `printf '1.{}' | openssl dgst -sha256 -hmac Jefe`. (Test case 2 of RFC 4231 has the same key.)
    #[test]
    fn the_signature_is_an_hmac_of_time_and_body() {
        assert_eq!(
            signature(b"Jefe", 1, b"{}"),
            "t=1,v1=dc7943cccf20f64327d263db5e2aca27c2b8175e8e6e7ea04f482091bf456b0f"
        );
    }
}
