//! Who has an address: `arp_spoof`, `nd_spoof`, `gateway_mac_changed`, `ip_conflict`.
//!
//! Networks move addresses all the time: a guest migrates, a router fails over, a card is replaced. Then the new station
//! tells everyone, and the old one is silent about the address. A forger tells one station alone what it did not ask, or
//! goes on claiming what another still has. RFC 5227 describes how honest stations behave; dsniff's arpspoof, ettercap,
//! bettercap and THC's parasite6 how the others do.
//!
//! One function ([`judge`]) decides which of the four a claim is, so that no claim is two.

use super::super::evidence::context;
use super::super::{
    Detector, DetectorSpec, Evidence, Finding, FrameMatch, Merging, Mitigation, Setting, Target, settings::Limits,
};
use super::common::{ARP_FRAMES, About, control_frames, is_guest, whereabouts, who};
use crate::base::{Severity, Vector};
use crate::inventory::{Site, VirtualMac};
use crate::meter::Window;
use crate::meter::lan::Claim;
use std::sync::Arc;

const FORGED: Setting = Setting {
    key: "forged_claims",
    default: 1.0,
    min: 1.0,
    max: 1000.0,
    unit: "claims",
    doc: "Claims within a minute, told to one station alone that did not ask, where others contest them or it is seen that \
          nobody asked; four times as many where neither can be told.",
    learns: None,
};

pub(in super::super) const ARP_SPOOF: DetectorSpec = DetectorSpec {
    name: "arp_spoof",
    vectors: &[Vector::ArpSpoof],
    summary: "a station that claims another's IPv4 address: by answers that nobody asked for, or against its holder",
    settings: &[FORGED],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(ARP_FRAMES)),
    build: |settings, site| Claims::boxed(Vector::ArpSpoof, settings.limit(&FORGED), site),
};

pub(in super::super) const ND_SPOOF: DetectorSpec = DetectorSpec {
    name: "nd_spoof",
    vectors: &[Vector::NdSpoof],
    summary: "the same for IPv6: forged neighbour advertisements, or answers to every probe for a free address",
    settings: &[FORGED],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(ADVERTISEMENTS)),
    build: |settings, site| Claims::boxed(Vector::NdSpoof, settings.limit(&FORGED), site),
};

pub(in super::super) const GATEWAY_MAC_CHANGED: DetectorSpec = DetectorSpec {
    name: "gateway_mac_changed",
    vectors: &[Vector::GatewayMacChanged],
    summary: "a router's address moved to another MAC; for information where it was announced and the old one let go",
    settings: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(None),
    build: |_, site| Claims::boxed(Vector::GatewayMacChanged, Limits::once(), site),
};

pub(in super::super) const IP_CONFLICT: DetectorSpec = DetectorSpec {
    name: "ip_conflict",
    vectors: &[Vector::IpConflict],
    summary: "two stations that both have the same address and no other",
    settings: &[TURNS],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(ARP_FRAMES)),
    build: |settings, site| Claims::boxed(Vector::IpConflict, settings.limit(&TURNS), site),
};

const TURNS: Setting = Setting {
    key: "turns",
    default: 3.0,
    min: 1.0,
    max: 1000.0,
    unit: "turns",
    doc: "Times within a minute that the two claim it in turns, where both announce it but never answer the same question.",
    learns: None,
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
        for claim in window.lan().claims() {
            let Some(verdict) = judge(claim, window, &self.site, &self.limit) else { continue };
            if verdict.vector == self.vector {
                findings.push(self.finding(claim, verdict, window));
            }
        }
    }
}

/// What a claim is, and why.
struct Verdict {
    vector: Vector,
    severity: Severity,
    confidence: f64,
    because: String,
}

/// Turns from which on two stations quarrel: a failover and its return are two or three.
const AGAIN: u32 = 5;

fn judge(claim: &Claim, window: &Window<'_>, site: &Site, limit: &Limits) -> Option<Verdict> {
    let spoof = if claim.address.is_v4() { Vector::ArpSpoof } else { Vector::NdSpoof };
    let verdict =
        |vector, severity, confidence, because: String| Some(Verdict { vector, severity, confidence, because });
    let (claimant, forged) = (&claim.claimant, claim.claimant.forged);
    let least = limit.base().value.max(1.0);
    if forged > 0 {
        let times = f64::from(forged);
        if let Some(other) = claim.between {
            let because =
                format!("it tells the station of {other} the same of {}: it places itself between both", claim.address);
            return verdict(spoof, Severity::Critical, 0.98, because);
        }
        // A bond tells its clients one by one which of its cards is theirs (balance-alb of Linux): each card also answers
        // for the address, and for no other.
        let bonded = claimant.confirmed > 0 && claim.claimant_others == 0 && claim.forged_addresses < 2;
        if bonded && !claim.is_gateway {
            return None;
        }
        if let Some(holder) = claim.holder.filter(|holder| holder.forged == 0 && times >= least) {
            let because = format!("the address is that of {}", who(window, site, claim.interface, holder.mac));
            return verdict(spoof, Severity::Critical, 0.95, because);
        }
        if claim.forged_addresses > 1 && claim.forged_victims > 1 && times >= 4.0 * least {
            let because = format!(
                "it told {} stations of {} addresses within a minute",
                claim.forged_victims, claim.forged_addresses
            );
            return verdict(spoof, Severity::Critical, 0.9, because);
        }
        if f64::from(claimant.forged_to_audible) >= least {
            let because = "whom it told had asked nobody for it".to_owned();
            return verdict(spoof, Severity::Warning, 0.7, because);
        }
        return None;
    }
    if claim.probes_answered >= 3 {
        let because = format!("it answered {} stations that tested whether an address is free", claim.probes_answered);
        return verdict(spoof, Severity::Critical, 0.9, because);
    }
    let holder = claim.holder?;
    // What routers share is meant to be claimed by more than one.
    if VirtualMac::of(claimant.mac).is_some() && VirtualMac::of(holder.mac).is_some() {
        return None;
    }
    if !claim.contested {
        return claim.is_gateway.then(|| gateway_moved(claim, window, site));
    }
    // A card among several of one machine answers for all of them; that is no second owner.
    let has_others = claim.claimant_others > 0 || claim.holder_others > 0;
    let both = claimant.doubled > 0 || holder.doubled > 0;
    let announced = claimant.announced > 0 && holder.announced > 0;
    // A router that two stations announce and answer for at once.
    let answers_too = claim.is_gateway && both;
    if (claim.claimant_others > 0 || claim.is_gateway)
        && claimant.announced > 1
        && (claim.turns >= AGAIN || answers_too)
    {
        let because = format!(
            "it announces the address again and again, which {} still has",
            who(window, site, claim.interface, holder.mac)
        );
        return verdict(spoof, Severity::Critical, 0.9, because);
    }
    // It says so again and again, and the holder will not let go.
    let insists = claimant.announced >= AGAIN && claim.turns >= AGAIN;
    if !has_others && (both || (announced && !claim.is_gateway && f64::from(claim.turns) >= least) || insists) {
        let because = format!("{} has it, too", who(window, site, claim.interface, holder.mac));
        return verdict(Vector::IpConflict, Severity::Warning, 0.85, because);
    }
    None
}

/// A router's address at another station, of which the old one says nothing.
fn gateway_moved(claim: &Claim, window: &Window<'_>, site: &Site) -> Verdict {
    let claimant = &claim.claimant;
    let is_virtual = VirtualMac::of(claimant.mac).is_some();
    let announced = claimant.announced > 0;
    let by_guest = is_guest(window, site, claim.interface, claimant.mac);
    let (severity, how) = match (announced || is_virtual, by_guest) {
        (_, true) => (Severity::Critical, "a guest has it now"),
        (true, false) => (Severity::Info, "it was announced and the old one lets it go, as in a failover"),
        (false, false) => (Severity::Warning, "it was not announced"),
    };
    Verdict {
        vector: Vector::GatewayMacChanged,
        severity,
        confidence: if severity == Severity::Info { 0.6 } else { 0.8 },
        because: how.to_owned(),
    }
}

impl Claims {
    fn finding(&self, claim: &Claim, verdict: Verdict, window: &Window<'_>) -> Finding {
        let (claimant, site) = (&claim.claimant, &self.site);
        let about = About {
            window,
            site,
            interface: claim.interface,
            vlan: claim.domain.vlan,
            vector: verdict.vector,
            count: control_frames(claim.count),
            since: claimant.first,
        };
        let name = |mac| who(window, site, claim.interface, mac);
        let what = if claim.is_gateway { format!("router {}", claim.address) } else { claim.address.to_string() };
        let before = claim.holder.map_or_else(String::new, |holder| format!("; before: {}", name(holder.mac)));
        let limit = self.limit.base();
        let made = claimant.forged.max(claimant.announced + claimant.confirmed).max(1);
        let main = Evidence {
            measure: "claims",
            value: f64::from(made),
            limit: Some(limit.value - 1.0).filter(|_| self.vector != Vector::GatewayMacChanged),
            limit_from: Some(limit.from).filter(|_| self.vector != Vector::GatewayMacChanged),
            window_seconds: 60.0,
            message: format!(
                "{} claims {what} ({made} time(s), {}); {}{before}",
                name(claimant.mac),
                match (claimant.forged, claimant.announced) {
                    (0, 0) => "in answer to questions".to_owned(),
                    (0, times) => format!("{times} announced to all"),
                    (times, _) => format!("{times} told unasked to one station alone, last to {}", claimant.victim),
                },
                verdict.because
            ),
        };
        let mut evidence = vec![main];
        if claimant.sender != claimant.mac {
            evidence.push(context(
                "sender",
                1.0,
                60.0,
                format!("the frames come from {}, not from the address that they name", name(claimant.sender)),
            ));
        }
        let mut finding = match verdict.vector {
            Vector::IpConflict => {
                let mut finding = about.finding(Target::Host(claim.address));
                finding.evidence = evidence;
                finding.evidence.push(whereabouts(window, site, claim.interface, claimant.mac));
                finding
            }
            _ => about.station(claimant.sender, evidence),
        };
        finding.severity = verdict.severity;
        finding.confidence = verdict.confidence;
        finding.spoofing_likely = matches!(verdict.vector, Vector::ArpSpoof | Vector::NdSpoof);
        finding
    }
}
