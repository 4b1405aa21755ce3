//! Each fault, as a client sees it, and what became of the request.

use std::time::Duration;

use memkeeper::database::Request;
use memkeeper::{Counted, Fault, Server};

use crate::raw::{Raw, create, fate, set, watch};
use crate::server;

/// Plans a fault for the second write; tells what a client sees of three, and what was applied.
fn play(fault: Fault) -> String {
    let server = server();
    server.faults().plan(2, Counted::Writes, fault);
    let mut client = Raw::connect(&server);
    for request in [
        create("/1"),
        Request::Ping,
        create("/2"),
        create("/3"),
        Request::WhoAmI,
    ] {
        client.send(&request);
    }
    let mut lines = Vec::new();
    loop {
        lines.push(client.line());
        if lines
            .last()
            .is_some_and(|line| line.starts_with("hung up") || line.starts_with("WhoAmI"))
        {
            break;
        }
    }
    lines.push(fates(&server));
    assert_eq!((server.faults().fired(), server.faults().planned()), (1, 0));
    lines.join("\n")
}

fn fates(server: &Server) -> String {
    ["/1", "/2", "/3"]
        .map(|path| format!("{path} {}", fate(server, path)))
        .join(", ")
}

#[test]
fn a_cut_before_loses_the_request() {
    insta::assert_snapshot!(play(Fault::CutBefore), @r"
    Create2 done
    Ping done
    hung up
    /1 applied, /2 not applied, /3 not applied
    ");
}

#[test]
fn a_cut_after_loses_the_reply() {
    insta::assert_snapshot!(play(Fault::CutAfter), @r"
    Create2 done
    Ping done
    hung up
    /1 applied, /2 applied, /3 not applied
    ");
}

#[test]
fn a_swallowed_reply_leaves_the_connection() {
    insta::assert_snapshot!(play(Fault::SwallowReply), @r"
    Create2 done
    Ping done
    Create2 done
    WhoAmI done
    /1 applied, /2 applied, /3 applied
    ");
}

#[test]
fn half_a_reply_is_followed_by_nothing() {
    insta::assert_snapshot!(play(Fault::HalfReply), @r"
    Create2 done
    Ping done
    hung up inside a frame
    /1 applied, /2 applied, /3 not applied
    ");
}

#[test]
fn an_expired_session_loses_the_request_and_the_connection() {
    insta::assert_snapshot!(play(Fault::ExpireSession), @r"
    Create2 done
    Ping done
    hung up
    /1 applied, /2 not applied, /3 not applied
    ");
}

#[test]
fn a_stall_for_some_time_only_delays() {
    insta::assert_snapshot!(play(Fault::StallFor(Duration::from_millis(30))), @r"
    Create2 done
    Ping done
    Create2 done
    Create2 done
    WhoAmI done
    /1 applied, /2 applied, /3 applied
    ");
}

#[test]
fn a_stall_holds_the_connection_until_it_is_released() {
    let server = server();
    server.faults().plan(1, Counted::Requests, Fault::Stall);
    let mut client = Raw::connect(&server);
    client.send(&create("/1"));
    client.send(&Request::Ping);
    assert!(client.is_silent());
    assert_eq!(fate(&server, "/1"), "applied");
    // Others don't notice.
    let mut other = Raw::connect(&server);
    other.send(&create("/2"));
    assert_eq!(other.line(), "Create2 done");
    server.faults().release();
    assert_eq!(client.lines(2), "Create2 done\nPing done");
    assert_eq!(server.faults().fired(), 1);
}

#[test]
fn a_stalled_connection_may_hang_up() {
    let server = server();
    server.faults().plan(1, Counted::Requests, Fault::Stall);
    let mut client = Raw::connect(&server);
    let session = client.greeting.session;
    client.send(&create("/1"));
    assert!(client.is_silent());
    drop(client);
    let mut other = Raw::connect(&server);
    other.send(&create("/2"));
    assert_eq!(other.line(), "Create2 done");
    assert!(server.with_database(|database| database.is_alive(session)));
}

#[test]
fn a_cut_after_still_tells_the_watchers() {
    let server = server();
    let (mut watcher, mut writer) = (Raw::connect(&server), Raw::connect(&server));
    writer.call(&create("/a"));
    watcher.call(&watch("/a"));
    server.faults().plan(1, Counted::Writes, Fault::CutAfter);
    writer.send(&set("/a", b"x"));
    assert_eq!(writer.line(), "hung up");
    assert_eq!(watcher.line(), "event DataChanged /a");
}

#[test]
fn every_request_is_delayed_and_none_is_lost() {
    let server = server();
    server.faults().delay_every(Duration::from_millis(30));
    let mut client = Raw::connect(&server);
    let start = std::time::Instant::now();
    client.send(&create("/1"));
    client.send(&Request::Ping);
    assert_eq!(client.lines(2), "Create2 done\nPing done");
    assert!(
        start.elapsed() >= Duration::from_millis(30),
        "a delay is a lower bound"
    );
    assert_eq!(server.faults().fired(), 0);
}

#[test]
fn pings_and_reads_are_not_counted_as_writes() {
    let server = server();
    server.faults().plan(1, Counted::Writes, Fault::CutBefore);
    server.faults().plan(4, Counted::Requests, Fault::SwallowReply);
    let mut client = Raw::connect(&server);
    for request in [
        Request::WhoAmI,
        Request::Ping,
        Request::WhoAmI,
        Request::Ping,
        create("/1"),
    ] {
        client.send(&request);
    }
    assert_eq!(
        client.lines(5),
        "WhoAmI done\nPing done\nWhoAmI done\nPing done\nhung up"
    );
    // The third counted request was the write; the fault for the fourth is still to come.
    assert_eq!((server.faults().fired(), server.faults().planned()), (1, 1));
    server.faults().clear();
    assert_eq!(server.faults().planned(), 0);
}

#[test]
fn of_two_faults_for_one_request_the_later_takes_the_next() {
    let server = server();
    server.faults().plan(1, Counted::Requests, Fault::SwallowReply);
    server.faults().plan(1, Counted::Requests, Fault::CutAfter);
    let mut client = Raw::connect(&server);
    for path in ["/1", "/2", "/3"] {
        client.send(&create(path));
    }
    assert_eq!(client.line(), "hung up");
    insta::assert_snapshot!(fates(&server), @"/1 applied, /2 applied, /3 not applied");
}
