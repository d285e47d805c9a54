//! An etcd of the test's own, on free ports, in a directory that goes with it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    dir: tempfile::TempDir,
    client: u16,
    peer: u16,
    tls: bool,
    child: Option<Child>,
}

/// Certificates for `127.0.0.1`, from an authority of the test's own.
fn certificates(dir: &std::path::Path) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages =
        vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, &issuer).unwrap();
    std::fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(dir.join("tls.crt"), certificate.pem()).unwrap();
    std::fs::write(dir.join("tls.key"), key.serialize_pem()).unwrap();
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(false)
    }

    pub(crate) fn start_with_tls() -> Self {
        Self::start_with(true)
    }

    fn start_with(tls: bool) -> Self {
        let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        // Both are held until both are known, so that they differ.
        let (client, peer) = (free(), free());
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        if tls {
            certificates(dir.path());
        }
        let mut server = Self { dir, client: port(&client), peer: port(&peer), tls, child: None };
        drop((client, peer));
        server.up();
        server
    }

    /// Starts it with the data it has.
    pub(crate) fn up(&mut self) {
        let scheme = if self.tls { "https" } else { "http" };
        let client = format!("{scheme}://127.0.0.1:{}", self.client);
        let peer = format!("http://127.0.0.1:{}", self.peer);
        let mut command = Command::new("etcd");
        command
            .args(["--name=test", "--log-level=error", "--unsafe-no-fsync"])
            .arg(format!("--data-dir={}", self.dir.path().join("data").display()))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("test={peer}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.dir.path().join("log")).unwrap());
        if self.tls {
            for (flag, file) in
                [("--cert-file", "tls.crt"), ("--key-file", "tls.key"), ("--trusted-ca-file", "ca.pem")]
            {
                command.arg(flag).arg(self.file(file));
            }
            command.arg("--client-cert-auth");
        }
        let child = command
            .spawn()
            .expect("etcd cannot be started: apt-get install etcd-server, or `cargo xtask test`");
        self.child = Some(child);
        let start = Instant::now();
        while !self.answers() {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(start.elapsed() < SOON, "etcd does not come up:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// One that asks for a password has answered, too.
    fn answers(&self) -> bool {
        let asked = self.ctl(&["endpoint", "health"]);
        asked.status.success() || String::from_utf8_lossy(&asked.stderr).contains("user name is empty")
    }

    /// Ends it as a crash would.
    pub(crate) fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            child.wait().unwrap();
        }
    }

    pub(crate) fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.client)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// etcd's own client.
    pub(crate) fn ctl(&self, args: &[&str]) -> Output {
        let scheme = if self.tls { "https" } else { "http" };
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").arg(format!("--endpoints={scheme}://{}", self.addr()));
        if self.tls {
            for (flag, file) in [("--cert", "tls.crt"), ("--key", "tls.key"), ("--cacert", "ca.pem")] {
                command.arg(flag).arg(self.file(file));
            }
        }
        command
            .args(args)
            .output()
            .expect("etcdctl cannot be started: apt-get install etcd-client, or `cargo xtask test`")
    }

    #[track_caller]
    pub(crate) fn must(&self, args: &[&str]) -> String {
        let done = self.ctl(args);
        assert!(done.status.success(), "etcdctl {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Asks for user and password from here on: `root` and `shop`, whose password is `hunter2`, who may read and write
    /// what begins with `/config/`.
    pub(crate) fn ask_for_passwords(&self) {
        self.must(&["user", "add", "root:toor"]);
        self.must(&["user", "grant-role", "root", "root"]);
        self.must(&["user", "add", "shop:hunter2"]);
        self.must(&["role", "add", "shop"]);
        self.must(&["role", "grant-permission", "shop", "readwrite", "--prefix", "/config/"]);
        self.must(&["user", "grant-role", "shop", "shop"]);
        self.must(&["auth", "enable"]);
    }
}

fn free() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
    }
}
