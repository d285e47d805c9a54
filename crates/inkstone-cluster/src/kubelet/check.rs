//! One attempt of a probe or of a lifecycle hook.
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, ExecAction, GRPCAction, HTTPGetAction, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::net::TcpStream;

use super::process::{Launch, Spawner};

/// Something to try on a container.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    Http { at: SocketAddr, host: String, path: String, headers: Vec<(String, String)> },
    Tcp { at: SocketAddr },
    Grpc { at: SocketAddr, service: String },
    Exec(Box<Launch>),
    Sleep(Duration),
}

/// Makes checks of what a container's manifest asks for.
#[derive(Debug)]
pub(crate) struct Checks<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) container: &'a Container,
    /// The container's own launch: its environment, directory and mounts.
    pub(crate) launch: &'a Launch,
}

impl Checks<'_> {
    pub(crate) fn http(&self, action: &HTTPGetAction) -> Result<Check, String> {
        if action.scheme.as_deref().is_some_and(|scheme| !scheme.eq_ignore_ascii_case("HTTP")) {
            return Err("an httpGet check of the local cluster speaks HTTP only; use tcpSocket".to_owned());
        }
        let at = self.address(action.host.as_deref(), &action.port)?;
        let path = action.path.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
        let headers: Vec<_> = action
            .http_headers
            .iter()
            .flatten()
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect();
        let host = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("host"))
            .map_or_else(|| at.to_string(), |(_, value)| value.clone());
        Ok(Check::Http { at, host, path, headers })
    }

    pub(crate) fn tcp(&self, action: &TCPSocketAction) -> Result<Check, String> {
        Ok(Check::Tcp { at: self.address(action.host.as_deref(), &action.port)? })
    }

    pub(crate) fn grpc(&self, action: &GRPCAction) -> Result<Check, String> {
        let at = self.address(None, &IntOrString::Int(action.port))?;
        Ok(Check::Grpc { at, service: action.service.clone().unwrap_or_default() })
    }

    /// `find` turns the command into a program and its arguments, as for the container itself.
    pub(crate) fn exec(
        &self,
        action: &ExecAction,
        find: impl Fn(&[String]) -> Result<(std::path::PathBuf, Vec<String>), String>,
    ) -> Result<Check, String> {
        let (program, args) = find(action.command.as_deref().unwrap_or_default())?;
        Ok(Check::Exec(Box::new(Launch { program, args, log: None, ..self.launch.clone() })))
    }

    fn address(&self, host: Option<&str>, port: &IntOrString) -> Result<SocketAddr, String> {
        let ip = match host.filter(|host| !host.is_empty()) {
            None => self.ip,
            Some("localhost") => IpAddr::from([127, 0, 0, 1]),
            Some(host) => host.parse().map_err(|_| format!("host \"{host}\" is no IP address"))?,
        };
        Ok(SocketAddr::new(ip, port_number(port, self.container.ports.as_deref().unwrap_or_default())?))
    }
}

/// The number of a port given by number or by name.
pub(crate) fn port_number(port: &IntOrString, ports: &[ContainerPort]) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => ports
            .iter()
            .find(|port| port.name.as_ref() == Some(name))
            .map(|port| port.container_port)
            .or_else(|| name.parse().ok()),
    };
    let shown = || match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => format!("\"{name}\""),
    };
    let number = number.ok_or_else(|| format!("the container has no port named {}", shown()))?;
    u16::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("port {} is out of range", shown()))
}

impl Check {
    /// Tries once. The error says what was seen.
    pub(crate) async fn attempt(&self, limit: Duration, spawner: &Spawner) -> Result<(), String> {
        let attempt = async {
            match self {
                Self::Http { at, host, path, headers } => http_get(*at, host, path, headers).await,
                Self::Tcp { at } => connect(*at).await.map(drop),
                Self::Grpc { at, service } => grpc_health(*at, service).await,
                Self::Exec(launch) => exec(launch, spawner).await,
                Self::Sleep(time) => {
                    tokio::time::sleep(*time).await;
                    Ok(())
                }
            }
        };
        match tokio::time::timeout(limit, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {limit:?}")),
        }
    }
}

async fn connect(at: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(at).await.map_err(|error| format!("connect to {at}: {error}"))
}

async fn exec(launch: &Launch, spawner: &Spawner) -> Result<(), String> {
    let mut process = spawner.spawn(launch.clone()).await.map_err(|error| error.to_string())?;
    let status = process.wait().await.map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", launch.program.display())) }
}

async fn http_get(
    at: SocketAddr,
    host: &str,
    path: &str,
    headers: &[(String, String)],
) -> Result<(), String> {
    let url = || format!("GET http://{at}{path}");
    let mut request = Request::get(path).header("host", host).header("connection", "close");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        request = request.header("user-agent", "kube-probe/1.33");
    }
    for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| format!("{}: {error}", url()))?;
    let stream = TokioIo::new(connect(at).await?);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| format!("{}: {error}", url()))?;
    let answer =
        Box::pin(async move { sender.send_request(request).await.map(|response| response.status()) });
    let status = match select(answer, Box::pin(connection)).await {
        Either::Left((status, _)) => status,
        // The server closed the connection after its answer.
        Either::Right((_, answer)) => answer.await,
    };
    match status {
        Ok(status) if (200..400).contains(&status.as_u16()) => Ok(()),
        Ok(status) => Err(format!("{} answered {status}", url())),
        Err(error) => Err(format!("{}: {error}", url())),
    }
}

/// Calls `grpc.health.v1.Health/Check`.
async fn grpc_health(at: SocketAddr, service: &str) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("gRPC health check of {at}: {error}");
    let request = Request::post(format!("http://{at}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/1.33")
        .body(Full::new(health_request(service)))
        .map_err(|error| failed(&error))?;
    let stream = TokioIo::new(connect(at).await?);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
        .await
        .map_err(|error| failed(&error))?;
    let answer = Box::pin(async move {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        Ok::<_, hyper::Error>((head, body.collect().await?))
    });
    let answer = match select(answer, Box::pin(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    };
    let (head, body) = answer.map_err(|error| failed(&error))?;
    if head.status != StatusCode::OK {
        return Err(failed(&head.status));
    }
    // A refusal without a message carries its status in the head.
    let code =
        body.trailers().and_then(|all| all.get("grpc-status")).or_else(|| head.headers.get("grpc-status"));
    match code.cloned().as_ref().and_then(|code| code.to_str().ok()) {
        Some("0") if is_serving(&body.to_bytes()) => Ok(()),
        Some("0") => Err(failed(&"not serving")),
        Some(code) => Err(failed(&format_args!("status {code}"))),
        None => Err(failed(&"no grpc-status in the answer")),
    }
}

/// A gRPC message with `HealthCheckRequest { service = 1 }`.
fn health_request(service: &str) -> Bytes {
    let mut message = Vec::new();
    // Service names are short: the length fits one byte of a varint in practice, two always.
    if !service.is_empty() {
        message.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            message.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut frame = vec![0];
    frame.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(&message);
    frame.into()
}

/// Whether a gRPC message is `HealthCheckResponse { status = SERVING }`.
fn is_serving(frame: &[u8]) -> bool {
    frame.get(..5).is_some_and(|head| head[0] == 0) && frame.get(5..) == Some(&[0x08, 0x01])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_messages_are_those_of_the_protocol() {
        assert_eq!(health_request("").as_ref(), [0, 0, 0, 0, 0]);
        assert_eq!(health_request("a.B").as_ref(), [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
        assert!(is_serving(&[0, 0, 0, 0, 2, 8, 1]));
        assert!(!is_serving(&[0, 0, 0, 0, 2, 8, 2]));
        assert!(!is_serving(&[]));
    }

    #[test]
    fn ports_are_given_by_number_or_name() {
        let ports =
            [ContainerPort { name: Some("grpc".into()), container_port: 9001, ..ContainerPort::default() }];
        assert_eq!(port_number(&IntOrString::Int(80), &ports), Ok(80));
        assert_eq!(port_number(&IntOrString::String("grpc".into()), &ports), Ok(9001));
        assert!(port_number(&IntOrString::String("http".into()), &ports).unwrap_err().contains("\"http\""));
        assert!(port_number(&IntOrString::Int(70_000), &ports).is_err());
    }
}
