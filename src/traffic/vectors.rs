//! Which model plays the attack of a vector.

use super::models::TrafficModel;
use crate::base::Vector;
use std::net::IpAddr;

/// Address families in which an attack exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Both IPv4 and IPv6.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Whether the attack exists in the family of `address`.
    pub const fn includes(self, address: IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// A model as the attack of one vector on one host.
#[derive(Clone, Copy, Debug)]
pub struct AttackModel {
    /// The model that plays it.
    pub model: TrafficModel,
    /// Packets (or requests) per second; `None`: the default of the model.
    pub rate: Option<f64>,
    /// Families of the target that the model can play it in.
    pub family: Family,
}

const fn by_default(model: TrafficModel) -> AttackModel {
    AttackModel { model, rate: None, family: Family::Any }
}

/// How the generator attacks a host by `vector`. `None` where it cannot: vectors of a LAN, of the egress and of the
/// sensor, and those that are only noted.
pub const fn for_vector(vector: Vector) -> Option<AttackModel> {
    Some(match vector {
        Vector::SynFlood => by_default(TrafficModel::SynFlood),
        Vector::SynAckFlood => by_default(TrafficModel::SynAckFlood),
        Vector::AckFlood => by_default(TrafficModel::AckFlood),
        Vector::RstFlood => by_default(TrafficModel::RstFlood),
        Vector::FinFlood => by_default(TrafficModel::FinFlood),
        Vector::TcpNullFlood => by_default(TrafficModel::TcpNullFlood),
        Vector::XmasFlood => by_default(TrafficModel::XmasFlood),
        Vector::TcpFlood => by_default(TrafficModel::TcpFlood),
        Vector::UdpFlood => by_default(TrafficModel::UdpFlood),
        Vector::QuicFlood => by_default(TrafficModel::QuicFlood),
        Vector::IcmpFlood => AttackModel { family: Family::V4, ..by_default(TrafficModel::IcmpFlood) },
        Vector::Icmpv6Flood => AttackModel { family: Family::V6, ..by_default(TrafficModel::Icmpv6Flood) },
        Vector::Smurf => AttackModel { family: Family::V4, ..by_default(TrafficModel::Smurf) },
        Vector::FragmentFlood => {
            // At the default rate of the model, fragments are but a part of a UDP flood.
            AttackModel { rate: Some(12_000.0), ..by_default(TrafficModel::FragmentFlood) }
        }
        Vector::GreFlood => by_default(TrafficModel::GreFlood),
        Vector::IpProtoFlood => by_default(TrafficModel::IpProtoFlood),
        Vector::LandAttack => by_default(TrafficModel::LandAttack),
        Vector::DnsAmplification => by_default(TrafficModel::DnsAmplification),
        Vector::NtpAmplification => by_default(TrafficModel::NtpAmplification),
        Vector::SnmpAmplification => by_default(TrafficModel::SnmpAmplification),
        Vector::MemcachedAmplification => by_default(TrafficModel::MemcachedAmplification),
        Vector::CldapAmplification => by_default(TrafficModel::CldapAmplification),
        Vector::SsdpAmplification => by_default(TrafficModel::SsdpAmplification),
        Vector::ChargenAmplification => by_default(TrafficModel::ChargenAmplification),
        Vector::QotdAmplification => by_default(TrafficModel::QotdAmplification),
        Vector::PortmapAmplification => by_default(TrafficModel::PortmapAmplification),
        Vector::NetbiosAmplification => by_default(TrafficModel::NetbiosAmplification),
        Vector::TftpAmplification => by_default(TrafficModel::TftpAmplification),
        Vector::Ripv1Amplification => by_default(TrafficModel::Ripv1Amplification),
        Vector::MdnsAmplification => by_default(TrafficModel::MdnsAmplification),
        Vector::WsDiscoveryAmplification => by_default(TrafficModel::WsDiscoveryAmplification),
        Vector::ArmsAmplification => by_default(TrafficModel::ArmsAmplification),
        Vector::CoapAmplification => by_default(TrafficModel::CoapAmplification),
        Vector::SlpAmplification => by_default(TrafficModel::SlpAmplification),
        Vector::SteamAmplification => by_default(TrafficModel::SteamAmplification),
        Vector::QuakeAmplification => by_default(TrafficModel::QuakeAmplification),
        Vector::MssqlAmplification => by_default(TrafficModel::MssqlAmplification),
        Vector::OpenvpnAmplification => by_default(TrafficModel::OpenvpnAmplification),
        Vector::StunAmplification => by_default(TrafficModel::StunAmplification),
        Vector::SipAmplification => by_default(TrafficModel::SipAmplification),
        Vector::IsakmpAmplification => by_default(TrafficModel::IsakmpAmplification),
        Vector::BacnetAmplification => by_default(TrafficModel::BacnetAmplification),
        Vector::UbiquitiAmplification => by_default(TrafficModel::UbiquitiAmplification),
        Vector::DhipAmplification => by_default(TrafficModel::DhipAmplification),
        Vector::PlexAmplification => by_default(TrafficModel::PlexAmplification),
        Vector::Tp240Amplification => by_default(TrafficModel::Tp240Amplification),
        Vector::JenkinsAmplification => by_default(TrafficModel::JenkinsAmplification),
        Vector::BittorrentAmplification => by_default(TrafficModel::BittorrentAmplification),
        Vector::L2tpAmplification => by_default(TrafficModel::L2tpAmplification),
        Vector::RdpAmplification => by_default(TrafficModel::RdpAmplification),
        Vector::TcpReflection => by_default(TrafficModel::SynAckReflection),
        Vector::OtherAmplification => by_default(TrafficModel::OtherAmplification),
        Vector::HttpFlood => by_default(TrafficModel::HttpFlood),
        Vector::TlsHandshakeFlood => by_default(TrafficModel::TlsFlood),
        Vector::DnsQueryFlood => by_default(TrafficModel::DnsQueryFlood),
        Vector::DnsWaterTorture => by_default(TrafficModel::DnsWaterTorture),
        Vector::ConnectionFlood => by_default(TrafficModel::ConnectionFlood),
        Vector::SlowHttp => by_default(TrafficModel::SlowHttp),
        Vector::SipFlood => by_default(TrafficModel::SipFlood),
        Vector::BruteForce
        | Vector::PortScan
        | Vector::HostSweep
        | Vector::ArpScan
        | Vector::Backscatter
        | Vector::SpoofedSource
        | Vector::OpenReflector
        | Vector::MacNotAllowed
        | Vector::MacIpMismatch
        | Vector::ArpSpoof
        | Vector::NdSpoof
        | Vector::GatewayMacChanged
        | Vector::IpConflict
        | Vector::MacFlap
        | Vector::MacFlood
        | Vector::ArpFlood
        | Vector::GratuitousArpStorm
        | Vector::BroadcastStorm
        | Vector::MulticastStorm
        | Vector::RogueDhcp
        | Vector::DhcpStarvation
        | Vector::DhcpFlood
        | Vector::RogueRa
        | Vector::StpFromGuest
        | Vector::UnknownUnicastFlood
        | Vector::L2Loop
        | Vector::GatewaySilent
        | Vector::NewStation
        | Vector::ChangedStation
        | Vector::FlipFlop
        | Vector::PostureFailed
        | Vector::LinkSaturated => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::VectorClass;
    use crate::traffic::MODELS;

    #[test]
    fn vectors_map_to_attacks() {
        for &vector in Vector::ALL {
            let Some(attack) = for_vector(vector) else { continue };
            assert!(MODELS.iter().any(|spec| spec.model == attack.model && spec.attack), "{vector}: {attack:?}");
        }
    }

    #[test]
    fn attacks_on_hosts_have_models() {
        let on_hosts = |vector: Vector| {
            let class = vector.class();
            matches!(class, VectorClass::Flood | VectorClass::Amplification | VectorClass::Application)
        };
        for &vector in Vector::ALL {
            assert_eq!(for_vector(vector).is_some(), on_hosts(vector) && !vector.is_note(), "{vector}");
        }
    }
}
