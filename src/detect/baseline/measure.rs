//! Measures: what of a host's traffic is learned, and limits which.

use crate::detect::rst_flood::PROVOKING;
use crate::meter::{HostDirection, Span};
use crate::packet::Class;

/// One figure of a host and direction. Each is as near as can be to what the detector that asks for it counts, *before*
/// it looks at shape: a busy web server completes its handshakes, so thousands of clients do not raise what is usual of
/// [`Quantity::Syn`], and a flood that completes none stays as visible as on a quiet host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// SYNs that are neither completed nor repeated.
    Syn,
    /// TCP segments with ACK beyond ten for each that went the other way.
    Ack,
    /// RSTs beyond the segments that went the other way.
    Rst,
    /// UDP beyond two for each that went the other way, where nearly each has a flow of its own.
    UdpSpread,
    /// The same in few flows.
    UdpSteady,
    /// ICMP and ICMPv6 beyond what was asked for; an address has one of both.
    Icmp,
    /// Later fragments.
    Fragment,
}

const UDP: &[Class] = &[Class::Udp];
const ICMP: &[Class] =
    &[Class::IcmpEcho, Class::IcmpError, Class::IcmpOther, Class::Icmpv6Echo, Class::Icmpv6Error, Class::Icmpv6Other];
const ECHO: &[Class] = &[Class::IcmpEcho, Class::Icmpv6Echo];
const REPLY: &[Class] = &[Class::IcmpReply, Class::Icmpv6Reply];

impl Quantity {
    pub const ALL: [Quantity; Quantity::COUNT] = [
        Quantity::Syn,
        Quantity::Ack,
        Quantity::Rst,
        Quantity::UdpSpread,
        Quantity::UdpSteady,
        Quantity::Icmp,
        Quantity::Fragment,
    ];
    pub const COUNT: usize = 7;

    pub const fn index(self) -> usize {
        self as usize
    }
}

/// All measures of the last second, in the order of [`Quantity::ALL`]. `spread` tells whether UDP is in many flows; it is
/// asked only where there is enough UDP to learn from.
pub(super) fn of_second(host: &HostDirection<'_>, spread: impl FnOnce() -> bool) -> [f32; Quantity::COUNT] {
    let (forward, reverse) = (host.forward(Span::Second), host.reverse(Span::Second));
    let of = |class| forward.of(class).packets;
    let syn =
        of(Class::TcpSyn).saturating_sub(host.completed(Span::Second)).saturating_sub(host.repeated_syns(Span::Second));
    let answers = reverse.of_all(PROVOKING).packets;
    let ack = (of(Class::TcpAck) + of(Class::TcpData)).saturating_sub(answers.saturating_mul(10));
    let rst = of(Class::TcpRst).saturating_sub(answers).saturating_sub(of(Class::TcpSyn));
    let udp = forward.of_all(UDP).packets.saturating_sub(reverse.of_all(UDP).packets.saturating_mul(2));
    let (udp_spread, udp_steady) = match udp {
        0..10 => (0, 0),
        udp if spread() => (udp, 0),
        udp => (0, udp),
    };
    let replies = forward.of_all(REPLY).packets.saturating_sub(reverse.of_all(ECHO).packets);
    let icmp = forward.of_all(ICMP).packets + replies;
    [syn, ack, rst, udp_spread, udp_steady, icmp, of(Class::Fragment)].map(|packets| packets as f32)
}
