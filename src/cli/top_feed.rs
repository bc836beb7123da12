//! What feeds `pegel top`: a daemon that is asked every second, or captures that are played.

use crate::base::Timestamp;
use crate::config::Config;
use crate::output::endpoint::{Client, Endpoint};
use crate::runtime::playback;
use crate::tui::{Controls, Feed};
use crate::view::{KEPT_SECONDS, Overview};
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

/// Maximum size of a response in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// Seconds of traffic in a request that follows another: more than one, so that a late one loses nothing.
const FEW_SECONDS: usize = 5;
/// Between two requests.
const INTERVAL: Duration = Duration::from_secs(1);
/// How soon a pause, or another speed, is noticed.
const NOTICED: Duration = Duration::from_millis(50);

/// Seconds without packets that are played: the rest of a longer gap in a capture is skipped.
const LONGEST_GAP: f64 = 60.0;

/// Answers with the same second after which a daemon is taken to be stuck: its time advances without packets as well.
const MOST_SAME: u32 = 5;
const STUCK: &str = "it answers, but its time stands still: see /healthz and its log";

/// Notices that a daemon answers and no longer works.
#[derive(Default)]
struct Standstill {
    last: Option<Timestamp>,
    same: u32,
}

impl Standstill {
    fn is_stuck(&mut self, at: Option<Timestamp>) -> bool {
        self.same = if at.is_some() && at == self.last { self.same.saturating_add(1) } else { 0 };
        self.last = at;
        self.same >= MOST_SAME
    }
}

/// Asks a daemon for each second.
pub(super) struct Poller {
    endpoint: Endpoint,
    /// For the first request: all that the daemon keeps.
    all: Client,
    /// For those that follow.
    few: Client,
}

impl Poller {
    /// Of the daemon at this endpoint.
    pub(super) fn new(endpoint: Endpoint) -> Poller {
        let client = |seconds: usize| Client::new(&endpoint, &format!("/api/v1/overview?seconds={seconds}"));
        let (all, few) = (client(KEPT_SECONDS), client(FEW_SECONDS));
        Poller { endpoint, all, few }
    }

    /// Feeds the view until it is gone.
    pub(super) fn run(&self, sender: &SyncSender<Feed>) {
        let (mut is_connected, mut stand) = (false, Standstill::default());
        loop {
            let started = now();
            let message = match self.ask(if is_connected { &self.few } else { &self.all }) {
                Ok(overview) if stand.is_stuck(overview.at) => Feed::Lost(STUCK.to_owned()),
                Ok(overview) => Feed::Overview(Box::new(overview)),
                Err(message) => Feed::Lost(message),
            };
            is_connected = matches!(message, Feed::Overview(_));
            if sender.send(message).is_err() {
                return;
            }
            wait_until(started + INTERVAL);
        }
    }

    fn ask(&self, client: &Client) -> Result<Overview, String> {
        let (status, body) = client.get(MAX_BYTES).map_err(|error| self.unreachable(&error))?;
        if status != 200 {
            return Err(self.refused(status));
        }
        serde_json::from_str(&body)
            .map_err(|error| format!("the answer cannot be read: {error}; are both Pegels of the same version?"))
    }

    /// An error of the connection, and what to do.
    fn unreachable(&self, error: &std::io::Error) -> String {
        let text = error.to_string();
        // The number tells an operator nothing.
        let text = text.split(" (os error").next().unwrap_or_default().to_owned();
        let is_of_certificate = ["certificate", "UnknownIssuer", "tls", "TLS"].iter().any(|word| text.contains(word));
        let hint = match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "is Pegel running?",
            _ if text.contains("InvalidContentType") => "does it speak http:// instead of https://?",
            std::io::ErrorKind::TimedOut => "is the address right, and no firewall in between?",
            _ if is_of_certificate && self.endpoint.ca_file.as_os_str().is_empty() => {
                "name the CA of its certificate with --ca-file"
            }
            _ if is_of_certificate => "does --ca-file have the CA of its certificate?",
            _ => return text,
        };
        format!("{text}; {hint}")
    }

    /// A status other than 200, and what to do.
    fn refused(&self, status: u16) -> String {
        match status {
            401 if self.endpoint.username.is_empty() => {
                "it asks for a user (401): use --user and --password-file".to_owned()
            }
            401 => "user or password is wrong (401): see [http] web_config of the daemon".to_owned(),
            403 => "access is refused (403), by a proxy or by the daemon: ask who runs it".to_owned(),
            404 => "there is no /api/v1/overview (404): is it Pegel, and of this version?".to_owned(),
            300..=399 => format!("it redirects elsewhere ({status}), which is not followed: correct --url"),
            500..=599 => format!("it has an error (HTTP status {status}): see its log"),
            _ => format!("unexpected HTTP status {status}"),
        }
    }
}

/// Plays captures as fast as the user wants, and waits while they pause.
///
/// # Errors
/// Where one cannot be read in full. The view has been told as well.
pub(super) fn play(
    files: &[PathBuf],
    config: &Config,
    controls: &Controls,
    sender: &SyncSender<Feed>,
) -> Result<(), String> {
    let (mut last, mut shown) = (now(), None::<Timestamp>);
    let outcome = playback::play(files, config, &mut |overview| {
        let passed = overview.at.zip(shown).map_or(1.0, |(at, before)| at.seconds_since(before));
        shown = overview.at;
        last = pace(controls, last, passed.clamp(0.0, LONGEST_GAP));
        // The view is gone once it takes nothing more.
        sender.send(Feed::Overview(Box::new(overview))).is_ok()
    });
    let message = match &outcome {
        Ok(()) => Feed::Ended,
        Err(message) => Feed::Failed(message.clone()),
    };
    let _ = sender.send(message);
    outcome
}

/// Waits until what happened `passed` seconds after the last one is due, and returns when that was.
fn pace(controls: &Controls, last: Instant, passed: f64) -> Instant {
    let mut last = last;
    loop {
        if controls.is_paused() {
            wait_until(now() + NOTICED);
            // What was paused does not count as waited for.
            last = now();
            continue;
        }
        let Some(factor) = controls.speed().factor() else { return now() };
        let (due, current) = (last + Duration::from_secs_f64(passed / factor), now());
        if due <= current {
            // Time that analysis took is made up for, but no more than one second of it.
            return due.max(current.checked_sub(INTERVAL).unwrap_or(due));
        }
        wait_until(due.min(current + NOTICED));
    }
}

#[expect(clippy::disallowed_methods, reason = "paces requests and playback for a person; no detection depends on it")]
fn now() -> Instant {
    Instant::now()
}

/// Nothing wakes the thread early, and the process does not wait for it when it ends.
fn wait_until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::Speed;
    use std::io::{Error, ErrorKind, Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc::sync_channel;

    fn poller(url: &str, user: &str) -> Poller {
        Poller::new(Endpoint {
            url: url.to_owned(),
            ca_file: PathBuf::new(),
            username: user.to_owned(),
            password_file: PathBuf::new(),
            bearer_token_file: PathBuf::new(),
            timeout_seconds: 10,
        })
    }

    #[test]
    fn errors_say_what_to_do() {
        let poller = poller("https://localhost", "");
        let refused = Error::new(ErrorKind::ConnectionRefused, "refused");
        assert!(poller.unreachable(&refused).ends_with("is Pegel running?"));
        assert!(poller.unreachable(&Error::other("invalid peer certificate")).contains("--ca-file"));
        assert!(poller.refused(401).contains("--user") && poller.refused(404).contains("is it Pegel"));
        assert!(self::poller("", "ops").refused(401).contains("wrong"));
    }

    #[test]
    fn a_daemon_whose_time_stands_still_is_noticed() {
        let (mut stand, at) = (Standstill::default(), |second| Some(Timestamp::from_parts(second, 0)));
        assert!((0..20).all(|_| !stand.is_stuck(None)));
        assert_eq!((0..7).filter(|_| stand.is_stuck(at(1))).count(), 2);
        assert!(!stand.is_stuck(at(2)));
    }

    #[test]
    fn a_daemon_is_asked_for_all_seconds_first_and_after_each_loss() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = thread::spawn(move || {
            let overview = serde_json::to_string(&Overview::default()).expect("JSON");
            let mut asked = Vec::new();
            for answer in [("200 OK", overview.as_str()), ("401 Unauthorized", ""), ("200 OK", "{"), ("200 OK", "")] {
                let (mut stream, _) = listener.accept().expect("a connection");
                let mut request = [0; 2048];
                let length = stream.read(&mut request).expect("a request");
                asked.push(String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned());
                let (status, body) = answer;
                let length = body.len();
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                    .expect("an answer");
            }
            asked
        });
        let (sender, receiver) = sync_channel(1);
        let feeder = thread::spawn(move || poller(&url, "").run(&sender));
        assert!(matches!(receiver.recv(), Ok(Feed::Overview(_))));
        assert!(matches!(receiver.recv(), Ok(Feed::Lost(message)) if message.contains("--user")));
        assert!(matches!(receiver.recv(), Ok(Feed::Lost(message)) if message.contains("same version")));
        drop(receiver);
        feeder.join().expect("it ends with the view");
        let asked = server.join().expect("four requests");
        let seconds: Vec<&str> = asked.iter().filter_map(|line| line.split(['=', ' ']).nth(2)).collect();
        assert_eq!(seconds, ["120", "5", "120", "120"]);
    }

    #[test]
    fn playback_is_paced() {
        let fast = Controls::new("max".parse::<Speed>().expect("a speed"));
        let begun = now();
        pace(&fast, begun, 1.0);
        assert!(begun.elapsed() < Duration::from_secs(5));
        let slow = Controls::new("16".parse::<Speed>().expect("a speed"));
        let due = pace(&slow, begun, 1.0);
        assert!(now() >= due && due >= begun + Duration::from_millis(62));
    }
}
