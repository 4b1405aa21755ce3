//! How often a sync that has nothing to do speaks to ZooKeeper.
//!
//! A proxy counts what the client sends; a request is a round trip at most.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::scene::Scene;

const PING: i32 = 11;
const CLOSE: i32 = -11;
/// The first frame of a connection has no opcode.
const CONNECT: i32 = 0;

/// The opcodes of all frames that clients have sent, in order.
type Frames = Arc<Mutex<Vec<i32>>>;

/// Starts a proxy before `server` and returns its address.
fn count_frames(server: &str, frames: &Frames) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    let address = listener.local_addr().expect("a bound address").to_string();
    let (server, frames) = (server.to_owned(), frames.clone());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let upstream = TcpStream::connect(&server).expect("the server listens");
            let replies = (
                upstream.try_clone().expect("a socket"),
                client.try_clone().expect("a socket"),
            );
            thread::spawn(move || pass_replies(replies.0, replies.1));
            let frames = frames.clone();
            thread::spawn(move || pass_frames(client, upstream, &frames));
        }
    });
    address
}

fn pass_replies(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

fn pass_frames(mut from: TcpStream, mut to: TcpStream, frames: &Frames) {
    let mut first = true;
    let mut length = [0; 4];
    while from.read_exact(&mut length).is_ok() {
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        if from.read_exact(&mut frame).is_err() {
            break;
        }
        let opcode = frame
            .get(4..8)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(CONNECT, i32::from_be_bytes);
        frames
            .lock()
            .expect("no panic here")
            .push(if first { CONNECT } else { opcode });
        first = false;
        if to.write_all(&length).and_then(|()| to.write_all(&frame)).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Runs a sync through the proxy and returns how many requests it made, its session's beginning and end apart.
fn requests(scene: &Scene) -> usize {
    let frames = Frames::default();
    let (server, chroot) = scene.connect.split_once('/').expect("a chroot");
    let connect = format!("{}/{chroot}", count_frames(server, &frames));
    scene.treekeeper.run(&["sync", "--zookeeper", &connect]).expect(0);
    let frames = frames.lock().expect("no panic here");
    frames
        .iter()
        .filter(|opcode| ![PING, CLOSE, CONNECT].contains(opcode))
        .count()
}

#[test]
fn a_sync_with_nothing_to_do_makes_at_most_three_round_trips() {
    let scene = Scene::synced(&[("a.zk", "/a\n  n = 1\n")]);
    let without_hosts = requests(&scene);
    assert!((1..=3).contains(&without_hosts), "{without_hosts} requests");
    let version = scene.session.text("/hosts");
    for host in ["web-1", "web-2", "web-3"] {
        scene
            .session
            .create(&format!("/hosts/{host}"), version.as_bytes());
    }
    let with_hosts = requests(&scene);
    assert!((1..=3).contains(&with_hosts), "{with_hosts} requests");
}
