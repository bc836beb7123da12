//! What `tests/report.rs` reports on, and how it reads reports.

pub mod cases;
pub mod markup;
pub mod picture;
