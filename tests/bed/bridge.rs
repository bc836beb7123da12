//! A virtualisation host in network namespaces: a bridge with an uplink and the ports of four guests, created and named as
//! by Proxmox. Behind each port is a namespace with Linux's network stack. The guests' configuration files exist as well.
//!
//! ```text
//! world (gateway) ── eno1 ┐              ┌ tap104i0 ── 104 (shop)
//!                         ├─ vmbr0 (host)┼ tap105i0 ── 105 (mail)
//!                                        ├ veth106i0 ─ 106 (dns), a container
//!                                        └ tap107i0 ── 107 (build)
//! ```

use super::frames::{Mac, Script};
use super::{GUARD, Pegel, command_in, ip, namespace, peer};
use serde_json::Value;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Number, name, port.
pub const GUESTS: [(u8, &str, &str); 4] =
    [(104, "shop", "tap104i0"), (105, "mail", "tap105i0"), (106, "dns", "veth106i0"), (107, "build", "tap107i0")];
/// Sets of captured interfaces.
pub const ALL: &[&str] = &["vmbr0", "eno1", "tap104i0", "tap105i0", "veth106i0", "tap107i0"];
pub const BRIDGE: &[&str] = &["vmbr0"];
pub const UPLINK: &[&str] = &["eno1"];
pub const PORTS: &[&str] = &["tap104i0", "tap105i0", "veth106i0", "tap107i0"];

/// Further namespaces of some tests: two routers beside the world, a container on the host.
const MORE: [&str; 3] = ["r1", "r2", "mv"];

/// The router, and the host's bridge.
pub const WORLD: Mac = [2, 0, 0, 0, 8, 1];
pub const HOST: Mac = [0x52, 0x54, 0, 0, 8, 2];
pub const GATEWAY: Ipv4Addr = v4(1);
/// The MAC address of a station that is not in the inventory.
pub const UNKNOWN: Mac = [0x52, 0x54, 0, 0xde, 0xad, 1];

pub const fn mac(guest: u8) -> Mac {
    [0x52, 0x54, 0, 0, 1, guest - 100]
}

pub const fn v4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 231, 8, number)
}

/// fd00:231:8::104 for guest 104.
pub fn v6(number: u8) -> Ipv6Addr {
    format!("fd00:231:8::{number}").parse().unwrap()
}

pub fn gateway_v6() -> Ipv6Addr {
    "fe80::1".parse().unwrap()
}

/// As in the JSON of incidents.
pub fn text(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

pub struct Bridge {
    name: String,
    dir: PathBuf,
    /// Number of files and listeners created so far.
    count: AtomicU16,
}

impl Bridge {
    /// With all guests running. `None`, with a message, where namespaces cannot be created.
    pub fn new(test: &str) -> Option<Bridge> {
        let bridge = Bridge::without_guests(test)?;
        for (guest, ..) in GUESTS {
            bridge.give(guest, guest);
            bridge.boot(guest);
        }
        Some(bridge)
    }

    /// The guests' NICs are connected, but no guest has sent anything.
    pub fn without_guests(test: &str) -> Option<Bridge> {
        let id = std::process::id();
        let bridge = Bridge {
            name: format!("pegel-{id}-{test}"),
            dir: std::env::temp_dir().join(format!("pegel-guard-{id}-{test}")),
            count: AtomicU16::new(0),
        };
        if !namespace(&bridge.ns("host")) {
            return None;
        }
        fs::create_dir_all(&bridge.dir).unwrap();
        bridge.host();
        bridge.world();
        bridge.describe_guests();
        Some(bridge)
    }

    pub fn ns(&self, side: &str) -> String {
        format!("{}-{side}", self.name)
    }

    fn host(&self) {
        let world = self.ns("world");
        ip(&format!("netns add {world}"));
        let mut cables = vec![("eno1", HOST, world, WORLD)];
        for (guest, _, port) in GUESTS {
            let namespace = self.ns(&guest.to_string());
            ip(&format!("netns add {namespace}"));
            cables.push((port, [0xfe, 0x54, 0, 0, 1, guest - 100], namespace, mac(guest)));
        }
        // A bridge has the address of its uplink.
        let mut batch = format!("link set lo up\nlink add vmbr0 address {} type bridge forward_delay 0\n", text(HOST));
        for (port, near, namespace, far) in &cables {
            let (near, far) = (text(*near), text(*far));
            batch += &format!(
                "link add {port} address {near} type veth peer name eth0 address {far} netns {namespace}\n\
                 link set {port} master vmbr0\n"
            );
        }
        self.ip("host", &batch);
        // As Proxmox does: ports of a bridge have no addresses.
        for (port, ..) in &cables {
            self.set("host", &format!("ipv6/conf/{port}/disable_ipv6"), "1");
        }
        self.set("host", "ipv6/conf/vmbr0/accept_ra", "0");
        let ports: String = cables.iter().map(|(port, ..)| format!("link set {port} up\n")).collect();
        let rest = "addr add 10.231.8.2/24 dev vmbr0\naddr add fd00:231:8::2/64 dev vmbr0 nodad\nlink set vmbr0 up\n\
                    route add default via 10.231.8.1\n-6 route add default via fe80::1 dev vmbr0\n";
        self.ip("host", &ports);
        for line in rest.lines() {
            ip(&format!("-n {} {line}", self.ns("host")));
        }
    }

    fn world(&self) {
        for key in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            self.set("world", key, "1");
        }
        self.ip(
            "world",
            "link set eth0 addrgenmode none\naddr add 10.231.8.1/24 dev eth0\naddr add fd00:231:8::1/64 dev eth0 nodad\n\
             addr add fe80::1/64 dev eth0 nodad\naddr add 198.51.100.20/32 dev lo\nlink set lo up\nlink set eth0 up\n",
        );
    }

    /// Writes the guests' files as in Proxmox's file system.
    fn describe_guests(&self) {
        let node = self.dir.join("pve/nodes/alpha");
        fs::create_dir_all(node.join("qemu-server")).unwrap();
        fs::create_dir_all(node.join("lxc")).unwrap();
        std::os::unix::fs::symlink("nodes/alpha", self.dir.join("pve/local")).unwrap();
        for (guest, ..) in GUESTS {
            self.describe(guest, &format!("ip={}/24,gw={GATEWAY},ip6={}/64,gw6=fe80::1", v4(guest), v6(guest)));
        }
    }

    /// Writes a guest's file with these addresses.
    pub fn describe(&self, guest: u8, addresses: &str) {
        let (_, name, port) = GUESTS.into_iter().find(|(id, ..)| *id == guest).unwrap();
        let mac = text(mac(guest)).to_uppercase();
        let (kind, conf) = if port.starts_with("veth") {
            let net = format!("net0: name=eth0,bridge=vmbr0,hwaddr={mac},{addresses},type=veth\n");
            ("lxc", format!("arch: amd64\nhostname: {name}\n{net}ostype: debian\n"))
        } else {
            let net = format!("net0: virtio={mac},bridge=vmbr0\n");
            ("qemu-server", format!("ipconfig0: {addresses}\nmemory: 2048\nname: {name}\n{net}onboot: 1\n"))
        };
        fs::write(self.dir.join("pve/nodes/alpha").join(kind).join(format!("{guest}.conf")), conf).unwrap();
    }

    /// Removes a guest's file.
    pub fn forget(&self, guest: u8) {
        fs::remove_file(self.dir.join(format!("pve/nodes/alpha/qemu-server/{guest}.conf"))).unwrap();
    }

    /// Starts this number of containers, `c1` and following, 172.17.0.11 and following, on a separate bridge that the host
    /// routes for.
    pub fn containers(&self, number: u8) {
        let host = self.ns("host");
        self.ip("host", "link add docker0 type bridge\n");
        ip(&format!("-n {host} addr add 172.17.0.1/16 dev docker0"));
        self.set("host", "ipv4/ip_forward", "1");
        for n in 1..=number {
            let side = format!("c{n}");
            let namespace = self.ns(&side);
            ip(&format!("netns add {namespace}"));
            self.ip(
                "host",
                &format!(
                    "link add vethc{n} type veth peer name eth0 netns {namespace}\nlink set vethc{n} master docker0 up\n"
                ),
            );
            self.ip(&side, &format!("addr add 172.17.0.{}/16 dev eth0\nlink set eth0 up\n", 10 + n));
            ip(&format!("-n {namespace} route add default via 172.17.0.1"));
        }
        self.ip("host", "link set docker0 up\n");
        let rule = "nat 'postrouting { type nat hook postrouting priority 100; oifname vmbr0 masquerade; }'";
        self.shell(
            "host",
            &format!(
                "(nft add table ip nat && nft add chain ip {rule}) || \
                 iptables -t nat -A POSTROUTING -o vmbr0 -j MASQUERADE || echo 'not translated: neither nft nor iptables'"
            ),
        );
        ip(&format!("-n {} route add 172.17.0.0/16 via 10.231.8.2", self.ns("world")));
    }

    fn set(&self, side: &str, key: &str, value: &str) {
        self.shell(side, &format!("echo {value} > /proc/sys/net/{key}"));
    }

    /// Runs lines of `ip -batch` in one namespace.
    pub fn ip(&self, side: &str, lines: &str) {
        let file = self.file("batch", lines);
        ip(&format!("-n {} -batch {}", self.ns(side), file.display()));
    }

    pub fn shell(&self, side: &str, script: &str) {
        let output = command_in(&self.ns(side), Path::new("bash"), &["-c", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Gives a guest addresses, without duplicate address detection.
    pub fn give(&self, guest: u8, number: u8) {
        let lines = format!("addr replace {}/24 dev eth0\naddr replace {}/64 dev eth0 nodad\n", v4(number), v6(number));
        self.ip(&guest.to_string(), &lines);
    }

    /// Removes all addresses of a family.
    pub fn lose(&self, side: &str, version: u8) {
        ip(&format!("-n {} -{version} addr flush dev eth0", self.ns(side)));
    }

    /// Starts the guest's network stack: it joins groups, tests its addresses and solicits routers.
    pub fn boot(&self, guest: u8) {
        let side = guest.to_string();
        self.ip(&side, "link set lo up\nlink set eth0 up\n");
        let has_v4 = Command::new("ip")
            .args(["-n", &self.ns(&side), "-4", "addr", "show", "dev", "eth0"])
            .output()
            .is_ok_and(|output| !output.stdout.is_empty());
        if has_v4 {
            ip(&format!("-n {} route replace default via {GATEWAY}", self.ns(&side)));
            ip(&format!("-n {} -6 route replace default via fe80::1 dev eth0", self.ns(&side)));
        }
    }

    /// Sends one datagram through the guest's stack, which resolves the next hop first.
    pub fn talk(&self, side: &str, to: &str) {
        self.shell(side, &format!("echo hello > /dev/udp/{to}/9 || true"));
    }

    /// Sends a datagram of each family to the world every half second, through the guest's stack.
    pub fn keep_talking(&self, guest: u8) -> Sending {
        let script =
            "while sleep 0.5; do for to in 198.51.100.20 2001:db8::20; do echo hello > /dev/udp/$to/9; done; done";
        let mut command = command_in(&self.ns(&guest.to_string()), Path::new("bash"), &["-c", script]);
        // Each datagram that cannot be sent is an error message.
        Sending(command.stderr(Stdio::null()).spawn().unwrap())
    }

    /// Waits until the stack behind `side` has resolved an address to a MAC address.
    pub fn wait_for_neighbour(&self, side: &str, address: &str) {
        let start = Instant::now();
        loop {
            let output =
                Command::new("ip").args(["-n", &self.ns(side), "neigh", "show", "to", address]).output().unwrap();
            if String::from_utf8_lossy(&output.stdout).contains("lladdr") {
                return;
            }
            assert!(start.elapsed() < GUARD, "{side} does not resolve {address}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the stack behind `side` has an address, or has it no more.
    pub fn wait_for_address(&self, side: &str, address: &str, present: bool) {
        let start = Instant::now();
        let shown = format!(" {address}/");
        loop {
            let output = Command::new("ip").args(["-n", &self.ns(side), "addr", "show"]).output().unwrap();
            if String::from_utf8_lossy(&output.stdout).contains(&shown) == present {
                return;
            }
            assert!(start.elapsed() < GUARD, "{side}: {address} does not become {present}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a program behind `side` is bound to a UDP port.
    pub fn wait_for_udp(&self, side: &str, port: u16) {
        let (local, start) = (format!(":{port:04X} "), Instant::now());
        loop {
            let output = command_in(&self.ns(side), Path::new("cat"), &["/proc/net/udp"]).output().unwrap();
            if String::from_utf8_lossy(&output.stdout).contains(&local) {
                return;
            }
            assert!(start.elapsed() < GUARD, "{side}: nothing is bound to port {port}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Adds a namespace, which ends with the bed.
    pub fn add(&self, side: &str) -> String {
        assert!(MORE.contains(&side), "unknown namespace {side}");
        let namespace = self.ns(side);
        ip(&format!("netns add {namespace}"));
        namespace
    }

    /// A file in the directory of the bed.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn number(&self) -> u16 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.join(format!("{name}-{}", self.number()));
        fs::write(&path, text).unwrap();
        path
    }

    fn sender(&self, side: &str, interface: &str, verb: &str, text: &str) -> Child {
        let file = self.file("send", text).display().to_string();
        let mut command = command_in(&self.ns(side), &peer(), &[verb, interface, &file]);
        command.stdout(Stdio::null()).spawn().unwrap()
    }

    /// Sends these frames by the NIC of a guest or of the world, past its stack.
    pub fn send(&self, side: &str, script: &Script) {
        self.send_by(side, "eth0", script);
    }

    pub fn send_by(&self, side: &str, interface: &str, script: &Script) {
        assert!(self.sender(side, interface, "frames", script.text()).wait().unwrap().success());
    }

    /// The same in the background.
    pub fn start_sending(&self, side: &str, script: &Script) -> Sending {
        Sending(self.sender(side, "eth0", "frames", script.text()))
    }

    /// Plays a synthetic scenario by one NIC.
    pub fn play(&self, side: &str, scenario: &str) {
        assert!(self.sender(side, "eth0", "send", scenario).wait().unwrap().success());
    }

    /// Starts a Pegel on the host for each set of interfaces, with the guests from the Proxmox files. `more` is added to the
    /// configuration: keys of the uplink, or other sections.
    pub fn watch(&self, interface_sets: &[&[&str]], more: &str) -> Vec<Pegel> {
        let watching: Vec<Pegel> = interface_sets.iter().map(|interfaces| self.watch_one(interfaces, more)).collect();
        watching.iter().for_each(Pegel::wait_until_ready);
        watching
    }

    fn watch_one(&self, interfaces: &[&str], more: &str) -> Pegel {
        let conf = format!(
            "networks = [\"10.231.8.0/24\", \"fd00:231:8::/64\", \"172.17.0.0/16\"]\n[inventory]\nproxmox = {:?}\n\
             libvirt = []\n[[interface]]\nname = \"eno1\"\nrole = \"uplink\"\nbridge = \"vmbr0\"\n{more}",
            self.dir.join("pve")
        );
        let conf = self.file("pegel.toml", &conf).display().to_string();
        let number = self.number();
        let dir = self.dir.join(format!("watch-{number}"));
        fs::create_dir_all(&dir).unwrap();
        let mut arguments = vec!["--config", &conf];
        interfaces.iter().for_each(|interface| arguments.extend(["-i", interface]));
        Pegel::spawn(&self.ns("host"), &dir, &format!("127.0.0.1:{}", 7343 + number), &arguments)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let guests = GUESTS.iter().map(|(guest, ..)| guest.to_string());
        let containers = (1..=3).map(|number| format!("c{number}"));
        let more = MORE.iter().map(|side| (*side).to_owned());
        for side in guests.chain(containers).chain(more).chain(["world".to_owned(), "host".to_owned()]) {
            let _ = Command::new("ip").args(["netns", "del", &self.ns(&side)]).output();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Ends with the test.
pub struct Sending(Child);

impl Sending {
    pub fn wait(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until enough packet time has passed for everything that the last frame may raise. Detectors that need more time
/// are waited for by their vector.
pub fn settle(watching: &[Pegel]) {
    watching.iter().for_each(|pegel| pegel.wait_for_packet_time(1.3));
}

impl Pegel {
    pub fn wait_for_vector(&self, vector: &str) {
        let start = Instant::now();
        let has_vector = |incident: &Value| incident["vectors"].as_array().unwrap().iter().any(|known| known == vector);
        loop {
            let all = self.all_incidents();
            if all.iter().any(has_vector) {
                return;
            }
            assert!(start.elapsed() < GUARD, "no incident with {vector}: {all:#?}; log:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// All incidents, open and closed, whose number must be `number`.
    pub fn only_incidents(&self, number: usize) -> Vec<Value> {
        let all = self.all_incidents();
        assert_eq!(all.len(), number, "incidents: {all:#?}");
        all
    }

    pub fn all_incidents(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/incidents");
        let all: Value = serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer:?}\n{}", self.log()));
        ["open", "recent"].iter().flat_map(|state| all[state].as_array().cloned().unwrap_or_default()).collect()
    }

    /// Asserts that packets were captured and that no incident is above severity info.
    pub fn assert_silent(&self) {
        let all = self.all_incidents();
        let loud: Vec<_> = all.iter().filter(|incident| incident["severity"] != "info").collect();
        assert!(loud.is_empty(), "{loud:#?}");
        let page = self.get("/metrics");
        let captured =
            page.lines().filter(|line| line.starts_with("pegel_capture_packets_total{") && !line.ends_with(" 0"));
        assert!(captured.count() > 0, "no packet was captured");
    }
}

/// All evidence messages of an incident.
pub fn message(incident: &Value) -> String {
    let all = incident["evidence"].as_array().unwrap().iter();
    all.map(|evidence| evidence["message"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Asserts that the incident names this guest and its port.
pub fn assert_names(incident: &Value, guest: u8) {
    let (id, name, port) = GUESTS.into_iter().find(|(id, ..)| *id == guest).unwrap();
    assert_eq!(incident["target"]["guest"], format!("{id} ({name})"), "{incident:#}");
    let message = message(incident);
    assert!(message.contains(port), "{port} in {message}");
}
