//! `[meter]`: sizes of the tables.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use crate::meter::{MeterSizes, PrefixLengths, TallySizes};

pub(super) const SECTION: Section = Section {
    heading: "[meter]",
    reload: Reload::Restart,
    doc: "Sizes of the measurement tables. They bound the memory that Pegel uses; a full table evicts its least \
          active entries and counts the evictions (pegel_table_evictions_total).",
    keys: &[
        &HOSTS,
        &BUSY_HOSTS,
        &STATIONS,
        &PREFIXES,
        &PREFIX_LENGTH_V4,
        &PREFIX_LENGTH_V6,
        &WORKER_HOSTS,
        &WORKER_DETAILS,
        &WORKER_STATIONS,
        &WORKER_CONVERSATIONS,
    ],
};

const HOSTS: Key = Key {
    name: "hosts",
    kind: Kind::Whole { min: 64, max: 4_194_304, unit: "hosts" },
    default: DefaultValue::Whole(16_384),
    doc: "Hosts with lifetime counters.",
};

const BUSY_HOSTS: Key = Key {
    name: "busy_hosts",
    kind: Kind::Whole { min: 16, max: 65_536, unit: "hosts" },
    default: DefaultValue::Whole(512),
    doc: "Busy hosts with sliding windows, which detectors inspect. Each takes about 40 KiB.",
};

const STATIONS: Key = Key {
    name: "stations",
    kind: Kind::Whole { min: 16, max: 1_048_576, unit: "stations" },
    default: DefaultValue::Whole(4096),
    doc: "Stations, that is, MAC addresses.",
};

const PREFIXES: Key = Key {
    name: "prefixes",
    kind: Kind::Whole { min: 8, max: 4096, unit: "prefixes" },
    default: DefaultValue::Whole(64),
    doc: "Prefixes with many busy hosts, which are measured as a whole to detect carpet bombing.",
};

const PREFIX_LENGTH_V4: Key = Key {
    name: "prefix_length_v4",
    kind: Kind::Whole { min: 8, max: 30, unit: "bits" },
    default: DefaultValue::Whole(24),
    doc: "Length of these prefixes for IPv4.",
};

const PREFIX_LENGTH_V6: Key = Key {
    name: "prefix_length_v6",
    kind: Kind::Whole { min: 16, max: 124, unit: "bits" },
    default: DefaultValue::Whole(48),
    doc: "Length of these prefixes for IPv6.",
};

const WORKER_HOSTS: Key = Key {
    name: "worker_hosts",
    kind: Kind::Whole { min: 64, max: 4_194_304, unit: "hosts" },
    default: DefaultValue::Whole(16_384),
    doc: "Hosts that one capture thread counts within one tick (100 ms).",
};

const WORKER_DETAILS: Key = Key {
    name: "worker_details",
    kind: Kind::Whole { min: 16, max: 65_534, unit: "hosts" },
    default: DefaultValue::Whole(512),
    doc: "Hosts that one capture thread counts in full detail within one tick.",
};

const WORKER_STATIONS: Key = Key {
    name: "worker_stations",
    kind: Kind::Whole { min: 16, max: 1_048_576, unit: "stations" },
    default: DefaultValue::Whole(2048),
    doc: "Stations that one capture thread counts within one tick.",
};

const WORKER_CONVERSATIONS: Key = Key {
    name: "worker_conversations",
    kind: Kind::Whole { min: 1024, max: 16_777_216, unit: "conversations" },
    default: DefaultValue::Whole(229_376),
    doc: "Conversations that one capture thread remembers, to tell which packets were asked for. Seven take 64 octets.",
};

pub(super) fn read(section: &mut Reader<'_>) -> (MeterSizes, TallySizes) {
    let meter = MeterSizes {
        hosts: section.whole(&HOSTS),
        busy_hosts: section.whole(&BUSY_HOSTS),
        stations: section.whole(&STATIONS),
        prefixes: section.whole(&PREFIXES),
        prefix_lengths: PrefixLengths { v4: section.whole(&PREFIX_LENGTH_V4), v6: section.whole(&PREFIX_LENGTH_V6) },
    };
    let tally = TallySizes {
        hosts: section.whole(&WORKER_HOSTS),
        detailed_hosts: section.whole(&WORKER_DETAILS),
        stations: section.whole(&WORKER_STATIONS),
        conversations: section.whole(&WORKER_CONVERSATIONS),
        // Set by [evidence].
        kept_octets: 0,
    };
    (meter, tally)
}

pub(super) fn write(meter: &MeterSizes, tally: &TallySizes, page: &mut Page) {
    page.table(&SECTION);
    page.number(&HOSTS, meter.hosts);
    page.number(&BUSY_HOSTS, meter.busy_hosts);
    page.number(&STATIONS, meter.stations);
    page.number(&PREFIXES, meter.prefixes);
    page.number(&PREFIX_LENGTH_V4, meter.prefix_lengths.v4);
    page.number(&PREFIX_LENGTH_V6, meter.prefix_lengths.v6);
    page.number(&WORKER_HOSTS, tally.hosts);
    page.number(&WORKER_DETAILS, tally.detailed_hosts);
    page.number(&WORKER_STATIONS, tally.stations);
    page.number(&WORKER_CONVERSATIONS, tally.conversations);
}
