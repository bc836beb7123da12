//! The registry of sources.

/// A row of the registry of sources.
pub struct SourceSpec {
    /// Name in listings.
    pub name: &'static str,
    /// One line for `pegel list sources`.
    pub summary: &'static str,
    /// Whether the source captures on live interfaces; otherwise it is offline.
    pub live: bool,
}

/// Every source, for listing and documentation.
pub const SOURCES: &[SourceSpec] = &[
    SourceSpec {
        name: "pcap_file",
        summary: "pcap and pcapng files or streams, gzip-compressed as well (pegel replay)",
        live: false,
    },
    SourceSpec {
        name: "afpacket",
        summary: "live interfaces, through the kernel's memory-mapped packet ring (pegel run)",
        live: true,
    },
    SourceSpec {
        name: "pcap_live",
        summary: "live interfaces, through libpcap (pegel run, where the ring is not available)",
        live: true,
    },
    SourceSpec {
        name: "synthetic",
        summary: "seeded generator of attacks and benign traffic (tests, benches)",
        live: false,
    },
];
