//! The interface between a source and the rest of Pegel: a borrowed frame and its metadata.

use crate::base::Timestamp;

/// The link-layer type of a frame, named as in the tcpdump.org registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// LINKTYPE_ETHERNET (1).
    Ethernet,
    /// LINKTYPE_LINUX_SLL (113): 16-byte cooked header with packet type.
    LinuxSll,
    /// LINKTYPE_LINUX_SLL2 (276): 20-byte cooked header with packet type and interface.
    LinuxSll2,
    /// LINKTYPE_RAW (101, and the DLT values 12 and 14 that old files carry), LINKTYPE_IPV4 (228), LINKTYPE_IPV6 (229):
    /// the frame begins with the IP header, whose version nibble gives the family.
    RawIp,
    /// LINKTYPE_NULL (0): 4-byte address family in the byte order of the capturing host (either is accepted).
    Null,
    /// LINKTYPE_LOOP (108): the same, always big-endian.
    Loop,
    /// LINKTYPE_PPP (9), LINKTYPE_PPP_HDLC (50), LINKTYPE_PPP_WITH_DIR (204, direction octet already removed).
    Ppp,
    /// Any other link type, by its number: frames are counted but not parsed.
    Other(u16),
}

impl LinkType {
    /// From the number in a capture file's header (LINKTYPE_*, <https://www.tcpdump.org/linktypes.html>).
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => LinkType::Null,
            1 => LinkType::Ethernet,
            9 | 50 | 204 => LinkType::Ppp,
            12 | 14 | 101 | 228 | 229 => LinkType::RawIp,
            108 => LinkType::Loop,
            113 => LinkType::LinuxSll,
            276 => LinkType::LinuxSll2,
            other => LinkType::Other(other),
        }
    }

    /// The number under which frames of this type are written to a capture file.
    pub const fn number(self) -> u16 {
        match self {
            LinkType::Null => 0,
            LinkType::Ethernet => 1,
            LinkType::Ppp => 9,
            LinkType::RawIp => 101,
            LinkType::Loop => 108,
            LinkType::LinuxSll => 113,
            LinkType::LinuxSll2 => 276,
            LinkType::Other(number) => number,
        }
    }
}

/// Whether a frame entered or left the machine, if the capture records it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FrameDirection {
    /// Not recorded.
    #[default]
    Unknown,
    /// The frame entered.
    Ingress,
    /// The frame left.
    Egress,
}

/// A VLAN tag (IEEE 802.1Q) that is not in a frame's octets because the kernel or the NIC removed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// Tag protocol identifier: 0x8100 for 802.1Q, 0x88a8 for 802.1ad.
    pub tpid: u16,
    /// Tag control information: priority (3 bits), drop eligible (1), VLAN ID (12).
    pub tci: u16,
}

impl Vlan {
    /// The VLAN ID; 0 for a priority tag.
    pub const fn id(self) -> u16 {
        self.tci & 0x0fff
    }
}

/// One captured frame. The octets belong to the source and are valid only during the call that delivers them.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Time of capture.
    pub time: Timestamp,
    /// The captured octets; may be shorter than the frame on the wire.
    pub data: &'a [u8],
    /// Octets on the wire without FCS, summed over all GSO segments, including a VLAN tag that was removed.
    pub wire_len: u32,
    /// How `data` begins.
    pub link: LinkType,
    /// Whether the frame entered or left.
    pub direction: FrameDirection,
    /// Index of the interface within the source; 0 if there is only one.
    pub interface: u16,
    /// The outermost VLAN tag, if it is not in `data`. On the wire it follows the addresses.
    pub vlan: Option<Vlan>,
    /// Frames on the wire that this one represents: more than 1 for a large frame from segmentation offload.
    pub segments: u16,
    /// Sampling rate: 1 if every frame is captured, n if frames are sampled randomly, 1 in n.
    pub sampled: u16,
}

/// Receives frames from a source.
pub trait FrameSink {
    /// Called once for each frame.
    fn frame(&mut self, frame: Frame<'_>);
}
