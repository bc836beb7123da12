//! What is played: models over spans of packet time.

use super::models::{self, TrafficModel};
use super::player::{Stream, Synthetic};
use super::rng::Rng;
use super::setting::{Params, Span};
use crate::base::Timestamp;

/// 2026-01-01T00:00:00Z, the start of a scenario that does not name one.
pub const DEFAULT_START: Timestamp = Timestamp::from_parts(1_767_225_600, 0);

/// Traffic of several models over packet time.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The same seed gives the same frames.
    pub seed: u64,
    /// Time to which the seconds of the parts are relative.
    pub start: Timestamp,
    /// Played at the same time, merged in time order; the index of a part selects its random numbers.
    pub parts: Vec<Part>,
}

/// One model over a span of packet time, in seconds after the start of the scenario.
#[derive(Clone, Debug)]
pub struct Part {
    /// What the traffic imitates.
    pub model: TrafficModel,
    /// Start of the traffic, in seconds after the start of the scenario; negative counts as 0.
    pub from_seconds: f64,
    /// End of the traffic, in seconds after the start of the scenario.
    pub to_seconds: f64,
    /// Changes to the defaults of the model.
    pub params: Params,
}

impl Part {
    /// A model with its defaults; change them through `params`.
    pub fn new(model: TrafficModel, from_seconds: f64, to_seconds: f64) -> Part {
        Part { model, from_seconds, to_seconds, params: Params::default() }
    }

    /// The stream of this part, which is number `index` of a scenario.
    fn stream(&self, start: Timestamp, seed: u64, index: u64) -> Stream {
        let from = self.from_seconds.max(0.0);
        let span = Span { start: start.plus_seconds(from).nanos(), seconds: (self.to_seconds - from).max(0.0) };
        let traffic = models::traffic(self.model, &self.params, span, Rng::new(seed, index));
        Stream::new(traffic, self.params.capture_point, self.params.bridged.clone())
    }
}

impl Scenario {
    /// A scenario that begins at [`DEFAULT_START`].
    pub fn new(seed: u64, parts: Vec<Part>) -> Scenario {
        Scenario { seed, start: DEFAULT_START, parts }
    }

    /// A source that plays the scenario from its start.
    pub fn source(&self) -> Synthetic {
        let parts = (0..).zip(&self.parts);
        Synthetic::new(parts.map(|(index, part)| part.stream(self.start, self.seed, index)).collect())
    }
}
