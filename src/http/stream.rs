//! Server-sent events (WHATWG HTML §9.2): tells open pages that there is news. What an event contains is written once for all
//! of them.

use super::page;
use super::response::{bad_request, failure};
use super::shared::Shared;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Shortest time between two events of a stream: one event has all changes within it.
const PAUSE: Duration = Duration::from_millis(500);
/// Without news, a comment keeps the connection open: it has this long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamQuery {
    fragments: Option<String>,
}

struct Listener {
    shared: Arc<Shared>,
    news: watch::Receiver<u64>,
    /// Whether the stream has the parts of the first page; otherwise it only tells that there is news.
    has_fragments: bool,
    is_first: bool,
    _permit: OwnedSemaphorePermit,
}

impl Listener {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Listener)> {
        let mut ended = self.shared.ended();
        tokio::select! {
            next = self.wait() => next.map(|event| (Ok(event), self)),
            // The server ends, and with it every stream.
            _ = ended.wait_for(|ended| *ended) => None,
        }
    }

    async fn wait(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.is_first) {
            // The page may be older than this connection.
            self.news.mark_changed();
        } else {
            tokio::time::sleep(PAUSE).await;
        }
        let event = match tokio::time::timeout(KEEP_ALIVE, self.news.changed()).await {
            Err(_) => Bytes::from_static(b": nothing new\n\n"),
            Ok(Err(_)) => return None,
            Ok(Ok(())) => {
                let news = *self.news.borrow_and_update();
                match self.has_fragments {
                    true => self.shared.last_event.of(news, || page::fragments(&self.shared)),
                    false => Bytes::from(format!("event: news\ndata: {news}\n\n")),
                }
            }
        };
        Some(event)
    }
}

#[utoipa::path(get, path = "/api/v1/stream", summary = "Server-sent events: `news` whenever something was published, at most twice per second", params(("fragments" = Option<String>, Query, description = "now: events `now` with the parts of the first page as HTML instead")), responses((status = 200, description = "A stream without end", body = String, content_type = "text/event-stream")))]
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<StreamQuery>, QueryRejection>,
) -> Response {
    let has_fragments = match query.map(|Query(query)| query.fragments) {
        Ok(None) => false,
        Ok(Some(page)) if page == "now" => true,
        _ => return bad_request("the only parameter is fragments, and its only value is now"),
    };
    let Ok(permit) = Arc::clone(&shared.streams).try_acquire_owned() else {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open; try again later");
    };
    let news = shared.news();
    let listener = Listener { shared, news, has_fragments, is_first: true, _permit: permit };
    let body = Body::from_stream(stream::unfold(listener, Listener::next));
    // A reverse proxy (nginx) must not collect events.
    const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");
    ([(header::CONTENT_TYPE, "text/event-stream"), UNBUFFERED], body).into_response()
}
