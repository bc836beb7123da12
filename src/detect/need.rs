//! What a host must have before a detector can find anything there: each detector declares it, and the [gate](super::gate)
//! keeps it to that.

use super::settings::{Setting, Settings};
use crate::base::Direction;
use crate::inventory::GroupId;
use crate::meter::{HostDirection, Span};
use crate::packet::{App, Class};

/// A count of the last second in one direction of a host: at least as high as what a detector compares with its limit, in
/// packets unless it says otherwise. Packets of which the memory of conversations cannot tell, steady streams and packets that
/// were excused later are included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gauge {
    /// All packets.
    Packets,
    /// All bits.
    Bits,
    /// SYNs, whatever became of them.
    Syns,
    /// SYN-ACKs that were not asked for.
    SynAcks,
    /// ACKs, with or without data, that were not asked for.
    Acks,
    /// RSTs that were not asked for.
    Rsts,
    /// Data, ACKs, RSTs and FINs that were not asked for.
    Pages,
    /// Segments of all flag patterns that belong to no connection: all SYNs and abnormal ones among them.
    Unmatched,
    /// UDP that was not asked for, and flows that were answered for the first time.
    Udp,
    /// The same of UDP port 443.
    Quic,
    /// Mere UDP that was not asked for.
    OneWayUdp,
    /// Replies of services that amplify which were not asked for.
    Replies,
    /// Replies of services that amplify.
    AllReplies,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
    /// Echo replies, and echo requests to groups.
    EchoReplies,
    /// Later fragments that were not asked for.
    Fragments,
    /// GRE.
    Gre,
    /// Other IP protocols.
    OtherProtocols,
    /// Packets from an address and port to the same address and port.
    Land,
    /// HTTP requests, complete or not.
    HttpRequests,
    /// Signs of HTTP connections that are kept busy: incomplete requests, tiny segments, zero windows.
    SlowHttp,
    /// TLS handshake segments.
    TlsHandshakes,
    /// DNS queries.
    DnsQueries,
    /// SIP requests.
    SipRequests,
    /// Completed connections on which the client sent nothing.
    SilentConnections,
}

impl Gauge {
    /// Reads the gauge.
    pub(super) fn of(self, host: &HostDirection<'_>) -> u64 {
        let forward = host.forward(Span::Second);
        let of = |classes: &[Class]| forward.of_all(classes).packets;
        let unsolicited =
            |classes: &[Class]| classes.iter().map(|&class| forward.unsolicited_at_most(class)).sum::<u64>();
        let apps = |apps: &[App]| host.app_packets(Span::Second, apps);
        // Of UDP, replies of services and the first answers to flows are judged as well.
        let udp = |class: Class| {
            let flows = forward.verdicts(&[class]).answered + host.reverse(Span::Second).unsolicited_at_most(class);
            unsolicited(&[class]) + forward.replies_at_most() + flows
        };
        match self {
            Gauge::Packets => forward.packets(),
            Gauge::Bits => forward.of_all(Class::ALL).bytes.saturating_mul(8),
            Gauge::Syns => of(&[Class::TcpSyn]),
            Gauge::SynAcks => unsolicited(&[Class::TcpSynAck]),
            Gauge::Acks => unsolicited(&[Class::TcpAck]),
            Gauge::Rsts => unsolicited(&[Class::TcpRst]),
            Gauge::Pages => unsolicited(&[Class::TcpAck, Class::TcpRst, Class::TcpFin]),
            Gauge::Unmatched => {
                unsolicited(&[Class::TcpSynAck, Class::TcpAck, Class::TcpRst, Class::TcpFin])
                    + of(&[Class::TcpSyn, Class::TcpNull, Class::TcpXmas, Class::TcpOther])
            }
            Gauge::Udp => udp(Class::Udp),
            Gauge::Quic => udp(Class::Quic),
            Gauge::OneWayUdp => unsolicited(&[Class::Udp]),
            Gauge::Replies => forward.replies_at_most(),
            Gauge::AllReplies => host.service_replies(),
            Gauge::Icmp => of(&[Class::IcmpEcho, Class::IcmpReply, Class::IcmpError, Class::IcmpOther]),
            Gauge::Icmpv6 => {
                of(&[Class::Icmpv6Echo, Class::Icmpv6Reply, Class::Icmpv6Error, Class::Icmpv6Nd, Class::Icmpv6Other])
            }
            Gauge::EchoReplies => of(&[Class::IcmpEchoGroup, Class::IcmpReply, Class::Icmpv6Reply]),
            Gauge::Fragments => unsolicited(&[Class::Fragment]),
            Gauge::Gre => of(&[Class::Gre]),
            Gauge::OtherProtocols => of(&[Class::IpOther, Class::IpTunnel]),
            Gauge::Land => of(&[Class::Land]),
            Gauge::HttpRequests => apps(super::requests::HTTP_REQUESTS),
            Gauge::SlowHttp => apps(&[App::HttpIncomplete, App::HttpAwaitingBody, App::TinySegment, App::ZeroWindow]),
            Gauge::TlsHandshakes => apps(&[App::TlsClientHello, App::TlsHandshake]),
            Gauge::DnsQueries => apps(&[App::DnsQuery]),
            Gauge::SipRequests => apps(&[App::SipRequest]),
            Gauge::SilentConnections => {
                let steps = host.client_steps(Span::Second);
                steps.completed.saturating_sub(steps.used).into()
            }
        }
    }
}

/// What a host must have before a detector can find anything there; of several needs, one suffices.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub(super) gauge: Gauge,
    /// The limits that it is compared with; the lowest counts. A limit of 0 is none.
    limits: &'static [Setting],
    /// The part of the limit that suffices.
    share: f64,
    /// What suffices whatever the limit.
    most: f64,
}

impl Need {
    /// At least this part of the lowest of these limits.
    pub const fn share(gauge: Gauge, limits: &'static [Setting], share: f64) -> Need {
        Need { gauge, limits, share, most: f64::INFINITY }
    }

    /// Half of the lowest of these limits: what a burst takes ([`exceeded_from`](super::exceeded::exceeded_from)), and a second
    /// twice that.
    pub const fn half(gauge: Gauge, limits: &'static [Setting]) -> Need {
        Need::share(gauge, limits, 0.5)
    }

    /// Half of what a slow rule takes, which asks for `fraction` of the limit over ten seconds and for half of that in the last
    /// one ([`sustained`](super::exceeded::sustained)).
    pub const fn lasting(gauge: Gauge, limits: &'static [Setting], fraction: f64) -> Need {
        Need::share(gauge, limits, fraction / 2.0)
    }

    /// As many as this suffice, whatever the limit.
    pub const fn or(self, most: f64) -> Need {
        Need { most, ..self }
    }

    /// A single one suffices.
    pub const fn any(gauge: Gauge) -> Need {
        Need { gauge, limits: &[], share: 0.0, most: 1.0 }
    }

    /// The least count that suffices; `None` where no limit is set.
    pub(super) fn floor(&self, settings: &Settings, group: Option<GroupId>, direction: Direction) -> Option<u64> {
        // What is learned only raises a limit.
        let limits = self.limits.iter().map(|setting| settings.limit(setting).of(group, direction, |_| None).value);
        let least = limits.filter(|limit| *limit > 0.0).fold(f64::INFINITY, f64::min);
        let floor = (least * self.share).min(self.most);
        // A count is a whole number.
        floor.is_finite().then(|| floor.ceil() as u64)
    }
}
