//! Responses that several routes share.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// A JSON response. The body ends with a newline, for terminals.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
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

/// Why a request has no other response.
#[derive(Serialize, ToSchema)]
pub(super) struct Failure<'a> {
    /// A sentence.
    error: &'a str,
}

/// An error response: `{"error": "…"}`.
pub(super) fn failure(status: StatusCode, message: &str) -> Response {
    json(status, &Failure { error: message })
}

/// A response with status 400.
pub(super) fn bad_request(message: &str) -> Response {
    failure(StatusCode::BAD_REQUEST, message)
}

/// A health response: `word`, or status 503 and the reason.
pub(super) fn probe(outcome: Result<(), String>, word: &str) -> Response {
    match outcome {
        Ok(()) => format!("{word}\n").into_response(),
        Err(message) => (StatusCode::SERVICE_UNAVAILABLE, format!("{message}\n")).into_response(),
    }
}
