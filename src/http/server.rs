//! The server: its thread, its start and its end.

use super::auth::BasicAuth;
use super::connection::LimitedListener;
use super::hosts::HostCheck;
use super::listener::Listener;
use super::routes::router;
use super::shared::Shared;
use super::web::Web;
use std::future::IntoFuture;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// Time for responses in progress after a request to stop.
const GRACE: Duration = Duration::from_millis(500);

/// A running server. Dropping it stops the server in the background; [`Server::stop`] waits until it has stopped.
pub struct Server {
    /// `None` on a Unix socket.
    address: Option<SocketAddr>,
    uses_tls: bool,
    stop: watch::Sender<bool>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// Serves `shared` on `listener` from a new thread, with the access rules of `web`. Fails if the listener cannot be
/// used or the thread cannot be started.
pub fn start(listener: impl Into<Listener>, shared: Arc<Shared>, web: Web) -> io::Result<Server> {
    let listener = listener.into();
    let address = listener.address()?;
    let uses_tls = web.uses_tls();
    let web = Arc::new(web);
    let auth = Arc::new(BasicAuth::new(Arc::clone(&web), Arc::clone(&shared.metrics))?);
    let hosts = Arc::new(HostCheck { hosts: web.hosts(), metrics: Arc::clone(&shared.metrics) });
    // Additional threads wait for the disk, as many as may ask the store and read evidence, and one checks passwords.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_name("pegel-http-wait")
        .build()?;
    let listener = {
        let _guard = runtime.enter();
        listener.serve()?
    };
    let (stop, stopping) = watch::channel(false);
    let kept = Arc::clone(&shared);
    let thread = std::thread::Builder::new().name("pegel-http".to_owned()).spawn(move || {
        let listener = LimitedListener::new(listener, web, Arc::clone(&shared.metrics));
        runtime.block_on(serve(listener, router(shared, auth, hosts), stopping));
        // Connections that are still open after the grace period are closed here.
        runtime.shutdown_background();
    })?;
    Ok(Server { address, uses_tls, stop, shared: kept, thread })
}

async fn serve(listener: LimitedListener, routes: axum::Router, stopping: watch::Receiver<bool>) {
    let serving = axum::serve(listener, routes).with_graceful_shutdown(stopped(stopping.clone())).into_future();
    let grace_period = async {
        stopped(stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = serving => if let Err(error) = result {
            tracing::error!(%error, "the HTTP server failed");
        },
        () = grace_period => {}
    }
}

/// Waits until the server is stopped or dropped.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|&stop| stop).await;
}

impl Server {
    /// The address that it listens on, with the actual port if port 0 was requested; unspecified on a Unix socket.
    pub fn address(&self) -> SocketAddr {
        self.address.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into())
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let scheme = if self.uses_tls { "https" } else { "http" };
        self.address.map_or_else(|| format!("a Unix socket, {scheme}"), |address| format!("{scheme}://{address}/"))
    }

    /// Accepts no more requests, finishes those in progress if that takes at most half a second, and waits for the
    /// thread.
    pub fn stop(self) {
        self.shared.end_streams();
        // Fails only if the thread has ended already.
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            tracing::error!("the HTTP thread panicked");
        }
    }
}
