//! `pegel import`: the database of arpwatch, as its users have it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory that is removed at the end of the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("import-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).expect("a file");
    }

    /// Runs the program here, with `state` as the state directory.
    fn import(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pegel"));
        command.current_dir(&self.0).env_remove("PEGEL_CONFIG");
        command.arg("import").args(arguments).args(["--state-dir", "state"]).output().expect("the program")
    }

    fn imported(&self) -> serde_json::Value {
        let text = fs::read(self.0.join("state/pairings-imported.json")).expect("a file of pairings");
        serde_json::from_slice(&text).expect("JSON")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const ARP_DAT: &str = "0:c:29:1:2:3\t203.0.113.7\t1700000000\tshop\teth0\n\
                       0:c:29:1:2:4\t203.0.113.7\t1700009999\tshop\teth0\n\
                       52:54:0:0:1:4\t203.0.113.104\t1700000001\t\teth1\n";

#[test]
fn a_database_is_imported_by_interface() {
    let directory = Directory::new("whole");
    directory.file("arp.dat", ARP_DAT);
    // The second time, nothing is added.
    for _ in 0..2 {
        let output = directory.import(&["arp.dat"]);
        assert_eq!(text(&output.stderr), "");
        assert_eq!(
            text(&output.stdout),
            "eth0: 2 pairings imported\neth1: 1 pairings imported\n\
             saved in state; a running daemon reads them within seconds\n"
        );
        assert_eq!(output.status.code(), Some(0));
        let imported = directory.imported();
        assert_eq!(imported["version"], 1);
        let segment = |at: usize| &imported["segments"][at];
        assert_eq!((&segment(0)["interface"], &segment(1)["interface"]), (&"eth0".into(), &"eth1".into()));
        assert_eq!(segment(0)["pairings"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            segment(1)["pairings"],
            serde_json::json!([
                {"mac": "52:54:00:00:01:04", "address": "203.0.113.104", "last": "2023-11-14T22:13:21.000Z"}
            ])
        );
    }
}

#[test]
fn the_interface_can_be_given() {
    let directory = Directory::new("interface");
    directory.file("arp.dat", format!("{ARP_DAT}0:c:29:1:2:5\t203.0.113.9\t1700000002\n"));
    let output = directory.import(&["arp.dat", "--interface", "vmbr0", "--vlan", "104"]);
    assert_eq!(text(&output.stdout).lines().next(), Some("vmbr0, VLAN 104: 4 pairings imported"));
    let imported = directory.imported();
    let segments = imported["segments"].as_array().expect("segments");
    assert_eq!((segments.len(), &segments[0]["vlan"]), (1, &104.into()));
    // Lines without an interface belong to the one that is captured.
    directory.file("pegel.toml", "[capture]\ninterfaces = [\"eno1\"]\n");
    directory.file("old.dat", "0:c:29:1:2:5\t203.0.113.9\t1700000002\n");
    let output = directory.import(&["old.dat", "--config", "pegel.toml"]);
    assert_eq!(text(&output.stdout).lines().next(), Some("eno1: 1 pairings imported"), "{}", text(&output.stderr));
    directory.file("pegel.toml", "[capture]\ninterfaces = [\"eno1\", \"eno2\"]\n");
    let output = directory.import(&["old.dat", "--config", "pegel.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("use --interface"), "{}", text(&output.stderr));
}

#[test]
fn problems_are_reported_by_line_and_the_rest_is_used() {
    let directory = Directory::new("problems");
    let mut content =
        format!("0:c:29:1:2\t203.0.113.7\t1\n{ARP_DAT}0:c:29:1:2:6\t203.0.113.999\t1\tx\teth0\n").into_bytes();
    content.extend(b"\xff\x1b[31m\tx\ty\n");
    directory.file("arp.dat", content);
    let output = directory.import(&["arp.dat"]);
    assert_eq!(
        text(&output.stderr),
        "pegel: arp.dat:1: \"0:c:29:1:2\" is not a MAC address\n\
         pegel: arp.dat:5: \"203.0.113.999\" is not an IP address\n\
         pegel: arp.dat:6: \"\u{fffd}\\u{1b}[31m\" is not a MAC address\n"
    );
    assert!(text(&output.stdout).starts_with("eth0: 2 pairings imported\n"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_file_without_pairings_changes_nothing() {
    let directory = Directory::new("none");
    directory.file("empty", "\n");
    for (file, message) in [("empty", "has no pairings"), ("missing", "No such file")] {
        let output = directory.import(&[file]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
    assert!(!directory.0.join("state").exists());
    let output = directory.import(&["empty", "--vlan", "4095"]);
    assert_eq!(output.status.code(), Some(2));
    // What was imported before and cannot be read is not overwritten.
    fs::create_dir(directory.0.join("state")).expect("a directory");
    directory.file("state/pairings-imported.json", "{}");
    directory.file("arp.dat", ARP_DAT);
    let output = directory.import(&["arp.dat"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("pegel: state: pairings-imported.json: missing field"));
}
