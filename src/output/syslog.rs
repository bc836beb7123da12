//! The syslog sink: sends RFC 5424 messages, with the main facts as structured data, to a local or remote server.

use super::clock::wall_clock;
use super::sink::{Delivery, Sink};
use super::text;
use crate::base::{Severity, Timestamp};
use crate::incident::{Change, Event, Incident};
use crate::sandbox::helper;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::str::FromStr;
use std::time::Duration;

/// Time limit for connecting, and for sending.
const TIMEOUT: Duration = Duration::from_secs(5);
/// SD-ID of the structured data. 32473 is the enterprise number for documentation (RFC 5612), until Pegel has one.
const SD_ID: &str = "pegel@32473";

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogTarget {
    /// `/dev/log`.
    Local,
    /// A Unix datagram socket.
    Unix(String),
    /// `HOST:PORT`, one datagram per message (RFC 5426).
    Udp(String),
    /// `HOST:PORT`, with octet counting (RFC 6587).
    Tcp(String),
}

impl FromStr for SyslogTarget {
    type Err = ();

    fn from_str(text: &str) -> Result<SyslogTarget, ()> {
        let host = |address: &str| match address.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(address.to_owned()),
            _ => Err(()),
        };
        match text.split_once(':') {
            None if text == "local" => Ok(SyslogTarget::Local),
            Some(("unix", path)) if path.starts_with('/') => Ok(SyslogTarget::Unix(path.to_owned())),
            Some(("udp", address)) => host(address).map(SyslogTarget::Udp),
            Some(("tcp", address)) => host(address).map(SyslogTarget::Tcp),
            _ => Err(()),
        }
    }
}

impl fmt::Display for SyslogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SyslogTarget::Local => f.write_str("local"),
            SyslogTarget::Unix(path) => write!(f, "unix:{path}"),
            SyslogTarget::Udp(address) => write!(f, "udp:{address}"),
            SyslogTarget::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

enum Connection {
    Datagram(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

/// A connection to one syslog server.
pub struct Syslog {
    target: SyslogTarget,
    hostname: String,
    connection: Option<Connection>,
}

impl Syslog {
    /// Connects on the first delivery.
    pub fn new(target: &SyslogTarget) -> Syslog {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        // RFC 5424 §6.2.4: printable ASCII, or "-".
        let is_valid = !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_graphic());
        Syslog { target: target.clone(), hostname: if is_valid { name } else { "-".to_owned() }, connection: None }
    }

    fn connect(&self) -> io::Result<Connection> {
        let local = |path: &str| {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(TIMEOUT))?;
            Ok(Connection::Datagram(socket))
        };
        match &self.target {
            SyslogTarget::Local => local("/dev/log"),
            SyslogTarget::Unix(path) => local(path),
            SyslogTarget::Udp(address) => {
                let address = first(address)?;
                let socket = UdpSocket::bind(if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
                socket.connect(address)?;
                Ok(Connection::Udp(socket))
            }
            SyslogTarget::Tcp(address) => {
                let stream = TcpStream::connect_timeout(&first(address)?, TIMEOUT)?;
                // A server that does not read must not block this thread for ever.
                stream.set_write_timeout(Some(TIMEOUT))?;
                stream.set_nodelay(true)?;
                Ok(Connection::Tcp(stream))
            }
        }
    }
}

fn first(address: &str) -> io::Result<SocketAddr> {
    let none = || io::Error::other(format!("{address}: no such host"));
    let (host, port) = address.rsplit_once(':').ok_or_else(none)?;
    let port = port.parse().map_err(|_| none())?;
    helper::resolve(host, port, TIMEOUT)?.into_iter().next().ok_or_else(none)
}

impl Sink for Syslog {
    fn deliver(&mut self, event: &Event) -> io::Result<Delivery> {
        let message = message(event, &self.hostname, wall_clock());
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(self.connect()?),
        };
        let sent = match connection {
            Connection::Datagram(socket) => socket.send(message.as_bytes()).map(|_| ()),
            Connection::Udp(socket) => socket.send(message.as_bytes()).map(|_| ()),
            // Octet counting (RFC 6587 §3.4.1).
            Connection::Tcp(stream) => stream.write_all(format!("{} {message}", message.len()).as_bytes()),
        };
        if sent.is_err() {
            // The next delivery opens a new connection.
            self.connection = None;
        }
        sent.map(|()| Delivery::Delivered)
    }
}

/// A message (RFC 5424 §6) with the facility "daemon".
fn message(event: &Event, hostname: &str, now: Timestamp) -> String {
    const DAEMON: u8 = 3 << 3;
    let severity = match (event.incident.severity, event.change) {
        (_, Change::Closed) | (Severity::Info, _) => 6,
        (Severity::Warning, _) => 4,
        (Severity::Critical, _) => 2,
    };
    let (pid, change) = (std::process::id(), event.change.name());
    let (facts, summary) = (structured(event), text::summary(&event.incident));
    format!("<{}>1 {now} {hostname} pegel {pid} {change} {facts} incident {change}: {summary}", DAEMON | severity)
}

fn structured(event: &Event) -> String {
    let Incident { id, vector, direction, severity, target, peak, drill, .. } = &*event.incident;
    let facts = [
        ("id", id.clone()),
        ("change", event.change.name().to_owned()),
        ("vector", vector.name().to_owned()),
        ("direction", direction.name().to_owned()),
        ("severity", severity.name().to_owned()),
        ("target", target.label()),
        ("guest", target.guest.clone().unwrap_or_default()),
        ("interface", target.interface.clone().unwrap_or_default()),
        ("packetsPerSecond", peak.packets_per_second.to_string()),
        ("bitsPerSecond", peak.bits_per_second.to_string()),
        ("drill", drill.to_string()),
    ];
    let mut data = format!("[{SD_ID}");
    for (name, value) in facts {
        // Writing to a string cannot fail.
        let _ = write!(data, " {name}=\"{}\"", escaped(&value));
    }
    data + "]"
}

/// Escapes characters that would end a value (RFC 5424 §6.3.3).
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        if matches!(character, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(if character.is_control() { ' ' } else { character });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::incident;
    use std::sync::Arc;

    #[test]
    fn a_message_has_its_facts_as_structured_data() {
        let mut incident = incident();
        incident.target.guest = Some("a\"b]c\\d\n".to_owned());
        let event = Event { change: Change::Opened, incident: Arc::new(incident) };
        let text = message(&event, "gate", Timestamp::from_parts(1_800_000_000, 0));
        let start =
            format!("<26>1 2027-01-15T08:00:00.000Z gate pegel {} opened [pegel@32473 id=\"", std::process::id());
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains(r#" target="203.0.113.7" guest="a\"b\]c\\d " "#), "{text}");
        assert!(text.contains("] incident opened: critical syn_flood to 203.0.113.7"), "{text}");
        let mut over = Incident::clone(&event.incident);
        over.closed_at = Some(over.updated_at.plus_seconds(60.0));
        let event = Event { change: Change::Closed, incident: Arc::new(over) };
        let text = message(&event, "gate", Timestamp::from_parts(1_800_000_000, 0));
        assert!(
            text.contains("] incident closed: critical syn_flood to 203.0.113.7 (guest a\"b]c\\d\n): over after "),
            "{text}"
        );
    }

    #[test]
    fn targets_round_trip() {
        for text in ["local", "unix:/run/log", "udp:192.0.2.1:514", "tcp:[2001:db8::1]:601", "tcp:log.example:601"] {
            assert_eq!(text.parse::<SyslogTarget>().map(|target| target.to_string()), Ok(text.to_owned()));
        }
        for wrong in ["", "here", "udp:", "udp:host", "tcp::601", "unix:log", "udp:host:99999", "http:host:1"] {
            assert!(wrong.parse::<SyslogTarget>().is_err(), "{wrong}");
        }
    }
}
