//! The interfaces that a capture names.

use crate::capture::LinkType;

/// An interface that the capture was taken on, as far as the file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// From pcapng's if_name, control characters replaced; classic pcap has none.
    pub name: Option<String>,
    pub link: LinkType,
    /// The capture length limit; 0 for none.
    pub snaplen: u32,
}
