//! `blame`: where a znode or a property comes from: the line, the commit that wrote it, the sync that brought it, and
//! whether the live tree still has it so.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use treekeeper_core::layer::{self, NodeOrigins, Origin, PropertyOrigins};
use treekeeper_core::model::cluster::ClusterReading;
use treekeeper_core::model::history::Entry;
use treekeeper_core::model::{
    DesiredTree, LiveNode, Properties, Revision, Text, Value, ZnodePath, decode, printable,
};
use treekeeper_core::operation::{Depth, KnownCommits, Scope, Timestamp};
use treekeeper_core::plan::display::property_text;
use treekeeper_core::plan::{DisplayOptions, Secrets};
use treekeeper_core::treefile::{self, FileTree};

use super::args::BlameArgs;
use super::data::znode_path;
use super::setup::{Setup, tree_limits};
use super::ui::{self, Exit, Problem};
use crate::engine::RepositorySource;
use crate::git::{Blamed, escape};
use crate::zk::{self, ReadMethod};

/// What is known of a place and a key.
struct Answer<'a> {
    setup: &'a Setup,
    path: ZnodePath,
    revision: Revision,
    /// Where it is written, with the commit that last changed the line.
    line: (Origin, Blamed),
    overridden: Vec<Origin>,
    property: Option<(Text, Value)>,
    /// The properties of the node, if none was asked for.
    properties: Vec<PropertyOrigins>,
    /// The commit whose deployment brought the line, by whom and when.
    deployed: Option<(Revision, String, String)>,
    live: Live,
}

/// What the live tree says of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Live {
    Same,
    Differs,
    Missing,
}

impl Live {
    fn word(self) -> &'static str {
        match self {
            Live::Same => "same",
            Live::Differs => "differs",
            Live::Missing => "missing",
        }
    }
}

/// Prints where the znode, or its property, comes from.
pub fn run(setup: &Setup, options: &BlameArgs) -> Result<Exit, Problem> {
    let path = znode_path(&options.znode)?;
    let (cluster, history, live) = look(setup, &path)?;
    let wanted = match (&options.revision, cluster.deployed()) {
        (Some(revision), _) => revision.clone(),
        (None, Some(deployed)) => deployed.as_str().to_owned(),
        (None, None) => {
            return Err(Problem::error("no commit is deployed")
                .with_code("TK1205")
                .with_hint("name one: `treekeeper blame PATH --revision REV`"));
        }
    };
    let mut repository = setup.repository(Some(&wanted))?.for_a_look();
    let (revision, _) = repository.fetch(&KnownCommits::default())?;
    let (files, desired) = parsed(setup, &mut repository, &revision)?;
    let Some(found) = layer::origins(&files, setup.overlay, &path) else {
        return not_in_files(setup, &cluster, &path, live.as_ref(), &revision);
    };
    let key = options.key.as_deref().map(Text::from);
    let live_properties = live.as_ref().map(|node| decode(&node.data).into_properties());
    let Some((origin, overridden, property)) = origin_of(&found, key.as_ref()) else {
        return no_such_property(setup, &path, options, &revision, live_properties.as_ref());
    };
    let blamed = repository.blame(&revision, &origin.source.name, origin.line)?;
    let answer = Answer {
        setup,
        deployed: deployed(&cluster, &history, &mut repository, &blamed)?,
        live: compared(&desired, &path, key.as_ref(), live_properties.as_ref()),
        properties: match property {
            None => found.properties,
            Some(_) => Vec::new(),
        },
        path,
        revision,
        line: (origin, blamed),
        overridden,
        property,
    };
    if setup.json {
        ui::print_json(&answer.as_json())?;
    } else {
        ui::print_bytes(answer.as_text().as_bytes())?;
    }
    Ok(Exit::Done)
}

type Looked = (ClusterReading, Vec<Entry>, Option<LiveNode>);

/// Reads the cluster, what was deployed when, and the one znode.
fn look(setup: &Setup, path: &ZnodePath) -> Result<Looked, Problem> {
    setup.block_on(async {
        let session = setup.open().await?;
        let cluster = zk::read_cluster(&session, Depth::Versions).await?;
        let recorded = zk::read_history(&session).await?.into_iter();
        let mut entries: Vec<_> = recorded
            .filter_map(|recorded| Some((recorded.number, recorded.entry.ok()?)))
            .collect();
        entries.sort_by_key(|(number, _)| *number);
        let history = entries.into_iter().map(|(_, entry)| entry).collect();
        let scope = Scope {
            subtrees: Vec::new(),
            nodes: vec![path.clone()],
        };
        let tree = zk::observe(&session, &scope, ReadMethod::Batched).await?;
        session.close().await;
        let node = tree.find(path).map(|id| tree.content(id).clone());
        Ok((cluster, history, node.filter(|node| node.version.0 >= 0)))
    })
}

/// Reads and parses the files of the commit, which must be right.
fn parsed(
    setup: &Setup,
    repository: &mut RepositorySource,
    revision: &Revision,
) -> Result<(Vec<FileTree>, DesiredTree), Problem> {
    let (parse_limits, layer_limits) = tree_limits(&setup.config);
    let rules = layer::Rules {
        overlay: setup.overlay,
        parse_limits,
        layer_limits,
    };
    let files: Vec<_> = repository.read(revision)?.0.into_iter().map(Arc::new).collect();
    let read = layer::read(&files, &rules);
    let (Some(desired), true) = (read.0, read.1.is_empty()) else {
        let shown = ui::counted(read.1.len(), "error");
        return Err(
            Problem::error(format!("the tree files of {revision:.12} have {shown}"))
                .with_hint(format!("see them: `treekeeper plan --revision {revision:.12}`")),
        );
    };
    let parse = |file| treefile::parse(file, &rules.parse_limits).0;
    Ok((files.into_iter().map(parse).collect(), desired))
}

type Found = (Origin, Vec<Origin>, Option<(Text, Value)>);

/// Returns the line that counts, and those that it takes the place of.
fn origin_of(found: &NodeOrigins, key: Option<&Text>) -> Option<Found> {
    match key {
        None => {
            let (first, others) = found.nodes.split_first()?;
            Some((first.clone(), others.to_vec(), None))
        }
        Some(key) => {
            let property = found.properties.iter().find(|property| property.key == *key)?;
            Some((
                property.origin.clone(),
                property.overridden.clone(),
                Some((property.key.clone(), property.value.clone())),
            ))
        }
    }
}

/// Compares the property, or all of them, with what is live.
fn compared(desired: &DesiredTree, path: &ZnodePath, key: Option<&Text>, live: Option<&Properties>) -> Live {
    let (Some(id), Some(live)) = (desired.tree.find(path), live) else {
        return Live::Missing;
    };
    let desired = decode(&desired.tree.content(id).data).into_properties();
    let value = |properties: &Properties, key: &Text| {
        let found = properties.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.clone())
    };
    let same = match key {
        None => desired == *live,
        Some(key) => match value(live, key) {
            None => return Live::Missing,
            live => live == value(&desired, key),
        },
    };
    if same { Live::Same } else { Live::Differs }
}

/// Returns the deployment that brought the commit, and since which it is there; the history forgets those before the
/// last hundred, and the oldest that it knows stands for them.
fn deployed(
    cluster: &ClusterReading,
    history: &[Entry],
    repository: &mut RepositorySource,
    blamed: &Blamed,
) -> Result<Option<(Revision, String, String)>, Problem> {
    let (Some(revision), Some(state)) = (cluster.deployed(), cluster.state.state()) else {
        return Ok(None);
    };
    if !repository.is_behind(&blamed.commit, &revision)? {
        return Ok(None);
    }
    let mut found = (revision, escape(&state.by), escape(&state.at));
    for entry in history.iter().rev() {
        let Some(commit) = Revision::parse(&entry.commit) else {
            break;
        };
        if !repository.is_behind(&blamed.commit, &commit)? {
            break;
        }
        found = (commit, escape(&entry.by), escape(&entry.at));
    }
    Ok(Some(found))
}

/// Says why no file has the znode.
fn not_in_files(
    setup: &Setup,
    cluster: &ClusterReading,
    path: &ZnodePath,
    live: Option<&LiveNode>,
    revision: &Revision,
) -> Result<Exit, Problem> {
    let Some(node) = live else {
        return Err(zk::ZkError::NoNode(path.as_str().to_owned()).into());
    };
    let top = path.names().next().unwrap_or_default();
    let state = cluster.state.state();
    let was_managed = state.is_some_and(|state| state.roots.contains(top));
    let is_orphan = state.is_some_and(|state| state.orphans.contains(top));
    let (why, said) = match node.ephemeral_owner {
        Some(owner) => (
            "ephemeral",
            format!("it is ephemeral: session 0x{owner:x} made it, and it goes with it"),
        ),
        None if path.is_reserved() => (
            "reserved",
            "it is reserved: treekeeper, hosts or locks keep it".to_owned(),
        ),
        None if is_orphan => (
            "orphan",
            "an earlier commit defined it: `treekeeper sync --repair --prune-roots` deletes it".to_owned(),
        ),
        None if was_managed => (
            "extra",
            "somebody else made it: `treekeeper plan` shows whether the next sync deletes it".to_owned(),
        ),
        None => ("foreign", "it is not managed, and never touched".to_owned()),
    };
    let shown = printable(path.as_str());
    if setup.json {
        ui::print_json(&json!({
            "schema": 1,
            "path": path.as_str(),
            "revision": revision.as_str(),
            "defined": false,
            "why": why,
        }))?;
    } else {
        ui::print_bytes(format!("No file of {revision:.12} defines {shown}: {said}.\n").as_bytes())?;
    }
    Ok(Exit::Done)
}

fn no_such_property(
    setup: &Setup,
    path: &ZnodePath,
    options: &BlameArgs,
    revision: &Revision,
    live: Option<&Properties>,
) -> Result<Exit, Problem> {
    let key = options.key.as_deref().unwrap_or_default();
    let (path_shown, key_shown) = (printable(path.as_str()), printable(key));
    if live.is_none_or(|live| live.get(key).is_none()) {
        return Err(Problem::error(format!(
            "{path_shown} has no property {key_shown}, neither in the files nor live"
        ))
        .with_code("TK1119")
        .with_hint(format!("see which it has: `treekeeper blame {path_shown}`")));
    }
    if setup.json {
        ui::print_json(&json!({
            "schema": 1,
            "path": path.as_str(),
            "key": key,
            "revision": revision.as_str(),
            "defined": false,
            "why": "extra",
        }))?;
    } else {
        let text = format!(
            "No file of {revision:.12} sets {key_shown} of {path_shown}: somebody else set it, and `treekeeper plan` shows \
             whether the next sync removes it.\n"
        );
        ui::print_bytes(text.as_bytes())?;
    }
    Ok(Exit::Done)
}

impl Answer<'_> {
    fn property_text(&self, key: &Text, value: &Value) -> String {
        let options = DisplayOptions {
            secrets: Secrets::Masked(&self.setup.config.secrets.names),
            ..DisplayOptions::default()
        };
        property_text(key, value, &options)
    }

    fn as_text(&self) -> String {
        let (origin, blamed) = &self.line;
        let mut out = printable(self.path.as_str()).into_owned();
        if let Some((key, value)) = &self.property {
            out.push_str(&format!("  {}", self.property_text(key, value)));
        }
        out.push_str(&format!("\nfile    {}\n", placed(origin)));
        for other in &self.overridden {
            let word = match self.property {
                Some(_) => "over",
                None => "and",
            };
            out.push_str(&format!("{word:<6}  {}\n", placed(other)));
        }
        out.push_str(&format!(
            "commit  {}  {}  {}\n        {}\n",
            blamed.commit,
            date(blamed),
            escape(&blamed.author),
            escape(&blamed.subject)
        ));
        out.push_str(&match &self.deployed {
            Some((revision, by, at)) => format!("synced  {revision} by {by} at {at}\n"),
            None => "synced  not yet\n".to_owned(),
        });
        out.push_str(match self.live {
            Live::Same => "live    as in the files\n",
            // What is not deployed is no drift.
            Live::Differs | Live::Missing if self.deployed.is_none() => "live    not so\n",
            Live::Differs => {
                "live    differs: `treekeeper plan` shows how, `treekeeper sync --repair` mends it\n"
            }
            Live::Missing => "live    missing: `treekeeper sync --repair` mends it\n",
        });
        for property in &self.properties {
            let text = self.property_text(&property.key, &property.value);
            out.push_str(&format!("  {text}  ({})\n", placed(&property.origin)));
        }
        out
    }

    fn as_json(&self) -> Json {
        let (origin, blamed) = &self.line;
        let place = |origin: &Origin| {
            json!({
                "file": origin.source.name,
                "line": origin.line,
                "layer": if origin.is_overlay() { "overlay" } else { "base" },
            })
        };
        let properties: Vec<Json> = self
            .properties
            .iter()
            .map(|property| json!({ "key": property.key.to_str_lossy(), "place": place(&property.origin) }))
            .collect();
        json!({
            "schema": 1,
            "path": self.path.as_str(),
            "key": self.property.as_ref().map(|(key, _)| key.to_str_lossy().into_owned()),
            "revision": self.revision.as_str(),
            "defined": true,
            "place": place(origin),
            "others": self.overridden.iter().map(place).collect::<Vec<_>>(),
            "properties": properties,
            "commit": {
                "id": blamed.commit.as_str(),
                "author": blamed.author,
                "date": date(blamed),
                "subject": blamed.subject,
                "line": blamed.line,
            },
            "deployed": self.deployed.as_ref().map(|(revision, by, at)| {
                json!({ "commit": revision.as_str(), "by": by, "at": at })
            }),
            "live": self.live.word(),
        })
    }
}

fn placed(origin: &Origin) -> String {
    let overlay = if origin.is_overlay() { " (overlay)" } else { "" };
    format!("{}:{}{overlay}", escape(&origin.source.name), origin.line)
}

fn date(blamed: &Blamed) -> String {
    let time = Timestamp::from_second(blamed.seconds);
    time.map_or_else(
        |_| "at an impossible time".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}
