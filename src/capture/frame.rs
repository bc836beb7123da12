//! The seam between a source and the rest: a borrowed frame and what the source knows about it.

use crate::base::Timestamp;

/// How the bytes of a frame begin, by the names of the tcpdump.org link-layer type registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// LINKTYPE_ETHERNET (1).
    Ethernet,
    /// LINKTYPE_LINUX_SLL (113): 16-byte cooked header with packet type.
    LinuxSll,
    /// LINKTYPE_LINUX_SLL2 (276): 20-byte cooked header with packet type and interface.
    LinuxSll2,
    /// LINKTYPE_RAW (101, and the DLT values 12 and 14 that old files carry), LINKTYPE_IPV4 (228), LINKTYPE_IPV6 (229):
    /// the IP header comes first, its version nibble tells the family.
    RawIp,
    /// LINKTYPE_NULL (0): 4-byte address family in the byte order of the capturing host (either is accepted).
    Null,
    /// LINKTYPE_LOOP (108): the same, always big-endian.
    Loop,
    /// LINKTYPE_PPP (9), LINKTYPE_PPP_HDLC (50), LINKTYPE_PPP_WITH_DIR (204, direction octet already removed).
    Ppp,
    /// Anything else, by its number: counted and named, not parsed.
    Other(u16),
}

impl LinkType {
    /// From the number in a capture file's header (LINKTYPE_*, https://www.tcpdump.org/linktypes.html).
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
}

/// Whether a frame entered or left the machine, where the capture tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FrameDirection {
    #[default]
    Unknown,
    Ingress,
    Egress,
}

/// A VLAN tag (IEEE 802.1Q) that is not part of a frame's octets, since the kernel or the card took it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// What announced it: 0x8100 for 802.1Q, 0x88a8 for 802.1ad.
    pub tpid: u16,
    /// Priority (3 bits), drop eligible (1), VLAN id (12).
    pub tci: u16,
}

impl Vlan {
    /// The VLAN's number; 0 where only a priority is told.
    pub const fn id(self) -> u16 {
        self.tci & 0x0fff
    }
}

/// One captured frame. The bytes belong to the source and are gone after the call that delivers them.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub time: Timestamp,
    /// What was captured: may be shorter than what was on the wire.
    pub data: &'a [u8],
    /// Octets on the wire, without FCS: of all segments, with a tag that was taken out.
    pub wire_len: u32,
    pub link: LinkType,
    pub direction: FrameDirection,
    /// Index of the interface within the source: 0 where there is one.
    pub interface: u16,
    /// The outermost tag, where it is not in `data`: it stood behind the addresses.
    pub vlan: Option<Vlan>,
    /// Frames on the wire that this one stands for: more than 1 where segmentation offload shows us a large one.
    pub segments: u16,
    /// Frames like this that it stands for: 1 where every frame is captured, n where one in n is, drawn by lot.
    pub sampled: u16,
}

/// Takes frames from a source.
pub trait FrameSink {
    fn frame(&mut self, frame: Frame<'_>);
}
