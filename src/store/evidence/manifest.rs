//! `manifest.json`: what the directory holds, and in which shares.

use super::text::is_hidden;
use crate::base::Timestamp;
use crate::incident::Incident;
use crate::incident::model::{Coverage, Totals};
use crate::store::KeptPacket;
use serde::{Deserialize, Serialize};

/// Version of the directory's layout. Fields are only added within a version.
pub(super) const SCHEMA: u32 = 1;

/// The content of `manifest.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) schema: u32,
    /// Of the incident; the name of the directory.
    pub(super) id: String,
    /// Name and version of the program.
    pub(super) program: String,
    /// Packets in `packets.pcapng`.
    pub(super) packets: Packets,
    /// Most octets kept of a packet.
    pub(super) snap_length: u32,
    /// How packets were chosen.
    pub(super) sampling: String,
    /// All packets and bytes of the incident, for comparison.
    pub(super) totals: Totals,
    /// What was captured while it was open.
    pub(super) coverage: Coverage,
    /// Rows of `rates.csv`.
    pub(super) rates: Rows,
    /// What was left out or replaced; empty for the original.
    pub(super) redactions: Vec<String>,
    /// What a redacted copy was made from.
    pub(super) derived_from: Option<DerivedFrom>,
    /// The incident before in the chain; `null` for the first and for redacted copies.
    pub(super) previous: Option<PreviousSums>,
    /// Whether `SHA256SUMS.sig` belongs to it.
    pub(super) signed: bool,
    /// The other files, without `SHA256SUMS` and its signature.
    pub(super) files: Vec<FileSize>,
}

/// Numbers of packets and their shares.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Packets {
    pub(super) total: u64,
    /// Those like which a finding counted: of the target, in the direction and of a class of the attack.
    pub(super) attack: Part,
    /// All others.
    pub(super) background: Part,
    /// Until the estimated onset.
    pub(super) before: Part,
    /// From the onset to the last finding.
    pub(super) during: Part,
    /// After the last finding.
    pub(super) after: Part,
}

/// A part of the packets.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) count: u64,
    /// Of the total, 0 to 1.
    pub(super) share: f64,
}

/// Rows of a table with one a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rows {
    pub(super) rows: u64,
    /// Gaps of more than an hour without packets, of which no rows are written.
    pub(super) gaps: u64,
    /// Times in which nothing was captured, such as a restart. Cells of rows within them are empty: not zero, but not known.
    #[serde(default)]
    pub(super) not_captured: Vec<NotCaptured>,
}

/// A time in which nothing was captured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NotCaptured {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) seconds: f64,
}

impl NotCaptured {
    pub(super) fn new((from, seconds): (Timestamp, f64)) -> NotCaptured {
        NotCaptured { from, to: from.plus_seconds(seconds), seconds }
    }
}

/// The original of a redacted copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DerivedFrom {
    /// SHA-256 of its `SHA256SUMS`, or with pseudonyms the HMAC-SHA-256 with their key: the plain digest would let others test
    /// guesses of the addresses.
    pub(super) method: String,
    /// Hexadecimal digits.
    pub(super) value: String,
}

/// The incident before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PreviousSums {
    pub(super) id: String,
    /// Of its `SHA256SUMS`.
    pub(super) sha256: String,
}

/// A file and its octets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FileSize {
    pub(super) name: String,
    pub(super) size: u64,
}

/// `pegel` and its version.
pub(super) fn program() -> String {
    concat!("pegel ", env!("CARGO_PKG_VERSION")).to_owned()
}

impl Packets {
    pub(super) fn count(incident: &Incident, packets: &[&KeptPacket]) -> Packets {
        let (onset, end) = (incident.onset(), incident.updated_at);
        let part = |is_in: &dyn Fn(&KeptPacket) -> bool| {
            let count = packets.iter().filter(|packet| is_in(packet)).count() as u64;
            let share = count as f64 / packets.len().max(1) as f64;
            Part { count, share: (share * 1e5).round() / 1e5 }
        };
        let before = |time: Timestamp| time < onset;
        let after = |time: Timestamp| time > end && !before(time);
        Packets {
            total: packets.len() as u64,
            attack: part(&|packet| packet.is_attack),
            background: part(&|packet| !packet.is_attack),
            before: part(&|packet| before(packet.time)),
            during: part(&|packet| !before(packet.time) && !after(packet.time)),
            after: part(&|packet| after(packet.time)),
        }
    }
}

/// A value as indented JSON in ASCII where characters are invisible or change the direction of text: these are escaped.
pub(super) fn pretty(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::other)?;
    let mut escaped = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        // Outside of ASCII, characters occur only within strings.
        if !character.is_ascii() && is_hidden(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped.push('\n');
    Ok(escaped.into_bytes())
}
