//! What the targets and the maker of seeds share: the layouts of their inputs, and places for files.
//!
//! Where an input is not simply the octets of a file, its layout is made for mutations: fields of one octet in front, every
//! octet is valid in each of them, and an input may end anywhere.

use pegel::base::Timestamp;
use pegel::capture::{Frame, FrameDirection, LinkType, Vlan};
use pegel::config::Config;
use pegel::incident::{Change, Event};
use pegel::runtime::replay::Replay;
use pegel::store::{Batch, DATABASE, Database, Filter, KeptPacket, StoredIncident};
use pegel::traffic::{Part, Scenario, TrafficModel};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Each kind of link that is decoded, and one that is not.
pub const LINKS: [LinkType; 8] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::Loop,
    LinkType::Ppp,
    LinkType::Other(147),
];

/// The link type that the low three bits of an octet select.
pub fn link(octet: u8) -> LinkType {
    LINKS[usize::from(octet & 7)]
}

/// The rest of an input. Past its end, octets are zero.
pub struct Rest<'i>(pub &'i [u8]);

impl<'i> Rest<'i> {
    /// The next octet.
    pub fn octet(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// The next octets, at most `count`.
    pub fn take(&mut self, count: usize) -> &'i [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A part with its length before it, in two octets.
    pub fn part(&mut self) -> &'i [u8] {
        let length = u16::from_le_bytes([self.octet(), self.octet()]);
        self.take(length.into())
    }
}

/// A frame with metadata from two octets: the link type (3 bits), a VLAN tag that is not in the octets (1), the direction
/// (2) and the interface (2); then what the frame represents, see [`Step::scale`].
pub fn frame(kind: u8, scale: u8, time: Timestamp, data: &[u8]) -> Frame<'_> {
    let direction = [FrameDirection::Unknown, FrameDirection::Ingress, FrameDirection::Egress, FrameDirection::Unknown];
    let (segments, sampled) = (scaled(scale & 15), scaled(scale >> 4));
    Frame {
        time,
        data,
        wire_len: if segments == u16::MAX { u32::MAX } else { data.len() as u32 * u32::from(segments) },
        link: link(kind),
        direction: direction[usize::from(kind >> 4 & 3)],
        interface: (kind >> 6).into(),
        vlan: (kind & 8 != 0).then_some(Vlan { tpid: 0x8100, tci: 0x2000 | u16::from(scale) }),
        segments,
        sampled,
    }
}

/// 1, 2, 4, … and at last the largest.
fn scaled(bits: u8) -> u16 {
    if bits == 15 { u16::MAX } else { 1 << bits }
}

/// Frames, one after another.
///
/// Each step has eight octets before those of its frame: the kind as for [`frame`], the exponent and the mantissa of the
/// time that passes before the frame, the number of repetitions, the octet that counts them, the scale as for [`frame`], and
/// the length.
pub struct Script<'i> {
    rest: Rest<'i>,
    now: u64,
    step: Option<Step<'i>>,
    left: u32,
    total: u32,
    data: Vec<u8>,
}

/// Most frames of a script: enough for floods, few enough for many inputs per second.
const MOST_FRAMES: u32 = 800;

/// One step of a script.
#[derive(Clone, Copy)]
pub struct Step<'i> {
    /// As for [`frame`].
    pub kind: u8,
    /// Time before each frame: `mantissa << (exponent & 63)` nanoseconds, backwards with the highest bit of the exponent.
    pub exponent: u8,
    /// See there.
    pub mantissa: u8,
    /// Frames after the first one.
    pub repeat: u8,
    /// Offset of the octet of the frame that is increased with each repetition.
    pub counter: u8,
    /// Frames on the wire that each stands for, as powers of two: segments (4 bits), and those for each that is sampled (4).
    pub scale: u8,
    /// The frame.
    pub data: &'i [u8],
}

impl Step<'_> {
    /// The octets that are read back as this step.
    pub fn to_bytes(self) -> Vec<u8> {
        let length = u16::try_from(self.data.len()).unwrap_or(u16::MAX);
        let data = &self.data[..length.into()];
        let head = [self.kind, self.exponent, self.mantissa, self.repeat, self.counter, self.scale];
        [&head[..], &length.to_le_bytes(), data].concat()
    }
}

/// Where a script begins, by an octet: at the epoch, in 2026, shortly before the last time that there is, in between.
fn start(octet: u8) -> u64 {
    match octet & 3 {
        0 => 0,
        1 => 1_767_225_600_000_000_000,
        2 => u64::MAX - 60_000_000_000,
        _ => u64::MAX / 256 * u64::from(octet),
    }
}

impl<'i> Script<'i> {
    /// The first octet is where it begins.
    pub fn new(mut rest: Rest<'i>) -> Script<'i> {
        let now = start(rest.octet());
        Script { rest, now, step: None, left: 0, total: 0, data: Vec::new() }
    }

    /// How many frames it had so far.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The next frame.
    pub fn next(&mut self) -> Option<Frame<'_>> {
        if self.total >= MOST_FRAMES {
            return None;
        }
        if self.left == 0 {
            if self.rest.0.is_empty() {
                return None;
            }
            let rest = &mut self.rest;
            let [kind, exponent, mantissa, repeat, counter, scale] = [(); 6].map(|()| rest.octet());
            let step = Step { kind, exponent, mantissa, repeat, counter, scale, data: rest.part() };
            self.data.clear();
            self.data.extend_from_slice(step.data);
            (self.left, self.step) = (u32::from(repeat) + 1, Some(step));
        } else if let Some(counter) = self.step.map(|step| usize::from(step.counter))
            && let Some(octet) = self.data.get_mut(counter)
        {
            *octet = octet.wrapping_add(1);
        }
        self.left -= 1;
        self.total += 1;
        let step = self.step?;
        let delta = u64::from(step.mantissa) << (step.exponent & 63);
        let backwards = step.exponent & 0x80 != 0;
        self.now = if backwards { self.now.saturating_sub(delta) } else { self.now.saturating_add(delta) };
        Some(frame(step.kind, step.scale, Timestamp::from_nanos(self.now), &self.data))
    }
}

/// An empty directory for the files of a target. Each process has its own.
pub fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("pegel-fuzz-{name}-{}", std::process::id()));
    clear(&path);
    path
}

/// Empties a directory, or creates it.
pub fn clear(path: &Path) {
    let _ = fs::remove_dir_all(path);
    fs::create_dir_all(path).expect("a directory for files");
}

/// Text of files that are not always text, as the readers see them.
pub fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Networks of ours, where a target needs some: those of the generator's defaults.
pub const NETWORKS: &str = "networks = [\"203.0.113.0/24\", \"2001:db8:10::/48\"]\n";

/// The store of a replay of a short flood, which has one incident with packets, seconds and minutes.
pub fn recorded() -> Database {
    let config = Config::parse(&format!("{NETWORKS}[evidence]\nenabled = true\n"), "fuzz").expect("valid");
    let mut part = Part::new(TrafficModel::SynFlood, 1.0, 4.0);
    part.params.rate = Some(2000.0);
    let mut replay = Replay::new(&config);
    replay.record(&config).expect("a record");
    replay.run(&mut Scenario::new(1, vec![part]).source(), |_, _, _| {}).expect("read");
    replay.finish();
    replay.take_record().expect("a record").expect("recorded")
}

/// The only incident of [`recorded`], and a few of its packets with the names of their interfaces.
pub fn incident(database: &Database) -> (StoredIncident, Vec<KeptPacket>, Vec<String>) {
    let reader = database.reader();
    let all = reader.all_incidents(&Filter::default()).expect("read");
    let id = &all.first().expect("an incident").id;
    let (mut packets, interfaces) = reader.packets(id).expect("read");
    packets.truncate(20);
    (reader.incident(id).expect("read").expect("there"), packets, interfaces)
}

/// Writes the store of [`recorded`] to a directory, and returns its file, without a log.
pub fn database_file(directory: &Path) -> Vec<u8> {
    let (stored, packets, interfaces) = incident(&recorded());
    let mut batch = Batch::default();
    let incident = Arc::new(stored.incident);
    let id = incident.id.clone();
    batch.events.push(Event { change: Change::Opened, incident });
    batch.seconds.extend(stored.seconds.into_iter().map(|second| (id.clone(), second)));
    for packet in packets {
        let interface = interfaces.get(usize::from(packet.interface)).map_or("", String::as_str).into();
        batch.add_packet(&id, &interface, packet);
    }
    let mut database = Database::open(directory, 1).expect("a database");
    database.write(&batch).expect("written");
    // Closing it moves everything from the log into the file.
    drop(database);
    fs::read(directory.join(DATABASE)).expect("a database")
}
