//! A client that shows what is on the wire.

use std::net::SocketAddr;

use inkstone_http::axum::http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Client(TcpStream);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    /// Over a connection that there is already.
    pub(crate) fn over(stream: std::net::TcpStream) -> Self {
        Self(TcpStream::from_std(stream).unwrap())
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        self.answer().await
    }

    /// The next answer, which must say how long it is.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let length = head
            .headers
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |n| n.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Answer { body: String::from_utf8(body).unwrap(), ..head }
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> Answer {
        let mut read = Vec::new();
        let head = loop {
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let mut byte = [0];
            assert_eq!(
                self.0.read(&mut byte).await.unwrap(),
                1,
                "closed within {:?}",
                String::from_utf8_lossy(&read)
            );
            read.push(byte[0]);
        };
        let headers = String::from_utf8(read[..head].to_vec()).unwrap().to_lowercase();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers, body: String::new() }
    }

    /// Everything until the server closes the connection.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.unwrap();
        String::from_utf8(rest).unwrap()
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(mut self) {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _reset = self.0.read_to_end(&mut rest).await;
        assert_eq!(rest, b"");
    }
}

/// One request over HTTP/2 with prior knowledge.
pub(crate) async fn get_http2(addr: SocketAddr, path: &str) -> (u16, HeaderMap) {
    let stream = TcpStream::connect(addr).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request =
        http::Request::get(format!("http://test{path}")).body(http_body_util::Empty::<&[u8]>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let answer = (response.status().as_u16(), response.headers().clone());
    connection.abort();
    answer
}
