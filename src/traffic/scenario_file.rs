//! Scenario files (TOML). Unknown keys are errors.
//!
//! ```toml
//! seed = 7
//! start = "2026-01-01T00:00:00Z"      # optional
//! [[part]]
//! model = "syn_flood"
//! from = 10.0                          # seconds after start
//! to = 20.0
//! rate = 5000.0                        # packets (or sessions, requests) per second
//! target = "203.0.113.7"               # an address, or a prefix to spread over
//! targets = 100                        # hosts of that prefix, 0 = all
//! target_port = 80                     # 0 = a different one in every packet
//! sources = 65536                      # 0 = a different one in every packet
//! source_network = "198.18.0.0/15"
//! payload = 512                        # octets
//! mbit = 1000.0                        # bulk models, Mbit/s
//! direction = "outbound"               # the sources are inside, the target outside
//! burst = { on = 0.2, off = 4.8 }      # seconds
//! hours = [0.4, 0.3, …]                # 24 shares: the span is a day with these relative loads per hour
//! source_mac = "52:54:00:12:34:56"
//! target_mac = "52:54:00:12:34:57"
//! interface = 1                        # number of the capturing interface
//! vlan = 104
//! seen_as = "port"                     # uplink (default), port, entered, left, unknown: direction of the frames
//! bridged = [0, 2]                     # other ports of the bridge that capture the frames, uplink first
//! ```

use super::frames::{CapturePoint, SeenAs};
use super::models::{MODELS, TrafficModel};
use super::scenario::{DEFAULT_START, Part, Scenario};
use super::schedule::Burst;
use super::setting::Params;
use crate::base::{Direction, Timestamp};
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScenario {
    #[serde(default)]
    seed: u64,
    start: Option<String>,
    #[serde(default)]
    part: Vec<WrittenPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPart {
    model: String,
    #[serde(default)]
    from: f64,
    to: f64,
    rate: Option<f64>,
    mbit: Option<f64>,
    target: Option<String>,
    targets: Option<u64>,
    target_port: Option<u16>,
    sources: Option<u64>,
    source_network: Option<String>,
    payload: Option<usize>,
    direction: Option<String>,
    burst: Option<WrittenBurst>,
    hours: Option<[f64; 24]>,
    source_mac: Option<String>,
    target_mac: Option<String>,
    #[serde(default)]
    interface: u16,
    vlan: Option<u16>,
    seen_as: Option<String>,
    #[serde(default)]
    bridged: Vec<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBurst {
    on: f64,
    off: f64,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// What is wrong, in one or a few lines.
    pub fn parse(toml_text: &str) -> Result<Scenario, String> {
        parse(toml_text)
    }
}

fn parse(text: &str) -> Result<Scenario, String> {
    let written: WrittenScenario = toml::from_str(text).map_err(|error| error.to_string())?;
    let start = match written.start {
        Some(text) => timestamp(&text)?,
        None => DEFAULT_START,
    };
    let parts = written.part.into_iter().enumerate().map(|(index, written)| {
        let name = written.model.clone();
        part(written).map_err(|error| format!("part {} ({name}): {error}", index + 1))
    });
    Ok(Scenario { seed: written.seed, start, parts: parts.collect::<Result<_, _>>()? })
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text.parse().map_err(|error| format!("start: {error}"))?;
    let nanos = u64::try_from(time.as_nanosecond()).map_err(|_| "start: must be from 1970 to 2554")?;
    Ok(Timestamp::from_nanos(nanos))
}

fn part(written: WrittenPart) -> Result<Part, String> {
    let model =
        TrafficModel::from_name(&written.model).ok_or_else(|| format!("unknown model; known models: {}", names()))?;
    if !(written.from >= 0.0 && written.to > written.from && written.to.is_finite()) {
        return Err("from and to must be seconds after the start, with to after from".into());
    }
    let positive = |name: &str, value: Option<f64>| match value {
        Some(number) if !(number > 0.0 && number <= 1e9) => Err(format!("{name}: must be above 0 and at most 1e9")),
        value => Ok(value),
    };
    let burst = match written.burst {
        Some(WrittenBurst { on, off }) if !(on > 0.0 && off >= 0.0 && (on + off).is_finite()) => {
            return Err("burst: on must be above 0 seconds, off at least 0".into());
        }
        burst => burst.map(|WrittenBurst { on, off }| Burst { on, off }),
    };
    if let Some(hours) = written.hours
        && !(hours.iter().all(|share| *share >= 0.0) && hours.iter().sum::<f64>() > 0.0)
    {
        return Err("hours: must be 24 shares of at least 0, not all of them 0".into());
    }
    let mac = |name: &str, text: Option<String>| {
        text.map(|text| text.parse().map_err(|error| format!("{name}: {error}"))).transpose()
    };
    let direction = match written.direction.as_deref() {
        None => None,
        Some("inbound") => Some(Direction::Inbound),
        Some("outbound") => Some(Direction::Outbound),
        Some(_) => return Err("direction: must be inbound or outbound".into()),
    };
    if written.vlan.is_some_and(|vlan| !(1..=4094).contains(&vlan)) {
        return Err("vlan: must be from 1 to 4094".into());
    }
    let seen_as = match written.seen_as.as_deref() {
        None | Some("uplink") => SeenAs::Uplink,
        Some("port") => SeenAs::Port,
        Some("entered") => SeenAs::Ingress,
        Some("left") => SeenAs::Egress,
        Some("unknown") => SeenAs::Unknown,
        Some(_) => return Err("seen_as: must be uplink, port, entered, left or unknown".into()),
    };
    let params = Params {
        rate: positive("rate", written.rate)?,
        mbit: positive("mbit", written.mbit)?,
        target: written.target.map(|text| network("target", &text)).transpose()?,
        targets: written.targets,
        target_port: written.target_port,
        sources: written.sources,
        source_network: written.source_network.map(|text| network("source_network", &text)).transpose()?,
        payload: written.payload,
        direction,
        burst,
        hours: written.hours,
        source_mac: mac("source_mac", written.source_mac)?,
        target_mac: mac("target_mac", written.target_mac)?,
        capture_point: CapturePoint { interface: written.interface, vlan: written.vlan, seen_as },
        bridged: written.bridged,
    };
    if let (Some(target), Some(sources)) = (params.target, params.source_network)
        && matches!(target, IpNet::V4(_)) != matches!(sources, IpNet::V4(_))
    {
        return Err("target and source_network: must be of the same address family".into());
    }
    if let (Some(network), Some(sources)) = (params.source_network, params.sources) {
        let bits = u32::from(network.max_prefix_len() - network.prefix_len());
        if bits < 62 && sources > 1 << bits {
            return Err("sources: more than the addresses of source_network".into());
        }
    }
    if params.payload.is_some_and(|payload| payload > 65_000) {
        return Err("payload: at most 65000 octets".into());
    }
    Ok(Part { model, from_seconds: written.from, to_seconds: written.to, params })
}

/// A prefix, or an address as a prefix of full length.
fn network(name: &str, text: &str) -> Result<IpNet, String> {
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    parsed.map(|network| network.trunc()).map_err(|_| format!("{name}: not an address or prefix: {text}"))
}

fn names() -> String {
    MODELS.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        seed = 7
        start = "2026-03-01T00:00:00Z"
        [[part]]
        model = "syn_flood"
        from = 10.0
        to = 20
        rate = 5000.0
        target = "203.0.113.7"
        targets = 1
        target_port = 443
        sources = 65536
        source_network = "198.18.0.0/15"
        payload = 512
        mbit = 10
        direction = "outbound"
        burst = { on = 0.2, off = 4.8 }
        source_mac = "52:54:00:12:34:56"
        target_mac = "52:54:00:12:34:57"
        interface = 2
        vlan = 104
        seen_as = "port"
        bridged = [0, 1]
        [[part]]
        model = "carpet_bombing"
        to = 1.0
        target = "2001:db8:10::/64"
    "#;

    #[test]
    fn all_keys_are_read() {
        let scenario = parse(WHOLE).expect("valid");
        assert_eq!((scenario.seed, scenario.start.to_string().as_str()), (7, "2026-03-01T00:00:00.000Z"));
        let [first, second] = &scenario.parts[..] else { panic!("two parts") };
        assert_eq!((first.model, first.from_seconds, first.to_seconds), (TrafficModel::SynFlood, 10.0, 20.0));
        assert_eq!(first.params.burst, Some(Burst { on: 0.2, off: 4.8 }));
        assert_eq!(first.params.source_mac.map(|mac| mac.to_string()), Some("52:54:00:12:34:56".into()));
        let CapturePoint { interface, vlan, seen_as } = first.params.capture_point;
        assert_eq!((interface, vlan, seen_as), (2, Some(104), SeenAs::Port));
        assert_eq!(first.params.bridged, [0, 1]);
        assert_eq!((first.params.targets, second.params.targets), (Some(1), None));
        assert_eq!(second.params.target.map(|net| net.prefix_len()), Some(64));
    }

    #[test]
    fn errors_name_the_key() {
        for (change, message) in [
            (("rate =", "rat ="), "rat"),
            (("syn_flood", "sin_flood"), "unknown model"),
            (("to = 20", "to = 5"), "to after from"),
            (("203.0.113.7", "203.0.113"), "target: not an address"),
            (("outbound", "sideways"), "direction"),
            (("5000.0", "-1.0"), "rate: must"),
            (("vlan = 104", "vlan = 4095"), "vlan"),
            (("\"port\"", "\"sideways\""), "seen_as"),
            (("on = 0.2", "on = 0.0"), "burst"),
            (("rate = 5000.0", "hours = [1.0, 2.0]"), "24"),
            (("sources = 65536", "sources = 200000"), "sources: more"),
            (("target = \"203.0.113.7\"", "target = \"::1\""), "same address family"),
            (("2026-03-01T00", "March"), "start"),
        ] {
            let error = parse(&WHOLE.replacen(change.0, change.1, 1)).map(|_| ()).expect_err(change.0);
            assert!(error.contains(message), "{error}");
        }
    }
}
