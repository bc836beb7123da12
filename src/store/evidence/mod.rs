//! Evidence: one directory for each incident, whose files a third party reads and checks with public tools.
//!
//! - `seal`: writes the directory of an incident: `incident.json`, `rates.csv`, `summary.txt`, `packets.pcapng`,
//!   `manifest.json`, `previous.sha256`, `SHA256SUMS` and, with a key, `SHA256SUMS.sig` and `public.pem`
//! - `chain`: writes a folder of them; `order`: the file `CHAIN` with their order
//! - `check`: finds what was altered, removed, added or reordered
//! - `export`: copies without payload or with pseudonyms
//! - `sums`, `files`, `key`: the format of sha256sum, durable writing, Ed25519
//!
//! The same input gives the same octets. Nothing here reads a clock.

mod capture;
mod chain;
mod check;
mod export;
mod files;
mod frame;
mod key;
mod manifest;
mod order;
mod pseudonym;
mod rates;
mod redaction;
mod seal;
mod summary;
mod sums;
mod text;

pub use chain::Chain;
pub use check::{Checked, Report, State, check};
pub use export::{Exported, export};
pub use key::{PublicKey, SigningKey};
pub use order::{CHAIN, CHAIN_SIGNATURE};
pub use pseudonym::PseudonymKey;
pub use redaction::Redaction;
pub use seal::{EvidenceInput, Previous, Sealed, seal};
pub use text::is_id;
