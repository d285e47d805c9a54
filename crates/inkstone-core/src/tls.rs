//! TLS of a server: one table for all kinds, and certificates that may be replaced while the service runs.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use inkstone_config::{Code, Fault, Problems};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate;
use crate::cx::Cx;
use crate::error::Error;

/// How often the files are looked at. Certificates are replaced days before the old ones end.
const LOOK: Duration = Duration::from_secs(1);

/// Longest time for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// TLS of a server. Without a certificate the server speaks in the clear.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// A PEM file with the certificate and those between it and its authority. Replacing it needs no restart.
    pub cert: PathBuf,
    /// A PEM file with the certificate's private key. Replacing it needs no restart.
    pub key: PathBuf,
    /// A PEM file with the authorities whose certificates identify clients. Replacing it needs no restart.
    pub client_ca: PathBuf,
    /// Whether a client must have a certificate. It counts once `client_ca` is set.
    pub client_auth: ClientAuth,
    /// The oldest version of TLS that is spoken.
    pub min_version: MinVersion,
}

/// Whether a client must have a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// It must, and connections without one end in the handshake.
    #[default]
    Required,
    /// It may; one that is sent must be good.
    Optional,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsConfig {
    /// Whether the server speaks TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        is_set(&self.cert) || is_set(&self.key)
    }

    /// Whether clients can be known by a certificate.
    #[must_use]
    pub fn knows_clients(&self) -> bool {
        self.is_on() && is_set(&self.client_ca)
    }

    /// Reports what is incomplete; `key` is the table's key within its server's: `tls`.
    pub fn check(&self, key: &str, problems: &mut Problems) {
        for (has, missing) in [("cert", "key"), ("key", "cert"), ("client_ca", "cert")] {
            let file = |name| match name {
                "cert" => &self.cert,
                "key" => &self.key,
                _ => &self.client_ca,
            };
            if is_set(file(has)) && !is_set(file(missing)) {
                let message = format!("is set without {key}.{missing}, and is worth nothing alone");
                problems.push(Fault::new(Code::CrossKey, message).key(format!("{key}.{has}")));
            }
        }
    }
}

fn is_set(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

/// TLS of one server, with the certificates that are in its files now. A handle: clones share them.
///
/// Connections keep the certificate they began with. What replaces it is taken only whole: as long as the files do not
/// fit together, or one is missing, the old ones stay in force and the log says why.
#[derive(Clone)]
pub struct ServerTls(Arc<watch::Sender<Arc<ServerConfig>>>);

impl ServerTls {
    /// Reads the files of `config` and follows them until the app ends. `protocols` are offered by ALPN, best first.
    /// `None` if the server is to speak in the clear.
    ///
    /// # Errors
    /// When a file cannot be read, is not what it should be, or does not belong to the others; the message names it.
    pub async fn open(config: &TlsConfig, protocols: &[&str], cx: &Cx) -> Result<Option<Self>, Error> {
        if !config.is_on() {
            return Ok(None);
        }
        let files =
            Files { config: config.clone(), protocols: protocols.iter().map(|p| (*p).into()).collect() };
        let seen = files.look().await;
        let server = files.read().await.map_err(|why| {
            let name = &cx.name;
            let fault = cx.fault(why.code, why.message).key(format!("{name}.tls.{}", why.key));
            fault.target(why.file.display())
        })?;
        let current = Arc::new(watch::Sender::new(server));
        cx.app().spawn(files.follow(seen, current.clone(), cx.clone()));
        Ok(Some(Self(current)))
    }

    /// What the next connection is served with.
    #[must_use]
    pub fn current(&self) -> Arc<ServerConfig> {
        self.0.borrow().clone()
    }

    /// The handshake with a client that has just connected. Cancel safe: the connection is closed.
    ///
    /// # Errors
    /// When the client does not speak TLS, has no good certificate where it must have one, or takes longer than 10 s.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let handshake = TlsAcceptor::from(self.current()).accept(stream);
        tokio::time::timeout(HANDSHAKE, handshake).await.map_err(|_elapsed| io::ErrorKind::TimedOut)?
    }

    /// Who the client is: the subject of the certificate it has proven to own, and nothing if it has sent none.
    #[must_use]
    pub fn client(stream: &TlsStream<TcpStream>) -> Option<String> {
        let certificate = stream.get_ref().1.peer_certificates()?.first()?;
        Some(certificate::subject(certificate).unwrap_or_else(|| "a certificate without subject".to_owned()))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

/// Where a server's certificates come from.
struct Files {
    config: TlsConfig,
    protocols: Vec<Vec<u8>>,
}

/// Why a file is of no use.
struct Unusable {
    code: Code,
    key: &'static str,
    file: PathBuf,
    message: String,
}

/// What tells a replaced file: device, inode, size and time of change, of the file that a link leads to.
type Seen = [Option<(u64, u64, u64, i64, i64)>; 3];

impl Files {
    async fn look(&self) -> Seen {
        let mut seen = Seen::default();
        let files = [&self.config.cert, &self.config.key, &self.config.client_ca];
        for (seen, file) in seen.iter_mut().zip(files) {
            let what = |m: Metadata| (m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec());
            *seen = tokio::fs::metadata(file).await.ok().map(what);
        }
        seen
    }

    /// Looks at the files again and again, and takes what is new once it is good.
    async fn follow(self, mut seen: Seen, current: Arc<watch::Sender<Arc<ServerConfig>>>, cx: Cx) {
        let stopping = cx.stopping();
        let (mut pending, mut told) = (false, false);
        while stopping.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let now = self.look().await;
            if now != seen {
                (seen, pending, told) = (now, true, false);
            }
            if !pending {
                continue;
            }
            match self.read().await {
                Ok(server) => {
                    current.send_replace(server);
                    pending = false;
                    tracing::info!(name = %cx.name, cert = %self.config.cert.display(), "certificates replaced");
                }
                // The files are replaced one after the other: what does not fit yet may do so at the next look.
                Err(_) if !told => told = true,
                Err(why) => {
                    pending = false;
                    let file = why.file.display();
                    tracing::error!(
                        name = %cx.name, %file, code = why.code.as_str(),
                        "certificates were not replaced, the ones before stay in force: {}", why.message
                    );
                }
            }
        }
    }

    async fn read(&self) -> Result<Arc<ServerConfig>, Unusable> {
        let TlsConfig { cert, key, client_ca, client_auth, min_version } = &self.config;
        let chain = certificates("cert", cert).await?;
        let text = text("key", key).await?;
        let private = PrivateKeyDer::from_pem_slice(&text)
            .map_err(|error| unusable("key", key, format!("holds no private key in PEM: {error}")))?;
        let versions: &[_] = match min_version {
            MinVersion::Tls12 => rustls::ALL_VERSIONS,
            MinVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .map_err(|error| unusable("min_version", cert, error))?;
        let builder = if is_set(client_ca) {
            let mut roots = RootCertStore::empty();
            for authority in certificates("client_ca", client_ca).await? {
                let refused = |e| unusable("client_ca", client_ca, format!("holds a bad certificate: {e}"));
                roots.add(authority).map_err(refused)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = match client_auth {
                ClientAuth::Required => verifier,
                ClientAuth::Optional => verifier.allow_unauthenticated(),
            };
            let refused = |e| unusable("client_ca", client_ca, format!("cannot be used: {e}"));
            builder.with_client_cert_verifier(verifier.build().map_err(refused)?)
        } else {
            builder.with_no_client_auth()
        };
        warn_of_end(&chain, cert);
        let mut server = builder
            .with_single_cert(chain, private)
            .map_err(|e| unusable("key", key, format!("does not belong to {}: {e}", cert.display())))?;
        server.alpn_protocols.clone_from(&self.protocols);
        if is_set(client_ca) {
            // A session that goes on would go on with a certificate that has ended or been replaced since.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        }
        Ok(Arc::new(server))
    }
}

fn warn_of_end(chain: &[CertificateDer<'_>], file: &Path) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let end = chain.first().and_then(|certificate| certificate::not_after(certificate));
    if end.is_some_and(|end| end <= now.as_secs()) {
        tracing::warn!(cert = %file.display(), "the certificate has ended: clients will refuse it");
    }
}

async fn text(key: &'static str, file: &Path) -> Result<Vec<u8>, Unusable> {
    tokio::fs::read(file).await.map_err(|error| Unusable {
        code: Code::UnreadableFile,
        key,
        file: file.to_owned(),
        message: format!("{} cannot be read: {error}", file.display()),
    })
}

async fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let text = text(key, file).await?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(unusable(key, file, "holds no certificate in PEM".to_owned())),
        Err(error) => Err(unusable(key, file, format!("is not PEM: {error}"))),
    }
}

fn unusable(key: &'static str, file: &Path, what: impl fmt::Display) -> Unusable {
    let message = format!("{} {what}", file.display());
    Unusable { code: Code::InvalidValue, key, file: file.to_owned(), message }
}
