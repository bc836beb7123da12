//! `/api/v1/incidents`: what is open and what closed lately, from memory; everything else, from the store.

use super::response::{bad_request, failure, json};
use super::shared::Shared;
use crate::incident::{Detailed, Incident};
use crate::store::{Filter, Reader, StoreError};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

const PARAMETERS: &str = "the parameters are state (open, recent or all), or from, to, target, guest, interface, vector, \
                          severity, open, limit and before";

/// A list of parameters may have the same one twice, which is refused.
type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Incidents from memory; with a filter, from the store.
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

fn current(shared: &Shared, state: Option<&str>) -> Response {
    #[derive(Serialize)]
    struct Incidents<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        open: Option<&'a [Incident]>,
        /// Closed ones, latest first.
        #[serde(skip_serializing_if = "Option::is_none")]
        recent: Option<Vec<&'a Incident>>,
    }
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
    #[derive(Serialize)]
    struct Found {
        /// The latest first.
        incidents: Vec<Incident>,
        /// For the parameter `before` of the next page; `null` where there is none.
        next: Option<String>,
    }
    match read(shared, move |reader| reader.incidents(&filter)).await {
        Ok(page) => {
            let next = page.next.map(|cursor| cursor.to_string());
            json(StatusCode::OK, &Found { incidents: page.incidents, next })
        }
        Err(response) => *response,
    }
}

/// One incident, with suggested filters and routes.
pub(super) async fn incident(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    #[derive(Serialize)]
    struct Stored {
        #[serde(flatten)]
        incident: Incident,
        mitigations: Vec<serde_json::Value>,
    }
    let snapshot = shared.snapshot();
    let mut all = snapshot.open.iter().chain(snapshot.recent.iter().rev().map(Arc::as_ref));
    let known = all.find(|incident| incident.id == id);
    // Those of an earlier run have their suggestions in the store.
    if let Some(incident) = known.filter(|known| shared.store().is_none() || !known.suggestions.is_empty()) {
        return json(StatusCode::OK, &Detailed::new(incident));
    }
    let wanted = id.clone();
    match (read(&shared, move |reader| reader.summary(&wanted)).await, known) {
        (Ok(Some((incident, mitigations))), known) => {
            let incident = known.cloned().unwrap_or(incident);
            json(StatusCode::OK, &Stored { incident, mitigations })
        }
        (_, Some(incident)) => json(StatusCode::OK, &Detailed::new(incident)),
        (Ok(None), None) => failure(StatusCode::NOT_FOUND, "no incident has this ID"),
        (Err(_), None) if shared.store().is_none() => {
            failure(StatusCode::NOT_FOUND, "no open or recent incident has this ID; older ones are not stored")
        }
        (Err(response), None) => *response,
    }
}

/// Asks the store, in a thread that may wait for the disk.
async fn read<T: Send + 'static>(
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
