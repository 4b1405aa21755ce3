//! Starts Debian's Apache ZooKeeper on a free loopback port with a temporary data directory.
//!
//! No server outlives its test process: a watchdog holds the reading end of a pipe that ends with us, however
//! we end.
//! A machine without ZooKeeper makes a test fail with a sentence that says what to install; nothing is skipped.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::foreign::chroot_on;
use super::server::Kind;

/// How long a server may take to answer; a busy two-core machine needs several seconds.
const BOOT_TIME_MAX: Duration = Duration::from_secs(90);
/// How often a start is tried: another process may take the port that was free a moment ago.
const BOOT_TRIES_MAX: usize = 5;
/// How long one four-letter word may take; a server that is still booting may never answer.
const WORD_TIME_MAX: Duration = Duration::from_secs(1);

const MAIN_CLASS: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/// The jars that the server needs; zookeeper.jar's manifest names most of the others.
/// slf4j-simple puts warnings on standard error, where a failed start finds its reason.
const JARS: [&str; 6] = [
    "zookeeper.jar",
    "slf4j-simple.jar",
    "netty-codec.jar",
    "netty-resolver.jar",
    "netty-handler.jar",
    "snappy-java.jar",
];

/// A running ZooKeeper server, ended by its process id when it is dropped.
pub struct ZooKeeper {
    port: u16,
    secure_port: u16,
    server: Child,
    watchdog: Child,
    directory: TempDir,
}

impl ZooKeeper {
    /// Starts a plain server.
    pub fn start() -> ZooKeeper {
        ZooKeeper::start_with(&[], &[])
    }

    /// Returns the one plain server of this test binary.
    ///
    /// Tests that run on either server take [`super::server::Server::shared`].
    pub fn shared() -> &'static ZooKeeper {
        static SHARED: OnceLock<ZooKeeper> = OnceLock::new();
        SHARED.get_or_init(ZooKeeper::start)
    }

    /// Starts a server with more lines in its configuration and more JVM properties (`-Dname=value`).
    ///
    /// `{secure_port}` in a line stands for a second free port, which `secure_address` then names.
    pub fn start_with(lines: &[String], properties: &[String]) -> ZooKeeper {
        assert_eq!(
            Kind::chosen(),
            Kind::ZooKeeper,
            "a run on memkeeper starts no Apache ZooKeeper: ask `left_to_zookeeper` first"
        );
        let mut reasons = Vec::new();
        for _ in 0..BOOT_TRIES_MAX {
            match ZooKeeper::try_start(lines, properties) {
                Ok(zookeeper) => return zookeeper,
                Err(reason) => reasons.push(reason),
            }
        }
        panic!(
            "ZooKeeper didn't start in {BOOT_TRIES_MAX} tries:\n{}",
            reasons.join("\n")
        );
    }

    /// Starts servers that are one ensemble, and returns them when all of them serve.
    pub fn ensemble(members: usize, properties: &[String]) -> Vec<ZooKeeper> {
        let ports: Vec<_> = (0..members).map(|_| free_ports()).collect();
        let servers = ports
            .iter()
            .zip(1..)
            .map(|((quorum, election), number)| format!("server.{number}=127.0.0.1:{quorum}:{election}"));
        let mut lines: Vec<String> = servers.collect();
        lines.extend(["initLimit=50", "syncLimit=25"].map(str::to_owned));
        let mut started: Vec<_> = (1..=members)
            .map(|number| ZooKeeper::spawn(&lines, properties, Some(number)))
            .collect();
        for member in &mut started {
            if let Err(reason) = member.wait_until_it_serves() {
                panic!("a member of the ensemble didn't start: {reason}");
            }
        }
        started
    }

    /// Returns the address of the plain client port, as `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the address of the TLS port; the host is a name, since certificates are for names.
    pub fn secure_address(&self) -> String {
        format!("localhost:{}", self.secure_port)
    }

    /// Returns the process id of the server.
    pub fn process_id(&self) -> u32 {
        self.server.id()
    }

    /// Creates a node of its own for one test and returns the connect string that ends in it.
    pub fn chroot(&self) -> String {
        chroot_on(&self.address())
    }

    /// Returns the answer to a four-letter word such as `srvr` or `mntr`.
    pub fn word(&self, word: &str) -> String {
        four_letter_word(self.port, word).expect("a running server answers four-letter words")
    }

    /// Kills the server at once, as a power cut would.
    pub fn kill(&mut self) {
        end(&mut self.server);
    }

    fn try_start(lines: &[String], properties: &[String]) -> Result<ZooKeeper, String> {
        let mut zookeeper = ZooKeeper::spawn(lines, properties, None);
        zookeeper.wait_until_it_serves()?;
        Ok(zookeeper)
    }

    /// Starts the process of a server, which is a member of an ensemble if it has a number.
    fn spawn(lines: &[String], properties: &[String], number: Option<usize>) -> ZooKeeper {
        let directory = tempfile::Builder::new()
            .prefix("treekeeper-zookeeper-")
            .tempdir()
            .expect("a temporary directory");
        let (port, secure_port) = free_ports();
        let configuration = directory.path().join("zoo.cfg");
        fs::write(
            &configuration,
            configuration_text(directory.path(), port, secure_port, lines),
        )
        .expect("the temporary directory can be written to");
        if let Some(number) = number {
            let data = directory.path().join("data");
            fs::create_dir_all(&data).expect("the temporary directory can be written to");
            fs::write(data.join("myid"), number.to_string()).expect("the directory can be written to");
        }
        let server = spawn_server(directory.path(), &configuration, properties);
        let watchdog = spawn_watchdog(server.id(), directory.path());
        ZooKeeper {
            port,
            secure_port,
            server,
            watchdog,
            directory,
        }
    }

    /// Waits for the answer of this very server: `conf` names the data directory, which no other server shares.
    fn wait_until_it_serves(&mut self) -> Result<(), String> {
        let data = self.directory.path().join("data").display().to_string();
        let begin = Instant::now();
        while begin.elapsed() < BOOT_TIME_MAX {
            if let Some(status) = self.server.try_wait().expect("a child can be waited for") {
                return Err(format!("the server ended with {status}:\n{}", self.log()));
            }
            if four_letter_word(self.port, "conf").is_some_and(|answer| answer.contains(&data)) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        Err(format!(
            "the server didn't answer within {} s:\n{}",
            BOOT_TIME_MAX.as_secs(),
            self.log()
        ))
    }

    /// Returns what the server has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        // The watchdog goes first: after the server has been waited for, its id may belong to another process.
        end(&mut self.watchdog);
        end(&mut self.server);
    }
}

/// Kills a child by its own id and waits for it; one that has ended already is fine.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Starts a shell that kills the server and removes its data when the pipe from this process ends.
///
/// A static is never dropped and a killed process drops nothing, but the kernel closes every pipe.
/// Other children don't keep it open: pipes of the standard library are closed on exec.
fn spawn_watchdog(server: u32, directory: &Path) -> Child {
    Command::new("sh")
        .args([
            "-c",
            "cat >/dev/null; kill -9 \"$1\"; rm -rf \"$2\"",
            "watchdog",
            &server.to_string(),
        ])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh is there")
}

fn spawn_server(directory: &Path, configuration: &Path, properties: &[String]) -> Child {
    let log = File::create(directory.join("log")).expect("the temporary directory can be written to");
    Command::new(java())
        .args([
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
        ])
        .args([
            "-Djava.net.preferIPv4Stack=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        ])
        // Tests don't cut the power of the machine, and don't wait for its disk.
        .args(["-Dzookeeper.forceSync=no", "-Dzookeeper.preAllocSize=4096"])
        // Off by default, as long as old servers may be about; memkeeper has it on.
        .arg("-Dzookeeper.extendedTypesEnabled=true")
        .args(properties)
        .arg("-cp")
        .arg(class_path())
        .arg(MAIN_CLASS)
        .arg(configuration)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file handle can be copied"))
        .stderr(log)
        .spawn()
        .expect("java can be started")
}

/// Short ticks make short sessions possible; the long end is left to what clients ask for.
fn configuration_text(directory: &Path, port: u16, secure_port: u16, lines: &[String]) -> String {
    let more = lines
        .join("\n")
        .replace("{secure_port}", &secure_port.to_string());
    format!(
        "tickTime=200\n\
         minSessionTimeout=400\n\
         maxSessionTimeout=60000\n\
         dataDir={}\n\
         clientPort={port}\n\
         clientPortAddress=127.0.0.1\n\
         maxClientCnxns=0\n\
         admin.enableServer=false\n\
         4lw.commands.whitelist=*\n\
         {more}\n",
        directory.join("data").display()
    )
}

/// Returns two different ports that are free now.
fn free_ports() -> (u16, u16) {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    let port = |listener: &TcpListener| listener.local_addr().expect("a bound address").port();
    let (first, second) = (bind(), bind());
    (port(&first), port(&second))
}

/// Asks the server one of its four-letter words; None while it doesn't serve.
fn four_letter_word(port: u16, word: &str) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, WORD_TIME_MAX).ok()?;
    stream.set_read_timeout(Some(WORD_TIME_MAX)).ok()?;
    stream.write_all(word.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// Returns the java command.
pub fn java() -> PathBuf {
    program("java", "default-jre-headless")
}

/// Returns where `name` is on the path, or fails with what to install.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!(
                "these tests need `{name}`: install it, on Debian and Ubuntu with `apt-get install {package}`"
            )
        })
}

/// Returns the class path of Debian's ZooKeeper, or fails with what to install.
fn class_path() -> String {
    let jars = Path::new("/usr/share/java");
    assert!(
        jars.join("zookeeper.jar").is_file(),
        "these tests need Apache ZooKeeper in {}: install it, on Debian and Ubuntu with `apt-get install zookeeper`",
        jars.display()
    );
    JARS.map(|jar| jars.join(jar).display().to_string()).join(":")
}
