//! The daemons of a LAN, as Debian ships them, in the namespaces of a bed: dnsmasq, keepalived, radvd, udhcpc. Where one is
//! not installed, a test says so and passes.

use super::bridge::Bridge;
use super::{GUARD, command_in, ip};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Whether all programs are installed; if not, a message says which one is missing.
pub fn installed(programs: &[&str]) -> bool {
    let missing = |program: &&&str| {
        let paths = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
        !paths.iter().any(|path| Path::new(path).join(program).exists())
    };
    let Some(program) = programs.iter().find(missing) else { return true };
    eprintln!("skipped: {program} is not installed (.ci/deps test installs it)");
    false
}

/// A daemon that ends with the test.
pub struct Daemon(Child);

impl Daemon {
    fn start(bed: &Bridge, side: &str, program: &str, arguments: &[&str], name: &str) -> Daemon {
        let log = fs::File::create(bed.path(&format!("{name}.log"))).unwrap();
        let mut command = command_in(&bed.ns(side), Path::new(program), arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Daemon(command.spawn().unwrap())
    }

    /// Ends it as systemd does.
    pub fn stop(mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let start = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < GUARD, "it does not stop");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // keepalived's children end with a signal that it forwards, not with a killed parent.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).output();
        let start = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A DHCP server for 10.231.8.180 to .199 that names a router.
pub fn dnsmasq(bed: &Bridge, side: &str, router: &str) -> Daemon {
    let file = |name: &str| bed.path(&format!("dnsmasq-{side}.{name}")).display().to_string();
    let (leases, pid) = (format!("--dhcp-leasefile={}", file("leases")), format!("--pid-file={}", file("pid")));
    let option = format!("--dhcp-option=option:router,{router}");
    let arguments = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--port=0",
        "--interface=eth0",
        "--user=root",
        "--dhcp-authoritative",
        "--dhcp-range=10.231.8.180,10.231.8.199,255.255.255.0,10m",
        "--log-facility=-",
        &option,
        &leases,
        &pid,
    ];
    let daemon = Daemon::start(bed, side, "dnsmasq", &arguments, &format!("dnsmasq-{side}"));
    bed.wait_for_udp(side, 67);
    daemon
}

/// A guest boots with a DHCP client, which configures what it gets. True if it got a lease.
pub fn lease(bed: &Bridge, side: &str) -> bool {
    let script = bed.path("udhcpc.script");
    let text = "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip addr replace $ip/24 dev $interface\n\
                ip route replace default via ${router%% *}\n";
    fs::write(&script, text).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&script).status().unwrap().success());
    let script = script.display().to_string();
    let arguments = ["-i", "eth0", "-f", "-q", "-n", "-t", "10", "-T", "1", "-a", "-s", &script];
    let mut command = command_in(&bed.ns(side), Path::new("udhcpc"), &arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// One router of a VRRP pair, which shares an address with the other.
pub fn keepalived(bed: &Bridge, side: &str, priority: u8, shared: &str) -> Daemon {
    let file = |name: &str| bed.path(&format!("keepalived-{side}.{name}")).display().to_string();
    let conf = format!(
        "global_defs {{\n  router_id {side}\n  vrrp_garp_master_delay 2\n}}\nvrrp_instance lan {{\n  state BACKUP\n  \
         interface eth0\n  virtual_router_id 51\n  priority {priority}\n  advert_int 1\n  virtual_ipaddress {{\n    \
         {shared}/24\n  }}\n}}\n"
    );
    fs::write(file("conf"), conf).unwrap();
    let (conf, pid, child) = (file("conf"), file("pid"), file("vrrp.pid"));
    let arguments = ["--dont-fork", "--log-console", "--vrrp", "-f", &conf, "-p", &pid, "-r", &child];
    Daemon::start(bed, side, "keepalived", &arguments, &format!("keepalived-{side}"))
}

/// A router that advertises a prefix every few seconds.
pub fn radvd(bed: &Bridge, side: &str, prefix: &str) -> Daemon {
    let file = |name: &str| bed.path(&format!("radvd-{side}.{name}")).display().to_string();
    let conf = format!(
        "interface eth0 {{\n  AdvSendAdvert on;\n  MinRtrAdvInterval 3;\n  MaxRtrAdvInterval 4;\n  prefix {prefix} {{ }};\n}};\n"
    );
    fs::write(file("conf"), conf).unwrap();
    bed.shell(side, "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    let (conf, pid) = (file("conf"), file("pid"));
    Daemon::start(bed, side, "radvd", &["-n", "-m", "stderr", "-C", &conf, "-p", &pid], &format!("radvd-{side}"))
}

/// Puts the world behind a second bridge, with two more routers beside it: `r1` and `r2`, 10.231.8.251 and .252.
pub fn routers(bed: &Bridge) {
    bed.ip(
        "world",
        "link add lan address 02:00:00:00:08:01 type bridge forward_delay 0\naddr flush dev eth0\nlink set eth0 master lan\n\
         link set lan addrgenmode none\naddr add 10.231.8.1/24 dev lan\naddr add fd00:231:8::1/64 dev lan nodad\n\
         addr add fe80::1/64 dev lan nodad\nlink set lan up\n",
    );
    for number in 1..=2 {
        let side = format!("r{number}");
        let namespace = bed.add(&side);
        bed.ip(
            "world",
            &format!(
                "link add r{number} type veth peer name eth0 address 02:00:00:00:08:1{number} netns {namespace}\n\
                 link set r{number} master lan up\n"
            ),
        );
        bed.ip(&side, &format!("link set lo up\nlink set eth0 up\naddr add 10.231.8.25{number}/24 dev eth0\n"));
        ip(&format!("-n {namespace} route add default via 10.231.8.1"));
        bed.shell(&side, "echo 1 > /proc/sys/net/ipv4/ip_forward");
    }
}
