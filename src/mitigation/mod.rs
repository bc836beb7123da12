//! Mitigation: suggested filters and routes against an incident, to be reviewed by an operator. Pegel applies none of
//! them.
//!
//! Rules (`shape`) are found from the sampled packets of an incident and of the traffic before it (`plan`): as
//! narrow as the packets of the attack allow, and tested on both samples. Where that is not enough, the result is a
//! rate limit, or a reason why there is no rule. Rules are kept with the incident; their text is written only on
//! request (`filters`, `routes`).
//!
//! The text contains addresses, numbers, MAC addresses and fixed words, never a string from the network.

mod background;
mod filters;
mod plan;
mod routes;
mod shape;
mod suggestions;

pub use background::{BackgroundSample, BackgroundTraffic, Decimated};
pub use plan::Attack;
pub use suggestions::{Mitigation, Suggestions};

#[cfg(test)]
mod tests;
