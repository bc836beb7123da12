//! Finds the row of the table for a port or a payload.

use super::{AMPLIFIERS, Amplifier};

/// Index of a row of [`AMPLIFIERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service(u8);

impl Service {
    /// Number of services.
    pub const COUNT: usize = AMPLIFIERS.len();

    /// Index of the row.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The service of a row.
    pub fn from_index(index: usize) -> Option<Service> {
        (index < AMPLIFIERS.len()).then_some(Service(index as u8))
    }

    /// The row of the service.
    pub fn row(self) -> Option<&'static Amplifier> {
        AMPLIFIERS.get(self.index())
    }

    /// The service with this UDP port.
    #[inline]
    pub fn of_port(port: u16) -> Option<Service> {
        match BY_PORT.get(usize::from(port)) {
            Some(&row) if row != NONE => Some(Service(row)),
            _ => None,
        }
    }
}

const NONE: u8 = u8::MAX;

/// Row by port. With one byte per port, the few cache lines in use stay in the cache.
static BY_PORT: [u8; 65536] = index_by_port();

#[allow(clippy::indexing_slicing)] // evaluated at compile time: an index out of bounds fails the build
const fn index_by_port() -> [u8; 65536] {
    let mut table = [NONE; 65536];
    let mut row = 0;
    while row < AMPLIFIERS.len() {
        let mut port = 0;
        while port < AMPLIFIERS[row].ports.len() {
            table[AMPLIFIERS[row].ports[port] as usize] = row as u8;
            port += 1;
        }
        row += 1;
    }
    table
}

/// Ports above this are also chosen as ephemeral ports (RFC 6056) and for media (RTP), so a port alone does not
/// identify a service.
const HIGHEST_DISTINCTIVE_PORT: u16 = 9999;

/// The service of which this UDP payload is a reply, judging by source port, length and first octets.
#[inline]
pub(crate) fn reply_of(source_port: u16, payload_len: u16, captured: &[u8]) -> Option<Service> {
    let service = Service::of_port(source_port)?;
    let row = service.row()?;
    let looks_like_reply = match captured {
        [] => source_port <= HIGHEST_DISTINCTIVE_PORT,
        _ => (row.is_reply)(captured),
    };
    (payload_len >= row.min_payload && looks_like_reply).then_some(service)
}
