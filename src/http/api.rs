//! What programs read: health, metrics, and JSON.

use super::response::{bad_request, failure, json, probe};
use super::shared::{AllowedView, Shared};
use super::tables::{self, Hosts, StationSort, Stations};
use crate::base::{Addr, Timestamp};
use crate::detect::Explanation;
use crate::metrics;
use crate::view::{GuestView, InterfaceView, KEPT_SECONDS, Overview, ProblemView};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// Entries of a table in a response without the parameter `limit`.
const DEFAULT_LIMIT: usize = 50;
/// Maximum value of the parameter `limit`.
const MAX_LIMIT: usize = 1000;

#[utoipa::path(get, path = "/healthz", summary = "200 while packets are being processed, else 503", responses((status = 200, description = "ok", body = String, content_type = "text/plain"), (status = 503, description = "The reason", body = String, content_type = "text/plain")))]
pub(super) async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    probe(shared.health(), "ok")
}

#[utoipa::path(get, path = "/readyz", summary = "200 while at least one interface is captured, else 503", responses((status = 200, description = "ready", body = String, content_type = "text/plain"), (status = 503, description = "The reason", body = String, content_type = "text/plain")))]
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    probe(shared.readiness(), "ready")
}

#[utoipa::path(get, path = "/metrics", summary = "Metrics for Prometheus", responses((status = 200, description = "Text exposition format", body = String, content_type = "text/plain")))]
pub(super) async fn metrics_page(State(shared): State<Arc<Shared>>) -> Response {
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

#[derive(Serialize, ToSchema)]
pub(super) struct Why {
    address: Addr,
    /// Whether the host has enough traffic to be measured. If not, no detector inspects it.
    measured: bool,
    detectors: Vec<Explanation>,
}

#[utoipa::path(get, path = "/api/v1/hosts/{address}/why", summary = "What each detector makes of a host, and what keeps it silent", params(("address" = Addr, Path, description = "An IP address")), responses((status = 200, description = "By detector", body = Why)))]
pub(super) async fn why(State(shared): State<Arc<Shared>>, Path(address): Path<String>) -> Response {
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
pub(super) struct OverviewQuery {
    seconds: Option<String>,
}

/// Guests and closed incidents of the overview.
const MOST_SHOWN: usize = 1000;

#[utoipa::path(get, path = "/api/v1/overview", summary = "Everything at one moment: what `pegel top` shows", params(("seconds" = Option<u64>, Query, description = "Seconds of traffic, 1 to 120; 120 where it is missing")), responses((status = 200, description = "The last second", body = Overview)))]
pub(super) async fn overview(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<OverviewQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(OverviewQuery { seconds })) = query else { return bad_request("the only parameter is seconds") };
    match seconds.map_or(Ok(KEPT_SECONDS), |text| text.parse()) {
        Ok(seconds @ 1..=KEPT_SECONDS) => json(StatusCode::OK, &shared.overview(seconds, MOST_SHOWN)),
        _ => bad_request("seconds must be a number from 1 to 120"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitQuery {
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

#[utoipa::path(get, path = "/api/v1/hosts", summary = "Hosts, busiest first", params(("limit" = Option<u64>, Query, description = "1 to 1000; 50 where it is missing")), responses((status = 200, description = "The busiest", body = Hosts)))]
pub(super) async fn hosts(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<LimitQuery>, QueryRejection>,
) -> Response {
    match limit(query, DEFAULT_LIMIT) {
        Ok(limit) => json(StatusCode::OK, &tables::hosts(&shared, limit)),
        Err(response) => *response,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StationQuery {
    limit: Option<String>,
    sort: Option<String>,
    interface: Option<String>,
}

#[utoipa::path(get, path = "/api/v1/stations", summary = "Stations, busiest first", params(("limit" = Option<u64>, Query, description = "1 to 1000; 50 where it is missing"), ("sort" = Option<String>, Query, description = "total, transmit, receive or broadcast"), ("interface" = Option<String>, Query, description = "Only those of this interface")), responses((status = 200, description = "The busiest", body = Stations)))]
pub(super) async fn stations(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<StationQuery>, QueryRejection>,
) -> Response {
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

#[derive(Serialize, ToSchema)]
pub(super) struct Guests<'a> {
    /// The packet time that the rates are of.
    at: Option<Timestamp>,
    guests: &'a [GuestView],
    /// Number of guests, including those beyond the limit.
    entries: usize,
}

#[utoipa::path(get, path = "/api/v1/guests", summary = "Virtual machines and containers, busiest first", params(("limit" = Option<u64>, Query, description = "1 to 1000; 1000 where it is missing")), responses((status = 200, description = "With their interfaces", body = Guests)))]
pub(super) async fn guests(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<LimitQuery>, QueryRejection>,
) -> Response {
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

#[derive(Serialize, ToSchema)]
pub(super) struct Inventory<'a> {
    interfaces: &'a [InterfaceView],
    problems: &'a [ProblemView],
}

#[utoipa::path(get, path = "/api/v1/inventory", summary = "Captured interfaces, and problems of the inventory sources", responses((status = 200, description = "As last read", body = Inventory)))]
pub(super) async fn inventory(State(shared): State<Arc<Shared>>) -> Response {
    let inventory = shared.inventory();
    json(StatusCode::OK, &Inventory { interfaces: &inventory.interfaces, problems: &inventory.problems })
}

#[derive(Serialize, ToSchema)]
pub(super) struct Rules<'a> {
    rules: &'a [AllowedView],
}

#[utoipa::path(get, path = "/api/v1/allowed", summary = "Findings suppressed by allow rules", responses((status = 200, description = "By rule", body = Rules)))]
pub(super) async fn allowed(State(shared): State<Arc<Shared>>) -> Response {
    json(StatusCode::OK, &Rules { rules: &shared.snapshot().allowed })
}

#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    name: &'static str,
    version: &'static str,
}

#[utoipa::path(get, path = "/api/v1/version", summary = "Version of the running Pegel", responses((status = 200, description = "Name and version", body = Version)))]
pub(super) async fn version() -> Response {
    json(StatusCode::OK, &Version { name: "pegel", version: env!("CARGO_PKG_VERSION") })
}
