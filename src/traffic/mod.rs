//! Synthetic traffic: attacks as their tools send them, and the benign traffic that resembles them.
//!
//! A [`Scenario`] is a list of [`Part`]s, each one model over a span of packet time; [`Synthetic`] merges their
//! streams. The same scenario and seed give the same bytes on every machine. `models` is the registry: to add a model,
//! write its `Model` in one of the model files and add a row there. To play it as the attack of a vector, name it in
//! `vectors`. `scenario_file` reads scenarios from TOML.
//!
//! A model plans packets (`frames::Plan`); `schedule` keeps the plans in order of time and turns them into frames, and
//! `payload` writes their payloads. `bench` bypasses plans and patches templates, for millions of packets per second.

mod amplification;
mod application;
mod bench;
mod benign_tcp;
mod benign_udp;
mod checksum;
mod conversations;
mod day;
mod defaults;
mod evasion;
mod flood;
mod foreign;
mod frames;
mod lan;
mod mail;
mod message;
mod models;
mod payload;
mod player;
mod recon;
mod reflection;
mod restart;
mod rng;
mod scenario;
mod scenario_file;
mod schedule;
mod services;
mod setting;
mod tcp;
mod templates;
#[cfg(test)]
mod tests;
mod vectors;
mod write;

pub use day::{HOUR, day};
pub use frames::{CapturePoint, SeenAs};
pub use models::{MODELS, ModelSpec, TrafficModel};
pub use player::Synthetic;
pub use scenario::{DEFAULT_START, Part, Scenario};
pub use schedule::{Burst, Hours};
pub use setting::Params;
pub use vectors::{AttackModel, Family, for_vector};
pub use write::write_pcap;
