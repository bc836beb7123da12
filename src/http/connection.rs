//! Connections with limits: so many at once, so long for a request, so many bytes of it. Strangers who connect and
//! dawdle cost a bounded amount of memory and never starve the next scrape for long.
//!
//! The limits lie outside TLS: a connection has its place before its handshake, and the time of the handshake is that of
//! its first request.

use super::secured::Secured;
use super::web::Web;
use crate::metrics::{HttpRefusal, Metrics};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections at once. HTTP/1 answers one request after the other on each, so this also bounds requests.
pub(super) const MAX_CONNECTIONS: usize = 32;
/// Bytes of one request, head and body: every request that has an answer here is far smaller.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// From the first byte of a request to the first of its answer.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// From the first byte of an answer to its last.
const RESPONSE_TIME: Duration = Duration::from_secs(30);
/// From an answer to the next request: longer than the usual scrape interval of a minute.
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Pause after the system refused to accept, for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\
Connection: close\r\nRetry-After: 1\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n\
{\"error\":\"too many connections\"}\n";

/// A listener that lets so many in at once and tells the others to come back.
pub(super) struct LimitedListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
    web: Arc<Web>,
    metrics: Arc<Metrics>,
}

impl LimitedListener {
    pub fn new(listener: TcpListener, web: Arc<Web>, metrics: Arc<Metrics>) -> Self {
        LimitedListener { listener, places: Arc::new(Semaphore::new(MAX_CONNECTIONS)), web, metrics }
    }
}

impl axum::serve::Listener for LimitedListener {
    type Io = Limited;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Limited, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => {
                        let tls = self.web.renewed().tls.clone();
                        let stream = Secured::new(stream, tls, Arc::clone(&self.metrics));
                        return (Limited::new(stream, place, Arc::clone(&self.metrics)), peer);
                    }
                    Err(_) => {
                        self.metrics.http_refused(HttpRefusal::Busy);
                        // Who expects TLS could not read it.
                        if !self.web.is_secured() {
                            refuse(stream);
                        }
                    }
                },
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept HTTP connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Fits into the empty send buffer, so it neither waits nor matters if it fails.
fn refuse(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = io::Write::write(&mut stream, REFUSAL);
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Request,
    Response,
}

/// A connection that ends with an error when a phase takes too long or a request is too large.
pub(super) struct Limited {
    stream: Secured,
    phase: Phase,
    /// Of this request.
    read: usize,
    deadline: Pin<Box<Sleep>>,
    metrics: Arc<Metrics>,
    /// Counted as cut off.
    cut: bool,
    _place: OwnedSemaphorePermit,
}

impl Limited {
    fn new(stream: Secured, place: OwnedSemaphorePermit, metrics: Arc<Metrics>) -> Self {
        // Without a request there is no more patience than for a request; a handshake is part of the first.
        let deadline = Box::pin(tokio::time::sleep(REQUEST_TIME));
        let phase = if stream.is_bare() { Phase::Idle } else { Phase::Request };
        Limited { stream, phase, read: 0, deadline, metrics, cut: false, _place: place }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase == phase {
            return;
        }
        self.phase = phase;
        let time = match phase {
            Phase::Idle => IDLE_TIME,
            Phase::Request => REQUEST_TIME,
            Phase::Response => RESPONSE_TIME,
        };
        self.deadline.as_mut().reset(Instant::now() + time);
        self.read = 0;
    }

    /// Fails after the deadline; before, has the task woken then.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => {
                // The end of a connection without a request is no refusal.
                if self.phase != Phase::Idle {
                    self.cut_off();
                }
                Err(io::ErrorKind::TimedOut.into())
            }
            Poll::Pending => Ok(()),
        }
    }

    fn cut_off(&mut self) {
        if !std::mem::replace(&mut self.cut, true) {
            self.metrics.http_refused(HttpRefusal::Limit);
        }
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = written {
            self.enter(Phase::Response);
        }
        written
    }
}

impl AsyncRead for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        if read > 0 {
            self.enter(Phase::Request);
            self.read += read;
            if self.read > MAX_REQUEST_BYTES {
                self.cut_off();
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the request is too large")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when all of an answer has been written. With TLS, some of it may still have to go out.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.phase == Phase::Response {
            self.enter(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_a_whole_answer() {
        let text = String::from_utf8_lossy(REFUSAL);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head} {}", body.len());
    }
}
