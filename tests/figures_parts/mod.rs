//! What `tests/figures.rs` plays, how it recounts, and how it reads the outputs.

pub mod attack;
pub mod outputs;
pub mod recount;
