//! Checks of the kernel's state, which is read from files under `/proc` and `/sys`.
//!
//! Formats: `/proc/net/route` and `/proc/net/ipv6_route` (Linux, net/ipv4/fib_trie.c and net/ipv6/route.c),
//! sysfs-class-net and ip-sysctl of the kernel's documentation.

use super::check::Family;
use super::outcome::Outcome;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Flags of a route (linux/route.h): usable; rejects matching packets.
const RTF_UP: u32 = 0x1;
const RTF_REJECT: u32 = 0x200;
/// Flag of an interface (linux/if.h): administratively up.
const IFF_UP: u32 = 0x1;

/// The file trees that contain the kernel's state.
pub struct Kernel {
    proc: PathBuf,
    sys: PathBuf,
}

impl Kernel {
    /// The trees `proc` and `sys` below `root`, which is `/` for this machine.
    pub fn under(root: &Path) -> Kernel {
        Kernel { proc: root.join("proc"), sys: root.join("sys") }
    }

    /// The directory of an interface.
    pub(super) fn interface(&self, name: &str) -> PathBuf {
        self.sys.join("class/net").join(name)
    }

    pub(super) fn sysctl(&self, key: &str, value: &str) -> Outcome {
        let found = match self.sysctl_value(key) {
            Ok(Some(found)) => found,
            Ok(None) => {
                return Outcome::from_condition(
                    false,
                    format!("{key} does not exist (is its kernel module loaded?), expected {value}"),
                );
            }
            Err(message) => return Outcome::unknown(message),
        };
        // Settings with several numbers are separated by tabs.
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let is_met = words(&found) == words(value);
        let shown = words(&found).join(" ");
        Outcome::from_condition(
            is_met,
            if is_met { format!("{key} is {shown}") } else { format!("{key} is {shown}, expected {value}") },
        )
    }

    /// The value of a setting; `None` if it does not exist.
    fn sysctl_value(&self, key: &str) -> Result<Option<String>, String> {
        // As in sysctl(8): in a key with slashes, dots are part of names.
        let path = if key.contains('/') { key.to_owned() } else { key.replace('.', "/") };
        read(&self.proc.join("sys").join(path))
    }

    pub(super) fn forwarding_off(&self, interface: &str, family: Option<Family>) -> Outcome {
        if !self.has_interface(interface) {
            return Outcome::unknown(format!("there is no interface {interface}"));
        }
        let mut forwards = Vec::new();
        for family in Family::ALL.into_iter().filter(|known| family.is_none_or(|family| family == *known)) {
            // IPv4 uses the setting of the interface on which a packet arrives. IPv6 uses the setting for all
            // interfaces; the one of the interface makes the host a router in other respects: it ignores router
            // advertisements and so loses its default route.
            let names: &[&str] = if family == Family::Ipv4 { &[interface] } else { &[interface, "all"] };
            for name in names {
                let key = format!("net/{}/conf/{name}/forwarding", family.name());
                match self.sysctl_value(&key) {
                    // The kernel does not support the family, so nothing is forwarded.
                    Ok(None) => {}
                    Ok(Some(value)) if value == "0" => {}
                    Ok(Some(value)) => forwards.push(format!("{key} is {value}")),
                    Err(message) => return Outcome::unknown(message),
                }
            }
        }
        if forwards.is_empty() {
            return Outcome::from_condition(true, format!("nothing is forwarded from {interface}"));
        }
        Outcome::from_condition(
            false,
            format!("forwarding from {interface} is on ({}), expected off", forwards.join(", ")),
        )
    }

    pub(super) fn interface_up(&self, name: &str) -> Outcome {
        if !self.has_interface(name) {
            return Outcome::from_condition(false, format!("there is no interface {name}, expected it to be up"));
        }
        self.interface_state(name).into()
    }

    fn interface_state(&self, name: &str) -> Result<Outcome, String> {
        let attribute = |file: &str| {
            let text = read(&self.sys.join("class/net").join(name).join(file))?;
            text.ok_or_else(|| format!("the kernel does not show {file} of {name}"))
        };
        let (state, flags) = (attribute("operstate")?, attribute("flags")?);
        let flags = hexadecimal(flags.trim_start_matches("0x"))
            .ok_or_else(|| format!("the kernel shows invalid flags of {name}: {flags:?}"))?;
        if flags & IFF_UP == 0 {
            return Ok(Outcome::from_condition(
                false,
                format!("interface {name} is administratively down, expected up"),
            ));
        }
        // Some devices, including loopback, only ever report "unknown" (RFC 2863 allows it).
        let is_met = matches!(state.as_str(), "up" | "unknown");
        let message = if is_met {
            format!("interface {name} is up")
        } else {
            format!("interface {name} is {state}, expected up")
        };
        Ok(Outcome::from_condition(is_met, message))
    }

    pub(super) fn bridge_port(&self, port: &str, bridge: &str) -> Outcome {
        let ports = self.sys.join("class/net").join(bridge).join("brif");
        let is_port = match ports.join(port).try_exists() {
            Ok(is_port) => is_port,
            Err(error) => return Outcome::unknown(format!("{} cannot be read: {error}", ports.display())),
        };
        if is_port {
            return Outcome::from_condition(true, format!("{port} is a port of {bridge}"));
        }
        let instead = if !self.has_interface(port) {
            format!("there is no interface {port}")
        } else if !self.has_interface(bridge) {
            format!("there is no bridge {bridge}")
        } else {
            let master = std::fs::read_link(self.sys.join("class/net").join(port).join("master")).ok();
            let master = master.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            master.map_or_else(
                || format!("{port} is not a port of any bridge"),
                |master| format!("{port} belongs to {master}"),
            )
        };
        Outcome::from_condition(false, format!("{instead}, expected {port} to be a port of {bridge}"))
    }

    pub(super) fn default_route(&self, family: Family, interface: Option<&str>) -> Outcome {
        let file = self.proc.join("net").join(if family == Family::Ipv4 { "route" } else { "ipv6_route" });
        let table = match read(&file) {
            Ok(Some(table)) => table,
            // Without support for IPv6 there are no routes. Without any table, `/proc` is not mounted.
            Ok(None) if family == Family::Ipv6 && self.proc.join("net/route").exists() => String::new(),
            Ok(None) => return Outcome::unknown(format!("{} does not exist", file.display())),
            Err(message) => return Outcome::unknown(message),
        };
        let default = if family == Family::Ipv4 { default_v4 } else { default_v6 };
        let mut interfaces: Vec<&str> = table.lines().filter_map(default).collect();
        interfaces.sort_unstable();
        interfaces.dedup();
        let is_met = interface.map_or(!interfaces.is_empty(), |interface| interfaces.contains(&interface));
        let found = if interfaces.is_empty() {
            format!("there is no default route for {family}")
        } else {
            format!("the default route for {family} is via {}", interfaces.join(" and "))
        };
        let expected = match (is_met, interface) {
            (true, _) => String::new(),
            (false, Some(interface)) => format!(", expected one via {interface}"),
            (false, None) => ", expected one".to_owned(),
        };
        Outcome::from_condition(is_met, format!("{found}{expected}"))
    }

    fn has_interface(&self, name: &str) -> bool {
        self.sys.join("class/net").join(name).exists()
    }
}

/// The interface of a line if it is a usable IPv4 default route: `eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0`.
fn default_v4(line: &str) -> Option<&str> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [interface, destination, _, flags, _, _, _, mask, ..] = fields.as_slice() else { return None };
    let is_default = hexadecimal(destination)? == 0 && hexadecimal(mask)? == 0;
    (is_default && hexadecimal(flags)? & (RTF_UP | RTF_REJECT) == RTF_UP).then_some(interface)
}

/// The interface of a line if it is a usable IPv6 default route. Fields: destination and its prefix length, source and
/// its prefix length, next hop, metric, two counters, flags, interface.
fn default_v6(line: &str) -> Option<&str> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [destination, length, _, source_length, _, _, _, _, flags, interface] = fields.as_slice() else { return None };
    let is_default = destination.bytes().all(|b| b == b'0') && hexadecimal(length)? == 0;
    let for_all = hexadecimal(source_length)? == 0;
    (is_default && for_all && hexadecimal(flags)? & (RTF_UP | RTF_REJECT) == RTF_UP).then_some(interface)
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

/// The trimmed contents of a file; `None` if it does not exist.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PostureState::{Failed, Ok as Holds, Unknown};
    use crate::posture::watch::tests::Root;

    const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
vmbr0\t00000000\t017100CB\t0003\t0\t0\t0\t00000000\t0\t0\t0
vmbr1\t00000000\t00000000\t0201\t0\t0\t9\t00000000\t0\t0\t0
vmbr0\t007100CB\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
    const NO_V6: &str = "\
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    vmbr0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";
    const V6: &str = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
                      fe800000000000000000000000000001 00000400 00000002 00000000 00000003    vmbr0\n";

    #[test]
    fn default_routes_are_usable_ones() {
        let root = Root::new("routes");
        let kernel = Kernel::under(root.path());
        let route = |family, interface| kernel.default_route(family, interface);
        assert_eq!(route(Family::Ipv4, None).state, Unknown);
        assert_eq!(route(Family::Ipv6, None).state, Unknown, "there is no /proc here");
        root.file("proc/net/route", ROUTES);
        assert_eq!(route(Family::Ipv4, None), Outcome::from_condition(true, "the default route for IPv4 is via vmbr0"));
        assert_eq!(route(Family::Ipv4, Some("vmbr0")).state, Holds);
        let elsewhere = "the default route for IPv4 is via vmbr0, expected one via vmbr1";
        assert_eq!(route(Family::Ipv4, Some("vmbr1")), Outcome::from_condition(false, elsewhere));
        // The kernel was booted without IPv6.
        let gone = Outcome::from_condition(false, "there is no default route for IPv6, expected one");
        assert_eq!(route(Family::Ipv6, None), gone);
        root.file("proc/net/ipv6_route", NO_V6);
        assert_eq!(route(Family::Ipv6, None), gone);
        root.file("proc/net/ipv6_route", &format!("{NO_V6}{V6}"));
        assert_eq!(route(Family::Ipv6, Some("vmbr0")).state, Holds);
        root.file("proc/net/ipv6_route", "nonsense\n0 0\n\n");
        assert_eq!(route(Family::Ipv6, None), gone);
    }

    #[test]
    fn settings_are_compared_by_words() {
        let root = Root::new("sysctl");
        let kernel = Kernel::under(root.path());
        root.file("proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
        root.file("proc/sys/net/ipv4/conf/eth0.100/rp_filter", "2\n");
        root.file("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
        assert_eq!(kernel.sysctl("net.bridge.bridge-nf-call-iptables", "1").state, Holds);
        assert_eq!(kernel.sysctl("net/ipv4/conf/eth0.100/rp_filter", "2").state, Holds);
        assert_eq!(kernel.sysctl("net.ipv4.tcp_rmem", "4096 131072 6291456").state, Holds);
        let wrong = kernel.sysctl("net.bridge.bridge-nf-call-iptables", "0");
        assert_eq!(wrong, Outcome::from_condition(false, "net.bridge.bridge-nf-call-iptables is 1, expected 0"));
        let gone = kernel.sysctl("net.bridge.bridge-nf-call-ip6tables", "1");
        assert_eq!(gone.state, Failed);
        assert!(gone.message.contains("is its kernel module loaded?"), "{gone:?}");
        assert_eq!(kernel.sysctl("net.bridge", "1").state, Unknown, "a directory");
    }

    #[test]
    fn forwarding_of_ipv6_uses_the_setting_for_all() {
        let root = Root::new("forwarding");
        let kernel = Kernel::under(root.path());
        let off = |family| kernel.forwarding_off("vmbr0", family);
        assert_eq!(off(None), Outcome::unknown("there is no interface vmbr0"));
        root.file("sys/class/net/vmbr0/operstate", "up\n");
        root.file("proc/sys/net/ipv4/conf/vmbr0/forwarding", "0\n");
        root.file("proc/sys/net/ipv4/conf/all/forwarding", "1\n");
        assert_eq!(off(None).state, Holds, "without IPv6");
        root.file("proc/sys/net/ipv6/conf/vmbr0/forwarding", "0\n");
        root.file("proc/sys/net/ipv6/conf/all/forwarding", "1\n");
        let on = "forwarding from vmbr0 is on (net/ipv6/conf/all/forwarding is 1), expected off";
        assert_eq!(off(None), Outcome::from_condition(false, on));
        assert_eq!(off(Some(Family::Ipv4)).state, Holds);
        assert_eq!(off(Some(Family::Ipv6)).state, Failed);
    }

    #[test]
    fn interfaces_must_be_up_administratively_and_operationally() {
        let root = Root::new("up");
        let kernel = Kernel::under(root.path());
        assert_eq!(kernel.interface_up("vmbr0").state, Failed);
        for (state, flags, expected) in [
            ("up", "0x1003", Holds),
            ("unknown", "0x9", Holds),
            ("down", "0x1003", Failed),
            ("lowerlayerdown", "0x1003", Failed),
            ("up", "0x1002", Failed),
            ("up", "many", Unknown),
        ] {
            root.file("sys/class/net/vmbr0/operstate", &format!("{state}\n"));
            root.file("sys/class/net/vmbr0/flags", &format!("{flags}\n"));
            let found = kernel.interface_up("vmbr0");
            assert_eq!(found.state, expected, "{state} {flags}: {found:?}");
        }
    }

    #[test]
    fn messages_name_the_actual_master_of_a_port() {
        let root = Root::new("ports");
        let kernel = Kernel::under(root.path());
        let message = || kernel.bridge_port("eno1", "vmbr0").message;
        let expected = ", expected eno1 to be a port of vmbr0";
        assert_eq!(message(), format!("there is no interface eno1{expected}"));
        root.file("sys/class/net/eno1/flags", "0x1003\n");
        assert_eq!(message(), format!("there is no bridge vmbr0{expected}"));
        root.file("sys/class/net/vmbr0/flags", "0x1003\n");
        assert_eq!(message(), format!("eno1 is not a port of any bridge{expected}"));
        std::os::unix::fs::symlink("../vmbr1", root.path().join("sys/class/net/eno1/master")).expect("a link");
        assert_eq!(message(), format!("eno1 belongs to vmbr1{expected}"));
        root.file("sys/class/net/vmbr0/brif/eno1/state", "3\n");
        assert_eq!(kernel.bridge_port("eno1", "vmbr0"), Outcome::from_condition(true, "eno1 is a port of vmbr0"));
    }
}
