//! MAC addresses that redundant routers share: only one of them uses the address at a time.

use crate::base::Mac;

/// A protocol by which routers share a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VirtualMac {
    /// 00:00:5e:00:01:xx and 00:00:5e:00:02:xx (RFC 5798 §7.3); CARP uses the first, too.
    Vrrp,
    /// 00:00:0c:07:ac:xx (RFC 2281 §5.2), version 2 00:00:0c:9f:fx:xx and, for IPv6, 00:05:73:a0:0x:xx.
    Hsrp,
    /// 00:07:b4:00:xx:xx (Cisco's Gateway Load Balancing Protocol).
    Glbp,
}

impl VirtualMac {
    /// Every protocol.
    pub const ALL: [VirtualMac; 3] = [VirtualMac::Vrrp, VirtualMac::Hsrp, VirtualMac::Glbp];

    /// The name used in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            VirtualMac::Vrrp => "vrrp",
            VirtualMac::Hsrp => "hsrp",
            VirtualMac::Glbp => "glbp",
        }
    }

    /// Whether a MAC address belongs to this protocol.
    pub fn matches(self, mac: Mac) -> bool {
        VirtualMac::of(mac) == Some(self)
    }

    /// The protocol that a MAC address belongs to.
    pub fn of(mac: Mac) -> Option<VirtualMac> {
        match mac.0 {
            [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _] => Some(VirtualMac::Vrrp),
            [0x00, 0x00, 0x0c, 0x07, 0xac, _]
            | [0x00, 0x00, 0x0c, 0x9f, 0xf0..=0xff, _]
            | [0x00, 0x05, 0x73, 0xa0, 0x00..=0x0f, _] => Some(VirtualMac::Hsrp),
            [0x00, 0x07, 0xb4, 0x00, _, _] => Some(VirtualMac::Glbp),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_macs_are_recognised_by_their_prefix() {
        let of = |text: &str| VirtualMac::of(text.parse().expect("a MAC"));
        assert_eq!(of("00:00:5e:00:01:33"), Some(VirtualMac::Vrrp));
        assert_eq!(of("00:00:5e:00:02:01"), Some(VirtualMac::Vrrp));
        assert_eq!(of("00:00:5e:00:53:01"), None, "documentation, RFC 7042");
        assert_eq!(of("00:00:0c:07:ac:0a"), Some(VirtualMac::Hsrp));
        assert_eq!(of("00:00:0c:9f:f0:01"), Some(VirtualMac::Hsrp));
        assert_eq!(of("00:07:b4:00:01:02"), Some(VirtualMac::Glbp));
        assert_eq!(of("52:54:00:00:01:04"), None);
    }
}
