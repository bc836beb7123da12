//! `/api/v1/incidents`: what is open and what closed lately, from memory; everything else, from the store.

use super::response::{Failure, bad_request, failure, json};
use super::shared::Shared;
use crate::base::{Severity, Timestamp, Vector};
use crate::incident::Incident;
use crate::mitigation::Mitigation;
use crate::store::{Filter, Reader, StoreError};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use utoipa::ToSchema;

const PARAMETERS: &str = "the parameters are state (open, recent or all), or from, to, target, guest, interface, vector, \
                          severity, open, limit and before";

/// A list of parameters may have the same one twice, which is refused.
type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Incidents from memory; with a filter, from the store.
#[utoipa::path(get, path = "/api/v1/incidents", summary = "Open and recent incidents, or stored ones that a filter selects", params(("state" = Option<String>, Query, description = "open, recent or all: from memory, without another parameter"), ("from" = Option<Timestamp>, Query, description = "Open at this time or later"), ("to" = Option<Timestamp>, Query, description = "Opened before this time"), ("target" = Option<String>, Query, description = "An address, network, MAC address, interface or check"), ("guest" = Option<String>, Query, description = "Its label or ID"), ("interface" = Option<String>, Query, description = "On this interface"), ("vector" = Option<Vector>, Query, description = "With this vector"), ("severity" = Option<Severity>, Query, description = "At least this severe"), ("open" = Option<bool>, Query, description = "Open, or closed"), ("limit" = Option<u64>, Query, description = "At most this many"), ("before" = Option<String>, Query, description = "The value of `next` of a page")), responses((status = 200, description = "From memory: open and recent; from the store: incidents and next", body = Answer)))]
pub(super) async fn incidents(State(shared): State<Arc<Shared>>, parameters: Parameters) -> Response {
    let Ok(Query(parameters)) = parameters else { return bad_request(PARAMETERS) };
    match parameters.as_slice() {
        [] => current(&shared, None),
        [(name, state)] if name == "state" => current(&shared, Some(state)),
        filters => match filter(filters) {
            Ok(filter) => stored(&shared, filter).await,
            Err(message) => bad_request(&message),
        },
    }
}

/// What is in memory.
#[derive(Serialize, ToSchema)]
pub(super) struct Incidents<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<&'a [Incident]>,
    /// Closed ones, latest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    recent: Option<Vec<&'a Incident>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct StoredPage {
    /// The latest first.
    incidents: Vec<Incident>,
    /// For the parameter `before` of the next page; `null` where there is none.
    next: Option<String>,
}

/// Either of both.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes the response")]
pub(super) enum Answer<'a> {
    Memory(Incidents<'a>),
    Store(StoredPage),
}

fn current(shared: &Shared, state: Option<&str>) -> Response {
    let (open, recent) = match state {
        None | Some("all") => (true, true),
        Some("open") => (true, false),
        Some("recent") => (false, true),
        Some(_) => return bad_request("state must be open, recent or all"),
    };
    let snapshot = shared.snapshot();
    let response = Incidents {
        open: open.then_some(&snapshot.open),
        recent: recent.then(|| snapshot.recent.iter().rev().map(Arc::as_ref).collect()),
    };
    json(StatusCode::OK, &response)
}

/// # Errors
/// What is wrong with the first parameter that is.
fn filter(parameters: &[(String, String)]) -> Result<Filter, String> {
    let mut filter = Filter::default();
    for (index, (name, value)) in parameters.iter().enumerate() {
        if parameters.iter().take(index).any(|(known, _)| known == name) {
            return Err(format!("{name} is there twice"));
        }
        match (name.as_str(), value.as_str()) {
            ("open", "true") => filter.open = Some(true),
            ("open", "false") => filter.open = Some(false),
            ("open", _) => return Err("open must be true or false".to_owned()),
            ("state", _) => {
                return Err("state has no other parameters beside it; use open=true or open=false".to_owned());
            }
            (name, value) => filter.set(name, value).map_err(|reason| {
                let is_unknown = reason.ends_with("is no parameter");
                if is_unknown { format!("{reason}; {PARAMETERS}") } else { reason }
            })?,
        }
    }
    Ok(filter)
}

async fn stored(shared: &Shared, filter: Filter) -> Response {
    match read(shared, move |reader| reader.incidents(&filter)).await {
        Ok(page) => {
            let next = page.next.map(|cursor| cursor.to_string());
            json(StatusCode::OK, &StoredPage { incidents: page.incidents, next })
        }
        Err(response) => *response,
    }
}

/// One incident, with suggested filters and routes.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", summary = "One incident, with suggested filters and routes", params(("id" = String, Path, description = "Its ID")), responses((status = 200, description = "The incident", body = Found), (status = 404, description = "There is none", body = Failure)))]
pub(super) async fn incident(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match find(&shared, &id).await {
        Ok(found) => json(StatusCode::OK, &found),
        Err(response) => *response,
    }
}

/// An incident with its suggestions.
#[derive(Serialize, ToSchema)]
pub(super) struct Found {
    #[serde(flatten)]
    pub incident: Incident,
    /// Suggested filters and routes.
    #[schema(value_type = Vec<Mitigation>)]
    pub mitigations: Vec<serde_json::Value>,
}

impl Found {
    fn of(incident: &Incident) -> Found {
        let mitigations = incident.mitigations().iter().filter_map(|one| serde_json::to_value(one).ok()).collect();
        Found { incident: incident.clone(), mitigations }
    }
}

/// The incident with this ID, from memory or else from the store; or the response that says why there is none.
pub(super) async fn find(shared: &Shared, id: &str) -> Result<Found, Box<Response>> {
    let snapshot = shared.snapshot();
    let known = snapshot.open.iter().chain(snapshot.recent.iter().rev().map(Arc::as_ref)).find(|one| one.id == id);
    // Those of an earlier run have their suggestions in the store.
    if let Some(incident) = known
        && (shared.store().is_none() || !incident.suggestions.is_empty())
    {
        return Ok(Found::of(incident));
    }
    let wanted = id.to_owned();
    match (read(shared, move |reader| reader.summary(&wanted)).await, known) {
        (Ok(Some((incident, mitigations))), known) => {
            Ok(Found { incident: known.cloned().unwrap_or(incident), mitigations })
        }
        (_, Some(incident)) => Ok(Found::of(incident)),
        (Ok(None), None) => Err(Box::new(failure(StatusCode::NOT_FOUND, "no incident has this ID"))),
        (Err(_), None) if shared.store().is_none() => Err(Box::new(failure(
            StatusCode::NOT_FOUND,
            "no open or recent incident has this ID; older ones are not stored",
        ))),
        (Err(response), None) => Err(response),
    }
}

/// Asks the store, in a thread that may wait for the disk.
pub(super) async fn read<T: Send + 'static>(
    shared: &Shared,
    question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Box<Response>> {
    let unavailable = |message: &str| Box::new(failure(StatusCode::SERVICE_UNAVAILABLE, message));
    let Some(directory) = shared.store().map(PathBuf::from) else {
        return Err(unavailable("nothing is stored: store.enabled is false"));
    };
    let Ok(permit) = Arc::clone(&shared.store_questions).try_acquire_owned() else {
        return Err(unavailable("the store is busy with other requests; try again"));
    };
    // The permit ends with the question, not with the patience of the client.
    let ask = move || {
        let _permit = permit;
        Reader::open(&directory).and_then(|reader| question(&reader))
    };
    let answer = tokio::task::spawn_blocking(ask).await;
    match answer {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(unavailable(&format!("the store cannot be read: {error}"))),
        Err(_) => Err(unavailable("the store cannot be read")),
    }
}
