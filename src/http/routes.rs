//! The routes. All are read-only: `GET` and `HEAD`; request bodies are ignored.

use super::auth::{BasicAuth, authenticate};
use super::hosts::HostCheck;
use super::response::{failure, json};
use super::shared::Shared;
use super::{api, history, hosts, openapi, page, stream};
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{Html, Response};
use axum::routing::{MethodRouter, get};
use std::sync::Arc;

/// All routes, behind authentication.
pub(super) fn router(shared: Arc<Shared>, auth: Arc<BasicAuth>, names: Arc<HostCheck>) -> Router {
    let pages = page::router().route("/api", get(async || Html(page::api(openapi::paths()))));
    let all = paths().into_iter().fold(pages, |router, (path, handler)| router.route(path, handler));
    all.fallback(async || failure(StatusCode::NOT_FOUND, "not found; /api lists the paths for programs"))
        .method_not_allowed_fallback(async || {
            failure(StatusCode::METHOD_NOT_ALLOWED, "method not allowed; use GET or HEAD")
        })
        .layer(from_fn_with_state(auth, authenticate))
        .layer(from_fn_with_state(names, hosts::check))
        .layer(map_response(with_security_headers))
        .with_state(shared)
}

/// Everything for programs: each path is described in `openapi.rs`.
pub(super) fn paths() -> Vec<(&'static str, MethodRouter<Arc<Shared>>)> {
    vec![
        ("/metrics", get(api::metrics_page)),
        ("/healthz", get(api::healthz)),
        ("/readyz", get(api::readyz)),
        ("/api/v1/overview", get(api::overview)),
        ("/api/v1/incidents", get(history::incidents)),
        ("/api/v1/incidents/{id}", get(history::incident)),
        ("/api/v1/allowed", get(api::allowed)),
        ("/api/v1/hosts", get(api::hosts)),
        ("/api/v1/hosts/{address}/why", get(api::why)),
        ("/api/v1/stations", get(api::stations)),
        ("/api/v1/guests", get(api::guests)),
        ("/api/v1/inventory", get(api::inventory)),
        ("/api/v1/version", get(api::version)),
        ("/api/v1/stream", get(stream::events)),
        ("/api/v1/openapi.json", get(async || json(StatusCode::OK, &openapi::document()))),
    ]
}

async fn with_security_headers(mut response: Response) -> Response {
    let is_page = page::is_page(&response) && !response.headers().contains_key(header::CONTENT_SECURITY_POLICY);
    let headers = response.headers_mut();
    if is_page {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
