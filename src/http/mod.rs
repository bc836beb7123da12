//! HTTP server: metrics, health probes and a read-only API, on a separate thread.
//!
//! The runtime writes into [`Shared`] and never waits for a request: incidents and guests are replaced as a whole;
//! tables and metrics are copied before a response is written. Access is controlled by a web configuration file as in
//! the exporters of Prometheus: TLS, client certificates and passwords.

mod api;
mod auth;
mod connection;
mod history;
mod hosts;
mod last_event;
mod listener;
mod maybe_tls;
mod openapi;
mod page;
mod peer;
mod response;
mod routes;
mod seats;
mod server;
mod shared;
mod stream;
mod tables;
mod tls;
mod web;
mod web_config;

pub use listener::Listener;
pub use server::{Server, start};
pub use shared::{AllowedView, STUCK_AFTER_MILLIS, Shared, Snapshot};
pub use web::Web;
