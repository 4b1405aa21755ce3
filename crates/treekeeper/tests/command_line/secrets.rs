//! What must never be told: values of properties whose names sound secret, and treekeeper's own credentials.

use crate::scene::Scene;
use crate::support::treekeeper::{Output, Treekeeper};

const CANARY: &str = "canary-7f3a";

/// Secret-looking names, the last only where the configuration says so, with values that must not be seen.
fn tree(suffix: &str) -> String {
    let names = [
        "password",
        "db_passwd",
        "PWD",
        "clientSecret",
        "api_token",
        "credentials",
        "private_key",
        "API_KEY",
    ];
    let lines: String = names
        .iter()
        .map(|name| format!("  {name} = '{CANARY}-{suffix}'\n"))
        .collect();
    format!("/a\n  n = 1\n{lines}  house_number = '{CANARY}-{suffix}'\n")
}

fn assert_silent(what: &str, output: &Output) {
    for (stream, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        assert!(
            !text.contains(CANARY),
            "{what} tells a secret on {stream}:\n{text}"
        );
    }
}

#[test]
fn secret_values_are_never_told() {
    let scene = Scene::new();
    scene.configure("[secrets]\nnames = ['house_number']\n");
    let run = |arguments: &[&str], status: i32| {
        let output = scene
            .treekeeper
            .run(&[arguments, &["-v"]].concat())
            .expect(status);
        assert_silent(&arguments.join(" "), &output);
        output
    };
    scene.commit("first", &[("a.zk", &tree("one"))]);
    for arguments in [
        &["plan"][..],
        &["plan", "--json"],
        &["sync", "--dry-run"],
        &["plan", "--show-secrets"],
        &["sync"],
    ] {
        run(arguments, 0);
    }
    scene.commit("second", &[("a.zk", &tree("two"))]);
    let shown = run(&["plan"], 0).stdout;
    assert!(shown.contains("password = ••• (changed, "), "{shown}");
    run(&["plan", "--check", "--out", "plan.json"], 0);
    assert_file_is_silent(&scene, "plan.json");
    scene
        .session
        .set("/a", format!("{{\"password\":\"{CANARY}-by-hand\"}}").as_bytes());
    run(&["apply", "plan.json"], 7);
    run(&["apply", "plan.json", "--json"], 7);
    run(&["plan", "--out", "plan.json", "--json"], 0);
    assert_file_is_silent(&scene, "plan.json");
    for arguments in [
        &["sync", "--dry-run", "--check"][..],
        &["apply", "plan.json"],
        &["apply", "plan.json", "--force"],
    ] {
        let output = scene.treekeeper.run(&[arguments, &["-v"]].concat());
        assert_silent(&arguments.join(" "), &output);
    }
    assert!(
        scene
            .treekeeper
            .stdout(&["get", "/a", "password"])
            .contains("-two")
    );
    scene
        .session
        .set("/a", format!("{{\"password\":\"{CANARY}-again\"}}").as_bytes());
    for arguments in [
        &["plan", "--json"][..],
        &["sync", "--dry-run", "--json"],
        &["sync", "--json"],
        &["status"],
        &["status", "--json"],
        &["lock", "show"],
        &["diff"],
        &["diff", "--json"],
        &["doctor"],
        &["config", "show"],
        &["plan", "--format", "markdown"],
        &["export", "--snapshot", "-"],
        &["blame", "/a"],
        &["blame", "/a", "house_number"],
        &["blame", "/a", "password", "--json"],
        &["history"],
        &["history", "--json"],
        &["rollback", "1"],
        &["unpin"],
        &["unpin", "--json"],
        &["sync"],
    ] {
        run(arguments, 0);
    }
    run(&["set", "/a", &format!("password='{CANARY}-three'")], 0);
    let file = scene.treekeeper.file("f.zk", tree("four"));
    run(&["import", file.to_str().unwrap(), "--dry-run"], 0);
    run(&["import", file.to_str().unwrap(), "--dry-run", "--json"], 0);
    scene.commit("third", &[("a.zk", "/a\n")]);
    run(&["plan"], 0);
    run(&["plan", "--json"], 0);
    // The data commands print data: that is what they are for.
    assert!(
        scene
            .treekeeper
            .stdout(&["get", "/a", "password"])
            .contains(CANARY)
    );
    assert!(scene.treekeeper.stdout(&["export", "/a"]).contains(CANARY));
    let nested = |suffix: &str| format!("/a\n  deep = {{'list': [{{'token': '{CANARY}-{suffix}'}}]}}\n");
    scene.commit("nested", &[("a.zk", &nested("one"))]);
    run(&["sync"], 0);
    scene.commit("nested again", &[("a.zk", &nested("two"))]);
    let shown = run(&["plan", "--out", "plan.json"], 0).stdout;
    assert!(shown.contains("'token': •••"), "{shown}");
    let text = std::fs::read_to_string(scene.treekeeper.home().join("plan.json")).unwrap();
    assert!(!text.contains(CANARY), "{text}");
    run(&["plan", "--json"], 0);
}

fn assert_file_is_silent(scene: &Scene, name: &str) {
    let text = std::fs::read_to_string(scene.treekeeper.home().join(name)).expect("a plan was saved");
    assert!(!text.contains(CANARY), "{name} holds a secret:\n{text}");
    assert!(text.contains("\"password\":{\"secret\":\""), "{text}");
}

/// The commands that print what they read because that is what they are for, or that never meet a tree.
const PRINT_DATA: [&str; 7] = ["parse", "tree", "export", "get", "fmt", "resolve", "ln"];
const MEET_NO_SECRET: [&str; 9] = [
    "resume",
    "pause",
    "stop",
    "demo",
    "dev-server",
    "explain",
    "completions",
    "man",
    "help",
];
/// The commands that the tests here look at.
const LOOKED_AT: [&str; 15] = [
    "sync", "plan", "apply", "status", "history", "rollback", "unpin", "lock", "validate", "import", "set",
    "blame", "diff", "doctor", "config",
];

#[test]
fn no_command_is_forgotten_here() {
    let help = Treekeeper::offline().stdout(&["--help"]);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    // Continued lines are indented further.
    let names = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty());
    let known = [&PRINT_DATA[..], &MEET_NO_SECRET, &LOOKED_AT].concat();
    for name in names {
        assert!(
            known.contains(&name),
            "does `{name}` print secrets? run it in a test here with the canary, and list it"
        );
    }
}

#[test]
fn errors_in_lines_with_secrets_do_not_show_them() {
    let scene = Scene::synced(&[("a.zk", "/a\n")]);
    let bad = [
        format!("/a\n  password = '{CANARY}\n"),
        format!("/a\n  password = {CANARY}\n"),
        format!("/a\n  password = open('{CANARY}')\n"),
        format!("/a\n  password = '{CANARY}'\n  password = '{CANARY}'\n"),
        format!("/a\n  x = 1\n    password = '{CANARY}'\n"),
        format!("password = '{CANARY}'\n/a\n"),
        format!("/a\n  api_token = '{CANARY}' + 1\n"),
        format!("/a\n  password: {CANARY}\n"),
        format!("/a\n  secret = ['{CANARY}', \n"),
    ];
    for text in &bad {
        scene.commit("bad", &[("a.zk", text)]);
        for arguments in [&["sync", "-v"][..], &["sync", "--json"], &["plan", "--json"]] {
            assert_silent(text, &scene.treekeeper.run(arguments).expect(1));
        }
        let file = scene.treekeeper.file("bad.zk", text);
        for command in ["validate", "parse", "import"] {
            let output = scene.treekeeper.run(&[command, file.to_str().unwrap()]).expect(1);
            assert_silent(&format!("{command} of {text}"), &output);
        }
        let output = scene
            .treekeeper
            .run(&["validate", "--json", file.to_str().unwrap()])
            .expect(1);
        assert_silent(text, &output);
    }
    scene.commit(
        "overlaid",
        &[
            ("a.zk", "/a\n"),
            ("b.zkx", &format!("/a\n  password = '{CANARY}-b'\n")),
            ("c.zkx", &format!("/a\n  password = '{CANARY}-c'\n")),
        ],
    );
    assert_silent("two overlays", &scene.treekeeper.run(&["sync"]).expect(1));
    for value in [
        format!("'{CANARY}"),
        CANARY.to_owned(),
        format!("open('{CANARY}')"),
        format!("'{CANARY}' % 1"),
    ] {
        let output = scene
            .treekeeper
            .run(&["set", "/a", &format!("password={value}")])
            .expect(64);
        assert_silent("set", &output);
    }
}

#[test]
fn credentials_in_urls_are_never_told() {
    let scene = Scene::new();
    scene.configure("[git]\nretry_pause = '1ms'\n");
    for url in [
        format!("https://jim:{CANARY}@127.0.0.1:1/trees.git"),
        format!("https://{CANARY}@127.0.0.1:1/trees.git"),
        format!("http://jim:{CANARY}@127.0.0.1:1/trees.git"),
        format!("git://jim:{CANARY}@127.0.0.1:1/trees.git"),
        format!("ftp://jim:{CANARY}@127.0.0.1:1/trees.git"),
        format!("https://jim:{CANARY}@127.0.0.1:1/trees.git?token={CANARY}"),
    ] {
        let output = scene.treekeeper.run(&["sync", "-v", "--url", &url]).expect(1);
        assert_silent(&url, &output);
    }
    let mirrors = walk(scene.treekeeper.home());
    assert!(!mirrors.iter().any(|path| path.contains(CANARY)), "{mirrors:?}");
}

#[test]
fn credentials_of_zookeeper_are_never_told() {
    let scene = Scene::synced(&[("a.zk", "/a\n")]);
    let environment = Treekeeper::new(&scene.connect, scene.repository.path())
        .with_environment("ZK_SECRET", &format!("keeper:{CANARY}"));
    let secret = environment.file("secret", format!("keeper:{CANARY}\n"));
    let by_variable = environment.file("env.toml", "[auth.digest]\nenv = 'ZK_SECRET'\n");
    let by_file = environment.file(
        "file.toml",
        format!("[auth.digest]\nfile = '{}'\n", secret.display()),
    );
    let inline = environment.file("inline.toml", format!("[auth]\ndigest = 'keeper:{CANARY}'\n"));
    let unset = environment.file("unset.toml", "[auth.digest]\nenv = 'ABSENT'\n");
    let mangled = environment.file("m", CANARY);
    let mangled = environment.file(
        "mangled.toml",
        format!("[auth.sasl]\nfile = '{}'\n", mangled.display()),
    );
    for config in [&by_variable, &by_file] {
        let config = config.to_str().unwrap();
        for arguments in [
            &["sync"][..],
            &["status"],
            &["plan"],
            &["tree"],
            &["lock", "show"],
            &["stop"],
            &["resume"],
        ] {
            let output = environment
                .run(&[arguments, &["-v", "--config", config]].concat())
                .expect(0);
            assert_silent(&arguments.join(" "), &output);
        }
    }
    for config in [&inline, &unset, &mangled] {
        let output = environment
            .run(&["sync", "-v", "--config", config.to_str().unwrap()])
            .expect(1);
        assert_silent(&config.display().to_string(), &output);
    }
}

/// Returns every path below a directory.
fn walk(directory: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        found.push(path.display().to_string());
        if path.is_dir() && !path.is_symlink() {
            found.extend(walk(&path));
        }
    }
    found
}
