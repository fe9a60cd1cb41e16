//! The sockets that a server listens on.

use std::io::Result;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A socket that accepts connections.
pub trait ConnectionListener: Sync {
    /// The bytes of a connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Accepts a connection. Returns it with the address of its sender; `None`: the sender is a
    /// process of this machine.
    fn accept(&self) -> impl Future<Output = Result<(Self::Stream, Option<IpAddr>)>> + Send;
}

impl ConnectionListener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> Result<(TcpStream, Option<IpAddr>)> {
        let (stream, peer) = Self::accept(self).await?;
        // An answer is one small write, so waiting to combine writes gains nothing.
        let _ = stream.set_nodelay(true);
        Ok((stream, Some(peer.ip())))
    }
}

impl ConnectionListener for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> Result<(UnixStream, Option<IpAddr>)> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, None))
    }
}
