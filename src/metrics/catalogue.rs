//! The catalogue: every metric that Pegel exports, with its help, kind and labels. `pegel list metrics`, the
//! documentation and the tests all read it; nothing is exported that does not stand here.

/// What a metric is, in the words of the exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One metric. Public API: names and labels are only ever added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricSpec {
    pub name: &'static str,
    /// One sentence without a full stop.
    pub help: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($kind:ident $constant:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: &MetricSpec =
                &MetricSpec { name: $name, help: $help, kind: Kind::$kind, labels: &[$($label),*] };
        )*

        /// Every metric, by topic.
        pub const METRICS: &[&MetricSpec] = &[$($constant,)*];
    };
}

metrics! {
    // Capture
    Counter CAPTURE_PACKETS "pegel_capture_packets_total" ["interface"]
        "Packets taken from an interface; an estimate while not all are looked at";
    Counter CAPTURE_BYTES "pegel_capture_bytes_total" ["interface"]
        "Bytes on the wire of the packets taken from an interface";
    Counter CAPTURE_DROPPED "pegel_capture_dropped_packets_total" ["interface" "stage"]
        "Packets lost before they were looked at, by where: kernel buffer, network interface, or own queue";
    Gauge CAPTURE_UP "pegel_capture_up" ["interface"]
        "Whether packets are being captured from an interface (1) or it is down or gone (0)";
    Gauge CAPTURE_SAMPLING "pegel_capture_sampling_ratio" ["interface"]
        "Share of packets of an interface that is looked at by choice, where that is least (1: all); counts are scaled up";
    Gauge CAPTURE_COVERAGE "pegel_capture_coverage_ratio" []
        "Share of packets of the last minute that were looked at, 0 to 1";
    // Traffic
    Counter RECEIVE_PACKETS "pegel_receive_packets_total" ["class"]
        "Packets to our networks by class of traffic";
    Counter RECEIVE_BYTES "pegel_receive_bytes_total" ["class"]
        "Bytes to our networks by class of traffic";
    Counter TRANSMIT_PACKETS "pegel_transmit_packets_total" ["class"]
        "Packets from our networks by class of traffic";
    Counter TRANSMIT_BYTES "pegel_transmit_bytes_total" ["class"]
        "Bytes from our networks by class of traffic";
    Counter TRANSIT_PACKETS "pegel_transit_packets_total" []
        "Packets that are neither from nor to our networks";
    Counter TRANSIT_BYTES "pegel_transit_bytes_total" []
        "Bytes that are neither from nor to our networks";
    Counter PACKET_ANOMALIES "pegel_packet_anomalies_total" ["anomaly"]
        "Packets with something wrong about them, by what was wrong first";
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
        "Requests to watch a host that were refused since too many hosts have series already";
    Gauge GUESTS "pegel_guests" []
        "Virtual machines and containers that are known";
    Counter GUEST_RECEIVE_PACKETS "pegel_guest_receive_packets_total" ["guest"]
        "Packets to a guest, each counted once on whichever interfaces it is seen";
    Counter GUEST_RECEIVE_BYTES "pegel_guest_receive_bytes_total" ["guest"]
        "Bytes to a guest";
    Counter GUEST_TRANSMIT_PACKETS "pegel_guest_transmit_packets_total" ["guest"]
        "Packets from a guest, each counted once on whichever interfaces it is seen";
    Counter GUEST_TRANSMIT_BYTES "pegel_guest_transmit_bytes_total" ["guest"]
        "Bytes from a guest";
    Counter GUEST_SERIES_REFUSED "pegel_guest_series_refused_total" []
        "Guests that got no series since too many have one already";
    Gauge INVENTORY_PROBLEMS "pegel_inventory_problems" ["source"]
        "Parts of a source of the inventory that could not be read or contradict others";
    Gauge STATIONS "pegel_stations" []
        "Stations (MAC addresses by interface) that are remembered";
    Counter STATION_NEW "pegel_station_new_total" []
        "Stations seen for the first time, or again after they were forgotten";
    // Incidents
    Counter INCIDENTS "pegel_incidents_total" ["vector" "direction" "severity"]
        "Incidents opened, by vector and severity at that moment";
    Gauge INCIDENTS_OPEN "pegel_incidents_open" []
        "Incidents that are open now";
    Gauge INCIDENT_ACTIVE "pegel_incident_active" ["target" "vector" "direction" "severity" "maintenance" "drill"]
        "Open incidents (always 1) with their main vector, highest severity so far, and whether they opened in a planned window or are a drill";
    Gauge INCIDENT_PACKETS_PER_SECOND "pegel_incident_packets_per_second" ["target" "direction"]
        "Packets per second of an open incident at the last point of its timeline";
    Counter INCIDENT_SERIES_REFUSED "pegel_incident_series_refused_total" []
        "Targets of open incidents that got no series since too many have one already";
    Counter FINDINGS_DROPPED "pegel_findings_dropped_total" ["reason"]
        "Findings of detectors that led to no incident: too many were open, or it was the echo of another";
    Counter ALLOWED_FINDINGS "pegel_allowed_findings_total" ["rule"]
        "Findings suppressed by a rule of the allow-list; one that lasts is found anew ten times a second";
    // This host
    Gauge POSTURE_OK "pegel_posture_ok" ["check"]
        "Whether what must hold on this host does (1); 0 also while that cannot be told";
    Gauge POSTURE_UNKNOWN "pegel_posture_unknown" ["check"]
        "Whether it cannot be told if something holds on this host (1): not looked at yet, or no tool or right to do so";
    // Pegel itself
    Gauge TABLE_ENTRIES "pegel_table_entries" ["table"]
        "Entries in use in a table";
    Gauge TABLE_CAPACITY "pegel_table_capacity" ["table"]
        "Most entries that a table holds";
    Counter TABLE_EVICTIONS "pegel_table_evictions_total" ["table"]
        "Entries of a table that gave way to others";
    Histogram TICK_DURATION "pegel_tick_duration_seconds" []
        "Time spent on measuring, detecting and telling at the end of a tick of 0.1 s";
    Counter TICKS_LATE "pegel_ticks_late_total" []
        "Ticks that ended later than they should have";
    Gauge TICK_TIME "pegel_tick_timestamp_seconds" []
        "Packet time of the last judged tick, in seconds since 1970";
    Counter OUTPUT_EVENTS "pegel_output_events_total" ["output"]
        "Events handed over by an output";
    Counter OUTPUT_FAILURES "pegel_output_failures_total" ["output"]
        "Attempts of an output to hand over events that failed";
    Counter OUTPUT_DROPPED "pegel_output_dropped_total" ["output"]
        "Events that an output did not take since its queue was full, or gave up";
    Gauge OUTPUT_FAILING "pegel_output_failing" ["output"]
        "Whether the last attempt of an output to hand over something failed";
    Gauge OUTPUT_DELAY "pegel_output_delay_seconds" ["output"]
        "Time from the end of the tick in which something was found to its being handed over, for the last that was";
    Counter STATE_FAILURES "pegel_state_failures_total" ["operation"]
        "Times that the state directory could not be used, by what was tried";
    Counter HTTP_REFUSED "pegel_http_refused_total" ["reason"]
        "Connections and requests that HTTP refused: no or wrong password, too many at once, no TLS, too slow or too large";
    Gauge CONFIG_RELOAD_TIME "pegel_config_reload_success_timestamp_seconds" []
        "When the configuration was last loaded with success, in seconds since 1970";
    Gauge CONFIG_RELOAD_SUCCESSFUL "pegel_config_last_reload_successful" []
        "Whether the last load of the configuration succeeded (1) or the one before stayed in force (0)";
    Gauge BUILD_INFO "pegel_build_info" ["version"]
        "The version that runs (always 1)";
}

macro_rules! label_values {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The label value.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

label_values! {
    /// A bounded table: the values of `table`.
    Table {
        WorkerHosts = "worker_hosts",
        WorkerDetails = "worker_details",
        WorkerStations = "worker_stations",
        WorkerAttempts = "worker_connection_attempts",
        WorkerRequests = "worker_requests",
        WorkerControls = "worker_controls",
        Hosts = "hosts",
        BusyHosts = "busy_hosts",
        Prefixes = "prefixes",
        Stations = "stations",
        Segment = "segment",
        Baseline = "baseline",
        BackgroundTraffic = "background_traffic",
    }
}

label_values! {
    /// Who tells of guests and interfaces: the values of `source`.
    InventorySource {
        Proxmox = "proxmox",
        Libvirt = "libvirt",
        Static = "static",
        Kernel = "kernel",
    }
}

label_values! {
    /// Where packets are lost: the values of `stage`.
    Stage {
        /// The kernel's buffer for us was full.
        Kernel = "kernel",
        /// The network card or its driver.
        Interface = "interface",
        /// A queue between threads of ours was full.
        Queue = "queue",
    }
}

label_values! {
    /// Why HTTP refused a connection or request: the values of `reason`.
    HttpRefusal {
        /// No password, or a wrong one.
        Auth = "auth",
        /// Too many connections, or passwords to check.
        Busy = "busy",
        /// The handshake failed.
        Tls = "tls",
        /// Cut off: too slow or too large.
        Limit = "limit",
    }
}

label_values! {
    /// What was tried with the state directory: the values of `operation`.
    StateOperation {
        Open = "open",
        Load = "load",
        Save = "save",
        Maintenance = "maintenance",
    }
}

label_values! {
    /// Why a finding led nowhere: the values of `reason`.
    DropReason {
        OpenIncidentsFull = "open_incidents_full",
        SideEffect = "side_effect",
    }
}
