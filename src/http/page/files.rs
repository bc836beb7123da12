//! What pages link to: style and script, reports, evidence.

use super::super::history;
use super::super::response::{bad_request, failure};
use super::super::shared::Shared;
use crate::report::{Format, Language, What, incident_material};
use crate::store::EVIDENCE;
use crate::store::evidence::is_id;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

const SCRIPT: &str = include_str!("../static/pegel.js");
const STYLE: &str = concat!(include_str!("../../../templates/style.css"), include_str!("../static/page.css"));
const ICON: &str = include_str!("../static/pegel.svg");

/// Files of evidence, with their media types. Nothing else in its folder is served.
const FILES: &[(&str, &str)] = &[
    ("packets.pcapng", "application/vnd.tcpdump.pcap"),
    ("rates.csv", "text/csv; charset=utf-8"),
    ("incident.json", "application/json"),
    ("summary.txt", "text/plain; charset=utf-8"),
    ("manifest.json", "application/json"),
    ("SHA256SUMS", "text/plain; charset=utf-8"),
    ("SHA256SUMS.sig", "application/octet-stream"),
    ("previous.sha256", "text/plain; charset=utf-8"),
    ("public.pem", "application/x-pem-file"),
];
/// Bytes of a file that are read at once.
const PART: usize = 64 * 1024;

/// Style, script and icon.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "pegel.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "pegel.css" => ("text/css; charset=utf-8", STYLE),
        "pegel.svg" => ("image/svg+xml", ICON),
        _ => return failure(StatusCode::NOT_FOUND, "not found"),
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Names of the files of evidence that an incident has.
pub(super) async fn evidence_files(shared: &Shared, id: &str) -> Vec<String> {
    let Some(folder) = folder(shared, id) else { return Vec::new() };
    let list = move || {
        let exists = |name: &&str| folder.join(name).is_file();
        FILES.iter().map(|(name, _)| *name).filter(exists).map(str::to_owned).collect()
    };
    tokio::task::spawn_blocking(list).await.unwrap_or_default()
}

fn folder(shared: &Shared, id: &str) -> Option<PathBuf> {
    is_id(id).then(|| shared.store().map(|store| store.join(EVIDENCE).join(id))).flatten()
}

pub(super) async fn evidence(State(shared): State<Arc<Shared>>, Path((id, name)): Path<(String, String)>) -> Response {
    let missing = || failure(StatusCode::NOT_FOUND, "no such file; evidence is sealed when the incident is over");
    let Some((name, kind)) = FILES.iter().find(|(known, _)| *known == name) else { return missing() };
    let Some(path) = folder(&shared, &id).map(|folder| folder.join(name)) else { return missing() };
    let Ok(permit) = Arc::clone(&shared.downloads).try_acquire_owned() else {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "too many files are being sent; try again");
    };
    let open = move || {
        let is_file = std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        let file = is_file.then(|| File::open(&path).ok()).flatten()?;
        let length = file.metadata().ok()?.len();
        Some((file, length))
    };
    let Some((file, length)) = tokio::task::spawn_blocking(open).await.ok().flatten() else { return missing() };
    // In parts, so that slow readers take no memory.
    let body = Body::from_stream(stream::unfold((file, permit), |(file, permit)| async {
        let (file, part) = tokio::task::spawn_blocking(|| read_part(file)).await.ok()?;
        match part {
            Ok(part) if part.is_empty() => None,
            part => Some((part, (file, permit))),
        }
    }));
    let saved = format!("attachment; filename=\"pegel-{id}-{name}\"");
    let headers = [
        (header::CONTENT_TYPE, (*kind).to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, saved),
    ];
    (headers, body).into_response()
}

/// The next part of a file; empty at its end.
fn read_part(mut file: File) -> (File, io::Result<Bytes>) {
    let mut part = vec![0; PART];
    let read = file.read(&mut part).map(|length| {
        part.truncate(length);
        Bytes::from(part)
    });
    (file, read)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportQuery {
    format: Option<String>,
    language: Option<String>,
}

/// A report on an incident.
pub(super) async fn report(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    query: Result<Query<ReportQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(ReportQuery { format, language })) = query else {
        return bad_request("the parameters are format (html, markdown, json) and language (en, de)");
    };
    let (format, kind) = match format.as_deref() {
        None | Some("html") => (Format::Html, "text/html; charset=utf-8"),
        Some("markdown") => (Format::Markdown, "text/markdown; charset=utf-8"),
        Some("json") => (Format::Json, "application/json"),
        Some(_) => return bad_request("format must be html, markdown or json"),
    };
    let language = match language.as_deref() {
        None | Some("en") => Language::En,
        Some("de") => Language::De,
        Some(_) => return bad_request("language must be en or de"),
    };
    let Some(sender) = shared.reports.clone() else {
        return failure(StatusCode::NOT_FOUND, "there are no reports: nothing is stored");
    };
    let now = shared.now();
    let written = history::read(&shared, move |reader| {
        let Some(material) = incident_material(reader, &id)? else { return Ok(None) };
        Ok(sender.incident(&material, What::Report(format), language, now).ok())
    });
    match written.await {
        Ok(Some(text)) => document(kind, text),
        Ok(None) => failure(StatusCode::NOT_FOUND, "no stored incident has this ID"),
        Err(response) => *response,
    }
}

/// A report is one file with its style in it, of which the response's policy names the hash.
fn document(kind: &'static str, text: String) -> Response {
    let style = text.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).map(|(style, _)| style);
    let source = style.map_or_else(
        || "'none'".to_owned(),
        |style| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(style.as_bytes()))),
    );
    let policy =
        format!("default-src 'none'; style-src {source}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    let mut response = ([(header::CONTENT_TYPE, kind)], Body::from(text)).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
