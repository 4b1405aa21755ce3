//! The four-letter words, as probes and operators send them.

use memkeeper::database::CreateMode;
use memkeeper::{Server, ServerOptions};

use crate::raw::{Raw, create, create_with};
use crate::server;

/// Asks as `echo ruok | nc` does, with a line end behind it.
fn ask(server: &Server, word: &str) -> String {
    let mut client = Raw::unopened(server);
    client.send_bytes(format!("{word}\n").as_bytes());
    String::from_utf8(client.rest()).expect("text")
}

#[test]
fn probes_are_answered() {
    let server = server();
    assert_eq!(ask(&server, "ruok"), "imok");
    assert_eq!(ask(&server, "isro"), "rw");
    // No word, and no length that a frame may have.
    assert_eq!(ask(&server, "what"), "");
}

#[test]
fn srvr_tells_what_the_real_server_tells() {
    let server = server();
    let mut client = Raw::connect(&server);
    client.call(&create("/a"));
    insta::assert_snapshot!(ask(&server, "srvr"), @r"
    Zookeeper version: 3.8.0-memkeeper-0.1.0, built on 2026-01-01 00:00 UTC
    Latency min/avg/max: 0/0.0/0
    Received: 1
    Sent: 2
    Connections: 1
    Outstanding: 0
    Zxid: 0x2
    Mode: standalone
    Node count: 5
    ");
}

#[test]
fn mntr_has_the_keys_of_the_real_server() {
    let server = server();
    let mut client = Raw::connect(&server);
    client.call(&create("/a"));
    client.call(&create_with("/a/e", b"7 bytes", CreateMode::Ephemeral));
    insta::assert_snapshot!(ask(&server, "mntr"), @r"
    zk_version	3.8.0-memkeeper-0.1.0, built on 2026-01-01 00:00 UTC
    zk_server_state	standalone
    zk_avg_latency	0.0
    zk_min_latency	0
    zk_max_latency	0
    zk_packets_received	2
    zk_packets_sent	3
    zk_num_alive_connections	1
    zk_outstanding_requests	0
    zk_global_sessions	1
    zk_znode_count	6
    zk_watch_count	0
    zk_ephemerals_count	1
    zk_approximate_data_size	7
    ");
}

#[test]
fn cons_tells_who_is_connected() {
    let server = server();
    let _client = Raw::connect(&server);
    let text = ask(&server, "cons");
    let port = text.find(":").map_or(0, |start| start + 1)..text.find("[").unwrap_or(0);
    insta::assert_snapshot!(text.replace(&text[port], "PORT"), @" /127.0.0.1:PORT[1](sid=0x1000000000000001)");
}

#[test]
fn conf_tells_the_bounds() {
    let options = ServerOptions {
        connections_max: 7,
        ..ServerOptions::default()
    };
    let server = Server::start(options).expect("a port is free");
    let port = format!("clientPort={}\n", server.address().port());
    let text = ask(&server, "conf");
    assert!(text.starts_with(&port), "{text}");
    insta::assert_snapshot!(text.replace(&port, ""), @r"
    tickTime=50
    maxClientCnxns=7
    minSessionTimeout=400
    maxSessionTimeout=60000
    serverId=0
    ");
}
