//! What the answers of git and of servers mean: no question is asked here.

use std::time::Duration;

use super::Finding;
use crate::zk::{ServerAnswer, ZkError};

/// The first git that knows every option that is used (`fetch --no-write-fetch-head`).
const GIT_MIN: (u32, u32) = (2, 29);
/// A slower answer makes a sync of batches wait more than it works.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(100);
/// A shorter session is lost by a pause that a busy machine may well make.
const SESSION_MIN: Duration = Duration::from_secs(6);
/// How far clocks may differ before it is told.
const CLOCK_MAX_MS: i64 = 2_000;

/// Judges git's version.
pub fn git(version: &str) -> Finding {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < GIT_MIN => Finding::fail(
            "git",
            format!("{version} does not know every option that is used"),
            format!("install git {}.{} or newer", GIT_MIN.0, GIT_MIN.1),
        ),
        _ => Finding::ok("git", version),
    }
}

/// Judges what a server tells of itself.
pub fn server(address: &str, answer: &ServerAnswer, tls: bool) -> Finding {
    let facts = match answer {
        ServerAnswer::Facts(facts) => facts,
        ServerAnswer::Silent => {
            let fix = if tls {
                "ask it beside TLS: `zkServer.sh version` on its machine"
            } else {
                "allow the word in its zoo.cfg: 4lw.commands.whitelist=srvr (`cons` too lets `lock show` tell addresses)"
            };
            let text = format!("{address} does not tell its release (srvr)");
            return Finding::warning("server", text, fix);
        }
        ServerAnswer::Absent => {
            let text = format!("{address} cannot be reached: nothing listens there, or something is between");
            let fix = "start it, or take it out of the connection string (--zookeeper)";
            return Finding::warning("server", text, fix);
        }
    };
    let mode = match facts.mode.as_str() {
        "" => String::new(),
        mode => format!(" ({mode})"),
    };
    let told = format!("{address} runs {}{mode}", facts.release);
    match fault(&facts.release) {
        None => Finding::ok("server", told),
        Some(Fault::Worse(why, fix)) => Finding::fail("server", format!("{told}: {why}"), fix),
        Some(Fault::Known(why, fix)) => Finding::warning("server", format!("{told}: {why}"), fix),
    }
}

enum Fault {
    /// It may lose what was written.
    Worse(&'static str, &'static str),
    /// It is known for something.
    Known(&'static str, &'static str),
}

/// Returns what a release is known for.
fn fault(release: &str) -> Option<Fault> {
    if release.contains("memkeeper") {
        return Some(Fault::Known(
            "it keeps everything in memory and forgets it when it ends",
            "use Apache ZooKeeper for what must stay",
        ));
    }
    let number = |text: &str| {
        text.split(|end: char| !end.is_ascii_digit())
            .next()?
            .parse::<u32>()
            .ok()
    };
    let mut parts = release.split('.').map(number);
    let numbers = (parts.next()??, parts.next()??, parts.next()??);
    let upgrade_8 = "upgrade to 3.8.6 or newer";
    let upgrade_9 = "upgrade to 3.9.5 or newer";
    match numbers {
        (3, 9, 3) => Some(Fault::Worse(
            "it may lose committed transactions (ZOOKEEPER-4925)",
            "upgrade to 3.9.5 or newer, now",
        )),
        (3, 8, 0) => Some(Fault::Known(
            "its `sync` request may hang, and it has other known faults",
            upgrade_8,
        )),
        (3, 8, ..6) => Some(Fault::Known("it has known faults that 3.8.6 has not", upgrade_8)),
        (3, 9, ..5) => Some(Fault::Known("it has known faults that 3.9.5 has not", upgrade_9)),
        (..3, ..) | (3, ..8, _) => Some(Fault::Known(
            "nobody maintains this release line any more",
            upgrade_9,
        )),
        _ => None,
    }
}

/// Judges how long the session lives.
pub fn session(took: Duration, asked: Duration, granted: Duration) -> Finding {
    let text = format!(
        "opened in {}, times out after {} s",
        time(took),
        granted.as_secs_f64()
    );
    if granted < SESSION_MIN.min(asked) {
        let fix =
            "raise maxSessionTimeout (or tickTime) in zoo.cfg: a machine that pauses longer loses its lock";
        return Finding::warning(
            "session",
            format!("{text}, {} s were asked", asked.as_secs_f64()),
            fix,
        );
    }
    Finding::ok("session", text)
}

/// Judges how fast answers come.
pub fn round_trip(median: Duration) -> Finding {
    if median > ROUND_TRIP_MAX {
        return Finding::warning(
            "round trip",
            format!("{}: a sync in batches waits for hundreds of them", time(median)),
            "run treekeeper nearer to the servers, and look at their load",
        );
    }
    Finding::ok("round trip", time(median))
}

/// Judges what the servers know.
pub fn features(multi_read: bool, lasting_watches: bool) -> Finding {
    let absent: Vec<&str> = [
        (multi_read, "many reads in one request"),
        (lasting_watches, "watches that last"),
    ]
    .iter()
    .filter(|(has, _)| !has)
    .map(|(_, what)| *what)
    .collect();
    if absent.is_empty() {
        return Finding::ok("features", "many reads in one request, watches that last");
    }
    Finding::warning(
        "features",
        format!(
            "the server does not know {}: reading takes longer",
            absent.join(" and ")
        ),
        "upgrade ZooKeeper: 3.6 and newer know both",
    )
}

/// Judges whether the largest transaction gets through.
pub fn large_requests(bytes: usize, taken: Result<bool, ZkError>) -> Finding {
    match taken {
        Ok(true) => Finding::ok(
            "request size",
            format!("{bytes} bytes, the largest transaction, get through"),
        ),
        Ok(false) => Finding::fail(
            "request size",
            format!("the server drops a request of {bytes} bytes, which a transaction may have"),
            "lower `transaction_bytes` in [limits], or raise jute.maxbuffer on every server",
        ),
        Err(error) => Finding::warning(
            "request size",
            format!("cannot be told: {error}"),
            "run `treekeeper doctor` again",
        ),
    }
}

/// Judges this machine's clock by the newest write: nothing can have been written in the future.
pub fn clock(newest_ms: Option<i64>, now_ms: i64) -> Finding {
    let ahead = newest_ms.map(|newest| newest - now_ms);
    match ahead {
        Some(ahead) if ahead > CLOCK_MAX_MS => Finding::warning(
            "clock",
            format!(
                "this machine's is at least {} s behind the servers'",
                ahead / 1_000
            ),
            "set both by NTP: no decision rests on it, but the times in status and history are wrong",
        ),
        _ => Finding::ok("clock", "no write that can be seen is from the future"),
    }
}

/// Returns a time as people read it.
pub fn time(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "less than 1 ms".to_owned(),
        milliseconds @ 1..2_000 => format!("{milliseconds} ms"),
        _ => format!("{} s", duration.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use crate::zk::ServerFacts;

    fn line(finding: Finding) -> String {
        let fix = finding.fix.map(|fix| format!(" | {fix}")).unwrap_or_default();
        format!("{:?}: {}{fix}", finding.level, finding.text)
    }

    #[test]
    fn releases_are_known_by_their_faults() {
        let said = |release: &str| {
            let facts = ServerFacts {
                release: release.to_owned(),
                mode: "leader".to_owned(),
            };
            line(server("zk1:2181", &ServerAnswer::Facts(facts), false))
        };
        insta::assert_snapshot!(said("3.9.3-c26634f"), @"Fail: zk1:2181 runs 3.9.3-c26634f (leader): it may lose committed transactions (ZOOKEEPER-4925) | upgrade to 3.9.5 or newer, now");
        insta::assert_snapshot!(said("3.8.0--1"), @"Warning: zk1:2181 runs 3.8.0--1 (leader): its `sync` request may hang, and it has other known faults | upgrade to 3.8.6 or newer");
        insta::assert_snapshot!(said("3.8.5-x"), @"Warning: zk1:2181 runs 3.8.5-x (leader): it has known faults that 3.8.6 has not | upgrade to 3.8.6 or newer");
        insta::assert_snapshot!(said("3.9.4"), @"Warning: zk1:2181 runs 3.9.4 (leader): it has known faults that 3.9.5 has not | upgrade to 3.9.5 or newer");
        insta::assert_snapshot!(said("3.7.2"), @"Warning: zk1:2181 runs 3.7.2 (leader): nobody maintains this release line any more | upgrade to 3.9.5 or newer");
        insta::assert_snapshot!(said("3.8.6"), @"Ok: zk1:2181 runs 3.8.6 (leader)");
        insta::assert_snapshot!(said("3.9.5-y"), @"Ok: zk1:2181 runs 3.9.5-y (leader)");
        insta::assert_snapshot!(said("3.10.0"), @"Ok: zk1:2181 runs 3.10.0 (leader)");
        insta::assert_snapshot!(said("4.0.0"), @"Ok: zk1:2181 runs 4.0.0 (leader)");
        insta::assert_snapshot!(said("what"), @"Ok: zk1:2181 runs what (leader)");
        insta::assert_snapshot!(line(server("zk1:2181", &ServerAnswer::Silent, false)), @"Warning: zk1:2181 does not tell its release (srvr) | allow the word in its zoo.cfg: 4lw.commands.whitelist=srvr (`cons` too lets `lock show` tell addresses)");
        insta::assert_snapshot!(line(server("zk1:2181", &ServerAnswer::Absent, false)), @"Warning: zk1:2181 cannot be reached: nothing listens there, or something is between | start it, or take it out of the connection string (--zookeeper)");
        insta::assert_snapshot!(line(server("zk1:2281", &ServerAnswer::Silent, true)), @"Warning: zk1:2281 does not tell its release (srvr) | ask it beside TLS: `zkServer.sh version` on its machine");
    }

    #[test]
    fn an_old_git_fails() {
        insta::assert_snapshot!(line(git("2.28.1")), @"Fail: 2.28.1 does not know every option that is used | install git 2.29 or newer");
        assert_eq!(git("2.29.0").level, Level::Ok);
        assert_eq!(git("2.39.5 (Apple Git-154)").level, Level::Ok);
        assert_eq!(git("3.0").level, Level::Ok);
    }

    #[test]
    fn times_and_sizes_are_judged() {
        let seconds = Duration::from_secs;
        insta::assert_snapshot!(line(session(seconds(0), seconds(20), seconds(20))), @"Ok: opened in less than 1 ms, times out after 20 s");
        insta::assert_snapshot!(line(session(seconds(3), seconds(20), seconds(4))), @"Warning: opened in 3 s, times out after 4 s, 20 s were asked | raise maxSessionTimeout (or tickTime) in zoo.cfg: a machine that pauses longer loses its lock");
        insta::assert_snapshot!(line(round_trip(Duration::from_micros(700))), @"Ok: less than 1 ms");
        insta::assert_snapshot!(line(round_trip(Duration::from_millis(250))), @"Warning: 250 ms: a sync in batches waits for hundreds of them | run treekeeper nearer to the servers, and look at their load");
        insta::assert_snapshot!(line(features(true, true)), @"Ok: many reads in one request, watches that last");
        insta::assert_snapshot!(line(features(false, false)), @"Warning: the server does not know many reads in one request and watches that last: reading takes longer | upgrade ZooKeeper: 3.6 and newer know both");
        insta::assert_snapshot!(line(large_requests(524_288, Ok(false))), @"Fail: the server drops a request of 524288 bytes, which a transaction may have | lower `transaction_bytes` in [limits], or raise jute.maxbuffer on every server");
        insta::assert_snapshot!(line(large_requests(524_288, Err(ZkError::AuthFailed))), @"Warning: cannot be told: ZooKeeper refused the credentials | run `treekeeper doctor` again");
        insta::assert_snapshot!(line(clock(Some(70_000), 10_000)), @"Warning: this machine's is at least 60 s behind the servers' | set both by NTP: no decision rests on it, but the times in status and history are wrong");
        insta::assert_snapshot!(line(clock(Some(9_000), 10_000)), @"Ok: no write that can be seen is from the future");
        insta::assert_snapshot!(line(clock(None, 10_000)), @"Ok: no write that can be seen is from the future");
    }
}
