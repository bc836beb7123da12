//! `[[group]]`: hosts with their own limits.

use super::detect::unknown;
use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::{Names, network};
use crate::base::Direction;
use crate::detect::{DETECTORS, GroupLimit, Settings};
use crate::inventory::{Group, GroupId};

pub(super) const SECTION: Section = Section {
    heading: "[[group]]",
    reload: Reload::Live,
    doc: "Hosts with their own limits. If a host is in the networks of several groups, the longest prefix decides. \
          Repeat for each group.",
    keys: &[&NAME, &NETWORKS, &INBOUND, &OUTBOUND],
};

const NAME: Key = Key {
    name: "name",
    kind: Kind::Text("a name"),
    default: DefaultValue::Required("\"web\""),
    doc: "Name of the group, in evidence and in pegel print-limits.",
};

const NETWORKS: Key = Key {
    name: "networks",
    kind: Kind::List("networks"),
    default: DefaultValue::Required("[\"203.0.113.7\", \"2001:db8:10:1::/64\"]"),
    doc: "Networks and addresses of its hosts.",
};

const INBOUND: Key = Key {
    name: "inbound",
    kind: Kind::Table("detectors with their limits"),
    default: DefaultValue::Absent(
        "[group.inbound.syn_flood]\npackets_per_second = 2000\n[group.inbound.total]\nbits_per_second = 1000000000",
    ),
    doc: "Limits for traffic to these hosts: a table for each detector, with any of its settings that are limits \
          on a rate.",
};

const OUTBOUND: Key = Key {
    name: "outbound",
    kind: Kind::Table("detectors with their limits"),
    default: DefaultValue::Absent("[group.outbound.udp_flood]\npackets_per_second = 5000"),
    doc: "Limits for traffic from these hosts, in the same form.",
};

/// The limits go to the settings of the detectors, in the order of [`DETECTORS`].
pub(super) fn read(section: &mut Reader<'_>, names: &mut Names, groups: &mut Vec<Group>, detect: &mut [Settings]) {
    let name = section.text(&NAME);
    if name.is_empty() {
        section.wrong_key(NAME.name, "missing; evidence names the group by it");
    } else if let Err(message) = names.check(&name) {
        section.wrong_value(&NAME, &name, message);
    }
    let before = section.error_count();
    let networks = section.list(&NETWORKS, network);
    if networks.is_empty() && section.error_count() == before {
        section.wrong_key(NETWORKS.name, "missing; list the networks or addresses of the group");
    }
    for network in &networks {
        if let Some(other) = groups.iter().find(|known| known.networks.contains(network)) {
            section.wrong_key(NETWORKS.name, &format!("{network} is in group {:?} already", other.name));
        }
    }
    let group = GroupId(groups.len());
    groups.push(Group { name, networks });
    for (key, direction) in [(&INBOUND, Direction::Inbound), (&OUTBOUND, Direction::Outbound)] {
        for (detector, table) in section.tables_below(key) {
            let mut limits = section.below(format!("{}.{detector}", key.name), table);
            let Some((spec, settings)) = DETECTORS.iter().zip(&mut *detect).find(|(spec, _)| spec.name == detector)
            else {
                limits.wrong(&unknown(&detector));
                continue;
            };
            for setting in spec.settings.iter().filter(|setting| setting.is_limit()) {
                if let Some(value) = limits.setting(setting) {
                    settings.set_for_group(GroupLimit { group, direction, key: setting.key, value });
                }
            }
            limits.close_as("is no limit of this detector", &[]);
        }
    }
}

pub(super) fn write(groups: &[Group], detect: &[Settings], page: &mut Page) {
    for (index, group) in groups.iter().enumerate() {
        page.table(&SECTION);
        page.text(&NAME, &group.name);
        page.list(&NETWORKS, &group.networks);
        for (key, direction) in [(&INBOUND, Direction::Inbound), (&OUTBOUND, Direction::Outbound)] {
            for (spec, settings) in DETECTORS.iter().zip(detect) {
                let is_here = |limit: &&GroupLimit| limit.group == GroupId(index) && limit.direction == direction;
                let mut limits = settings.of_groups().iter().filter(is_here).peekable();
                if limits.peek().is_some() {
                    page.table_as(&SECTION, format!("[{}.{}.{}]", SECTION.name(), key.name, spec.name), String::new());
                }
                for limit in limits {
                    if let Some(setting) = spec.settings.iter().find(|setting| setting.key == limit.key) {
                        page.setting(setting, limit.value);
                    }
                }
            }
        }
    }
}
