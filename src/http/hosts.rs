//! The names under which the server may be asked. A web page elsewhere can let a name of its own lead to 127.0.0.1, so that a browser on
//! this machine reads the server for it (DNS rebinding). Such a request has that name in its Host header.

use super::response::failure;
use crate::metrics::{HttpRefusal, Metrics};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The names of a server; `None`: any, since something else decides who may ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts(Option<BTreeSet<String>>);

impl Hosts {
    pub(super) fn only(names: impl IntoIterator<Item = String>) -> Hosts {
        Hosts(Some(names.into_iter().map(|name| name.to_ascii_lowercase()).collect()))
    }

    /// Whether a Host header (RFC 9110, 7.2) is one of this server. Addresses are: a browser looks no name up for them.
    fn admit(&self, host: &str) -> bool {
        let Some(names) = &self.0 else { return true };
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost") || names.contains(&name)
    }
}

/// What the middleware needs.
pub(super) struct HostCheck {
    pub(super) hosts: Hosts,
    pub(super) metrics: Arc<Metrics>,
}

/// Middleware that refuses requests for other names.
pub(super) async fn check(State(check): State<Arc<HostCheck>>, request: Request, next: Next) -> Response {
    if is_admitted(&check.hosts, request.headers()) {
        return next.run(request).await;
    }
    check.metrics.http_refused(HttpRefusal::Host);
    failure(StatusCode::MISDIRECTED_REQUEST, "not a name of this server; http.hosts lists the names that it has")
}

/// A client of HTTP/1.0 sends no such header, and is no browser.
fn is_admitted(hosts: &Hosts, headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().all(|host| host.to_str().is_ok_and(|host| hosts.admit(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_own_names_are_admitted() {
        let hosts = Hosts::only(["gw1.example".to_owned()]);
        for host in
            ["127.0.0.1:7343", "[::1]:7343", "[::1]", "localhost", "a.localhost:1", "GW1.example.:7343", "192.0.2.1"]
        {
            assert!(hosts.admit(host), "{host}");
        }
        for host in ["evil.example", "evil.example:7343", "127.0.0.1.evil.example", "gw1.example.evil", ""] {
            assert!(!hosts.admit(host), "{host}");
        }
        assert!(Hosts::default().admit("evil.example"));
    }
}
