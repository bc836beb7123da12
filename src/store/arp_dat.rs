//! The database of arpwatch(8), `arp.dat`: one line per pairing, with tabs between the fields.
//!
//! ```text
//! MAC address  IPv4 address  time of the last packet  [host name  [interface]]
//! 0:c:29:1:2:3  203.0.113.7  1767225600               shop        eth0
//! ```
//!
//! Octets of MAC addresses have no leading zero; the time is in seconds since 1970. Which fields follow the time depends on
//! the version of arpwatch.

use crate::base::{Addr, Mac, Pairing, Timestamp};

/// Seconds by which a time may be ahead of this machine's clock.
const AHEAD_SECONDS: f64 = 86_400.0;

/// One line: the pairing, and the interface where the line names one.
#[derive(Clone, Debug, PartialEq)]
pub struct ArpDatLine {
    /// The pairing. `since` is [`Timestamp::ZERO`], since the file does not say it.
    pub pairing: Pairing,
    /// Name of the interface on which arpwatch saw it.
    pub interface: Option<String>,
}

/// Reads a line; `None` for an empty one. `now` is the time of the import.
///
/// # Errors
/// What is wrong with it.
pub fn arp_dat_line(line: &str, now: Timestamp) -> Result<Option<ArpDatLine>, String> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    // Host names may be empty, so that only tabs count; a file that went through an editor may have lost them.
    let fields: Vec<&str> = match line.contains('\t') {
        true => line.split('\t').map(str::trim).collect(),
        false => line.split_whitespace().collect(),
    };
    let [mac, address, time, rest @ ..] = fields.as_slice() else {
        return Err("must have a MAC address, an IP address and a time".to_owned());
    };
    let mac = mac_address(mac)?;
    let address: Addr = address.parse().map_err(|_| format!("{address:?} is not an IP address"))?;
    if address.is_group_or_none() || address.is_loopback() {
        return Err(format!("{address} is no address of a station"));
    }
    let seconds: u64 = time.parse().map_err(|_| format!("{time:?} is not a time in seconds since 1970"))?;
    let last = Timestamp::from_parts(seconds, 0);
    if last.seconds_since(now) > AHEAD_SECONDS {
        return Err(format!("the time {seconds} is in the future"));
    }
    let interface = rest.get(1).filter(|name| !name.is_empty());
    if interface.is_some_and(|name| name.len() > MAX_NAME || name.contains(char::is_control)) {
        return Err("the name of the interface is not one".to_owned());
    }
    Ok(Some(ArpDatLine {
        pairing: Pairing { mac, address: Some(address), since: Timestamp::ZERO, last },
        interface: interface.map(|name| (*name).to_owned()),
    }))
}

/// Longest name of an interface in bytes: IFNAMSIZ - 1.
const MAX_NAME: usize = 15;

/// A MAC address whose octets have one or two digits.
fn mac_address(text: &str) -> Result<Mac, String> {
    let octet = |part: &str| match part.len() {
        1 | 2 if part.bytes().all(|byte| byte.is_ascii_hexdigit()) => u8::from_str_radix(part, 16).ok(),
        _ => None,
    };
    let octets: Option<Vec<u8>> = text.split(':').map(octet).collect();
    let mac = octets.and_then(|octets| <[u8; 6]>::try_from(octets).ok()).map(Mac);
    let mac = mac.ok_or_else(|| format!("{text:?} is not a MAC address"))?;
    if mac.is_group() || mac == Mac::ZERO {
        return Err(format!("{mac} is no address of a station"));
    }
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_parts(1_767_225_600, 0);

    /// MAC address, IP address, seconds and interface.
    type Fields = (String, String, u64, Option<String>);

    fn read(line: &str) -> Result<Option<Fields>, String> {
        let read = arp_dat_line(line, NOW)?;
        Ok(read.map(|ArpDatLine { pairing, interface }| {
            let address = pairing.address.map_or_else(String::new, |address| address.to_string());
            (pairing.mac.to_string(), address, pairing.last.nanos() / 1_000_000_000, interface)
        }))
    }

    #[test]
    fn lines_of_all_versions_are_read() {
        let expected = |interface: Option<&str>| {
            let interface = interface.map(str::to_owned);
            Ok(Some(("00:0c:29:01:02:03".to_owned(), "203.0.113.7".to_owned(), 1_700_000_000, interface)))
        };
        assert_eq!(read("0:c:29:1:2:3\t203.0.113.7\t1700000000"), expected(None));
        assert_eq!(read("0:c:29:1:2:3\t203.0.113.7\t1700000000\tshop"), expected(None));
        assert_eq!(read("0:c:29:1:2:3\t203.0.113.7\t1700000000\tshop\teth0"), expected(Some("eth0")));
        assert_eq!(read("0:c:29:1:2:3\t203.0.113.7\t1700000000\t\teth0\r"), expected(Some("eth0")));
        assert_eq!(read("00:0C:29:01:02:03 203.0.113.7 1700000000 shop eth0"), expected(Some("eth0")));
        assert_eq!(read("  "), Ok(None));
    }

    #[test]
    fn wrong_lines_are_named_as_such() {
        for (line, message) in [
            ("0:c:29:1:2\t203.0.113.7\t1", "\"0:c:29:1:2\" is not a MAC address"),
            ("0:c:29:1:2:003\t203.0.113.7\t1", "\"0:c:29:1:2:003\" is not a MAC address"),
            ("0:c:29:1:2:+3\t203.0.113.7\t1", "\"0:c:29:1:2:+3\" is not a MAC address"),
            ("ff:ff:ff:ff:ff:ff\t203.0.113.7\t1", "ff:ff:ff:ff:ff:ff is no address of a station"),
            ("0:c:29:1:2:3\t203.0.113\t1", "\"203.0.113\" is not an IP address"),
            ("0:c:29:1:2:3\t255.255.255.255\t1", "255.255.255.255 is no address of a station"),
            ("0:c:29:1:2:3\t203.0.113.7\tnow", "\"now\" is not a time in seconds since 1970"),
            ("0:c:29:1:2:3\t203.0.113.7\t4000000000", "the time 4000000000 is in the future"),
            ("0:c:29:1:2:3\t203.0.113.7", "must have a MAC address, an IP address and a time"),
            (
                "0:c:29:1:2:3\t203.0.113.7\t1\tshop\tan-interface-with-a-long-name",
                "the name of the interface is not one",
            ),
        ] {
            assert_eq!(read(line), Err(message.to_owned()));
        }
    }
}
