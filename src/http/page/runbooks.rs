//! The runbooks of alerts, which the binary carries: the links of alerts work without the package's documentation.

use super::parts::{Document, List};
use super::text::Html;
use pulldown_cmark::{Event, Options, Parser, html};

macro_rules! runbooks {
    ($($name:literal,)*) => {
        /// Name and text, in Markdown.
        pub(super) const RUNBOOKS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../deploy/runbooks/", $name, ".md"))),)*];
    };
}

runbooks! {
    "PegelCaptureDown",
    "PegelCaptureDrops",
    "PegelCaptureStalled",
    "PegelConfigReloadFailed",
    "PegelCoverageLow",
    "PegelDown",
    "PegelFleetPrefix",
    "PegelFleetSameVector",
    "PegelIncident",
    "PegelIncidentCritical",
    "PegelIncidentDrill",
    "PegelIncidentInfo",
    "PegelIncidentWarning",
    "PegelIncidentsTruncated",
    "PegelInterfaceDown",
    "PegelMissing",
    "PegelOutputDropped",
    "PegelOutputFailing",
    "PegelPostureFailed",
    "PegelPostureUnknown",
    "PegelTableFull",
}

pub(super) fn index() -> String {
    let links: String =
        RUNBOOKS.iter().map(|(name, _)| format!("<li><a href=\"runbooks/{name}\">{name}</a></li>")).collect();
    let bodies = [Html(format!("<ul>{links}</ul>"))];
    let notes = ["What each alert means, how to look into it, and what to do.".to_owned()];
    Html::of(&List { root: "./", here: "Runbooks", title: "Runbooks", is_live: false, notes: &notes, bodies: &bodies })
        .0
}

/// The runbook with this name; as a file, it ends with `.md`.
pub(super) fn page(name: &str) -> Option<String> {
    let name = name.trim_end_matches(".md");
    let (title, text) = RUNBOOKS.iter().find(|(known, _)| *known == name)?;
    let body = Html(markdown(text));
    Some(Html::of(&Document { root: "../", here: "Runbooks", title, body }).0)
}

/// Markdown as HTML. HTML within it is shown as text, and links to other runbooks lead to their pages.
fn markdown(text: &str) -> String {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        other => other,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    // What is wider than a phone scrolls, for the keyboard too.
    out.replace("<pre>", "<pre tabindex=\"0\">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runbook_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/runbooks");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().trim_end_matches(".md").to_owned())
            .collect();
        files.sort();
        let mut names: Vec<&str> = RUNBOOKS.iter().map(|(name, _)| *name).collect();
        names.sort();
        assert_eq!(files, names);
        for name in names {
            assert!(page(name).is_some_and(|page| page.contains(&format!("<h1>{name}</h1>"))), "{name}");
        }
        assert!(page("../../etc/passwd").is_none());
        assert!(markdown("<script>alert(1)</script>").starts_with("&lt;script"));
    }
}
