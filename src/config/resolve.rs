//! From what was written to what is in force: ranges, defaults, cross-checks.

use super::written::{Written, is_near};
use super::{CaptureSource, Config, guests, interfaces, limits, maintenance, outputs, posture};
use crate::base::{Addr, Severity};
use crate::detect::{DETECTORS, Setting, Settings};
use crate::packet::Tunnels;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use toml::Value;

pub(super) fn resolve(written: Written, errors: &mut Vec<String>) -> Config {
    let mut config = Config::default();
    networks(written.networks.unwrap_or_default(), &mut config.networks, errors);

    let capture = written.capture;
    let target = &mut config.capture;
    for (index, name) in capture.interfaces.unwrap_or_default().into_iter().enumerate() {
        if name.is_empty() || name.len() > 15 || name.contains(['/', ' ']) {
            let message = "must be an interface name of 1 to 15 characters without spaces or slashes";
            errors.push(format!("capture.interfaces[{index}] = {name:?}: {message}"));
        } else {
            target.interfaces.push(name);
        }
    }
    target.promiscuous = capture.promiscuous.unwrap_or(target.promiscuous);
    target.bpf = capture.bpf.unwrap_or_default();
    if let Some(name) = capture.source {
        match CaptureSource::ALL.into_iter().find(|source| source.name() == name) {
            Some(source) => target.source = source,
            None => errors.push(format!("capture.source = {name:?}: must be \"auto\", \"afpacket\" or \"pcap\"")),
        }
    }
    whole("capture.workers", capture.workers, 0..=64, &mut target.workers, errors);
    whole("capture.ring_mib", capture.ring_mib, 1..=1024, &mut target.ring_mib, errors);
    whole("capture.buffer_mib", capture.buffer_mib, 1..=1024, &mut target.buffer_mib, errors);
    whole("capture.snaplen", capture.snaplen, 64..=65535, &mut target.snaplen, errors);
    whole("capture.busy_poll_us", capture.busy_poll_us, 0..=100_000, &mut target.busy_poll_us, errors);
    whole("capture.sampling", capture.sampling, 1..=1024, &mut target.sampling, errors);

    match written.tunnels.as_deref() {
        None | Some("outer") => {}
        Some("inner") => config.tunnels = Tunnels::Inner,
        Some(other) => errors.push(format!("decode.tunnels = {other:?}: must be \"outer\" or \"inner\"")),
    }

    let meter = written.meter;
    whole("meter.hosts", meter.hosts, 64..=4_194_304, &mut config.meter.hosts, errors);
    whole("meter.busy_hosts", meter.busy_hosts, 16..=65_536, &mut config.meter.busy_hosts, errors);
    whole("meter.stations", meter.stations, 16..=1_048_576, &mut config.meter.stations, errors);
    whole("meter.prefixes", meter.prefixes, 8..=4096, &mut config.meter.prefixes, errors);
    let lengths = &mut config.meter.prefix_lengths;
    whole("meter.prefix_length_v4", meter.prefix_length_v4, 8..=30, &mut lengths.v4, errors);
    whole("meter.prefix_length_v6", meter.prefix_length_v6, 16..=124, &mut lengths.v6, errors);
    whole("meter.worker_hosts", meter.worker_hosts, 64..=4_194_304, &mut config.tally.hosts, errors);
    whole("meter.worker_details", meter.worker_details, 16..=65_534, &mut config.tally.detailed_hosts, errors);
    whole("meter.worker_stations", meter.worker_stations, 16..=1_048_576, &mut config.tally.stations, errors);
    whole("meter.worker_handshakes", meter.worker_handshakes, 1024..=16_777_216, &mut config.tally.handshakes, errors);

    if let Some(seconds) = written.quiet_seconds {
        let shown = seconds.to_string();
        within("incident.quiet_seconds", seconds, &shown, 1.0, 86_400.0, &mut config.incident.quiet_seconds, errors);
    }
    whole("incident.max_open", written.max_open, 1..=100_000, &mut config.incident.max_open, errors);
    whole("incident.max_recent", written.max_recent, 0..=100_000, &mut config.incident.max_recent, errors);

    config.http.enabled = written.http_enabled.unwrap_or(config.http.enabled);
    if let Some(text) = written.http_listen {
        match text.parse::<SocketAddr>() {
            Ok(address) => config.http.listen = address,
            Err(_) => errors.push(format!(
                "http.listen = {text:?}: must be an address with port, as in \"127.0.0.1:7343\" or \"[::1]:7343\""
            )),
        }
    }
    config.http.web_config = written.http_web_config.unwrap_or_default().into();
    config.http.allow_unauthenticated = written.http_allow_unauthenticated.unwrap_or_default();
    for (index, text) in written.metrics_hosts.unwrap_or_default().into_iter().enumerate() {
        match text.parse::<IpAddr>() {
            Ok(address) => config.metrics_hosts.push(address),
            Err(_) => errors.push(format!("metrics.hosts[{index}] = {text:?}: must be an IP address")),
        }
    }
    outputs::resolve(written.outputs, &mut config.output, errors);
    interfaces::resolve(written.interfaces, &mut config.interfaces, errors);
    addresses("segment.gateways", written.segment_gateways, &mut config.segment.gateways, errors);
    addresses("segment.dhcp_servers", written.segment_dhcp_servers, &mut config.segment.dhcp_servers, errors);
    guests::resolve(written.inventory, written.guests, &mut config, errors);
    for (name, keys) in written.detect {
        detector(&name, keys, &mut config.detect, errors);
    }
    match written.state_dir {
        Some(path) if path.is_empty() => errors.push("state_dir = \"\": must be a directory".to_owned()),
        Some(path) => config.state_dir = path.into(),
        None => {}
    }
    config.baseline.enabled = written.baseline_enabled.unwrap_or(config.baseline.enabled);
    whole("baseline.hosts", written.baseline_hosts, 1..=65_536, &mut config.baseline.hosts, errors);
    maintenance::resolve(written.maintenance, &mut config, errors);
    limits::groups(written.groups, &mut config, errors);
    limits::allow(written.allow, &mut config, errors);
    posture::resolve(written.posture, &mut config, errors);
    config
}

fn networks(written: Vec<String>, resolved: &mut Vec<IpNet>, errors: &mut Vec<String>) {
    let parsed = written.into_iter().enumerate();
    resolved.extend(parsed.filter_map(|(index, text)| network(&format!("networks[{index}]"), &text, errors)));
}

pub(super) fn network(key: &str, text: &str, errors: &mut Vec<String>) -> Option<IpNet> {
    // A lone address is a network of one.
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if parsed.is_none() {
        errors.push(format!("{key} = {text:?}: must be a network, as in \"203.0.113.0/24\" or \"2001:db8:10::/48\""));
    }
    parsed.map(|network| network.trunc())
}

/// A whole number within a range.
pub(super) fn whole<T>(
    key: &str,
    written: Option<i64>,
    range: std::ops::RangeInclusive<i64>,
    to: &mut T,
    errors: &mut Vec<String>,
) where
    T: TryFrom<i64>,
{
    let Some(value) = written else { return };
    match (range.contains(&value), T::try_from(value)) {
        (true, Ok(value)) => *to = value,
        _ => errors.push(format!("{key} = {value}: must be between {} and {}", range.start(), range.end())),
    }
}

fn within(key: &str, value: f64, shown: &str, min: f64, max: f64, to: &mut f64, errors: &mut Vec<String>) -> bool {
    let fits = (min..=max).contains(&value);
    if fits {
        *to = value;
    } else {
        errors.push(format!("{key} = {shown}: must be between {min} and {max}"));
    }
    fits
}

/// A number for a setting of a detector; true where it is one and within its range.
pub(super) fn number(path: &str, value: &Value, setting: &Setting, to: &mut f64, errors: &mut Vec<String>) -> bool {
    let shown = value.to_string();
    match value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64)) {
        Some(given) => within(path, given, shown.trim(), setting.min, setting.max, to, errors),
        None => {
            errors.push(format!(
                "{path} = {}: must be a number between {} and {} ({})",
                shown.trim(),
                setting.min,
                setting.max,
                setting.unit
            ));
            false
        }
    }
}

fn addresses(key: &str, written: Option<Vec<String>>, to: &mut Vec<Addr>, errors: &mut Vec<String>) {
    for (index, text) in written.unwrap_or_default().into_iter().enumerate() {
        match text.parse::<Addr>() {
            Ok(address) => to.push(address),
            Err(_) => errors.push(format!("{key}[{index}] = {text:?}: must be an IP address")),
        }
    }
}

fn detector(name: &str, keys: Vec<(String, Value)>, resolved: &mut [Settings], errors: &mut Vec<String>) {
    let found = DETECTORS.iter().zip(resolved).find(|(spec, _)| spec.name == name);
    let Some((spec, settings)) = found else {
        let near = DETECTORS.iter().map(|spec| spec.name).find(|known| is_near(known, name));
        let hint = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
        errors.push(format!("detect.{name}: unknown detector; {hint}pegel list detectors tells which there are"));
        return;
    };
    for (key, value) in keys {
        let path = format!("detect.{name}.{key}");
        let shown = value.to_string();
        if key == "enabled" {
            match value.as_bool() {
                Some(enabled) => settings.enabled = enabled,
                None => errors.push(format!("{path} = {}: must be true or false", shown.trim())),
            }
            continue;
        }
        if key == "severity" {
            settings.severity = value.as_str().and_then(Severity::from_name);
            if settings.severity.is_none() {
                let allowed = "must be \"info\", \"warning\" or \"critical\"";
                errors.push(format!("{path} = {}: {allowed}", shown.trim()));
            }
            continue;
        }
        let Some(setting) = spec.settings.iter().find(|setting| setting.key == key) else {
            let common = ["enabled", "severity"].into_iter();
            let known: Vec<&str> = common.chain(spec.settings.iter().map(|s| s.key)).collect();
            errors.push(format!("{path}: unknown key; known here: {}", known.join(", ")));
            continue;
        };
        let mut given = setting.default;
        if number(&path, &value, setting, &mut given, errors) {
            settings.set(&key, given);
        }
    }
}
