//! What the sandbox must refuse, tried: `pegel run --print-sandbox` shows the results.

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

/// Something that was tried.
pub struct Attempt {
    /// What.
    pub what: &'static str,
    /// Why it failed; `None`: it is possible.
    pub refused: Option<String>,
}

/// Tries what a process in the sandbox must not be able to do. Nothing of it has an effect where it succeeds, but that `true` runs
/// and an empty file in the temporary directory comes and goes.
pub fn attempts() -> Vec<Attempt> {
    let any = SocketFlags::CLOEXEC;
    let own = std::env::temp_dir().join(format!("pegel-sandbox-{}", std::process::id()));
    let write = std::fs::write(&own, "").map(|()| {
        // Only where the sandbox failed to refuse it; the report says so.
        let _ = std::fs::remove_file(&own);
    });
    let raw = CapabilitySets {
        effective: CapabilitySet::NET_RAW,
        permitted: CapabilitySet::NET_RAW,
        inheritable: CapabilitySet::empty(),
    };
    // A port that no receiver has: the connection must be refused by the kernel of this machine before it is by anyone else.
    let unused = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    vec![
        attempt("run a program (/bin/true)", Command::new("/bin/true").status()),
        attempt("open a packet socket", socket_with(AddressFamily::PACKET, SocketType::RAW, any, None)),
        attempt("open a raw IP socket", socket_with(AddressFamily::INET, SocketType::RAW, any, Some(ipproto::ICMP))),
        attempt("gain CAP_NET_RAW", set_capabilities(None, raw)),
        attempt("read /etc/passwd", std::fs::read("/etc/passwd")),
        attempt("read /etc/shadow", std::fs::read("/etc/shadow")),
        attempt("write into the temporary directory", write),
        attempt("listen on a TCP port", TcpListener::bind((Ipv4Addr::LOCALHOST, 0))),
        Attempt {
            what: "connect to TCP port 9",
            // The host's refusal comes after that of the sandbox.
            refused: match TcpStream::connect_timeout(&unused, Duration::from_secs(1)) {
                Ok(_) => None,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Some(error.to_string()),
                Err(_) => None,
            },
        },
    ]
}

fn attempt<T, E: ToString>(what: &'static str, outcome: Result<T, E>) -> Attempt {
    Attempt { what, refused: outcome.err().map(|error| error.to_string()) }
}
