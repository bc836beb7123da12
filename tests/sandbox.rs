//! What a run may still do once it captures, as `/proc` shows it of every thread, and what still works: an interface that comes
//! back, hooks, names of receivers.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;

use bed::{Bed, GUARD, flood};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Sets of capabilities as proc(5) writes them.
const NONE: &str = "0000000000000000";
const NET_RAW: &str = "0000000000002000";

/// A line of a status file of proc(5).
fn field<'s>(status: &'s str, name: &str) -> &'s str {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim()
}

/// The status of each thread of a process, by its name.
fn threads(process: u32) -> BTreeMap<String, String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
    statuses.map(|status| (format!("{} {}", field(&status, "Name"), field(&status, "Pid")), status)).collect()
}

/// Asserts that no thread has a capability, can gain one, or calls what the filter does not allow. `bounding` is the bounding set:
/// without CAP_SETPCAP, it stays as the service manager has set it.
fn assert_confined(process: u32, bounding: &str) {
    let threads = threads(process);
    assert!(threads.keys().any(|name| name.starts_with("cap-")), "{:?}", threads.keys());
    assert!(threads.len() > 4, "{:?}", threads.keys());
    for (name, status) in &threads {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(status, set), NONE, "{set} of {name}");
        }
        assert_eq!(field(status, "CapBnd"), bounding, "of {name}");
        assert_eq!((field(status, "NoNewPrivs"), field(status, "Seccomp")), ("1", "2"), "{name}");
    }
}

/// The helper of a run: its child.
fn helper(process: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    children.trim().parse().unwrap_or_else(|_| panic!("one child, and not {children:?}"))
}

/// Writes a hook that copies its own status and what it got to files in the test's directory.
fn hook(bed: &Bed) -> String {
    let dir = bed.dir.display();
    let script =
        bed.file("hook", &format!("#!/bin/sh\ncat > {dir}/input\ncp /proc/self/status {dir}/status\n: > {dir}/done\n"));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    format!("[[hook]]\nname = \"h\"\ncommand = [\"{script}\"]\non = [\"open\"]\n")
}

fn wait_for_file(path: &Path, log: impl Fn() -> String) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < GUARD, "no {}; log:\n{}", path.display(), log());
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn no_thread_keeps_a_privilege_and_what_needs_one_still_works() {
    let Some(bed) = Bed::new("root") else { return };
    // Its name is resolved by the helper, and its port may be connected to; there nothing listens.
    let webhook = "[[webhook]]\nname = \"w\"\nurl = \"http://localhost:8099/\"\n";
    // To compile `vlan` and names again would take a socket and files that the process may not open.
    let capture = "[capture]\nworkers = 2\nbpf = \"not vlan 7 and not port ssh\"\n";
    let config = format!("{capture}[incident]\nquiet_seconds = 5\n{}{webhook}", hook(&bed));
    let config = bed.file("pegel.toml", &config);
    let pegel = bed.pegel(&["--config", &config]);
    assert_confined(pegel.id(), NONE);

    // Two workers share a fanout group, which no socket of a deleted interface can join again: new ones come from the helper.
    bed::ip(&format!("-n {} link del va", bed.ns("a")));
    pegel.wait_for("/readyz", |answer| answer.trim() != "ready");
    bed.join();
    pegel.wait_until_ready();
    bed.send("a", "va", &flood("syn_flood", 20_000, 2.0));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["vector"], "syn_flood");

    wait_for_file(&bed.dir.join("done"), || pegel.log());
    let input: serde_json::Value = serde_json::from_str(&fs::read_to_string(bed.dir.join("input")).unwrap()).unwrap();
    assert_eq!(input["id"], incident["id"]);
    assert_confined(pegel.id(), NONE);
    pegel.wait_for_log("Connection refused");
    let helper = helper(pegel.id());
    let (log, _) = pegel.stop();
    assert!(log.contains("sandbox: user: degraded: root"), "{log}");
    let start = Instant::now();
    while Path::new(&format!("/proc/{helper}")).exists() {
        assert!(start.elapsed() < GUARD, "the helper outlives the run");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn root_becomes_the_owner_of_the_state_directory() {
    let Some(bed) = Bed::new("user") else { return };
    // Of no file and no process: the user that every system has.
    let (user, group) = (65534, 65534);
    let state = bed.dir.join("state");
    fs::create_dir_all(&state).unwrap();
    for directory in [&bed.dir, &state] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        chown(directory, Some(user), Some(group)).unwrap();
    }
    let config = bed.file("pegel.toml", "[output]\nlog = true\n");
    let pegel = bed.pegel(&["--config", &config]);
    assert_confined(pegel.id(), NONE);
    for status in threads(pegel.id()).values() {
        let all = user.to_string();
        assert!(field(status, "Uid").split_whitespace().all(|id| id == all), "{}", field(status, "Uid"));
        assert!(field(status, "Gid").split_whitespace().all(|id| id == all), "{}", field(status, "Gid"));
    }
    // The helper still may open packet sockets.
    bed::ip(&format!("-n {} link del va", bed.ns("a")));
    pegel.wait_for("/readyz", |answer| answer.trim() != "ready");
    bed.join();
    pegel.wait_until_ready();
    bed.send("a", "va", &flood("syn_flood", 20_000, 2.0));
    pegel.wait_for_incident();
    pegel.signal("HUP");
    pegel.wait_for_log("configuration reloaded");
    let (log, lines) = pegel.stop();
    assert!(!lines.is_empty() && !log.contains("sandbox:") && !log.to_lowercase().contains("denied"), "{log}");
}

#[test]
fn a_run_ends_with_its_helper() {
    let Some(bed) = Bed::new("helper") else { return };
    let mut pegel = bed.pegel(&[]);
    let id = helper(pegel.id()).to_string();
    assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
    pegel.wait_for_log("the helper process has ended");
    assert_eq!(pegel.wait().code(), Some(1));
}

#[test]
fn an_inventory_that_is_mounted_after_the_start_is_read() {
    let Some(bed) = Bed::new("mounted") else { return };
    let pve = bed.dir.join("pve");
    fs::create_dir_all(&pve).unwrap();
    let config = bed.file("pegel.toml", &format!("[inventory]\nproxmox = \"{}\"\n", pve.display()));
    let pegel = bed.pegel(&["--config", &config]);
    // In its mount namespace, where `ip netns exec` has put it.
    let id = pegel.id().to_string();
    let mounted = Command::new("nsenter").args(["-t", &id, "-m", "mount", "-t", "tmpfs", "none"]).arg(&pve).status();
    assert!(mounted.unwrap().success());
    let pve = Path::new("/proc").join(&id).join("root").join(pve.strip_prefix("/").unwrap());
    let guests = pve.join("nodes/alpha/qemu-server");
    fs::create_dir_all(&guests).unwrap();
    std::os::unix::fs::symlink("nodes/alpha", pve.join("local")).unwrap();
    fs::write(guests.join("100.conf"), "name: shop\nnet0: virtio=02:00:00:00:00:64,bridge=vmbr0\n").unwrap();
    pegel.wait_for_log("the inventory has 1 guests");
    let (log, _) = pegel.stop();
    assert!(!log.contains("denied"), "{log}");
}

#[test]
fn a_hook_of_a_service_gets_no_capability() {
    let Some(bed) = Bed::new("ambient") else { return };
    if !bed::daemons::installed(&["setpriv"]) {
        return;
    }
    fs::set_permissions(&bed.dir, fs::Permissions::from_mode(0o777)).unwrap();
    let config = bed.file("pegel.toml", &hook(&bed));
    // As a unit with AmbientCapabilities=CAP_NET_RAW starts it.
    let launcher = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all,+net_raw",
        "--ambient-caps=-all,+net_raw",
        "--bounding-set=-all,+net_raw",
    ];
    let pegel = bed.pegel_by(&launcher, &["--config", &config]);
    assert_confined(pegel.id(), NET_RAW);
    // To open packet sockets, and to run tools: `nft` needs what the unit grants.
    let kept = fs::read_to_string(format!("/proc/{}/status", helper(pegel.id()))).unwrap();
    assert_eq!((field(&kept, "CapEff"), field(&kept, "CapAmb")), (NET_RAW, NET_RAW));
    bed.send("a", "va", &flood("syn_flood", 20_000, 2.0));
    wait_for_file(&bed.dir.join("done"), || pegel.log());
    let status = fs::read_to_string(bed.dir.join("status")).unwrap();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(&status, set), NONE, "{set} of the hook");
    }
    pegel.stop();
}

#[test]
fn what_the_sandbox_must_refuse_is_refused() {
    let dir = std::env::temp_dir().join(format!("pegel-print-sandbox-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pegel"));
        command.args(["run", "--print-sandbox", "--state-dir"]).arg(&dir).args(arguments).env_remove("PEGEL_CONFIG");
        let output = command.output().unwrap();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, text, errors) = run(&[]);
    if text.contains("files and ports: degraded") || text.contains("system calls: degraded") {
        eprintln!("skipped in part: this kernel cannot restrict all:\n{text}");
    } else {
        assert_eq!((code, text.matches("POSSIBLE").count()), (Some(0), 0), "{text}{errors}");
    }
    assert_eq!(text.matches("\ntry to ").count(), 9, "{text}");

    let config = dir.join("pegel.toml");
    fs::write(&config, "[sandbox]\nuser = \"nobody-has-this-name\"\n").unwrap();
    let (code, _, errors) = run(&["--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert_eq!(errors, "pegel: sandbox.user: there is no user \"nobody-has-this-name\" on this system\n");
    fs::remove_dir_all(&dir).unwrap();
}
