//! `pegel suggest`: prints suggested filters and routes for an incident.

use super::exit;
use super::print::print_out;
use crate::output::endpoint::{Client, Endpoint};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel suggest 20260101T000005Z-9cfc2aa2                    all suggestions, for people
  pegel suggest 20260101T000005Z-9cfc2aa2 --kind nftables > rules.nft && nft -c -f rules.nft
  tcpdump -ni eno1 \"$(pegel suggest 20260101T000005Z-9cfc2aa2 --kind bpf)\"
  pegel replay --format json attack.pcap | pegel suggest --file - --kind bpf

The command changes nothing: review the output, then apply it yourself.

Exit codes: 0 success, 1 no such incident or no usable suggestion (the reason is on standard error), 2 wrong usage.";

/// Maximum size of a response or file in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// Time limit for the request to the daemon, in seconds.
const TIMEOUT_SECONDS: u32 = 10;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SuggestArgs {
    /// Incident ID, as shown by /api/v1/incidents or `pegel replay`; optional with --file if there is only one incident
    #[arg(required_unless_present = "file")]
    id: Option<String>,
    /// Print only the rules of this kind, ready to load or pipe
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// URL of the running daemon
    #[arg(long, default_value = "http://127.0.0.1:7343", conflicts_with = "file")]
    url: String,
    /// Read incidents from this output of `pegel replay --format json` instead of the daemon; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// User name for the daemon, if it requires authentication
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// File with the password in its first line
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// CA certificates (PEM) to trust for https instead of those of the system
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// nftables rules
    Nftables,
    /// A filter expression for tcpdump and other libpcap tools
    Bpf,
    /// A FlowSpec route for ExaBGP
    Exabgp,
    /// A FlowSpec route for GoBGP
    Gobgp,
    /// A route that discards all traffic to the target
    Blackhole,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Nftables => "nftables",
            Kind::Bpf => "bpf",
            Kind::Exabgp => "exabgp",
            Kind::Gobgp => "gobgp",
            Kind::Blackhole => "blackhole",
        }
    }
}

pub(super) fn run(args: &SuggestArgs) -> ExitCode {
    let incident = match &args.file {
        Some(path) => from_file(path, args.id.as_deref()),
        None => from_daemon(args),
    };
    let text = incident.and_then(|incident| match args.kind {
        Some(kind) => only(&incident, kind.name()),
        None => page(&incident),
    });
    match text {
        Ok(text) => print_out(&text).err().unwrap_or(ExitCode::from(exit::OK)),
        Err(message) => {
            eprintln!("pegel: {message}");
            ExitCode::from(exit::FAILED)
        }
    }
}

fn from_file(path: &Path, id: Option<&str>) -> Result<Value, String> {
    let shown = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let mut text = String::new();
    let outcome = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
    };
    outcome.map_err(|error| format!("{shown}: {error}"))?;
    find(&text, id).map_err(|message| format!("{shown}: {message}"))
}

/// The incident with this ID among the JSON objects in `text`; without an ID, the only incident.
fn find(text: &str, id: Option<&str>) -> Result<Value, String> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| format!("not incidents in JSON: {error}"))?;
        if id.is_none_or(|id| value["id"] == id) {
            found.push(value);
        }
    }
    match (found.len(), id) {
        (0, Some(id)) => Err(format!("no incident has the ID {id}")),
        (0, None) => Err("there are no incidents".to_owned()),
        // The latest version of the incident comes last.
        (1, _) | (_, Some(_)) => found.pop().ok_or_else(String::new),
        (count, None) => Err(format!("there are {count} incidents: specify an ID")),
    }
}

fn from_daemon(args: &SuggestArgs) -> Result<Value, String> {
    let id = args.id.as_deref().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err("an ID consists of letters, digits and dashes".to_owned());
    }
    let endpoint = Endpoint {
        url: args.url.clone(),
        ca_file: args.ca_file.clone().unwrap_or_default(),
        username: args.user.clone().unwrap_or_default(),
        password_file: args.password_file.clone().unwrap_or_default(),
        bearer_token_file: PathBuf::new(),
        timeout_seconds: TIMEOUT_SECONDS,
    };
    let response = Client::new(&endpoint, &format!("/api/v1/incidents/{id}")).get(MAX_BYTES);
    match response.map_err(|error| format!("{}: {error}; is Pegel running?", args.url))? {
        (200, body) => find(&body, Some(id)),
        (404, _) => Err(format!("{}: no open or recent incident has the ID {id}", args.url)),
        (status, _) => Err(format!("{}: unexpected HTTP status {status}", args.url)),
    }
}

/// A string of an incident, with every control character except the newline replaced: it may be shown in a terminal.
fn plain(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

fn mitigations(incident: &Value) -> Result<&Vec<Value>, String> {
    let none =
        "the incident has no suggestions: only `pegel replay --format json` and /api/v1/incidents/ID include them";
    incident["mitigations"].as_array().ok_or_else(|| none.to_owned())
}

/// The rules of one kind. Warnings and notes go to standard error.
fn only(incident: &Value, kind: &str) -> Result<String, String> {
    let found = mitigations(incident)?.iter().find(|one| one["kind"] == kind);
    let found = found.ok_or_else(|| format!("no suggestion of kind {kind}"))?;
    let (text, refused) = (plain(&found["text"]), plain(&found["refused"]));
    if text.is_empty() {
        return Err(format!("no {kind}: {refused}"));
    }
    let notes = found["notes"].as_array().into_iter().flatten().map(plain);
    for message in std::iter::once(refused).filter(|message| !message.is_empty()).chain(notes) {
        eprintln!("pegel: {kind}: {message}");
    }
    Ok(text)
}

/// All suggestions as readable text. Fails if none of them has any rules.
fn page(incident: &Value) -> Result<String, String> {
    let mitigations = mitigations(incident)?;
    let vectors: Vec<String> = incident["vectors"].as_array().into_iter().flatten().map(plain).collect();
    let target = &incident["target"];
    let target = ["address", "prefix", "mac", "sensor", "interface"].into_iter().map(|name| plain(&target[name]));
    let target = target.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let mut page =
        format!("{}  {} {target}  {}\n", plain(&incident["id"]), plain(&incident["direction"]), vectors.join("+"));
    if mitigations.iter().all(|one| plain(&one["text"]).is_empty()) {
        let why = mitigations.first().map(|one| plain(&one["refused"])).unwrap_or_default();
        return Err(format!("{}: no suggestions: {why}", plain(&incident["id"])));
    }
    for one in mitigations {
        let (kind, text, refused) = (plain(&one["kind"]), plain(&one["text"]), plain(&one["refused"]));
        let action = plain(&one["action"]).replace('_', " ");
        let _ = writeln!(page, "\n{kind} ({action}){}", shares(one));
        if !refused.is_empty() {
            let word = if text.is_empty() { "Refused" } else { "Not recommended" };
            let _ = writeln!(page, "    {word}: {refused}");
        }
        for note in one["notes"].as_array().into_iter().flatten() {
            let _ = writeln!(page, "    Note: {}", plain(note));
        }
        if !text.is_empty() {
            page.push('\n');
        }
        for line in text.lines() {
            let _ = writeln!(page, "    {line}");
        }
    }
    Ok(page)
}

fn shares(one: &Value) -> String {
    let percent = |name: &str| one[name].as_f64().map(|share| format!("{:.1} %", share * 100.0));
    let Some(attack) = percent("matches_attack") else { return String::new() };
    let samples = |name: &str| one[name].as_u64().unwrap_or(0);
    let collateral = percent("collateral").unwrap_or_else(|| "an unknown share".to_owned());
    format!(
        ": matches {attack} of {} attack packets, {collateral} of {} background packets",
        samples("attack_samples"),
        samples("background_samples")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn incidents_are_found_by_id() {
        let two = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n";
        assert_eq!(find(two, Some("b")).map(|found| found["id"].clone()), Ok(json!("b")));
        assert!(find(two, None).is_err_and(|message| message.contains("2 incidents")));
        assert!(find(two, Some("c")).is_err() && find("", None).is_err() && find("{", None).is_err());
        assert!(find("{\"id\":\"a\"}", None).is_ok());
    }

    #[test]
    fn control_characters_are_not_printed() {
        let incident = json!({"id": "a", "direction": "inbound", "target": {"address": "203.0.113.7"}, "vectors": [],
            "mitigations": [{"kind": "bpf", "action": "match", "text": "udp\u{1b}[31m", "notes": []}]});
        assert!(page(&incident).is_ok_and(|page| page.contains("udp") && !page.contains('\u{1b}')));
        assert_eq!(only(&incident, "bpf"), Ok("udp\u{fffd}[31m".to_owned()));
        assert!(only(&incident, "nftables").is_err());
    }
}
