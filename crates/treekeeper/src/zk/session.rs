//! One ZooKeeper session: how it is opened, and how every request on it gets a deadline.
//!
//! A session is for one command. If it expires, the command is over: nothing here ever opens a second one behind
//! the caller's back (RELIABILITY.md 5, step 1).

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zookeeper_client::{Acls, Client, CreateMode, Error, SaslOptions, TlsOptions};

use treekeeper_core::model::quoted;

use super::Progress;
use super::error::{ZkError, about, is_interrupted};
use super::trouble::last_trouble;

/// PEM files for TLS, already read.
#[derive(Clone, Default)]
pub struct TlsFiles {
    /// Certificates of the authorities that may sign the servers'.
    pub authorities: Option<String>,
    /// The client's certificate chain and its key.
    pub identity: Option<(String, String)>,
}

/// How to say who we are; never printed.
#[derive(Clone)]
pub enum Credentials {
    /// The `digest` scheme: `user:password`.
    Digest(String),
    /// SASL DIGEST-MD5: user and password.
    Sasl(String, String),
}

/// How to open a session.
#[derive(Clone)]
pub struct SessionOptions {
    /// `HOST:PORT[,HOST:PORT...][/chroot]`.
    pub connect: String,
    /// TLS, if wanted.
    pub tls: Option<TlsFiles>,
    /// Credentials, if any.
    pub credentials: Option<Credentials>,
    /// Sends credentials without TLS to servers that are not on this machine.
    pub allow_plaintext: bool,
    /// What to ask for; servers clamp it to 2 to 20 of their ticks.
    pub session_timeout: Duration,
    /// How long to try to connect.
    pub connect_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Gives new nodes to our identity alone instead of to everybody.
    pub creator_acl: bool,
    /// Where long works tell how far they have come.
    pub progress: Arc<Progress>,
}

impl Default for SessionOptions {
    fn default() -> SessionOptions {
        SessionOptions {
            connect: "127.0.0.1:2181".to_owned(),
            tls: None,
            credentials: None,
            allow_plaintext: false,
            // Long enough that a slow diff or a paused machine does not lose the lock (docs/performance.md).
            session_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(6),
            request_timeout: Duration::from_secs(60),
            creator_acl: false,
            progress: Arc::default(),
        }
    }
}

/// An open session. Clones speak on the same one, which ends with the last of them.
#[derive(Clone)]
pub struct Session {
    pub(super) client: Client,
    pub(super) request_timeout: Duration,
    pub(super) creator_acl: bool,
    pub(super) progress: Arc<Progress>,
    chroot: String,
}

/// The pause between two attempts to connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(250);

impl Session {
    /// Opens a session, trying every server again until `connect_timeout` is over.
    pub async fn open(options: &SessionOptions) -> Result<Session, ZkError> {
        let (servers, chroot) = split(&options.connect)?;
        if options.credentials.is_some() && options.tls.is_none() && !options.allow_plaintext {
            refuse_plaintext(&servers)?;
        }
        let address = format!("{}{chroot}", servers.join(","));
        let deadline = Instant::now() + options.connect_timeout;
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let reason = match tokio::time::timeout(remaining, connect(options, &address)).await {
                Ok(Ok(client)) => {
                    return Ok(Session {
                        client,
                        request_timeout: options.request_timeout,
                        creator_acl: options.creator_acl,
                        progress: Arc::clone(&options.progress),
                        chroot,
                    });
                }
                Ok(Err(Failed::Configuration(reason))) => return Err(ZkError::Configuration(reason)),
                Ok(Err(Failed::Client(Error::AuthFailed))) => return Err(ZkError::AuthFailed),
                Ok(Err(Failed::Client(Error::NoHosts))) => "no server answers".to_owned(),
                Ok(Err(Failed::Client(error))) => error.to_string(),
                Err(_) => format!("no answer within {} s", options.connect_timeout.as_secs()),
            };
            let reason = match last_trouble() {
                Some(why) => format!("no server opens a session: {why}"),
                None => reason,
            };
            if Instant::now() + CONNECT_PAUSE >= deadline {
                return Err(ZkError::Unreachable {
                    servers: servers.join(","),
                    reason,
                    tls: options.tls.is_some(),
                });
            }
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
    }

    /// Returns the session's id as ZooKeeper prints it, such as `0x100000abcd0001`.
    pub fn id(&self) -> i64 {
        self.client.session_id().0
    }

    /// Returns the timeout that the servers granted.
    pub fn timeout(&self) -> Duration {
        self.client.session_timeout()
    }

    /// Returns how many bytes the chroot adds to every path.
    pub fn chroot_bytes(&self) -> usize {
        self.chroot.len()
    }

    /// Returns the chroot, empty if there is none.
    pub fn chroot(&self) -> &str {
        &self.chroot
    }

    /// Returns the ACL for new nodes.
    pub(super) fn acls(&self) -> Acls<'static> {
        if self.creator_acl {
            Acls::creator_all()
        } else {
            Acls::anyone_all()
        }
    }

    /// Closes the session, so that its ephemeral nodes go at once.
    pub async fn close(self) {
        let watcher = self.client.state_watcher();
        drop(self.client);
        let mut watcher = watcher;
        // Dropping the client sends the close request; waiting for the word keeps a short-lived process alive for it.
        let closed = async { while !watcher.changed().await.is_terminated() {} };
        let _ = tokio::time::timeout(Duration::from_secs(2), closed).await;
    }

    /// Creates a persistent node and tells whether it was absent; one that is there is left as it is, so that the
    /// request may be repeated.
    pub(super) async fn create_absent(&self, path: &str, data: &[u8]) -> Result<bool, ZkError> {
        let options = CreateMode::Persistent.with_acls(self.acls());
        self.repeat("creating", path, || {
            let request = self.client.create(path, data, &options);
            async move {
                match request.await {
                    Ok(_) => Ok(true),
                    Err(Error::NodeExists) => Ok(false),
                    Err(error) => Err(error),
                }
            }
        })
        .await
    }

    /// Performs one request that may be repeated, again after each broken connection until the request's deadline.
    pub(super) async fn repeat<T, F, R>(
        &self,
        action: &'static str,
        path: &str,
        mut request: F,
    ) -> Result<T, ZkError>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<T, Error>>,
    {
        let deadline = Instant::now() + self.request_timeout;
        loop {
            match self.once(action, path, deadline, request()).await? {
                Ok(value) => return Ok(value),
                // The client connects again by itself; a request made meanwhile waits for that.
                Err(error) if is_interrupted(&error) && !self.client.state().is_terminated() => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(Error::NoNode) => return Err(self.no_node(path)),
                Err(error) if self.client.state().is_terminated() && is_interrupted(&error) => {
                    return Err(ZkError::SessionLost(about(action, path)));
                }
                Err(error) => return Err(ZkError::of(action, path, &error)),
            }
        }
    }

    /// Waits for one request until `deadline`.
    pub(super) async fn once<T>(
        &self,
        action: &'static str,
        path: &str,
        deadline: Instant,
        request: impl Future<Output = T>,
    ) -> Result<T, ZkError> {
        let remaining = deadline.saturating_duration_since(Instant::now());
        tokio::time::timeout(remaining, request)
            .await
            .map_err(|_| ZkError::Deadline {
                action: about(action, path),
                limit: self.request_timeout,
            })
    }

    fn no_node(&self, path: &str) -> ZkError {
        if path == "/" && !self.chroot.is_empty() {
            return ZkError::NoChroot(self.chroot.clone());
        }
        ZkError::NoNode(path.to_owned())
    }
}

enum Failed {
    Configuration(String),
    Client(Error),
}

async fn connect(options: &SessionOptions, address: &str) -> Result<Client, Failed> {
    let mut connector = Client::connector()
        .with_session_timeout(options.session_timeout)
        .with_fail_eagerly();
    match &options.credentials {
        Some(Credentials::Digest(pair)) => connector = connector.with_auth("digest", pair.as_bytes()),
        Some(Credentials::Sasl(user, password)) => {
            connector = connector.with_sasl(SaslOptions::digest_md5(user.clone(), password.clone()));
        }
        None => {}
    }
    let Some(files) = &options.tls else {
        return connector.connect(address).await.map_err(Failed::Client);
    };
    let unusable = |error: Error| Failed::Configuration(format!("the TLS files cannot be used: {error}"));
    let mut tls = TlsOptions::new();
    if let Some(authorities) = &files.authorities {
        tls = tls.with_pem_ca(authorities).map_err(unusable)?;
    }
    if let Some((certificate, key)) = &files.identity {
        tls = tls.with_pem_identity(certificate, key).map_err(unusable)?;
    }
    connector
        .with_tls(tls)
        .secure_connect(address)
        .await
        .map_err(Failed::Client)
}

/// Splits a connection string into servers (each with a port) and the chroot, which is empty or starts with `/`.
pub fn split(connect: &str) -> Result<(Vec<String>, String), ZkError> {
    let (servers, chroot) = match connect.find('/') {
        Some(start) => connect.split_at(start),
        None => (connect, ""),
    };
    let chroot = chroot.trim_end_matches('/');
    if !chroot.is_empty() && treekeeper_core::model::ZnodePath::parse(chroot).is_err() {
        return Err(ZkError::Configuration(format!(
            "the chroot {} is not a path",
            quoted(chroot)
        )));
    }
    let servers: Vec<String> = servers
        .split(',')
        .map(str::trim)
        .filter(|server| !server.is_empty())
        .map(|server| {
            if has_port(server) {
                server.to_owned()
            } else {
                format!("{server}:2181")
            }
        })
        .collect();
    if servers.is_empty() {
        return Err(ZkError::Configuration(format!(
            "no server in the connection string {}",
            quoted(connect)
        )));
    }
    Ok((servers, chroot.to_owned()))
}

fn has_port(server: &str) -> bool {
    server.rsplit_once(':').is_some_and(|(host, port)| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && !port.is_empty()
            && (!host.contains(':') || host.ends_with(']'))
    })
}

/// Refuses to send credentials in the clear to another machine (RELIABILITY.md N2).
fn refuse_plaintext(servers: &[String]) -> Result<(), ZkError> {
    let is_local = |server: &String| {
        let host = server.rsplit_once(':').map_or(server.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    match servers.iter().find(|server| !is_local(server)) {
        None => Ok(()),
        Some(server) => Err(ZkError::Configuration(format!(
            "credentials would go to {server} in the clear: use TLS, or set `allow_plaintext = true` in [auth]"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_split_into_servers_and_chroot() {
        let parts = |text| {
            split(text)
                .map(|(servers, chroot)| format!("{} {chroot}", servers.join(" ")))
                .unwrap()
        };
        assert_eq!(parts("a:1,b/x/y/"), "a:1 b:2181 /x/y");
        assert_eq!(parts("127.0.0.1:2181"), "127.0.0.1:2181 ");
        assert_eq!(parts("[::1]:2181/"), "[::1]:2181 ");
        assert!(split("/x").is_err());
        assert!(split("a//x").is_err());
    }

    #[test]
    fn credentials_leave_the_machine_under_tls_only() {
        let servers = |list: &[&str]| list.iter().map(|server| (*server).to_owned()).collect::<Vec<_>>();
        assert!(refuse_plaintext(&servers(&["127.0.0.1:1", "[::1]:2", "localhost:3"])).is_ok());
        assert!(refuse_plaintext(&servers(&["127.0.0.1:1", "zk.example.com:2181"])).is_err());
    }
}
