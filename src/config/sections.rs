//! All sections and what they resolve to: the [`Config`].

use super::baseline::BaselineConfig;
use super::capture::CaptureConfig;
use super::detection::DetectionConfig;
use super::evidence::EvidenceConfig;
use super::http::HttpConfig;
use super::key::{Reload, Section};
use super::output::OutputConfig;
use super::page::Page;
use super::reader::Reader;
use super::report::ReportConfig;
use super::sandbox::SandboxConfig;
use super::store::StoreConfig;
use super::values::Names;
use super::{
    alertmanager, allow, baseline, capture, decode, detect, detection, endpoint, evidence, group, guest, hook, http,
    incident, interface, inventory, lan, maintenance, meter, metrics, networks, output, posture, report, sandbox,
    state, store, webhook,
};
use crate::detect::{AllowRule, Settings};
use crate::incident::{IncidentSettings, MaintenanceWindow};
use crate::inventory::{Group, InterfacePolicy, LanPolicy, Sources};
use crate::meter::{MeterSizes, TallySizes};
use crate::output::endpoint::without_secrets;
use crate::packet::Tunnels;
use crate::posture::Posture;
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use toml::Table;

/// Every section, in the order of the sample file.
pub(super) const SECTIONS: [&Section; 28] = [
    &networks::SECTION,
    &state::SECTION,
    &capture::SECTION,
    &decode::SECTION,
    &meter::SECTION,
    &incident::SECTION,
    &baseline::SECTION,
    &store::SECTION,
    &evidence::SECTION,
    &report::SECTION,
    &http::SECTION,
    &sandbox::SECTION,
    &inventory::SECTION,
    &metrics::SECTION,
    &lan::SECTION,
    &output::SECTION,
    &detection::SECTION,
    &detect::SECTION,
    &interface::SECTION,
    &guest::SECTION,
    &maintenance::SECTION,
    &group::SECTION,
    &allow::SECTION,
    &posture::SECTION,
    &posture::CHECK,
    &alertmanager::SECTION,
    &webhook::SECTION,
    &hook::SECTION,
];

/// The configuration with every default filled in.
///
/// Its own fields are the sections whose changes need a restart: a running process keeps them as they were at
/// its start. The sections that a reload replaces are in [`ReloadableConfig`], whose fields can also be accessed as
/// fields of this type.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[capture]`
    pub capture: CaptureConfig,
    /// `[decode]`
    pub tunnels: Tunnels,
    /// `[meter]`, the shared tables.
    pub meter: MeterSizes,
    /// `[meter]`, the tables of each worker.
    pub tally: TallySizes,
    /// `[baseline]`
    pub baseline: BaselineConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[evidence]`
    pub evidence: EvidenceConfig,
    /// `[http]`
    pub http: HttpConfig,
    /// `[sandbox]`
    pub sandbox: SandboxConfig,
    /// `[output]`, `[[alertmanager]]`, `[[webhook]]` and `[[hook]]`
    pub output: OutputConfig,
    /// Directory of the saved state.
    pub state_dir: PathBuf,
    /// All other sections.
    pub reloadable: ReloadableConfig,
}

/// The sections that a reload replaces.
#[derive(Clone, Debug, PartialEq)]
pub struct ReloadableConfig {
    /// Inside networks. Empty: those of the captured interfaces in a live run, unknown in a replay.
    pub networks: Vec<IpNet>,
    /// `[incident]`
    pub incident: IncidentSettings,
    /// `[report]`
    pub report: ReportConfig,
    /// Hosts that always have their own series.
    pub metrics_hosts: Vec<IpAddr>,
    /// `[lan]`
    pub lan: LanPolicy,
    /// Sources of guests, and the guests that the configuration itself describes.
    pub inventory: Sources,
    /// `[[interface]]`
    pub interfaces: Vec<InterfacePolicy>,
    /// `[[maintenance]]`
    pub maintenance: Vec<MaintenanceWindow>,
    /// Hosts with their own limits, which are in `detect`.
    pub groups: Vec<Group>,
    /// `[[allow]]`
    pub allow: Vec<AllowRule>,
    /// `[posture]`
    pub posture: Posture,
    /// `[detection]`; the ceiling is in `detect` as well.
    pub detection: DetectionConfig,
    /// In the order of [`DETECTORS`](crate::detect::DETECTORS).
    pub detect: Vec<Settings>,
}

impl Deref for Config {
    type Target = ReloadableConfig;

    fn deref(&self) -> &ReloadableConfig {
        &self.reloadable
    }
}

impl DerefMut for Config {
    fn deref_mut(&mut self) -> &mut ReloadableConfig {
        &mut self.reloadable
    }
}

impl Default for Config {
    /// That of an empty file: the defaults are in the declarations of the keys.
    fn default() -> Config {
        let mut errors = Vec::new();
        let config = Config::read(Table::new(), &mut errors);
        debug_assert!(errors.is_empty(), "defaults are invalid: {errors:?}");
        config
    }
}

impl Config {
    /// The defaults, for these networks.
    pub fn for_networks(networks: Vec<IpNet>) -> Config {
        let defaults = Config::default();
        let reloadable = ReloadableConfig { networks, ..defaults.reloadable };
        Config { reloadable, ..defaults }
    }

    /// The same without what may be secret: paths of receivers' URLs. Files with secrets are named, and not read.
    pub fn without_secrets(mut self) -> Config {
        for endpoint in self.output.endpoints_mut() {
            endpoint.url = without_secrets(&endpoint.url);
        }
        self
    }

    /// Reads a file. What is wrong with it is added to `errors`; the configuration is then not to be used.
    pub(super) fn read(table: Table, errors: &mut Vec<String>) -> Config {
        let mut top = Reader::new(String::new(), table, errors);
        let networks = networks::read(&mut top);
        let state_dir = state::read(&mut top);
        let capture = top.table(&capture::SECTION, capture::read);
        let tunnels = top.table(&decode::SECTION, decode::read);
        let (meter, mut tally) = top.table(&meter::SECTION, meter::read);
        let incident = top.table(&incident::SECTION, incident::read);
        let baseline = top.table(&baseline::SECTION, baseline::read);
        let store = top.table(&store::SECTION, store::read);
        let evidence = top.table(&evidence::SECTION, evidence::read);
        tally.kept_octets = evidence.kept_octets();
        let report = top.table(&report::SECTION, report::read);
        let http = top.table(&http::SECTION, http::read);
        let sandbox = top.table(&sandbox::SECTION, sandbox::read);
        let mut inventory = top.table(&inventory::SECTION, inventory::read);
        let metrics_hosts = top.table(&metrics::SECTION, metrics::read);
        let lan = top.table(&lan::SECTION, lan::read);
        let mut output = top.table(&output::SECTION, output::read);
        let detection = top.table(&detection::SECTION, detection::read);
        let mut detect = detect::read(&mut top);
        detect.iter_mut().for_each(|settings| settings.set_ceiling(detection.ceiling));

        let any_number = usize::MAX;
        let (mut names, mut interfaces) = (Names::default(), Vec::new());
        top.tables(&interface::SECTION, any_number, |table| interface::read(table, &mut names, &mut interfaces));
        top.tables(&guest::SECTION, any_number, |table| guest::read(table, &mut inventory.guests));
        let (mut names, mut maintenance) = (Names::default(), Vec::new());
        top.tables(&maintenance::SECTION, any_number, |table| maintenance::read(table, &mut names, &mut maintenance));
        let (mut names, mut groups) = (Names::default(), Vec::new());
        top.tables(&group::SECTION, any_number, |table| group::read(table, &mut names, &mut groups, &mut detect));
        let (mut names, mut allow) = (Names::default(), Vec::new());
        top.tables(&allow::SECTION, allow::MAX_RULES, |table| allow::read(table, &mut names, &mut allow));
        let posture = top.table(&posture::SECTION, posture::read);

        let most = endpoint::MAX_RECEIVERS;
        let (mut names, to) = (Names::default(), &mut output.alertmanagers);
        top.tables(&alertmanager::SECTION, most, |table| alertmanager::read(table, &mut names, to));
        let (mut names, to) = (Names::default(), &mut output.webhooks);
        top.tables(&webhook::SECTION, most, |table| webhook::read(table, &mut names, to));
        let (mut names, to) = (Names::default(), &mut output.hooks);
        top.tables(&hook::SECTION, most, |table| hook::read(table, &mut names, to));
        top.close(&[]);

        let reloadable = ReloadableConfig {
            networks,
            incident,
            report,
            metrics_hosts,
            lan,
            inventory,
            interfaces,
            maintenance,
            groups,
            allow,
            posture,
            detection,
            detect,
        };
        Config {
            capture,
            tunnels,
            meter,
            tally,
            baseline,
            store,
            evidence,
            http,
            sandbox,
            output,
            state_dir,
            reloadable,
        }
    }

    /// Everything that is in force, in the order of [`SECTIONS`].
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default();
        networks::write(&self.networks, &mut page);
        state::write(&self.state_dir, &mut page);
        capture::write(&self.capture, &mut page);
        decode::write(self.tunnels, &mut page);
        meter::write(&self.meter, &self.tally, &mut page);
        incident::write(&self.incident, &mut page);
        baseline::write(&self.baseline, &mut page);
        store::write(&self.store, &mut page);
        evidence::write(&self.evidence, &mut page);
        report::write(&self.report, &mut page);
        http::write(&self.http, &mut page);
        sandbox::write(&self.sandbox, &mut page);
        inventory::write(&self.inventory, &mut page);
        metrics::write(&self.metrics_hosts, &mut page);
        lan::write(&self.lan, &mut page);
        output::write(&self.output, &mut page);
        detection::write(&self.detection, &mut page);
        detect::write(&self.detect, &mut page);
        interface::write(&self.interfaces, &mut page);
        guest::write(&self.inventory.guests, &mut page);
        maintenance::write(&self.maintenance, &mut page);
        group::write(&self.groups, &self.detect, &mut page);
        allow::write(&self.allow, &mut page);
        posture::write(&self.posture, &mut page);
        alertmanager::write(&self.output.alertmanagers, &mut page);
        webhook::write(&self.output.webhooks, &mut page);
        hook::write(&self.output.hooks, &mut page);
        page
    }

    /// The sections that differ in `other` and that only a restart puts in force, as they are headed in the file:
    /// `[capture]`, `[[hook]]`, `state_dir`.
    pub fn needs_restart(&self, other: &Config) -> Vec<&'static str> {
        let (old, new) = (self.page(), other.page());
        let differs = |section: &&&Section| !old.of(section).eq(new.of(section));
        let fixed = SECTIONS.iter().filter(|section| section.reload == Reload::Restart);
        fixed.filter(differs).map(|section| section.heading).collect()
    }
}
