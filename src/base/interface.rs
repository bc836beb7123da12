//! Points of view: what a captured interface is to its segment, and which of the frames that it shows are counted there.
//!
//! A frame from a guest to the world passes its tap, perhaps a firewall bridge, the bridge and the uplink. Each of these
//! shows it; traffic is counted at one of them.

/// What an interface is to the segment that it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterfaceRole {
    /// On its own: no bridge known.
    #[default]
    Alone,
    /// The way out of a bridge, towards the provider.
    Uplink,
    /// A bridge itself: sees every frame once, where it enters.
    Bridge,
    /// Where a guest is plugged in.
    Port,
}

impl InterfaceRole {
    pub const ALL: [InterfaceRole; 4] =
        [InterfaceRole::Alone, InterfaceRole::Uplink, InterfaceRole::Bridge, InterfaceRole::Port];

    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            InterfaceRole::Alone => "alone",
            InterfaceRole::Uplink => "uplink",
            InterfaceRole::Bridge => "bridge",
            InterfaceRole::Port => "port",
        }
    }
}

/// Which frames of an interface are counted as traffic. Stations are counted on every interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountPolicy {
    #[default]
    All,
    /// What leaves entered elsewhere, and was counted there.
    Ingress,
    /// Another interface sees all of it.
    Nothing,
}

/// One captured interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedInterface {
    /// Interfaces of one segment have the same number: that of the first of them.
    pub segment: u16,
    pub role: InterfaceRole,
    pub counted: CountPolicy,
}

impl CapturedInterface {
    /// An interface by itself.
    pub fn alone(index: u16) -> CapturedInterface {
        CapturedInterface { segment: index, role: InterfaceRole::Alone, counted: CountPolicy::All }
    }

    /// The views of interfaces of which the role, and the bridge where there is one, are known.
    ///
    /// A frame enters a bridge once. Where the bridge itself is captured it shows all of them; else the uplink shows what
    /// passes it, and the ports what their guests send.
    pub fn of_all(interfaces: &[(InterfaceRole, Option<&str>)]) -> Vec<CapturedInterface> {
        let same = |a: &(InterfaceRole, Option<&str>), b: &(InterfaceRole, Option<&str>)| a.1.is_some() && a.1 == b.1;
        let view = |(index, this): (usize, &(InterfaceRole, Option<&str>))| {
            let others = || interfaces.iter().filter(|other| same(other, this));
            let has = |role: InterfaceRole| others().any(|(other, _)| *other == role);
            let first = interfaces.iter().position(|other| same(other, this)).unwrap_or(index);
            let counted = match this.0 {
                _ if others().count() < 2 => CountPolicy::All,
                InterfaceRole::Bridge => CountPolicy::All,
                _ if has(InterfaceRole::Bridge) => CountPolicy::Nothing,
                // What leaves through the uplink came from a port. Where not all of those are captured, guests of the
                // others would be missed, so it counts, and they do not.
                InterfaceRole::Uplink => CountPolicy::All,
                _ if has(InterfaceRole::Uplink) => CountPolicy::Nothing,
                _ => CountPolicy::Ingress,
            };
            CapturedInterface { segment: first as u16, role: this.0, counted }
        };
        interfaces.iter().enumerate().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_is_counted_at_one_interface_of_its_bridge() {
        let counted = |interfaces: &[(InterfaceRole, Option<&str>)]| {
            CapturedInterface::of_all(interfaces).iter().map(|view| (view.segment, view.counted)).collect::<Vec<_>>()
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
