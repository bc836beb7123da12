//! The packet socket and its options, packet(7), as safe functions.
#![allow(unsafe_code, reason = "socket options and addresses of packet(7) that rustix does not support")]

use crate::sandbox::helper;
use libc::{c_int, sock_filter, sockaddr_ll, socklen_t};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Octets of `struct sockaddr_ll`.
const ADDRESS_SIZE: socklen_t = size_of::<sockaddr_ll>() as socklen_t;

/// Counters of `PACKET_STATISTICS` since they were last read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    /// Frames for this socket, including those that were dropped.
    pub(super) packets: u32,
    pub(super) drops: u32,
    /// How many times the kernel found the ring full.
    pub(super) freezes: u32,
}

/// Dimensions of a socket's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RingShape {
    /// Bytes, a multiple of the page size.
    pub(super) block_size: u32,
    pub(super) blocks: u32,
    /// Milliseconds after which the kernel hands over a block even if it is not full.
    pub(super) retire_ms: u32,
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
    /// A `cooked` socket receives frames from the network layer on, others with their link header.
    pub(super) fn open(cooked: bool) -> Result<PacketSocket, Errno> {
        // Nothing is received before `bind` names a protocol.
        let fd = helper::packet_socket(cooked).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(PacketSocket { fd })
    }

    /// Sets an option whose value contains no pointers.
    fn set<T: Copy>(&self, level: c_int, option: c_int, value: &T) -> Result<(), Errno> {
        // SAFETY: the kernel reads at most the given number of octets from the given address, both of which are those
        // of `value`. It keeps no pointer.
        check(unsafe {
            let start = std::ptr::from_ref(value).cast();
            libc::setsockopt(self.fd.as_raw_fd(), level, option, start, size_of::<T>() as socklen_t)
        })
    }

    /// Binds to the interface with the kernel's index `index`. Without `receive`, no frames are received.
    pub(super) fn bind(&self, index: u32, receive: bool) -> Result<(), Errno> {
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
    pub(super) fn hardware_type(&self) -> Result<u16, Errno> {
        // SAFETY: the address consists of integers only, for which zero is a valid value.
        let mut address: sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = ADDRESS_SIZE;
        // SAFETY: the kernel writes at most `length` octets, the size of `address`, and any octets are a valid address.
        check(unsafe {
            let start = std::ptr::from_mut(&mut address).cast::<libc::sockaddr>();
            libc::getsockname(self.fd.as_raw_fd(), start, &raw mut length)
        })?;
        Ok(address.sll_hatype)
    }

    /// Attaches a filter, which atomically replaces the previous one. Accepted frames are truncated to the length that
    /// it returns.
    pub(super) fn attach(&self, program: &[sock_filter]) -> Result<(), Errno> {
        let length = u16::try_from(program.len()).map_err(|_| Errno::INVAL)?;
        let request = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
        // SAFETY: the kernel reads the request and the `len` instructions that it points to, which are the slice. It
        // copies and validates them during the call, and writes nothing.
        check(unsafe {
            let start = std::ptr::from_ref(&request).cast();
            let size = size_of::<libc::sock_fprog>() as socklen_t;
            libc::setsockopt(self.fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, start, size)
        })
    }

    /// Requests a `virtio_net_hdr` before each frame. Must precede the setup of the ring.
    pub(super) fn enable_offload_header(&self) -> Result<(), Errno> {
        self.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1i32)
    }

    /// Excludes copies of outgoing frames (Linux 4.20).
    pub(super) fn ignore_outgoing(&self) -> Result<(), Errno> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1i32)
    }

    /// Sets up the ring, which is to be mapped afterwards.
    pub(super) fn make_ring(&self, shape: RingShape) -> Result<(), Errno> {
        self.set(libc::SOL_PACKET, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as c_int))?;
        // Frames have no fixed size in version 3; the kernel only requires the numbers to be consistent.
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

    /// Enables promiscuous mode as long as the socket is open.
    pub(super) fn promiscuous(&self, index: u32) -> Result<(), Errno> {
        let request = libc::packet_mreq {
            mr_ifindex: index as c_int,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Joins or creates a fanout group. Flags are PACKET_FANOUT_*.
    pub(super) fn join(&self, group: u16, flags: u32) -> Result<(), Errno> {
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &(u32::from(group) | flags << 16))
    }

    /// The number of the socket's fanout group.
    pub(super) fn group(&self) -> Result<u16, Errno> {
        let word: u32 = self.get(libc::SOL_PACKET, libc::PACKET_FANOUT)?;
        Ok(word as u16)
    }

    /// Makes a waiting thread poll the driver for frames for this many microseconds.
    pub(super) fn busy_poll(&self, microseconds: u32) -> Result<(), Errno> {
        self.set(libc::SOL_SOCKET, libc::SO_BUSY_POLL, &(microseconds as c_int))?;
        self.set(libc::SOL_SOCKET, libc::SO_PREFER_BUSY_POLL, &1i32)
    }

    /// Counters since the last call: reading resets them.
    pub(super) fn statistics(&self) -> Result<Statistics, Errno> {
        let [packets, drops, freezes]: [u32; 3] = self.get(libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(Statistics { packets, drops, freezes })
    }

    fn get<T: Words>(&self, level: c_int, option: c_int) -> Result<T, Errno> {
        let mut value = T::default();
        let mut length = size_of::<T>() as socklen_t;
        // SAFETY: the kernel writes at most `length` octets, the size of `value`, and any octets are a valid `Words`.
        check(unsafe {
            let start = std::ptr::from_mut(&mut value).cast();
            libc::getsockopt(self.fd.as_raw_fd(), level, option, start, &raw mut length)
        })?;
        Ok(value)
    }
}

// `struct tpacket_stats_v3` is three words without padding.
const _: () = assert!(size_of::<libc::tpacket_stats_v3>() == size_of::<[u32; 3]>());

/// Types that the kernel may write an option's value into.
///
/// # Safety
///
/// Every bit pattern must be a valid value.
unsafe trait Words: Default {}

// SAFETY: an integer.
unsafe impl Words for u32 {}
// SAFETY: integers without padding.
unsafe impl Words for [u32; 3] {}
