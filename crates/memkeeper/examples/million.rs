//! A million znodes: how much memory memkeeper takes for them, and how fast it reads them, beside a real server.
//!
//! `cargo run --release -p memkeeper --example million [HOST:PORT]` fills memkeeper, in a process of its own, and the
//! real server if one is named; then it reads all znodes from each in turn. The client is a bare socket that doesn't
//! look into what it reads, so that the servers are compared and not the client. What the real server is left with is
//! `/million`; it needs about 1 GiB of heap.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use memkeeper::database::{
    Acl, Connect, Create, CreateMode, CreateReply, MultiResult, Reads, Request, Response, SessionId,
};
use memkeeper::wire::{Operation, Wants, client};
use memkeeper::{Server, ServerOptions};

/// Parents, each with as many children: a million and a thousand znodes.
const PARENTS: usize = 1000;
/// Children of a parent: what one transaction creates, and what one multi-read reads.
const CHILDREN: usize = 1000;
/// Requests on their way at once.
const IN_FLIGHT: usize = 2;
/// How often everything is read; the median counts.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("serve") {
        return Ok(serve()?);
    }
    let (mut child, address) = start()?;
    let result = compare(child.id(), &address, argument.as_deref());
    // It ends with its standard input.
    drop(child.stdin.take());
    child.wait()?;
    result
}

/// Serves until standard input ends.
fn serve() -> io::Result<()> {
    let server = Server::start(ServerOptions::default())?;
    println!("{}", server.connect_string());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn start() -> io::Result<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    if let Some(output) = child.stdout.take() {
        io::BufReader::new(output).read_line(&mut address)?;
    }
    Ok((child, address.trim().to_owned()))
}

fn compare(process: u32, memkeeper: &str, real: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    println!("memkeeper, empty: {} MiB resident", resident(process)?);
    // Each time with a new session: one that waits for its turn would expire.
    let mut servers = vec![("memkeeper", memkeeper, Vec::new())];
    servers.extend(real.map(|address| ("the real server", address, Vec::new())));
    for (name, address, _) in &servers {
        let mut client = Client::connect(address)?;
        let begin = Instant::now();
        client.fill()?;
        println!(
            "{name}: {} znodes created in {:.1} s",
            PARENTS * CHILDREN,
            begin.elapsed().as_secs_f64()
        );
    }
    println!("memkeeper, full: {} MiB resident", resident(process)?);
    for _ in 0..RUNS {
        for (_, address, times) in &mut servers {
            let mut client = Client::connect(address)?;
            let begin = Instant::now();
            client.read_all()?;
            times.push(begin.elapsed());
        }
    }
    for (name, _, times) in &mut servers {
        times.sort();
        let median: Duration = times[RUNS / 2];
        let rate = (PARENTS * CHILDREN) as f64 / median.as_secs_f64();
        println!("{name}: multi-reads of {CHILDREN}, {IN_FLIGHT} in flight: {rate:.0} znodes a second");
    }
    println!("memkeeper, after reading: {} MiB resident", resident(process)?);
    Ok(())
}

/// Returns how much memory a process has now, in MiB.
fn resident(process: u32) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024)
}

/// A connection that sends requests and takes whole frames.
struct Client {
    stream: TcpStream,
    xid: i32,
}

impl Client {
    fn connect(address: &str) -> Result<Client, Box<dyn std::error::Error>> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut client = Client { stream, xid: 0 };
        let connect = Connect {
            last_zxid_seen: 0,
            timeout: 60_000,
            session: SessionId::NONE,
            password: vec![0; 16],
            read_only: false,
        };
        let mut bytes = Vec::new();
        client::encode_connect(&mut bytes, &connect, Wants::ReadOnlyByte);
        client.stream.write_all(&bytes)?;
        client::decode_connected(&client.receive()?)?;
        Ok(client)
    }

    fn send(&mut self, request: &Request) -> io::Result<()> {
        self.xid += 1;
        let mut bytes = Vec::new();
        client::encode_request(&mut bytes, self.xid, request);
        self.stream.write_all(&bytes)
    }

    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut message)?;
        Ok(message)
    }

    /// Sends all requests, some at a time, and looks at each reply.
    fn call_all(
        &mut self,
        requests: impl Iterator<Item = Request>,
        look: fn(&[u8]) -> bool,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut waiting = 0;
        let take = |client: &mut Client| match client.receive() {
            Ok(message) if look(&message) => Ok(()),
            Ok(_) => Err("a reply that is not as it should be".into()),
            Err(error) => Err(Box::<dyn std::error::Error>::from(error)),
        };
        for request in requests {
            self.send(&request)?;
            waiting += 1;
            if waiting == IN_FLIGHT {
                take(self)?;
                waiting -= 1;
            }
        }
        (0..waiting).try_for_each(|_| take(self))
    }

    fn fill(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let create = |path: String| {
            memkeeper::database::Write::Create(Create {
                path,
                data: b"{\"n\":123456}".as_slice().into(),
                acls: Acl::open(),
                mode: CreateMode::Persistent,
                reply: CreateReply::Path,
            })
        };
        let first = Request::Multi(vec![create("/million".to_owned())]);
        let parent = |parent: usize| {
            let path = format!("/million/p{parent:03}");
            let children = (0..CHILDREN).map(|child| create(format!("{path}/n{child:03}")));
            Request::Multi(std::iter::once(create(path.clone())).chain(children).collect())
        };
        let requests = std::iter::once(first).chain((0..PARENTS).map(parent));
        self.call_all(requests, |message| message.get(12..16) == Some(&[0; 4]))
    }

    fn read_all(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let read = |parent: usize| {
            let path = |child: usize| Reads::Data(format!("/million/p{parent:03}/n{child:03}"));
            Request::MultiRead((0..CHILDREN).map(path).collect())
        };
        // Once in full, to know that what comes is what was asked for; then only as much as tells a failure.
        self.send(&read(0))?;
        let reply = client::decode_reply(&self.receive()?, Operation::MultiRead)?;
        let Ok(Response::Multi(results)) = reply.result else {
            return Err("not a multi-read's reply".into());
        };
        let is_data = |result: &MultiResult| matches!(result, MultiResult::Data(..));
        if results.len() != CHILDREN || !results.iter().all(is_data) {
            return Err("not all znodes are there".into());
        }
        self.call_all((1..PARENTS).map(read), |message| message.len() > CHILDREN * 80)
    }
}
