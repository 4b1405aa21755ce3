//! One connection: reads frames, has them answered in order, writes what is queued.
//!
//! One task does both directions, so that a client that does not read is not read from either. Nothing is decided
//! here about the tree; a connection only ever ends itself.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::outbox::{Hold, Item, Share, Taken};
use super::state::{Opened, Opening, Shared};
use super::words;
use crate::database::Connect;
use crate::wire::{self, Frame, Malformed, Wants};

/// Bytes that are read at a time, and that an idle connection may keep.
const READ_BYTES: usize = 16 * 1024;
/// Bytes that are encoded before they are written.
const WRITE_BYTES: usize = 64 * 1024;
/// With more than this unsent a connection's requests are not looked at.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;
/// How long a connection may take none of the bytes that are ready for it.
const STUCK_MAX: Duration = Duration::from_secs(30);
/// How long a connection that was closed from here is read from, so that its last reply isn't lost by a reset.
const LINGER_MAX: Duration = Duration::from_secs(1);

/// Serves one connection from its first byte to its last.
pub(super) async fn run(mut stream: TcpStream, address: SocketAddr, shared: Arc<Shared>) {
    // An option that only makes small replies faster; a connection that is gone already will show by itself.
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.split();
    let mut input = Input::new(reader, &shared);
    let mut output = Output::new(writer);
    // Whatever went wrong with one socket, there is nobody to tell: the connection just ends.
    let _ = serve(&mut input, &mut output, address, &shared).await;
}

async fn serve(
    input: &mut Input<'_>,
    output: &mut Output<'_>,
    address: SocketAddr,
    shared: &Shared,
) -> io::Result<()> {
    let until = Instant::now() + shared.options.greeting_max;
    let first = timeout_at(until, first_message(input, shared)).await??;
    let (connect, wants) = match first {
        First::Connect(connect, wants) => (connect, wants),
        First::Word(word) => {
            let words = word.answer(shared);
            return output.say_last(input, words.as_bytes()).await;
        }
        First::Malformed => return output.say_last(input, &[]).await,
    };
    match shared.open(&connect, wants, address) {
        Opening::Open(opened) => {
            let connection = opened.connection;
            let ended = converse(input, output, opened, shared).await;
            shared.close(connection);
            ended?;
            output.say_last(input, &[]).await
        }
        Opening::Refused => output.say_last(input, &refusal(wants)).await,
        Opening::Dropped => Ok(()),
    }
}

/// What a connection begins with.
enum First {
    Word(words::Word),
    Connect(Connect, Wants),
    Malformed,
}

async fn first_message(input: &mut Input<'_>, shared: &Shared) -> io::Result<First> {
    loop {
        if let Some(word) = input.unread().first_chunk().and_then(words::Word::of) {
            return Ok(First::Word(word));
        }
        match input.next_message(shared.options.frame_bytes_max) {
            Ok(None) => input.read().await?,
            Ok(Some(message)) => {
                let connect = wire::decode_connect(message);
                return Ok(connect.map_or(First::Malformed, |(connect, wants)| {
                    First::Connect(connect, wants)
                }));
            }
            Err(_) => return Ok(First::Malformed),
        }
    }
}

fn refusal(wants: Wants) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode_refused(&mut bytes, wants);
    bytes
}

/// Answers requests until the connection breaks, or everything is said that there was to say.
async fn converse(
    input: &mut Input<'_>,
    output: &mut Output<'_>,
    opened: Opened,
    shared: &Shared,
) -> io::Result<()> {
    let mut releases = shared.faults.releases();
    loop {
        while opened.outbox.bytes() <= UNSENT_BYTES_MAX && !opened.outbox.is_ending() {
            match input.next_message(shared.options.frame_bytes_max) {
                Ok(Some(message)) => shared.take(&opened, message),
                Ok(None) => break,
                // What came before it is answered; after it nothing can be told apart any more.
                Err(_) => opened.outbox.push(Item::End, Hold::No),
            }
        }
        let next = output.fill(&opened, &releases, shared);
        if opened.outbox.is_cut() {
            return Err(cut());
        }
        if output.is_sent() && matches!(next, Next::End) {
            return Ok(());
        }
        let wants_input = opened.outbox.bytes() <= UNSENT_BYTES_MAX && !opened.outbox.is_ending();
        wait(input, output, &opened, &mut releases, next, wants_input).await?;
    }
}

/// Waits until there may be something to do.
async fn wait(
    input: &mut Input<'_>,
    output: &mut Output<'_>,
    opened: &Opened,
    releases: &mut watch::Receiver<u64>,
    next: Next,
    wants_input: bool,
) -> io::Result<()> {
    let (due, is_stalled) = match next {
        Next::Held(Hold::Until(due)) => (Some(due), false),
        Next::Held(Hold::Released(_)) => (None, true),
        Next::Held(Hold::No) | Next::End | Next::Whenever => (None, false),
    };
    tokio::select! {
        read = input.read(), if wants_input => read,
        written = output.write(), if !output.is_sent() => {
            if written? {
                opened.outbox.sent();
            }
            Ok(())
        }
        () = opened.outbox.changed.notified() => Ok(()),
        () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Ok(()),
        // The sender lives as long as the server; if it were gone, so would be this task.
        _ = releases.changed(), if is_stalled => Ok(()),
    }
}

/// What keeps the next item of an outbox from being sent.
enum Next {
    /// There is none, or the buffer is full for now.
    Whenever,
    Held(Hold),
    /// Nothing comes any more.
    End,
}

/// What a client sent and is not used yet.
struct Input<'a> {
    reader: ReadHalf<'a>,
    buffer: Vec<u8>,
    used: usize,
    needs: usize,
    share: Share,
}

impl<'a> Input<'a> {
    fn new(reader: ReadHalf<'a>, shared: &Shared) -> Input<'a> {
        Input {
            reader,
            buffer: Vec::new(),
            used: 0,
            needs: 0,
            share: shared.budget.share(),
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Returns the next message if all of it has come.
    fn next_message(&mut self, bytes_max: usize) -> Result<Option<&[u8]>, Malformed> {
        let start = self.used;
        let unread = self.buffer.get(start..).unwrap_or_default();
        match wire::next_frame(unread, bytes_max)? {
            Frame::Whole { message, used } => {
                self.used += used;
                Ok(Some(message))
            }
            Frame::Needs(bytes) => {
                self.needs = bytes;
                Ok(None)
            }
        }
    }

    /// Reads what there is; the buffer grows with what comes, never by what a frame says that it will be.
    async fn read(&mut self) -> io::Result<()> {
        self.make_room()?;
        match self.reader.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn make_room(&mut self) -> io::Result<()> {
        if self.used > 0 {
            self.buffer.drain(..self.used);
            self.used = 0;
            // One big frame must not cost its memory for ever.
            if self.buffer.len() < READ_BYTES {
                self.buffer.shrink_to(READ_BYTES);
            }
        }
        if self.buffer.len() == self.buffer.capacity() {
            let missing = self.needs.saturating_sub(self.buffer.len());
            let more = missing.min(self.buffer.len()).max(READ_BYTES);
            self.buffer.reserve_exact(more);
        }
        match self.share.resize(self.buffer.capacity()) {
            true => Ok(()),
            false => Err(cut()),
        }
    }
}

/// What is encoded and not sent yet.
struct Output<'a> {
    writer: WriteHalf<'a>,
    buffer: Vec<u8>,
    sent: usize,
    end: bool,
}

impl<'a> Output<'a> {
    fn new(writer: WriteHalf<'a>) -> Output<'a> {
        Output {
            writer,
            buffer: Vec::new(),
            sent: 0,
            end: false,
        }
    }

    fn is_sent(&self) -> bool {
        self.sent == self.buffer.len()
    }

    /// Encodes items from the outbox until the buffer is full or the next one has to wait.
    fn fill(&mut self, opened: &Opened, releases: &watch::Receiver<u64>, shared: &Shared) -> Next {
        let now = Instant::now();
        let released = *releases.borrow();
        while self.buffer.len() < WRITE_BYTES && !self.end {
            let item = match opened.outbox.take(|hold| is_held(hold, now, released)) {
                Taken::Item(item) => item,
                Taken::Held(hold) => return Next::Held(hold),
                Taken::Nothing => return Next::Whenever,
            };
            self.encode(item);
            shared.traffic.count_sent();
        }
        match self.end {
            true => Next::End,
            false => Next::Whenever,
        }
    }

    fn encode(&mut self, item: Item) {
        let out = &mut self.buffer;
        match item {
            Item::Bytes(bytes) => out.extend_from_slice(&bytes),
            Item::Reply(header, reply) => wire::encode_reply(out, header, &reply),
            Item::SaslRefusal(header) => wire::encode_sasl_refusal(out, header.xid),
            Item::Event(kind, path) => wire::encode_event(out, kind, &path),
            Item::HalfReply(header, reply) => {
                let start = out.len();
                wire::encode_reply(out, header, &reply);
                out.truncate(start + (out.len() - start) / 2);
                self.end = true;
            }
            Item::End => self.end = true,
        }
    }

    /// Writes some; true if all that was encoded is sent.
    async fn write(&mut self) -> io::Result<bool> {
        let rest = self.buffer.get(self.sent..).unwrap_or_default();
        self.sent += timeout(STUCK_MAX, self.writer.write(rest)).await??;
        if !self.is_sent() {
            return Ok(false);
        }
        self.sent = 0;
        self.buffer.clear();
        self.buffer.shrink_to(WRITE_BYTES);
        Ok(true)
    }

    /// Sends the last bytes, closes this direction and reads what the client still says, for a short time.
    async fn say_last(&mut self, input: &mut Input<'_>, bytes: &[u8]) -> io::Result<()> {
        let until = Instant::now() + LINGER_MAX;
        timeout_at(until, self.writer.write_all(bytes)).await??;
        timeout_at(until, self.writer.shutdown()).await??;
        let mut ignored = [0; 1024];
        while timeout_at(until, input.reader.read(&mut ignored)).await?? > 0 {}
        Ok(())
    }
}

fn is_held(hold: Hold, now: Instant, released: u64) -> bool {
    match hold {
        Hold::No => false,
        Hold::Until(due) => now < due,
        Hold::Released(generation) => released <= generation,
    }
}

fn cut() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}
