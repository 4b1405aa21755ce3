//! The four-letter words: what servers tell of themselves without a session.
//!
//! They are optional: most servers allow only some of them, and none is needed to do anything. Every question has a
//! deadline and a bound, and a server that does not answer is no error.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use treekeeper_core::model::printable;

use super::SessionOptions;
use super::session::split;

/// How long a server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Bytes of an answer that are read: a server with ten thousand connections says more, which is not needed.
const ANSWER_BYTES_MAX: u64 = 2 << 20;

/// Asks one server; `None` if it does not answer in time, closes the connection, or does not allow the word.
pub(super) async fn ask(server: &str, word: &str) -> Option<String> {
    tokio::time::timeout(ANSWER_MAX, conversation(server, word))
        .await
        .ok()?
        .ok()
        .filter(|answer| {
            !answer.is_empty() && !answer.contains("is not executed because it is not in the whitelist")
        })
}

/// Tells whether something listens there, whatever it answers.
pub(super) async fn listens(server: &str) -> bool {
    let connected = tokio::time::timeout(ANSWER_MAX, TcpStream::connect(server)).await;
    connected.is_ok_and(|connected| connected.is_ok())
}

async fn conversation(server: &str, word: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(word.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Returns where the clients of these sessions are, as far as servers tell; safe to print, in the sessions' order.
///
/// Over TLS nobody is asked.
pub async fn addresses(options: &SessionOptions, sessions: &[i64]) -> Vec<Option<String>> {
    let nobody = vec![None; sessions.len()];
    let Ok((servers, _)) = split(&options.connect) else {
        return nobody;
    };
    if options.tls.is_some() || sessions.is_empty() {
        return nobody;
    }
    let answers = join_all(servers.iter().map(|server| ask(server, "cons"))).await;
    let lines: Vec<&str> = answers
        .iter()
        .flatten()
        .flat_map(|answer| answer.lines())
        .collect();
    sessions.iter().map(|session| address(&lines, *session)).collect()
}

/// Returns the address in the line of this session, such as ` /192.0.2.7:40312[1](queued=0,...,sid=0x1,...)`.
fn address(lines: &[&str], session: i64) -> Option<String> {
    let id = format!("sid=0x{session:x}");
    let is_of_session = |line: &str| line.split([',', '(', ')']).any(|word| word == id);
    let line = lines.iter().find(|line| is_of_session(line))?;
    let (address, _) = line.split('(').next()?.rsplit_once('[')?;
    let address = address.trim().trim_start_matches('/');
    Some(printable(address).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_in_the_list_of_connections() {
        let lines = [
            " /127.0.0.1:1[0](queued=0,recved=1,sent=0)",
            " /192.0.2.7:40312[1](queued=0,recved=9,sent=9,sid=0x1000000abcd0001,lop=PING,est=1,to=20000)",
            " /[2001:db8:0:0:0:0:0:7]:40313[1](queued=0,recved=9,sent=9,sid=0x2,lop=PING)",
        ];
        assert_eq!(
            address(&lines, 0x0100_0000_abcd_0001).as_deref(),
            Some("192.0.2.7:40312")
        );
        assert_eq!(
            address(&lines, 2).as_deref(),
            Some("[2001:db8:0:0:0:0:0:7]:40313")
        );
        assert_eq!(address(&lines, 0x1000), None, "a part of an id is another one");
    }
}
