//! The web page: HTML that the server writes, so that a browser without scripts shows all of it. The script only replaces
//! parts by newer ones. Nothing is fetched from elsewhere.
//!
//! Adding a page: a file here that writes it, a row in [`parts::NAVIGATION`] and a route below.

mod files;
mod history;
mod incident;
mod lists;
mod now;
mod parts;
mod runbooks;
mod text;

use super::history as stored;
use super::shared::Shared;
use crate::store::Reader;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use parts::{Document, List, Table};
use std::sync::Arc;

/// What pages may load: themselves, and nothing inline.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src \
                                 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Seconds of traffic on the first page, and guests and closed incidents.
const SECONDS: usize = 120;
const MOST: usize = 20;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(now_page))
        .route("/incidents", get(incidents))
        .route("/incidents/{id}", get(incident_page))
        .route("/incidents/{id}/report", get(files::report))
        .route("/incidents/{id}/evidence/{name}", get(files::evidence))
        .route("/guests", get(guests))
        .route("/stations", get(stations))
        .route("/history", get(days))
        .route("/sensor", get(sensor))
        .route("/runbooks", get(async || Html(runbooks::index())))
        .route("/runbooks/{name}", get(runbook))
        .route("/static/{name}", get(files::asset))
}

/// The parts of the first page as one JSON object: HTML by the ID of its element.
pub(super) fn fragments(shared: &Shared) -> String {
    let parts = now::fragments(&shared.overview(SECONDS, MOST));
    let parts = parts.into_iter().map(|(id, html)| (id.to_owned(), serde_json::Value::String(html.0)));
    serde_json::Value::Object(parts.collect()).to_string()
}

async fn now_page(State(shared): State<Arc<Shared>>) -> Html<String> {
    Html(now::page(&shared.overview(SECONDS, MOST)))
}

async fn guests(State(shared): State<Arc<Shared>>) -> Html<String> {
    Html(lists::guests(&shared.inventory().guests))
}

async fn stations(State(shared): State<Arc<Shared>>) -> Html<String> {
    Html(lists::stations(&shared.last_second()))
}

async fn sensor(State(shared): State<Arc<Shared>>) -> Html<String> {
    Html(lists::sensor(&shared.last_second()))
}

async fn runbook(Path(name): Path<String>) -> Response {
    match runbooks::page(&name) {
        Some(page) => Html(page).into_response(),
        None => missing(StatusCode::NOT_FOUND, "Runbooks", "No runbook has this name."),
    }
}

async fn incidents(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Response {
    let wanted = history::Wanted(query.map(|Query(pairs)| pairs).unwrap_or_default());
    let (snapshot, now) = (shared.snapshot(), shared.now());
    let known: Vec<_> =
        snapshot.open.iter().cloned().chain(snapshot.recent.iter().rev().map(|one| (**one).clone())).collect();
    let page = match wanted.filter() {
        Err(message) => return Html(history::incidents(&wanted, Err(&message), &known, now)).into_response(),
        Ok(filter) => stored::read(&shared, move |reader| reader.incidents(&filter)).await,
    };
    let found = page.as_ref().map_err(|_| "The store cannot be asked at the moment, or nothing is stored");
    Html(history::incidents(&wanted, found, &known, now)).into_response()
}

async fn incident_page(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match stored::find(&shared, &id).await {
        Ok(found) => {
            let files = files::evidence_files(&shared, &id).await;
            let is_stored = shared.store().is_some() && !found.incident.drill;
            let beside = incident::Beside { mitigations: found.mitigations, files, is_stored, now: shared.now() };
            Html(incident::page(&found.incident, &beside)).into_response()
        }
        Err(response) if response.status() == StatusCode::NOT_FOUND => {
            let why =
                "No incident has this ID. It may have been deleted: the store keeps incidents for a limited time.";
            missing(StatusCode::NOT_FOUND, "Incidents", why)
        }
        Err(response) => missing(response.status(), "Incidents", "The store cannot be asked at the moment. Try again."),
    }
}

/// A page that says why there is none.
fn missing(status: StatusCode, here: &str, why: &str) -> Response {
    let body = text::Html(format!("<h1>{}</h1><p>{}</p>", text::Html::text(here), text::Html::text(why)));
    let page = text::Html::of(&Document { root: "../", here, title: here, body });
    (status, Html(page.0)).into_response()
}

async fn days(State(shared): State<Arc<Shared>>) -> Html<String> {
    let now = shared.now();
    let days = stored::read(&shared, move |reader: &Reader| history::days(reader, now)).await;
    let days = days.as_ref().map_err(|_| "The store cannot be asked at the moment, or nothing is stored");
    Html(history::history(days))
}

/// The paths for programs: path, summary and parameters of each.
pub(super) fn api(paths: Vec<(String, String, String)>) -> String {
    let rows = paths.into_iter().map(|(path, summary, parameters)| {
        vec![text::Html::text(&path), text::Html::text(&summary), text::Html::text(&parameters)]
    });
    let table = Table {
        caption: "All are read with GET",
        none: "",
        head: &[("Path", false), ("What it is", false), ("Parameters", false)],
        rows: rows.collect(),
    };
    let link = text::Html("<p><a href=\"api/v1/openapi.json\">Description as OpenAPI 3.1</a></p>".to_owned());
    let bodies = [table.html(), link];
    text::Html::of(&List { root: "./", here: "API", title: "API", is_live: false, notes: &[], bodies: &bodies }).0
}

/// Whether a response is a page of this server, which [`POLICY`] applies to.
pub(super) fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}
