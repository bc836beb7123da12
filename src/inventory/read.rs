//! Reads and merges all sources.

use super::files::{self, Problems};
use super::{Guest, Inventory, Nic, Problem, libvirt, netlink, proxmox, table};
use crate::base::Mac;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

/// Maximum guests of all sources. A Proxmox cluster has at most a few thousand.
const MAX_GUESTS: usize = 20_000;

/// The sources of the inventory. The default has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// Where Proxmox's pmxcfs is mounted; empty: not used.
    pub proxmox: PathBuf,
    /// Directories with libvirt's domain definitions.
    pub libvirt: Vec<PathBuf>,
    /// Tables of guests and assigned MAC addresses.
    pub tables: Vec<PathBuf>,
    /// Guests from the configuration itself.
    pub guests: Vec<Guest>,
    /// Whether to query the kernel for links, forwarding tables, neighbours and routers.
    pub kernel: bool,
}

impl Sources {
    /// A value that changes when any file of the sources is added, removed, replaced or written. Cheap enough for every
    /// few seconds: it reads names and times, but no contents.
    ///
    /// Polling is necessary: pmxcfs is a FUSE file system over a replicated database, and changes by other nodes or by
    /// the database itself cause no system call here, so inotify(7) does not report them. Its times have a resolution
    /// of one second: a second write in the same second that leaves the size unchanged is noticed only with the next
    /// change.
    pub fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Directories that cannot be listed are reported by `read`. The stamp changes once they can be.
        let mut unreported = Problems::new("");
        let mut paths = Vec::new();
        if !self.proxmox.as_os_str().is_empty() {
            paths.push(self.proxmox.join("local"));
            paths.extend(proxmox::files(&self.proxmox, &mut unreported));
        }
        paths.extend(libvirt::files(&self.libvirt, &mut unreported));
        paths.extend(self.tables.iter().cloned());
        for path in paths {
            files::stamp(&path, &mut hasher);
        }
        hasher.finish()
    }
}

impl Inventory {
    /// Reads every source once. What cannot be read becomes a [`Problem`]; the rest is used. Blocks as long as the
    /// slowest file system, so do not call it on a thread with other work.
    pub fn read(sources: &Sources) -> Inventory {
        let mut inventory = Inventory::default();
        let mut guests = Vec::new();
        if !sources.proxmox.as_os_str().is_empty() {
            let mut problems = Problems::new("proxmox");
            guests.extend(proxmox::read(&sources.proxmox, &mut problems));
            inventory.problems.extend(problems.into_list());
        }
        let mut problems = Problems::new("libvirt");
        guests.extend(libvirt::read(&sources.libvirt, &mut problems));
        inventory.problems.extend(problems.into_list());

        let mut problems = Problems::new("static");
        let tables = table::read(&sources.tables, &mut problems);
        let of_operator = sources.guests.iter().cloned().chain(tables.guests);
        inventory.assigned_macs = tables.assigned_macs;
        let by_mac = index_nics(&guests);
        let left: Vec<Guest> = of_operator.filter_map(|guest| merge_into(&mut guests, &by_mac, guest)).collect();
        guests.extend(left);
        if guests.len() > MAX_GUESTS {
            problems.add("guests", format!("there are {}; all after the first {MAX_GUESTS} are ignored", guests.len()));
            guests.truncate(MAX_GUESTS);
        }
        inventory.problems.extend(problems.into_list());
        inventory.problems.extend(duplicates(&guests));
        inventory.guests = guests;

        if sources.kernel {
            let (kernel, problems) = netlink::read();
            inventory.kernel = kernel;
            inventory.problems.extend(problems);
        }
        inventory
    }
}

/// Indices of guest and NIC by MAC address; the first if several NICs have the same.
type NicIndex = BTreeMap<Mac, (usize, usize)>;

fn index_nics(guests: &[Guest]) -> NicIndex {
    let mut nics = NicIndex::new();
    for (guest_index, guest) in guests.iter().enumerate() {
        for (index, nic) in guest.nics.iter().enumerate() {
            nics.entry(nic.mac).or_insert((guest_index, index));
        }
    }
    nics
}

/// Adds what a table says about a NIC that a hypervisor also describes to that NIC, if the table has the same name for
/// the guest or none: a provider's list has the addresses that a hypervisor does not know. Returns the guest of the
/// table with its remaining NICs, if any.
fn merge_into(guests: &mut [Guest], by_mac: &NicIndex, mut extra_guest: Guest) -> Option<Guest> {
    let name = extra_guest.name.clone();
    extra_guest.nics.retain(|extra| {
        let found = by_mac.get(&extra.mac).and_then(|(guest, nic)| {
            let guest = guests.get_mut(*guest)?;
            let is_same = name == extra.mac.to_string()
                || [&guest.id, &guest.name].into_iter().any(|known| known.eq_ignore_ascii_case(&name));
            guest.nics.get_mut(*nic).filter(|_| is_same)
        });
        match found {
            Some(nic) => {
                fill(nic, extra);
                false
            }
            None => true,
        }
    });
    (!extra_guest.nics.is_empty()).then_some(extra_guest)
}

/// Adds what is not yet known about a NIC.
fn fill(nic: &mut Nic, extra: &Nic) {
    for address in &extra.addresses {
        if !nic.addresses.contains(address) {
            nic.addresses.push(*address);
        }
    }
    nic.vlan = nic.vlan.or(extra.vlan);
    nic.bridge = nic.bridge.take().or_else(|| extra.bridge.clone());
    nic.port = nic.port.take().or_else(|| extra.port.clone());
}

/// MAC addresses that two guests share: on one LAN, they would receive each other's frames.
fn duplicates(guests: &[Guest]) -> Vec<Problem> {
    let by_mac = index_nics(guests);
    let mut problems = Vec::new();
    for (index, guest) in guests.iter().enumerate() {
        for nic in &guest.nics {
            let Some(first) = by_mac.get(&nic.mac).filter(|(first, _)| *first != index) else { continue };
            let Some(other) = guests.get(first.0) else { continue };
            let message = format!(
                "two guests have this MAC address, {other} ({}) and {guest} ({}); both are kept",
                other.origin.name(),
                guest.origin.name()
            );
            problems.push(Problem { source: guest.origin.name(), at: nic.mac.to_string(), message });
            if problems.len() >= files::MAX_PROBLEMS {
                return problems;
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::Origin;
    use super::*;

    const FIRST: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const SECOND: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn guest(id: &str, name: &str, origin: Origin, mac: Mac, address: &str) -> Guest {
        let addresses = address.parse().into_iter().collect();
        Guest { id: id.into(), name: name.into(), origin, nics: vec![Nic { mac, addresses, ..Nic::default() }] }
    }

    fn joined(of_hypervisor: Vec<Guest>, given: Guest) -> (Vec<Guest>, Vec<Problem>) {
        let mut guests = of_hypervisor;
        let by_mac = index_nics(&guests);
        let left = merge_into(&mut guests, &by_mac, given);
        guests.extend(left);
        let problems = duplicates(&guests);
        (guests, problems)
    }

    #[test]
    fn a_table_adds_to_what_a_hypervisor_knows() {
        for name in ["104", "Shop", "02:00:00:00:00:01"] {
            let known = vec![guest("104", "shop", Origin::Proxmox, FIRST, "")];
            let (guests, problems) = joined(known, guest(name, name, Origin::Static, FIRST, "203.0.113.4/32"));
            assert_eq!((guests.len(), problems), (1, vec![]), "{name}");
            assert_eq!(guests[0].nics[0].addresses, ["203.0.113.4/32".parse().unwrap()]);
        }
        let known = vec![guest("104", "shop", Origin::Proxmox, FIRST, "")];
        let (guests, problems) = joined(known, guest("mail", "mail", Origin::Static, SECOND, ""));
        assert_eq!((guests.len(), problems), (2, vec![]));
    }

    #[test]
    fn two_guests_with_one_mac_are_reported_and_kept() {
        let known = vec![guest("104", "shop", Origin::Proxmox, FIRST, "")];
        let (guests, problems) = joined(known, guest("mail", "mail", Origin::Static, FIRST, ""));
        assert_eq!(guests.len(), 2);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let message = "02:00:00:00:00:01: two guests have this MAC address, 104 (shop) (proxmox) and mail (static); both are kept";
        assert_eq!(shown, [message]);
    }

    #[test]
    fn missing_sources_give_an_empty_inventory() {
        assert_eq!(Inventory::read(&Sources::default()), Inventory::default());
        let nothing = Sources {
            proxmox: "/nonexistent/pve".into(),
            libvirt: vec!["/nonexistent/libvirt".into()],
            ..Sources::default()
        };
        assert_eq!(Inventory::read(&nothing), Inventory::default());
        let named = Sources { tables: vec!["/nonexistent/macs.csv".into()], ..Sources::default() };
        let problems = Inventory::read(&named).problems;
        assert_eq!((problems.len(), problems[0].at.as_str()), (1, "/nonexistent/macs.csv"));
    }
}
