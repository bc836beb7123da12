//! Where the server listens: a TCP port or a Unix socket.

use super::peer::Client;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use tokio::io::{AsyncRead, AsyncWrite};

/// A bound socket that is to be served.
pub enum Listener {
    /// A TCP port.
    Tcp(std::net::TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

impl From<std::net::TcpListener> for Listener {
    fn from(listener: std::net::TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Listener {
        Listener::Unix(listener)
    }
}

/// Connections that may wait to be accepted: more than reopen in the time that a scrape takes.
const BACKLOG: i32 = 4096;

impl Listener {
    /// Its TCP address; `None` of a Unix socket.
    pub(super) fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Listener::Tcp(listener) => listener.local_addr().map(Some),
            Listener::Unix(_) => Ok(None),
        }
    }

    /// For use within a runtime of tokio.
    pub(super) fn serve(self) -> io::Result<Accepting> {
        match self {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                // The standard library lets 128 wait.
                rustix::net::listen(&listener, BACKLOG)?;
                tokio::net::TcpListener::from_std(listener).map(Accepting::Tcp)
            }
            Listener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                rustix::net::listen(&listener, BACKLOG)?;
                tokio::net::UnixListener::from_std(listener).map(Accepting::Unix)
            }
        }
    }
}

/// Accepts connections.
pub(super) enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// What TLS and HTTP need of a connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Accepting {
    /// The next connection, and whose it is.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Client)> {
        match self {
            Accepting::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let client = Client::of(peer, stream.local_addr()?);
                Ok((Box::new(stream), client))
            }
            Accepting::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let user = stream.peer_cred()?.uid();
                Ok((Box::new(stream), Client::User(user)))
            }
        }
    }
}
