//! `[evidence]`: which packets are kept of an incident, and how its evidence is signed.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use std::path::{Path, PathBuf};

pub(super) const SECTION: Section = Section {
    heading: "[evidence]",
    reload: Reload::Restart,
    doc: "Evidence: for each incident a directory with its packets from before its beginning to after its end, its rates by \
          second, and checksums that anybody can check. See pegel evidence and pegel verify.",
    keys: &[&ENABLED, &SNAPLEN, &MEMORY_MIB, &SIGNING_KEY, &URL],
};

const ENABLED: Key = Key {
    name: "enabled",
    kind: Kind::Bool,
    default: DefaultValue::Bool(true),
    doc: "Keep packets, and write evidence when an incident closes.",
};

const SNAPLEN: Key = Key {
    name: "snaplen",
    kind: Kind::Whole { min: 14, max: 1514, unit: "bytes" },
    default: DefaultValue::Whole(128),
    doc: "Octets kept of a packet: by default its headers and the first octets of its payload. No more than \
          capture.snaplen leaves.",
};

const MEMORY_MIB: Key = Key {
    name: "memory_mib",
    kind: Kind::Whole { min: 1, max: 1024, unit: "MiB" },
    default: DefaultValue::Whole(4),
    doc: "Memory for the packets before an incident. Each host has its share of every tenth of a second: at full load, 4 \
          MiB last for about 15 seconds, and for minutes where little happens.",
};

const SIGNING_KEY: Key = Key {
    name: "signing_key",
    kind: Kind::Text("a file name"),
    default: DefaultValue::Text(""),
    doc: "Private key that signs evidence, as in /etc/pegel/evidence.pem, in the form that openssl genpkey -algorithm ed25519 writes. Empty: evidence is not signed, so that a program \
          that can write the state directory can also change evidence and its checksums.",
};

const URL: Key = Key {
    name: "url",
    kind: Kind::Text("a URL with {id}"),
    default: DefaultValue::Text(""),
    doc: "Where people find the evidence of an incident, as in https://pegel.example/evidence/{id}/: evidence_url in JSON and in the annotations of alerts. {id} is the \
          ID of the incident. Empty: the directory is given.",
};

/// What is kept as evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceConfig {
    /// Whether anything is.
    pub enabled: bool,
    /// Octets kept of a packet.
    pub snaplen: usize,
    /// Bytes for packets that no incident has claimed yet.
    pub memory_bytes: usize,
    /// Private key in PEM.
    pub signing_key: Option<PathBuf>,
    /// With `{id}`.
    pub url: Option<String>,
}

impl EvidenceConfig {
    /// Octets that workers keep of a packet; 0 where no evidence is written.
    pub fn kept_octets(&self) -> usize {
        if self.enabled { self.snaplen } else { 0 }
    }
}

fn url(text: &str) -> Result<String, String> {
    let is_url = text.starts_with("https://") || text.starts_with("http://");
    match text.is_empty() || is_url && text.contains("{id}") && !text.contains(|c: char| c.is_control() || c == ' ') {
        true => Ok(text.to_owned()),
        false => Err("must be an http or https URL that contains {id}".to_owned()),
    }
}

pub(super) fn read(section: &mut Reader<'_>) -> EvidenceConfig {
    EvidenceConfig {
        enabled: section.bool(&ENABLED),
        snaplen: section.whole(&SNAPLEN),
        memory_bytes: section.whole::<usize>(&MEMORY_MIB) << 20,
        signing_key: Some(section.text(&SIGNING_KEY)).filter(|path| !path.is_empty()).map(PathBuf::from),
        url: section.parsed(&URL, url).filter(|url| !url.is_empty()),
    }
}

pub(super) fn write(evidence: &EvidenceConfig, page: &mut Page) {
    page.table(&SECTION);
    page.bool(&ENABLED, evidence.enabled);
    page.number(&SNAPLEN, evidence.snaplen);
    page.number(&MEMORY_MIB, evidence.memory_bytes >> 20);
    page.path(&SIGNING_KEY, evidence.signing_key.as_deref().unwrap_or(Path::new("")));
    page.text(&URL, evidence.url.as_deref().unwrap_or_default());
}
