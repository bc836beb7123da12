//! What a capture records about its interfaces.

use crate::capture::LinkType;

/// An interface that the capture was taken on, as recorded in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// pcapng's if_name with control characters replaced; classic pcap has no names.
    pub name: Option<String>,
    /// Link type of its frames.
    pub link: LinkType,
    /// Snapshot length in octets; 0 for no limit.
    pub snaplen: u32,
}
