//! Reports on generated floods: in both languages and all formats, with hostile names, in Chromium, as XARF and as mails.

mod report_parts;
mod tools;

use pegel::base::{Severity, Timestamp};
use pegel::incident::model::Name;
use pegel::report::{Format, Language, Origins, Reporter, Scope, abuse_mail, incident_report, period_report, xarf};
use pegel::store::{IncidentSecond, SubjectKind};
use report_parts::cases::{self, Case};
use report_parts::markup;
use report_parts::picture::{self, Picture};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use tools::{Scratch, tool};

/// What a page of ours is made of.
const TAGS: &[&str] = &[
    "!DOCTYPE",
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "header",
    "section",
    "footer",
    "p",
    "h1",
    "h2",
    "h3",
    "dl",
    "div",
    "dt",
    "dd",
    "small",
    "ul",
    "li",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "bdi",
    "details",
    "summary",
    "span",
    "pre",
    "figure",
    "figcaption",
    "svg",
    "rect",
    "line",
    "text",
    "path",
];
const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "id",
    "scope",
    "viewBox",
    "role",
    "aria-label",
    "aria-hidden",
    "preserveAspectRatio",
    "width",
    "height",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "rx",
    "d",
    "text-anchor",
    "data-label",
];
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"onload=\"alert(1)\" x=\"",
    "'><img src=http://e.example/x>",
    "![x](http://e.example/x) [y](javascript:alert(1))",
    "a | b | c\n| --- |\n# heading",
    "\u{202e}gnp.exe\u{2066}",
    "\u{1b}]0;title\u{7}\u{1b}[31m",
    "`code` **bold** http://e.example/ www.e.example me@e.example",
    "{{ 7 * 7 }} {0} {1}",
    "&lt;b&gt; &#60;i&#62; --> <!-- ]]>",
];

fn reporter() -> Reporter {
    Reporter { organisation: "Example Hosting".to_owned(), contact: "abuse@hosting.example".to_owned() }
}

fn all_cases() -> Vec<(&'static str, Case)> {
    vec![
        ("syn_and_ntp", cases::syn_and_ntp()),
        ("ntp", cases::ntp()),
        ("http", cases::http()),
        ("outbound", cases::outbound()),
        ("lan", cases::lan()),
        ("scan", cases::scan()),
    ]
}

/// The text of a page.
fn text_of(page: &str) -> String {
    markup::read(page.split_once("</style>").expect("a style").1).1.replace('\u{a0}', " ")
}

#[test]
fn a_customer_reads_who_what_when_how_much_and_whether_it_is_over() {
    let case = cases::syn_and_ntp();
    let page = incident_report(&case.input(), Format::Html, Language::En);
    let verdict = page.split("class=\"verdict\">").nth(1).unwrap().split("</p>").next().unwrap();
    let verdict = markup::read(verdict).1.replace('\u{a0}', " ");
    for part in ["from 00:00:3", "203.0.113.7", "104 shop", "SYN flood", "NTP amplification", "UTC", "It is over."] {
        assert!(verdict.contains(part), "{part} in {verdict}");
    }
    let page = incident_report(&case.input(), Format::Html, Language::De);
    let verdict = page.split("class=\"verdict\">").nth(1).unwrap().split("</p>").next().unwrap();
    let verdict = markup::read(verdict).1.replace('\u{a0}', " ");
    for part in [
        "von 00:00:3",
        "203.0.113.7",
        "Gast",
        "104 shop",
        "SYN-Flood",
        "Ziel eines Angriffs",
        "Der Vorfall ist vorbei.",
    ] {
        assert!(verdict.contains(part), "{part} in {verdict}");
    }
    let mut open = cases::syn_and_ntp();
    (open.stored.incident.closed_at, open.stored.incident.close_reason) = (None, None);
    let now = open.stored.seconds.last().unwrap().at.plus_seconds(20.0);
    let input = pegel::report::IncidentInput { generated_at: now, ..open.input() };
    let text = text_of(&incident_report(&input, Format::Html, Language::En));
    assert!(text.contains("has been the target of") && text.contains("It was still going on at"), "{text}");
    assert!(text.contains("Attack, going on") && !text.contains("It is over"), "{text}");
    // An hour later, with nothing on record since.
    for (language, parts) in [
        (Language::En, ["was the target of", "The observation ended on", "Attack, end not known", "at least"]),
        (Language::De, ["war", "Die Beobachtung endete am", "Angriff, Ende unbekannt", "mindestens"]),
    ] {
        let text = text_of(&incident_report(&open.input(), Format::Html, language));
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("going on") && !text.contains("dauert an"), "{text}");
    }
}

#[test]
fn outbound_and_lan_incidents_accuse_the_right_one() {
    let text = text_of(&incident_report(&cases::outbound().input(), Format::Html, Language::En));
    assert!(text.contains("our host 203.0.113.66 (guest 105 build) was the source of a UDP flood against"), "{text}");
    assert!(text.contains("MAC address in the packets"), "{text}");
    let text = text_of(&incident_report(&cases::lan().input(), Format::Html, Language::En));
    assert!(text.contains("at the station with MAC address 52:54:00:00:00:66 (guest 107 lab) on interface"), "{text}");
    let text = text_of(&incident_report(&cases::scan().input(), Format::Html, Language::De));
    assert!(!text.contains("Ziel eines Angriffs"), "a scan is a note: {text}");
}

#[test]
fn numbers_equal_the_incident_json() {
    for (name, case) in all_cases() {
        let incident = &case.stored.incident;
        let json: Value =
            serde_json::from_str(&incident_report(&case.input(), Format::Json, Language::En)).expect("JSON");
        assert_eq!(json["data"]["incident"], serde_json::to_value(incident).unwrap(), "{name}");
        let grouped = pegel::base::grouped;
        let peers = incident.victims.as_ref().unwrap_or(&incident.sources);
        let second = |second: &IncidentSecond| second.vectors.iter().map(|(_, count)| count.packets).sum::<u64>();
        let highest = case.stored.seconds.iter().map(second).max().unwrap_or(0);
        let peak = incident.peak.packets_per_second.max(highest);
        let wanted = [
            grouped(peak) + " packets/s",
            grouped(incident.totals.packets),
            match peers.distinct_error {
                // An estimate, in two digits.
                Some(error) if error > 0.0 => grouped(rounded(peers.distinct)),
                _ => grouped(peers.distinct),
            },
        ];
        let pages = [Format::Html, Format::Markdown].map(|format| incident_report(&case.input(), format, Language::En));
        for text in wanted.iter().filter(|_| incident.totals.packets > 0) {
            for page in &pages {
                assert!(page.replace('\u{a0}', " ").contains(text.as_str()), "{name}: {text}\n{page}");
            }
        }
        let sum: u64 = case.stored.seconds.iter().filter_map(|second| second.target).map(|count| count.packets).sum();
        let shown = json["data"]["seconds"].as_array().unwrap();
        assert_eq!(shown.iter().filter_map(|second| second["target"]["packets"].as_u64()).sum::<u64>(), sum);
    }
}

fn rounded(value: u64) -> u64 {
    let unit = 10u64.pow(value.max(1).ilog10().saturating_sub(1));
    (value + unit / 2) / unit * unit
}

#[test]
fn times_without_capture_are_neither_zero_nor_concealed() {
    let mut case = cases::syn_and_ntp();
    let start = cases::time("1970-01-01T00:00:40Z").max(case.stored.incident.opened_at.plus_seconds(4.0));
    let start = Timestamp::from_parts(start.nanos() / 1_000_000_000, 0);
    case.stored.seconds.retain(|second| second.at < start || second.at >= start.plus_seconds(5.0));
    let silent = incident_report(&case.input(), Format::Html, Language::En);
    assert!(!silent.contains("class=\"gap\"") && !text_of(&silent).contains("nothing was captured"));
    assert!(text_of(&silent).contains("The recording is complete"));
    case.stored.gaps = vec![(start, 5.0)];
    for (language, part, complete) in [
        (Language::En, "nothing was captured (5.0 s)", "recording is complete"),
        (Language::De, "wurde nichts aufgezeichnet (5,0 s)", "Aufzeichnung ist vollständig"),
    ] {
        let page = incident_report(&case.input(), Format::Html, language);
        let text = text_of(&page);
        assert!(text.contains(part) && !text.contains(complete), "{text}");
        assert_eq!(page.matches("<rect class=\"gap\"").count(), 2, "shaded in both plots");
        let table = page.split("<figure>").nth(1).unwrap().split("<tbody>").nth(1).unwrap();
        assert_eq!(table.split("</tbody>").next().unwrap().matches("<td class=\"number\"></td>").count(), 5 * 3);
        assert!(abuse_mail(&case.input(), &reporter(), language).contains(part));
        let markdown = incident_report(&case.input(), Format::Markdown, language);
        assert!(markdown.contains(part) && markdown.contains('␣'), "{markdown}");
    }
    let json: Value = serde_json::from_str(&incident_report(&case.input(), Format::Json, Language::En)).unwrap();
    assert_eq!(json["data"]["gaps"][0]["seconds"], 5.0);
}

#[test]
fn minutes_of_long_incidents_are_rates_and_sums_stay_exact() {
    let mut case = cases::ntp();
    let (first, count) = (case.stored.seconds[0].at, pegel::meter::Count { packets: 600_000, bytes: 60_000_000 });
    let vector = case.stored.incident.vector;
    case.stored.seconds = (0..10)
        .map(|minute| IncidentSecond {
            at: first.plus_seconds(60.0 * f64::from(minute)),
            length: 60,
            vectors: vec![(vector, count)],
            target: Some(count),
        })
        .collect();
    let json: Value = serde_json::from_str(&incident_report(&case.input(), Format::Json, Language::En)).unwrap();
    let seconds = json["data"]["seconds"].as_array().unwrap();
    assert!(seconds.iter().all(|second| second["seconds"] == 60 && second["target"]["packets"] == 600_000));
    let text = text_of(&incident_report(&case.input(), Format::Html, Language::En));
    assert!(text.contains("10,000 packets/s") && !text.contains("600,000 packets/s"), "{text}");
}

#[test]
fn the_end_is_that_of_the_last_counted_second() {
    let mut case = cases::ntp();
    let incident = &mut case.stored.incident;
    let last = case.stored.seconds.iter().rev().find(|second| !second.vectors.is_empty()).unwrap().at;
    incident.updated_at = last.plus_seconds(1.9);
    incident.closed_at = Some(last.plus_seconds(61.0));
    let (start, end) = (incident.onset().nanos() + 500_000_000, last.plus_seconds(1.0));
    let lasted = end.nanos() / 1_000_000_000 - start / 1_000_000_000;
    let text = text_of(&incident_report(&case.input(), Format::Html, Language::En));
    let time = |at: Timestamp| at.to_string()[11..19].to_owned();
    let shown = format!("from {} to {} UTC", time(Timestamp::from_nanos(start)), time(end));
    assert!(text.contains(&shown) && text.contains(&format!("{lasted} s")), "{shown}, {lasted}: {text}");
    assert!(text.contains("declared over after 60 s without attack traffic"), "{text}");
    // A second higher than the detectors saw is the peak.
    case.stored.seconds[20].vectors =
        vec![(case.stored.incident.vector, pegel::meter::Count { packets: 98_765, bytes: 1 })];
    let text = text_of(&incident_report(&case.input(), Format::Html, Language::En));
    assert!(text.contains("98,765 packets/s"), "{text}");
}

#[test]
fn labels_fit_the_side_that_is_watched() {
    let text = text_of(&incident_report(&cases::outbound().input(), Format::Html, Language::En));
    assert!(text.contains("All traffic of the host") && !text.contains("of the target"), "{text}");
    let text = text_of(&incident_report(&cases::ntp().input(), Format::Html, Language::En));
    assert!(text.contains("Packets like those of the attack (") && !text.contains("Attack ("), "{text}");
    assert!(text.contains("Listed are the 10 addresses") || text.contains("Listed are the 12 addresses"), "{text}");
    let mixed = text_of(&incident_report(&cases::syn_and_ntp().input(), Format::Html, Language::En));
    assert!(
        mixed.contains("(NTP amplification) are misused servers") && !mixed.contains("the wrong people"),
        "{mixed}"
    );
}

#[test]
fn each_class_of_incident_has_its_advice() {
    for (case, en, de) in [
        (cases::syn_and_ntp(), "Do not block single source addresses", "Sperren Sie keine einzelnen Quelladressen"),
        (cases::ntp(), "The operators of the misused servers can be asked", "Die Betreiber der missbrauchten Server"),
        (cases::http(), "Limit or block the busiest source addresses", "Begrenzen oder sperren Sie"),
        (cases::outbound(), "Look for programs and logins", "Suchen Sie nach Programmen"),
        (cases::lan(), "Find the station by its MAC address", "Suchen Sie die Station"),
        (cases::scan(), "Nothing has to be done at once", "Sofort ist nichts zu tun"),
    ] {
        for (language, part) in [(Language::En, en), (Language::De, de)] {
            let text = text_of(&incident_report(&case.input(), Format::Html, language));
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[test]
fn only_terms_that_occur_are_explained() {
    let terms = |case: &Case| {
        let page = incident_report(&case.input(), Format::Html, Language::En);
        page.split("id=\"terms\"").nth(1).unwrap().to_owned()
    };
    let flood = terms(&cases::syn_and_ntp());
    assert!(flood.contains("SYN: ") && flood.contains("Spoofed: ") && !flood.contains("ARP: "), "{flood}");
    let lan = terms(&cases::lan());
    assert!(lan.contains("ARP: ") && lan.contains("MAC address: ") && !lan.contains("SYN: "), "{lan}");
}

#[test]
fn filters_claim_no_more_than_samples_show() {
    let mut case = cases::ntp();
    let rule = |kind: &str, action: &str| {
        serde_json::json!({"kind": kind, "action": action, "text": "x", "matches_attack": 1.0, "collateral": 0.0,
                           "attack_samples": 500, "background_samples": 300, "notes": ["a note"]})
    };
    case.stored.mitigations = vec![rule("nftables", "drop"), rule("blackhole", "blackhole")];
    let text = text_of(&incident_report(&case.input(), Format::Html, Language::En));
    for part in ["none of 300, so below about 1 %", "unreachable for everyone", "For your network technician", "a note"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn shares_with_an_error_stay_within_bounds() {
    let mut case = cases::http();
    case.stored.incident.names =
        vec![Name { name: "shop.example".to_owned(), kind: "http_host", share: 1.0, error: 0.09 }];
    let text = text_of(&incident_report(&case.input(), Format::Html, Language::En));
    assert!(text.contains("(at least 91 % of the requests)") && !text.contains("100 % ±"), "{text}");
}

#[test]
fn what_is_uncertain_is_said() {
    let mut case = cases::ntp();
    case.stored.incident.coverage.captured = 0.97;
    case.stored.incident.coverage.kernel_dropped = 1234;
    case.stored.incident.coverage.sampled = 10;
    case.stored.incident.sources.distinct_error = None;
    case.usual = None;
    let input = case.input();
    for (language, parts) in [
        (Language::En, ["97 % of the packets", "1,234", "1 in 10", "at least 12", "What is normal for this address"]),
        (Language::De, ["97 % der Pakete", "1.234", "1 von 10", "mindestens 12", "Was für diese Adresse"]),
    ] {
        let text = text_of(&incident_report(&input, Format::Html, language));
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    case.stored.incident.sources.distinct_error = Some(0.1);
    assert!(text_of(&incident_report(&case.input(), Format::Html, Language::En)).contains("about 12 (±10 %)"));
}

/// A case in which each text that others choose is this one.
fn hostile(text: &str) -> Case {
    let mut case = cases::http();
    let incident = &mut case.stored.incident;
    incident.names = vec![Name { name: text.to_owned(), kind: "http_host", share: 0.9, error: 0.02 }];
    incident.target.guest = Some(text.to_owned());
    incident.target.interface = Some(text.to_owned());
    incident.part_of = Some(text.to_owned());
    incident.evidence[0].message = text.to_owned();
    incident.maintenance = Some(pegel::incident::MaintenanceMark { why: text.to_owned(), until: incident.opened_at });
    case.stored.mitigations = vec![serde_json::json!({"kind": text, "action": text, "text": text})];
    case
}

#[test]
fn hostile_names_are_inert_in_every_format() {
    let long = "x".repeat(50_000);
    for text in HOSTILE.iter().copied().chain([long.as_str()]) {
        let case = hostile(text);
        let input = pegel::report::IncidentInput { sensor: text, ..case.input() };
        for language in Language::ALL {
            let html = incident_report(&input, Format::Html, language);
            check_html(&html, text);
            assert!(html.len() < 400_000, "{}", html.len());
            let markdown = incident_report(&input, Format::Markdown, language);
            check_markdown(&markdown, text);
            let json: Value = serde_json::from_str(&incident_report(&input, Format::Json, language)).expect("JSON");
            assert!(json["verdict"].as_str().is_some_and(|verdict| !verdict.chars().any(is_bad)));
            let mail = abuse_mail(&input, &reporter(), language);
            assert!(!mail.chars().any(is_bad), "{mail:?}");
        }
    }
}

#[test]
fn hostile_names_are_inert_in_periods() {
    let (from, to) = (cases::time("2026-11-01T00:00:00Z"), cases::time("2026-11-02T00:00:00Z"));
    let coverage = pegel::store::PeriodCoverage {
        interfaces: HOSTILE.iter().map(|text| (*text).to_owned()).collect(),
        ..cases::coverage(from, to)
    };
    for text in HOSTILE {
        let incident = hostile(text).stored.incident;
        let incidents = [cases::moved(&incident, text, from.plus_seconds(60.0), Severity::Critical)];
        let minutes = cases::minutes(from, from.plus_seconds(3600.0), SubjectKind::Guest, text);
        for scope in [Scope::Guest((*text).to_owned()), Scope::Interface((*text).to_owned())] {
            let input = cases::period(&incidents, &coverage, &minutes, scope);
            for language in Language::ALL {
                check_html(&period_report(&input, Format::Html, language), text);
                check_markdown(&period_report(&input, Format::Markdown, language), text);
            }
        }
    }
}

/// What may neither be printed nor change the order of other characters.
fn is_bad(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(u32::from(c), 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2069 | 0xe000..=0xf8ff)
}

fn check_html(page: &str, hostile: &str) {
    let (head, body) = page.split_once("<style>").expect("a style");
    let (_, body) = body.split_once("</style>").expect("its end");
    for part in [head, body] {
        let (tags, _) = markup::read(part);
        for tag in &tags {
            let name = tag.name.trim_start_matches('/');
            assert!(TAGS.contains(&name), "{name} with {hostile:?}");
            for (key, value) in &tag.attributes {
                assert!(name == "!DOCTYPE" || ATTRIBUTES.contains(&key.as_str()), "{key} with {hostile:?}");
                assert!(!value.contains("http://") || key == "aria-label", "{key}={value}");
            }
        }
    }
    assert!(!page.chars().any(is_bad), "{hostile:?}");
}

/// Tables keep their columns; with `cmark-gfm` at hand, the result has no raw HTML, no link and no image.
fn check_markdown(page: &str, hostile: &str) {
    assert!(!page.chars().any(is_bad), "{hostile:?}");
    let mut columns = None;
    for line in page.lines() {
        if !line.starts_with("| ") {
            columns = None;
            continue;
        }
        let found = line.replace("\\|", "").matches('|').count();
        assert_eq!(*columns.get_or_insert(found), found, "{line} with {hostile:?}");
    }
    let Some(cmark) = tool("cmark-gfm") else { return };
    let scratch = Scratch::new("report-markdown");
    let file = scratch.file("report.md", page);
    let options = ["--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough"];
    let html = tools::run(&cmark, &[&options[..], &[&file.display().to_string()]].concat());
    for forbidden in ["<script", "<img", "<a ", "<i>", "<b>", "onload=\"", "<!--"] {
        let quoted = html.replace("&quot;", "");
        assert!(!quoted.contains(forbidden), "{forbidden} with {hostile:?}: {html}");
    }
    assert_eq!(html.matches("<h1>").count(), 1, "{hostile:?}");
}

#[test]
fn a_quiet_period_says_no_attack_only_if_it_may() {
    let (from, to) = (cases::time("2026-11-01T00:00:00Z"), cases::time("2026-12-01T00:00:00Z"));
    let good = cases::coverage(from, to);
    let few = pegel::store::PeriodCoverage { captured_seconds: good.captured_seconds * 0.98, ..good.clone() };
    let gap = pegel::store::PeriodCoverage { longest_gap: Some((from, 1.5)), ..good.clone() };
    let says_no = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
        words.any(|word| word == "no" || word == "none" || word.starts_with("kein"))
    };
    let scope = || Scope::Host("203.0.113.7".parse().unwrap());
    for language in Language::ALL {
        let report = |coverage, format| period_report(&cases::period(&[], coverage, &[], scope()), format, language);
        let text = text_of(&report(&good, Format::Html));
        let wanted = match language {
            Language::En => {
                "no attack seen from 1 November 2026, 00:00:00 UTC to 1 December 2026, 00:00:00 UTC, capture \
                             coverage 99.98 %, longest gap 0.4 s"
            }
            Language::De => {
                "kein Angriff gesehen vom 1. November 2026, 00:00:00 UTC bis 1. Dezember 2026, 00:00:00 UTC, \
                             Abdeckung der Aufzeichnung 99,98 %, längste Lücke 0,4 s"
            }
        };
        assert!(text.contains(wanted), "{text}");
        let below = match language {
            Language::En => ["An attack below the limits would not have been noticed.", "Captured at: vmbr0, eno1."],
            Language::De => ["unterhalb der Grenzwerte wäre nicht bemerkt worden.", "Aufgezeichnet an: vmbr0, eno1."],
        };
        assert!(below.iter().all(|part| text.contains(part)), "{text}");
        let file = pegel::store::PeriodCoverage { is_file: true, longest_gap: None, ..good.clone() };
        let text = text_of(&report(&file, Format::Html));
        let wanted = language.code() == "en"
            && text.contains("as far as this capture file shows; what it misses is not known")
            || text.contains("soweit diese Aufzeichnungsdatei zeigt; was ihr fehlt, ist nicht bekannt");
        assert!(wanted && !text.contains("99.98 %") && !text.contains("100 %"), "{text}");
        let sampled = pegel::store::PeriodCoverage { sampled: 8, ..good.clone() };
        let text = text_of(&report(&sampled, Format::Html));
        assert!(
            text.contains(if language.code() == "en" { "only 1 in 8 packets" } else { "nur 1 von 8 Paketen" }),
            "{text}"
        );
        for coverage in [&few, &gap, &sampled] {
            for format in [Format::Html, Format::Markdown, Format::Json] {
                let page = report(coverage, format);
                let text = if format == Format::Html { text_of(&page) } else { page };
                assert!(!says_no(&text), "{text}");
            }
        }
    }
}

#[test]
fn a_month_counts_attacks_and_names_the_rest() {
    let (from, to) = (cases::time("2026-11-01T00:00:00Z"), cases::time("2026-12-01T00:00:00Z"));
    let flood = cases::syn_and_ntp().stored.incident;
    let at = |day: u64| from.plus_seconds(day as f64 * 86_400.0 + 43_200.0);
    let drill = pegel::incident::Incident { drill: true, ..cases::moved(&flood, "drill", at(9), Severity::Critical) };
    let incidents = [
        cases::moved(&flood, "b", at(20), Severity::Critical),
        cases::moved(&flood, "a", at(3), Severity::Warning),
        cases::moved(&cases::scan().stored.incident, "c", at(5), Severity::Info),
        cases::moved(&cases::outbound().stored.incident, "d", at(6), Severity::Warning),
        cases::moved(&flood, "before", Timestamp::from_parts(1_700_000_000, 0), Severity::Critical),
        drill,
    ];
    let coverage = cases::coverage(from, to);
    let minutes = cases::minutes(from, to, SubjectKind::Guest, "104 shop");
    let input = cases::period(&incidents, &coverage, &minutes, Scope::Guest("104 shop".to_owned()));
    let page = period_report(&input, Format::Html, Language::En);
    let text = text_of(&page);
    for part in
        ["3 attacks seen", "1 event was seen that does not count", "Drills are left out: 1.", "120 of 43,200 minutes"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(page.matches("<figure>").count(), 30, "a plot per day");
    assert!(
        text.contains("packets/s, ") && !text.contains("pps") && page.contains("data-label=\"Incident\""),
        "{text}"
    );
    // A single minute has no course.
    let brief = cases::coverage(from, from.plus_seconds(60.0));
    let input = cases::period(&[], &brief, &minutes, Scope::Guest("104 shop".to_owned()));
    assert!(!period_report(&input, Format::Html, Language::En).contains("<figure>"));
    let input = cases::period(&incidents, &coverage, &minutes, Scope::Guest("104 shop".to_owned()));
    let json: Value = serde_json::from_str(&period_report(&input, Format::Json, Language::En)).unwrap();
    let ids: Vec<&str> =
        json["data"]["attacks"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "d", "b"], "in order of time");
    let traffic = &json["data"]["traffic"][0];
    assert_eq!((&traffic["attacks_as_victim"], &traffic["attacks_as_source"]), (&2.into(), &0.into()));
    let bytes: u64 = minutes.iter().map(|minute| minute.received.count.bytes).sum();
    assert_eq!(traffic["received"]["bytes"], bytes);
    assert_eq!(traffic["minutes_on_record"], 43_200 - 120);
}

#[test]
fn spoofed_sources_are_never_reported() {
    let refusal = |case: &Case| xarf(&case.input(), &reporter()).expect_err("a refusal");
    assert!(refusal(&cases::syn_and_ntp()).contains("spoofed"));
    assert!(refusal(&cases::http()).contains("may be spoofed"));
    assert!(refusal(&cases::lan()).contains("spoofed"));
    let mut mixed = cases::ntp();
    mixed.stored.incident.vectors.push(pegel::base::Vector::UdpFlood);
    assert!(refusal(&mixed).contains("udp_flood"));
    let mut spoofed = cases::ntp();
    spoofed.stored.incident.sources.spoofing_likely = true;
    assert!(refusal(&spoofed).contains("spoofed"));
    let mut drill = cases::outbound();
    drill.stored.incident.drill = true;
    assert!(refusal(&drill).contains("drill"));
    let without = Reporter { organisation: String::new(), ..reporter() };
    assert!(xarf(&cases::outbound().input(), &without).expect_err("a refusal").contains("report.organisation"));
}

#[test]
fn xarf_validates() {
    let outbound = xarf(&cases::outbound().input(), &reporter()).expect("a report");
    assert_eq!((outbound.len(), &outbound[0]["source_identifier"]), (1, &"203.0.113.66".into()));
    let case = cases::ntp();
    let reflectors = xarf(&case.input(), &reporter()).expect("reports");
    assert_eq!(reflectors.len(), case.stored.incident.sources.top.len());
    assert!(reflectors.iter().all(|report| report["source_port"] == 123 && report["destination_ip"] == "203.0.113.7"));
    assert_eq!(reflectors, xarf(&case.input(), &reporter()).expect("the same"));
    let Some(python) = tool("python3") else { return };
    let scratch = Scratch::new("report-xarf");
    let all: Vec<&Value> = outbound.iter().chain(&reflectors).collect();
    let file = scratch.file("reports.json", &serde_json::to_string(&all).unwrap());
    let program = "
import json, sys
try:
    import xarf
except ImportError:
    print('skipped: no PyPI package xarf'); sys.exit(0)
for report in json.load(open(sys.argv[1])):
    result = xarf.parse(report)
    assert not result.errors, result.errors
    errors = xarf.schema_validator.validate(report)
    assert not errors, errors
    assert not list(result.warnings), result.warnings
print('valid')
";
    let outcome = tools::run(&python, &["-c", program, &file.display().to_string()]);
    println!("xarf: {}", outcome.trim());
    assert!(outcome.contains("valid") || !tools::is_ci(), "{outcome}: run .ci/deps test");
}

#[test]
fn mails_say_which_guest_which_mac_since_when_and_what_was_done() {
    for (language, parts) in [
        (
            Language::En,
            ["Subject: Attack from 203.0.113.66", "guest 105 build", "02:00:", "Start (estimated)", "What we did:"],
        ),
        (
            Language::De,
            [
                "Betreff: Angriff von 203.0.113.66",
                "Gast 105 build",
                "02:00:",
                "Beginn (geschätzt)",
                "Was wir getan haben:",
            ],
        ),
    ] {
        let mail = abuse_mail(&cases::outbound().input(), &reporter(), language);
        for part in parts {
            assert!(mail.contains(part), "{part}: {mail}");
        }
        fs::write(picture::gallery().join(format!("mail-{}.txt", language.code())), mail).unwrap();
    }
    let mail = abuse_mail(&cases::lan().input(), &reporter(), Language::En);
    assert!(mail.contains("52:54:00:00:00:66") && mail.contains("107 lab"), "{mail}");
}

#[test]
fn origins_come_from_the_files_of_the_operator() {
    let scratch = Scratch::new("report-mmdb");
    let case = cases::ntp();
    let addresses = Origins::addresses(&case.stored.incident);
    assert!(!addresses.is_empty());
    let broken = scratch.file("broken.mmdb", "not a database");
    let absent = scratch.path("absent.mmdb");
    let origins = Origins::look_up(&[broken, absent], addresses.clone());
    let case = Case { origins, ..case };
    let text = text_of(&incident_report(&case.input(), Format::Html, Language::En));
    assert!(text.contains("broken.mmdb:") && text.contains("absent.mmdb:"), "{text}");
    let Some(python) = tool("python3") else { return };
    let program = "
import sys
try:
    from mmdb_writer import MMDBWriter
    from netaddr import IPSet
except ImportError:
    print('skipped: no PyPI package mmdb_writer'); sys.exit(0)
folder = sys.argv[1]
for name, data in [
    ('asn', {'autonomous_system_number': 64500, 'autonomous_system_organization': 'Example <b>Transit</b>'}),
    ('country', {'country': {'iso_code': 'DE'}}),
    ('flat', {'asn': 'AS64500', 'as_name': 'Example Transit', 'country': 'Germany', 'country_code': 'DE'}),
]:
    writer = MMDBWriter(4, 'Test', languages=['en'])
    writer.insert_network(IPSet(['0.0.0.0/2', '64.0.0.0/2', '128.0.0.0/2', '192.0.0.0/3']), data)
    writer.to_db_file(f'{folder}/{name}.mmdb')
print('written')
";
    if !tools::run(&python, &["-c", program, &scratch.0.display().to_string()]).contains("written") {
        assert!(!tools::is_ci(), "no PyPI package mmdb_writer: run .ci/deps test");
        eprintln!("skipped: no PyPI package mmdb_writer");
        return;
    }
    let files = |names: &[&str]| names.iter().map(|name| scratch.path(&format!("{name}.mmdb"))).collect::<Vec<_>>();
    for names in [&["asn", "country"][..], &["flat"], &["broken", "asn", "country"]] {
        let case = Case { origins: Origins::look_up(&files(names), addresses.clone()), ..cases::ntp() };
        let page = incident_report(&case.input(), Format::Html, Language::En);
        check_html(&page, "an organisation");
        let text = text_of(&page);
        assert!(text.contains("AS64500 Example") && text.contains("(DE)"), "{names:?}: {text}");
        assert_eq!(text.contains("broken.mmdb"), names.contains(&"broken"), "{text}");
    }
}

/// Whether it is a request over a network that the browser does not make by itself.
fn is_of_the_page(url: &str) -> bool {
    let host = url.split_once("://").map_or("", |(_, rest)| rest.split(['/', ':']).next().unwrap_or_default());
    url.contains("://")
        && !["file:", "chrome:", "chrome-extension:", "devtools:"].iter().any(|own| url.starts_with(own))
        && ![".google.com", ".googleapis.com", ".gvt1.com"].iter().any(|own| host.ends_with(own))
}

#[test]
fn chromium_shows_the_plots_and_asks_for_nothing() {
    let Some(program) = tool("chromium") else { return };
    let scratch = Scratch::new("report-chromium");
    let gallery = picture::gallery();
    let (from, to) = (cases::time("2026-11-28T00:00:00Z"), cases::time("2026-12-01T00:00:00Z"));
    let coverage = cases::coverage(from, to);
    let minutes = cases::minutes(from, to, SubjectKind::Guest, "104 shop");
    let mut pages = Vec::new();
    for language in Language::ALL {
        for (name, case) in all_cases() {
            let page = incident_report(&case.input(), Format::Html, language);
            pages.push((format!("{name}-{}", language.code()), page, name != "lan"));
        }
        let hostile = incident_report(&hostile(HOSTILE[2]).input(), Format::Html, language);
        pages.push((format!("hostile-{}", language.code()), hostile, true));
        let flood = cases::syn_and_ntp().stored.incident;
        let incidents = [cases::moved(&flood, "a", from.plus_seconds(50_000.0), Severity::Critical)];
        for (name, incidents) in [("quiet", &incidents[..0]), ("attacked", &incidents)] {
            let input = cases::period(incidents, &coverage, &minutes, Scope::Guest("104 shop".to_owned()));
            pages.push((format!("{name}-{}", language.code()), period_report(&input, Format::Html, language), true));
        }
    }
    let run = |arguments: &[&str], page: &Path| picture::chromium(&program, &scratch.path("profile"), arguments, page);
    for (name, page, has_plots) in &pages {
        let file = gallery.join(format!("{name}.html"));
        fs::write(&file, page).unwrap();
        let (shot, log) = (gallery.join(format!("{name}.png")), scratch.path("net.json"));
        let arguments = [
            format!("--screenshot={}", shot.display()),
            format!("--log-net-log={}", log.display()),
            "--window-size=1000,1900".to_owned(),
        ];
        run(&arguments.each_ref().map(String::as_str), &file);
        let picture = Picture::read(&shot);
        assert_eq!(picture.width, 1000);
        let drawn = picture.count([0x2a, 0x70, 0xc8]);
        assert!(!has_plots || drawn > 300, "{name}: {drawn} pixels of the first line");
        let asked: Vec<String> = picture::requests(&log).into_iter().filter(|url| !url.starts_with("file:")).collect();
        assert!(!asked.iter().any(|url| is_of_the_page(url)), "{name}: {asked:?}");
    }
    // The same check sees a request where there is one.
    let control = scratch.file("control.html", "<img src=\"http://e.example/x\">");
    let log = scratch.path("control.json");
    let shot = format!("--screenshot={}", scratch.path("control.png").display());
    run(&[&format!("--log-net-log={}", log.display()), &shot], &control);
    assert!(picture::requests(&log).iter().any(|url| url.starts_with("http://e.example/")), "the check is blind");
    // A phone, dark, and paper.
    for name in ["syn_and_ntp-de", "attacked-en"] {
        let file = gallery.join(format!("{name}.html"));
        let shot = |kind: &str| format!("--screenshot={}", gallery.join(format!("{name}-{kind}.png")).display());
        run(&[&shot("phone"), "--window-size=500,2400"], &file);
        run(&[&shot("dark"), "--window-size=1000,1900", "--blink-settings=preferredColorScheme=0"], &file);
    }
    let Some(pdfinfo) = tool("pdfinfo") else { return };
    for (name, _, _) in &pages {
        let (file, pdf) = (gallery.join(format!("{name}.html")), gallery.join(format!("{name}.pdf")));
        run(&[&format!("--print-to-pdf={}", pdf.display()), "--no-pdf-header-footer"], &file);
        let output = Command::new(&pdfinfo).arg(&pdf).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let count: u32 = text.lines().find_map(|line| line.strip_prefix("Pages:")).unwrap().trim().parse().unwrap();
        assert!(count <= 2, "{name}: {count} pages");
    }
}
