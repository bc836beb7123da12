//! Points of view: what a captured interface is to its segment, and which of the frames that it shows are counted there.
//!
//! A frame from a guest to the world passes its tap, perhaps a firewall bridge, the bridge and the uplink. Each of these
//! shows it; traffic is counted at one of them.

/// What an interface is to the segment that it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
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

impl Role {
    pub const ALL: [Role; 4] = [Role::Alone, Role::Uplink, Role::Bridge, Role::Port];

    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Alone => "alone",
            Role::Uplink => "uplink",
            Role::Bridge => "bridge",
            Role::Port => "port",
        }
    }
}

/// Which frames of an interface are counted as traffic. Stations are counted on every interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    #[default]
    All,
    /// What leaves entered elsewhere, and was counted there.
    Entered,
    /// Another interface sees all of it.
    Nothing,
}

/// One captured interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Interfaces of one segment have the same number: that of the first of them.
    pub segment: u16,
    pub role: Role,
    pub counted: Counted,
}

impl View {
    /// An interface by itself.
    pub fn alone(index: u16) -> View {
        View { segment: index, role: Role::Alone, counted: Counted::All }
    }

    /// The views of interfaces of which the role, and the bridge where there is one, are known.
    ///
    /// A frame enters a bridge once. Where the bridge itself is captured it shows all of them; else the uplink shows what
    /// passes it, and the ports what their guests send.
    pub fn of_all(interfaces: &[(Role, Option<&str>)]) -> Vec<View> {
        let same = |a: &(Role, Option<&str>), b: &(Role, Option<&str>)| a.1.is_some() && a.1 == b.1;
        let view = |(index, this): (usize, &(Role, Option<&str>))| {
            let others = || interfaces.iter().filter(|other| same(other, this));
            let has = |role: Role| others().any(|(other, _)| *other == role);
            let first = interfaces.iter().position(|other| same(other, this)).unwrap_or(index);
            let counted = match this.0 {
                _ if others().count() < 2 => Counted::All,
                Role::Bridge => Counted::All,
                _ if has(Role::Bridge) => Counted::Nothing,
                // What leaves through the uplink came from a port. Where not all of those are captured, guests of the
                // others would be missed, so it counts, and they do not.
                Role::Uplink => Counted::All,
                _ if has(Role::Uplink) => Counted::Nothing,
                _ => Counted::Entered,
            };
            View { segment: first as u16, role: this.0, counted }
        };
        interfaces.iter().enumerate().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_frame_is_counted_at_one_interface_of_its_bridge() {
        let counted = |interfaces: &[(Role, Option<&str>)]| {
            View::of_all(interfaces).iter().map(|view| (view.segment, view.counted)).collect::<Vec<_>>()
        };
        let bridge = Some("vmbr0");
        assert_eq!(counted(&[(Role::Alone, None), (Role::Alone, None)]), [(0, Counted::All), (1, Counted::All)]);
        assert_eq!(
            counted(&[(Role::Port, bridge), (Role::Uplink, bridge), (Role::Bridge, bridge), (Role::Alone, None)]),
            [(0, Counted::Nothing), (0, Counted::Nothing), (0, Counted::All), (3, Counted::All)]
        );
        assert_eq!(
            counted(&[(Role::Port, bridge), (Role::Uplink, bridge)]),
            [(0, Counted::Nothing), (0, Counted::All)]
        );
        assert_eq!(counted(&[(Role::Port, bridge), (Role::Port, bridge)]), [(0, Counted::Entered); 2]);
        assert_eq!(
            counted(&[(Role::Port, bridge), (Role::Port, Some("vmbr1"))]),
            [(0, Counted::All), (1, Counted::All)]
        );
    }
}
