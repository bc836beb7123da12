//! Configuration: a TOML file, read with every default filled in ([`Config`]).
//!
//! One file per section. Each declares its keys once (`key::Key`: name, type, default, range, unit, description), lists
//! them in its `key::Section`, and has a function that reads them and one that writes them. Error messages, the sample
//! file (`deploy/pegel.toml`), `print-config` and the reference page follow from the declarations. To add a key, declare
//! it, list it, read it and write it; tests fail where one of these is missing.
//!
//! All errors of a file are reported at the same time, each with the key, its value and what is allowed.

mod alertmanager;
mod allow;
mod baseline;
mod capture;
mod decode;
mod detect;
mod detection;
mod endpoint;
mod evidence;
mod file;
mod group;
mod guest;
mod hook;
mod http;
mod incident;
mod interface;
mod inventory;
mod key;
mod lan;
mod maintenance;
mod meter;
mod metrics;
mod networks;
mod output;
mod page;
mod posture;
mod reader;
mod reference;
mod render;
mod report;
mod sandbox;
mod sections;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod values;
mod webhook;

pub use baseline::BaselineConfig;
pub use capture::{CaptureConfig, CaptureSource};
pub use detection::DetectionConfig;
pub use evidence::EvidenceConfig;
pub use file::{ConfigErrors, DEFAULT_PATH};
pub use http::HttpConfig;
pub use output::OutputConfig;
pub use reference::reference;
pub use render::render;
pub use report::ReportConfig;
pub use sandbox::SandboxConfig;
pub use sections::{Config, ReloadableConfig};
pub use store::StoreConfig;
pub(crate) use values::network;
