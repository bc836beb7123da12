//! `[capture]`: live packet capture.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::interface;

pub(super) const SECTION: Section = Section {
    heading: "[capture]",
    reload: Reload::Restart,
    doc: "Live packet capture.",
    keys: &[
        &INTERFACES,
        &PROMISCUOUS,
        &BPF,
        &SOURCE,
        &WORKERS,
        &RING_MIB,
        &BUFFER_MIB,
        &SNAPLEN,
        &BUSY_POLL_US,
        &SAMPLING,
    ],
};

const INTERFACES: Key = Key {
    name: "interfaces",
    kind: Kind::List("interface names"),
    default: DefaultValue::List(&[]),
    doc: "Interfaces to capture on. Empty: the interface of the default route.",
};

const PROMISCUOUS: Key = Key {
    name: "promiscuous",
    kind: Kind::Bool,
    default: DefaultValue::Bool(true),
    doc: "Capture frames that are not addressed to this machine as well.",
};

const BPF: Key = Key {
    name: "bpf",
    kind: Kind::Text("a filter expression"),
    default: DefaultValue::Text(""),
    doc: "Capture only packets that match this filter expression, see pcap-filter(7). Empty: all packets.",
};

const SOURCE: Key = Key {
    name: "source",
    kind: Kind::Choice(|| CaptureSource::ALL.map(CaptureSource::name).to_vec()),
    default: DefaultValue::Text("auto"),
    doc: "Capture method. \"afpacket\": the kernel's memory-mapped ring (AF_PACKET, TPACKET_V3). \"pcap\": \
          libpcap. \"auto\": the ring, or libpcap where the ring is not available.",
};

const WORKERS: Key = Key {
    name: "workers",
    kind: Kind::Whole { min: 0, max: 64, unit: "threads" },
    default: DefaultValue::Whole(0),
    doc: "Capture threads per interface. The kernel assigns each flow to one of them. 0: one per CPU core, but at \
          most two. libpcap always uses one.",
};

const RING_MIB: Key = Key {
    name: "ring_mib",
    kind: Kind::Whole { min: 1, max: 1024, unit: "MiB" },
    default: DefaultValue::Whole(8),
    doc: "Size of the kernel's ring per interface, divided among the capture threads.",
};

const BUFFER_MIB: Key = Key {
    name: "buffer_mib",
    kind: Kind::Whole { min: 1, max: 1024, unit: "MiB" },
    default: DefaultValue::Whole(8),
    doc: "Size of libpcap's kernel buffer, per interface and direction.",
};

const SNAPLEN: Key = Key {
    name: "snaplen",
    kind: Kind::Whole { min: 64, max: 65_535, unit: "bytes" },
    default: DefaultValue::Whole(256),
    doc: "Bytes captured of each packet, from its beginning. Lengths are always counted in full.",
};

const BUSY_POLL_US: Key = Key {
    name: "busy_poll_us",
    kind: Kind::Whole { min: 0, max: 100_000, unit: "microseconds" },
    default: DefaultValue::Whole(0),
    doc: "How long a waiting capture thread polls the driver for packets before it sleeps. 0: it sleeps \
          immediately. Requires driver support and CAP_NET_ADMIN, which the packaged service does not have.",
};

const SAMPLING: Key = Key {
    name: "sampling",
    kind: Kind::Whole { min: 1, max: 1024, unit: "" },
    default: DefaultValue::Whole(1),
    doc: "Capture 1 in N packets, chosen at random, and scale the counts accordingly. 1: all packets. Under \
          overload, Pegel samples more coarsely on its own. libpcap always captures all packets.",
};

/// The capture method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureSource {
    /// The kernel's ring, or libpcap where the ring is not available.
    #[default]
    Auto,
    /// The kernel's ring.
    AfPacket,
    /// libpcap.
    Pcap,
}

impl CaptureSource {
    /// All methods, in the order of the documentation.
    pub const ALL: [CaptureSource; 3] = [CaptureSource::Auto, CaptureSource::AfPacket, CaptureSource::Pcap];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            CaptureSource::Auto => "auto",
            CaptureSource::AfPacket => "afpacket",
            CaptureSource::Pcap => "pcap",
        }
    }
}

/// How packets are captured in a live run.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureConfig {
    /// Interfaces to capture on; empty: the interface of the default route.
    pub interfaces: Vec<String>,
    /// Whether frames that are not addressed to this machine are captured as well.
    pub promiscuous: bool,
    /// Filter expression, see pcap-filter(7); empty: all packets.
    pub bpf: String,
    /// The capture method.
    pub source: CaptureSource,
    /// Capture threads per interface; 0: one per core, at most two.
    pub workers: u32,
    /// Size of the kernel's ring per interface, divided among its workers.
    pub ring_mib: u32,
    /// Size of libpcap's kernel buffer, per interface and direction.
    pub buffer_mib: u32,
    /// Bytes captured of each frame, from its beginning.
    pub snaplen: u32,
    /// Microseconds for which a waiting thread polls the driver before it sleeps; 0: it sleeps immediately.
    pub busy_poll_us: u32,
    /// N, to capture 1 in N frames, chosen at random; 1: all frames.
    pub sampling: u16,
}

pub(super) fn read(section: &mut Reader<'_>) -> CaptureConfig {
    CaptureConfig {
        interfaces: section.list(&INTERFACES, interface),
        promiscuous: section.bool(&PROMISCUOUS),
        bpf: section.text(&BPF),
        source: section.choice(&SOURCE, &CaptureSource::ALL, CaptureSource::name).unwrap_or_default(),
        workers: section.whole(&WORKERS),
        ring_mib: section.whole(&RING_MIB),
        buffer_mib: section.whole(&BUFFER_MIB),
        snaplen: section.whole(&SNAPLEN),
        busy_poll_us: section.whole(&BUSY_POLL_US),
        sampling: section.whole(&SAMPLING),
    }
}

pub(super) fn write(capture: &CaptureConfig, page: &mut Page) {
    page.table(&SECTION);
    page.list(&INTERFACES, &capture.interfaces);
    page.bool(&PROMISCUOUS, capture.promiscuous);
    page.text(&BPF, &capture.bpf);
    page.text(&SOURCE, capture.source.name());
    page.number(&WORKERS, capture.workers);
    page.number(&RING_MIB, capture.ring_mib);
    page.number(&BUFFER_MIB, capture.buffer_mib);
    page.number(&SNAPLEN, capture.snaplen);
    page.number(&BUSY_POLL_US, capture.busy_poll_us);
    page.number(&SAMPLING, capture.sampling);
}
