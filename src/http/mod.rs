//! HTTP: the pull side. Metrics, health and a read-only API, on a thread of its own that only ever reads.
//!
//! The pipeline writes into [`Shared`] and never waits for a request: incidents and guests are swapped in as a whole, tables and
//! metrics are copied out before anything is written. Routes are in [`routes`], limits in [`connection`]; who may read is said
//! by a [`web`] configuration: [`tls`] and [`secured`] connections, passwords in [`auth`].

mod auth;
mod connection;
mod routes;
mod secured;
mod shared;
mod tables;
mod tls;
mod views;
mod web;
mod web_config;

pub use shared::{STUCK_AFTER_MILLIS, Shared, Snapshot};
pub use views::{CardView, GuestView, InterfaceView, InventoryView, ProblemView, TrafficView};
pub use web::Web;

use std::future::IntoFuture;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// How long answers under way may take after the order to stop.
const GRACE: Duration = Duration::from_millis(500);

/// A running server. Dropped, it ends on its own time; [`Server::stop`] waits for the end.
pub struct Server {
    address: SocketAddr,
    secured: bool,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// Serves `shared` on `listener` from a new thread, to whom `web` lets in.
pub fn start(listener: TcpListener, shared: Arc<Shared>, web: Web) -> io::Result<Server> {
    let address = listener.local_addr()?;
    let secured = web.is_secured();
    let web = Arc::new(web);
    let door = Arc::new(auth::BasicAuth::new(Arc::clone(&web), Arc::clone(&shared.metrics))?);
    listener.set_nonblocking(true)?;
    // One thread beside it checks passwords, where there are any.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .thread_name("pegel-http-auth")
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, told) = watch::channel(false);
    let thread = std::thread::Builder::new().name("pegel-http".to_owned()).spawn(move || {
        let gate = connection::LimitedListener::new(listener, web, Arc::clone(&shared.metrics));
        runtime.block_on(serve(gate, routes::router(shared, door), told));
        // Connections that outlived the grace end here.
        runtime.shutdown_background();
    })?;
    Ok(Server { address, secured, stop, thread })
}

async fn serve(gate: connection::LimitedListener, routes: axum::Router, told: watch::Receiver<bool>) {
    let serving = axum::serve(gate, routes).with_graceful_shutdown(stopped(told.clone())).into_future();
    let patience = async {
        stopped(told).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::error!(%error, "the HTTP server failed");
        },
        () = patience => {}
    }
}

/// Until the order comes, or nobody is left who could give it.
async fn stopped(mut told: watch::Receiver<bool>) {
    let _ = told.wait_for(|&stop| stop).await;
}

impl Server {
    /// Where it listens; with port 0 asked for, the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As a browser takes it.
    pub fn url(&self) -> String {
        format!("http{}://{}/", if self.secured { "s" } else { "" }, self.address)
    }

    /// Takes no more requests, finishes those under way if they are quick, and returns within a second.
    pub fn stop(self) {
        // Fails only if the thread ended before.
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            tracing::error!("the HTTP thread panicked");
        }
    }
}
