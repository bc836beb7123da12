//! Guests as operators see them: files as written by Proxmox VE, libvirt and providers, read by the program.
//!
//! One test queries the kernel in separate network namespaces. It needs root and iproute2; without these it prints a
//! message and passes.

mod bed;

use bed::ip;
use pegel::base::Mac;
use pegel::inventory::{Inventory, Sources};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory that is removed at the end of the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guests-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("below")).expect("a directory");
        fs::write(&path, content).expect("a file");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A cluster of two nodes, of which this machine is `alpha`: three machines and two containers.
    fn proxmox(&self) -> PathBuf {
        let conf = |node: &str, kind: &str, id: u32, text: &str| {
            self.file(&format!("pve/nodes/{node}/{kind}/{id}.conf"), text)
        };
        conf(
            "alpha",
            "qemu-server",
            104,
            "#web shop%3A do not touch\nagent: 1\nboot: order=scsi0;ide2;net0\ncores: 4\n\
             ipconfig0: ip=203.0.113.4/24,gw=203.0.113.1,ip6=2001:db8:10:4::1/64,gw6=fe80::1\nmemory: 4096\n\
             meta: creation-qemu=9.0.2,ctime=1767225600\nname: shop\n\
             net0: virtio=BC:24:11:2C:69:EC,bridge=vmbr0,firewall=1\nonboot: 1\nostype: l26\nparent: before-upgrade\n\
             scsi0: local-zfs:vm-104-disk-0,iothread=1,size=32G\nscsihw: virtio-scsi-single\n\
             smbios1: uuid=00000000-0000-4000-8000-000000000104\n\n\
             [before-upgrade]\n#state before\nname: oldshop\nnet0: virtio=BC:24:11:FF:FF:FF,bridge=vmbr9\nsnaptime: 1767225601\n\n\
             [PENDING]\nnet0: virtio=BC:24:11:EE:EE:EE,bridge=vmbr0\n",
        );
        conf(
            "alpha",
            "qemu-server",
            105,
            "name: router\nnet0: e1000=BC:24:11:00:05:00,bridge=vmbr0,tag=5\n\
             net1: model=virtio,macaddr=bc:24:11:00:05:01,bridge=vmbr1,trunks=10;20-29\n",
        );
        conf(
            "beta",
            "qemu-server",
            106,
            "name: elsewhere\nnet0: virtio=BC:24:11:00:06:00,bridge=vmbr0\nipconfig0: ip=dhcp\n",
        );
        conf(
            "alpha",
            "lxc",
            201,
            "arch: amd64\ncores: 1\nhostname: mail\nmemory: 512\n\
             net0: name=eth0,bridge=vmbr0,firewall=1,gw=203.0.113.1,hwaddr=BC:24:11:00:20:01,ip=203.0.113.9/24,ip6=auto,type=veth\n\
             ostype: debian\nrootfs: local-zfs:subvol-201-disk-0,size=8G\nunprivileged: 1\n\n[vzdump]\nhostname: oldmail\n",
        );
        conf(
            "beta",
            "lxc",
            202,
            "hostname: dns\nnet0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:20:02,ip=dhcp,tag=7,type=veth\n",
        );
        self.file("pve/nodes/alpha/qemu-server/104.conf.tmp.1", "net0: virtio=x\n");
        std::os::unix::fs::symlink("nodes/alpha", self.0.join("pve/local")).expect("a link");
        self.0.join("pve")
    }

    /// A running domain and one that is only defined.
    fn libvirt(&self) -> Vec<PathBuf> {
        let card = |inside: &str| {
            format!(
                "<devices><interface type='bridge'><mac address='52:54:00:aa:00:01'/><source bridge='br0'/>{inside}</interface></devices>"
            )
        };
        let filter = "<filterref filter='clean-traffic'><parameter name='IP' value='203.0.113.20'/></filterref>";
        let defined = format!("<domain type='kvm'>\n  <name>db</name>\n{}</domain>\n", card(filter));
        let runs = card(&format!("<target dev='vnet3'/>{filter}"));
        self.file("etc/db.xml", defined.clone());
        self.file("etc/off.xml", defined.replace("db", "off").replace("aa:00:01", "aa:00:02"));
        self.file("etc/networks/default.xml", "<network><name>default</name></network>");
        self.file(
            "run/db.xml",
            format!(
                "<domstatus state='running'>\n<domain type='kvm' id='1'><name>db</name>{runs}</domain></domstatus>"
            ),
        );
        self.file("run/driver.pid", "1");
        vec![self.0.join("etc"), self.0.join("run"), self.0.join("none")]
    }

    /// A configuration with all of these sources, without the kernel's state.
    fn config(&self, tables: &[&str]) -> String {
        let (proxmox, libvirt) = (self.proxmox(), self.libvirt());
        let text = format!(
            "[inventory]\nproxmox = {:?}\nlibvirt = {:?}\ntables = {tables:?}\nkernel = false\n\
             [[guest]]\nname = \"printer\"\nmac = \"52:54:00:00:00:99\"\naddresses = [\"203.0.113.99\"]\nvlan = 9\n",
            proxmox, libvirt
        );
        self.file("pegel.toml", text)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pegel(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pegel"));
    command.args(arguments).env_remove("PEGEL_CONFIG").stdin(Stdio::null()).output().expect("pegel runs")
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

/// The lines that `pegel guests` prints, with white space collapsed.
fn rows(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

const PANEL: &str = "IP;Virtual MAC;VM name\n203.0.113.5;BC-24-11-00-05-00;router\n203.0.113.40;02:00:00:aa:bb:01;\n;02:00:00:aa:bb:02;spare\n";

#[test]
fn all_sources_are_merged_into_one_table() {
    let directory = Directory::new("joined");
    let panel = directory.file("panel.csv", PANEL);
    let granted = directory.file("granted.txt", "# March\n0050.5600.1122\n00:50:56:00:11:23  # second\n");
    let config = directory.config(&[&panel, &granted]);
    let output = pegel(&["guests", "--strict", "--config", &config]);
    assert!(output.status.success(), "{}", err(&output));
    let expected = [
        "GUEST ORIGIN MAC ADDRESSES VLAN BRIDGE PORT STATE LEARNED ON",
        "104 (shop) proxmox bc:24:11:2c:69:ec 203.0.113.4/32 2001:db8:10:4::1/128 vmbr0 tap104i0 absent",
        "105 (router) proxmox bc:24:11:00:05:00 203.0.113.5/32 5 vmbr0 tap105i0 absent",
        "105 (router) proxmox bc:24:11:00:05:01 vmbr1 tap105i1 absent",
        "106 (elsewhere) proxmox bc:24:11:00:06:00 vmbr0",
        "201 (mail) proxmox bc:24:11:00:20:01 203.0.113.9/32 vmbr0 veth201i0 absent",
        "202 (dns) proxmox bc:24:11:00:20:02 7 vmbr0",
        "db libvirt 52:54:00:aa:00:01 203.0.113.20/32 br0 vnet3 absent",
        "off libvirt 52:54:00:aa:00:02 203.0.113.20/32 br0",
        "printer static 52:54:00:00:00:99 203.0.113.99/32 9",
        "02:00:00:aa:bb:01 static 02:00:00:aa:bb:01 203.0.113.40/32",
        "",
        "GRANTED MAC LEARNED ON",
        "00:50:56:00:11:22",
        "00:50:56:00:11:23",
        "02:00:00:aa:bb:01",
        "02:00:00:aa:bb:02",
        "bc:24:11:00:05:00",
    ];
    assert_eq!(rows(out(&output)), expected);
    assert_eq!(err(&output), "");
}

#[test]
fn json_has_the_same_contents() {
    let directory = Directory::new("json");
    let config = directory.config(&[]);
    let output = pegel(&["guests", "--format", "json", "--config", &config]);
    let all: Value = serde_json::from_str(out(&output)).expect("JSON");
    assert_eq!(out(&output).lines().count(), 1);
    let guests = all["guests"].as_array().expect("guests");
    assert_eq!(guests.len(), 8);
    let nic = &guests[0]["nics"][0];
    assert_eq!(
        (&guests[0]["id"], &guests[0]["name"], &guests[0]["origin"]),
        (&"104".into(), &"shop".into(), &"proxmox".into())
    );
    assert_eq!(
        (&nic["mac"], &nic["filtered"], &nic["vlan"]),
        (&"bc:24:11:2c:69:ec".into(), &true.into(), &Value::Null)
    );
    assert_eq!(nic["addresses"], serde_json::json!(["203.0.113.4/32", "2001:db8:10:4::1/128"]));
    assert_eq!(all["problems"], serde_json::json!([]));
}

#[test]
fn problems_are_reported_with_file_and_line_and_the_rest_is_used() {
    let directory = Directory::new("wrong");
    let missing = directory.path("nothing.csv");
    let table =
        directory.file("macs.csv", "02:00:00:aa:bb\n02:00:00:aa:bb:03\nBC:24:11:2C:69:EC,203.0.113.4,other name\n");
    let config = directory.config(&[&missing, &table]);
    let conf = directory.file(
        "pve/nodes/alpha/qemu-server/107.conf",
        b"name: b\xffd\nnet0: virtio=BC:24:11,bridge=vmbr0\n\x1b]0;title\x07\nnet1: virtio=BC:24:11:00:07:01\n",
    );
    let xml = directory.file("etc/broken.xml", "<domain>\n<name>broken</name>\n<devices></domain>");
    let huge = directory.file("pve/nodes/alpha/lxc/108.conf", vec![b'#'; (1 << 20) + 5]);
    let output = pegel(&["guests", "--config", &config]);
    assert!(output.status.success());
    let message = err(&output);
    let expected = [
        format!("pegel: warning: proxmox: {conf}:2: virtio=BC:24:11: not a MAC address"),
        format!("pegel: warning: proxmox: {conf}:3: not \"key: value\""),
        format!("pegel: warning: proxmox: {huge}: larger than 1048576 bytes"),
        format!("pegel: warning: libvirt: {xml}:3: "),
        format!("pegel: warning: static: {missing}: cannot be read: No such file"),
        format!("pegel: warning: static: {table}:1: no MAC address; the line is ignored"),
        "pegel: warning: static: bc:24:11:2c:69:ec: two guests have this MAC address, 104 (shop) (proxmox) and other name \
         (static); both are kept"
            .to_owned(),
    ];
    assert_eq!(message.lines().count(), expected.len(), "{message}");
    for (line, start) in message.lines().zip(&expected) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    assert!(!message.contains('\u{1b}') && !out(&output).contains('\u{1b}'));
    let table = rows(out(&output));
    assert!(table.iter().any(|row| row.starts_with("107 (b\u{fffd}d) proxmox bc:24:11:00:07:01")), "{table:#?}");
    assert!(
        table.iter().any(|row| row.starts_with("broken libvirt")) && table.contains(&"02:00:00:aa:bb:03".to_owned())
    );
    assert_eq!(pegel(&["guests", "--strict", "--config", &config]).status.code(), Some(1));
    let wrong = directory.file("wrong.toml", "[inventory]\nkernel = 1\n");
    assert_eq!(pegel(&["guests", "--config", &wrong]).status.code(), Some(3));
}

#[test]
fn the_stamp_changes_with_any_file() {
    let directory = Directory::new("stamp");
    let table = directory.file("macs.csv", "02:00:00:aa:bb:01\n");
    let sources = Sources {
        proxmox: directory.proxmox(),
        libvirt: directory.libvirt(),
        tables: vec![table.into(), directory.path("later.csv").into()],
        ..Sources::default()
    };
    let mut stamps = vec![sources.stamp()];
    let mut changed = |what: &str| {
        let stamp = sources.stamp();
        assert_eq!(stamp, sources.stamp(), "{what}: two readings differ");
        assert!(!stamps.contains(&stamp), "{what} is not seen");
        stamps.push(stamp);
    };
    directory.file("macs.csv", "02:00:00:aa:bb:02\n# one more\n");
    changed("a changed table");
    directory.file("later.csv", "");
    changed("a new table");
    directory.file("pve/nodes/beta/lxc/300.conf", "hostname: new\n");
    changed("a new guest");
    fs::rename(directory.0.join("pve/nodes/beta/lxc/300.conf"), directory.0.join("pve/nodes/alpha/lxc/300.conf"))
        .expect("moved");
    changed("a guest that migrated");
    fs::remove_file(directory.0.join("run/db.xml")).expect("removed");
    changed("a stopped guest");
    directory.file("etc/networks/other.xml", "");
    assert_eq!(sources.stamp(), *stamps.last().expect("some"), "other files change nothing");
}

/// Namespaces of a test, removed at its end.
struct Namespaces(Vec<String>);

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = Command::new("ip").args(["netns", "del", name]).output();
        }
    }
}

/// `None`, with a message, if namespaces cannot be created.
fn namespaces(names: &[&str]) -> Option<Namespaces> {
    let mut made = Namespaces(Vec::new());
    for name in names {
        let name = format!("pegel-guests-{}-{name}", std::process::id());
        match Command::new("ip").args(["netns", "add", &name]).output() {
            Ok(output) if output.status.success() => made.0.push(name),
            Ok(output) => {
                eprintln!("skipped: no network namespace: {}", String::from_utf8_lossy(&output.stderr).trim());
                return None;
            }
            Err(error) => {
                eprintln!("skipped: cannot run ip (iproute2): {error}");
                return None;
            }
        }
    }
    Some(made)
}

/// A bridge with a guest behind a veth, and routers.
#[test]
fn the_kernel_shows_learned_macs_and_routers() {
    let Some(made) = namespaces(&["host", "guest"]) else { return };
    let (host, guest) = (&made.0[0], &made.0[1]);
    ip(&format!("-n {host} link add vmbr0 type bridge"));
    ip(&format!("link add veth201i0 netns {host} type veth peer name eth0 address bc:24:11:00:20:01 netns {guest}"));
    ip(&format!("-n {host} link set veth201i0 master vmbr0"));
    for (namespace, link) in [(host, "vmbr0"), (host, "veth201i0"), (guest, "eth0")] {
        ip(&format!("-n {namespace} link set {link} up"));
    }
    // Some kernels lack VLAN support.
    let add_vlan = ["-n", host, "link", "add", "link", "vmbr0", "name", "vmbr0.7", "type", "vlan", "id", "7"];
    let has_vlans = Command::new("ip").args(add_vlan).output().expect("ip runs").status.success();
    ip(&format!("-n {host} addr add 10.231.9.1/24 dev vmbr0"));
    ip(&format!("-n {host} route add default nexthop via 10.231.9.2 dev vmbr0 nexthop via 10.231.9.3 dev vmbr0"));
    ip(&format!("-n {host} -6 route add default via fe80::1 dev vmbr0"));
    ip(&format!("-n {host} neigh replace 10.231.9.2 lladdr bc:24:11:00:20:01 dev vmbr0 nud reachable"));
    // The entry that the bridge would learn from a frame.
    let learn = [
        "netns",
        "exec",
        host,
        "bridge",
        "fdb",
        "replace",
        "bc:24:11:00:20:01",
        "dev",
        "veth201i0",
        "master",
        "dynamic",
    ];
    let learned = Command::new("ip").args(learn).output().expect("ip runs");
    assert!(learned.status.success(), "{}", String::from_utf8_lossy(&learned.stderr));

    let directory = Directory::new("kernel");
    let config =
        directory.file("pegel.toml", format!("[inventory]\nproxmox = {:?}\nlibvirt = []\n", directory.proxmox()));
    let program = env!("CARGO_BIN_EXE_pegel");
    let run = |arguments: &[&str]| {
        let all = [&["netns", "exec", host, program, "guests", "--strict", "--config", &config], arguments].concat();
        let output = Command::new("ip").args(all).output().expect("pegel runs");
        assert!(output.status.success(), "{}", err(&output));
        out(&output).to_owned()
    };
    let all: Value = serde_json::from_str(&run(&["--format", "json"])).expect("JSON");
    let mail = all["guests"].as_array().expect("guests").iter().find(|guest| guest["id"] == "201").expect("201");
    let nic = &mail["nics"][0];
    assert_eq!((&nic["port"], &nic["state"]), (&"veth201i0".into(), &"up".into()));
    assert_eq!(nic["learned"][0]["bridge"], "vmbr0");
    assert_eq!(nic["learned"][0]["port"], "veth201i0");
    let interface = |name: &str| {
        all["interfaces"].as_array().expect("links").iter().find(|link| link["name"] == name).expect(name).clone()
    };
    let (bridge, port) = (interface("vmbr0"), interface("veth201i0"));
    assert_eq!((&bridge["kind"], &bridge["master"]), (&"bridge".into(), &Value::Null));
    assert!(bridge["addresses"].as_array().expect("some").contains(&"10.231.9.1/24".into()));
    assert_eq!((&port["kind"], &port["master"], &port["parent"]), (&"veth".into(), &"vmbr0".into(), &Value::Null));
    assert_eq!((&port["guest"], &port["uplink_of"]), (&"201".into(), &Value::Null));
    if has_vlans {
        let vlan = interface("vmbr0.7");
        assert_eq!((&vlan["kind"], &vlan["parent"]), (&"vlan".into(), &"vmbr0".into()));
    }
    let gateways = all["gateways"].as_array().expect("gateways");
    let shown: Vec<(&str, &str)> = gateways
        .iter()
        .map(|gateway| (gateway["address"].as_str().unwrap_or(""), gateway["mac"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(shown, [("10.231.9.2", "bc:24:11:00:20:01"), ("10.231.9.3", ""), ("fe80::1", "")]);
    let table = rows(&run(&[]));
    let row = "201 (mail) proxmox bc:24:11:00:20:01 203.0.113.9/32 vmbr0 veth201i0 up vmbr0/veth201i0";
    assert!(table.iter().any(|line| line.starts_with(row)), "{table:#?}");
    assert!(table.iter().any(|line| line.contains("net0 of 201 (mail)")), "{table:#?}");
}

#[test]
fn a_list_of_a_provider_grants_the_addresses_of_its_guests_as_well() {
    let directory = Directory::new("apart");
    let sources = Sources { tables: vec![directory.file("panel.csv", PANEL).into()], ..Sources::default() };
    let inventory = Inventory::read(&sources);
    assert_eq!(inventory.problems, Vec::new());
    let router = Mac([0xbc, 0x24, 0x11, 0, 5, 0]);
    let all = [Mac([2, 0, 0, 0xaa, 0xbb, 1]), Mac([2, 0, 0, 0xaa, 0xbb, 2]), router];
    assert_eq!(inventory.assigned_macs.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(
        inventory.guests.iter().map(|guest| guest.name.as_str()).collect::<Vec<_>>(),
        ["router", "02:00:00:aa:bb:01"]
    );
}
