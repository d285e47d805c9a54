//! A connection that may not have said anything yet.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// How long a client may take to say anything at all.
const FIRST_BYTE: Duration = Duration::from_secs(20);
/// How long it may take once the server stops: what it says may be on its way already.
const ON_ITS_WAY: Duration = Duration::from_millis(300);

/// A connection. HTTP/2 would wait for its first byte for ever, and hold up the stop; this one ends by then.
pub(crate) struct Opening {
    stream: TcpStream,
    /// Ends when the first byte is waited for no longer. Gone once it has come.
    patience: Option<BoxFuture<'static, ()>>,
}

impl Opening {
    pub(crate) fn new(stream: TcpStream, stopping: CancellationToken) -> Self {
        let patience = async move {
            if tokio::time::timeout(FIRST_BYTE, stopping.cancelled_owned()).await.is_ok() {
                tokio::time::sleep(ON_ITS_WAY).await;
            }
        };
        Self { stream, patience: Some(patience.boxed()) }
    }
}

impl AsyncRead for Opening {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) {
            self.patience = None;
            return Poll::Ready(read);
        }
        match &mut self.patience {
            // Nothing was read: the end of the stream.
            Some(patience) => patience.poll_unpin(cx).map(Ok),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Opening {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}

impl Connected for Opening {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}
