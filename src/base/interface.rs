//! The role of a captured interface on its LAN, and which of its frames are counted.
//!
//! A frame from a guest to the Internet passes the guest's tap, possibly a firewall bridge, the bridge and the uplink.
//! A capture on each of these shows the same frame, so traffic is counted at only one of them.

use std::collections::BTreeMap;

/// The role of an interface on its LAN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterfaceRole {
    /// Not a port of any known bridge.
    #[default]
    Alone,
    /// The port of a bridge that leads to the provider.
    Uplink,
    /// A bridge itself: it shows every frame once, where the frame enters.
    Bridge,
    /// A bridge port that a guest is attached to.
    Port,
}

impl InterfaceRole {
    /// Every role.
    pub const ALL: [InterfaceRole; 4] =
        [InterfaceRole::Alone, InterfaceRole::Uplink, InterfaceRole::Bridge, InterfaceRole::Port];

    /// The name used in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            InterfaceRole::Alone => "alone",
            InterfaceRole::Uplink => "uplink",
            InterfaceRole::Bridge => "bridge",
            InterfaceRole::Port => "port",
        }
    }
}

/// Which frames of an interface are counted as traffic. Stations (MAC addresses) are counted on every interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountPolicy {
    /// All frames.
    #[default]
    All,
    /// Only frames that enter: those that leave were counted on the interface where they entered.
    Ingress,
    /// No frames: another captured interface shows all of them.
    Nothing,
}

/// Which directions of our hosts' conversations a capture point shows. Where it shows one only, silence of the other end
/// proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaptureDirections {
    /// Both.
    Both,
    /// Only what our hosts receive.
    In,
    /// Only what our hosts send.
    Out,
    /// Not known yet: judged as both, except where a reply may answer a request that was not captured.
    #[default]
    Unknown,
}

impl CaptureDirections {
    /// Every value.
    pub const ALL: [CaptureDirections; 4] =
        [CaptureDirections::Both, CaptureDirections::In, CaptureDirections::Out, CaptureDirections::Unknown];
    /// Those that can be configured.
    pub const KNOWN: [CaptureDirections; 3] = [CaptureDirections::Both, CaptureDirections::In, CaptureDirections::Out];

    /// The name used in the configuration and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            CaptureDirections::Both => "both",
            CaptureDirections::In => "in",
            CaptureDirections::Out => "out",
            CaptureDirections::Unknown => "unknown",
        }
    }
}

/// One captured interface: its LAN, its role, and what is counted on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedInterface {
    /// The LAN, as the index of the first captured interface on it.
    pub segment: u16,
    /// Role on the LAN.
    pub role: InterfaceRole,
    /// Which of its frames count as traffic.
    pub counted: CountPolicy,
    /// Which directions it shows, if that is configured; otherwise it is learned.
    pub directions: CaptureDirections,
    /// No host of ours is behind it: what enters comes from outside, whatever its source address says.
    pub outside: bool,
}

impl CapturedInterface {
    /// An interface that shares its LAN with no other captured interface.
    pub fn alone(index: u16) -> CapturedInterface {
        CapturedInterface {
            segment: index,
            role: InterfaceRole::Alone,
            counted: CountPolicy::All,
            directions: CaptureDirections::Unknown,
            outside: false,
        }
    }

    /// Assigns LANs and count policies to interfaces, given the role of each and the bridge that it belongs to.
    ///
    /// A frame enters a bridge once. If the bridge itself is captured, it shows every frame and is the only one
    /// counted. Otherwise the uplink shows the frames that pass it, and each port shows the frames that its guest
    /// sends.
    pub fn of_all(interfaces: &[(InterfaceRole, Option<&str>)]) -> Vec<CapturedInterface> {
        /// What is captured of one bridge.
        struct Bridge {
            first: usize,
            interfaces: usize,
            itself: bool,
            uplink: bool,
        }
        let mut bridges: BTreeMap<&str, Bridge> = BTreeMap::new();
        for (index, (role, name)) in interfaces.iter().enumerate() {
            let Some(name) = name else { continue };
            let none = Bridge { first: index, interfaces: 0, itself: false, uplink: false };
            let bridge = bridges.entry(name).or_insert(none);
            bridge.interfaces += 1;
            bridge.itself |= *role == InterfaceRole::Bridge;
            bridge.uplink |= *role == InterfaceRole::Uplink;
        }
        let assign = |(index, (role, name)): (usize, &(InterfaceRole, Option<&str>))| {
            let bridge = name.and_then(|name| bridges.get(name));
            let counted = match (role, bridge) {
                (_, None) | (_, Some(Bridge { interfaces: ..2, .. })) => CountPolicy::All,
                (InterfaceRole::Bridge, _) => CountPolicy::All,
                (_, Some(Bridge { itself: true, .. })) => CountPolicy::Nothing,
                // Frames that leave through the uplink came from a port. Not all ports may be captured; counting at the
                // uplink includes the guests of those that are not.
                (InterfaceRole::Uplink, _) => CountPolicy::All,
                (_, Some(Bridge { uplink: true, .. })) => CountPolicy::Nothing,
                _ => CountPolicy::Ingress,
            };
            CapturedInterface {
                segment: bridge.map_or(index, |bridge| bridge.first) as u16,
                role: *role,
                counted,
                directions: CaptureDirections::Unknown,
                outside: false,
            }
        };
        interfaces.iter().enumerate().map(assign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_is_counted_at_one_interface_of_its_bridge() {
        let counted = |interfaces: &[(InterfaceRole, Option<&str>)]| {
            CapturedInterface::of_all(interfaces)
                .iter()
                .map(|interface| (interface.segment, interface.counted))
                .collect::<Vec<_>>()
        };
        let bridge = Some("vmbr0");
        assert_eq!(
            counted(&[(InterfaceRole::Alone, None), (InterfaceRole::Alone, None)]),
            [(0, CountPolicy::All), (1, CountPolicy::All)]
        );
        assert_eq!(
            counted(&[
                (InterfaceRole::Port, bridge),
                (InterfaceRole::Uplink, bridge),
                (InterfaceRole::Bridge, bridge),
                (InterfaceRole::Alone, None)
            ]),
            [(0, CountPolicy::Nothing), (0, CountPolicy::Nothing), (0, CountPolicy::All), (3, CountPolicy::All)]
        );
        assert_eq!(
            counted(&[(InterfaceRole::Port, bridge), (InterfaceRole::Uplink, bridge)]),
            [(0, CountPolicy::Nothing), (0, CountPolicy::All)]
        );
        assert_eq!(
            counted(&[(InterfaceRole::Port, bridge), (InterfaceRole::Port, bridge)]),
            [(0, CountPolicy::Ingress); 2]
        );
        assert_eq!(
            counted(&[(InterfaceRole::Port, bridge), (InterfaceRole::Port, Some("vmbr1"))]),
            [(0, CountPolicy::All), (1, CountPolicy::All)]
        );
    }
}
