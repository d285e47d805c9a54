//! TLS: who gets in by certificate, and certificates that are replaced while the service runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use reqwest::{Certificate, Identity, StatusCode};
use tempfile::TempDir;

use crate::{Service, free_port, refused};

/// An authority, and what it has signed.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(parameters, key) }
    }

    /// A certificate and its key.
    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, name);
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn client(&self, name: &str) -> (String, String) {
        self.sign(name, |parameters| {
            parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }
}

/// A governor with TLS, and the directory of its certificates.
struct Secure {
    service: Service,
    dir: TempDir,
    authority: Authority,
}

impl Secure {
    async fn start(more: &str) -> Self {
        let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new("the authority"));
        let this_dir = dir.path().display();
        let tls = format!(
            "tls = {{ cert = \"{this_dir}/cert.pem\", key = \"{this_dir}/key.pem\", client_ca = \"{this_dir}/ca.pem\" }}"
        );
        std::fs::write(dir.path().join("ca.pem"), &authority.pem).unwrap();
        let files = Files(dir.path().to_owned());
        files.write(&authority.sign("governor", |_| {}));
        let service = Service::start("", &format!("{tls}\n{more}")).await;
        Self { service, dir, authority }
    }

    fn files(&self) -> Files {
        Files(self.dir.path().to_owned())
    }

    async fn ask(&self, path: &str, client: Option<&(String, String)>) -> reqwest::Result<reqwest::Response> {
        ask(&self.service, &self.authority, path, client).await
    }
}

struct Files(PathBuf);

impl Files {
    fn write(&self, (cert, key): &(String, String)) {
        std::fs::write(self.0.join("cert.pem"), cert).unwrap();
        std::fs::write(self.0.join("key.pem"), key).unwrap();
    }
}

/// Over a new connection, trusting `authority` alone.
async fn ask(
    service: &Service,
    authority: &Authority,
    path: &str,
    client: Option<&(String, String)>,
) -> reqwest::Result<reqwest::Response> {
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .tls_certs_only([Certificate::from_pem(authority.pem.as_bytes()).unwrap()]);
    if let Some((cert, key)) = client {
        builder = builder.identity(Identity::from_pem(format!("{cert}{key}").as_bytes()).unwrap());
    }
    builder.build().unwrap().get(format!("https://{}{path}", service.address)).send().await
}

/// Asks again and again, until it is answered so.
async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ask().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_certificate_of_the_authority_opens_what_a_token_would() {
    let secure = Secure::start("token = \"opensesame\"").await;
    let console = secure.authority.client("console");
    assert_eq!(secure.ask("/config", Some(&console)).await.unwrap().status(), StatusCode::OK);
    // Without one there is health, and the token still counts.
    assert_eq!(secure.ask("/live", None).await.unwrap().status(), StatusCode::OK);
    let refusal = secure.ask("/config", None).await.unwrap();
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
    let text = refusal.text().await.unwrap();
    assert!(text.contains("server.governor.token") && text.contains("tls.client_ca"), "{text}");
    secure.service.stop().await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_foreign_or_has_ended_gets_no_connection() {
    let secure = Secure::start("").await;
    // Not even what everybody may see: it claims to be somebody, and is not.
    let foreign = Authority::new("the authority").client("console");
    secure.ask("/live", Some(&foreign)).await.unwrap_err();
    let ended = secure.authority.sign("console", |parameters| {
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        parameters.not_before = rcgen::date_time_ymd(2019, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    secure.ask("/live", Some(&ended)).await.unwrap_err();
    // One for servers does not make a client.
    let server = secure.authority.sign("shop", |parameters| {
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    secure.ask("/live", Some(&server)).await.unwrap_err();
    assert_eq!(secure.ask("/live", None).await.unwrap().status(), StatusCode::OK);
    // Where certificates are set up, being on this machine opens nothing.
    assert_eq!(secure.ask("/config", None).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    secure.service.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_speaks_in_the_clear_to_a_governor_with_tls() {
    let secure = Secure::start("").await;
    let plain = crate::client().get(format!("http://{}/live", secure.service.address)).send().await;
    plain.unwrap_err();
    secure.service.stop().await.unwrap();
}

#[tokio::test]
async fn replaced_certificates_are_served_without_a_restart_and_a_bad_pair_is_not() {
    let secure = Secure::start("").await;
    let other = Authority::new("the next authority");
    ask(&secure.service, &other, "/live", None).await.unwrap_err();

    // The key of another certificate: the old pair stays.
    let (mismatched, _) = other.sign("governor", |_| {});
    std::fs::write(secure.dir.path().join("cert.pem"), mismatched).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(secure.ask("/live", None).await.unwrap().status(), StatusCode::OK);

    secure.files().write(&other.sign("governor", |_| {}));
    until("the new certificate is served", || async {
        ask(&secure.service, &other, "/live", None).await.is_ok()
    })
    .await;
    secure.ask("/live", None).await.unwrap_err();

    // And the authority of clients.
    let (old, new) = (secure.authority.client("console"), other.client("console"));
    assert_eq!(ask(&secure.service, &other, "/config", Some(&old)).await.unwrap().status(), StatusCode::OK);
    std::fs::write(secure.dir.path().join("ca.pem"), &other.pem).unwrap();
    until("clients of the new authority get in", || async {
        let answer = ask(&secure.service, &other, "/config", Some(&new)).await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
    ask(&secure.service, &other, "/config", Some(&old)).await.unwrap_err();
    secure.service.stop().await.unwrap();
}

#[tokio::test]
async fn certificates_are_followed_through_the_links_of_a_secret_volume() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("the authority");
    let (first, second) = (dir.path().join("..first"), dir.path().join("..second"));
    for version in [&first, &second] {
        std::fs::create_dir(version).unwrap();
        Files(version.clone()).write(&authority.sign("governor", |_| {}));
    }
    let next = Authority::new("the next authority");
    Files(second.clone()).write(&next.sign("governor", |_| {}));
    let link = |to: &PathBuf| {
        let new = dir.path().join("..data_tmp");
        std::os::unix::fs::symlink(to, &new).unwrap();
        std::fs::rename(new, dir.path().join("..data")).unwrap();
    };
    link(&first);
    for file in ["cert.pem", "key.pem"] {
        std::os::unix::fs::symlink(format!("..data/{file}"), dir.path().join(file)).unwrap();
    }
    let mount = dir.path().display();
    let tls = format!("tls = {{ cert = \"{mount}/cert.pem\", key = \"{mount}/key.pem\" }}");
    let service = Service::start("", &tls).await;
    assert!(ask(&service, &authority, "/live", None).await.is_ok());
    link(&second);
    std::fs::remove_dir_all(&first).unwrap();
    until("the new certificate is served", || async { ask(&service, &next, "/live", None).await.is_ok() })
        .await;
    service.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_said_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new("the authority");
    let (cert, key) = authority.sign("governor", |_| {});
    let (_, foreign) = authority.sign("governor", |_| {});
    let here = dir.path().display();
    let table = |tls: &str| format!("[server.governor]\nport = {}\ntls = {{ {tls} }}", free_port());
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("cert.pem", &cert);
    write("key.pem", &key);
    write("foreign.pem", &foreign);
    write("empty.pem", "");
    let whole = |cert: &str, key: &str| table(&format!("cert = \"{here}/{cert}\", key = \"{here}/{key}\""));
    for (toml, parts) in [
        (table(&format!("cert = \"{here}/cert.pem\"")), ["tls = { cert", "without tls.key"]),
        (table(&format!("client_ca = \"{here}/cert.pem\"")), ["tls = { client_ca", "without tls.cert"]),
        (whole("none.pem", "key.pem"), ["none.pem cannot be read", "No such file"]),
        (whole("empty.pem", "key.pem"), ["empty.pem", "holds no certificate"]),
        (whole("cert.pem", "empty.pem"), ["empty.pem", "no private key"]),
        (whole("cert.pem", "foreign.pem"), ["foreign.pem does not belong to", "cert.pem"]),
        (table("min_version = \"1.1\""), ["tls = { min_version", "1.2"]),
    ] {
        let report = refused(&toml).await;
        for part in parts {
            assert!(report.contains(part), "no {part:?} in:\n{report}");
        }
    }
}
