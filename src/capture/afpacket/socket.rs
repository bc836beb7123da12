//! The socket and its options, packet(7), as functions that can be called without care.
#![allow(unsafe_code, reason = "socket options and addresses of packet(7) that rustix does not have")]

use libc::{c_int, sock_filter, sockaddr_ll, socklen_t};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Octets of `struct sockaddr_ll`.
const ADDRESS_SIZE: socklen_t = size_of::<sockaddr_ll>() as socklen_t;

/// Counters of `PACKET_STATISTICS` since they were read last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    /// Frames for us, those that were dropped included.
    pub packets: u32,
    pub drops: u32,
    /// Times that the ring was found full.
    pub freezes: u32,
}

/// How the socket's ring is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RingShape {
    /// Octets, a multiple of the page size.
    pub block_size: u32,
    pub blocks: u32,
    /// Milliseconds after which the kernel hands over a block that is not full.
    pub retire_ms: u32,
}

/// A packet socket that receives nothing until it is bound to a protocol.
pub(super) struct PacketSocket {
    fd: OwnedFd,
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn check(returned: c_int) -> Result<(), Errno> {
    if returned == 0 { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

impl PacketSocket {
    /// `cooked` sockets get frames from the network layer on, others with what is before it.
    pub fn open(cooked: bool) -> Result<PacketSocket, Errno> {
        let kind = if cooked { SocketType::DGRAM } else { SocketType::RAW };
        // Protocol 0: nothing is received before `bind` names one.
        let fd = socket_with(AddressFamily::PACKET, kind, SocketFlags::CLOEXEC, None)?;
        Ok(PacketSocket { fd })
    }

    /// For options whose values hold no pointers.
    fn set<T: Copy>(&self, level: c_int, option: c_int, value: &T) -> Result<(), Errno> {
        // SAFETY: the kernel reads at most as many octets as it is told from where it is told, and those are `value`'s.
        // It keeps no pointer.
        check(unsafe {
            let start = std::ptr::from_ref(value).cast();
            libc::setsockopt(self.fd.as_raw_fd(), level, option, start, size_of::<T>() as socklen_t)
        })
    }

    /// Binds to the interface with number `index`. Without `receive` it is only looked at: no frame comes.
    pub fn bind(&self, index: u32, receive: bool) -> Result<(), Errno> {
        let protocol = if receive { (libc::ETH_P_ALL as u16).to_be() } else { 0 };
        let address = sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: protocol,
            sll_ifindex: index as c_int,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: the kernel reads the address, all of which is initialised, during the call only.
        check(unsafe {
            libc::bind(self.fd.as_raw_fd(), std::ptr::from_ref(&address).cast::<libc::sockaddr>(), ADDRESS_SIZE)
        })
    }

    /// The hardware type (ARPHRD_*) of the interface that the socket is bound to.
    pub fn hardware_type(&self) -> Result<u16, Errno> {
        // SAFETY: an address of integers only, for which zeros are values.
        let mut address: sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = ADDRESS_SIZE;
        // SAFETY: the kernel writes at most `length` octets, the size of `address`, and any octets make an address.
        check(unsafe {
            let start = std::ptr::from_mut(&mut address).cast::<libc::sockaddr>();
            libc::getsockname(self.fd.as_raw_fd(), start, &raw mut length)
        })?;
        Ok(address.sll_hatype)
    }

    /// Puts a filter in place, at once and in place of the one before. Frames that it accepts are cut to the length
    /// that it returns.
    pub fn attach(&self, program: &[sock_filter]) -> Result<(), Errno> {
        let length = u16::try_from(program.len()).map_err(|_| Errno::INVAL)?;
        let request = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
        // SAFETY: the kernel reads the request, and `len` instructions from where it points, which is the slice; it
        // copies and checks them within the call, and writes nothing.
        check(unsafe {
            let start = std::ptr::from_ref(&request).cast();
            let size = size_of::<libc::sock_fprog>() as socklen_t;
            libc::setsockopt(self.fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, start, size)
        })
    }

    /// Asks for a `virtio_net_hdr` before each frame. Must be asked before there is a ring.
    pub fn want_offload_header(&self) -> Result<(), Errno> {
        self.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1i32)
    }

    /// Copies of what leaves are not for us (Linux 4.20).
    pub fn ignore_outgoing(&self) -> Result<(), Errno> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1i32)
    }

    /// Makes the ring, to be mapped afterwards.
    pub fn make_ring(&self, shape: RingShape) -> Result<(), Errno> {
        self.set(libc::SOL_PACKET, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as c_int))?;
        // Frames have no fixed size in version 3; the kernel only wants the numbers to agree.
        let frame_size = 2048;
        let request = libc::tpacket_req3 {
            tp_block_size: shape.block_size,
            tp_block_nr: shape.blocks,
            tp_frame_size: frame_size,
            tp_frame_nr: (shape.block_size / frame_size).checked_mul(shape.blocks).ok_or(Errno::INVAL)?,
            tp_retire_blk_tov: shape.retire_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
    }

    /// Frames for others too, as long as the socket is open.
    pub fn promiscuous(&self, index: u32) -> Result<(), Errno> {
        let request = libc::packet_mreq {
            mr_ifindex: index as c_int,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Joins a fanout group, or makes one. Flags are PACKET_FANOUT_*.
    pub fn join(&self, group: u16, flags: u32) -> Result<(), Errno> {
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &(u32::from(group) | flags << 16))
    }

    /// The number of the fanout group that the socket is in.
    pub fn group(&self) -> Result<u16, Errno> {
        let word: u32 = self.get(libc::SOL_PACKET, libc::PACKET_FANOUT)?;
        Ok(word as u16)
    }

    /// Has the thread that waits for frames ask the driver for them, for so many microseconds.
    pub fn busy_poll(&self, microseconds: u32) -> Result<(), Errno> {
        self.set(libc::SOL_SOCKET, libc::SO_BUSY_POLL, &(microseconds as c_int))?;
        self.set(libc::SOL_SOCKET, libc::SO_PREFER_BUSY_POLL, &1i32)
    }

    /// Counters since the last call: reading sets them to zero.
    pub fn statistics(&self) -> Result<Statistics, Errno> {
        let [packets, drops, freezes]: [u32; 3] = self.get(libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(Statistics { packets, drops, freezes })
    }

    fn get<T: Words>(&self, level: c_int, option: c_int) -> Result<T, Errno> {
        let mut value = T::default();
        let mut length = size_of::<T>() as socklen_t;
        // SAFETY: the kernel writes at most `length` octets, the size of `value`, and `Words` take any octets.
        check(unsafe {
            let start = std::ptr::from_mut(&mut value).cast();
            libc::getsockopt(self.fd.as_raw_fd(), level, option, start, &raw mut length)
        })?;
        Ok(value)
    }
}

// `struct tpacket_stats_v3` is three words without padding.
const _: () = assert!(size_of::<libc::tpacket_stats_v3>() == size_of::<[u32; 3]>());

/// What the kernel may write into.
///
/// # Safety
/// Any octets must make a value.
unsafe trait Words: Default {}

// SAFETY: integers.
unsafe impl Words for u32 {}
// SAFETY: integers without padding.
unsafe impl Words for [u32; 3] {}
