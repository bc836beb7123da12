//! The registry of sources.

/// A row of the registry of sources.
pub struct SourceSpec {
    pub name: &'static str,
    /// One line for `pegel list sources`.
    pub summary: &'static str,
    /// Whether it runs on live interfaces (else offline).
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
        summary: "interfaces, through a memory-mapped ring of the kernel (pegel run)",
        live: true,
    },
    SourceSpec {
        name: "pcap_live",
        summary: "interfaces, through libpcap (pegel run, where there is no ring)",
        live: true,
    },
    SourceSpec {
        name: "synthetic",
        summary: "seeded generator of attacks and benign traffic (tests, benches)",
        live: false,
    },
];
