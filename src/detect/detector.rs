//! The interface of a detector, and a row of the registry.

use super::claim::Claim;
use super::finding::Finding;
use super::host_context::HostContext;
use super::need::Need;
use super::settings::{Setting, Settings};
use super::threshold::Threshold;
use crate::base::{LinkReading, PostureResult, Vector};
use crate::inventory::Site;
use crate::meter::Window;
use std::sync::Arc;

/// Inspects what was measured, at the end of each tick. Must not read a clock: the window carries the time.
pub trait Detector: Send {
    /// Inspects one busy host in one direction. Called for each of them, so it must be quick to find nothing.
    fn inspect_host(&self, _host: &HostContext<'_>, _window: &Window<'_>, _findings: &mut Vec<Finding>) {}

    /// Inspects the tick as a whole: stations, totals.
    fn inspect_tick(&self, _window: &Window<'_>, _findings: &mut Vec<Finding>) {}

    /// Inspects what the kernel counted on the captured interfaces in the last seconds, oldest first.
    fn inspect_links(&self, _readings: &[LinkReading], _window: &Window<'_>, _findings: &mut Vec<Finding>) {}

    /// Inspects the latest results of the checks of this host, which no packet carries.
    fn inspect_host_checks(&self, _checks: &[PostureResult], _findings: &mut Vec<Finding>) {}
}

/// A row of the registry: everything that the rest of Pegel knows of a detector.
pub struct DetectorSpec {
    /// Name in the configuration (`[detect.NAME]`), lists and metrics.
    pub name: &'static str,
    /// What it raises.
    pub vectors: &'static [Vector],
    /// One line: what it detects, and by which shape.
    pub summary: &'static str,
    /// Its settings; every detector also has `enabled` and `severity`.
    pub settings: &'static [Setting],
    /// What a host or prefix must have before the detector can find anything there: any of these. A detector without needs
    /// inspects no hosts, only the tick as a whole or the host checks.
    pub needs: &'static [Need],
    /// The numbers of its method that are no settings.
    pub thresholds: &'static [Threshold],
    /// Shapes of traffic that this detector reports, so that others leave these packets to it.
    pub claims: &'static [Claim],
    /// Claims of other detectors: while one applies to a host, this detector's findings about it are dropped.
    pub yields_to: &'static [Claim],
    /// Whether its findings open incidents of their own or join others.
    pub merging: Merging,
    /// What suggested filters may match of the traffic that it reports.
    pub mitigation: Mitigation,
    /// Builds the detector: at the start, and again when the configuration or the site changes.
    pub build: fn(&Settings, &Arc<Site>) -> Box<dyn Detector>,
}

/// How findings of a detector relate to other incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merging {
    /// An incident of its own.
    Separate,
    /// Part of the incident of the host's prefix while that is attacked as a whole.
    IntoPrefix,
    /// The same; besides, replies of a flooded host look like it, so that it is no second attack in the direction opposite
    /// to a flood.
    IntoPrefixOrSideEffect,
    /// About a segment as a whole: part of it are findings of these vectors about single stations.
    AbsorbsStations(&'static [Vector]),
}

/// What a filter can match of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mitigation {
    /// The shape of its packets.
    Packets,
    /// The same, but UDP only by the source port of the abused service.
    AmplifierPort,
    /// Only together with sources: without them a filter would match honest clients too. For a station as the sender, these
    /// frames of it.
    Sources(Option<FrameMatch>),
    /// All frames of the station, or those that `matches` describes.
    Station(Option<FrameMatch>),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// Frames of a station, in two filter languages: nftables (family bridge) and pcap-filter(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMatch {
    /// nftables match that follows the one on the source MAC address, e.g. `udp sport { 67, 547 }`.
    pub nftables: &'static str,
    /// The same frames as a pcap-filter expression, to be joined by `and` with the source MAC address.
    pub pcap: &'static str,
}
