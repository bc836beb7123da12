//! What reaches the view, and what it asks of the thread that feeds it.

use crate::view::Overview;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One message to the view.
#[derive(Clone, Debug)]
pub enum Feed {
    /// The next second.
    Overview(Box<Overview>),
    /// The daemon cannot be reached, and why. What is on screen is stale until the next overview.
    Lost(String),
    /// The capture was played to its end.
    Ended,
    /// The capture cannot be played on, and why.
    Failed(String),
}

/// Where the seconds come from, in words for the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A running daemon, by its URL.
    Daemon(String),
    /// Capture files, by name.
    Files(String),
}

/// How the view behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the seconds come from.
    pub source: Source,
    /// Whether the mouse scrolls and selects. The terminal can then select no text.
    pub mouse: bool,
    /// Whether to use colours.
    pub colour: bool,
    /// Set from outside to end the view, as by a signal.
    pub stop: Arc<AtomicBool>,
}

/// How fast captures can be played, in seconds of packet time per second. `None`: as fast as possible.
const SPEEDS: [(&str, Option<f64>); 10] = [
    ("0.25", Some(0.25)),
    ("0.5", Some(0.5)),
    ("1", Some(1.0)),
    ("2", Some(2.0)),
    ("4", Some(4.0)),
    ("8", Some(8.0)),
    ("16", Some(16.0)),
    ("32", Some(32.0)),
    ("64", Some(64.0)),
    ("max", None),
];

/// A speed of playback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(usize);

impl Speed {
    /// Packet time passes as fast as the time of day.
    pub const REAL_TIME: Speed = Speed(2);

    /// Seconds of packet time per second; `None`: as fast as possible.
    pub fn factor(self) -> Option<f64> {
        SPEEDS.get(self.0).and_then(|(_, factor)| *factor)
    }

    /// `4x`, or `as fast as possible`.
    pub(super) fn label(self) -> String {
        match SPEEDS.get(self.0) {
            Some((name, Some(_))) => format!("{name}x"),
            _ => "as fast as possible".to_owned(),
        }
    }
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Speed, String> {
        let place = SPEEDS.iter().position(|(name, factor)| match factor {
            Some(_) => *name == text.strip_suffix('x').unwrap_or(text),
            None => *name == text,
        });
        place.map(Speed).ok_or_else(|| format!("must be one of {}", SPEEDS.map(|(name, _)| name).join(", ")))
    }
}

/// What the user wants of the thread that feeds the view, which shares it.
#[derive(Debug)]
pub struct Controls {
    paused: AtomicBool,
    speed: AtomicUsize,
}

impl Controls {
    /// Not paused.
    pub fn new(speed: Speed) -> Controls {
        Controls { paused: AtomicBool::new(false), speed: AtomicUsize::new(speed.0) }
    }

    /// Whether nothing new is wanted for now.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// How fast to play.
    pub fn speed(&self) -> Speed {
        Speed(self.speed.load(Ordering::Relaxed))
    }

    pub(super) fn toggle_pause(&self) {
        self.paused.fetch_xor(true, Ordering::Relaxed);
    }

    pub(super) fn faster(&self) {
        self.speed.store((self.speed().0 + 1).min(SPEEDS.len() - 1), Ordering::Relaxed);
    }

    pub(super) fn slower(&self) {
        self.speed.store(self.speed().0.saturating_sub(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_and_changed_within_their_limits() {
        let read = |text: &str| text.parse::<Speed>().map(Speed::label);
        assert_eq!(read("1"), Ok("1x".to_owned()));
        assert_eq!(read("0.25x"), Ok("0.25x".to_owned()));
        assert_eq!(read("max"), Ok("as fast as possible".to_owned()));
        for wrong in ["", "x", "3", "-1", "xmax", "nan"] {
            assert!(read(wrong).is_err_and(|message| message.contains("0.25, 0.5, 1")), "{wrong}");
        }
        let controls = Controls::new(Speed::REAL_TIME);
        assert_eq!(controls.speed().factor(), Some(1.0));
        (0..20).for_each(|_| controls.faster());
        assert_eq!(controls.speed().factor(), None);
        (0..20).for_each(|_| controls.slower());
        assert_eq!(controls.speed().factor(), Some(0.25));
    }
}
