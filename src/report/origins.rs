//! Networks and countries of addresses, from MMDB files that the operator names. They are read when a report is made and
//! discarded with it: they take no memory of the daemon. They are read rather than mapped, since a file that is replaced
//! while it is mapped would end the process.

use crate::base::Addr;
use crate::incident::Incident;
use maxminddb::{PathElement, Reader};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a file: the largest ones on offer have a few hundred MiB.
const MAX_BYTES: u64 = 1 << 30;
/// Longest name that is kept, in characters.
const MAX_NAME: usize = 80;

/// Where an address is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The autonomous system.
    pub asn: Option<u32>,
    /// Its name.
    pub organisation: Option<String>,
    /// The country, in two letters (ISO 3166-1).
    pub country: Option<String>,
}

/// The origins of the addresses of a report.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    known: BTreeMap<Addr, Origin>,
    /// Whether a file was named.
    pub(super) asked: bool,
    /// Files that could not be used, and why.
    pub(super) problems: Vec<String>,
}

impl Origins {
    /// None: the operator names no files.
    pub fn none() -> Origins {
        Origins::default()
    }

    /// Looks the addresses up in all files. A file that cannot be used is named in the report; it is no error.
    pub fn look_up(files: &[PathBuf], addresses: impl IntoIterator<Item = Addr>) -> Origins {
        let mut origins = Origins { asked: !files.is_empty(), ..Origins::default() };
        let addresses: Vec<Addr> = addresses.into_iter().filter(|_| !files.is_empty()).collect();
        for path in files {
            if let Err(why) = origins.read(path, &addresses) {
                let name = path.file_name().unwrap_or(path.as_os_str());
                origins.problems.push(format!("{}: {why}", name.to_string_lossy()));
            }
        }
        origins
    }

    /// The addresses of an incident that are worth looking up.
    pub fn addresses(incident: &Incident) -> Vec<Addr> {
        let victims = incident.victims.iter().flat_map(|victims| &victims.top);
        incident.sources.top.iter().chain(victims).map(|peer| peer.address).collect()
    }

    /// The origin of an address, where it is known.
    pub fn of(&self, address: Addr) -> Option<&Origin> {
        self.known.get(&address)
    }

    fn read(&mut self, path: &Path, addresses: &[Addr]) -> Result<(), String> {
        let reader = Reader::from_source(content(path)?).map_err(|error| error.to_string())?;
        for &address in addresses {
            let found = reader.lookup(address.ip());
            // A file of IPv4 has no IPv6 addresses.
            let Ok(found) = found else { continue };
            let number = |keys: &[&str]| first::<Number>(&found, keys).and_then(Number::asn);
            let word = |keys: &[&str]| first::<String>(&found, keys);
            let asn = number(&["autonomous_system_number"]).or_else(|| number(&["asn"]));
            let asn = asn.or_else(|| number(&["as_number"]));
            let organisation = ["autonomous_system_organization", "as_name", "as_organization", "name"];
            let organisation = organisation.iter().find_map(|key| word(&[key]));
            let country = word(&["country", "iso_code"])
                .or_else(|| word(&["registered_country", "iso_code"]))
                .or_else(|| word(&["country_code"]))
                .or_else(|| word(&["country"]));
            // A flat "country" may be a name instead of a code.
            let country = country.filter(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic()));
            let origin = self.known.entry(address).or_default();
            origin.asn = origin.asn.or(asn);
            origin.organisation =
                origin.organisation.take().or(organisation.map(|name| name.chars().take(MAX_NAME).collect()));
            origin.country = origin.country.take().or(country.map(|code| code.to_ascii_uppercase()));
        }
        self.known.retain(|_, origin| *origin != Origin::default());
        Ok(())
    }
}

/// A number, or a text such as `AS64500`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(u32),
    Text(String),
}

impl Number {
    fn asn(self) -> Option<u32> {
        match self {
            Number::Whole(number) => Some(number),
            Number::Text(text) => text.trim_start_matches(['A', 'a', 'S', 's']).parse().ok(),
        }
    }
}

fn first<'de, T: Deserialize<'de>>(found: &maxminddb::LookupResult<'de, Vec<u8>>, keys: &[&'de str]) -> Option<T> {
    let path: Vec<PathElement<'de>> = keys.iter().map(|key| PathElement::Key(key)).collect();
    found.decode_path(&path).ok().flatten()
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err("not a regular file, or too large".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}
