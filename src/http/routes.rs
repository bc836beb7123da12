//! Routes: what is answered to whom. Read-only: `GET` and `HEAD`, bodies are ignored.

use super::auth::{BasicAuth, guard};
use super::shared::{AllowedView, Shared};
use super::tables::{self, StationSort};
use super::views::{GuestView, InterfaceView, ProblemView};
use crate::incident::{Detailed, Incident};
use crate::metrics;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Entries of a table that are told unless asked otherwise, and the most that may be asked for.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

const INDEX: &str = concat!(
    "Pegel ",
    env!("CARGO_PKG_VERSION"),
    "

/metrics                Prometheus metrics
/healthz                200 while packets are being worked on, else 503
/readyz                 200 while at least one capture is up, else 503
/api/v1/incidents       open and recent incidents as JSON (?state=open|recent|all)
/api/v1/incidents/{id}  one incident, with what could be done about it
/api/v1/allowed         what allow rules suppressed
/api/v1/hosts           busiest hosts (?limit=50)
/api/v1/stations        busiest stations (?limit=50 &sort=total|transmit|receive|broadcast &interface=NAME)
/api/v1/guests          virtual machines and containers, the busiest first (?limit=1000)
/api/v1/inventory       captured interfaces, and what is wrong with the sources of guests
/api/v1/version         the version that runs
"
);

pub(super) fn router(shared: Arc<Shared>, door: Arc<BasicAuth>) -> Router {
    Router::new()
        .route("/", get(async || INDEX))
        .route("/metrics", get(page))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/incidents", get(incidents))
        .route("/api/v1/incidents/{id}", get(incident))
        .route("/api/v1/allowed", get(allowed))
        .route("/api/v1/hosts", get(hosts))
        .route("/api/v1/stations", get(stations))
        .route("/api/v1/guests", get(guests))
        .route("/api/v1/inventory", get(inventory))
        .route("/api/v1/version", get(version))
        .fallback(async || failure(StatusCode::NOT_FOUND, "no such page; / lists what there is"))
        .method_not_allowed_fallback(async || failure(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered"))
        .layer(from_fn_with_state(door, guard))
        .layer(map_response(with_security_headers))
        .with_state(shared)
}

async fn with_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// JSON with a line end, so that it is pleasant in a terminal.
fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(mut body) => {
            body.push(b'\n');
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "cannot write JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(super) fn failure(status: StatusCode, message: &str) -> Response {
    #[derive(Serialize)]
    struct Failure<'a> {
        error: &'a str,
    }
    json(status, &Failure { error: message })
}

fn bad_request(message: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, message)
}

/// `word` or, with status 503, why not.
fn probe(answer: Result<(), String>, word: &str) -> Response {
    match answer {
        Ok(()) => format!("{word}\n").into_response(),
        Err(message) => (StatusCode::SERVICE_UNAVAILABLE, format!("{message}\n")).into_response(),
    }
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    probe(shared.health(), "ok")
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    probe(shared.readiness(), "ready")
}

async fn page(State(shared): State<Arc<Shared>>) -> Response {
    match shared.metrics.render() {
        Ok(page) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot write the metrics page");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "the metrics page cannot be written")
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateQuery {
    state: Option<String>,
}

async fn incidents(State(shared): State<Arc<Shared>>, query: Result<Query<StateQuery>, QueryRejection>) -> Response {
    #[derive(Serialize)]
    struct Incidents<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        open: Option<&'a [Incident]>,
        /// Latest first.
        #[serde(skip_serializing_if = "Option::is_none")]
        recent: Option<Vec<&'a Incident>>,
    }
    let Query(StateQuery { state }) = match query {
        Ok(query) => query,
        Err(_) => return bad_request("the only parameter is state (open, recent or all)"),
    };
    let (open, recent) = match state.as_deref() {
        None | Some("all") => (true, true),
        Some("open") => (true, false),
        Some("recent") => (false, true),
        Some(_) => return bad_request("state must be open, recent or all"),
    };
    let snapshot = shared.snapshot();
    let answer = Incidents {
        open: open.then_some(&snapshot.open),
        recent: recent.then(|| snapshot.recent.iter().rev().map(Arc::as_ref).collect()),
    };
    json(StatusCode::OK, &answer)
}

async fn incident(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let snapshot = shared.snapshot();
    let mut all = snapshot.open.iter().chain(snapshot.recent.iter().rev().map(Arc::as_ref));
    match all.find(|incident| incident.id == id) {
        Some(incident) => json(StatusCode::OK, &Detailed::new(incident)),
        None => failure(StatusCode::NOT_FOUND, "no open or recent incident has this id"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitQuery {
    limit: Option<String>,
}

/// A limit from 1 to [`MAX_LIMIT`], or the answer that says what may be asked.
fn number(limit: Option<String>, default: usize) -> Result<usize, Box<Response>> {
    match limit.map_or(Ok(default), |text| text.parse()) {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(Box::new(bad_request("limit must be a number from 1 to 1000"))),
    }
}

fn limit(query: Result<Query<LimitQuery>, QueryRejection>, default: usize) -> Result<usize, Box<Response>> {
    match query {
        Ok(Query(LimitQuery { limit })) => number(limit, default),
        Err(_) => Err(Box::new(bad_request("the only parameter is limit (1 to 1000)"))),
    }
}

async fn hosts(State(shared): State<Arc<Shared>>, query: Result<Query<LimitQuery>, QueryRejection>) -> Response {
    match limit(query, DEFAULT_LIMIT) {
        Ok(limit) => json(StatusCode::OK, &tables::hosts(&shared, limit)),
        Err(answer) => *answer,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StationQuery {
    limit: Option<String>,
    sort: Option<String>,
    interface: Option<String>,
}

async fn stations(State(shared): State<Arc<Shared>>, query: Result<Query<StationQuery>, QueryRejection>) -> Response {
    let Ok(Query(StationQuery { limit, sort, interface })) = query else {
        return bad_request("the parameters are limit (1 to 1000), sort and interface");
    };
    let limit = match number(limit, DEFAULT_LIMIT) {
        Ok(limit) => limit,
        Err(answer) => return *answer,
    };
    let sort = match sort.as_deref() {
        None | Some("total") => StationSort::Total,
        Some("transmit") => StationSort::Transmit,
        Some("receive") => StationSort::Receive,
        Some("broadcast") => StationSort::Broadcast,
        Some(_) => return bad_request("sort must be total, transmit, receive or broadcast"),
    };
    let place_of = |name: &String| shared.interfaces.iter().position(|known| known == name);
    let only = match interface.as_ref().map(place_of) {
        Some(None) => return bad_request(&format!("interface must be one of {}", shared.interfaces.join(", "))),
        only => only.flatten(),
    };
    json(StatusCode::OK, &tables::stations(&shared, limit, sort, only))
}

async fn guests(State(shared): State<Arc<Shared>>, query: Result<Query<LimitQuery>, QueryRejection>) -> Response {
    #[derive(Serialize)]
    struct Guests<'a> {
        guests: &'a [GuestView],
        /// How many there are.
        entries: usize,
    }
    // Whoever asks for guests wants all of them.
    match limit(query, MAX_LIMIT) {
        Ok(limit) => {
            let place = shared.place();
            let guests = place.guests.get(..limit).unwrap_or(&place.guests);
            json(StatusCode::OK, &Guests { guests, entries: place.guests.len() })
        }
        Err(answer) => *answer,
    }
}

async fn inventory(State(shared): State<Arc<Shared>>) -> Response {
    #[derive(Serialize)]
    struct Inventory<'a> {
        interfaces: &'a [InterfaceView],
        problems: &'a [ProblemView],
    }
    let place = shared.place();
    json(StatusCode::OK, &Inventory { interfaces: &place.interfaces, problems: &place.problems })
}

async fn allowed(State(shared): State<Arc<Shared>>) -> Response {
    #[derive(Serialize)]
    struct Rules<'a> {
        rules: &'a [AllowedView],
    }
    json(StatusCode::OK, &Rules { rules: &shared.snapshot().allowed })
}

async fn version() -> Response {
    #[derive(Serialize)]
    struct Version {
        name: &'static str,
        version: &'static str,
    }
    json(StatusCode::OK, &Version { name: "pegel", version: env!("CARGO_PKG_VERSION") })
}
