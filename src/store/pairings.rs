//! The pairings of IPv4 and MAC addresses: `pairings.json`, written by the daemon, and `pairings-imported.json`, written by
//! `pegel import` and only read by the daemon. Two files, so that neither overwrites what the other knows.

use super::dir::StateDir;
use super::error::StateError;
use crate::base::{Addr, Mac, Pairing, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::time::SystemTime;

/// Pairings that the daemon saw.
pub const PAIRINGS: &str = "pairings.json";
const IMPORTED: &str = "pairings-imported.json";
const LOCK: &str = "pairings-imported.lock";
const VERSION: u32 = 1;
/// Most pairings of a file, far more than the daemon keeps.
const MOST_PAIRINGS: usize = 65_536;

/// What is known of one broadcast domain.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPairings {
    /// Name of the interface that captures it.
    pub interface: String,
    /// VLAN ID; 0: untagged.
    pub vlan: u16,
    /// Seconds for which it was observed so far; `None`: it is known.
    pub observed_seconds: Option<u64>,
    /// Stations with their addresses.
    pub pairings: Vec<Pairing>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    segments: Vec<Segment>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    interface: String,
    vlan: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed_seconds: Option<u64>,
    pairings: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    mac: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// RFC 3339, as `last`; absent: before anything that was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    last: String,
}

impl From<&Pairing> for Entry {
    fn from(pairing: &Pairing) -> Entry {
        Entry {
            mac: pairing.mac.to_string(),
            address: pairing.address.map(|address| address.to_string()),
            since: (pairing.since != Timestamp::ZERO).then(|| pairing.since.to_string()),
            last: pairing.last.to_string(),
        }
    }
}

impl Entry {
    fn pairing(&self) -> Result<Pairing, String> {
        let time = |text: &String| text.parse::<Timestamp>().map_err(|message| format!("{text:?} {message}"));
        let address = |text: &String| text.parse::<Addr>().map_err(|error| format!("{text:?}: {error}"));
        Ok(Pairing {
            mac: self.mac.parse::<Mac>().map_err(|error| format!("{:?}: {error}", self.mac))?,
            address: self.address.as_ref().map(address).transpose()?,
            since: self.since.as_ref().map(time).transpose()?.unwrap_or_default(),
            last: time(&self.last)?,
        })
    }
}

/// The content of a file of pairings.
pub fn pairings_to_bytes(known: &[KnownPairings]) -> Vec<u8> {
    let segment = |known: &KnownPairings| Segment {
        interface: known.interface.clone(),
        vlan: known.vlan,
        observed_seconds: known.observed_seconds,
        pairings: known.pairings.iter().map(Entry::from).collect(),
    };
    let content = Content { version: VERSION, segments: known.iter().map(segment).collect() };
    // Strings and numbers only, which cannot fail.
    let mut bytes = serde_json::to_vec(&content).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn parse(name: &str, bytes: &[u8]) -> Result<Vec<KnownPairings>, StateError> {
    let wrong = |message: String| StateError::Content(format!("{name}: {message}"));
    // The version comes first: the rest of another one may differ.
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    if version != VERSION {
        return Err(wrong(format!("format version {version}; this program reads version {VERSION}")));
    }
    let content: Content = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    let count: usize = content.segments.iter().map(|segment| segment.pairings.len()).sum();
    if count > MOST_PAIRINGS {
        return Err(wrong(format!("{count} pairings, at most {MOST_PAIRINGS}")));
    }
    let known = |segment: Segment| {
        let pairings: Result<Vec<Pairing>, String> = segment.pairings.iter().map(Entry::pairing).collect();
        Ok(KnownPairings {
            interface: segment.interface,
            vlan: segment.vlan,
            observed_seconds: segment.observed_seconds,
            pairings: pairings.map_err(wrong)?,
        })
    };
    content.segments.into_iter().map(known).collect()
}

impl StateDir {
    /// The pairings that the daemon saved.
    pub fn pairings(&self) -> Result<Vec<KnownPairings>, StateError> {
        self.read(PAIRINGS)?.map_or(Ok(Vec::new()), |bytes| parse(PAIRINGS, &bytes))
    }

    /// The imported pairings.
    pub fn imported_pairings(&self) -> Result<Vec<KnownPairings>, StateError> {
        self.read(IMPORTED)?.map_or(Ok(Vec::new()), |bytes| parse(IMPORTED, &bytes))
    }

    /// Modification time and size of the file of imported pairings; `None` if it does not exist.
    pub fn imported_stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata(self.file(IMPORTED)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Adds imported pairings to those before, under an exclusive lock.
    pub fn import_pairings(&self, new: Vec<KnownPairings>) -> Result<(), StateError> {
        // Never created or truncated through a link.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW);
        let lock = options.open(self.file(LOCK))?;
        lock.lock()?;
        let all = merged(self.imported_pairings()?.into_iter().chain(new));
        let count: usize = all.iter().map(|known| known.pairings.len()).sum();
        if count > MOST_PAIRINGS {
            return Err(StateError::Content(format!(
                "{count} pairings with those imported before, at most {MOST_PAIRINGS}"
            )));
        }
        self.write(IMPORTED, &pairings_to_bytes(&all))?;
        Ok(())
    }
}

/// Of one broadcast domain.
type ByAddress = BTreeMap<(Option<Addr>, Mac), Pairing>;

/// Each broadcast domain once, and in it each station with each of its addresses once.
fn merged(all: impl Iterator<Item = KnownPairings>) -> Vec<KnownPairings> {
    let mut domains: BTreeMap<(String, u16), ByAddress> = BTreeMap::new();
    for known in all {
        let pairings = domains.entry((known.interface, known.vlan)).or_default();
        for pairing in known.pairings {
            let same = pairings.entry((pairing.address, pairing.mac)).or_insert(pairing);
            (same.since, same.last) = (same.since.min(pairing.since), same.last.max(pairing.last));
        }
    }
    let known = domains.into_iter().map(|((interface, vlan), pairings)| {
        let pairings = pairings.into_values().collect();
        KnownPairings { interface, vlan, observed_seconds: None, pairings }
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::directory;
    use proptest::prelude::*;

    fn known(interface: &str, numbers: std::ops::Range<u8>) -> KnownPairings {
        let pairing = |number: u8| Pairing {
            mac: Mac([2, 0, 0, 0, 0, number]),
            address: (number != 3).then(|| Addr::from_v4_bits(0x0a00_0000 | u32::from(number))),
            since: Timestamp::from_parts(u64::from(number % 2) * 1_767_225_600, 0),
            last: Timestamp::from_parts(1_767_225_700, 0),
        };
        let pairings = numbers.map(pairing).collect();
        KnownPairings { interface: interface.to_owned(), vlan: 7, observed_seconds: None, pairings }
    }

    #[test]
    fn pairings_round_trip() {
        let path = directory("pairings");
        let state = StateDir::open(&path).unwrap();
        assert_eq!(state.pairings().unwrap(), []);
        let saved = [KnownPairings { observed_seconds: Some(300), ..known("eth0", 0..5) }, known("eth1", 0..0)];
        state.write(PAIRINGS, &pairings_to_bytes(&saved)).unwrap();
        assert_eq!(state.pairings().unwrap(), saved);
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn imports_add_to_each_other() {
        let path = directory("imported");
        let state = StateDir::open(&path).unwrap();
        assert!(state.imported_stamp().is_none());
        for new in [known("eth0", 0..3), known("eth1", 0..1), known("eth0", 2..5)] {
            state.import_pairings(vec![new]).unwrap();
        }
        let imported = state.imported_pairings().unwrap();
        let counts: Vec<(&str, usize)> =
            imported.iter().map(|known| (known.interface.as_str(), known.pairings.len())).collect();
        assert_eq!(counts, [("eth0", 5), ("eth1", 1)]);
        assert!(state.imported_stamp().is_some());
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn files_of_other_versions_are_named_as_such() {
        let error = parse(PAIRINGS, b"{\"version\":2,\"hosts\":[]}").unwrap_err().to_string();
        assert_eq!(error, "pairings.json: format version 2; this program reads version 1");
        for wrong in [&b""[..], b"[]", b"{}", b"{\"version\":1}", b"{\"version\":1,\"segments\":[],\"x\":0}"] {
            assert!(parse(PAIRINGS, wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_pairings_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(PAIRINGS, &bytes);
        }
    }
}
