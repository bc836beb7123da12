//! Files of the state directory, as a failing disk or an attacker leaves them: each is read, or there is an error. What was
//! read is written as something that reads the same again.
//!
//! Input: the kind of file, the file. Of the database, changes of a valid one. Of evidence, whether its sums are made to fit,
//! and its files, each with its length before it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pegel::base::Timestamp;
use pegel::detect::{Baseline, default_limits};
use pegel::report::{Scope, period_material};
use pegel::store::evidence::{Chain, PseudonymKey, Redaction, check, export};
use pegel::store::{Database, Filter, KnownPairings, Reader, StateDir, StoreError, pairings_to_bytes};
use pegel_fuzz::{Rest, clear, database_file, scratch};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

static STATE: LazyLock<StateDir> = LazyLock::new(|| StateDir::open(&scratch("state")).expect("a directory"));
static EVIDENCE: LazyLock<PathBuf> = LazyLock::new(|| scratch("store-evidence"));
/// A valid database.
static VALID: LazyLock<Vec<u8>> = LazyLock::new(|| database_file(&scratch("store-valid")));

const NOW: Timestamp = Timestamp::from_parts(1_767_225_600, 0);
const ID: &str = "20260101T000000Z-00000000";

fn put(name: &str, content: &[u8]) {
    fs::write(STATE.path().join(name), content).expect("written");
}

fn baseline(content: &[u8]) {
    let read = |bytes: &[u8]| Baseline::from_bytes(bytes, 100, default_limits());
    let _ = read(content);
    // The same with a checksum that fits, or the content would never be read.
    let summed = [content, &crc32fast::hash(content).to_le_bytes()].concat();
    let Ok(mut baseline) = read(&summed) else { return };
    let bytes = baseline.to_bytes(NOW);
    let again = read(&bytes).expect("what was written");
    assert_eq!((again.len(), again.to_bytes(NOW)), (baseline.len(), bytes));
    baseline.age(NOW);
    baseline.age(Timestamp::from_nanos(u64::MAX));
    read(&baseline.to_bytes(NOW)).expect("what was written after it aged");
}

fn pairings(content: &[u8]) {
    put("pairings.json", content);
    put("pairings-imported.json", content);
    let Ok(known) = STATE.pairings() else {
        assert!(STATE.imported_pairings().is_err());
        return;
    };
    put("pairings.json", &pairings_to_bytes(&known));
    let second = |known: Vec<KnownPairings>| -> Vec<KnownPairings> {
        // Times are written in milliseconds.
        let cut = |time: Timestamp| Timestamp::from_nanos(time.nanos() / 1_000_000 * 1_000_000);
        let cut = |mut known: KnownPairings| {
            for pairing in &mut known.pairings {
                (pairing.since, pairing.last) = (cut(pairing.since), cut(pairing.last));
            }
            known
        };
        known.into_iter().map(cut).collect()
    };
    assert_eq!(second(STATE.pairings().expect("what was written")), second(known.clone()));
    STATE.import_pairings(known).expect("what was read");
    STATE.imported_pairings().expect("what was imported");
}

fn maintenance(content: &[u8]) {
    put("maintenance.json", content);
    let Ok(windows) = STATE.maintenance() else { return };
    let kept = STATE.edit_maintenance(|windows| windows.len()).expect("edited");
    assert_eq!(kept, windows.len());
    assert_eq!(STATE.maintenance().expect("what was written").len(), windows.len());
}

fn minute(content: &[u8]) {
    put("minute.json", content);
    let Ok(Some((run, minutes))) = STATE.running_minute() else { return };
    STATE.write_running_minute(run, &minutes).expect("written");
    let again = STATE.running_minute().expect("what was written").expect("there");
    assert_eq!(again, (run, minutes));
}

/// Everything that is read of a database.
fn read_all(reader: &Reader) -> Result<(), StoreError> {
    let _ = (reader.check(), reader.counts(), reader.last_written());
    let (from, to) = (NOW, NOW.plus_seconds(3600.0));
    let _ = (reader.notes(from, to), reader.brief_incidents(from, 10));
    let _ = period_material(reader, from, to, &Scope::All);
    for incident in reader.all_incidents(&Filter { drills: true, ..Filter::default() })? {
        let _ = (reader.summary(&incident.id), reader.incident(&incident.id), reader.packets(&incident.id));
    }
    Ok(())
}

/// Offset (3 octets), length (1), octets.
fn database(mut changes: Rest<'_>) {
    let mut file = VALID.clone();
    while !changes.0.is_empty() {
        let at = u32::from_le_bytes([changes.octet(), changes.octet(), changes.octet(), 0]) as usize % file.len();
        let count = usize::from(changes.octet());
        for (octet, new) in file[at..].iter_mut().zip(changes.take(count)) {
            *octet = *new;
        }
    }
    put("store.sqlite", &file);
    if let Ok(reader) = Reader::open(STATE.path()) {
        let _ = read_all(&reader);
    }
    if let Ok(mut database) = Database::open(STATE.path(), 2) {
        let _ = (database.interrupted(), database.last_closed(10), database.last_minute(), database.unsealed());
        let _ = database.forget("203.0.113.7".parse().expect("an address"));
    }
    for rest in ["store.sqlite-wal", "store.sqlite-shm"] {
        let _ = fs::remove_file(STATE.path().join(rest));
    }
}

fn evidence(mut rest: Rest<'_>) {
    let (fits, is_chained) = (rest.octet(), rest.octet());
    clear(&EVIDENCE);
    let (root, copies) = (EVIDENCE.join("root"), EVIDENCE.join("copies"));
    let folder = root.join(ID);
    fs::create_dir_all(&folder).expect("a directory");
    let mut sums = String::new();
    for name in ["incident.json", "manifest.json", "packets.pcapng", "previous.sha256", "rates.csv", "summary.txt"] {
        let content = rest.part();
        fs::write(folder.join(name), content).expect("written");
        let digest: String = Sha256::digest(content).iter().map(|octet| format!("{octet:02x}")).collect();
        sums += &format!("{digest}  {name}\n");
    }
    let own = rest.part();
    let sums = if fits & 1 != 0 { sums.as_bytes() } else { own };
    fs::write(folder.join("SHA256SUMS"), sums).expect("written");
    if is_chained & 1 != 0 {
        fs::write(root.join("CHAIN"), rest.part()).expect("written");
    }
    if is_chained & 2 != 0 {
        fs::write(folder.join("SHA256SUMS.sig"), rest.part()).expect("written");
        fs::write(folder.join("public.pem"), rest.part()).expect("written");
    }
    for path in [&root, &folder] {
        let Ok(report) = check(path, None) else { continue };
        let states = report.states.iter().chain(report.incidents.iter().flat_map(|one| &one.states));
        for state in states {
            assert!(!state.to_string().contains(char::is_control), "{state:?}");
        }
    }
    let key = PseudonymKey::parse("0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301");
    let redaction = Redaction { key, networks: Vec::new() };
    if let Ok(copy) = export(&root, ID, &copies, Some(&redaction), None) {
        let report = check(&copy.path, None).expect("evidence");
        assert!(report.is_intact(), "{report:?}");
    }
    if let Ok(mut chain) = Chain::open(&root, None) {
        let _ = (chain.retire_oldest(), chain.forget(ID));
    }
}

fuzz_target!(|input: &[u8]| {
    let mut rest = Rest(input);
    match rest.octet() % 6 {
        0 => baseline(rest.0),
        1 => pairings(rest.0),
        2 => maintenance(rest.0),
        3 => minute(rest.0),
        4 => database(rest),
        _ => evidence(rest),
    }
});
