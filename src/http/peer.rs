//! Who is at the other end of a connection: on this machine a user, elsewhere an address.

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::{Socket, SocketAddr as NetlinkAddr, protocols::NETLINK_SOCK_DIAG};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A client, as far as connections are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Client {
    /// A user of this machine, by number.
    User(u32),
    /// Another machine; of an IPv6 address the first 64 bits, since a host can choose the others.
    Address(IpAddr),
}

/// The bits of an IPv6 address that name its network.
const NETWORK: u128 = !0 << 64;

impl Client {
    /// Who is connected from `peer` to `local`.
    pub(super) fn of(peer: SocketAddr, local: SocketAddr) -> Client {
        let address = peer.ip().to_canonical();
        if address.is_loopback()
            && let Ok(Some(user)) = user_of(peer, local)
        {
            return Client::User(user);
        }
        Client::Address(match address {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
            address => address,
        })
    }
}

/// The user whose socket is bound to `local` and connected to `remote` (sock_diag(7)); `None` if it is gone.
fn user_of(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u32>> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&NetlinkAddr::new(0, 0))?;
    let is_v4 = local.is_ipv4();
    let id = SocketId {
        source_port: local.port(),
        destination_port: remote.port(),
        source_address: local.ip(),
        destination_address: remote.ip(),
        // INET_DIAG_NOCOOKIE: any socket with these ends.
        cookie: [0xff; 8],
        ..if is_v4 { SocketId::new_v4() } else { SocketId::new_v6() }
    };
    let request = InetRequest {
        family: if is_v4 { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id: id,
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut octets = vec![0; message.buffer_len()];
    message.serialize(&mut octets);
    socket.send(&octets, 0)?;
    // The kernel answers before `send` returns.
    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<SockDiagMessage>::deserialize(&answer).map_err(io::Error::other)?;
    Ok(match answer.payload {
        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => Some(response.header.uid),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn on_loopback_a_client_is_its_user() {
        let own = Client::User(rustix::process::getuid().as_raw());
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let local = listener.local_addr().expect("an address");
            let stream = TcpStream::connect(local).expect("connected");
            let peer = stream.local_addr().expect("an address");
            assert_eq!(Client::of(peer, local), own, "{address}");
            let (_accepted, seen) = listener.accept().expect("accepted");
            assert_eq!(Client::of(seen, local), own, "{address}");
        }
    }

    #[test]
    fn elsewhere_it_is_an_address_or_the_network_of_one() {
        let local = "192.0.2.1:7343".parse().expect("an address");
        let of = |peer: &str| Client::of(peer.parse().expect("an address"), local);
        assert_eq!(of("192.0.2.7:1000"), Client::Address("192.0.2.7".parse().expect("an address")));
        assert_eq!(of("[2001:db8::1]:1000"), of("[2001:db8::ffff:2]:7"));
        assert_ne!(of("[2001:db8::1]:1000"), of("[2001:db8:0:1::1]:1000"));
        assert_eq!(of("[::ffff:192.0.2.7]:1"), of("192.0.2.7:2"));
    }
}
