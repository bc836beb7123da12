//! Queries the kernel by rtnetlink(7): links, addresses, forwarding tables of bridges, neighbours, default routes. None
//! of them requires privileges.

use super::Problem;
use super::files::Problems;
use super::kernel::{FdbEntry, Kernel, Link, Neighbour};
use crate::base::{Addr, Mac};
use futures_util::{Stream, StreamExt};
use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType, RouteVia};
use rtnetlink::{Error, Handle, new_connection, new_connection_with_strict_check};
use std::collections::BTreeMap;
use std::time::Duration;

/// Maximum replies to one query. A host with a port per guest has a few thousand; forwarding and routing tables may be
/// larger, and spoofed addresses make forwarding tables grow.
const MAX_REPLIES: usize = 65_536;

/// Time limit of each query; the kernel replies within milliseconds.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

/// `ENOENT` of errno(3): no such routing table, as in a new network namespace.
const NO_SUCH_TABLE: i32 = 2;

/// Reads the kernel's current state. What cannot be read is empty, with a problem. Takes a few milliseconds.
pub fn read() -> (Kernel, Vec<Problem>) {
    // In a separate thread: the caller's thread may run an async runtime, which excludes a second one.
    let read = std::thread::Builder::new().name("netlink".to_owned()).spawn(|| {
        let mut problems = Problems::new("kernel");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let kernel = match runtime {
            Ok(runtime) => runtime.block_on(query_all(&mut problems)),
            Err(error) => {
                problems.add("kernel", format!("cannot be queried: {error}"));
                Kernel::default()
            }
        };
        (kernel, problems.into_list())
    });
    match read.map(std::thread::JoinHandle::join) {
        Ok(Ok(read)) => read,
        _ => {
            let mut problems = Problems::new("kernel");
            problems.add("kernel", "cannot be queried: the query thread failed");
            (Kernel::default(), problems.into_list())
        }
    }
}

async fn query_all(problems: &mut Problems) -> Kernel {
    let link_messages = query("links", false, |handle| handle.link().get().execute(), problems).await;
    let names: BTreeMap<u32, String> =
        link_messages.iter().filter_map(|message| Some((message.header.index, name_of(message)?.to_owned()))).collect();
    let mut links: BTreeMap<u32, Link> =
        link_messages.iter().filter_map(|message| Some((message.header.index, link(message, &names)?))).collect();
    for message in query("addresses", false, |handle| handle.address().get().execute(), problems).await {
        if let (Some(link), Some(address)) = (links.get_mut(&message.header.index), address(&message)) {
            link.addresses.push(address);
        }
    }
    let of_bridges = |handle: &Handle| handle.neighbours().get().set_address_family(AddressFamily::Bridge).execute();
    let fdb = query("forwarding tables", false, of_bridges, problems).await;
    let fdb = fdb.iter().filter_map(|message| fdb_entry(message, &names)).collect();
    let neighbours = query("neighbours", false, |handle| handle.neighbours().get().execute(), problems).await;
    let neighbours = neighbours.iter().filter_map(|message| neighbour(message, &names)).collect();
    let mut gateways = Vec::new();
    for (what, family) in [("IPv4 routes", AddressFamily::Inet), ("IPv6 routes", AddressFamily::Inet6)] {
        // The kernel excludes other tables only with strict checking: a router may have a million routes in them.
        let mut of_main = RouteMessage::default();
        of_main.header.address_family = family;
        of_main.header.table = RouteHeader::RT_TABLE_MAIN;
        // Routes are sorted by network, default routes first, so the limit does not affect them.
        let routes = query(what, true, |handle| handle.route().get(of_main).execute(), problems).await;
        for route in &routes {
            for gateway in default_gateways(route, &names) {
                if !gateways.contains(&gateway) {
                    gateways.push(gateway);
                }
            }
        }
    }
    Kernel { links: links.into_values().collect(), fdb, neighbours, gateways }
}

/// All replies to one query. Each query has a separate connection, so that a query that times out does not delay the
/// next.
async fn query<T, S>(what: &str, is_strict: bool, request: impl FnOnce(&Handle) -> S, problems: &mut Problems) -> Vec<T>
where
    S: Stream<Item = Result<T, Error>>,
{
    let connection = if is_strict { new_connection_with_strict_check() } else { new_connection() };
    let (connection, handle, _) = match connection {
        Ok(parts) => parts,
        Err(error) => {
            problems.add("kernel", format!("its {what} cannot be read: {error}"));
            return Vec::new();
        }
    };
    let task = tokio::spawn(connection);
    let mut replies = Vec::new();
    let all = collect(request(&handle), &mut replies);
    match tokio::time::timeout(QUERY_TIMEOUT, all).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => {
            problems.add("kernel", format!("more than {MAX_REPLIES} {what}; the rest are ignored"));
        }
        Ok(Err(error)) => problems.add("kernel", format!("its {what} cannot be read completely: {error}")),
        Err(_) => problems.add("kernel", format!("its {what} could not be read within {} s", QUERY_TIMEOUT.as_secs())),
    }
    task.abort();
    replies
}

/// Collects replies up to the limit. Returns whether these were all.
async fn collect<T>(stream: impl Stream<Item = Result<T, Error>>, replies: &mut Vec<T>) -> Result<bool, Error> {
    let mut stream = std::pin::pin!(stream);
    while let Some(reply) = stream.next().await {
        match reply {
            Ok(_) if replies.len() >= MAX_REPLIES => return Ok(false),
            Ok(reply) => replies.push(reply),
            Err(Error::NetlinkError(error)) if error.raw_code().abs() == NO_SUCH_TABLE => break,
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn name_of(message: &LinkMessage) -> Option<&str> {
    message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

fn link(message: &LinkMessage, names: &BTreeMap<u32, String>) -> Option<Link> {
    let mut link = Link {
        name: name_of(message)?.to_owned(),
        // With a carrier, not only administratively up.
        up: message.header.flags.contains(LinkFlags::Up | LinkFlags::Running),
        ..Link::default()
    };
    let mut is_elsewhere = false;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::Address(octets) => link.mac = mac(octets).unwrap_or_default(),
            LinkAttribute::Controller(index) => link.master = names.get(index).cloned(),
            LinkAttribute::Link(index) => link.parent = names.get(index).cloned(),
            // The index belongs to another namespace.
            LinkAttribute::LinkNetNsId(_) => is_elsewhere = true,
            LinkAttribute::LinkInfo(info) => {
                for part in info {
                    if let LinkInfo::Kind(kind) = part {
                        link.kind = kind.to_string();
                    }
                }
            }
            _ => {}
        }
    }
    // The other end of a veth pair is its peer, not its parent.
    if is_elsewhere || link.kind == "veth" {
        link.parent = None;
    }
    Some(link)
}

fn mac(octets: &[u8]) -> Option<Mac> {
    octets.try_into().ok().map(Mac)
}

fn address(message: &AddressMessage) -> Option<IpNet> {
    let mut found = None;
    for attribute in &message.attributes {
        match attribute {
            // On a point-to-point link, Address is the remote end.
            AddressAttribute::Local(address) => found = Some(*address),
            AddressAttribute::Address(address) if found.is_none() => found = Some(*address),
            _ => {}
        }
    }
    IpNet::new(found?, message.header.prefix_len).ok()
}

/// An entry that a bridge learned, or that a daemon added after learning it elsewhere. Permanent entries are those of
/// the bridge's own ports.
fn fdb_entry(message: &NeighbourMessage, names: &BTreeMap<u32, String>) -> Option<FdbEntry> {
    if message.header.state == NeighbourState::Permanent || message.header.flags.contains(NeighbourFlags::Own) {
        return None;
    }
    let (mut station, mut bridge, mut vlan) = (None, None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::LinkLayerAddress(octets) => station = mac(octets),
            NeighbourAttribute::Controller(index) => bridge = names.get(index).cloned(),
            NeighbourAttribute::Vlan(id) => vlan = Some(*id).filter(|id| *id != 0),
            _ => {}
        }
    }
    let port = names.get(&message.header.ifindex)?.clone();
    Some(FdbEntry { mac: station.filter(|mac| !mac.is_group() && *mac != Mac::ZERO)?, bridge: bridge?, port, vlan })
}

fn neighbour(message: &NeighbourMessage, names: &BTreeMap<u32, String>) -> Option<Neighbour> {
    // Group addresses and links without address resolution: no host has replied.
    if message.header.state == NeighbourState::Noarp {
        return None;
    }
    let (mut found, mut station) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => {
                found = Some(Addr::from_v4_bits(address.to_bits()))
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => {
                found = Some(Addr::from_v6_bits(address.to_bits()));
            }
            NeighbourAttribute::LinkLayerAddress(octets) => station = mac(octets),
            _ => {}
        }
    }
    let responds = !matches!(message.header.state, NeighbourState::Incomplete | NeighbourState::Failed);
    Some(Neighbour {
        address: found.filter(|address| !address.is_group_or_none())?,
        mac: station.filter(|_| responds),
        interface: names.get(&message.header.ifindex)?.clone(),
        router: message.header.flags.contains(NeighbourFlags::Router),
    })
}

/// The next hops of a default route, with their interfaces; none for any other route.
fn default_gateways(message: &RouteMessage, names: &BTreeMap<u32, String>) -> Vec<(Addr, String)> {
    let header = &message.header;
    let is_default = header.destination_prefix_length == 0 && header.kind == RouteType::Unicast;
    let table = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    if !is_default || table.unwrap_or(header.table.into()) != u32::from(RouteHeader::RT_TABLE_MAIN) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut interface = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => interface = Some(*index),
            RouteAttribute::MultiPath(hops) => {
                found.extend(hops.iter().map(|hop| (router(&hop.attributes), Some(hop.interface_index))));
            }
            _ => {}
        }
    }
    found.push((router(&message.attributes), interface));
    let named = found.into_iter().filter_map(|(router, index)| Some((router?, names.get(&index?)?.clone())));
    named.collect()
}

fn router(attributes: &[RouteAttribute]) -> Option<Addr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(address)) | RouteAttribute::Via(RouteVia::Inet(address)) => {
            Some(Addr::from_v4_bits(address.to_bits()))
        }
        RouteAttribute::Gateway(RouteAddress::Inet6(address)) | RouteAttribute::Via(RouteVia::Inet6(address)) => {
            Some(Addr::from_v6_bits(address.to_bits()))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_loopback() {
        let (kernel, problems) = read();
        if kernel.links.is_empty() {
            eprintln!("skipped: no netlink here: {problems:?}");
            return;
        }
        assert_eq!(problems, Vec::new());
        let lo = kernel.link("lo").expect("a loopback");
        assert_eq!((lo.mac, lo.is_physical(), &lo.master), (Mac::ZERO, false, &None));
        if lo.up {
            assert!(lo.addresses.contains(&"127.0.0.1/8".parse().unwrap()), "{lo:?}");
        }
    }

    #[test]
    fn vlans_have_parents_and_veth_peers_do_not() {
        use rtnetlink::packet_route::link::InfoKind;
        let names: BTreeMap<u32, String> =
            [(1, "lo"), (2, "eno1"), (3, "vmbr0")].into_iter().map(|(index, name)| (index, name.to_owned())).collect();
        let read = |kind: Option<InfoKind>, attributes: &[LinkAttribute]| {
            let mut message = LinkMessage::default();
            message.header.flags = LinkFlags::Up;
            message.attributes.push(LinkAttribute::IfName("x".to_owned()));
            message.attributes.extend(kind.map(|kind| LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)])));
            message.attributes.extend(attributes.iter().cloned());
            link(&message, &names).unwrap()
        };
        let vlan = read(Some(InfoKind::Vlan), &[LinkAttribute::Link(2), LinkAttribute::Controller(3)]);
        assert_eq!(
            (vlan.kind.as_str(), vlan.parent.as_deref(), vlan.master.as_deref()),
            ("vlan", Some("eno1"), Some("vmbr0"))
        );
        assert!(!vlan.up, "administratively up, no carrier");
        assert_eq!(read(Some(InfoKind::Veth), &[LinkAttribute::Link(2)]).parent, None);
        let elsewhere = [LinkAttribute::Link(2), LinkAttribute::LinkNetNsId(0)];
        assert_eq!(read(Some(InfoKind::MacVlan), &elsewhere).parent, None);
        assert_eq!(read(Some(InfoKind::Other("new".to_owned())), &[]).kind, "new");

        let uplink = |kernel_links: Vec<Link>| {
            let kernel = Kernel { links: kernel_links, ..Kernel::default() };
            let uplinks = kernel.links.iter().filter(|link| kernel.uplink_of(link).is_some());
            uplinks.map(|link| link.name.clone()).collect::<Vec<_>>()
        };
        let of = |name: &str, kind: &str, master: Option<&str>, parent: Option<&str>| Link {
            name: name.to_owned(),
            kind: kind.to_owned(),
            master: master.map(str::to_owned),
            parent: parent.map(str::to_owned),
            ..Link::default()
        };
        let links = vec![
            of("vmbr0", "bridge", None, None),
            of("vmbr1", "bridge", None, None),
            of("bond0", "bond", Some("vmbr0"), None),
            of("eno1", "", Some("bond0"), None),
            of("tap104i0", "tun", Some("vmbr0"), None),
            of("eno2.7", "vlan", Some("vmbr1"), Some("eno2")),
            of("eno2", "", None, None),
            of("vmbr0.7", "vlan", Some("vmbr1"), Some("vmbr0")),
        ];
        assert_eq!(uplink(links), ["bond0", "eno2.7"]);
    }

    #[test]
    fn routers_of_default_routes_of_the_main_table() {
        use rtnetlink::packet_route::route::RouteNextHop;
        let names: BTreeMap<u32, String> =
            [(2, "eno1"), (3, "eno2")].map(|(index, name)| (index, name.to_owned())).into();
        let read = |prefix: u8, table: u8, attributes: Vec<RouteAttribute>| {
            let mut message = RouteMessage::default();
            message.header.destination_prefix_length = prefix;
            message.header.table = table;
            message.header.kind = RouteType::Unicast;
            message.attributes = attributes;
            let found = default_gateways(&message, &names);
            found.into_iter().map(|(router, interface)| format!("{router} {interface}")).collect::<Vec<_>>()
        };
        let by = |address: &str| RouteAttribute::Gateway(RouteAddress::Inet(address.parse().unwrap()));
        let via = RouteAttribute::Via(RouteVia::Inet6("fe80::1".parse().unwrap()));
        assert_eq!(read(0, 254, vec![by("192.0.2.1"), RouteAttribute::Oif(2)]), ["192.0.2.1 eno1"]);
        assert_eq!(read(0, 254, vec![via, RouteAttribute::Oif(3)]), ["fe80::1 eno2"]);
        assert_eq!(read(24, 254, vec![by("192.0.2.1"), RouteAttribute::Oif(2)]), [""; 0]);
        assert_eq!(read(0, 100, vec![by("192.0.2.1"), RouteAttribute::Oif(2)]), [""; 0]);
        let elsewhere = vec![by("192.0.2.1"), RouteAttribute::Oif(2), RouteAttribute::Table(1000)];
        assert_eq!(read(0, 254, elsewhere), [""; 0]);
        assert_eq!(read(0, 254, vec![RouteAttribute::Oif(2)]), [""; 0], "an interface without a router");
        let hop = |index: u32, address: &str| {
            let mut hop = RouteNextHop::default();
            hop.interface_index = index;
            hop.attributes = vec![by(address)];
            hop
        };
        let hops = RouteAttribute::MultiPath(vec![hop(2, "192.0.2.1"), hop(3, "192.0.2.2"), hop(9, "192.0.2.3")]);
        assert_eq!(read(0, 254, vec![hops]), ["192.0.2.1 eno1", "192.0.2.2 eno2"]);
    }

    #[test]
    fn it_may_be_called_within_a_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (kernel, _) = runtime.block_on(async { read() });
        assert_eq!(kernel.links, read().0.links);
    }
}
