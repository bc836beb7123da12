//! The routes. All are read-only: `GET` and `HEAD`; request bodies are ignored.

use super::auth::{BasicAuth, authenticate};
use super::history;
use super::response::{bad_request, failure, json, probe};
use super::shared::{AllowedView, Shared};
use super::tables::{self, StationSort};
use crate::base::{Addr, Timestamp};
use crate::detect::Explanation;
use crate::metrics;
use crate::view::{GuestView, InterfaceView, ProblemView};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Entries of a table in a response without the parameter `limit`.
const DEFAULT_LIMIT: usize = 50;
/// Maximum value of the parameter `limit`.
const MAX_LIMIT: usize = 1000;

const INDEX: &str = concat!(
    "Pegel ",
    env!("CARGO_PKG_VERSION"),
    "

/metrics                Prometheus metrics
/healthz                200 while packets are being processed, else 503
/readyz                 200 while at least one interface is being captured, else 503
/api/v1/incidents       open and recent incidents (?state=open|recent|all), or stored ones (?from=&to=&target=&guest=
                        &interface=&vector=&severity=&open=true|false&limit=&before=)
/api/v1/incidents/{id}  one incident, with suggested filters and routes
/api/v1/allowed         findings suppressed by allow rules
/api/v1/hosts           hosts, busiest first (?limit=50)
/api/v1/hosts/{address}/why  what each detector makes of a host, and what keeps it silent
/api/v1/stations        stations, busiest first (?limit=50&sort=total|transmit|receive|broadcast&interface=NAME)
/api/v1/guests          virtual machines and containers, busiest first (?limit=1000)
/api/v1/inventory       captured interfaces, and problems of the inventory sources
/api/v1/version         version of the running Pegel
"
);

/// All routes, behind authentication.
pub(super) fn router(shared: Arc<Shared>, auth: Arc<BasicAuth>) -> Router {
    Router::new()
        .route("/", get(async || INDEX))
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/incidents", get(history::incidents))
        .route("/api/v1/incidents/{id}", get(history::incident))
        .route("/api/v1/allowed", get(allowed))
        .route("/api/v1/hosts", get(hosts))
        .route("/api/v1/hosts/{address}/why", get(why))
        .route("/api/v1/stations", get(stations))
        .route("/api/v1/guests", get(guests))
        .route("/api/v1/inventory", get(inventory))
        .route("/api/v1/version", get(version))
        .fallback(async || failure(StatusCode::NOT_FOUND, "not found; / lists the available paths"))
        .method_not_allowed_fallback(async || {
            failure(StatusCode::METHOD_NOT_ALLOWED, "method not allowed; use GET or HEAD")
        })
        .layer(from_fn_with_state(auth, authenticate))
        .layer(map_response(with_security_headers))
        .with_state(shared)
}

async fn with_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    probe(shared.health(), "ok")
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    probe(shared.readiness(), "ready")
}

async fn metrics_page(State(shared): State<Arc<Shared>>) -> Response {
    match shared.metrics.render() {
        Ok(page) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot render the metrics");
            failure(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be rendered")
        }
    }
}

/// Time to wait for the next tick; without packets, packet time moves on all the same.
const WHY_PATIENCE: Duration = Duration::from_secs(3);

async fn why(State(shared): State<Arc<Shared>>, Path(address): Path<String>) -> Response {
    #[derive(Serialize)]
    struct Why {
        address: Addr,
        /// Whether the host has enough traffic to be measured. If not, no detector inspects it.
        measured: bool,
        detectors: Vec<Explanation>,
    }
    let Ok(address) = address.parse::<Addr>() else { return bad_request("the host must be an IP address") };
    let Some(answer) = shared.ask(address) else {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "too many hosts are being explained; try again");
    };
    match tokio::time::timeout(WHY_PATIENCE, answer).await {
        Ok(Ok(detectors)) => json(StatusCode::OK, &Why { address, measured: !detectors.is_empty(), detectors }),
        _ => failure(StatusCode::SERVICE_UNAVAILABLE, "no tick was judged in time; see /healthz"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitQuery {
    limit: Option<String>,
}

/// A limit from 1 to [`MAX_LIMIT`], or an error response.
fn parse_limit(limit: Option<String>, default: usize) -> Result<usize, Box<Response>> {
    match limit.map_or(Ok(default), |text| text.parse()) {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(Box::new(bad_request("limit must be a number from 1 to 1000"))),
    }
}

fn limit(query: Result<Query<LimitQuery>, QueryRejection>, default: usize) -> Result<usize, Box<Response>> {
    match query {
        Ok(Query(LimitQuery { limit })) => parse_limit(limit, default),
        Err(_) => Err(Box::new(bad_request("the only parameter is limit (1 to 1000)"))),
    }
}

async fn hosts(State(shared): State<Arc<Shared>>, query: Result<Query<LimitQuery>, QueryRejection>) -> Response {
    match limit(query, DEFAULT_LIMIT) {
        Ok(limit) => json(StatusCode::OK, &tables::hosts(&shared, limit)),
        Err(response) => *response,
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
    let limit = match parse_limit(limit, DEFAULT_LIMIT) {
        Ok(limit) => limit,
        Err(response) => return *response,
    };
    let sort = match sort.as_deref() {
        None | Some("total") => StationSort::Total,
        Some("transmit") => StationSort::Transmit,
        Some("receive") => StationSort::Receive,
        Some("broadcast") => StationSort::Broadcast,
        Some(_) => return bad_request("sort must be total, transmit, receive or broadcast"),
    };
    let position = |name: &String| shared.interfaces.iter().position(|known| known == name);
    let only = match interface.as_ref().map(position) {
        Some(None) => return bad_request(&format!("interface must be one of {}", shared.interfaces.join(", "))),
        only => only.flatten(),
    };
    json(StatusCode::OK, &tables::stations(&shared, limit, sort, only))
}

async fn guests(State(shared): State<Arc<Shared>>, query: Result<Query<LimitQuery>, QueryRejection>) -> Response {
    #[derive(Serialize)]
    struct Guests<'a> {
        /// The packet time that the rates are of.
        at: Option<Timestamp>,
        guests: &'a [GuestView],
        /// Number of guests, including those beyond the limit.
        entries: usize,
    }
    // Clients want all guests, not only the busiest.
    match limit(query, MAX_LIMIT) {
        Ok(limit) => {
            let inventory = shared.inventory();
            let guests = inventory.guests.get(..limit).unwrap_or(&inventory.guests);
            json(
                StatusCode::OK,
                &Guests { at: tables::end_of(inventory.tick), guests, entries: inventory.guests.len() },
            )
        }
        Err(response) => *response,
    }
}

async fn inventory(State(shared): State<Arc<Shared>>) -> Response {
    #[derive(Serialize)]
    struct Inventory<'a> {
        interfaces: &'a [InterfaceView],
        problems: &'a [ProblemView],
    }
    let inventory = shared.inventory();
    json(StatusCode::OK, &Inventory { interfaces: &inventory.interfaces, problems: &inventory.problems })
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
