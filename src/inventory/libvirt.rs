//! libvirt: guests from its domain definitions (<https://libvirt.org/formatdomain.html>).
//!
//! Definitions are in `/etc/libvirt/qemu`. A running domain has a second one in `/run/libvirt/qemu`, wrapped in
//! `<domstatus>`; only that one names the interfaces of this machine, so it takes precedence.

use super::entry;
use super::files::{self, Problems};
use super::{Guest, Nic, Origin};
use crate::base::Mac;
use ipnet::IpNet;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Maximum depth of nested elements; definitions have about ten levels.
const MAX_DEPTH: usize = 64;
/// Maximum NICs of one guest. PCI allows far fewer.
const MAX_NICS: usize = 1_024;

/// Every file that may define a domain. Subdirectories such as `networks` and `autostart` contain other things.
pub(super) fn files(directories: &[PathBuf], problems: &mut Problems) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in directories {
        files::list(directory, |name| name.ends_with(".xml"), &mut found, problems);
    }
    found
}

/// All domains, each once.
pub(super) fn read(directories: &[PathBuf], problems: &mut Problems) -> Vec<Guest> {
    let mut guests: BTreeMap<String, (bool, Guest)> = BTreeMap::new();
    for path in files(directories, problems) {
        let Some(text) = files::text(&path, problems) else { continue };
        let Some((is_running, guest)) = domain(&text, &path, problems) else { continue };
        match guests.get(&guest.id) {
            Some((true, _)) if !is_running => {}
            _ => {
                guests.insert(guest.id.clone(), (is_running, guest));
            }
        }
    }
    guests.into_values().map(|(_, guest)| guest).collect()
}

/// A NIC while it is being parsed.
#[derive(Default)]
struct PartialNic {
    nic: Nic,
    has_mac: bool,
    /// Whether a problem with its MAC address was reported.
    is_reported: bool,
    tags: Vec<u16>,
    tags_itself: bool,
    line: usize,
}

/// A domain while it is being parsed: the meaning of an element depends on its ancestors.
struct Description<'p> {
    path: &'p Path,
    text: &'p str,
    problems: &'p mut Problems,
    /// Open elements, outermost first, without an enclosing `domstatus`.
    open: Vec<String>,
    is_running: bool,
    is_domain: bool,
    name: String,
    nic: Option<PartialNic>,
    nics: Vec<Nic>,
}

/// Parses one file; true for a running domain. `None`, with a problem, if it does not define a domain.
pub(super) fn domain(text: &str, path: &Path, problems: &mut Problems) -> Option<(bool, Guest)> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut read = Description {
        path,
        text,
        problems,
        open: Vec::new(),
        is_running: false,
        is_domain: false,
        name: String::new(),
        nic: None,
        nics: Vec::new(),
    };
    loop {
        let at = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                if read.open.len() >= MAX_DEPTH {
                    read.wrong(at, format!("elements are nested more than {MAX_DEPTH} deep; the rest is ignored"));
                    break;
                }
                read.start(&element, at);
            }
            Ok(Event::End(_)) => read.end(),
            Ok(Event::Text(content)) => read.content(&content.xml10_content()),
            Ok(Event::CData(content)) => read.content(&content.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let named = || quick_xml::escape::resolve_xml_entity(&reference).map(str::to_owned);
                read.content(&character.or_else(named).unwrap_or_default());
            }
            Ok(Event::Eof) => {
                if read.is_domain && !read.open.is_empty() {
                    read.wrong(at, "ends inside the domain definition; the part before is used".to_owned());
                }
                break;
            }
            Ok(_) => {}
            Err(error) => {
                let at = reader.error_position();
                read.wrong(at, format!("{error}; the part before is used"));
                break;
            }
        }
    }
    read.done()
}

impl Description<'_> {
    fn wrong(&mut self, at: u64, message: String) {
        let line = self.line(at);
        self.problems.add_line(self.path, line, message);
    }

    /// The line of the element that begins at `at`, possibly after white space.
    fn line(&self, at: u64) -> usize {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(self.text.len());
        let octets = self.text.as_bytes().get(..at).unwrap_or_default();
        octets.iter().filter(|octet| **octet == b'\n').count() + 1
    }

    fn is_open(&self, path: &[&str]) -> bool {
        self.open.len() == path.len() && self.open.iter().zip(path).all(|(open, name)| open == name)
    }

    fn start(&mut self, element: &BytesStart<'_>, at: u64) {
        let name = element.name().0.to_owned();
        if self.open.is_empty() && name == "domstatus" && !self.is_domain {
            self.is_running = true;
            return;
        }
        if self.open.is_empty() && name == "domain" {
            self.is_domain = true;
        }
        if name == "interface" && self.is_open(&["domain", "devices"]) {
            self.nic = Some(PartialNic { line: self.line(at), ..PartialNic::default() });
        } else if self.nic.is_some() {
            self.part(&name, element, at);
        }
        self.open.push(name);
    }

    /// An element within `<interface>`.
    fn part(&mut self, name: &str, element: &BytesStart<'_>, at: u64) {
        let inside: Vec<&str> = self.open.iter().skip(3).map(String::as_str).collect();
        let value = |key: &str| attribute(element, key);
        let mut wrong = None;
        let Some(partial) = &mut self.nic else { return };
        // For a network that libvirt manages, `<actual>` contains the resulting configuration.
        match (inside.as_slice(), name) {
            ([], "mac") => match value("address").unwrap_or_default().parse::<Mac>() {
                Ok(mac) if !mac.is_group() && mac != Mac::ZERO => {
                    partial.nic.mac = mac;
                    partial.has_mac = true;
                }
                other => {
                    let given = value("address").unwrap_or_default();
                    let message =
                        other.err().map_or("not one that a NIC may have".to_owned(), |error| error.to_string());
                    wrong = Some(format!("mac address={given:?}: {message}; the interface is ignored"));
                    partial.is_reported = true;
                }
            },
            ([], "target") => {
                partial.nic.port = value("dev").filter(|dev| entry::is_interface_name(dev)).or(partial.nic.port.take())
            }
            ([] | ["actual"], "source") => {
                partial.nic.bridge =
                    value("bridge").filter(|bridge| entry::is_interface_name(bridge)).or(partial.nic.bridge.take());
            }
            ([] | ["actual"], "vlan") => partial.tags_itself |= value("trunk").as_deref() == Some("yes"),
            ([] | ["actual"], "filterref") => partial.nic.filtered = true,
            (["vlan"] | ["actual", "vlan"], "tag") => match value("id").and_then(|id| id.parse().ok()) {
                Some(id) if (1..=4094).contains(&id) => partial.tags.push(id),
                _ => wrong = Some("invalid VLAN tag: the id must be from 1 to 4094; treated as untagged".to_owned()),
            },
            ([], "ip") => wrong = add_address(&mut partial.nic.addresses, "ip address", value("address")),
            // The variable of the filters that come with libvirt, and the common one for IPv6.
            (["filterref"] | ["actual", "filterref"], "parameter") => {
                let variable = value("name").unwrap_or_default();
                if matches!(variable.as_str(), "IP" | "IPV6") {
                    wrong = add_address(&mut partial.nic.addresses, &format!("parameter {variable}"), value("value"));
                }
            }
            _ => {}
        }
        if let Some(message) = wrong {
            self.wrong(at, message);
        }
    }

    fn content(&mut self, text: &str) {
        // Longer than any name that libvirt accepts (a file name).
        if self.is_open(&["domain", "name"]) && self.name.len() < 256 {
            self.name.push_str(text);
        }
    }

    fn end(&mut self) {
        // The last element closed may be the `domstatus`, which is not in the list.
        let closed = self.open.pop();
        if closed.as_deref() == Some("interface") && self.is_open(&["domain", "devices"]) {
            self.close_nic();
        }
    }

    fn close_nic(&mut self) {
        let Some(mut partial) = self.nic.take() else { return };
        match partial.tags.as_slice() {
            [tag] if !partial.tags_itself => partial.nic.vlan = Some(*tag),
            _ => {}
        }
        if !partial.has_mac {
            if !partial.is_reported {
                self.problems.add_line(self.path, partial.line, "an interface without a MAC address; it is ignored");
            }
        } else if self.nics.len() < MAX_NICS {
            self.nics.push(partial.nic);
        }
    }

    fn done(self) -> Option<(bool, Guest)> {
        let name = entry::plain_name(&self.name);
        if !self.is_domain || name.is_empty() {
            self.problems.add(self.path.display(), "does not define a named domain; the file is ignored");
            return None;
        }
        Some((self.is_running, Guest { id: name.clone(), name, origin: Origin::Libvirt, nics: self.nics }))
    }
}

fn attribute(element: &BytesStart<'_>, key: &str) -> Option<String> {
    let attribute = element.try_get_attribute(key).ok().flatten()?;
    attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}

/// Adds an address, or returns what is wrong with it.
fn add_address(addresses: &mut Vec<IpNet>, what: &str, text: Option<String>) -> Option<String> {
    let text = text.unwrap_or_default();
    match text.parse::<IpAddr>() {
        Ok(address) => {
            let address = IpNet::from(address);
            if !addresses.contains(&address) && addresses.len() < super::MAX_ADDRESSES {
                addresses.push(address);
            }
            None
        }
        Err(_) => Some(format!("{what} {text:?}: not an address; treated as unknown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINED: &str = "<!-- do not edit -->\n<domain type='kvm'>\n  <name>web &amp; mail</name>\n  <metadata>\n\
        <interface><mac address='52:54:00:ff:ff:ff'/></interface></metadata>\n  <devices>\n    <interface type='bridge'>\n\
        <mac address='52:54:00:AA:00:01'/>\n<source bridge='br0'/>\n<vlan><tag id='7'/></vlan>\n\
        <ip address='203.0.113.5' family='ipv4' prefix='24'/>\n\
        <filterref filter='clean-traffic'><parameter name='IP' value='203.0.113.6'/>\
        <parameter name='CTRL_IP_LEARNING' value='none'/><parameter name='IPV6' value='2001:db8::6'/></filterref>\n\
        <model type='virtio'/>\n    </interface>\n    <interface type='network'>\n<mac address='52:54:00:aa:00:02'/>\n\
        <source network='default'/>\n<vlan trunk='yes'><tag id='5'/><tag id='6'/></vlan>\n    </interface>\n\
        </devices>\n</domain>\n";

    fn read_one(text: &str) -> (Option<(bool, Guest)>, Vec<String>) {
        let mut problems = Problems::new("libvirt");
        let found = domain(text, Path::new("web.xml"), &mut problems);
        (found, problems.into_list().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_defined_domain() {
        let (found, problems) = read_one(DEFINED);
        assert_eq!(problems, Vec::<String>::new());
        let (is_running, guest) = found.unwrap();
        assert_eq!((is_running, guest.to_string()), (false, "web & mail".into()));
        let expected = Nic {
            mac: Mac([0x52, 0x54, 0, 0xaa, 0, 1]),
            addresses: ["203.0.113.5/32", "203.0.113.6/32", "2001:db8::6/128"].map(|a| a.parse().unwrap()).to_vec(),
            vlan: Some(7),
            bridge: Some("br0".into()),
            port: None,
            filtered: true,
        };
        assert_eq!(guest.nics[0], expected);
        assert_eq!((guest.nics.len(), guest.nics[1].vlan), (2, None));
    }

    #[test]
    fn a_running_domain_knows_its_ports() {
        let text = "<domstatus state='running' pid='1'>\n<taint flag='x'/><domain type='kvm' id='3'><name>db</name><devices>\n\
            <interface type='network'><mac address='52:54:00:aa:00:02'/><source network='default'/>\
            <actual type='bridge'><source bridge='virbr0'/><vlan><tag id='9'/></vlan></actual><target dev='vnet4'/>\
            </interface></devices></domain></domstatus>";
        let (found, problems) = read_one(text);
        assert_eq!(problems, Vec::<String>::new());
        let (is_running, guest) = found.unwrap();
        let nic = &guest.nics[0];
        assert!(is_running);
        assert_eq!((nic.bridge.as_deref(), nic.port.as_deref(), nic.vlan), (Some("virbr0"), Some("vnet4"), Some(9)));
    }

    #[test]
    fn problems_have_their_line_and_the_rest_is_used() {
        let text = "<domain>\n<name>x</name><devices>\n<interface>\n<mac address='52:54'/></interface>\n\
            <interface type='user'/>\n<interface><mac address='52:54:00:00:00:01'/>\n<ip address='203'/>\
            <vlan><tag id='9999'/></vlan></interface></devices>\n<broken></domain>";
        let (found, problems) = read_one(text);
        assert_eq!(found.unwrap().1.nics.len(), 1);
        assert_eq!(
            problems[0],
            "web.xml:4: mac address=\"52:54\": not a MAC address (six hexadecimal octets, as in \
            52:54:00:12:34:56); the interface is ignored"
        );
        assert_eq!(problems[1], "web.xml:5: an interface without a MAC address; it is ignored");
        assert_eq!(problems[2], "web.xml:7: ip address \"203\": not an address; treated as unknown");
        assert_eq!(problems[3], "web.xml:7: invalid VLAN tag: the id must be from 1 to 4094; treated as untagged");
        assert!(problems[4].starts_with("web.xml:8: ") && problems[4].ends_with("the part before is used"));
        assert_eq!(problems.len(), 5, "{problems:#?}");
    }

    #[test]
    fn files_without_a_domain_are_reported() {
        let deep = format!("<domain><name>x</name>{}", "<a>".repeat(100));
        for (text, message) in [
            ("", "web.xml: does not define a named domain; the file is ignored"),
            ("<network><name>x</name></network>", "web.xml: does not define a named domain; the file is ignored"),
            ("<domain><name>x</name>", "web.xml:1: ends inside the domain definition; the part before is used"),
            (&deep, "web.xml:1: elements are nested more than 64 deep; the rest is ignored"),
        ] {
            assert_eq!(read_one(text).1, [message], "{text}");
        }
    }
}
