//! Limits on connections: their number, the duration of a request and its size. Slow clients use a bounded amount of
//! memory and never block scrapes for long.
//!
//! The limits are applied outside TLS: a connection is counted before its handshake, and the handshake counts towards
//! the time of its first request.

use super::last_event::MOST_STREAMS;
use super::listener::{Accepting, Stream};
use super::maybe_tls::MaybeTlsStream;
use super::seats::{Offer, Seat, Seats};
use super::web::Web;
use crate::metrics::{HttpRefusal, Metrics};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Maximum number of concurrent connections: streams of open pages, and others. A page takes one more while it is fetched. HTTP/1
/// serves one request at a time on each, so this also bounds requests.
pub(super) const MAX_CONNECTIONS: usize = MOST_STREAMS + 160;
/// Maximum size of a request in bytes, head and body. Every request to the API is far smaller.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// From the first byte of a request to the first byte of its response.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// From the first byte of a response to its last.
const RESPONSE_TIME: Duration = Duration::from_secs(30);
/// From a response to the next request: longer than a common scrape interval of one minute.
const IDLE_TIME: Duration = Duration::from_secs(75);
/// Pause after accept(2) failed for lack of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\
Connection: close\r\nRetry-After: 1\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n\
{\"error\":\"too many connections\"}\n";

/// A listener that accepts up to [`MAX_CONNECTIONS`] connections. For others, one that waits for a request is evicted; where none waits,
/// they get a 503 response.
pub(super) struct LimitedListener {
    listener: Accepting,
    seats: Arc<Seats>,
    web: Arc<Web>,
    metrics: Arc<Metrics>,
}

impl LimitedListener {
    pub(super) fn new(listener: Accepting, web: Arc<Web>, metrics: Arc<Metrics>) -> Self {
        LimitedListener { listener, seats: Seats::new(MAX_CONNECTIONS), web, metrics }
    }
}

impl axum::serve::Listener for LimitedListener {
    type Io = Limited;
    type Addr = ();

    async fn accept(&mut self) -> (Limited, ()) {
        loop {
            match self.listener.accept().await {
                Ok((stream, client)) => {
                    let offer = self.seats.take(client);
                    if !matches!(offer, Offer::Free(_)) {
                        self.metrics.http_refused(HttpRefusal::Busy);
                        // Let the accepted ones read their requests before more are accepted, which could take their seats.
                        tokio::task::yield_now().await;
                    }
                    match offer {
                        Offer::Free(seat) | Offer::Instead(seat) => {
                            let tls = self.web.refreshed_policy().tls.clone();
                            let stream = MaybeTlsStream::new(stream, tls, Arc::clone(&self.metrics));
                            return (Limited::new(stream, seat, Arc::clone(&self.metrics)), ());
                        }
                        // A client that expects TLS could not read the response.
                        Offer::None if self.web.uses_tls() => {}
                        Offer::None => refuse(stream).await,
                    }
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept HTTP connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | NotConnected)
}

/// Sends the 503 response. It fits into the empty send buffer, so the write does not wait; a failure is ignored.
async fn refuse(mut stream: Box<dyn Stream>) {
    let _ = stream.write(REFUSAL).await;
    let _ = stream.shutdown().await;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Request,
    Response,
}

/// A connection that fails when a phase takes too long or a request is too large.
pub(super) struct Limited {
    stream: MaybeTlsStream,
    phase: Phase,
    /// Bytes of the current request.
    read: usize,
    deadline: Pin<Box<Sleep>>,
    metrics: Arc<Metrics>,
    /// Whether it was counted as refused.
    is_refused: bool,
    seat: Seat,
}

impl Limited {
    fn new(stream: MaybeTlsStream, seat: Seat, metrics: Arc<Metrics>) -> Self {
        // The first request must arrive within the time of a request, and a TLS handshake is part of it.
        let deadline = Box::pin(tokio::time::sleep(REQUEST_TIME));
        let phase = if stream.is_plain() { Phase::Idle } else { Phase::Request };
        Limited { stream, phase, read: 0, deadline, metrics, is_refused: false, seat }
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
        self.seat.answers(phase == Phase::Response);
        if phase == Phase::Request {
            self.seat.asks();
        }
    }

    /// Fails after the deadline, and when the connection is evicted for another; schedules a wake-up for both.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.seat.is_lost(context.waker()) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => {
                // Closing an idle connection is not a refusal.
                if self.phase != Phase::Idle {
                    self.count_refusal();
                }
                Err(io::ErrorKind::TimedOut.into())
            }
            Poll::Pending => Ok(()),
        }
    }

    fn count_refusal(&mut self) {
        if !std::mem::replace(&mut self.is_refused, true) {
            self.metrics.http_refused(HttpRefusal::Limit);
        }
    }

    fn after_write(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
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
                self.count_refusal();
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "request too large")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.after_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when all of a response has been written. With TLS, some of it may still be buffered.
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
    fn the_refusal_is_a_complete_response() {
        let text = String::from_utf8_lossy(REFUSAL);
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head} {}", body.len());
    }
}
