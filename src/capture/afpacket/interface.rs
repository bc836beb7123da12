//! Properties of an interface: the link type of its frames, and its own drop counters.

use crate::capture::{CaptureError, LinkType};

/// From linux/if_arp.h; the libc crate does not define these.
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_IP6GRE: u16 = 823;

/// How the frames of an interface are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) link: LinkType,
    /// Frames are captured from the network layer on, because their link headers differ between directions.
    pub(super) cooked: bool,
    pub(super) loopback: bool,
}

impl Framing {
    /// The framing for a hardware type (ARPHRD_*).
    pub(super) fn from_hardware_type(interface: &str, hardware_type: u16) -> Result<Framing, CaptureError> {
        let (link, cooked) = match hardware_type {
            libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => (LinkType::Ethernet, false),
            // tun, WireGuard, mobile modems: nothing before the IP header.
            libc::ARPHRD_NONE | ARPHRD_RAWIP => (LinkType::RawIp, false),
            libc::ARPHRD_PPP
            | libc::ARPHRD_TUNNEL
            | libc::ARPHRD_TUNNEL6
            | libc::ARPHRD_SIT
            | libc::ARPHRD_IPGRE
            | ARPHRD_IP6GRE => (LinkType::RawIp, true),
            other => return Err(unsupported(interface, &format!("hardware type {other} is not supported"))),
        };
        Ok(Framing { link, cooked, loopback: hardware_type == libc::ARPHRD_LOOPBACK })
    }
}

/// The error for an interface on which a ring is not possible, but libpcap may work.
pub(super) fn unsupported(interface: &str, why: &str) -> CaptureError {
    CaptureError::Library(format!("no packet ring on {interface}: {why}; use capture.source = \"pcap\""))
}

/// Frames that the interface or its driver dropped since it was created; `None` if sysfs does not show it.
pub(super) fn dropped(interface: &str) -> Option<u64> {
    let read = |counter: &str| -> Option<u64> {
        let path = format!("/sys/class/net/{interface}/statistics/{counter}");
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Some(read("rx_dropped")?.saturating_add(read("rx_missed_errors")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_types_determine_the_framing() {
        let framing =
            |number| Framing::from_hardware_type("x", number).map(|framing| (framing.link, framing.cooked)).ok();
        assert_eq!(framing(libc::ARPHRD_ETHER), Some((LinkType::Ethernet, false)));
        assert_eq!(framing(libc::ARPHRD_NONE), Some((LinkType::RawIp, false)));
        assert_eq!(framing(libc::ARPHRD_SIT), Some((LinkType::RawIp, true)));
        let error = Framing::from_hardware_type("vcan0", 280).unwrap_err().to_string();
        assert!(error.contains("vcan0") && error.contains("capture.source = \"pcap\""), "{error}");
    }
}
