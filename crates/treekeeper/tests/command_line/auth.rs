//! Who treekeeper is to ZooKeeper: TLS, client certificates, SASL, digest, and the ACL of what it creates.

use insta::assert_snapshot;
use zookeeper_client::{Acl, AuthId, Client, Permission, SaslOptions};

use crate::scene::Scene;
use crate::support::foreign::{Foreign, wait};
use crate::support::keys::{ClientCertificate, Keys, start_with_sasl, start_with_tls};
use crate::support::server::{Server, left_to_zookeeper};
use crate::support::treekeeper::Treekeeper;

const GOOD: &str = "/a\n  n = 1\n";
const CANARY: &str = "canary-91bd";

/// Runs a command with this configuration and `-v`, and returns what it said, in which no secret stands.
fn run(scene: &Scene, config: &str, arguments: &[&str], status: i32) -> String {
    scene.configure(config);
    let output = scene
        .treekeeper
        .run(&[arguments, &["-v"]].concat())
        .expect(status);
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(CANARY), "{arguments:?} tells a secret:\n{text}");
    }
    let is_log = |line: &str| {
        [" INFO ", " WARN ", "DEBUG "]
            .iter()
            .any(|level| line.starts_with(level))
    };
    let lines = output.stderr.lines().filter(|line| !is_log(line));
    scene.words(&lines.map(|line| format!("{line}\n")).collect::<String>())
}

/// Returns a configuration for a server that lets us in, however busy the machine is.
fn tls(ca: &str) -> String {
    format!("[limits]\nconnect_timeout = '60s'\n[auth.tls]\nca = '{ca}'\n")
}

/// Runs a command that every server turns away, which lasts for the whole timeout, and returns what it said.
///
/// On a busy machine a server may answer later than that: then the command is told to wait longer.
fn turned_away(scene: &Scene, config: &str, arguments: &[&str]) -> String {
    for seconds in [3, 10, 30, 60] {
        let config = config.replace("'60s'", &format!("'{seconds}s'"));
        let said = run(scene, &config, arguments, 1);
        if !said.contains("no answer within") {
            return said;
        }
    }
    panic!("no server answered within a minute");
}

/// Returns the identities that a znode's ACL names.
fn owners(client: &Client, path: &str) -> Vec<String> {
    let acls = wait(client.get_acl(path)).expect("the ACL can be read").0;
    acls.iter()
        .map(|acl| format!("{}:{}", acl.scheme(), acl.id()))
        .collect()
}

#[test]
fn a_sync_over_tls() {
    if left_to_zookeeper("a_sync_over_tls") {
        return;
    }
    let keys = Keys::make();
    let zookeeper = start_with_tls(&keys, ClientCertificate::NotAsked);
    let scene = Scene::on(&zookeeper.address());
    scene.commit("first", &[("a.zk", GOOD)]);
    let secure = zookeeper.secure_address();
    let good = tls(keys.ca_file().to_str().unwrap());
    run(&scene, &good, &["sync", "-z", &secure], 0);
    assert_eq!(scene.session.text("/a"), r#"{"n":1}"#);
    let before = scene.freeze();
    let strangers = Keys::make();
    let said = |config: &str, server: &str| {
        let said = turned_away(&scene, config, &["sync", "--repair", "-z", server]);
        assert_eq!(scene.freeze(), before);
        said.replace(&secure, "SECURE")
    };
    assert_snapshot!(said(&tls(strangers.ca_file().to_str().unwrap()), &secure), @r"
    error[TK1103]: cannot reach ZooKeeper at SECURE: no server opens a session: InvalidCertificate(BadSignature)
    hint: check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server speaks TLS there, and that `ca` of [auth.tls] and the host's name fit its certificate
    ");
    assert_snapshot!(said(&tls("/absent.pem"), &secure), @"error[TK1110]: cannot read /absent.pem: No such file or directory (os error 2)");
    let garbage = scene.treekeeper.file("garbage.pem", "no certificate");
    assert_snapshot!(said(&tls(garbage.to_str().unwrap()), &secure), @"error[TK1110]: the TLS files cannot be used: bad arguments: no valid tls trust anchor in pem");
    // Plain text to the TLS port, and TLS to the plain port.
    assert_snapshot!(said("[limits]\nconnect_timeout = '60s'\n", &secure), @r"
    error[TK1103]: cannot reach ZooKeeper at SECURE: no server opens a session: connection to server has lost
    hint: check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server listens there, and that it doesn't speak TLS ([auth.tls])
    ");
    let plain = zookeeper.address().replace("127.0.0.1", "localhost");
    assert_snapshot!(said(&good, &plain).replace(&plain, "PLAIN"), @r"
    error[TK1103]: cannot reach ZooKeeper at PLAIN: no server opens a session: tls handshake eof
    hint: check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server speaks TLS there, and that `ca` of [auth.tls] and the host's name fit its certificate
    ");
}

#[test]
fn a_server_with_another_name_is_refused() {
    if left_to_zookeeper("a_server_with_another_name_is_refused") {
        return;
    }
    let keys = Keys::make_for("DNS:zookeeper.example.com");
    let zookeeper = start_with_tls(&keys, ClientCertificate::NotAsked);
    let scene = Scene::on(&zookeeper.address());
    scene.commit("first", &[("a.zk", GOOD)]);
    let secure = zookeeper.secure_address();
    let config = tls(keys.ca_file().to_str().unwrap());
    let said = turned_away(&scene, &config, &["sync", "-z", &secure]);
    assert_snapshot!(said.replace(&secure, "SECURE"), @r#"
    error[TK1103]: cannot reach ZooKeeper at SECURE: no server opens a session: InvalidCertificate(NotValidForNameContext { expected: DnsName("localhost"), presented: ["DnsName(\"zookeeper.example.com\")"] })
    hint: check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server speaks TLS there, and that `ca` of [auth.tls] and the host's name fit its certificate
    "#);
    assert!(!scene.session.exists("/hosts"));
}

#[test]
fn a_client_certificate() {
    if left_to_zookeeper("a_client_certificate") {
        return;
    }
    let keys = Keys::make();
    let zookeeper = start_with_tls(&keys, ClientCertificate::Required);
    let scene = Scene::on(&zookeeper.address());
    scene.commit("first", &[("a.zk", GOOD)]);
    let secure = zookeeper.secure_address();
    let ca = tls(keys.ca_file().to_str().unwrap());
    let said = turned_away(&scene, &ca, &["sync", "-z", &secure]);
    assert!(said.contains("cannot reach ZooKeeper at localhost:"), "{said}");
    let (certificate, key) = keys.client_files();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let half = format!("{ca}certificate = '{certificate}'\n");
    assert_snapshot!(run(&scene, &half, &["sync", "-z", &secure], 1), @"error[TK1110]: [auth.tls] needs both certificate and key, or neither");
    run(
        &scene,
        &format!("{half}key = '{key}'\n"),
        &["sync", "-z", &secure],
        0,
    );
    assert_eq!(scene.session.text("/a"), r#"{"n":1}"#);
}

#[test]
fn sasl() {
    if left_to_zookeeper("sasl") {
        return;
    }
    let (zookeeper, _jaas) = start_with_sasl("keeper", CANARY);
    let scene = Scene::on(&zookeeper.address());
    scene.commit("first", &[("a.zk", GOOD)]);
    let config = |secret: &str| {
        let file = scene.treekeeper.file("sasl", secret);
        format!(
            "[limits]\nconnect_timeout = '60s'\n[auth.sasl]\nfile = '{}'\n",
            file.display()
        )
    };
    let wrong = config(&format!("keeper:{CANARY}-wrong\n"));
    assert_snapshot!(run(&scene, &wrong, &["sync"], 1), @r"
    error[TK1105]: ZooKeeper refused the credentials
    hint: check the credentials that [auth] names
    ");
    assert!(!scene.session.exists("/hosts"));
    let right = config(&format!("keeper:{CANARY}\n"));
    run(&scene, &right, &["sync"], 0);
    run(&scene, &right, &["status"], 0);
    run(&scene, &right, &["stop"], 0);
    run(&scene, &right, &["resume"], 0);
    // What it made is its own.
    let options = SaslOptions::digest_md5("keeper", CANARY);
    let client = wait(
        Client::connector()
            .with_sasl(options)
            .connect(&zookeeper.address()),
    )
    .unwrap();
    assert_eq!(owners(&client, "/a"), ["sasl:keeper"]);
    assert_eq!(Foreign::from_client(client).text("/a"), r#"{"n":1}"#);
}

#[test]
fn digest_with_the_creators_acl() {
    let connect = Server::shared().chroot();
    let scene = Scene::on(&connect);
    scene.commit("first", &[("a.zk", GOOD)]);
    let secret = scene.treekeeper.file("digest", format!("keeper:{CANARY}\r\n"));
    let config = format!("[auth.digest]\nfile = '{}'\n", secret.display());
    run(&scene, &config, &["sync"], 0);
    let pair = format!("keeper:{CANARY}");
    let client = wait(
        Client::connector()
            .with_auth("digest", pair.as_bytes())
            .connect(&connect),
    )
    .unwrap();
    for path in [
        "/a",
        "/hosts",
        "/treekeeper",
        "/treekeeper/state",
        "/ZktoolsLocks",
        "/ZktoolsLocks/,hosts",
    ] {
        let owners = owners(&client, path);
        assert!(
            owners.len() == 1 && owners[0].starts_with("digest:keeper:"),
            "{path}: {owners:?}"
        );
    }
    // Somebody without the password gets nothing, and is told what.
    assert_snapshot!(run(&scene, "", &["sync"], 1), @r"
    error[TK1104]: ZooKeeper denies reading /hosts
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    assert_snapshot!(run(&scene, "", &["tree"], 1), @r"
    error[TK1104]: ZooKeeper denies reading /ZktoolsLocks
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    // The variable does what the file does.
    let by_variable = Treekeeper::new(&connect, scene.repository.path())
        .with_environment("ZK_DIGEST", &format!("keeper:{CANARY}"));
    let file = by_variable.file("k.toml", "[auth.digest]\nenv = 'ZK_DIGEST'\n");
    let output = by_variable
        .run(&["sync", "-v", "--repair", "--config", file.to_str().unwrap()])
        .expect(0);
    assert!(!output.stderr.contains(CANARY));
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    run(&scene, &config, &["sync"], 0);
}

#[test]
fn open_acls_when_they_are_asked_for() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    let secret = scene.treekeeper.file("digest", format!("keeper:{CANARY}\n"));
    run(
        &scene,
        &format!(
            "[auth]\nacl = 'open'\ndigest = {{ file = '{}' }}\n",
            secret.display()
        ),
        &["sync"],
        0,
    );
    assert_eq!(scene.session.text("/a"), r#"{"n":1}"#);
}

#[test]
fn settings_that_contradict_each_other() {
    let scene = Scene::new();
    let said = |config: &str| run(&scene, config, &["tree"], 1);
    assert_snapshot!(said("[auth]\nacl = 'creator'\n"), @r#"error[TK1110]: [auth] says acl = "creator", but there are no credentials to be the creator"#);
    assert_snapshot!(said("[auth]\ndigest = { env = 'ABSENT' }\n"), @"error[TK1110]: the environment variable ABSENT, named in [auth], is not set");
    assert_snapshot!(said("[auth]\ndigest = { env = 'HOME' }\n"), @"error[TK1110]: the secret of [auth] digest is not of the form user:password");
    assert_snapshot!(said("[auth]\ndigest = { env = 'HOME' }\nsasl = { env = 'HOME' }\n"), @"error[TK1110]: [auth] names digest and sasl: use one of them");
    assert_snapshot!(said(&format!("[auth]\ndigest = 'keeper:{CANARY}'\n")), @r#"
    error[TK1110]: HOME/.config/treekeeper/treekeeper.toml:2:10: this is not what [auth] takes; it may be secret and is not shown
    hint: name where the secret stands: `digest = { file = "/path" }` or `digest = { env = "NAME" }`
    "#);
}

/// What only the server can judge is found out in the middle: the marker stays, and the next sync repairs.
#[test]
fn a_denial_that_no_one_foresaw_leaves_a_marked_tree() {
    if left_to_zookeeper("a_denial_that_no_one_foresaw_leaves_a_marked_tree") {
        return;
    }
    let (zookeeper, _jaas) = start_with_sasl("keeper", CANARY);
    let scene = Scene::on(&zookeeper.address());
    let tree = |number: usize| {
        let children: String = ('b'..='i')
            .map(|name| format!("  /{name}\n    n = {number}\n"))
            .collect();
        format!("/a\n{children}")
    };
    let file = scene.treekeeper.file("sasl", format!("keeper:{CANARY}"));
    let config = format!(
        "[limits]\ntransaction_operations = 6\n[auth]\nacl = 'open'\nsasl = {{ file = '{}' }}\n",
        file.display()
    );
    scene.commit("first", &[("a.zk", &tree(1))]);
    run(&scene, &config, &["sync"], 0);
    let acls = [
        Acl::new(Permission::READ | Permission::ADMIN, AuthId::anyone()),
        Acl::new(Permission::ALL, AuthId::new("sasl", "somebody-else")),
    ];
    wait(scene.session.client().set_acl("/a/h", &acls, None)).unwrap();
    scene.commit("second", &[("a.zk", &tree(2))]);
    assert_snapshot!(run(&scene, &config, &["sync"], 1), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    error[TK1104]: ZooKeeper denies writing /a/h; 3 of 4 batches are in the tree, which is marked as incomplete
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth]); the next sync repairs it: `treekeeper sync`
    ");
    assert_eq!(scene.session.json("/hosts")["version"], false);
    wait(
        scene
            .session
            .client()
            .set_acl("/a/h", &[Acl::new(Permission::ALL, AuthId::anyone())], None),
    )
    .unwrap();
    run(&scene, &config, &["sync"], 0);
    assert_eq!(scene.session.text("/a/h"), r#"{"n":2}"#);
}
