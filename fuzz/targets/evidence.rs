//! The evidence of an incident with any packets: what is sealed is intact, is read back as it was, and a redacted copy of it
//! is intact too and has no payload.
//!
//! Input: options, then a script (see `pegel_fuzz::Script`) of the packets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::capture::pcap_file::PcapFile;
use pegel::capture::{Frame, FrameSink, PacketSource, Poll};
use pegel::packet::Decoder;
use pegel::store::evidence::{Chain, EvidenceInput, PseudonymKey, Redaction, SigningKey, check, export};
use pegel::store::{KeptPacket, StoredIncident};
use pegel_fuzz::{Rest, Script, clear, incident, recorded, scratch};
use std::path::PathBuf;
use std::sync::LazyLock;

/// The key of RFC 8410 §10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const PSEUDONYMS: &str = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";

/// It is signed.
const SIGNED: u8 = 1;
/// Its copy has pseudonyms.
const PSEUDONYMOUS: u8 = 2;
/// Most packets: each has its blocks, and is read several times.
const MOST_PACKETS: usize = 100;

static INCIDENT: LazyLock<StoredIncident> = LazyLock::new(|| incident(&recorded()).0);
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| scratch("evidence"));

fn kept(frame: &Frame<'_>) -> KeptPacket {
    KeptPacket {
        time: frame.time,
        interface: frame.interface,
        link: frame.link,
        direction: frame.direction,
        wire_len: frame.wire_len,
        class: Decoder::default().decode(frame).class,
        is_attack: frame.vlan.is_some(),
        data: frame.data.get(..256).unwrap_or(frame.data).into(),
    }
}

#[derive(Default)]
struct Seen(Vec<KeptPacket>);

impl FrameSink for Seen {
    fn frame(&mut self, frame: Frame<'_>) {
        self.0.push(kept(&frame));
    }
}

fn read(path: PathBuf) -> Vec<KeptPacket> {
    let mut seen = Seen::default();
    let mut file = PcapFile::open(&path).expect("a capture");
    while file.poll(&mut seen).expect("readable") != Poll::End {}
    seen.0
}

fuzz_target!(|input: &[u8]| {
    let mut rest = Rest(input);
    let options = rest.octet();
    let mut script = Script::new(rest);
    let mut packets = Vec::new();
    while packets.len() < MOST_PACKETS
        && let Some(frame) = script.next()
    {
        packets.push(kept(&frame));
    }
    let interfaces: Vec<String> = ["eth0", "a\u{202e}b\n", "", "vmbr0"].map(str::to_owned).to_vec();
    let sealed = EvidenceInput {
        incident: &INCIDENT,
        packets: &packets,
        interfaces: &interfaces,
        snaplen: 256,
        sampling: "all packets",
    };
    clear(&ROOT);
    let key = || (options & SIGNED != 0).then(|| SigningKey::from_pem(KEY).expect("a key"));
    let public = key().map(|key| key.public());
    let original = ROOT.join("original");
    let folder = Chain::open(&original, key()).expect("a chain").seal(&sealed).expect("sealed").path;
    let report = check(&original, public.as_ref()).expect("evidence");
    assert!(report.is_intact(), "{report:?}");
    packets.sort_by_key(|packet| packet.time);
    let found = read(folder.join("packets.pcapng"));
    assert_eq!(found.len(), packets.len());
    for (found, packet) in found.iter().zip(&packets) {
        assert_eq!((found.time, found.link, found.direction), (packet.time, packet.link, packet.direction));
        assert_eq!(found.data, packet.data);
    }

    let id = &INCIDENT.incident.id;
    let key_of_names = (options & PSEUDONYMOUS != 0).then(|| PseudonymKey::parse(PSEUDONYMS).expect("a key"));
    let redaction = Redaction { key: key_of_names, networks: vec!["203.0.113.0/24".parse().expect("a network")] };
    let copies = ROOT.join("copies");
    let copy = export(&original, id, &copies, Some(&redaction), key().as_ref()).expect("exported");
    assert!(copy.problems.is_empty(), "{:?}", copy.problems);
    let report = check(&copy.path, public.as_ref()).expect("evidence");
    assert!(report.is_intact(), "{report:?}");
    let redacted = read(copy.path.join("packets.pcapng"));
    assert_eq!(redacted.len(), packets.len());
    for (redacted, packet) in redacted.iter().zip(&packets) {
        assert_eq!((redacted.time, redacted.data.len() <= packet.data.len()), (packet.time, true));
    }
});
