//! `stp_from_guest`: a guest speaks spanning tree. It can make itself the root of the network, or have the provider's
//! switch shut the port that the whole machine is on (BPDU guard).

use super::super::{Detector, DetectorSpec, Evidence, Finding, FrameMatch, LimitFrom, Merging, Mitigation};
use super::common::{About, control_frames, is_guest, who};
use crate::base::{InterfaceRole, Severity, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "stp_from_guest",
    vectors: &[Vector::StpFromGuest],
    summary: "spanning-tree frames of a guest, or that leave an uplink with a guest's address",
    settings: &[],
    thresholds: &[],
    claims: &[],
    yields_to: &[],
    merging: Merging::Separate,
    mitigation: Mitigation::Station(Some(BPDUS)),
    build: |_, site| Box::new(StpFromGuest { site: Arc::clone(site) }),
};

const BPDUS: FrameMatch = FrameMatch { nftables: "ether daddr 01:80:c2:00:00:00", pcap: "ether dst 01:80:c2:00:00:00" };

struct StpFromGuest {
    site: Arc<Site>,
}

impl Detector for StpFromGuest {
    fn inspect_tick(&self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for speaker in window.lan().stp_senders() {
            let role = window.lan().interface(speaker.interface).role;
            let from_port = speaker.is_ingress && role == InterfaceRole::Port;
            if !from_port && !is_guest(window, &self.site, speaker.interface, speaker.mac) {
                continue;
            }
            let about = About {
                window,
                site: &self.site,
                interface: speaker.interface,
                vlan: speaker.domain.vlan,
                vector: Vector::StpFromGuest,
                count: control_frames(speaker.frames),
                since: speaker.first,
            };
            let main = Evidence {
                measure: "spanning_tree_frames",
                value: speaker.frames.into(),
                limit: Some(0.0),
                limit_from: Some(LimitFrom::Default),
                window_seconds: 0.1,
                message: format!(
                    "{} sent {} spanning-tree frame(s) on {}; no guest needs to",
                    who(window, &self.site, speaker.interface, speaker.mac),
                    speaker.frames,
                    about.interface()
                ),
            };
            let mut finding = about.station(speaker.mac, vec![main]);
            finding.severity = Severity::Critical;
            findings.push(finding);
        }
    }
}
