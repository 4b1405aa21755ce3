//! Apache ZooKeeper as processes that tests may kill, pause, fill the disk of, and start again on the same data.
//!
//! No server outlives its test process: a watchdog holds the reading end of a pipe that ends with us.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::{Client, Kind};

/// How long a server may take to serve.
const BOOT_TIME_MAX: Duration = Duration::from_secs(90);
/// How often a start is tried: another process may take a port that was free a moment ago.
const BOOT_TRIES_MAX: usize = 5;
/// How long a four-letter word may take.
const WORD_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a session of our own may idle.
pub const SESSION: Duration = Duration::from_secs(600);

const MAIN_CLASS: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
const JARS: &str = "/usr/share/java";

/// Returns the class path of Debian's ZooKeeper.
pub fn class_path() -> String {
    assert!(
        Path::new(JARS).join("zookeeper.jar").is_file(),
        "torture needs Apache ZooKeeper in {JARS}: install it, on Debian and Ubuntu with `apt-get install zookeeper`"
    );
    let names = [
        "zookeeper",
        "slf4j-simple",
        "netty-codec",
        "netty-resolver",
        "netty-handler",
        "snappy-java",
        "commons-cli",
    ];
    names.map(|name| format!("{JARS}/{name}.jar")).join(":")
}

/// One server, running or not.
pub struct Server {
    /// Its client port on loopback.
    pub port: u16,
    directory: PathBuf,
    process: Option<(Child, Child)>,
    log: File,
}

/// A server alone, or three that are one ensemble.
pub struct Servers {
    /// All of them, in the order of their ids.
    pub all: Vec<Server>,
    _directory: TempDir,
}

impl Servers {
    /// Starts one server.
    pub fn one() -> Servers {
        Servers::start(1)
    }

    /// Starts three servers and waits for their quorum.
    pub fn three() -> Servers {
        Servers::start(3)
    }

    fn start(count: usize) -> Servers {
        let mut reasons = Vec::new();
        for _ in 0..BOOT_TRIES_MAX {
            let mut servers = Servers::prepare(count);
            servers.all.iter_mut().for_each(Server::start);
            match servers.wait_serving() {
                Ok(()) => return servers,
                Err(reason) => reasons.push(reason),
            }
        }
        panic!("ZooKeeper doesn't start: {}", reasons.join("\n"));
    }

    fn prepare(count: usize) -> Servers {
        let directory = tempfile::Builder::new()
            .prefix("treekeeper-torture-")
            .tempdir()
            .expect("a temporary directory");
        let ports = free_ports(count * 3);
        let peers: String = (0..count)
            .map(|at| {
                let [_, quorum, election] = [ports[at * 3], ports[at * 3 + 1], ports[at * 3 + 2]];
                format!("server.{}=127.0.0.1:{quorum}:{election}\n", at + 1)
            })
            .collect();
        let all = (0..count)
            .map(|at| {
                let place = directory.path().join(format!("server-{}", at + 1));
                fs::create_dir_all(place.join("data")).expect("a directory can be made");
                fs::write(place.join("data/myid"), format!("{}\n", at + 1)).expect("a file can be written");
                let peers = if count > 1 { peers.as_str() } else { "" };
                fs::write(place.join("zoo.cfg"), configuration(&place, ports[at * 3], peers))
                    .expect("a file can be written");
                Server {
                    port: ports[at * 3],
                    log: File::create(place.join("log")).expect("a file can be made"),
                    directory: place,
                    process: None,
                }
            })
            .collect();
        Servers {
            all,
            _directory: directory,
        }
    }

    /// Returns the connect string of all servers, without a chroot.
    pub fn addresses(&self) -> String {
        let addresses: Vec<String> = self.all.iter().map(Server::address).collect();
        addresses.join(",")
    }

    /// Creates a node of its own for a part of the test and returns the connect string that ends in it.
    pub fn chroot(&self, name: &str) -> String {
        let mut client =
            Client::connect(&self.addresses(), SESSION).expect("a running server takes sessions");
        client
            .create(&format!("/{name}"), b"", Kind::Persistent)
            .expect("a chroot can be made");
        let _ = client.close();
        format!("{}/{name}", self.addresses())
    }

    /// Waits until every running server serves.
    pub fn wait_serving(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        while begin.elapsed() < BOOT_TIME_MAX {
            if self
                .all
                .iter_mut()
                .all(|server| !server.runs() || server.role().is_some())
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let logs = self.all.iter().map(Server::said).collect::<Vec<_>>();
        Err(format!(
            "no quorum within {} s:\n{}",
            BOOT_TIME_MAX.as_secs(),
            logs.join("\n")
        ))
    }

    /// Returns the place of the leader, if there is one now.
    pub fn leader(&mut self) -> Option<usize> {
        (0..self.all.len()).find(|at| self.all[*at].role().is_some_and(|role| role == "leader"))
    }
}

impl Server {
    /// Returns its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts its process on the data that it has.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let copy = || self.log.try_clone().expect("a file handle can be copied");
        let server = Command::new("java")
            .args([
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
            ])
            .args([
                "-Djava.net.preferIPv4Stack=true",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                // A killed process loses nothing that it has written: only the machine's end would.
                "-Dzookeeper.forceSync=no",
                "-Dzookeeper.preAllocSize=4096",
            ])
            .args(["-cp", &class_path(), MAIN_CLASS])
            .arg(self.directory.join("zoo.cfg"))
            .stdin(Stdio::null())
            .stdout(copy())
            .stderr(copy())
            .spawn()
            .expect("java can be started: on Debian and Ubuntu, `apt-get install default-jre-headless`");
        let watchdog = Command::new("sh")
            .args(["-c", "cat >/dev/null; kill -9 \"$1\"", "watchdog"])
            .arg(server.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh is there");
        self.process = Some((server, watchdog));
    }

    /// Kills it, as the end of its machine would.
    pub fn kill(&mut self) {
        if let Some((mut server, mut watchdog)) = self.process.take() {
            // The watchdog goes first: after the server has been waited for, its id may belong to another.
            let _ = watchdog.kill();
            let _ = watchdog.wait();
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Stops it from running on, without ending it.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it run on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// From now on nothing that it writes to a file finds room.
    pub fn fill_disk(&self) {
        if let Some((server, _)) = &self.process {
            let status = Command::new("prlimit")
                .args(["--pid", &server.id().to_string(), "--fsize=1:1"])
                .status();
            assert!(
                status.is_ok_and(|status| status.success()),
                "prlimit of util-linux is needed"
            );
        }
    }

    /// Tells whether its process is there.
    pub fn runs(&mut self) -> bool {
        match &mut self.process {
            Some((server, _)) => matches!(server.try_wait(), Ok(None)),
            None => false,
        }
    }

    /// Returns `leader`, `follower` or `standalone`; None while it doesn't serve.
    pub fn role(&self) -> Option<String> {
        self.process.as_ref()?;
        let answer = self.word("srvr")?;
        let line = answer.lines().find(|line| line.starts_with("Mode: "))?;
        Some(line.trim_start_matches("Mode: ").trim().to_owned())
    }

    /// Returns the files of its transaction log, oldest first.
    pub fn transaction_logs(&self) -> Vec<PathBuf> {
        let directory = self.directory.join("data/version-2");
        let mut logs: Vec<(u64, PathBuf)> = fs::read_dir(directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let zxid = path.file_name()?.to_str()?.strip_prefix("log.")?.to_owned();
                Some((u64::from_str_radix(&zxid, 16).ok()?, path))
            })
            .collect();
        logs.sort();
        logs.into_iter().map(|(_, path)| path).collect()
    }

    /// Returns the end of what it has said.
    pub fn said(&self) -> String {
        let text = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn signal(&self, signal: &str) {
        if let Some((server, _)) = &self.process {
            let _ = Command::new("kill")
                .args([signal, &server.id().to_string()])
                .status();
        }
    }

    fn word(&self, word: &str) -> Option<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, WORD_TIME_MAX).ok()?;
        stream.set_read_timeout(Some(WORD_TIME_MAX)).ok()?;
        stream.write_all(word.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Short ticks make short sessions and quick elections possible.
fn configuration(place: &Path, port: u16, peers: &str) -> String {
    format!(
        "tickTime=200\ninitLimit=50\nsyncLimit=8\nminSessionTimeout=400\nmaxSessionTimeout=600000\n\
         dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n\
         admin.enableServer=false\n4lw.commands.whitelist=*\n{peers}",
        place.join("data").display()
    )
}

/// Returns different ports that are free now.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port"))
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().expect("a bound address").port())
        .collect()
}
