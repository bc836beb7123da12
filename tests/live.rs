//! Live tests in isolated network namespaces: real interfaces, real capture.
//!
//! They need root and iproute2; without them they print that they are skipped, and pass. Delays are asserted in packet
//! time; the wall clock only guards against hanging.

#![allow(clippy::disallowed_methods)] // guards against hanging

mod bed;

use bed::{Bed, GUARD, LISTEN, WATCHED, flood, ip};
use serde_json::Value;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;

#[test]
fn a_flood_is_detected_within_a_second_and_closed_at_shutdown() {
    let Some(bed) = Bed::new("flood") else { return };
    let pegel = bed.pegel(&[]);
    bed.send("a", "va", &flood("syn_flood", 5000, 1.5));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["vector"], "syn_flood");
    assert_eq!(incident["direction"], "inbound");
    assert_eq!(incident["target"]["address"], WATCHED);
    assert_eq!(incident["sources"]["spoofing_likely"], true);
    let delay = incident["detected_after_seconds"].as_f64().unwrap();
    println!("detected {delay} s after its first packet (packet time)");
    assert!(delay <= 1.0, "{delay}");
    let metrics = pegel.get("/metrics");
    let opened: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("pegel_incidents_total{") && !line.ends_with(" 0")).collect();
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert!(opened[0].contains("vector=\"syn_flood\"") && opened[0].contains("direction=\"inbound\""));
    assert!(metrics.contains("pegel_incident_active{"), "{metrics}");
    let (log, lines) = pegel.stop();
    assert!(log.contains("incident opened"), "{log}");
    let last = lines.last().unwrap();
    assert_eq!((&last["change"], &last["close_reason"]), (&"closed".into(), &"shutdown".into()));
}

#[test]
fn a_one_way_flood_of_a_whole_network_is_one_incident_within_a_second() {
    let Some(bed) = Bed::new("carpet") else { return };
    let pegel = bed.pegel(&[]);
    // As benches/live/live.py: 50 packets a second to each of 254 hosts, and nothing in the other direction.
    let carpet = "seed = 1\n[[part]]\nmodel = \"carpet_bombing\"\nto = 3.0\nrate = 12700\ntarget = \"10.231.7.0/24\"\n";
    bed.send("a", "va", carpet);
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["vector"], "udp_flood");
    assert_eq!(incident["target"]["kind"], "prefix");
    let delay = incident["detected_after_seconds"].as_f64().unwrap();
    println!("detected {delay} s after its first packet (packet time)");
    assert!(delay <= 1.0, "{delay}");
    let why = pegel.get("/api/v1/hosts/10.231.7.7/why");
    assert!(why.contains("\"address\":\"10.231.7.7\"") && why.contains("\"detectors\""), "{why}");
    pegel.stop();
}

#[test]
fn rates_fall_to_zero_on_an_idle_link() {
    let Some(bed) = Bed::new("idle") else { return };
    let pegel = bed.pegel(&[]);
    let rate = |hosts: &str| {
        let hosts: Value = serde_json::from_str(hosts).unwrap();
        let watched = hosts["hosts"].as_array().unwrap().iter().find(|host| host["address"] == WATCHED).cloned();
        watched.and_then(|host| host["packets_per_second"].as_f64())
    };
    bed.send("a", "va", &flood("syn_flood", 5000, 3.0));
    pegel.wait_for_incident();
    // Without a carrier, nothing arrives at all.
    ip(&format!("-n {} link set va down", bed.ns("a")));
    pegel.wait_for("/api/v1/hosts", |answer| rate(answer) == Some(0.0));
    let gauge = format!("pegel_incident_packets_per_second{{direction=\"inbound\",target=\"{WATCHED}\"}} 0");
    pegel.wait_for("/metrics", |page| page.contains(&gauge));
    assert_eq!(pegel.incidents("open").len(), 1, "it is still in its quiet period");
    pegel.stop();
}

#[test]
fn real_tcp_connections_raise_nothing() {
    let Some(bed) = Bed::new("tcp") else { return };
    let pegel = bed.pegel(&[]);
    let address = format!("{WATCHED}:8080");
    let mut server = bed.peer("b", &["serve", &address]).stdout(Stdio::null()).spawn().unwrap();
    bed.wait_for_listener("b", 8080);
    for (octets, connections) in [("20000000", "16"), ("200000000", "1"), ("20000", "200")] {
        let output = bed.peer("a", &["fetch", &address, octets, connections]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{connections} connections: {}", String::from_utf8_lossy(&output.stdout));
    }
    // By then, every measurement window contains the end.
    pegel.wait_for_packet_time(2.0);
    assert_eq!(pegel.incidents("open"), Vec::<Value>::new());
    assert_eq!(pegel.incidents("recent"), Vec::<Value>::new());
    let metrics = pegel.get("/metrics");
    let packets = metrics.lines().find(|line| line.starts_with("pegel_capture_packets_total{")).unwrap();
    let packets: u64 = packets.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(packets > 1000, "only {packets} packets were seen");
    assert!(metrics.contains("pegel_capture_directions{directions=\"both\",interface=\"vb\"} 1"), "{metrics}");
    server.kill().unwrap();
    server.wait().unwrap();
    let (_, lines) = pegel.stop();
    assert_eq!(lines, Vec::<Value>::new());
}

#[test]
fn capture_resumes_after_an_interface_was_down_or_deleted() {
    let Some(bed) = Bed::new("gone") else { return };
    let pegel = bed.pegel(&[]);
    ip(&format!("-n {} link set vb down", bed.ns("b")));
    pegel.wait_for("/readyz", |answer| answer.contains("vb"));
    ip(&format!("-n {} link set vb up", bed.ns("b")));
    pegel.wait_for("/readyz", |answer| answer.trim() == "ready");
    ip(&format!("-n {} link del vb", bed.ns("b")));
    pegel.wait_for("/readyz", |answer| answer.contains("vb"));
    assert!(pegel.get("/metrics").contains("pegel_capture_up{interface=\"vb\"} 0"));
    assert_eq!(pegel.get("/healthz").trim(), "ok");
    bed.join();
    pegel.wait_for("/readyz", |answer| answer.trim() == "ready");
    bed.send("a", "va", &flood("udp_flood", 6000, 1.0));
    assert_eq!(pegel.wait_for_incident()["vector"], "udp_flood");
    let (log, _) = pegel.stop();
    assert_eq!(log.matches("capture resumed").count(), 2, "{log}");
}

#[test]
fn an_unknown_mac_that_leaves_is_reported_from_the_first_frame() {
    let Some(bed) = Bed::new("mac") else { return };
    let own = fs::read_to_string("/proc/self/stat").is_ok().then(|| {
        let output = bed.command("b", Path::new("cat"), &["/sys/class/net/vb/address"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
    let config = format!("[[interface]]\nname = \"vb\"\nallowed_macs = [{:?}]\n", own.unwrap());
    let config = bed.file("pegel.toml", &config);
    let pegel = bed.pegel(&["--config", &config]);
    // Frames of `a` enter, so their MAC addresses do not matter.
    bed.send("a", "va", &flood("foreign_mac", 5, 1.0));
    pegel.wait_for_packet_time(0.5);
    assert_eq!(pegel.incidents("open"), Vec::<Value>::new());
    let leaving = "seed = 1\n[[part]]\nmodel = \"foreign_mac\"\nfrom = 0.0\nto = 0.5\nrate = 2\n\
                   source_mac = \"52:54:00:de:ad:01\"\n";
    bed.send("b", "vb", leaving);
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["vector"], "mac_not_allowed");
    assert_eq!(incident["direction"], "outbound");
    assert_eq!(incident["target"]["mac"], "52:54:00:de:ad:01");
    assert_eq!(incident["target"]["interface"], "vb");
    assert!(incident["detected_after_seconds"].as_f64().unwrap() <= 0.2, "{incident}");
    pegel.stop();
}

#[test]
fn a_reload_accepts_a_valid_file_and_rejects_an_invalid_one() {
    let Some(bed) = Bed::new("reload") else { return };
    let config = bed.file("pegel.toml", "[detect.syn_flood]\npackets_per_second = 1000000\n");
    let pegel = bed.pegel(&["--config", &config]);
    bed.send("a", "va", &flood("syn_flood", 2000, 1.0));
    // The first flood must have left the ten-second window: the lower limit would apply to it too.
    pegel.wait_for_packet_time(12.0);
    assert_eq!(pegel.incidents("open"), Vec::<Value>::new());
    fs::write(&config, "[detect.syn_flood]\npackets_per_second = \"many\"\n").unwrap();
    pegel.signal("HUP");
    pegel.wait_for("/metrics", |page| page.contains("pegel_config_last_reload_successful 0"));
    fs::write(&config, "[detect.syn_flood]\npackets_per_second = 500\n").unwrap();
    pegel.signal("HUP");
    pegel.wait_for("/metrics", |page| page.contains("pegel_config_last_reload_successful 1"));
    bed.send("a", "va", &flood("syn_flood", 2000, 1.0));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["evidence"][0]["limit"], 500.0);
    assert_eq!(incident["evidence"][0]["limit_from"], "config");
    let (log, _) = pegel.stop();
    assert!(log.contains("detect.syn_flood.packets_per_second"), "{log}");
}

#[test]
fn the_error_for_missing_privilege_names_the_remedy() {
    let Some(bed) = Bed::new("cap") else { return };
    let arguments = ["--reuid=65534", "--clear-groups", env!("CARGO_BIN_EXE_pegel"), "run", "-i", "vb"];
    // Other users may not be able to read the binary: then there is nothing to test.
    let output = bed.command("b", Path::new("setpriv"), &arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(127) || output.status.code() == Some(126) {
        eprintln!("skipped: {stderr}");
        return;
    }
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("CAP_NET_RAW") && stderr.contains("setcap"), "{stderr}");
}

/// The value of a series on the metrics page.
fn series(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

const PACKETS: &str = "pegel_capture_packets_total{interface=\"vb\"}";

#[test]
fn two_workers_count_each_packet_once() {
    let Some(bed) = Bed::new("workers") else { return };
    let config = bed.file("pegel.toml", "[capture]\nworkers = 2\nsource = \"afpacket\"\nbpf = \"tcp and inbound\"\n");
    let pegel = bed.pegel(&["--config", &config]);
    bed.send("a", "va", &flood("syn_flood", 4000, 1.0));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["vector"], "syn_flood");
    assert_eq!(incident["coverage"]["sampled"], 1);
    let page = pegel.wait_for("/metrics", |page| series(page, PACKETS) >= 4000.0);
    assert_eq!(series(&page, PACKETS), 4000.0);
    // Duplicates of the first packets would be counted before these.
    bed.send("a", "va", &flood("syn_flood", 1000, 0.1));
    let page = pegel.wait_for("/metrics", |page| series(page, PACKETS) >= 4100.0);
    assert_eq!(series(&page, PACKETS), 4100.0);
    let (log, _) = pegel.stop();
    assert!(log.contains("2 workers share the packets by flow"), "{log}");
    assert!(log.contains("stopped after 4100 packets, 0 lost"), "{log}");
}

#[test]
fn libpcap_captures_where_there_is_no_ring() {
    let Some(bed) = Bed::new("pcap") else { return };
    // The pseudo-interface "any" exists in libpcap only.
    let pegel = bed.pegel(&["-i", "any"]);
    bed.send("a", "va", &flood("syn_flood", 5000, 1.0));
    assert_eq!(pegel.wait_for_incident()["vector"], "syn_flood");
    let (log, _) = pegel.stop();
    assert!(log.contains("capturing through libpcap instead: no packet ring on any"), "{log}");

    let config = bed.file("pegel.toml", "[capture]\nsource = \"afpacket\"\n");
    let arguments = ["run", "--config", &config, "-i", "any"];
    let output = bed.command("b", Path::new(env!("CARGO_BIN_EXE_pegel")), &arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("capture.source = \"pcap\""), "{stderr}");
}

#[test]
fn libpcap_detects_what_the_ring_detects() {
    let Some(bed) = Bed::new("source") else { return };
    let config = bed.file("pegel.toml", "[capture]\nsource = \"pcap\"\nworkers = 4\n");
    let pegel = bed.pegel(&["--config", &config]);
    bed.send("a", "va", &flood("syn_flood", 5000, 1.0));
    let incident = pegel.wait_for_incident();
    assert_eq!((&incident["vector"], &incident["direction"]), (&"syn_flood".into(), &"inbound".into()));
    pegel.stop();
}

#[test]
fn an_invalid_filter_is_reported_before_anything_runs() {
    let Some(bed) = Bed::new("filter") else { return };
    let arguments = ["run", "-i", "vb", "--bpf", "port twelve"];
    let output = bed.command("b", Path::new(env!("CARGO_BIN_EXE_pegel")), &arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("invalid filter \"port twelve\"") && !stderr.contains("libpcap instead"), "{stderr}");
}

#[test]
fn sampled_counts_are_scaled_up() {
    let Some(bed) = Bed::new("sampling") else { return };
    let config = bed.file("pegel.toml", "[capture]\nsampling = 8\nbpf = \"tcp and inbound\"\n");
    let pegel = bed.pegel(&["--config", &config]);
    assert_eq!(series(&pegel.get("/metrics"), "pegel_capture_sampling_ratio{interface=\"vb\"}"), 0.125);
    bed.send("a", "va", &flood("syn_flood", 16000, 2.0));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["coverage"]["sampled"], 8);
    // 32,000 packets are sent and about 4,000 are captured: the standard deviation of the estimate is 474.
    pegel.wait_for_packet_time(0.5);
    let (log, _) = pegel.stop();
    let total = log.split("stopped after ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let packets: u64 = total.parse().unwrap();
    println!("{packets} packets estimated");
    assert!((28_000..36_000).contains(&packets), "{log}");
}

#[test]
fn a_full_ring_starts_sampling_and_a_normal_load_ends_it() {
    let Some(bed) = Bed::new("overload") else { return };
    let config = bed.file("pegel.toml", "[capture]\nring_mib = 1\nworkers = 1\n");
    let pegel = bed.pegel(&["--config", &config]);
    // While the process is stopped, the ring of 1 MiB overflows.
    pegel.signal("STOP");
    bed.send("a", "va", &flood("syn_flood", 20_000, 1.0));
    pegel.signal("CONT");
    pegel.wait_for("/metrics", |page| {
        series(page, "pegel_capture_dropped_packets_total{interface=\"vb\",stage=\"kernel\"}") > 0.0
    });
    pegel.wait_for_log("overload: sampling 1 in 2 packets or fewer");
    pegel.wait_for_log("load is back to normal: sampling 1 in 1 packets");
    pegel.wait_for("/metrics", |page| series(page, "pegel_capture_sampling_ratio{interface=\"vb\"}") == 1.0);
    pegel.stop();
}

#[test]
fn maintenance_windows_added_while_it_runs_mark_incidents_and_state_survives() {
    let Some(bed) = Bed::new("state") else { return };
    let state = bed.dir.join("state");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("baseline.bin"), b"PEGELBL\x01 cut off").unwrap();
    let pegel = bed.pegel(&[]);
    let plan = ["maintenance", "add", "--for", "1h", "--why", "update", "--state-dir", state.to_str().unwrap()];
    let pegel_binary = Path::new(env!("CARGO_BIN_EXE_pegel"));
    assert!(bed.command("b", pegel_binary, &plan).status().unwrap().success());
    pegel.wait_for_log("1 maintenance windows in");
    bed.send("a", "va", &flood("syn_flood", 2000, 1.5));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["maintenance"]["why"], "update", "{incident:#}");
    let metrics = pegel.get("/metrics");
    assert!(metrics.contains("pegel_state_failures_total{operation=\"load\"} 1"), "{metrics}");
    let (log, _) = pegel.stop();
    assert!(log.contains("checksum is wrong") && log.contains("the unusable file was renamed to"), "{log}");
    let names: Vec<String> =
        fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name == "baseline.bin"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("baseline.bin.corrupt-")), "{names:?}");
}

#[test]
fn a_full_line_is_reported_whatever_fills_it() {
    let Some(bed) = Bed::new("tbf") else { return };
    // A line of 8 Mbit/s, as a provider sells it.
    let shape = format!("-n {} qdisc add dev vb root tbf rate 8mbit burst 16kb latency 50ms", bed.ns("b"));
    let shaped = std::process::Command::new("tc").args(shape.split(' ')).status();
    if !shaped.is_ok_and(|status| status.success()) {
        println!("skipped: the kernel has no tbf");
        return;
    }
    let config = bed
        .file("pegel.toml", "[[interface]]\nname = \"vb\"\nspeed = 8_000_000\n[detect.link_saturated]\npercent = 80\n");
    let pegel = bed.pegel(&["--config", &config]);
    let address = format!("{WATCHED}:8080");
    let mut server = bed.peer("b", &["serve", &address]).stdout(Stdio::null()).spawn().unwrap();
    bed.wait_for_listener("b", 8080);
    // An honest download; it ends with the test.
    let mut client = bed.peer("a", &["fetch", &address, "200000000", "1"]).stdout(Stdio::null()).spawn().unwrap();
    let incident = pegel.wait_for_incident();
    assert_eq!((&incident["vector"], &incident["direction"]), (&"link_saturated".into(), &"outbound".into()));
    assert_eq!((&incident["target"]["kind"], &incident["target"]["interface"]), (&"interface".into(), &"vb".into()));
    let message = incident["evidence"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("vb sends ") && message.contains("of its 8 Mbit/s"), "{message}");
    let filled = incident["evidence"][1]["message"].as_str().unwrap();
    assert!(filled.contains(&format!("{WATCHED} sends ")), "{filled}");
    println!("{message}; {filled}");
    for child in [&mut client, &mut server] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    pegel.stop();
}

#[test]
fn a_failing_posture_check_is_an_incident_on_an_idle_network_until_it_passes() {
    let Some(bed) = Bed::new("posture") else { return };
    let config = "[incident]\nquiet_seconds = 1\n[posture]\ninterval_seconds = 1\n\
                  [[posture.check]]\nname = \"route\"\nwhy = \"a test\"\ndefault_route = \"ipv4\"\ninterface = \"vb\"\n\
                  [[posture.check]]\nname = \"forwarding\"\nforwarding_off = \"vb\"\n\
                  [[posture.check]]\nname = \"up\"\ninterface_up = \"vb\"\n";
    let config = bed.file("pegel.toml", config);
    let forwarding = |value: &str| {
        let set = format!("echo {value} > /proc/sys/net/ipv4/conf/vb/forwarding");
        assert!(bed.command("b", Path::new("sh"), &["-c", &set]).status().unwrap().success());
    };
    let shown = |page: &str, check: &str| {
        ["ok", "unknown"].map(|of| series(page, &format!("pegel_posture_{of}{{check=\"{check}\"}}")))
    };
    ip(&format!("-n {} route add default via 10.231.7.1", bed.ns("b")));
    forwarding("0");
    let pegel = bed.pegel(&["--config", &config]);
    let all = |page: &str, expected: f64| {
        ["route", "forwarding", "up"].iter().all(|check| shown(page, check) == [expected, 0.0])
    };
    pegel.wait_for("/metrics", |page| all(page, 1.0));
    assert_eq!(pegel.incidents("open"), Vec::<Value>::new());

    ip(&format!("-n {} route del default", bed.ns("b")));
    let incident = pegel.wait_for_incident();
    assert_eq!(incident["vector"], "posture_failed", "{incident:#}");
    assert_eq!((&incident["target"]["kind"], &incident["target"]["sensor"]), (&"sensor".into(), &"route".into()));
    let message = incident["evidence"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("there is no default route for IPv4, expected one via vb, since 20"), "{message}");
    assert!(message.ends_with("; why: a test"), "{message}");
    assert_eq!(shown(&pegel.get("/metrics"), "route"), [0.0, 0.0]);
    ip(&format!("-n {} route add default via 10.231.7.1", bed.ns("b")));
    pegel.wait_for("/metrics", |page| all(page, 1.0));
    pegel.wait_until_closed();

    forwarding("1");
    assert_eq!(pegel.wait_for_incident()["target"]["sensor"], "forwarding");
    forwarding("0");
    pegel.wait_until_closed();

    // A reload that removes a check removes its series.
    fs::write(&config, "[[posture.check]]\nname = \"up\"\ninterface_up = \"vb\"\n").unwrap();
    pegel.signal("HUP");
    pegel.wait_for("/metrics", |page| !page.contains("check=\"route\"") && page.contains("check=\"up\""));
    let (log, lines) = pegel.stop();
    assert!(log.contains("posture check route fails: there is no default route for IPv4"), "{log}");
    assert!(log.contains("posture check route passes: the default route for IPv4 is via vb"), "{log}");
    let changes: Vec<_> = lines.iter().map(|line| (&line["change"], &line["close_reason"])).collect();
    let (opened, closed) = ((&"opened".into(), &Value::Null), (&"closed".into(), &"quiet".into()));
    assert_eq!(changes, [opened, closed, opened, closed]);
}

/// As under systemd, with a socket of the test in place of the journal.
#[test]
fn under_systemd_each_fact_is_a_field_of_the_journal() {
    let Some(bed) = Bed::new("journal") else { return };
    let folder = bed.dir.join("journal");
    fs::create_dir(&folder).unwrap();
    let journal = UnixDatagram::bind(folder.join("socket")).unwrap();
    journal.set_read_timeout(Some(GUARD)).unwrap();
    // systemd sets JOURNAL_STREAM to the device and inode of the stream that is connected to the journal.
    let script = "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind \"$1\" /run/systemd/journal \
                  && export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && shift && exec \"$@\"";
    let (folder, state) = (folder.display().to_string(), bed.dir.join("state").display().to_string());
    let pegel = [env!("CARGO_BIN_EXE_pegel"), "run", "-i", "vb", "--listen", LISTEN, "--state-dir", &state];
    let arguments = [&["-m", "sh", "-c", script, "sh", &folder], &pegel[..]].concat();
    let stderr = fs::File::create(bed.dir.join("stderr")).unwrap();
    let mut pegel = bed.command("b", Path::new("unshare"), &arguments).stderr(stderr).spawn().unwrap();
    let read_until = |sought: &str| {
        let mut octets = vec![0; 65536];
        loop {
            let length = journal.recv(&mut octets).unwrap_or_else(|error| {
                panic!("no {sought}: {error}; {}", fs::read_to_string(bed.dir.join("stderr")).unwrap_or_default())
            });
            let text = String::from_utf8_lossy(&octets[..length]).into_owned();
            if text.contains(sought) {
                return text;
            }
        }
    };
    read_until("capturing");
    bed.send("a", "va", &flood("syn_flood", 3000, 1.0));
    let message = read_until("incident opened");
    for field in
        ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "PEGEL_ID", "PEGEL_TARGET", "PEGEL_VECTORS", "PEGEL_SEVERITY"]
    {
        assert!(message.contains(field), "no {field} in {message:?}");
    }
    assert!(message.contains(WATCHED) && message.contains("syn_flood"), "{message:?}");
    pegel.kill().unwrap();
    pegel.wait().unwrap();
    assert_eq!(fs::read_to_string(bed.dir.join("stderr")).unwrap(), "", "nothing is logged twice");
}
