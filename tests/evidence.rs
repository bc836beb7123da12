//! Evidence of generated floods: what was altered is found by `pegel verify` and by the public commands of the book, other tools
//! read the packets, and redacted copies show no inside address.

mod tools;

use pegel::base::{Addr, Mac, Timestamp};
use pegel::capture::{Frame, FrameDirection, LinkType};
use pegel::config::Config;
use pegel::incident::Incident;
use pegel::incident::model::Name;
use pegel::meter::Count;
use pegel::packet::{Class, Decoder};
use pegel::runtime::replay;
use pegel::store::evidence::{Chain, EvidenceInput, PublicKey, SigningKey, State, check, seal};
use pegel::store::{IncidentSecond, KeptPacket, StoredIncident};
use pegel::traffic::{DEFAULT_START, Part, Scenario, TrafficModel};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tools::{Scratch, tool};

/// The key of RFC 8410 §10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const PSEUDONYMS: &str = "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301";
const TARGET: &str = "203.0.113.7";
const SAMPLING: &str = "at most 32 packets per target and tick";

/// An incident and its packets.
struct Case {
    stored: StoredIncident,
    packets: Vec<KeptPacket>,
    interfaces: Vec<String>,
}

impl Case {
    /// A SYN flood in background, `number` thousand seconds after the default start; one of `keep` packets is kept.
    fn new(number: u32, keep: usize) -> Case {
        Case::of(TrafficModel::SynFlood, Class::TcpSyn, number, keep)
    }

    fn of(model: TrafficModel, class: Class, number: u32, keep: usize) -> Case {
        let mut flood = Part::new(model, 2.0, 4.0);
        flood.params.rate = Some(1500.0);
        let mut server = Part::new(TrafficModel::WebServer, 0.0, 6.0);
        (server.params.rate, server.params.target) = (Some(20.0), Some("203.0.113.7/32".parse().unwrap()));
        let mut scenario = Scenario::new(u64::from(number) + 1, vec![flood, server]);
        scenario.start = DEFAULT_START.plus_seconds(f64::from(number) * 1000.0);
        let config = Config::for_networks(vec!["203.0.113.0/24".parse().unwrap()]);
        let found = replay::incidents(&config, &mut scenario.source()).expect("no errors");
        let mut incident = found.into_iter().find(|one| one.target.label() == TARGET).expect("an incident");
        incident.target.interface = Some("vmbr0".to_owned());
        let mitigations = incident.mitigations().iter().map(|one| serde_json::to_value(one).unwrap()).collect();
        let (mut packets, mut seconds) = (Vec::new(), Vec::<IncidentSecond>::new());
        let mut source = scenario.source();
        let mut seen = 0;
        while let Some(frame) = source.next_frame() {
            count(&mut seconds, &frame, &incident, class);
            seen += 1;
            if seen % keep == 0 {
                packets.push(kept(&frame, class));
            }
        }
        let stored = StoredIncident { incident, mitigations, changes: Vec::new(), seconds, gaps: Vec::new() };
        Case { stored, packets, interfaces: vec!["vmbr0".to_owned()] }
    }

    fn input(&self) -> EvidenceInput<'_> {
        let (incident, packets, interfaces) = (&self.stored, &self.packets, &self.interfaces);
        EvidenceInput { incident, packets, interfaces, snaplen: 256, sampling: SAMPLING }
    }

    fn id(&self) -> &str {
        &self.stored.incident.id
    }
}

fn is_attack(frame: &Frame<'_>, class: Class) -> bool {
    let packet = Decoder::default().decode(frame);
    packet.destination == addr(TARGET) && packet.class == class
}

fn kept(frame: &Frame<'_>, class: Class) -> KeptPacket {
    KeptPacket {
        time: frame.time,
        interface: 0,
        link: frame.link,
        direction: if is_attack(frame, class) { FrameDirection::Ingress } else { frame.direction },
        wire_len: frame.wire_len,
        class: Decoder::default().decode(frame).class,
        is_attack: is_attack(frame, class),
        data: frame.data.get(..256).unwrap_or(frame.data).into(),
    }
}

fn count(seconds: &mut Vec<IncidentSecond>, frame: &Frame<'_>, incident: &Incident, class: Class) {
    let packet = Decoder::default().decode(frame);
    if packet.destination != addr(TARGET) {
        return;
    }
    let at = Timestamp::from_parts(frame.time.nanos() / 1_000_000_000, 0);
    if seconds.last().is_none_or(|last| last.at != at) {
        let vectors = vec![(incident.vector, Count::default())];
        seconds.push(IncidentSecond { at, length: 1, vectors, target: Some(Count::default()) });
    }
    let last = seconds.last_mut().unwrap();
    last.target.as_mut().unwrap().add(1, frame.wire_len);
    if packet.class == class {
        last.vectors[0].1.add(1, frame.wire_len);
    }
}

fn addr(text: &str) -> Addr {
    text.parse().unwrap()
}

fn key(is_signed: bool) -> Option<SigningKey> {
    is_signed.then(|| SigningKey::from_pem(KEY).unwrap())
}

/// A folder with incidents.
fn folder(root: &Path, cases: &[Case], is_signed: bool) {
    let mut chain = Chain::open(root, key(is_signed)).unwrap();
    for case in cases {
        chain.seal(&case.input()).unwrap();
    }
    assert!(chain.problems().is_empty());
}

fn cases(keep: usize) -> Vec<Case> {
    (0..4).map(|number| Case::new(number, keep)).collect()
}

fn pegel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pegel")).args(arguments).env("PEGEL_CONFIG", "/dev/null").output().unwrap()
}

fn verify(path: &Path) -> (bool, String) {
    let output = pegel(&["verify", path.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// A change of a folder, and its name.
type Change<'a> = (&'a str, Box<dyn Fn(&Path) + 'a>);

/// The script of the book.
struct Script {
    _scratch: Scratch,
    path: PathBuf,
}

impl Script {
    fn new(name: &str) -> Script {
        let page =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/guide/evidence.md")).unwrap();
        let script = page.split("```sh\n").find(|block| block.starts_with("#!/bin/sh")).expect("a script");
        let scratch = Scratch::new(name);
        let path = scratch.file("verify.sh", script.split("```").next().unwrap());
        Script { _scratch: scratch, path }
    }

    fn run(&self, folder: &Path) -> (bool, String) {
        let output = Command::new("sh").arg(&self.path).arg(folder).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }
}

/// A copy of a folder.
fn copied(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target)
        } else {
            drop(fs::copy(entry.path(), target))
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn intact_evidence_is_verified_by_pegel_and_by_public_tools() {
    let (scratch, script) = (Scratch::new("intact"), Script::new("intact-script"));
    let cases = cases(10);
    for is_signed in [false, true] {
        let root = scratch.path(if is_signed { "signed" } else { "unsigned" });
        folder(&root, &cases, is_signed);
        let (ok, text) = verify(&root);
        assert!(ok && text.contains("intact: 4 of 4 incidents ok"), "{text}");
        assert_eq!(text.contains("what is unsigned may have been rewritten"), !is_signed, "{text}");
        assert_eq!(text.contains("compare its fingerprint"), is_signed, "{text}");
        let (ok, text) = script.run(&root);
        assert!(ok && text == "intact\n", "{text}");
        let one = root.join(cases[1].id());
        let (ok, text) = verify(&one);
        assert!(ok && text.contains("intact: 1 of 1 incident ok") && text.contains("one directory alone"), "{text}");
        let public = scratch.file("other.pem", &SigningKey::from_pem(KEY).unwrap().public().pem());
        let given = pegel(&["verify", root.to_str().unwrap(), "--public-key", public.to_str().unwrap()]);
        assert_eq!(given.status.success(), is_signed, "{}", String::from_utf8_lossy(&given.stdout));
    }
    // With a different key.
    let openssl = ["genpkey", "-algorithm", "ed25519", "-out", "private.pem"];
    assert!(Command::new("openssl").args(openssl).current_dir(&scratch.0).status().unwrap().success());
    let own = SigningKey::read(&scratch.path("private.pem")).unwrap();
    let wrong = own.public();
    let report = check(&scratch.path("signed"), Some(&wrong)).unwrap();
    assert!(report.incidents.iter().all(|one| matches!(one.states[..], [State::BadSignature(..)])), "{report:?}");
    // A key that OpenSSL made is one that OpenSSL verifies.
    let mut chain = Chain::open(&scratch.path("own"), Some(own)).unwrap();
    chain.seal(&cases[0].input()).unwrap();
    assert_eq!(script.run(&scratch.path("own")), (true, "intact\n".to_owned()));
    assert!(check(&scratch.path("own"), Some(&wrong)).unwrap().is_intact());
    assert!(PublicKey::read(&scratch.path("own/public.pem")).unwrap() == wrong);
    let fingerprint = "openssl pkey -pubin -in own/public.pem -outform DER | sha256sum";
    let printed = Command::new("sh").args(["-c", fingerprint]).current_dir(&scratch.0).output().unwrap();
    assert!(String::from_utf8_lossy(&printed.stdout).starts_with(&wrong.fingerprint()));
}

/// Replaces files one after another; asserts that both find each change.
fn each_change_is_found(root: &Path, script: &Script, files: &[PathBuf], step: usize, script_each: usize) -> usize {
    let mut changes = 0;
    for file in files {
        let original = fs::read(file).unwrap();
        let flips = (0..original.len()).step_by(step).chain(original.len().checked_sub(1));
        let mut variants: Vec<(String, Vec<u8>)> = flips
            .map(|at| {
                let mut altered = original.clone();
                altered[at] ^= [1, 0x20, 0x80][at % 3];
                (format!("octet {at}"), altered)
            })
            .collect();
        let shorter = original.len().saturating_sub(1);
        if !original.is_empty() {
            variants.push(("shorter".to_owned(), original[..shorter].to_vec()));
            variants.push(("empty".to_owned(), Vec::new()));
        }
        variants.push(("longer".to_owned(), [&original[..], b"\n"].concat()));
        for (number, (what, altered)) in variants.iter().enumerate() {
            fs::write(file, altered).unwrap();
            let report = check(root, None).unwrap();
            assert!(!report.is_intact(), "{} {what} was not found by pegel", file.display());
            if number % script_each == 0 || number + 4 > variants.len() {
                let (ok, text) = script.run(root);
                assert!(!ok, "{} {what} was not found by public tools: {text}", file.display());
            }
            changes += 1;
        }
        fs::write(file, &original).unwrap();
    }
    let (ok, text) = verify(root);
    assert!(ok, "{text}");
    changes
}

#[test]
fn every_altered_octet_is_found() {
    let (scratch, script) = (Scratch::new("flip"), Script::new("flip-script"));
    let cases = cases(100);
    folder(&scratch.path("signed"), &cases, true);
    folder(&scratch.path("unsigned"), &cases, false);
    let signed = scratch.path("signed");
    let mut all = files(&signed);
    all.extend(files(&signed.join(cases[1].id())));
    assert_eq!(all.len(), 3 + 9);
    let changes = each_change_is_found(&signed, &script, &all, 97, 4);
    let unsigned = scratch.path("unsigned");
    let changes = changes + each_change_is_found(&unsigned, &script, &files(&unsigned.join(cases[3].id())), 97, 8);
    // In CHAIN without a signature, a change of case alone is no change for sha256sum.
    for at in (0..fs::read(unsigned.join("CHAIN")).unwrap().len()).step_by(7) {
        let mut altered = fs::read(unsigned.join("CHAIN")).unwrap();
        altered[at] ^= 0x20;
        copied(&unsigned, &scratch.path("copy"));
        fs::write(scratch.path("copy/CHAIN"), altered).unwrap();
        assert!(!check(&scratch.path("copy"), None).unwrap().is_intact(), "octet {at} of CHAIN");
    }
    println!("{changes} changes");
}

#[test]
fn removed_added_swapped_and_reordered_incidents_are_found() {
    let (scratch, script) = (Scratch::new("order"), Script::new("order-script"));
    let cases = cases(100);
    let ids: Vec<String> = cases.iter().map(|case| case.id().to_owned()).collect();
    let path = scratch.path("copy");
    let chain_lines = |path: &Path| -> Vec<String> {
        fs::read_to_string(path.join("CHAIN")).unwrap().lines().map(str::to_owned).collect()
    };
    let write = |path: &Path, lines: &[String]| fs::write(path.join("CHAIN"), lines.join("\n") + "\n").unwrap();
    type Found<'a> = (&'a str, &'a str, Box<dyn Fn(&Path) + 'a>);
    let removed = |index: usize| {
        let id = ids[index].clone();
        Box::new(move |path: &Path| fs::remove_dir_all(path.join(&id)).unwrap()) as Box<dyn Fn(&Path)>
    };
    let forgotten = |index: usize| {
        let id = ids[index].clone();
        Box::new(move |path: &Path| {
            fs::remove_dir_all(path.join(&id)).unwrap();
            let mut lines = chain_lines(path);
            lines.remove(index);
            write(path, &lines);
        }) as Box<dyn Fn(&Path)>
    };
    let mut changes: Vec<Found<'_>> = vec![
        ("removed oldest", "removed incident", removed(0)),
        ("removed middle", "removed incident", removed(1)),
        ("removed newest", "removed incident", removed(3)),
        ("removed oldest with its line", "removed incident", forgotten(0)),
        ("removed middle with its line", "removed incident", forgotten(2)),
        (
            "reordered",
            "order changed",
            Box::new(|path| {
                let mut lines = chain_lines(path);
                lines.swap(1, 2);
                write(path, &lines);
            }),
        ),
        (
            "swapped",
            "altered",
            Box::new(|path| {
                fs::rename(path.join(&ids[1]), path.join("x")).unwrap();
                fs::rename(path.join(&ids[2]), path.join(&ids[1])).unwrap();
                fs::rename(path.join("x"), path.join(&ids[2])).unwrap();
            }),
        ),
        (
            "swapped with their sums",
            "order changed",
            Box::new(|path| {
                fs::rename(path.join(&ids[1]), path.join("x")).unwrap();
                fs::rename(path.join(&ids[2]), path.join(&ids[1])).unwrap();
                fs::rename(path.join("x"), path.join(&ids[2])).unwrap();
                let mut lines = chain_lines(path);
                let sums: Vec<String> = lines.iter().map(|line| line[..64].to_owned()).collect();
                lines[1].replace_range(..64, &sums[2]);
                lines[2].replace_range(..64, &sums[1]);
                write(path, &lines);
            }),
        ),
        ("added file", "additional", Box::new(|path| fs::write(path.join(&ids[1]).join("note.txt"), "x").unwrap())),
        ("added hidden file", "additional", Box::new(|path| fs::write(path.join(&ids[1]).join(".x"), "x").unwrap())),
        ("added to the folder", "additional", Box::new(|path| fs::write(path.join("note.txt"), "x").unwrap())),
        (
            "added copy",
            "additional",
            Box::new(|path| copied(&path.join(&ids[1]), &path.join("20270101T000000Z-00000000"))),
        ),
        (
            "listed twice",
            "twice",
            Box::new(|path| {
                let mut lines = chain_lines(path);
                lines.push(lines[1].clone());
                write(path, &lines);
            }),
        ),
        (
            "added link",
            "symbolic link",
            Box::new(|path| {
                let file = path.join(&ids[1]).join("rates.csv");
                fs::rename(&file, path.parent().unwrap().join("outside.csv")).unwrap();
                symlink(path.parent().unwrap().join("outside.csv"), file).unwrap();
            }),
        ),
        ("no CHAIN", "CHAIN", Box::new(|path| fs::remove_file(path.join("CHAIN")).unwrap())),
    ];
    for name in [
        "incident.json",
        "rates.csv",
        "summary.txt",
        "packets.pcapng",
        "manifest.json",
        "previous.sha256",
        "SHA256SUMS",
    ] {
        let id = ids[2].clone();
        changes.push((name, "missing", Box::new(move |path| fs::remove_file(path.join(&id).join(name)).unwrap())));
    }
    for is_signed in [false, true] {
        let root = scratch.path(if is_signed { "signed" } else { "unsigned" });
        folder(&root, &cases, is_signed);
        for (name, expected, change) in &changes {
            copied(&root, &path);
            change(&path);
            let (ok, text) = verify(&path);
            assert!(
                !ok && text.contains(expected) && text.contains("NOT INTACT"),
                "{name}, signed {is_signed}: {text}"
            );
            // sha256sum follows links: the content is the same.
            if *name != "added link" {
                let (ok, text) = script.run(&path);
                assert!(!ok, "{name}, signed {is_signed}: {text}");
            }
        }
    }
    // Without a signature, the newest with its line cannot be missed; with one it is.
    let root = scratch.path("signed");
    copied(&root, &path);
    forgotten(3)(&path);
    assert!(verify(&path).1.contains("bad signature CHAIN.sig") && !script.run(&path).0);
    for file in [format!("{}/SHA256SUMS.sig", ids[1]), format!("{}/public.pem", ids[1]), "CHAIN.sig".to_owned()] {
        copied(&root, &path);
        fs::remove_file(path.join(&file)).unwrap();
        let (ok, text) = verify(&path);
        assert!(!ok && text.contains("missing"), "{file}: {text}");
        assert!(!script.run(&path).0, "{file}");
    }
    // A new start reports it and does not sign it again.
    copied(&root, &path);
    forgotten(1)(&path);
    let mut chain = Chain::open(&path, key(true)).unwrap();
    assert!(chain.problems().iter().any(|problem| problem.contains("CHAIN was altered")), "{:?}", chain.problems());
    chain.seal(&Case::new(9, 100).input()).unwrap();
    assert!(verify(&path).1.contains("bad signature CHAIN.sig"));
    copied(&root, &path);
    fs::remove_file(path.join("CHAIN.sig")).unwrap();
    assert!(!Chain::open(&path, key(true)).unwrap().problems().is_empty());
}

#[test]
fn sealing_is_deterministic() {
    let scratch = Scratch::new("same");
    let mut case = Case::new(0, 1);
    while case.packets.len() < 4000 {
        case.packets.extend_from_within(..);
    }
    case.packets.truncate(4000);
    let (one, two) = (scratch.path("one"), scratch.path("two"));
    fs::create_dir_all(&two).unwrap();
    folder(&one, std::slice::from_ref(&case), true);
    case.packets.reverse();
    case.packets.sort_by_key(|packet| (packet.time, packet.data.clone()));
    seal(&two, &case.input(), None, key(true).as_ref()).unwrap();
    let three = scratch.path("three");
    folder(&three, std::slice::from_ref(&case), true);
    let own = files(&two.join(case.id()));
    assert_eq!(own.len(), 9);
    for file in own {
        assert!(fs::read(&file).unwrap() == fs::read(three.join(case.id()).join(file.file_name().unwrap())).unwrap());
    }
    let again = seal(&two, &case.input(), None, None).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    for wrong in ["", "../x", "a/b", ".x", "a b"] {
        let mut stored = case.stored.clone();
        stored.incident.id = wrong.to_owned();
        let input = EvidenceInput { incident: &stored, ..case.input() };
        assert!(seal(&two, &input, None, None).is_err(), "{wrong:?}");
    }
}

#[test]
fn shares_and_rates_are_those_of_the_flood() {
    let scratch = Scratch::new("shares");
    let case = Case::new(0, 3);
    folder(&scratch.0, std::slice::from_ref(&case), false);
    let directory = scratch.path(case.id());
    let manifest = json(&directory.join("manifest.json"));
    let onset = case.stored.incident.onset();
    let attack = case.packets.iter().filter(|packet| packet.is_attack).count();
    let before = case.packets.iter().filter(|packet| packet.time < onset).count();
    let packets = &manifest["packets"];
    assert_eq!(packets["total"], case.packets.len());
    assert_eq!(packets["attack"]["count"], attack);
    assert_eq!(packets["background"]["count"], case.packets.len() - attack);
    assert_eq!(packets["before"]["count"], before);
    assert!(before > 0 && packets["after"]["count"].as_u64() > Some(0) && attack > 500);
    let parts = ["before", "during", "after"].map(|part| packets[part]["count"].as_u64().unwrap());
    assert_eq!(parts.iter().sum::<u64>(), case.packets.len() as u64);
    let share = packets["attack"]["share"].as_f64().unwrap();
    assert!((share - attack as f64 / case.packets.len() as f64).abs() < 1e-5);
    assert_eq!(manifest["totals"]["packets"], case.stored.incident.totals.packets);
    assert_eq!(manifest["sampling"], SAMPLING);
    let table = fs::read_to_string(directory.join("rates.csv")).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows[0], "time,target_packets,target_bytes,syn_flood_packets,syn_flood_bytes,seconds");
    assert!(rows[1].starts_with("2026-01-01T00:00:00Z,"), "{table}");
    let sum = |column: usize| -> u64 {
        rows[1..].iter().map(|row| row.split(',').nth(column).unwrap().parse::<u64>().unwrap()).sum()
    };
    assert_eq!(sum(3), case.stored.seconds.iter().map(|second| second.vectors[0].1.packets).sum::<u64>());
    assert!(sum(1) > sum(3) && sum(3) >= 3000);
    let object = json(&directory.join("incident.json"));
    assert_eq!(object["id"], case.id());
    assert!(object["mitigations"].as_array().is_some_and(|list| !list.is_empty()));
    let summary = fs::read_to_string(directory.join("summary.txt")).unwrap();
    for part in [
        "syn_flood",
        TARGET,
        "What is not known",
        "probably spoofed",
        "packets.pcapng holds",
        "like those of the attack",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
}

#[test]
fn gaps_become_rows_up_to_an_hour() {
    let scratch = Scratch::new("gaps");
    let mut case = Case::new(0, 1000);
    let mut last = case.stored.seconds.last().unwrap().clone();
    case.stored.gaps = vec![(last.at.plus_seconds(2.0), 4.0)];
    for seconds in [10.0, 1e9] {
        last.at = last.at.plus_seconds(seconds);
        case.stored.seconds.push(last.clone());
    }
    let rows = case.stored.seconds.len() + 9;
    folder(&scratch.0, std::slice::from_ref(&case), false);
    let table = fs::read_to_string(scratch.path(case.id()).join("rates.csv")).unwrap();
    assert_eq!(table.lines().count(), rows + 1);
    assert!(table.contains(",0,0,0,0,1\n"));
    assert_eq!(table.matches("Z,,,,,1\n").count(), 4, "not zero where nothing was captured: {table}");
    assert_eq!(json(&scratch.path(case.id()).join("manifest.json"))["rates"]["not_captured"][0]["seconds"], 4.0);
    let summary = fs::read_to_string(scratch.path(case.id()).join("summary.txt")).unwrap();
    assert!(summary.contains("nothing was captured (4.0 s)"), "{summary}");
    assert_eq!(json(&scratch.path(case.id()).join("manifest.json"))["rates"]["gaps"], 1);
}

#[test]
fn hostile_texts_are_inert() {
    let scratch = Scratch::new("hostile");
    let mut case = Case::new(0, 100);
    let hostile = "=cmd|' /C calc'!A0\n\u{202e}txt\u{1b}[31m,\"../../etc\"<script>\u{200b}\r";
    let incident = &mut case.stored.incident;
    incident.target.guest = Some(hostile.to_owned());
    incident.target.interface = Some(hostile.to_owned());
    incident.names = vec![Name { name: hostile.to_owned(), kind: "tls_sni", share: 1.0, error: 0.0 }];
    incident.evidence[0].message = hostile.to_owned();
    incident.part_of = Some(hostile.to_owned());
    case.interfaces = vec![hostile.to_owned()];
    folder(&scratch.0, std::slice::from_ref(&case), true);
    for file in files(&scratch.path(case.id())) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&file).unwrap();
        if name == "packets.pcapng" || name.ends_with(".sig") {
            continue;
        }
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains(['\u{202e}', '\u{1b}', '\u{200b}', '\r']), "{name}");
        assert!(!text.lines().any(|line| line.starts_with(['=', '+', '@'])), "{name}");
    }
    let directory = scratch.path(case.id());
    assert!(!fs::read_to_string(directory.join("rates.csv")).unwrap().contains("cmd"));
    assert_eq!(json(&directory.join("incident.json"))["target"]["guest"], hostile, "JSON escapes, it does not change");
    let packets = fs::read(directory.join("packets.pcapng")).unwrap();
    assert!(!contains(&packets, "\u{202e}".as_bytes()) && !contains(&packets, b"\x1b[31m"));
    assert!(check(&scratch.0, None).unwrap().is_intact());
    // Names that others gave to files are safe to print, and are no paths.
    fs::write(directory.join("a\u{1b}[31m\u{202e}\nb"), "x").unwrap();
    let sums = directory.join("SHA256SUMS");
    let text = fs::read_to_string(&sums).unwrap();
    fs::write(&sums, format!("{}  ../../../../etc/passwd\n{text}", "0".repeat(64))).unwrap();
    let (ok, printed) = verify(&scratch.0);
    assert!(!ok && !printed.contains(['\u{1b}', '\u{202e}']) && !printed.contains("passwd"), "{printed}");
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

#[test]
fn huge_and_strange_files_do_no_harm() {
    let scratch = Scratch::new("huge");
    let cases = [Case::new(0, 100), Case::new(1, 100)];
    let root = scratch.path("folder");
    folder(&root, &cases, false);
    let directory = root.join(cases[0].id());
    for name in ["packets.pcapng", "SHA256SUMS", "manifest.json", "previous.sha256"] {
        let file = fs::OpenOptions::new().write(true).open(directory.join(name)).unwrap();
        file.set_len(1 << 42).unwrap();
    }
    let fifo = directory.join("incident.json");
    fs::remove_file(&fifo).unwrap();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::remove_dir_all(root.join(cases[1].id())).unwrap();
    symlink("/", root.join(cases[1].id())).unwrap();
    let (ok, text) = verify(&root);
    assert!(!ok && text.contains("more than Pegel writes") && text.contains("not a directory"), "{text}");
    let file = fs::OpenOptions::new().write(true).open(root.join("CHAIN")).unwrap();
    file.set_len(1 << 42).unwrap();
    assert!(!verify(&root).0 && Chain::open(&root, None).is_err());
    for (path, text) in [("/nonexistent", "No such file"), ("/proc/self/status", "not a directory")] {
        let (ok, printed) = verify(Path::new(path));
        assert!(!ok && printed.contains(text), "{printed}");
    }
    let empty = Scratch::new("huge-empty");
    assert!(verify(&empty.0).1.contains("holds no evidence"));
}

#[test]
fn an_interruption_at_any_step_leaves_a_verifiable_folder() {
    let (scratch, script) = (Scratch::new("crash"), Script::new("crash-script"));
    let cases = cases(100);
    for is_signed in [false, true] {
        let (before, after) = (scratch.path("before"), scratch.path("after"));
        let _ = (fs::remove_dir_all(&before), fs::remove_dir_all(&after));
        folder(&before, &cases[..3], is_signed);
        folder(&after, &cases, is_signed);
        let last = cases[3].id();
        let states: [Change<'_>; 5] = [
            (
                "half a directory",
                Box::new(|path| {
                    copied(&after.join(last), &path.join(format!(".new-{last}")));
                    fs::write(path.join(format!(".new-{last}/rates.csv")), "ti").unwrap();
                    fs::remove_file(path.join(format!(".new-{last}/SHA256SUMS"))).unwrap();
                }),
            ),
            ("renamed, CHAIN not written", Box::new(|path| copied(&after.join(last), &path.join(last)))),
            (
                "CHAIN half written",
                Box::new(|path| {
                    copied(&after.join(last), &path.join(last));
                    fs::write(path.join(".CHAIN.new"), "0123").unwrap();
                }),
            ),
            (
                "signature written beside",
                Box::new(|path| {
                    copied(&after.join(last), &path.join(last));
                    drop(fs::copy(after.join("CHAIN"), path.join(".CHAIN.new")));
                    drop(fs::copy(after.join("CHAIN.sig"), path.join(".CHAIN.sig.new")));
                }),
            ),
            (
                "signature replaced, CHAIN not",
                Box::new(|path| {
                    copied(&after.join(last), &path.join(last));
                    drop(fs::copy(after.join("CHAIN"), path.join(".CHAIN.new")));
                    drop(fs::copy(after.join("CHAIN.sig"), path.join("CHAIN.sig")));
                }),
            ),
        ];
        for (name, state) in states {
            let path = scratch.path("copy");
            copied(&before, &path);
            state(&path);
            let (ok, text) = verify(&path);
            assert!(ok, "{name}, signed {is_signed}: {text}");
            let mut chain = Chain::open(&path, key(is_signed)).unwrap();
            assert!(chain.problems().is_empty(), "{name}: {:?}", chain.problems());
            if name != "half a directory" {
                assert!(chain.contains(last), "{name}");
            } else {
                chain.seal(&cases[3].input()).unwrap();
            }
            assert_eq!(chain.ids().collect::<Vec<_>>(), cases.iter().map(Case::id).collect::<Vec<_>>());
            assert_eq!(script.run(&path), (true, "intact\n".to_owned()), "{name}");
            assert!(fs::read(path.join("CHAIN")).unwrap() == fs::read(after.join("CHAIN")).unwrap());
        }
        // A directory that does not continue the chain is reported, and stays.
        let path = scratch.path("copy");
        copied(&before, &path);
        copied(&before.join(cases[0].id()), &path.join("20270101T000000Z-00000000"));
        let chain = Chain::open(&path, key(is_signed)).unwrap();
        assert!(chain.problems().iter().any(|problem| problem.contains("20270101T000000Z-00000000")));
        assert!(path.join("20270101T000000Z-00000000").exists() && !verify(&path).0);
    }
}

#[test]
fn retention_keeps_the_chain_verifiable() {
    let (scratch, script) = (Scratch::new("retire"), Script::new("retire-script"));
    let cases = cases(100);
    for is_signed in [false, true] {
        let root = scratch.path(if is_signed { "signed" } else { "unsigned" });
        folder(&root, &cases, is_signed);
        let mut chain = Chain::open(&root, key(is_signed)).unwrap();
        assert!(chain.size(cases[0].id()).unwrap() > 1000);
        copied(&root.join(cases[1].id()), &scratch.path("second"));
        assert_eq!(chain.retire_oldest().unwrap().as_deref(), Some(cases[0].id()));
        assert_eq!(chain.retire_oldest().unwrap().as_deref(), Some(cases[1].id()));
        let (ok, text) = verify(&root);
        assert!(ok && text.contains("2 earlier incidents were removed by retention"), "{text}");
        assert_eq!(script.run(&root), (true, "intact\n".to_owned()));
        // Interrupted before the directory was removed.
        let rest = scratch.path("rest");
        copied(&root, &rest);
        copied(&scratch.path("second"), &rest.join(cases[1].id()));
        let (ok, text) = verify(&rest);
        assert!(ok && text.contains("is being removed by retention"), "{text}");
        let chain = Chain::open(&rest, key(is_signed)).unwrap();
        assert!(chain.problems().is_empty() && !rest.join(cases[1].id()).exists());
        // The oldest that is left was removed without retention.
        fs::remove_dir_all(root.join(cases[2].id())).unwrap();
        assert!(verify(&root).1.contains("removed incident"));
        // Everything is removed by retention.
        let mut chain = Chain::open(&root, key(is_signed)).unwrap();
        while chain.retire_oldest().unwrap().is_some() {}
        let (ok, text) = verify(&root);
        assert!(ok && text.contains("4 earlier incidents"), "{text}");
        chain.seal(&Case::new(7, 100).input()).unwrap();
        assert_eq!(script.run(&root), (true, "intact\n".to_owned()));
        assert!(verify(&root).0);
    }
}

#[test]
fn what_is_removed_on_request_leaves_its_place_in_the_chain() {
    let (scratch, script) = (Scratch::new("forget"), Script::new("forget-script"));
    let cases = cases(100);
    for is_signed in [false, true] {
        let root = scratch.path(if is_signed { "signed" } else { "unsigned" });
        folder(&root, &cases, is_signed);
        let mut chain = Chain::open(&root, key(is_signed)).unwrap();
        assert!(chain.forget(cases[1].id()).unwrap() && !chain.forget(cases[1].id()).unwrap());
        assert!(chain.forget(cases[3].id()).unwrap() && !chain.forget("20270101T000000Z-00000000").unwrap());
        chain.seal(&Case::new(7, 100).input()).unwrap();
        let mut chain = Chain::open(&root, key(is_signed)).unwrap();
        assert!(chain.problems().is_empty() && chain.contains(cases[1].id()), "{:?}", chain.problems());
        assert_eq!(chain.ids().count(), 3);
        let (ok, text) = verify(&root);
        assert!(ok && text.contains(&format!("incident {} was removed on request", cases[1].id())), "{text}");
        assert!(text.contains("intact: 3 of 3 incidents ok"), "{text}");
        assert_eq!(script.run(&root), (true, "intact\n".to_owned()));
        assert_eq!(chain.retire_oldest().unwrap().as_deref(), Some(cases[0].id()));
        assert_eq!(chain.retire_oldest().unwrap().as_deref(), Some(cases[2].id()));
        let (ok, text) = verify(&root);
        assert!(ok && text.contains("3 earlier incidents were removed by retention"), "{text}");
        assert_eq!(script.run(&root), (true, "intact\n".to_owned()));
    }
}

#[test]
fn a_start_reports_what_is_wrong_with_an_unsigned_chain() {
    let scratch = Scratch::new("start");
    let cases = cases(100);
    let (root, path) = (scratch.path("root"), scratch.path("copy"));
    folder(&root, &cases, false);
    let lines: Vec<String> = fs::read_to_string(root.join("CHAIN")).unwrap().lines().map(str::to_owned).collect();
    let without = |index: usize| {
        lines.iter().enumerate().filter(move |(at, _)| *at != index).map(|(_, line)| format!("{line}\n"))
    };
    for (chain, removed, expected) in [
        (without(1).collect::<String>(), Some(1), "removed incident"),
        (without(0).collect(), Some(0), "removed incident"),
        (lines.join("\n") + "\n", Some(2), "removed incident"),
        ([1, 0, 2, 3].map(|index| format!("{}\n", lines[index])).concat(), None, "order changed"),
        (format!("{}x\n", without(4).collect::<String>()), None, "line 5 of CHAIN was altered"),
    ] {
        copied(&root, &path);
        fs::write(path.join("CHAIN"), chain).unwrap();
        if let Some(index) = removed {
            fs::remove_dir_all(path.join(cases[index].id())).unwrap();
        }
        let mut chain = Chain::open(&path, None).unwrap();
        assert!(
            chain.problems().iter().any(|problem| problem.contains(expected)),
            "{expected}: {:?}",
            chain.problems()
        );
        chain.seal(&Case::new(7, 100).input()).unwrap();
        assert!(!verify(&path).0, "{expected}");
    }
}

#[test]
fn wireshark_reads_the_packets() {
    let (Some(capinfos), Some(tshark)) = (tool("capinfos"), tool("tshark")) else { return };
    let scratch = Scratch::new("tshark");
    let mut case = Case::new(0, 5);
    case.stored.incident.coverage.kernel_dropped = 4711;
    case.interfaces = vec!["vmbr0".to_owned(), "eno1".to_owned()];
    let others: Vec<KeptPacket> = case.packets.iter().step_by(3).cloned().collect();
    case.packets.extend(others.into_iter().map(|packet| KeptPacket { interface: 1, ..packet }));
    let raw = case.packets[5].clone();
    let data = raw.data[14..].into();
    case.packets.push(KeptPacket { interface: 1, link: LinkType::RawIp, data, ..raw });
    folder(&scratch.0, std::slice::from_ref(&case), true);
    let file = scratch.path(case.id()).join("packets.pcapng");
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).arg(&file).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr)
            .replace("Running as user \"root\" and group \"root\". This could be dangerous.\n", "");
        assert!(output.status.success() && errors.trim().is_empty(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let info = run(&capinfos, &["-M"]);
    for part in [
        "pcapng",
        "nanoseconds",
        "Name = vmbr0",
        "Name = eno1",
        "Number of packets:",
        "Capture comment:     incident 2026",
        "pegel 0.",
    ] {
        assert!(info.contains(part), "{part}: {info}");
    }
    let blocks = run(&tshark, &["-X", "read_format:MIME Files Format", "-V", "-r"]);
    assert!(blocks.contains("Number of Dropped Packets by OS: 4711"), "interface statistics");
    let fields =
        ["-T", "fields", "-e", "frame.interface_name", "-e", "frame.len", "-e", "frame.cap_len", "-e", "frame.comment"];
    let fields =
        [&fields[..], &["-e", "frame.time_epoch", "-e", "frame.packet_flags_direction", "-e", "_ws.malformed", "-r"]]
            .concat();
    let listed = run(&tshark, &fields);
    let manifest = json(&scratch.path(case.id()).join("manifest.json"));
    assert_eq!(listed.lines().count() as u64, manifest["packets"]["total"].as_u64().unwrap());
    let comment = format!("incident {}, counted for syn_flood", case.id());
    let comments = listed.lines().filter(|line| line.contains(&comment)).count();
    assert_eq!(comments as u64, manifest["packets"]["attack"]["count"].as_u64().unwrap());
    let mut packets: Vec<&KeptPacket> = case.packets.iter().collect();
    packets.sort_by_key(|packet| packet.time);
    for (line, packet) in listed.lines().zip(packets) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells[0], case.interfaces[usize::from(packet.interface)]);
        assert_eq!(cells[1], packet.wire_len.to_string());
        assert_eq!(cells[2], packet.data.len().to_string());
        let nanos = packet.time.nanos();
        assert_eq!(cells[4], format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000));
        assert_eq!(cells[5].is_empty(), packet.direction == FrameDirection::Unknown, "{line}");
    }
    let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
    assert!(text.contains("4711 packets dropped by the kernel"));
}

/// Every form of an inside address or station that a reader could find.
fn forms(address: &str, macs: &[Mac]) -> Vec<Vec<u8>> {
    let octets = address.parse::<std::net::Ipv4Addr>().unwrap().octets();
    let number = u32::from_be_bytes(octets);
    let [a, b, c, d] = octets;
    let mut forms: Vec<Vec<u8>> = vec![octets.to_vec(), number.to_le_bytes().to_vec()];
    let texts = [
        address.to_owned(),
        number.to_string(),
        format!("{number:08x}"),
        format!("{number:08X}"),
        format!("{d}.{c}.{b}.{a}"),
        format!("{a}-{b}-{c}-{d}"),
        format!("{a}_{b}_{c}_{d}"),
        format!("{a}.{b}.{c}."),
        "shop.example".to_owned(),
        "secretguest".to_owned(),
        "vmbr0".to_owned(),
    ];
    forms.extend(texts.map(String::into_bytes));
    for Mac(mac) in macs {
        forms.push(mac.to_vec());
        forms.push(Mac(*mac).to_string().into_bytes());
        forms.push(Mac(*mac).to_string().replace(':', "").into_bytes());
    }
    forms
}

#[test]
fn redacted_copies_show_no_inside_address() {
    let scratch = Scratch::new("redact");
    let flood = |model, class, number| Case::of(model, class, number, 5);
    for (number, mut case) in [
        (0, flood(TrafficModel::SynFlood, Class::TcpSyn, 0)),
        (1, flood(TrafficModel::UdpFlood, Class::Udp, 1)),
        (2, flood(TrafficModel::IcmpErrors, Class::IcmpError, 2)),
        (3, flood(TrafficModel::DnsQueryFlood, Class::Udp, 3)),
    ] {
        let incident = &mut case.stored.incident;
        incident.target.guest = Some("secretguest".to_owned());
        incident.names = vec![Name { name: "shop.example".to_owned(), kind: "tls_sni", share: 1.0, error: 0.0 }];
        incident.evidence[0].message += " to shop.example of secretguest";
        incident.part_of = Some("203.0.113.0/24".to_owned());
        let root = scratch.path(&format!("state{number}/evidence"));
        folder(&root, std::slice::from_ref(&case), true);
        let key = scratch.file("pseudonyms.key", PSEUDONYMS);
        let signing = scratch.file("signing.pem", KEY);
        let output = scratch.path(&format!("out{number}"));
        let arguments = ["evidence", case.id(), "--output", output.to_str().unwrap(), "--from", root.to_str().unwrap()];
        let redact = [
            "--pseudonymise",
            key.to_str().unwrap(),
            "--signing-key",
            signing.to_str().unwrap(),
            "--network",
            "203.0.113.0/24",
        ];
        let run = pegel(&[&arguments[..], &redact[..]].concat());
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let copy = PathBuf::from(String::from_utf8(run.stdout).unwrap().trim());
        assert!(copy.starts_with(&output) && !copy.ends_with(case.id()));
        let (ok, text) = verify(&copy);
        assert!(ok && text.contains("redacted copy"), "{text}");
        let macs: Vec<Mac> = case
            .packets
            .iter()
            .flat_map(|packet| {
                let mac = |at: usize| Mac(packet.data[at..at + 6].try_into().unwrap());
                [mac(0), mac(6)]
            })
            .filter(|mac| !mac.is_group())
            .collect();
        let macs: std::collections::BTreeSet<Mac> = macs.into_iter().collect();
        let forms = forms(TARGET, &macs.into_iter().collect::<Vec<_>>());
        for file in files(&copy) {
            let bytes = fs::read(&file).unwrap();
            for form in &forms {
                assert!(!contains(&bytes, form), "{} contains {:?}", file.display(), String::from_utf8_lossy(form));
            }
            assert!(!contains(&bytes, case.id().as_bytes()));
        }
        let manifest = json(&copy.join("manifest.json"));
        assert_eq!(manifest["packets"]["total"], case.packets.len());
        assert!(manifest["redactions"].as_array().unwrap().len() >= 5 && manifest["previous"].is_null());
        // The operator can show from what it was made.
        let command = format!(
            "sha256sum SHA256SUMS | cut -c-64 | xxd -r -p | openssl dgst -sha256 -mac HMAC -macopt hexkey:\"$(cat {})\"",
            key.display()
        );
        if tool("xxd").is_some() {
            let shown = Command::new("sh").args(["-c", &command]).current_dir(root.join(case.id())).output().unwrap();
            let shown = String::from_utf8(shown.stdout).unwrap();
            assert!(shown.trim().ends_with(manifest["derived_from"]["value"].as_str().unwrap()), "{shown}");
        }
        // The same address has the same pseudonym in all files: the target's is in nearly every packet.
        let object = json(&copy.join("incident.json"));
        let pseudonym: std::net::Ipv4Addr = object["target"]["address"].as_str().unwrap().parse().unwrap();
        let bytes = fs::read(copy.join("packets.pcapng")).unwrap();
        let occurrences = bytes.windows(4).filter(|window| **window == pseudonym.octets()).count();
        assert!(occurrences >= case.packets.len() * 9 / 10, "{occurrences} of {}", case.packets.len());
        if let Some(tshark) = tool("tshark") {
            let file = copy.join("packets.pcapng");
            let fields = [
                "-o",
                "ip.check_checksum:TRUE",
                "-T",
                "fields",
                "-e",
                "frame.len",
                "-e",
                "ip.checksum.status",
                "-e",
                "data",
                "-r",
            ];
            let output = Command::new(tshark).args(fields).arg(&file).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(text.lines().count(), case.packets.len());
            let mut packets: Vec<&KeptPacket> = case.packets.iter().collect();
            packets.sort_by_key(|packet| packet.time);
            for (line, packet) in text.lines().zip(packets) {
                let cells: Vec<&str> = line.split('\t').collect();
                assert_eq!(cells[0], packet.wire_len.to_string());
                // 1 is good; of a quoted header there is a second one.
                assert!(cells[1].is_empty() || cells[1].starts_with('1'), "{line}");
                assert!(cells[2].is_empty(), "payload: {line}");
            }
        }
        // Headers only.
        let plain = pegel(&[&arguments[..], &["--without-payload"]].concat());
        assert!(plain.status.success(), "{}", String::from_utf8_lossy(&plain.stderr));
        let copy = output.join(case.id());
        assert!(verify(&copy).0);
        for file in files(&copy) {
            assert!(!contains(&fs::read(&file).unwrap(), b"shop.example"), "{}", file.display());
        }
        assert!(fs::read_to_string(copy.join("summary.txt")).unwrap().contains(TARGET));
    }
}

#[test]
fn exact_copies_keep_their_signature_and_say_what_is_wrong() {
    let scratch = Scratch::new("export");
    let cases = cases(100);
    let root = scratch.path("state/evidence");
    folder(&root, &cases, true);
    let (state, output) = (scratch.path("state"), scratch.path("out"));
    let run = |id: &str, more: &[&str]| {
        let arguments = ["evidence", id, "--output", output.to_str().unwrap(), "--state-dir", state.to_str().unwrap()];
        let output = pegel(&[&arguments[..], more].concat());
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(run(cases[1].id(), &[]), (0, String::new()));
    for file in files(&root.join(cases[1].id())) {
        assert!(
            fs::read(&file).unwrap() == fs::read(output.join(cases[1].id()).join(file.file_name().unwrap())).unwrap()
        );
    }
    assert!(run(cases[1].id(), &[]).1.contains("exists already"));
    let key = scratch.file("key", PSEUDONYMS);
    let key = key.to_str().unwrap();
    let wrong = scratch.file("wrong", "0123");
    let wrong = wrong.to_str().unwrap();
    for (id, more, code, message) in [
        ("../x", &[][..], 1, "letters, digits and dashes"),
        ("20260101T000005Z-00000000", &[], 1, "holds no evidence of incident"),
        (cases[2].id(), &["--pseudonymise", key], 1, "give --network"),
        (cases[2].id(), &["--pseudonymise", wrong], 1, "openssl rand -hex 32"),
        (cases[2].id(), &["--signing-key", key], 1, "openssl genpkey"),
    ] {
        let (found, text) = run(id, more);
        assert!(found == code && text.contains(message), "{found} {text}");
    }
    fs::write(root.join(cases[2].id()).join("rates.csv"), "x").unwrap();
    let (code, text) = run(cases[2].id(), &["--without-payload"]);
    assert!(code == 1 && text.contains("not redacted"), "{text}");
    let (code, text) = run(cases[2].id(), &[]);
    assert!(code == 1 && text.contains("not intact: altered rates.csv"), "{text}");
    assert!(output.join(cases[2].id()).join("rates.csv").exists());
}
