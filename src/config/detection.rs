//! `[detection]`: what applies to all detectors.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::network;
use crate::detect::DEFAULT_CEILING;
use ipnet::IpNet;

pub(super) const SECTION: Section = Section {
    heading: "[detection]",
    reload: Reload::Live,
    doc: "What applies to all detectors.",
    keys: &[&CEILING, &PROXIES],
};

const CEILING: Key = Key {
    name: "ceiling",
    kind: Kind::Number { min: 1.0, max: 1_000_000.0, unit: "times the limit" },
    default: DefaultValue::Number(DEFAULT_CEILING),
    doc: "Traffic that has the shape of something harmless (a scan, a tunnel, one direction of a transfer) may exceed the \
          limit of a flood. From this multiple of the limit on it is reported whatever its shape.",
};

const PROXIES: Key = Key {
    name: "proxies",
    kind: Kind::List("networks"),
    default: DefaultValue::List(&[]),
    doc: "Reverse proxies and CDNs in front of your web servers. Only their requests count as made on behalf of \
          others: any client can send X-Forwarded-For.",
};

/// What applies to all detectors.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectionConfig {
    /// Times a limit from which traffic is reported whatever its shape.
    pub ceiling: f64,
    /// Networks of proxies, whose requests are those of many clients.
    pub proxies: Vec<IpNet>,
}

pub(super) fn read(section: &mut Reader<'_>) -> DetectionConfig {
    DetectionConfig { ceiling: section.number(&CEILING), proxies: section.list(&PROXIES, network) }
}

pub(super) fn write(detection: &DetectionConfig, page: &mut Page) {
    page.table(&SECTION);
    page.number(&CEILING, detection.ceiling);
    page.list(&PROXIES, &detection.proxies);
}
