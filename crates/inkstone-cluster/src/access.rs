//! How clients reach the cluster: certificates, the token and the kubeconfig.
//!
//! A kubeconfig is worth as much as its token, so every file here can be read by its owner only.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rand::Rng;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// The name of cluster, user and context in the kubeconfig.
const CONTEXT: &str = "inkstone-dev";

/// What a client needs, and what the server shows it.
#[derive(Debug)]
pub(crate) struct Access {
    dir: PathBuf,
    /// The certificate authority, in PEM.
    ca: String,
    pub(crate) token: String,
    pub(crate) tls: Arc<ServerConfig>,
}

impl Access {
    /// Takes authority and token from `dir`, or makes them. The server's own certificate is new each time.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        private_dir(dir)?;
        let key = match kept(&dir.join("ca.key"))? {
            Some(pem) => KeyPair::from_pem(&pem).map_err(|e| damaged(&dir.join("ca.key"), &e))?,
            None => {
                let key = KeyPair::generate().map_err(failed)?;
                let ca = authority()?.self_signed(&key).map_err(failed)?;
                write_private(&dir.join("ca.pem"), &ca.pem())?;
                write_private(&dir.join("ca.key"), &key.serialize_pem())?; // last: with it, the pair is complete
                key
            }
        };
        let path = dir.join("ca.pem");
        let ca = kept(&path)?.ok_or_else(|| damaged(&path, &"it is missing although ca.key is there"))?;
        let token = match kept(&dir.join("token"))? {
            Some(token) => token.trim().to_owned(),
            None => {
                let token = hex::encode(rand::rng().random::<[u8; 32]>());
                write_private(&dir.join("token"), &token)?;
                token
            }
        };
        let tls = server_config(&Issuer::new(authority()?, key))?;
        Ok(Self { dir: dir.to_owned(), ca, token, tls })
    }

    /// Writes the kubeconfig that reaches the API at this address.
    pub(crate) fn kubeconfig(&self, api: SocketAddr) -> io::Result<PathBuf> {
        let path = self.dir.join("kubeconfig");
        let ca = BASE64.encode(&self.ca);
        let token = &self.token;
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: {CONTEXT}\n  cluster:\n    server: https://{api}\n    \
             certificate-authority-data: {ca}\nusers:\n- name: {CONTEXT}\n  user:\n    token: {token}\ncontexts:\n\
             - name: {CONTEXT}\n  context:\n    cluster: {CONTEXT}\n    user: {CONTEXT}\ncurrent-context: {CONTEXT}\n"
        );
        write_private(&path, &text)?;
        Ok(path)
    }
}

/// Makes a directory that only its owner can enter.
pub(crate) fn private_dir(dir: &Path) -> io::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| io::Error::new(e.kind(), format!("cannot create the directory {}: {e}", dir.display())))
}

fn authority() -> io::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "Inkstone local cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn server_config(issuer: &Issuer<'_, KeyPair>) -> io::Result<Arc<ServerConfig>> {
    let names = ["localhost", "127.0.0.1", "::1", "kubernetes.default.svc"].map(str::to_owned);
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "Inkstone local cluster API");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate: CertificateDer<'static> = params.signed_by(&key, issuer).map_err(failed)?.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn kept(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io::Error::new(e.kind(), format!("cannot read {}: {e}", path.display()))),
    }
}

/// Writes a file whole or not at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let explain = |e: io::Error| io::Error::new(e.kind(), format!("cannot write {}: {e}", path.display()));
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(explain)?;
    file.write_all(text.as_bytes()).map_err(explain)?;
    fs::rename(&new, path).map_err(explain)
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> io::Error {
    let message =
        format!("cannot use {}: {why}. Delete the directory it is in to begin anew", path.display());
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[expect(clippy::needless_pass_by_value, reason = "map_err gives the error away")]
fn failed(error: rcgen::Error) -> io::Error {
    io::Error::other(format!("cannot make the cluster's certificates: {error}"))
}
