//! Claims to addresses: `arp_spoof`, `nd_spoof`, `gateway_mac_changed`, `ip_conflict`.
//!
//! Networks move addresses all the time: a guest migrates, a router fails over, a NIC is replaced. The new station
//! then announces the address to all stations, and the old one stops claiming it. An attacker sends unsolicited
//! unicast claims, or keeps claiming an address that another station still uses. RFC 5227 describes how honest
//! stations behave; dsniff's arpspoof, ettercap, bettercap and THC's parasite6 show how attackers do.
//!
//! One function ([`Inspection::verdict`]) classifies a claim as one of the four, so that no claim is reported twice.

use super::super::evidence::context;
use super::super::{
    Detector, DetectorSpec, Evidence, Finding, FrameMatch, Merging, Mitigation, Setting, Target, Threshold,
    settings::Limits,
};
use super::common::{ARP_FRAMES, Subject, control_frames, describe_station, is_guest, location_evidence};
use crate::base::{Mac, Severity, Vector};
use crate::inventory::{Site, VirtualMac};
use crate::meter::lan::{Claim, Claimant};
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const ARP_SPOOF: DetectorSpec = DetectorSpec {
    name: "arp_spoof",
    vectors: &[Vector::ArpSpoof],
    summary: "a station that claims another's IPv4 address: by unsolicited replies, or while its holder still uses it",
    settings: &[FORGED],
    needs: &[],
    thresholds: &[UNCONTESTED_FACTOR, PROBERS_ANSWERED, DISPUTE_TURNS, ASKED_IN_NAME],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(ARP_FRAMES)),
    build: |settings, site| Claims::boxed(Vector::ArpSpoof, settings.limit(&FORGED), site),
};

pub(in super::super) const ND_SPOOF: DetectorSpec = DetectorSpec {
    name: "nd_spoof",
    vectors: &[Vector::NdSpoof],
    summary: "the same for IPv6: forged neighbour advertisements, or replies to every duplicate address probe",
    mitigation: Mitigation::Station(Some(ADVERTISEMENTS)),
    build: |settings, site| Claims::boxed(Vector::NdSpoof, settings.limit(&FORGED), site),
    ..ARP_SPOOF
};

pub(in super::super) const GATEWAY_MAC_CHANGED: DetectorSpec = DetectorSpec {
    name: "gateway_mac_changed",
    vectors: &[Vector::GatewayMacChanged],
    summary: "a router's address that moved to another MAC; info where the move was announced and the old station stopped \
              claiming it",
    settings: &[],
    needs: &[],
    thresholds: &[],
    mitigation: Mitigation::Station(None),
    build: |_, site| Claims::boxed(Vector::GatewayMacChanged, Limits::once(), site),
    ..ARP_SPOOF
};

pub(in super::super) const IP_CONFLICT: DetectorSpec = DetectorSpec {
    name: "ip_conflict",
    vectors: &[Vector::IpConflict],
    summary: "two stations that use the same address and have no other",
    settings: &[TURNS],
    needs: &[],
    thresholds: &[DISPUTE_TURNS],
    build: |settings, site| Claims::boxed(Vector::IpConflict, settings.limit(&TURNS), site),
    ..ARP_SPOOF
};

const FORGED: Setting = Setting {
    key: "forged_claims",
    default: 1.0,
    min: 1.0,
    max: 1000.0,
    unit: "claims",
    doc: "Unsolicited unicast claims within a minute, where another station contests the address or it is certain that the \
          receiver did not request it; four times as many where neither is known.",
    learns: None,
};
const TURNS: Setting = Setting {
    key: "turns",
    default: 3.0,
    min: 1.0,
    max: 1000.0,
    unit: "turns",
    doc: "Alternating claims of two stations within a minute, where both announce the address but never reply to the same \
          request.",
    learns: None,
};

const UNCONTESTED_FACTOR: Threshold = Threshold {
    name: "uncontested claims' factor",
    value: 4.0,
    unit: "times the limit",
    reason: "where no holder contests the address, a claim that looks unsolicited may answer a request that was not captured; four for several addresses and receivers do not",
    guarded_by: "l2_arp_balance",
};
const PROBERS_ANSWERED: Threshold = Threshold {
    name: "stations with answered probes",
    value: 3.0,
    unit: "stations",
    reason: "an honest station defends its own address, against one or two that test it; a forger answers every station that tests any",
    guarded_by: "l2_nd_spoof_dad",
};
const DISPUTE_TURNS: Threshold = Threshold {
    name: "turns of a dispute",
    value: 5.0,
    unit: "alternating claims within a minute",
    reason: "a failover and its return are two or three; stations that claim an address more often both use it",
    guarded_by: "l2_arp_spoof_gratuitous",
};

const ASKED_IN_NAME: Threshold = Threshold {
    name: "requests in another's name",
    value: 2.0,
    unit: "requests",
    reason: "a single one may be the last of a station that hands its address over",
    guarded_by: "l2_arp_spoof_requests",
};

/// Neighbour advertisement and redirect (RFC 4861 §4).
const ADVERTISEMENTS: FrameMatch =
    FrameMatch { nftables: "icmpv6 type { 136, 137 }", pcap: "ip6[6] = 58 and (ip6[40] = 136 or ip6[40] = 137)" };

struct Claims {
    vector: Vector,
    limit: Limits,
    site: Arc<Site>,
}

impl Claims {
    fn boxed(vector: Vector, limit: Limits, site: &Arc<Site>) -> Box<dyn Detector> {
        Box::new(Claims { vector, limit, site: Arc::clone(site) })
    }
}

impl Detector for Claims {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        let limit = self.limit.base().value.max(1.0);
        for claim in window.lan().claims() {
            let inspection = Inspection { claim, window, site: &self.site, limit };
            let Some(verdict) = inspection.verdict().filter(|verdict| verdict.vector == self.vector) else { continue };
            findings.push(self.finding(&inspection, verdict));
        }
    }
}

/// What a claim is, and why.
struct Verdict {
    vector: Vector,
    severity: Severity,
    confidence: f64,
    reason: String,
}

/// One claim of this tick, inspected by one of the detectors.
struct Inspection<'a> {
    claim: &'a Claim,
    window: &'a Window<'a>,
    site: &'a Site,
    /// The detector's limit, at least 1.
    limit: f64,
}

impl Inspection<'_> {
    fn verdict(&self) -> Option<Verdict> {
        let claim = self.claim;
        if claim.claimant.forged > 0 {
            return self.forged();
        }
        if claim.probes_answered as f64 >= PROBERS_ANSWERED.value {
            let reason = format!("it answered duplicate address probes of {} stations", claim.probes_answered);
            return Some(self.spoofed(Severity::Critical, 0.9, reason));
        }
        let holder = claim.holder.as_ref()?;
        if claim.claimant.denied > 0 && !claim.related {
            let reason = format!(
                "it answered the probe of {}, which held the address before and cannot use it now",
                self.describe(holder.mac)
            );
            return Some(self.conflict(reason));
        }
        // Routers share a virtual MAC on purpose.
        if VirtualMac::of(claim.claimant.mac).is_some() && VirtualMac::of(holder.mac).is_some() {
            return None;
        }
        if !claim.contested {
            return claim.is_gateway.then(|| self.gateway_moved());
        }
        self.contested(holder)
    }

    fn spoofed(&self, severity: Severity, confidence: f64, reason: String) -> Verdict {
        let vector = if self.claim.address.is_v4() { Vector::ArpSpoof } else { Vector::NdSpoof };
        Verdict { vector, severity, confidence, reason }
    }

    fn describe(&self, mac: Mac) -> String {
        describe_station(self.window, self.site, self.claim.interface, mac)
    }

    /// Unsolicited unicast claims.
    fn forged(&self) -> Option<Verdict> {
        let (claim, claimant) = (self.claim, &self.claim.claimant);
        let times = f64::from(claimant.forged);
        if let Some(other) = claim.between {
            let address = claim.address;
            let reason =
                format!("it claims {address} to {other} and {other} to {address}: it intercepts both directions");
            return Some(self.spoofed(Severity::Critical, 0.98, reason));
        }
        // A device that refreshes its only address in the caches of its peers, where no other station has that address.
        let has_others = claim.claimant_others > 0 || claim.claimant_sends_from_others;
        let is_only = claim.holder.is_none() && !has_others && claim.forged_addresses <= 1;
        if is_only && (!claim.is_gateway || self.window.lan().is_router(claim.interface, claimant.mac)) {
            return None;
        }
        // A bond tells each client which of its NICs is the client's (balance-alb of Linux). Each NIC also answers
        // for the bond's address, and for no other.
        let is_bond = claimant.confirmed > 0 && claim.claimant_others == 0 && claim.forged_addresses <= 1;
        if is_bond && !claim.is_gateway {
            return None;
        }
        if let Some(holder) = claim.holder.filter(|holder| holder.forged == 0 && times >= self.limit) {
            let reason = format!("the address belongs to {}", self.describe(holder.mac));
            return Some(self.spoofed(Severity::Critical, 0.95, reason));
        }
        let several = claim.forged_addresses > 1 && claim.forged_victims > 1;
        if several && times >= UNCONTESTED_FACTOR.value * self.limit {
            let reason = format!(
                "it claimed {} addresses to {} stations within a minute",
                claim.forged_addresses, claim.forged_victims
            );
            return Some(self.spoofed(Severity::Critical, 0.9, reason));
        }
        if f64::from(claimant.forged_to_audible) >= self.limit {
            let reason = "the receiver had sent no request for it".to_owned();
            return Some(self.spoofed(Severity::Warning, 0.7, reason));
        }
        None
    }

    /// A claim to an address that its previous holder still claims.
    fn contested(&self, holder: &Claimant) -> Option<Verdict> {
        let (claim, claimant) = (self.claim, &self.claim.claimant);
        let turns = f64::from(claim.turns);
        let both_answer = claimant.doubled > 0 || holder.doubled > 0;
        let both_announce = claimant.announced > 0 && holder.announced > 0;
        let is_dispute = turns >= DISPUTE_TURNS.value;
        let asks = f64::from(claimant.asked) >= ASKED_IN_NAME.value && !claim.related;
        // Nodes of a cluster, each with an address of its own, which have all taken over a service's address.
        let both_have_others = claim.claimant_others > 0 && claim.holder_others > 0;
        if both_have_others && both_announce && both_answer && !claim.is_gateway {
            let reason = format!("{} also announced the address and answers for it", self.describe(holder.mac));
            return Some(self.conflict(reason));
        }
        // An attacker has another address as well, or claims that of a router.
        let is_suspect = claim.claimant_others > 0 || claim.is_gateway;
        if is_suspect && claimant.announced > 1 && (is_dispute || (claim.is_gateway && both_answer)) {
            let reason = format!("it repeatedly announces the address, which {} still uses", self.describe(holder.mac));
            return Some(self.spoofed(Severity::Critical, 0.9, reason));
        }
        if claim.claimant_others > 0 && asks {
            let reason = format!(
                "it sends requests with the address as its source, which {} still uses",
                self.describe(holder.mac)
            );
            return Some(self.spoofed(Severity::Critical, 0.9, reason));
        }
        // One of several NICs of a host answers for all its addresses; it is no second owner.
        if claim.claimant_others > 0 || claim.holder_others > 0 {
            return None;
        }
        let insists = is_dispute && f64::from(claimant.announced) >= DISPUTE_TURNS.value;
        let alternates = both_announce && !claim.is_gateway && turns >= self.limit;
        let reason = || format!("{} also uses it", self.describe(holder.mac));
        (both_answer || alternates || insists || asks).then(|| self.conflict(reason()))
    }

    fn conflict(&self, reason: String) -> Verdict {
        Verdict { vector: Vector::IpConflict, severity: Severity::Warning, confidence: 0.85, reason }
    }

    /// A router's address at another station, which the previous one does not contest.
    fn gateway_moved(&self) -> Verdict {
        let claimant = &self.claim.claimant;
        let is_announced = claimant.announced > 0 || VirtualMac::of(claimant.mac).is_some();
        let by_guest = is_guest(self.window, self.site, self.claim.interface, claimant.mac);
        let (severity, confidence, reason) = match (is_announced, by_guest) {
            (_, true) => (Severity::Critical, 0.8, "a guest uses it now"),
            (true, false) => {
                let reason =
                    "the move was announced and the old station stopped claiming the address, as in a failover";
                (Severity::Info, 0.6, reason)
            }
            (false, false) => (Severity::Warning, 0.8, "the move was not announced"),
        };
        Verdict { vector: Vector::GatewayMacChanged, severity, confidence, reason: reason.to_owned() }
    }
}

impl Claims {
    fn finding(&self, inspection: &Inspection<'_>, verdict: Verdict) -> Finding {
        let Inspection { claim, window, site, .. } = *inspection;
        let claimant = &claim.claimant;
        let subject = Subject {
            window,
            site,
            interface: claim.interface,
            vlan: claim.domain.vlan,
            vector: verdict.vector,
            count: control_frames(claim.count),
            since: claimant.first,
        };
        let mut evidence = vec![self.claims_evidence(inspection, &verdict)];
        if claimant.sender != claimant.mac {
            let sender = inspection.describe(claimant.sender);
            let message = format!("the frames are sent by {sender}, not by the MAC address that they claim");
            evidence.push(context("sender", 1.0, Span::Minute.seconds(), message));
        }
        let mut finding = match verdict.vector {
            Vector::IpConflict => {
                let mut finding = subject.finding(Target::Host(claim.address));
                finding.evidence = evidence;
                finding.evidence.push(location_evidence(window, site, claim.interface, claimant.mac));
                finding
            }
            _ => subject.station_finding(claimant.sender, evidence),
        };
        finding.severity = verdict.severity;
        finding.confidence = verdict.confidence;
        finding.spoofing_likely = matches!(verdict.vector, Vector::ArpSpoof | Vector::NdSpoof);
        finding
    }

    fn claims_evidence(&self, inspection: &Inspection<'_>, verdict: &Verdict) -> Evidence {
        let (claim, claimant) = (inspection.claim, &inspection.claim.claimant);
        let address = claim.address;
        let what = if claim.is_gateway { format!("router {address}") } else { address.to_string() };
        let made = claimant.forged.max(claimant.announced + claimant.confirmed).max(1);
        let how = match (claimant.forged, claimant.announced) {
            (0, 0) => "in reply to requests".to_owned(),
            (0, times) => format!("{times} announced to all stations"),
            (times, _) => format!("{times} as unsolicited unicast, last to {}", claimant.victim),
        };
        let previous = claim
            .holder
            .map_or_else(String::new, |holder| format!("; previous holder: {}", inspection.describe(holder.mac)));
        // A move of a router's address has no limit.
        let limit = Some(self.limit.base()).filter(|_| self.vector != Vector::GatewayMacChanged);
        Evidence {
            measure: "claims",
            value: f64::from(made),
            limit: limit.map(|limit| limit.value - 1.0),
            limit_from: limit.map(|limit| limit.from),
            window_seconds: Span::Minute.seconds(),
            message: format!(
                "{} claims {what} ({made} time(s), {how}); {}{previous}",
                inspection.describe(claimant.mac),
                verdict.reason
            ),
        }
    }
}
