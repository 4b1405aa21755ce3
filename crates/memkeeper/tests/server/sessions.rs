//! Sessions and connections: how they begin, change hands and end, and what comes in which order.

use memkeeper::database::{ErrorCode, Request, SessionId};
use memkeeper::{Exposure, Server, ServerOptions};

use crate::raw::{Raw, create, create_with, error, set, until, watch};
use crate::server;

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let mut client = Raw::connect(&server);
    for request in [
        create("/a"),
        create("/a"),
        Request::Ping,
        create("/a/b"),
        Request::WhoAmI,
    ] {
        client.send(&request);
    }
    insta::assert_snapshot!(client.lines(5), @r"
    Create2 done
    Create2 node exists
    Ping done
    Create2 done
    WhoAmI done
    ");
}

#[test]
fn an_event_comes_after_the_read_that_left_its_watch_and_before_the_write_that_fired_it() {
    let server = server();
    let mut client = Raw::connect(&server);
    for request in [create("/a"), watch("/a"), set("/a", b"x"), set("/a", b"y")] {
        client.send(&request);
    }
    insta::assert_snapshot!(client.lines(5), @r"
    Create2 done
    GetData done
    event DataChanged /a
    SetData done
    SetData done
    ");
}

#[test]
fn events_reach_other_connections() {
    let server = server();
    let (mut watcher, mut writer) = (Raw::connect(&server), Raw::connect(&server));
    writer.call(&create("/a"));
    watcher.call(&watch("/a"));
    writer.call(&set("/a", b"x"));
    assert_eq!(watcher.line(), "event DataChanged /a");
    watcher.call(&watch("/a"));
    // Also when nobody on the wire wrote.
    server.with_database(|database| {
        let session = writer.greeting.session;
        database.expire(session, 0);
    });
    assert_eq!(writer.line(), "hung up");
}

#[test]
fn closing_is_answered_and_then_hung_up() {
    let server = server();
    let mut client = Raw::connect(&server);
    client.send(&Request::CloseSession);
    client.send(&Request::Ping);
    assert_eq!(client.lines(2), "CloseSession done\nhung up");
    let session = client.greeting.session;
    assert!(!server.with_database(|database| database.is_alive(session)));
}

#[test]
fn a_session_comes_back_on_another_connection_and_the_older_one_is_cut() {
    let server = server();
    let mut older = Raw::connect(&server);
    let (session, password) = (older.greeting.session, older.greeting.password);
    older.call(&create_with(
        "/e",
        b"",
        memkeeper::database::CreateMode::Ephemeral,
    ));
    let mut newer = Raw::resume(&server, session, &password).expect("it comes back");
    assert_eq!(newer.greeting.session, session);
    assert_eq!(older.line(), "hung up");
    assert_eq!(
        newer.call(&Request::Ping).result,
        Ok(memkeeper::database::Response::Empty)
    );
    assert!(server.with_database(|database| database.node("/e").is_some()));
}

#[test]
fn a_session_that_is_gone_or_another_s_is_refused() {
    let server = server();
    let mut client = Raw::connect(&server);
    let session = client.greeting.session;
    for (session, password) in [(SessionId(0x77), client.greeting.password), (session, [1; 16])] {
        let mut refused = Raw::resume(&server, session, &password).expect("a greeting");
        assert_eq!(refused.greeting.session, SessionId::NONE);
        assert_eq!(refused.greeting.timeout, 0);
        assert_eq!(refused.line(), "hung up");
    }
    // As at the real server, even a newcomer with a wrong password takes the session's connection away.
    assert_eq!(client.line(), "hung up");
}

#[test]
fn a_silent_session_expires_and_its_connection_is_cut() {
    let server = server();
    let mut silent = Raw::connect_for(&server, 400);
    silent.call(&create_with(
        "/e",
        b"",
        memkeeper::database::CreateMode::Ephemeral,
    ));
    assert_eq!(silent.line(), "hung up");
    assert!(server.with_database(|database| database.node("/e").is_none()));
}

#[test]
fn a_connection_that_ends_leaves_its_session_and_takes_its_watches() {
    let server = server();
    let mut client = Raw::connect(&server);
    client.call(&create("/a"));
    client.call(&watch("/a"));
    let session = client.greeting.session;
    assert_eq!(server.with_database(|database| database.watch_count()), 1);
    drop(client);
    until("the watch's end", || {
        server.with_database(|database| database.watch_count()) == 0
    });
    assert!(server.with_database(|database| database.is_alive(session)));
}

#[test]
fn a_refused_identity_ends_the_connection() {
    let server = server();
    let mut client = Raw::connect(&server);
    let auth = |scheme: &str| Request::Auth {
        scheme: scheme.to_owned(),
        credential: b"somebody:secret".to_vec(),
    };
    assert_eq!(client.call(&auth("digest")).zxid, 0);
    client.send(&auth("kerberos"));
    assert_eq!(client.lines(2), "Auth auth failed\nhung up");
}

#[test]
fn an_unknown_operation_is_answered_and_hung_up_on_but_the_session_stays() {
    let server = server();
    let mut client = Raw::connect(&server);
    let reply = client.call(&Request::Unknown(77));
    assert_eq!((error(&reply), reply.zxid), (Some(ErrorCode::Unimplemented), -1));
    assert_eq!(client.line(), "hung up");
    let session = client.greeting.session;
    assert!(server.with_database(|database| database.is_alive(session)));
}

#[test]
fn a_step_of_sasl_is_answered_as_by_a_server_without_it() {
    let server = server();
    let mut client = Raw::connect(&server);
    client.send_body(102, &[0, 0, 0, 1, 7]);
    let message = client.receive().expect("a reply");
    assert_eq!(message[16..], [0xff; 4], "no token");
    // A null token is what the real server hangs up on.
    client.send_body(102, &[0xff; 4]);
    assert_eq!(client.line(), "hung up");
}

#[test]
fn others_cannot_reach_it_unless_that_was_asked_for() {
    let options = ServerOptions {
        listen: ([0, 0, 0, 0], 0).into(),
        ..ServerOptions::default()
    };
    let refused = Server::start(options.clone()).expect_err("an address that others can reach");
    insta::assert_snapshot!(
        refused,
        @"0.0.0.0:0 can be reached from other machines, and that was not asked for"
    );
    let options = ServerOptions {
        exposure: Exposure::Everybody,
        ..options
    };
    Server::start(options).expect("it was asked for");
}

#[test]
fn a_stopped_server_hangs_up_and_lets_go_of_its_port() {
    let mut server = server();
    let mut client = Raw::connect(&server);
    let session = client.greeting.session;
    server.stop();
    assert_eq!(client.line(), "hung up");
    assert!(server.with_database(|database| database.is_alive(session)));
    let options = ServerOptions {
        listen: server.address(),
        ..ServerOptions::default()
    };
    assert_eq!(
        Server::start(options).expect("the port is free").address(),
        server.address()
    );
}
