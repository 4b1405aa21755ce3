//! `tree`, `export`, `get` and `resolve`: the live tree, printed as it is.
//!
//! These print data, secrets included: that is what they are for.

use treekeeper_core::model::links::{self, LinkError};
use treekeeper_core::model::{
    LiveTree, RESERVED_ROOTS, Text, Value, ZnodePath, printable, quoted, write_json,
};
use treekeeper_core::operation::Scope;
use treekeeper_core::treefile::{PrintOptions, live_to_json, print};

use super::args::{ExportArgs, GetArgs, ResolveArgs, TreeArgs};
use super::setup::Setup;
use super::snapshot;
use super::ui::{self, Exit, Problem};
use crate::zk::{self, ReadMethod, Session};

/// Prints the live tree for people.
pub fn tree(setup: &Setup, options: &TreeArgs) -> Result<Exit, Problem> {
    let print_options = PrintOptions {
        ephemeral: true,
        plain: options.plain,
        all: options.all,
        strict: false,
        ..PrintOptions::default()
    };
    if setup.json {
        return tree_json(setup, options);
    }
    let text = printed(setup, &options.path, &print_options)?;
    ui::print_bytes(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Prints the live tree as one line of JSON.
fn tree_json(setup: &Setup, options: &TreeArgs) -> Result<Exit, Problem> {
    let path = znode_path(&options.path)?;
    let live = live(setup, &path)?;
    let node = live.find(&path).unwrap_or_else(|| unreachable!("it was read"));
    let mut json = b"{\"schema\":1,\"path\":".to_vec();
    write_json(&Value::String(Text::from(path.as_str())), &mut json);
    json.extend_from_slice(b",\"tree\":");
    json.extend_from_slice(live_to_json(&live, node, options.all).as_bytes());
    json.extend_from_slice(b"}\n");
    ui::print_bytes(&json)?;
    Ok(Exit::Done)
}

/// Prints or writes the live tree as a tree file.
pub fn export(setup: &Setup, options: &ExportArgs) -> Result<Exit, Problem> {
    if let Some(file) = &options.snapshot {
        return snapshot::export(setup, options, file);
    }
    let print_options = PrintOptions {
        ephemeral: options.ephemeral,
        name: options.name.clone(),
        plain: options.plain,
        all: options.all,
        strict: true,
    };
    if setup.json {
        return Err(Problem::usage("an exported tree is a tree file, not JSON")
            .with_hint("`treekeeper tree --json` prints the live tree as JSON"));
    }
    let text = printed(setup, &options.path, &print_options)?;
    match &options.output {
        None => ui::print_bytes(text.as_bytes())?,
        Some(path) => std::fs::write(path, &text).map_err(|error| {
            Problem::error(format!(
                "cannot write {}: {error}",
                printable(&path.to_string_lossy())
            ))
        })?,
    }
    let reserved = reserved(&text);
    if !reserved.is_empty() && !setup.quiet {
        ui::hint(&format!(
            "no tree file may define {}: take that out, or export one top-level znode at a time, such as \
             `treekeeper export /cms`",
            reserved.join(", ")
        ));
    }
    Ok(Exit::Done)
}

/// Returns the top-level znodes of a tree file that a sync would refuse.
fn reserved(text: &str) -> Vec<&str> {
    let tops = text.lines().filter(|line| line.starts_with('/'));
    let paths = tops.filter_map(|line| line.split(' ').next());
    paths
        .filter(|path| RESERVED_ROOTS.contains(&&path[1..]))
        .collect()
}

fn printed(setup: &Setup, path: &str, options: &PrintOptions) -> Result<String, Problem> {
    let path = znode_path(path)?;
    let live = live(setup, &path)?;
    let node = live.find(&path).unwrap_or_else(|| unreachable!("it was read"));
    print(&live, node, options).map_err(|error| {
        Problem::error(error.to_string()).with_hint("`treekeeper tree` shows it all the same")
    })
}

fn live(setup: &Setup, path: &ZnodePath) -> Result<LiveTree, Problem> {
    setup.block_on(async {
        let session = setup.open().await?;
        let live = read(&session, path).await;
        session.close().await;
        live
    })
}

async fn read(session: &Session, path: &ZnodePath) -> Result<LiveTree, Problem> {
    let scope = Scope {
        subtrees: vec![path.clone()],
        nodes: Vec::new(),
    };
    let live = zk::observe(session, &scope, ReadMethod::Batched).await?;
    let is_there = live
        .find(path)
        .is_some_and(|node| live.content(node).version.0 >= 0);
    if is_there {
        return Ok(live);
    }
    if path.is_root() {
        return Err(zk::ZkError::NoChroot(session.chroot().to_owned()).into());
    }
    Err(zk::ZkError::NoNode(path.as_str().to_owned()).into())
}

/// Prints a znode's properties, or one of them.
pub fn get(setup: &Setup, options: &GetArgs) -> Result<Exit, Problem> {
    let path = checked(&options.path)?;
    let mut json = Vec::new();
    setup.block_on(async {
        let session = setup.open().await?;
        let found = match &options.key {
            Some(key) => zk::read_links(&session, |known| links::property(&path, key, known)).await,
            None => {
                zk::read_links(&session, |known| {
                    let resolved = links::resolve(&path, known)?;
                    let properties = known.properties(&resolved.node)?;
                    Ok(Value::Object(properties.clone().into_entries()))
                })
                .await
            }
        };
        session.close().await;
        let value = found?.map_err(|error| match &error {
            LinkError::NoKey(key) => {
                Problem::error(format!("{} has no property {}", printable(&path), printable(key)))
                    .with_code("TK1119")
            }
            error => link_problem(error),
        })?;
        write_json(&value, &mut json);
        Ok(())
    })?;
    json.push(b'\n');
    ui::print_bytes(&json)?;
    Ok(Exit::Done)
}

/// Prints the path with symbolic links resolved.
pub fn resolve(setup: &Setup, options: &ResolveArgs) -> Result<Exit, Problem> {
    let path = checked(&options.path)?;
    let node = setup.block_on(async {
        let session = setup.open().await?;
        let found = resolved(&session, &path).await;
        session.close().await;
        found
    })?;
    if setup.json {
        ui::print_json(&serde_json::json!({ "schema": 1, "path": node.as_str() }))?;
    } else {
        ui::print_bytes(format!("{}\n", printable(node.as_str())).as_bytes())?;
    }
    Ok(Exit::Done)
}

/// Returns the node that `path` leads to, symbolic links followed.
pub async fn resolved(session: &Session, path: &str) -> Result<ZnodePath, Problem> {
    let found = zk::read_links(session, |known| links::resolve(path, known)).await?;
    found
        .map(|resolved| resolved.node)
        .map_err(|error| link_problem(&error))
}

/// Returns a link error as a problem.
pub fn link_problem(error: &LinkError) -> Problem {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    let code = match error {
        LinkError::NoNode(_) => "TK1106",
        LinkError::NoKey(_) => "TK1119",
        LinkError::LinkLoop(_) | LinkError::BadPropertyLink { .. } => "TK1118",
        LinkError::Need(_) | LinkError::AboveRoot(_) => {
            return Problem::error(printable(&message).into_owned());
        }
    };
    Problem::error(printable(&message).into_owned()).with_code(code)
}

/// Returns the path that a user typed; repeated and trailing slashes are dropped, as the original's client does.
pub fn znode_path(text: &str) -> Result<ZnodePath, Problem> {
    let wrong = |error: &dyn std::fmt::Display| {
        Problem::usage(format!("{} is not a znode's path: {error}", quoted(text)))
    };
    if !text.starts_with('/') {
        return Err(wrong(&"it does not start with /"));
    }
    let names: Vec<&str> = text.split('/').filter(|name| !name.is_empty()).collect();
    ZnodePath::parse(&format!("/{}", names.join("/"))).map_err(|error| wrong(&error))
}

/// Checks a path that may hold `.` and `..`.
fn checked(text: &str) -> Result<String, Problem> {
    if text.starts_with('/') {
        return Ok(text.to_owned());
    }
    Err(Problem::usage(format!(
        "{} is not a znode's path: it does not start with /",
        quoted(text)
    )))
}
