//! The list of sinks.

/// An entry of the list of sinks.
pub struct SinkSpec {
    /// Name in lists. The `output` label of metrics is this, with the configured name appended where there may be
    /// several.
    pub name: &'static str,
    /// What it sends, in one line.
    pub summary: &'static str,
}

/// Every sink, for lists, metrics and documentation.
pub const SINKS: &[SinkSpec] = &[
    SinkSpec {
        name: "log",
        summary: "a line on standard error, or fields in the journal, for each change of an incident",
    },
    SinkSpec { name: "jsonl", summary: "incidents appended to a file with rotation, one JSON object per line" },
    SinkSpec { name: "syslog", summary: "an RFC 5424 message with structured data for each change of an incident" },
    SinkSpec {
        name: "alertmanager",
        summary: "alerts for an Alertmanager (API v2), refreshed while open, then resolved",
    },
    SinkSpec { name: "webhook", summary: "incidents posted as JSON with an HMAC signature, retried until accepted" },
    SinkSpec {
        name: "hook",
        summary: "a program run on each change of an incident, optionally with FastNetMon's arguments",
    },
];
