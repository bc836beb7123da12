//! All sources read and joined.

use super::files::{self, Problems};
use super::{Guest, Inventory, Nic, Problem, libvirt, netlink, proxmox, table};
use crate::base::Mac;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

/// Guests of all sources. A cluster of Proxmox ends at a few thousand.
pub const MOST_GUESTS: usize = 20_000;

/// Where guests are described. The default is nowhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// Where Proxmox's pmxcfs is mounted; empty: do not look.
    pub proxmox: PathBuf,
    /// Directories with libvirt's domain descriptions.
    pub libvirt: Vec<PathBuf>,
    /// Tables of guests and of granted MAC addresses.
    pub tables: Vec<PathBuf>,
    /// Guests that the configuration itself describes.
    pub guests: Vec<Guest>,
    /// Ask the kernel for links, forwarding tables, neighbours and routers.
    pub kernel: bool,
}

impl Sources {
    /// Changes when any file of the sources does: one was added, removed, replaced or written. Cheap enough for every few
    /// seconds: names and times are read, no contents.
    ///
    /// pmxcfs is a FUSE file system over a replicated database: what another node changed, or the database itself, passes
    /// no system call here, so inotify(7) tells nothing of it. Asking is the only way. Its times have whole seconds: what is
    /// written twice in one with the same size, between two readings, is seen only at the next change.
    pub fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // What cannot be listed is the reader's to tell; as it is not listed, it changes the stamp once it can be.
        let mut unheard = Problems::of("");
        let mut paths = Vec::new();
        if !self.proxmox.as_os_str().is_empty() {
            paths.push(self.proxmox.join("local"));
            paths.extend(proxmox::files(&self.proxmox, &mut unheard));
        }
        paths.extend(libvirt::files(&self.libvirt, &mut unheard));
        paths.extend(self.tables.iter().cloned());
        for path in paths {
            files::stamp(&path, &mut hasher);
        }
        hasher.finish()
    }
}

impl Inventory {
    /// Reads every source once. What cannot be read is a problem, and the rest counts. It may take as long as the slowest
    /// file system; not for threads that have other things to do.
    pub fn read(sources: &Sources) -> Inventory {
        let mut inventory = Inventory::default();
        let mut guests = Vec::new();
        if !sources.proxmox.as_os_str().is_empty() {
            let mut problems = Problems::of("proxmox");
            guests.extend(proxmox::read(&sources.proxmox, &mut problems));
            inventory.problems.extend(problems.into_list());
        }
        let mut problems = Problems::of("libvirt");
        guests.extend(libvirt::read(&sources.libvirt, &mut problems));
        inventory.problems.extend(problems.into_list());

        let mut problems = Problems::of("static");
        let tables = table::read(&sources.tables, &mut problems);
        let of_operator = sources.guests.iter().cloned().chain(tables.guests);
        inventory.granted = tables.granted;
        let by_mac = cards(&guests);
        let left: Vec<Guest> = of_operator.filter_map(|guest| complete(&mut guests, &by_mac, guest)).collect();
        guests.extend(left);
        if guests.len() > MOST_GUESTS {
            problems.add("guests", format!("there are {}; all but {MOST_GUESTS} are left out", guests.len()));
            guests.truncate(MOST_GUESTS);
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

/// Cards by their MAC; of several with one the first.
type Cards = BTreeMap<Mac, (usize, usize)>;

fn cards(guests: &[Guest]) -> Cards {
    let mut cards = Cards::new();
    for (guest_index, guest) in guests.iter().enumerate() {
        for (index, nic) in guest.nics.iter().enumerate() {
            cards.entry(nic.mac).or_insert((guest_index, index));
        }
    }
    cards
}

/// What a table says of a card that a hypervisor describes is added to that card, where the table has the same name for
/// its guest or none: a provider's list has the addresses that a hypervisor does not know. What is left of the guest of
/// the table stands for itself.
fn complete(guests: &mut [Guest], by_mac: &Cards, mut given: Guest) -> Option<Guest> {
    let name = given.name.clone();
    given.nics.retain(|extra| {
        let found = by_mac.get(&extra.mac).and_then(|(guest, card)| {
            let guest = guests.get_mut(*guest)?;
            let is_same = name == extra.mac.to_string()
                || [&guest.id, &guest.name].into_iter().any(|known| known.eq_ignore_ascii_case(&name));
            guest.nics.get_mut(*card).filter(|_| is_same)
        });
        match found {
            Some(card) => {
                fill(card, extra);
                false
            }
            None => true,
        }
    });
    (!given.nics.is_empty()).then_some(given)
}

/// Adds what is not known of a card.
fn fill(card: &mut Nic, extra: &Nic) {
    for address in &extra.addresses {
        if !card.addresses.contains(address) {
            card.addresses.push(*address);
        }
    }
    card.vlan = card.vlan.or(extra.vlan);
    card.bridge = card.bridge.take().or_else(|| extra.bridge.clone());
    card.port = card.port.take().or_else(|| extra.port.clone());
}

/// A MAC that two guests have: on one segment, each gets the other's frames.
fn duplicates(guests: &[Guest]) -> Vec<Problem> {
    let by_mac = cards(guests);
    let mut problems = Vec::new();
    for (index, guest) in guests.iter().enumerate() {
        for nic in &guest.nics {
            let Some(first) = by_mac.get(&nic.mac).filter(|(first, _)| *first != index) else { continue };
            let Some(other) = guests.get(first.0) else { continue };
            let message = format!(
                "this MAC address is of two guests, {other} ({}) and {guest} ({}); both are kept",
                other.origin.name(),
                guest.origin.name()
            );
            problems.push(Problem { source: guest.origin.name(), at: nic.mac.to_string(), message });
            if problems.len() >= files::MOST_PROBLEMS {
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
        let by_mac = cards(&guests);
        let left = complete(&mut guests, &by_mac, given);
        guests.extend(left);
        let problems = duplicates(&guests);
        (guests, problems)
    }

    #[test]
    fn a_table_completes_what_a_hypervisor_knows() {
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
    fn two_guests_with_one_mac_are_told_and_kept() {
        let known = vec![guest("104", "shop", Origin::Proxmox, FIRST, "")];
        let (guests, problems) = joined(known, guest("mail", "mail", Origin::Static, FIRST, ""));
        assert_eq!(guests.len(), 2);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let message = "02:00:00:00:00:01: this MAC address is of two guests, 104 (shop) (proxmox) and mail (static); both are kept";
        assert_eq!(shown, [message]);
    }

    #[test]
    fn nowhere_is_empty_and_where_nothing_is_too() {
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
