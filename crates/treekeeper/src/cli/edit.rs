//! `import`, `set` and `ln`: changes of the live tree by hand, through the planner, the lock and the fence.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use treekeeper_core::gate::Blocker;
use treekeeper_core::layer::{self, merge_at};
use treekeeper_core::model::links::{self, LinkError};
use treekeeper_core::model::secret::{MASK, looks_secret};
use treekeeper_core::model::{Overlay, RootScope, Text, Value, ZnodePath, printable, quoted};
use treekeeper_core::operation::{Edit, EditOptions, Operation, Outcome, Receipt};
use treekeeper_core::plan::Trim;
use treekeeper_core::treefile::{self, SourceFile, expression};

use super::args::{ImportArgs, LinkArgs, SetArgs};
use super::data::{link_problem, resolved, znode_path};
use super::progress;
use super::setup::{Setup, teller, tree_limits};
use super::show::{self, View};
use super::sync::applied;
use super::ui::{self, Exit, Problem};
use crate::zk;

/// Imports one tree file.
pub fn import(setup: &Setup, options: &ImportArgs) -> Result<Exit, Problem> {
    let base = znode_path(&options.at)?;
    if base.is_reserved() {
        return Err(reserved(&base));
    }
    let source = source_file(&options.file)?;
    let (parse_limits, layer_limits) = tree_limits(&setup.config);
    let (tree, mut diagnostics) = treefile::parse(Arc::new(source), &parse_limits);
    let merged = merge_at(vec![tree], Overlay::Merge, &layer_limits, &base);
    let mut graft = match merged {
        Ok(graft) if diagnostics.is_empty() => graft,
        Ok(_) => return Ok(invalid(setup, &diagnostics)),
        Err(more) => {
            diagnostics = layer::joined_diagnostics(diagnostics, more);
            return Ok(invalid(setup, &diagnostics));
        }
    };
    let trim = if options.trim { Trim::ByRoot } else { Trim::Never };
    graft
        .desired
        .roots
        .values_mut()
        .for_each(|scope| *scope = RootScope::Trim);
    let edit = EditOptions {
        dry_run: options.dry_run,
        base,
        edit: Edit::Tree(graft, trim),
    };
    let receipt = run(setup, edit, options.lock_wait, options.allow_delete)?;
    if setup.json || (options.dry_run && receipt.plan.is_some()) {
        show::receipt(setup, &receipt, &View::plain(setup))?;
    }
    Ok(end(setup, &receipt))
}

fn invalid(setup: &Setup, diagnostics: &[treefile::Diagnostic]) -> Exit {
    ui::diagnostics(diagnostics, &setup.config.secrets.names, ui::NOTHING_WRITTEN);
    Exit::Error
}

fn run(
    setup: &Setup,
    edit: EditOptions,
    lock_wait: Option<u64>,
    allow_delete: Option<usize>,
) -> Result<Receipt, Problem> {
    let operation = Operation::edit(edit, setup.context(lock_wait, allow_delete)?);
    let world = setup.world(None);
    progress::run(setup, operation, world, &mut teller(setup.quiet))
}

fn end(setup: &Setup, receipt: &Receipt) -> Exit {
    let exit = ui::outcome(receipt, &setup.config.secrets.names, Blocker::edit_hint);
    if let (Outcome::Applied, Some(plan), false) = (&receipt.outcome, &receipt.plan, setup.quiet) {
        ui::say(&applied(receipt, plan, "Done"));
    }
    exit
}

/// Reads a tree file, or standard input for `-`.
pub fn source_file(path: &Path) -> Result<SourceFile, Problem> {
    let shown = path.to_string_lossy();
    let wrong = |error: std::io::Error| Problem::error(format!("cannot read {}: {error}", printable(&shown)));
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(wrong)?;
        return Ok(SourceFile {
            name: "<stdin>".to_owned(),
            bytes,
        });
    }
    let name = path
        .file_name()
        .map_or_else(|| shown.clone(), |name| name.to_string_lossy());
    Ok(SourceFile {
        name: name.into_owned(),
        bytes: std::fs::read(path).map_err(wrong)?,
    })
}

/// Sets properties of a znode.
pub fn set(setup: &Setup, options: &SetArgs) -> Result<Exit, Problem> {
    let changes = options
        .properties
        .iter()
        .map(|text| property(text, &setup.config.secrets.names))
        .collect::<Result<Vec<_>, _>>()?;
    let path = setup.block_on(async {
        let session = setup.open().await?;
        let path = settable(&session, &options.path).await;
        session.close().await;
        path
    })?;
    change(setup, &path, changes, options.lock_wait)
}

/// Resolves the path and, as the original, refuses to write a node whose property links are broken.
async fn settable(session: &zk::Session, path: &str) -> Result<ZnodePath, Problem> {
    let path = resolved(session, path).await?;
    let asked = zk::read_links(session, |known| {
        let properties = known.properties(&path)?;
        for (key, _) in properties.iter() {
            let plain = key.as_str().and_then(|key| key.strip_suffix(" =>"));
            if let Some(plain) = plain.filter(|plain| properties.get(plain).is_none()) {
                links::property(path.as_str(), plain, known)?;
            }
        }
        Ok::<_, LinkError>(())
    });
    asked.await?.map_err(|error| link_problem(&error))?;
    Ok(path)
}

/// Sets a symbolic link.
pub fn link(setup: &Setup, options: &LinkArgs) -> Result<Exit, Problem> {
    let (base, name) = match options.source.rsplit_once('/') {
        Some((base, name)) if !name.is_empty() => {
            (znode_path(if base.is_empty() { "/" } else { base })?, name)
        }
        _ => {
            return Err(Problem::usage(format!(
                "{} does not name a link: give the path of a znode, a slash, and the link's name",
                quoted(&options.source)
            )));
        }
    };
    if options.target.is_empty()
        || name.contains(char::is_whitespace)
        || options.target.contains(char::is_whitespace)
    {
        return Err(Problem::usage(
            "a link's name and target are not empty and hold no blanks",
        ));
    }
    let target = match options.target.strip_suffix('/') {
        Some(_) => format!("{}{name}", options.target),
        None => options.target.clone(),
    };
    let change_of_link = vec![(
        Text::from(format!("{name} ->")),
        Value::String(Text::from(target)),
    )];
    change(setup, &base, change_of_link, options.lock_wait)
}

fn change(
    setup: &Setup,
    path: &ZnodePath,
    changes: Vec<(Text, Value)>,
    lock_wait: Option<u64>,
) -> Result<Exit, Problem> {
    let hosts = ZnodePath::root().join("hosts");
    if path.is_within(&hosts) {
        return change_host(setup, path, &changes, *path == hosts);
    }
    if path.is_reserved() {
        return Err(reserved(path));
    }
    let edit = EditOptions {
        dry_run: false,
        base: path.clone(),
        edit: Edit::Properties(changes),
    };
    let receipt = run(setup, edit, lock_wait, None)?;
    Ok(end(setup, &receipt))
}

/// Hosts belong to their agents and to operators, not to the tree: no lock, no plan.
fn change_host(
    setup: &Setup,
    path: &ZnodePath,
    changes: &[(Text, Value)],
    is_hosts: bool,
) -> Result<Exit, Problem> {
    if is_hosts && changes.iter().any(|(key, _)| *key == "version") {
        return Err(Problem::error("the version of /hosts is not set like a property")
            .with_code("TK1010")
            .with_exit(Exit::Refused)
            .with_hint("use `treekeeper stop`, `resume VERSION` or `pause`"));
    }
    setup.block_on(async {
        let session = setup.open().await?;
        let changed = zk::change_host_property(&session, path, changes).await;
        session.close().await;
        Ok(changed?)
    })?;
    Ok(Exit::Done)
}

fn reserved(path: &ZnodePath) -> Problem {
    Problem::error(format!(
        "{} is reserved and not written by hand",
        printable(path.as_str())
    ))
    .with_code("TK1010")
    .with_exit(Exit::Refused)
}

/// Reads `KEY=EXPR`, the expression as in a tree file; what looks like a secret is never told.
fn property(text: &str, secrets: &[String]) -> Result<(Text, Value), Problem> {
    let shown = if looks_secret(text, secrets) {
        quoted(MASK)
    } else {
        quoted(text)
    };
    let Some((key, source)) = text.split_once('=') else {
        return Err(Problem::usage(format!("{shown} is not of the form KEY=EXPR")));
    };
    let key = key.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(Problem::usage(format!("{shown} has no key before the =")));
    }
    let value = expression::evaluate(source.trim()).and_then(|value| value.to_property_value(key));
    let value = value.map_err(|error| {
        if looks_secret(key, secrets) {
            let what = "cannot be read; what is wrong with it may be secret";
            return Problem::usage(format!("the value of {} {what}", printable(key)));
        }
        let problem = Problem::usage(format!("the value of {}: {}", printable(key), error.message));
        match error.help {
            Some(help) => problem.with_hint(help),
            None => problem,
        }
    })?;
    Ok((Text::from(key), value))
}
