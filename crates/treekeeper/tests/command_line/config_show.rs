//! `config show`: where each value comes from.

use insta::assert_snapshot;

use crate::support::treekeeper::Treekeeper;

fn home(treekeeper: &Treekeeper) -> String {
    treekeeper.home().display().to_string()
}

/// Returns what is printed, without the directory that is another one in each run.
fn shown(treekeeper: &Treekeeper, arguments: &[&str]) -> String {
    treekeeper.stdout(arguments).replace(&home(treekeeper), "HOME")
}

fn configure(treekeeper: &Treekeeper, text: &str) {
    let directory = treekeeper.home().join(".config/treekeeper");
    std::fs::create_dir_all(&directory).expect("the home directory can be written to");
    std::fs::write(directory.join("treekeeper.toml"), text).expect("the home directory can be written to");
}

#[test]
fn without_files_everything_is_a_default() {
    assert_snapshot!(shown(&Treekeeper::offline(), &["config", "show"]), @r#"
    # /etc/treekeeper/treekeeper.toml: not there
    # HOME/.config/treekeeper/treekeeper.toml: not there
    zookeeper = "127.0.0.1:2181"   # default
    overlay = "merge"              # default
    lock = "zktools"               # default
    lock_wait = "0s"               # default
    bump = "commit"                # default

    [git]
    # url                          # not set: commands that read the repository need it
    # branch                       # not set: the branch that the remote's HEAD names
    path = "."                     # default
    # mirror                       # not set: in the user's state directory, one for each repository
    history = "fast-forward"       # default
    retries = 3                    # default
    retry_pause = "3s"             # default

    [delete]
    znodes_max = 20                # default
    percent_max = 30               # default
    protect = []                   # default
    prune_roots = false            # default

    [secrets]
    names = []                     # default

    [limits]
    file_bytes = 268435456         # default
    repository_bytes = 2147483648  # default
    line_bytes = 65536             # default
    znodes = 2000000               # default
    depth = 256                    # default
    path_bytes = 1024              # default
    node_data_bytes = 262144       # default
    child_names_bytes = 524288     # default
    transaction_bytes = 524288     # default
    transaction_operations = 5000  # default
    batch_bytes = 64000            # default
    diagnostics = 500              # default
    connect_timeout = "6s"         # default
    request_timeout = "60s"        # default
    session_timeout = "20s"        # default
    git_timeout = "300s"           # default
    git_memory_bytes = 2147483648  # default

    [auth]
    # digest                       # not set: no credentials
    # sasl                         # not set: no credentials
    allow_plaintext = false        # default
    # acl                          # not set: "creator" with credentials, else "open"

    [auth.tls]
    # ca                           # not set: no TLS, or the system's authorities
    # certificate                  # not set: no client certificate
    # key                          # not set: no client certificate
    "#);
}

#[test]
fn each_value_tells_where_it_comes_from() {
    let treekeeper = Treekeeper::offline().with_environment("ZC_ZK_CONNECTION_STRING", "zk9:2181/staging");
    configure(
        &treekeeper,
        "zookeeper = 'zk1:2181'\nlock = 'both'\n[git]\nurl = 'https://jim:hunter2@git.example.com/trees.git'\n\
         branch = 'main'\n[secrets]\nnames = ['pin']\n[auth]\ndigest = { file = '/etc/treekeeper/digest' }\n",
    );
    let arguments = ["config", "show", "--lock", "kazoo", "--branch", "prod"];
    let text = shown(&treekeeper, &arguments);
    let told = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} = ")));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        words.join(" ")
    };
    let keys = ["zookeeper", "lock", "overlay", "url", "branch", "names", "digest"];
    assert_snapshot!(keys.map(told).join("\n"), @r#"
    zookeeper = "zk9:2181/staging" # environment variable ZC_ZK_CONNECTION_STRING
    lock = "kazoo" # flag --lock
    overlay = "merge" # default
    url = "https://***@git.example.com/trees.git" # file HOME/.config/treekeeper/treekeeper.toml
    branch = "prod" # flag --branch
    names = ["pin"] # file HOME/.config/treekeeper/treekeeper.toml
    digest = { file = "/etc/treekeeper/digest" } # file HOME/.config/treekeeper/treekeeper.toml
    "#);
    assert!(!text.contains("hunter2"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&shown(&treekeeper, &["config", "show", "--json"])).unwrap();
    assert_eq!(json["schema"], 1);
    let row = |key: &str| {
        let rows = json["values"].as_array().unwrap();
        rows.iter().find(|row| row["key"] == key).unwrap().to_string()
    };
    let keys = [
        "zookeeper",
        "lock",
        "git.url",
        "git.mirror",
        "auth.digest",
        "limits.depth",
    ];
    assert_snapshot!(keys.map(row).join("\n"), @r#"
    {"key":"zookeeper","source":{"kind":"environment","name":"ZC_ZK_CONNECTION_STRING"},"value":"zk9:2181/staging"}
    {"key":"lock","source":{"kind":"file","name":"HOME/.config/treekeeper/treekeeper.toml"},"value":"both"}
    {"key":"git.url","source":{"kind":"file","name":"HOME/.config/treekeeper/treekeeper.toml"},"value":"https://***@git.example.com/trees.git"}
    {"key":"git.mirror","source":{"kind":"default"},"value":null}
    {"key":"auth.digest","source":{"kind":"file","name":"HOME/.config/treekeeper/treekeeper.toml"},"value":{"file":"/etc/treekeeper/digest"}}
    {"key":"limits.depth","source":{"kind":"default"},"value":256}
    "#);
    assert_snapshot!(json["files"].to_string(), @r#"[{"path":"/etc/treekeeper/treekeeper.toml","read":false},{"path":"HOME/.config/treekeeper/treekeeper.toml","read":true}]"#);
}

#[test]
fn what_is_shown_is_a_file_that_says_the_same() {
    let treekeeper = Treekeeper::offline();
    configure(
        &treekeeper,
        "lock_wait = '5m'\n[limits]\ndepth = 7\n[auth]\nsasl = { env = 'SECRET' }\n[auth.tls]\nca = '/ca.pem'\n",
    );
    let values = |text: &str| {
        let lines = text.lines().filter_map(|line| line.split_once("  # "));
        lines
            .map(|(value, _)| value.trim_end().to_owned())
            .collect::<Vec<_>>()
    };
    let text = treekeeper.stdout(&["config", "show"]);
    treekeeper.file("copy.toml", &text);
    let copy = treekeeper.stdout(&["config", "show", "--config", "copy.toml"]);
    assert_eq!(values(&copy), values(&text));
}

#[test]
fn a_wrong_file_is_told_as_everywhere() {
    let treekeeper = Treekeeper::offline();
    configure(&treekeeper, "[auth]\ndigest = 'jim:hunter2'\n");
    let output = treekeeper.run(&["config", "show"]).expect(1);
    assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
    assert_snapshot!(output.stderr.replace(&home(&treekeeper), "HOME"), @r#"
    error[TK1110]: HOME/.config/treekeeper/treekeeper.toml:2:10: this is not what [auth] takes; it may be secret and is not shown
    hint: name where the secret stands: `digest = { file = "/path" }` or `digest = { env = "NAME" }`
    "#);
}
