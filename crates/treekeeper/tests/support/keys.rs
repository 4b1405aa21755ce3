//! Makes the key material of secured servers: a CA, a server key store, a JAAS file.
//!
//! Everything lands in a temporary directory and lasts for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use zookeeper_client::{Client, TlsOptions};

use super::foreign::wait;
use super::zookeeper::{ZooKeeper, program};

/// How long the first handshake of a server may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(60);

const STORE_PASSWORD: &str = "treekeeper-test";

/// A CA with one server certificate for `localhost` and one client certificate.
pub struct Keys {
    directory: TempDir,
}

impl Keys {
    /// Makes everything anew with `openssl`.
    pub fn make() -> Keys {
        Keys::make_for("DNS:localhost,IP:127.0.0.1")
    }

    /// Makes everything anew; the certificates are for these names, written as openssl writes them.
    pub fn make_for(names: &str) -> Keys {
        let directory = tempfile::Builder::new()
            .prefix("treekeeper-keys-")
            .tempdir()
            .expect("a temporary directory");
        let keys = Keys { directory };
        keys.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=treekeeper test CA",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ]);
        keys.make_certificate("server", names);
        keys.make_certificate("client", names);
        keys
    }

    /// Returns the CA's certificate as a PEM file, which a client must trust.
    pub fn ca_file(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    /// Returns the client's certificate and key as PEM files, for servers that ask for one.
    pub fn client_files(&self) -> (PathBuf, PathBuf) {
        (self.path().join("client.pem"), self.path().join("client.key"))
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Makes `NAME.key`, `NAME.pem` and the key store `NAME.p12`.
    fn make_certificate(&self, name: &str, names: &str) {
        let request = format!("{name}.csr");
        let (key, certificate, store) = (
            format!("{name}.key"),
            format!("{name}.pem"),
            format!("{name}.p12"),
        );
        fs::write(
            self.path().join("extensions"),
            format!("subjectAltName={names}\n"),
        )
        .expect("the temporary directory can be written to");
        self.openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "extensions",
            "-out",
            &certificate,
        ]);
        self.openssl(&[
            "pkcs12",
            "-export",
            "-in",
            &certificate,
            "-inkey",
            &key,
            "-certfile",
            "ca.pem",
            "-name",
            name,
            "-out",
            &store,
            "-passout",
            &format!("pass:{STORE_PASSWORD}"),
        ]);
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new(program("openssl", "openssl"))
            .args(arguments)
            .current_dir(self.path())
            .output()
            .expect("openssl can be started");
        assert!(
            output.status.success(),
            "openssl {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Tells whether a TLS server asks its clients for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Any client may connect.
    NotAsked,
    /// Only a client with a certificate of the same CA may connect.
    Required,
}

/// Starts a server that has a TLS port beside its plain one; `secure_address` names it.
pub fn start_with_tls(keys: &Keys, client: ClientCertificate) -> ZooKeeper {
    let store = keys.path().join("server.p12");
    let authority = keys.ca_file();
    let authentication = match client {
        ClientCertificate::NotAsked => "none",
        ClientCertificate::Required => "need",
    };
    let lines = [
        "secureClientPort={secure_port}".to_owned(),
        "secureClientPortAddress=127.0.0.1".to_owned(),
        "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory".to_owned(),
        format!("ssl.keyStore.location={}", store.display()),
        format!("ssl.keyStore.password={STORE_PASSWORD}"),
        "ssl.keyStore.type=PKCS12".to_owned(),
        format!("ssl.trustStore.location={}", authority.display()),
        "ssl.trustStore.type=PEM".to_owned(),
        format!("ssl.clientAuth={authentication}"),
    ];
    let zookeeper = ZooKeeper::start_with(&lines, &[]);
    shake_hands(&zookeeper, keys);
    zookeeper
}

/// Makes the first handshake, whose outcome is no matter: the server loads what it needs for it, which can take
/// longer than a test is willing to wait for a connection.
fn shake_hands(zookeeper: &ZooKeeper, keys: &Keys) {
    let read = |file: PathBuf| fs::read_to_string(file).expect("the temporary directory can be read");
    let (certificate, key) = keys.client_files();
    let options = TlsOptions::new()
        .with_pem_ca(&read(keys.ca_file()))
        .and_then(|options| options.with_pem_identity(&read(certificate), &read(key)))
        .expect("openssl makes good keys");
    let address = zookeeper.secure_address();
    let connected = Client::connector()
        .with_tls(options)
        .with_connection_timeout(HANDSHAKE_TIME_MAX)
        .with_fail_eagerly()
        .secure_connect(&address);
    let _ = wait(async { tokio::time::timeout(HANDSHAKE_TIME_MAX, connected).await });
}

/// Starts a server that knows one user of SASL DIGEST-MD5.
///
/// The returned directory holds the JAAS file and must live as long as the server.
pub fn start_with_sasl(user: &str, password: &str) -> (ZooKeeper, TempDir) {
    let directory = tempfile::Builder::new()
        .prefix("treekeeper-jaas-")
        .tempdir()
        .expect("a temporary directory");
    let file = directory.path().join("jaas.conf");
    let text = format!(
        "Server {{\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n  user_{user}=\"{password}\";\n}};\n"
    );
    fs::write(&file, text).expect("the temporary directory can be written to");
    let lines = ["authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider".to_owned()];
    let properties = [format!("-Djava.security.auth.login.config={}", file.display())];
    (ZooKeeper::start_with(&lines, &properties), directory)
}
