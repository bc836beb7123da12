//! A row of the table of amplifiers.

use crate::base::Vector;

/// One service that can be abused as an amplifier.
pub struct Amplifier {
    /// Name of the service.
    pub service: &'static str,
    /// The vector that a flood of its replies is reported as.
    pub vector: Vector,
    /// UDP ports of the service, which are the source ports of its replies.
    pub ports: &'static [u16],
    /// Minimum octets of UDP payload in a reply.
    pub min_payload: u16,
    /// Whether the captured octets of a payload look like a reply. Captures may be truncated, so it must not require
    /// more than a few octets. It is not called if none were captured.
    pub is_reply: fn(&[u8]) -> bool,
    /// Whether a well-run network never receives such replies from outside. If so, lower minimum rates apply.
    pub unambiguous: bool,
    /// Whether such packets also occur in long sessions between two peers (calls, tunnels, transfers, games). If so,
    /// only replies from many reflectors at the same time are an attack.
    pub sessions: bool,
    /// Whether legitimate clients query a very large number of servers at the same time. If so, many replying servers
    /// alone are not an attack.
    pub crawled: bool,
    /// Maximum packets in a legitimate reply to one request.
    pub answers: u64,
    /// What identifies a reply, the amplification factor, and the sources for both.
    pub note: &'static str,
}

impl Amplifier {
    /// Whether `port` is a port of the service.
    pub fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }
}
