//! What the table knows of one service.

use crate::base::Vector;

/// One service that can be abused.
pub struct Amplifier {
    pub service: &'static str,
    pub vector: Vector,
    /// UDP ports of the service: the source ports of its replies.
    pub ports: &'static [u16],
    /// A reply has at least this many octets of UDP payload.
    pub min_payload: u16,
    /// Judges the first captured octets of the payload. Sees only what was captured, so it must not demand more
    /// than a few octets; it is not asked where none were captured.
    pub is_reply: fn(&[u8]) -> bool,
    /// True where no sane network receives these from outside at all: low floors apply.
    pub unambiguous: bool,
    /// True where such packets also flow between two peers that talk for long (calls, tunnels, transfers, games):
    /// only many reflectors at once make an attack.
    pub sessions: bool,
    /// True where honest clients ask very many servers at once: many that answer are no attack of themselves.
    pub crawled: bool,
    /// Packets that one question may honestly bring.
    pub answers: u64,
    pub note: &'static str,
}

impl Amplifier {
    /// Whether a packet from this port may be a reply.
    pub fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }
}
