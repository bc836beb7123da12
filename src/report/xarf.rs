//! XARF v4 (<https://xarf.org>, schemas of version 4.2.0): reports that a program of the recipient reads. They accuse the
//! holder of an address, so there are none for addresses that may be spoofed.

use super::input::{IncidentInput, Reporter};
use super::language::Language;
use super::packets::Kept;
use super::target::target_name;
use super::text::{plain, unmarked};
use super::{origins, verdict};
use crate::base::{Addr, Direction, Timestamp, Vector, VectorClass};
use crate::incident::Incident;
use base64::Engine;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const VERSION: &str = "4.2.0";
/// Longest name of an organisation and longest description that the schema allows, in characters.
const ORGANISATION: usize = 200;
const DESCRIPTION: usize = 990;
/// Least share of a source port that is taken for that of all packets.
const COMMON_PORT: f64 = 0.5;

pub(super) fn reports(input: &IncidentInput<'_>, reporter: &Reporter) -> Result<Vec<Value>, String> {
    let incident = &input.incident.incident;
    let contact = contact(reporter)?;
    if incident.drill {
        return Err("the incident is a drill: none of its packets was on a wire".to_owned());
    }
    if incident.is_merged() {
        let whole = incident.part_of.as_deref().unwrap_or_default();
        return Err(format!(
            "the incident is part of a larger one, on {}: report that one",
            plain(whole, ORGANISATION)
        ));
    }
    if incident.sources.spoofing_likely {
        return Err("the sources are probably spoofed: their owners did not send these packets".to_owned());
    }
    let kept = Kept::read(input.packets);
    match incident.direction {
        Direction::Outbound => outbound(input, &kept, &contact).map(|report| vec![report]),
        Direction::Inbound | Direction::Internal => reflectors(input, &kept, &contact),
    }
}

/// The organisation, as reporter and sender.
fn contact(reporter: &Reporter) -> Result<Value, String> {
    let organisation = plain(&reporter.organisation, ORGANISATION - 1);
    let domain = reporter.contact.split_once('@').map(|(_, domain)| domain).unwrap_or_default();
    let is_domain = domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    let local = reporter.contact.split_once('@').map(|(local, _)| local).unwrap_or_default();
    let is_local = !local.is_empty()
        && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte));
    if organisation.is_empty() || !is_domain || !is_local {
        return Err(
            "XARF needs your organisation and a mail address: set report.organisation and report.contact in the \
                    configuration"
                .to_owned(),
        );
    }
    Ok(json!({"org": organisation, "contact": reporter.contact, "domain": domain}))
}

/// A report on one of our hosts.
fn outbound(input: &IncidentInput<'_>, kept: &Kept, contact: &Value) -> Result<Value, String> {
    let incident = &input.incident.incident;
    let Some(address) = incident.target.address else {
        return Err(format!(
            "XARF names the source by its address, and this incident has none ({} {}): use --abuse-mail",
            incident.target.kind,
            plain(&unmarked(&target_name(incident)), ORGANISATION)
        ));
    };
    let victim = incident.victims.as_ref().and_then(|victims| victims.top.first()).map(|peer| peer.address);
    let mut report = common(input, address, incident.totals.packets, contact);
    if incident.vector == Vector::OpenReflector {
        report["category"] = "vulnerability".into();
        report["type"] = "open_service".into();
        let port = source_port(incident, kept, address).ok_or_else(no_port)?;
        report["source_port"] = port.into();
        report["service"] = service(port).into();
        return Ok(report);
    }
    let kind = match incident.vector.class() {
        VectorClass::Flood | VectorClass::Amplification => "ddos",
        VectorClass::Application if incident.vector == Vector::BruteForce => "login_attack",
        VectorClass::Application => "ddos",
        VectorClass::Recon if incident.vector != Vector::Backscatter => "port_scan",
        _ => return Err(format!("XARF has no kind of report for {}: use --abuse-mail", incident.vector)),
    };
    connection(&mut report, incident, kind, source_port(incident, kept, address).ok_or_else(no_port)?)?;
    if let Some(victim) = victim {
        report["destination_ip"] = victim.to_string().into();
    }
    if let Some(port) = incident.ports.destination.first().filter(|port| port.port > 0) {
        report["destination_port"] = port.port.into();
    }
    Ok(report)
}

/// A report on each reflector of an amplification attack.
fn reflectors(input: &IncidentInput<'_>, kept: &Kept, contact: &Value) -> Result<Vec<Value>, String> {
    let incident = &input.incident.incident;
    let is_amplified = |vector: &Vector| vector.class() == VectorClass::Amplification;
    if !incident.vectors.iter().all(is_amplified) {
        let other = incident.vectors.iter().find(|vector| !is_amplified(vector)).copied().unwrap_or(incident.vector);
        return Err(format!(
            "the sources of {other} may be spoofed: only hosts of ours that attack, and reflectors of a pure amplification \
             attack, are reported"
        ));
    }
    let Some(target) = incident.target.address else {
        return Err("the incident is on a whole network: report the incidents on its hosts".to_owned());
    };
    let mut reports = Vec::new();
    for peer in incident.sources.top.iter().filter(|peer| peer.address.private_use().is_none()) {
        let common_port = || source_port(incident, kept, peer.address).filter(|_| incident.vectors.len() == 1);
        let Some(port) = kept.source_ports(peer.address).first().copied().or_else(common_port) else { continue };
        let mut report = common(input, peer.address, peer.packets, contact);
        if connection(&mut report, incident, "ddos", port).is_err() {
            continue;
        }
        report["destination_ip"] = target.to_string().into();
        reports.push(report);
    }
    match reports.is_empty() {
        true => {
            Err("none of the reflectors can be named with its port: no address is certain to have sent a part of it"
                .to_owned())
        }
        false => Ok(reports),
    }
}

fn no_port() -> String {
    "XARF needs a source port, and none is known: the packets have none, or they were from many and none was kept; use \
     --abuse-mail"
        .to_owned()
}

/// The source port of a host's packets: one that was seen in kept packets, or the one that most packets have.
fn source_port(incident: &Incident, kept: &Kept, address: Addr) -> Option<u16> {
    let common = incident.ports.source.first().filter(|port| port.share >= COMMON_PORT).map(|port| port.port);
    common.or_else(|| kept.source_ports(address).first().copied()).filter(|port| *port > 0)
}

/// What all reports have.
fn common(input: &IncidentInput<'_>, source: Addr, packets: u64, contact: &Value) -> Value {
    let incident = &input.incident.incident;
    let description = format!(
        "{} from {source}: at least {packets} packets from {} to {}.",
        incident.vector,
        incident.onset(),
        incident.updated_at
    );
    let mut text = description.clone() + "\n";
    if incident.direction == Direction::Outbound {
        text.push_str(&unmarked(&verdict::of_incident(input, Language::En)));
        text.push('\n');
    }
    let origin = input.origins.of(source);
    if let Some(asn) = origin.and_then(|origin: &origins::Origin| origin.asn) {
        text.push_str(&format!("{source} is in AS{asn}.\n"));
    }
    json!({
        "xarf_version": VERSION,
        "report_id": report_id(&incident.id, source),
        "timestamp": incident.onset(),
        "reporter": contact,
        "sender": contact,
        "source_identifier": source.to_string(),
        "evidence_source": "flow_analysis",
        "confidence": (incident.confidence * 100.0).round() / 100.0,
        "description": plain(&description, DESCRIPTION),
        "tags": [format!("attack:{}", incident.vector)],
        "evidence": [{
            "content_type": "text/plain",
            "description": "What was measured",
            "payload": base64::engine::general_purpose::STANDARD.encode(&text),
            "hash": format!("sha256:{}", hex(&Sha256::digest(text.as_bytes()))),
            "size": text.len(),
        }],
    })
}

/// The fields of reports on connections.
fn connection(report: &mut Value, incident: &Incident, kind: &str, port: u16) -> Result<(), String> {
    let protocol = protocol(incident.vector)
        .ok_or_else(|| format!("XARF knows TCP, UDP and ICMP only, not {}: use --abuse-mail", incident.vector))?;
    report["category"] = "connection".into();
    report["type"] = kind.into();
    report["protocol"] = protocol.into();
    report["source_port"] = port.into();
    report["first_seen"] = json!(incident.onset());
    report["last_seen"] = json!(last(incident));
    if kind == "ddos" {
        report["attack_vector"] = incident.vector.name().into();
        report["duration_seconds"] = (incident.lasted_seconds().round() as u64).max(1).into();
        // The peak is that of the whole attack; of one of several sources it is not known.
        if incident.direction == Direction::Outbound {
            report["peak_pps"] = incident.peak.packets_per_second.max(1).into();
            report["peak_bps"] = incident.peak.bits_per_second.max(1).into();
        }
    }
    Ok(())
}

fn last(incident: &Incident) -> Timestamp {
    incident.updated_at.max(incident.onset())
}

/// The protocol of a vector, where XARF has a word for it.
fn protocol(vector: Vector) -> Option<&'static str> {
    match vector {
        Vector::IcmpFlood | Vector::Icmpv6Flood | Vector::Smurf => Some("icmp"),
        Vector::GreFlood | Vector::IpProtoFlood | Vector::FragmentFlood | Vector::Backscatter => None,
        Vector::UdpFlood | Vector::QuicFlood | Vector::DnsQueryFlood | Vector::DnsWaterTorture | Vector::SipFlood => {
            Some("udp")
        }
        Vector::TcpReflection => Some("tcp"),
        vector if vector.class() == VectorClass::Amplification => Some("udp"),
        _ => Some("tcp"),
    }
}

/// The name of a service by its port.
fn service(port: u16) -> String {
    let name = match port {
        53 => "dns",
        69 => "tftp",
        111 => "portmap",
        123 => "ntp",
        161 => "snmp",
        389 => "cldap",
        1900 => "ssdp",
        5353 => "mdns",
        11_211 => "memcached",
        port => return format!("udp/{port}"),
    };
    name.to_owned()
}

/// A UUID that is the same whenever the same source of the same incident is reported.
fn report_id(incident: &str, source: Addr) -> String {
    let digest = Sha256::digest(format!("pegel\n{incident}\n{source}").as_bytes());
    let mut octets: Vec<u8> = digest.iter().take(16).copied().collect();
    if let Some(octet) = octets.get_mut(6) {
        *octet = 0x40 | (*octet & 0x0f);
    }
    if let Some(octet) = octets.get_mut(8) {
        *octet = 0x80 | (*octet & 0x3f);
    }
    let text = hex(&octets);
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
