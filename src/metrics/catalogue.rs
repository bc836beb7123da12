//! The catalogue of metrics: name, help text, type and labels of everything that Pegel exports. `pegel list metrics`,
//! the documentation and the tests read it.

/// The type of a metric in the exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A total that only grows; its name ends in `_total`.
    Counter,
    /// A value that can go up and down.
    Gauge,
    /// A distribution in cumulative buckets.
    Histogram,
}

impl Kind {
    /// As in a `# TYPE` line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One metric. Names and labels are public API: they are added, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricSpec {
    /// With the prefix `pegel_` and the base unit.
    pub name: &'static str,
    /// One sentence without a full stop.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($kind:ident $constant:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(super) const $constant: &MetricSpec =
                &MetricSpec { name: $name, help: $help, kind: Kind::$kind, labels: &[$($label),*] };
        )*

        /// Every metric, by topic.
        pub const METRICS: &[&MetricSpec] = &[$($constant,)*];
    };
}

metrics! {
    // Capture
    Counter CAPTURE_PACKETS "pegel_capture_packets_total" ["interface"]
        "Packets captured on an interface; an estimate while sampling";
    Counter CAPTURE_BYTES "pegel_capture_bytes_total" ["interface"]
        "Bytes on the wire of the packets captured on an interface; an estimate while sampling";
    Counter CAPTURE_DROPPED "pegel_capture_dropped_packets_total" ["interface" "stage"]
        "Packets lost before they were inspected, by stage: kernel (capture buffer full) or interface (NIC or driver)";
    Gauge CAPTURE_UP "pegel_capture_up" ["interface"]
        "Whether packets are being captured on an interface (1) or it is down or missing (0)";
    Gauge CAPTURE_SAMPLING "pegel_capture_sampling_ratio" ["interface"]
        "Lowest sampling ratio of the workers of an interface (1: every packet is inspected); counts are scaled up";
    Gauge CAPTURE_DIRECTIONS "pegel_capture_directions" ["interface" "directions"]
        "Directions of our hosts' conversations that an interface shows, configured or learned (1: these)";
    Gauge CAPTURE_COVERAGE "pegel_capture_coverage_ratio" []
        "Share of the packets of the last minute that were inspected, 0 to 1";
    // Traffic
    Counter RECEIVE_PACKETS "pegel_receive_packets_total" ["class"]
        "Packets to our networks by traffic class";
    Counter RECEIVE_BYTES "pegel_receive_bytes_total" ["class"]
        "Bytes to our networks by traffic class";
    Counter TRANSMIT_PACKETS "pegel_transmit_packets_total" ["class"]
        "Packets from our networks by traffic class";
    Counter TRANSMIT_BYTES "pegel_transmit_bytes_total" ["class"]
        "Bytes from our networks by traffic class";
    Counter TRANSIT_PACKETS "pegel_transit_packets_total" []
        "Packets neither from nor to our networks";
    Counter TRANSIT_BYTES "pegel_transit_bytes_total" []
        "Bytes neither from nor to our networks";
    Counter PACKET_ANOMALIES "pegel_packet_anomalies_total" ["anomaly"]
        "Packets with an anomaly, by the first one found";
    Counter ENCAPSULATED_PACKETS "pegel_encapsulated_packets_total" ["encapsulation"]
        "Packets in an encapsulation that was not followed: what they carry was not analysed";
    // Hosts, guests and stations
    Counter HOST_RECEIVE_PACKETS "pegel_host_receive_packets_total" ["host" "group"]
        "Packets to a watched host";
    Counter HOST_RECEIVE_BYTES "pegel_host_receive_bytes_total" ["host" "group"]
        "Bytes to a watched host";
    Counter HOST_TRANSMIT_PACKETS "pegel_host_transmit_packets_total" ["host" "group"]
        "Packets from a watched host";
    Counter HOST_TRANSMIT_BYTES "pegel_host_transmit_bytes_total" ["host" "group"]
        "Bytes from a watched host";
    Counter HOST_SERIES_REFUSED "pegel_host_series_refused_total" []
        "Times that a host got no series because the maximum number of hosts with series was reached";
    Gauge GUESTS "pegel_guests" []
        "Known virtual machines and containers";
    Counter GUEST_RECEIVE_PACKETS "pegel_guest_receive_packets_total" ["guest"]
        "Packets to a guest, each counted once even if captured on several interfaces";
    Counter GUEST_RECEIVE_BYTES "pegel_guest_receive_bytes_total" ["guest"]
        "Bytes to a guest, each packet counted once";
    Counter GUEST_TRANSMIT_PACKETS "pegel_guest_transmit_packets_total" ["guest"]
        "Packets from a guest, each counted once even if captured on several interfaces";
    Counter GUEST_TRANSMIT_BYTES "pegel_guest_transmit_bytes_total" ["guest"]
        "Bytes from a guest, each packet counted once";
    Counter GUEST_SERIES_REFUSED "pegel_guest_series_refused_total" []
        "Guests that got no series because the maximum number of guests with series was reached";
    Gauge INVENTORY_PROBLEMS "pegel_inventory_problems" ["source"]
        "Entries of an inventory source that cannot be read or contradict other entries";
    Gauge STATIONS "pegel_stations" []
        "Stations (MAC address and interface) in the station table";
    Counter STATION_NEW "pegel_station_new_total" []
        "Stations added to the station table: new ones, and evicted ones that were seen again";
    // Incidents
    Counter INCIDENTS "pegel_incidents_total" ["vector" "direction" "severity"]
        "Incidents opened, by vector, direction and severity at opening";
    Gauge INCIDENTS_OPEN "pegel_incidents_open" []
        "Incidents currently open";
    Gauge INCIDENT_ACTIVE "pegel_incident_active" ["target" "vector" "direction" "severity" "maintenance" "drill"]
        "Open incidents (always 1), with main vector, highest severity so far, and whether in maintenance or a drill";
    Gauge INCIDENT_PACKETS_PER_SECOND "pegel_incident_packets_per_second" ["target" "direction"]
        "Packets per second of an open incident at the latest point of its timeline";
    Counter INCIDENT_SERIES_REFUSED "pegel_incident_series_refused_total" []
        "Targets of open incidents that got no series because the maximum number of targets with series was reached";
    Counter FINDINGS_DROPPED "pegel_findings_dropped_total" ["reason"]
        "Detector findings that did not lead to an incident: too many incidents open, or a side effect of another one";
    Counter FINDINGS_SUPPRESSED "pegel_findings_suppressed_total" ["rule"]
        "Detector findings suppressed by an allow rule; a persistent condition is found again in every tick of 0.1 s";
    Gauge DETECTORS_PANICKED "pegel_detectors_panicked" []
        "Detectors that panicked, a fault of Pegel, and are off until a reload or restart";
    // This host
    Gauge POSTURE_OK "pegel_posture_ok" ["check"]
        "Whether a posture check of this host passes (1); 0 if it fails or its state is unknown";
    Gauge POSTURE_UNKNOWN "pegel_posture_unknown" ["check"]
        "Whether the state of a posture check is unknown (1): not checked yet, tool missing, or permission denied";
    // Pegel itself
    Gauge TABLE_ENTRIES "pegel_table_entries" ["table"]
        "Entries in use in a table";
    Gauge TABLE_CAPACITY "pegel_table_capacity" ["table"]
        "Maximum number of entries of a table";
    Counter TABLE_EVICTIONS "pegel_table_evictions_total" ["table"]
        "Entries evicted from a table because it was full";
    Counter TABLE_REFUSALS "pegel_table_refusals_total" ["table"]
        "Entries not admitted to a table because it was full of more active or more severe ones";
    Histogram TICK_DURATION "pegel_tick_duration_seconds" []
        "Time spent merging, detecting and reporting at the end of a tick of 0.1 s";
    Counter TICKS_LATE "pegel_ticks_late_total" []
        "Ticks that ended late";
    Gauge TICK_TIME "pegel_tick_timestamp_seconds" []
        "Packet time at the end of the last evaluated tick, in seconds since the Unix epoch";
    Counter OUTPUT_EVENTS "pegel_output_events_total" ["output"]
        "Events delivered by an output";
    Counter OUTPUT_FAILURES "pegel_output_failures_total" ["output"]
        "Failed delivery attempts of an output";
    Counter OUTPUT_DROPPED "pegel_output_dropped_events_total" ["output"]
        "Events that an output did not deliver because its queue was full or its retries were exhausted";
    Gauge OUTPUT_FAILING "pegel_output_failing" ["output"]
        "Whether the last delivery attempt of an output failed (1) or not (0)";
    Gauge OUTPUT_DELAY "pegel_output_delay_seconds" ["output"]
        "Time from the end of the tick that detected a change to its delivery, for the latest delivery";
    Counter STATE_FAILURES "pegel_state_failures_total" ["operation"]
        "Failed operations on the state directory";
    Gauge STORE_BYTES "pegel_store_bytes" []
        "Size of the database and the evidence in the state directory, as of the last upkeep";
    Gauge STORE_FAILING "pegel_store_failing" []
        "Whether the store or the evidence cannot be written (1), so that incidents are kept in memory";
    Counter STORE_DROPPED "pegel_store_dropped_entries_total" []
        "Entries that were not stored because the disk was too slow or full for too long; packets of evidence first";
    Counter HTTP_REFUSED "pegel_http_refused_total" ["reason"]
        "HTTP connections and requests refused: not authenticated, server busy, TLS failed, or limit exceeded";
    Gauge CONFIG_RELOAD_TIME "pegel_config_reload_success_timestamp_seconds" []
        "Time of the last successful configuration load, in seconds since the Unix epoch";
    Gauge CONFIG_RELOAD_SUCCESSFUL "pegel_config_last_reload_successful" []
        "Whether the last configuration load succeeded (1) or failed, leaving the previous configuration in force (0)";
    Gauge BUILD_INFO "pegel_build_info" ["version"]
        "Version of the running Pegel (always 1)";
}

macro_rules! label_values {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them, in the order of their series.
            $vis const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The label value.
            $vis const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

label_values! {
    /// A bounded table: the values of the label `table`. Those of workers are emptied every tick.
    pub enum Table {
        /// Host directions of a worker.
        WorkerHosts = "worker_hosts",
        /// Detailed counters of a worker's busiest hosts.
        WorkerDetails = "worker_details",
        /// Stations of a worker.
        WorkerStations = "worker_stations",
        /// Conversations that workers remember.
        WorkerConversations = "worker_conversations",
        /// Connection attempts by sender; a sample.
        WorkerAttempts = "worker_connection_attempts",
        /// Requests of application protocols; a sample.
        WorkerRequests = "worker_requests",
        /// Layer 2 control frames (ARP, neighbour discovery, DHCP, STP).
        WorkerControls = "worker_control_frames",
        /// Lifetime totals of hosts.
        Hosts = "hosts",
        /// Measurement windows of hosts.
        BusyHosts = "busy_hosts",
        /// Measurement windows of prefixes.
        Prefixes = "prefixes",
        /// Lifetime totals of stations.
        Stations = "stations",
        /// State of the LANs.
        Lan = "lan",
        /// Learned baselines of hosts.
        Baseline = "baseline",
        /// Samples of background traffic.
        BackgroundTraffic = "background_traffic",
        /// Open incidents.
        Incidents = "incidents",
        /// Packets kept for the evidence of incidents to come.
        KeptPackets = "kept_packets",
        /// Hosts that are counted in the present minute, for the store.
        MinuteHosts = "minute_hosts",
    }
}

label_values! {
    /// A source of guests and interfaces: the values of the label `source`.
    pub(super) enum InventorySource {
        /// Configuration files of Proxmox VE.
        Proxmox = "proxmox",
        /// Domain definitions of libvirt.
        Libvirt = "libvirt",
        /// The configuration of Pegel, and tables that it names.
        Static = "static",
        /// Links, bridges and neighbours, by netlink.
        Kernel = "kernel",
    }
}

/// Where packets are lost: the values of the label `stage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The capture buffer in the kernel was full.
    Kernel,
    /// The NIC or its driver dropped them.
    Interface,
}

impl Stage {
    /// The label value.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Stage::Kernel => "kernel",
            Stage::Interface => "interface",
        }
    }
}

label_values! {
    /// Why HTTP refused a connection or request: the values of the label `reason`.
    pub enum HttpRefusal {
        /// No credentials, or wrong ones.
        Auth = "auth",
        /// Too many connections, or too many passwords to check.
        Busy = "busy",
        /// For a name that the server does not have.
        Host = "host",
        /// The TLS handshake failed.
        Tls = "tls",
        /// Disconnected: too slow or too large.
        Limit = "limit",
    }
}

label_values! {
    /// An operation on the state directory: the values of the label `operation`.
    pub enum StateOperation {
        /// Opening or creating the directory.
        Open = "open",
        /// Loading saved state at the start.
        Load = "load",
        /// Saving state.
        Save = "save",
        /// Reading the maintenance windows.
        Maintenance = "maintenance",
        /// Opening, reading or writing the store.
        Store = "store",
        /// Writing or deleting evidence.
        Evidence = "evidence",
    }
}

/// Why a finding did not lead to an incident: the values of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DropReason {
    /// `incident.max_open` incidents were open.
    IncidentLimit,
    /// A side effect of another incident, such as the replies of a flooded host.
    SideEffect,
}

impl DropReason {
    /// The label value.
    pub(super) const fn name(self) -> &'static str {
        match self {
            DropReason::IncidentLimit => "incident_limit",
            DropReason::SideEffect => "side_effect",
        }
    }
}
