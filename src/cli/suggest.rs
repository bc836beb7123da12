//! `pegel suggest`: what could be done about an incident?

use super::{exit, print_out};
use crate::output::endpoint::{Client, Endpoint};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pegel suggest 20260101T000005Z-9cfc2aa2                    everything, for reading
  pegel suggest 20260101T000005Z-9cfc2aa2 --kind nftables > rules.nft && nft -c -f rules.nft
  tcpdump -ni eno1 \"$(pegel suggest 20260101T000005Z-9cfc2aa2 --kind bpf)\"
  pegel replay --format json attack.pcap | pegel suggest --file - --kind bpf

Nothing is changed by it: read what it prints, then load it yourself.
Exit codes: 0 printed, 1 refused (standard error says why) or no such incident, 2 wrong usage.";

/// Octets of an answer or a file that are read at most.
const MOST: u64 = 64 << 20;
/// Seconds for the whole question to the daemon.
const PATIENCE: u32 = 10;

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SuggestArgs {
    /// The incident, as /api/v1/incidents or `pegel replay` shows it; with --file it may be left out where there is just one
    #[arg(required_unless_present = "file")]
    id: Option<String>,
    /// Only the text for this, to be loaded or piped on
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The running daemon
    #[arg(long, default_value = "http://127.0.0.1:7343", conflicts_with = "file")]
    url: String,
    /// Incidents as `pegel replay --format json` prints them, instead of asking the daemon; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// User name for the daemon, where it asks for one
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Certificates (PEM) to trust for https, instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Nftables,
    Bpf,
    Exabgp,
    Gobgp,
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
    let told = incident.and_then(|incident| match args.kind {
        Some(kind) => only(&incident, kind.name()),
        None => page(&incident),
    });
    match told {
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
        std::io::stdin().lock().take(MOST).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text))
    };
    outcome.map_err(|error| format!("{shown}: {error}"))?;
    find(&text, id).map_err(|message| format!("{shown}: {message}"))
}

/// The incident of this name among the JSON objects of a text, or the only one.
fn find(text: &str, id: Option<&str>) -> Result<Value, String> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| format!("not the JSON of incidents: {error}"))?;
        if id.is_none_or(|id| value["id"] == id) {
            found.push(value);
        }
    }
    match (found.len(), id) {
        (0, Some(id)) => Err(format!("no incident has the id {id}")),
        (0, None) => Err("there is no incident".to_owned()),
        // The latest word about it comes last.
        (1, _) | (_, Some(_)) => found.pop().ok_or_else(String::new),
        (count, None) => Err(format!("there are {count} incidents: name one of them")),
    }
}

fn from_daemon(args: &SuggestArgs) -> Result<Value, String> {
    let id = args.id.as_deref().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err("an id is letters, digits and a dash".to_owned());
    }
    let endpoint = Endpoint {
        url: args.url.clone(),
        ca_file: args.ca_file.clone().unwrap_or_default(),
        username: args.user.clone().unwrap_or_default(),
        password_file: args.password_file.clone().unwrap_or_default(),
        bearer_token_file: PathBuf::new(),
        timeout_seconds: PATIENCE,
    };
    let answer = Client::new(&endpoint, &format!("/api/v1/incidents/{id}")).get(MOST);
    match answer.map_err(|error| format!("{}: {error}; is Pegel running there?", args.url))? {
        (200, body) => find(&body, Some(id)),
        (404, _) => Err(format!("{}: no open or recent incident has the id {id}", args.url)),
        (status, _) => Err(format!("{}: answered {status}", args.url)),
    }
}

/// Text of an incident, without what steers a terminal.
fn plain(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
}

fn mitigations(incident: &Value) -> Result<&Vec<Value>, String> {
    let none = "it carries no suggestions: only `pegel replay --format json` and /api/v1/incidents/ID do";
    incident["mitigations"].as_array().ok_or_else(|| none.to_owned())
}

/// The text of one kind alone.
fn only(incident: &Value, kind: &str) -> Result<String, String> {
    let found = mitigations(incident)?.iter().find(|one| one["kind"] == kind);
    let found = found.ok_or_else(|| format!("there is no suggestion for {kind}"))?;
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

/// Everything, for reading. Refused only where there is nothing at all to be loaded.
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
        return Err(format!("{}: nothing to suggest: {why}", plain(&incident["id"])));
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
    let usual = percent("collateral").unwrap_or_else(|| "an unknown share".to_owned());
    format!(
        ": matches {attack} of {} packets of the attack, {usual} of {} usual ones",
        samples("attack_samples"),
        samples("background_samples")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn incidents_are_found_by_name_or_alone() {
        let two = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n";
        assert_eq!(find(two, Some("b")).map(|found| found["id"].clone()), Ok(json!("b")));
        assert!(find(two, None).is_err_and(|message| message.contains("2 incidents")));
        assert!(find(two, Some("c")).is_err() && find("", None).is_err() && find("{", None).is_err());
        assert!(find("{\"id\":\"a\"}", None).is_ok());
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_printed() {
        let incident = json!({"id": "a", "direction": "inbound", "target": {"address": "203.0.113.7"}, "vectors": [],
            "mitigations": [{"kind": "bpf", "action": "match", "text": "udp\u{1b}[31m", "notes": []}]});
        assert!(page(&incident).is_ok_and(|page| page.contains("udp") && !page.contains('\u{1b}')));
        assert_eq!(only(&incident, "bpf"), Ok("udp\u{fffd}[31m".to_owned()));
        assert!(only(&incident, "nftables").is_err());
    }
}
