//! `stp_from_guest`: a guest sends spanning-tree frames. It can become the root bridge of the network, or make the
//! provider's switch shut down the port of the whole host (BPDU guard).

use super::super::{Detector, DetectorSpec, Evidence, Finding, FrameMatch, LimitFrom, Merging, Mitigation};
use super::common::{Subject, control_frames, describe_station, is_guest};
use crate::base::{InterfaceRole, Severity, Vector};
use crate::inventory::Site;
use crate::meter::{Span, Window};
use std::sync::Arc;

pub(in super::super) const SPEC: DetectorSpec = DetectorSpec {
    name: "stp_from_guest",
    vectors: &[Vector::StpFromGuest],
    summary: "spanning-tree frames that a guest sends, or that leave an uplink with a guest's MAC address",
    settings: &[],
    needs: &[],
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
            let subject = Subject {
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
                window_seconds: Span::Tick.seconds(),
                message: format!(
                    "{} sent {} spanning-tree frame(s) on {}; guests have no reason to send any",
                    describe_station(window, &self.site, speaker.interface, speaker.mac),
                    speaker.frames,
                    subject.interface()
                ),
            };
            let mut finding = subject.station_finding(speaker.mac, vec![main]);
            finding.severity = Severity::Critical;
            findings.push(finding);
        }
    }
}
