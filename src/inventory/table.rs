//! Tables of the operator: guests that no local hypervisor describes, and MAC addresses that a provider assigned.
//!
//! A `.toml` file has `[[guest]]` tables as in Pegel's configuration, and `granted = ["MAC", …]`. Any other file is a
//! list as exported from a provider's control panel: one MAC address per line in any notation, with or without a
//! header; fields separated by commas, semicolons, tabs or spaces; comments from `#`. A line with addresses (or VLAN,
//! port, bridge) is a guest; a line with only a MAC address, or a MAC address and text, is of a provider's list of granted
//! addresses. A list with such a line is a provider's as a whole: all of its MAC addresses are granted, those of guests too.
//! Where the header has names and no addresses, a line with a name is a guest.

use super::entry::{self, Entry};
use super::files::{self, Problems};
use super::{Guest, MAX_ADDRESSES, MAX_ASSIGNED_MACS, Nic, Origin};
use crate::base::Mac;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::{Spanned, Table};

/// The contents of the tables.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Tables {
    pub(super) guests: Vec<Guest>,
    /// MAC addresses that the provider granted.
    pub(super) assigned_macs: BTreeSet<Mac>,
}

impl Tables {
    fn assign(&mut self, mac: Mac, path: &Path, line: usize, problems: &mut Problems) {
        if self.assigned_macs.len() < MAX_ASSIGNED_MACS || self.assigned_macs.contains(&mac) {
            self.assigned_macs.insert(mac);
        } else {
            problems.add_line(
                path,
                line,
                format!("more than {MAX_ASSIGNED_MACS} assigned MAC addresses; this one is ignored"),
            );
        }
    }
}

pub(super) fn read(paths: &[PathBuf], problems: &mut Problems) -> Tables {
    let mut tables = Tables::default();
    for path in paths {
        let Some(text) = files::named_text(path, problems) else { continue };
        // Spreadsheets prepend a byte order mark.
        let text = text.trim_start_matches('\u{feff}');
        if path.extension().is_some_and(|extension| extension == "toml") {
            toml_file(text, path, &mut tables, problems);
        } else {
            list(text, path, &mut tables, problems);
        }
    }
    tables
}

#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TomlFile {
    guest: Vec<Spanned<Table>>,
    granted: Vec<Spanned<String>>,
}

pub(super) fn toml_file(text: &str, path: &Path, tables: &mut Tables, problems: &mut Problems) {
    let line_at = |at: usize| text.bytes().take(at).filter(|octet| *octet == b'\n').count() + 1;
    let file: TomlFile = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_at(span.start));
            return problems.add_line(path, line, format!("{}; the file is ignored", error.message().trim()));
        }
    };
    for (index, table) in file.guest.into_iter().enumerate() {
        let line = line_at(table.span().start);
        let at = format!("guest[{index}]");
        let mut errors = Vec::new();
        match table.into_inner().try_into::<Entry>() {
            Ok(entry) => tables.guests.extend(entry.resolve(&at, &mut errors)),
            Err(error) => errors.push(format!("{at}: {}", error.message().trim())),
        }
        for error in errors {
            problems.add_line(path, line, format!("{error}; the guest is ignored"));
        }
    }
    for text in file.granted {
        let line = line_at(text.span().start);
        match entry::nic_mac(text.get_ref()) {
            Ok(mac) => tables.assign(mac, path, line, problems),
            Err(message) => problems.add_line(path, line, format!("{:?}: {message}; ignored", text.get_ref())),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Mac,
    Addresses,
    Name,
    Vlan,
    Port,
    Bridge,
    Other,
}

/// The column of a heading, of which only letters and digits are compared.
fn column(heading: &str) -> Column {
    let plain: String = heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match plain.as_str() {
        "mac" | "macs" | "macaddress" | "virtualmac" | "virtualmacaddress" | "vmac" | "hwaddr" | "lladdr" => {
            Column::Mac
        }
        "ip" | "ips" | "ipaddress" | "ipaddresses" | "address" | "addresses" | "ipv4" | "ipv6" | "ip4" | "ip6" => {
            Column::Addresses
        }
        "ipv4address" | "ipv6address" | "network" | "subnet" => Column::Addresses,
        "name" | "vm" | "vmname" | "guest" | "host" | "hostname" | "server" | "servername" => Column::Name,
        "vlan" | "vlanid" | "tag" => Column::Vlan,
        "port" | "interface" | "tap" => Column::Port,
        "bridge" => Column::Bridge,
        _ => Column::Other,
    }
}

/// Parses a list. Each line is parsed separately, so that a stray quotation mark affects only its own line.
pub(super) fn list(text: &str, path: &Path, tables: &mut Tables, problems: &mut Problems) {
    let lines = || {
        let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)));
        numbered.filter(|(_, line)| !line.trim().is_empty())
    };
    let separator = separator(lines().map(|(_, line)| line));
    let mut heading: Option<Vec<Column>> = None;
    let mut is_first = true;
    let mut of_guests = Vec::new();
    let mut is_granted = false;
    for (line, text) in lines() {
        let fields = fields(text, separator);
        if std::mem::take(&mut is_first) && !fields.iter().any(|field| entry::any_mac(field).is_some()) {
            let columns: Vec<Column> = fields.iter().map(|field| column(field)).collect();
            if columns.contains(&Column::Mac) {
                heading = Some(columns);
                continue;
            }
        }
        let names_guests = heading.as_ref().is_some_and(|columns| !columns.contains(&Column::Addresses));
        let columns = heading.clone().unwrap_or_else(|| guess_columns(&fields));
        match row(&fields, &columns, names_guests, path, line, tables, problems) {
            Some(Row::OfList) => is_granted = true,
            Some(Row::Guest(mac)) => of_guests.push((mac, line)),
            None => {}
        }
    }
    if is_granted {
        of_guests.into_iter().for_each(|(mac, line)| tables.assign(mac, path, line, problems));
    }
}

/// What a line was.
enum Row {
    /// A MAC address that the provider granted.
    OfList,
    /// A NIC of a guest.
    Guest(Mac),
}

/// The line up to a `#` at its beginning or after white space, outside quotation marks.
fn without_comment(line: &str) -> &str {
    let (mut is_quoted, mut before) = (false, ' ');
    for (at, character) in line.char_indices() {
        match character {
            '"' => is_quoted = !is_quoted,
            '#' if !is_quoted && before.is_whitespace() => return line.get(..at).unwrap_or_default(),
            _ => {}
        }
        before = character;
    }
    line
}

/// Detects the field separator: the one with which most of the first 50 lines have a field that is just a MAC address
/// or its heading. (Semicolons may also separate addresses while commas separate fields.)
fn separator<'t>(lines: impl Iterator<Item = &'t str>) -> u8 {
    const CANDIDATES: [u8; 4] = [b'\t', b';', b',', b' '];
    let mut counts = [0usize; CANDIDATES.len()];
    for line in lines.take(50) {
        for (count, candidate) in counts.iter_mut().zip(CANDIDATES) {
            let is_mac = |field: &String| entry::any_mac(field).is_some() || column(field) == Column::Mac;
            *count += usize::from(fields(line, candidate).iter().any(is_mac));
        }
    }
    let best = counts.iter().max().copied().unwrap_or(0);
    CANDIDATES.into_iter().zip(counts).find(|(_, count)| *count == best).map_or(b',', |(candidate, _)| candidate)
}

fn fields(line: &str, separator: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .buffer_capacity(256)
        .from_reader(line.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(_) => record.iter().map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    }
}

/// Columns of a line if the list has no header: `mac, addresses, name, vlan, port, bridge`, otherwise by the contents.
fn guess_columns(fields: &[String]) -> Vec<Column> {
    let mut columns = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let is_ordered = columns.first() == Some(&Column::Mac) && columns.get(2) == Some(&Column::Name);
        columns.push(match index {
            3 if is_ordered => Column::Vlan,
            4 if is_ordered => Column::Port,
            5 if is_ordered => Column::Bridge,
            _ if !columns.contains(&Column::Mac) && entry::any_mac(field).is_some() => Column::Mac,
            _ if !field.is_empty() && words(field).all(|word| entry::address(word).is_some()) => Column::Addresses,
            _ if !field.is_empty() && !columns.contains(&Column::Name) => Column::Name,
            _ => Column::Other,
        });
    }
    columns
}

fn words(field: &str) -> impl Iterator<Item = &str> {
    field.split([' ', ';', ',', '|']).filter(|word| !word.is_empty())
}

/// Reads a line. `names_guests`: a name alone makes it a guest.
fn row(
    fields: &[String],
    columns: &[Column],
    names_guests: bool,
    path: &Path,
    line: usize,
    tables: &mut Tables,
    problems: &mut Problems,
) -> Option<Row> {
    let mut wrong = |message: String| problems.add_line(path, line, message);
    let fields_of = |wanted: Column| {
        let in_column =
            fields.iter().zip(columns).filter(move |(field, column)| **column == wanted && !field.is_empty());
        in_column.map(|(field, _)| field.as_str())
    };
    let Some(text) = fields_of(Column::Mac).next() else {
        wrong("no MAC address; the line is ignored".to_owned());
        return None;
    };
    let mac = match entry::nic_mac(text) {
        Ok(mac) => mac,
        Err(message) => {
            wrong(format!("{text:?}: {message}; the line is ignored"));
            return None;
        }
    };
    let mut nic = Nic { mac, ..Nic::default() };
    for word in fields_of(Column::Addresses).flat_map(words) {
        match entry::address(word) {
            Some(_) if nic.addresses.len() >= MAX_ADDRESSES => {
                wrong(format!("more than {MAX_ADDRESSES} addresses; the rest are ignored"));
                break;
            }
            Some(address) => add(&mut nic.addresses, address),
            None => wrong(format!("{word:?}: not an address or network; ignored")),
        }
    }
    if let Some(text) = fields_of(Column::Vlan).next() {
        nic.vlan = text.parse().ok().filter(|vlan| (1..=4094).contains(vlan));
        if nic.vlan.is_none() {
            wrong(format!("{text:?}: not a VLAN ID (1 to 4094); treated as untagged"));
        }
    }
    for (wanted, to) in [(Column::Port, &mut nic.port), (Column::Bridge, &mut nic.bridge)] {
        if let Some(text) = fields_of(wanted).next() {
            *to = Some(text.to_owned()).filter(|name| entry::is_interface_name(name));
            if to.is_none() {
                wrong(format!("{text:?}: not an interface name; ignored"));
            }
        }
    }
    let name = fields_of(Column::Name).next();
    if nic == (Nic { mac, ..Nic::default() }) && !(names_guests && name.is_some()) {
        tables.assign(mac, path, line, problems);
        return Some(Row::OfList);
    }
    let name = name.map_or_else(|| mac.to_string(), entry::plain_name);
    // Consecutive lines with the same name are NICs of one guest. Lines of a guest are usually adjacent; searching all
    // guests would take quadratic time.
    match tables.guests.last_mut().filter(|guest| guest.name == name) {
        Some(guest) => guest.nics.push(nic),
        None => tables.guests.push(Guest { id: name.clone(), name, origin: Origin::Static, nics: vec![nic] }),
    }
    Some(Row::Guest(mac))
}

fn add(addresses: &mut Vec<IpNet>, address: IpNet) {
    if !addresses.contains(&address) {
        addresses.push(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_list(text: &str) -> (Tables, Vec<String>) {
        let (mut tables, mut problems) = (Tables::default(), Problems::new("static"));
        list(text, Path::new("macs.csv"), &mut tables, &mut problems);
        (tables, problems.into_list().iter().map(ToString::to_string).collect())
    }

    fn shown(tables: &Tables) -> Vec<String> {
        let guests = tables.guests.iter().flat_map(|guest| guest.nics.iter().map(move |nic| (guest, nic)));
        let shown = guests.map(|(guest, nic)| {
            let addresses: Vec<String> = nic.addresses.iter().map(ToString::to_string).collect();
            format!("{} {} {}", guest.name, nic.mac, addresses.join(" "))
        });
        shown.chain(tables.assigned_macs.iter().map(|mac| format!("assigned {mac}"))).collect()
    }

    #[test]
    fn lists_as_exported_by_providers() {
        let panel = "IP;Virtual MAC;Type;VM name\r\n203.0.113.10;02:00:00:AA:BB:01;ovh;shop\r\n\
            203.0.113.11;02:00:00:AA:BB:02;ovh;\"mail; and news\"\r\n";
        let expected = ["shop 02:00:00:aa:bb:01 203.0.113.10/32", "mail; and news 02:00:00:aa:bb:02 203.0.113.11/32"];
        assert_eq!((shown(&read_list(panel).0), read_list(panel).1), (expected.map(str::to_owned).to_vec(), vec![]));

        let plain = "# assigned in March\n00:50:56:00:11:22\n00-50-56-00-11-23  # second server\n\n0050.5600.1124\n005056001125\n";
        let (tables, problems) = read_list(plain);
        assert_eq!((tables.assigned_macs.len(), tables.guests.len(), problems), (4, 0, vec![]));

        for text in ["00:50:56:00:11:22,web server\n", "00:50:56:00:11:22\tweb\n", "00:50:56:00:11:22 web\n"] {
            assert_eq!(shown(&read_list(text).0), ["assigned 00:50:56:00:11:22"], "{text}");
        }
    }

    #[test]
    fn lists_with_and_without_heading() {
        let expected = "web 52:54:00:00:00:01 203.0.113.4/32 2001:db8:4::/64";
        for text in [
            "mac,addresses,name,vlan,port,bridge\n52:54:00:00:00:01,203.0.113.4;2001:db8:4::/64,web,5,vnet0,br0\n",
            "52:54:00:00:00:01,203.0.113.4 2001:db8:4::/64,web,5,vnet0,br0\n",
            "Bridge;Port;VLAN;Name;IPv6;IPv4;MAC\nbr0;vnet0;5;web;2001:db8:4::/64;203.0.113.4;525400000001\n",
        ] {
            let (tables, problems) = read_list(text);
            assert_eq!(problems, Vec::<String>::new());
            let nic = &tables.guests[0].nics[0];
            assert_eq!(
                (nic.vlan, nic.port.as_deref(), nic.bridge.as_deref()),
                (Some(5), Some("vnet0"), Some("br0")),
                "{text}"
            );
            let mut sorted = tables;
            sorted.guests[0].nics[0].addresses.sort();
            assert_eq!(shown(&sorted), [expected], "{text}");
        }
        let two =
            "52:54:00:00:00:01,203.0.113.4,web\n52:54:00:00:00:02,203.0.113.5,web\n52:54:00:00:00:03,203.0.113.6\n";
        let (tables, _) = read_list(two);
        assert_eq!(tables.guests.iter().map(|guest| guest.nics.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(tables.guests[1].name, "52:54:00:00:00:03");
    }

    #[test]
    fn a_line_that_is_only_a_mac_makes_the_file_a_list_of_granted_ones() {
        for (text, expected) in [
            // As panels export it: the machine's own address has none of the extra IP addresses.
            (
                "mac,ip\n00:50:56:00:aa:01,203.0.113.104\nd0:50:99:00:00:01,\n",
                &[
                    "00:50:56:00:aa:01 00:50:56:00:aa:01 203.0.113.104/32",
                    "assigned 00:50:56:00:aa:01",
                    "assigned d0:50:99:00:00:01",
                ][..],
            ),
            // Guests with addresses, or with names: no list of a provider.
            ("mac,ip\n52:54:00:00:00:01,203.0.113.4\n", &["52:54:00:00:00:01 52:54:00:00:00:01 203.0.113.4/32"]),
            ("mac,name\n52:54:00:00:00:01,web\n", &["web 52:54:00:00:00:01 "]),
        ] {
            assert_eq!(shown(&read_list(text).0), expected, "{text}");
        }
    }

    #[test]
    fn problems_have_their_line_and_the_rest_is_used() {
        let text = "# list\nmac,ip,vlan,port\n52:54:00:00:00:01,203.0.113,5,a b\n52:54,203.0.113.2\n,203.0.113.3\n\
            ff:ff:ff:ff:ff:ff\n52:54:00:00:00:02,203.0.113.2 \"x,9999\n52:54:00:00:00:03\n";
        let (tables, problems) = read_list(text);
        assert_eq!(tables.assigned_macs.len(), 3, "the list has a line that is only a MAC address");
        assert_eq!(tables.guests.len(), 2);
        let starts = [
            "macs.csv:3: \"203.0.113\"",
            "macs.csv:3: \"a b\"",
            "macs.csv:4: \"52:54\"",
            "macs.csv:5: no MAC",
            "macs.csv:6: \"ff:ff:ff:ff:ff:ff\": not a MAC",
            "macs.csv:7: \"\\\"x\"",
            "macs.csv:7: \"9999\"",
        ];
        assert_eq!(problems.len(), starts.len(), "{problems:#?}");
        for (problem, start) in problems.iter().zip(starts) {
            assert!(problem.starts_with(start), "{problem}");
        }
    }

    #[test]
    fn tables_in_toml() {
        let text = "granted = [\"52:54:00:00:00:09\", \"x\"]\n[[guest]]\nname = \"web\"\nmac = \"52:54:00:00:00:01\"\n\
            addresses = [\"203.0.113.4\"]\n[[guest]]\nname = \"bad\"\nmac = \"y\"\nvlan = 0\n[[guest]]\nnaem = \"z\"\n";
        let (mut tables, mut problems) = (Tables::default(), Problems::new("static"));
        toml_file(text, Path::new("t.toml"), &mut tables, &mut problems);
        // What is granted is written as such: the guests of the same file are not.
        assert_eq!(shown(&tables), ["web 52:54:00:00:00:01 203.0.113.4/32", "assigned 52:54:00:00:00:09"]);
        let problems: Vec<String> = problems.into_list().iter().map(ToString::to_string).collect();
        assert!(problems[0].starts_with("t.toml:6: guest[1].mac = \"y\": not a MAC address"), "{problems:#?}");
        assert!(problems[1].starts_with("t.toml:6: guest[1].vlan = 0: must be between 1 and 4094"), "{problems:#?}");
        assert!(problems[2].starts_with("t.toml:10: guest[2]: unknown field `naem`"), "{problems:#?}");
        assert!(problems[3].starts_with("t.toml:1: \"x\": not a MAC address"), "{problems:#?}");
        let mut problems = Problems::new("static");
        toml_file("granted = [\n\n", Path::new("t.toml"), &mut tables, &mut problems);
        assert!(problems.into_list()[0].message.ends_with("the file is ignored"));
    }
}
