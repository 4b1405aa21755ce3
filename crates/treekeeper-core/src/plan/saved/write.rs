//! Writes a plan as the text of a file: JSON, one operation a line, all of it ASCII.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::{Basis, Canonical, DIGEST, KIND, SCHEMA};
use crate::model::{Bump, HashKey, Overlay, Revision, ZnodePath, Zxid, decode};
use crate::plan::json::{list, string, text, write_orphan, write_spared, write_value};
use crate::plan::spelling::value_bytes;
use crate::plan::{Change, Plan, Secrets};

/// What a saved plan says besides its operations.
#[derive(Clone, Debug)]
pub struct Saving<'a> {
    /// The release that made it.
    pub treekeeper: &'a str,
    /// When, RFC 3339.
    pub at: &'a str,
    /// Who, such as `user@machine`.
    pub by: &'a str,
    /// The servers and the chroot, for people.
    pub zookeeper: &'a str,
    /// The commit that it deploys.
    pub revision: &'a Revision,
    /// What it was made against.
    pub basis: &'a Basis,
    /// The directory of the tree files in the repository.
    pub path: &'a str,
    /// How overlays are laid.
    pub overlay: Overlay,
    /// `--prune-roots`.
    pub prune_roots: bool,
    /// Which commits move the version of `/hosts`.
    pub bump: Bump,
    /// What would have refused it when it was made, safe to print.
    pub refused_by: &'a [String],
    /// A random key for the hashes.
    pub key: HashKey,
    /// Names that look secret besides the built-in ones.
    pub secret_names: &'a [String],
}

/// Writes `plan` to `out` as one JSON object and a newline.
///
/// Properties are those that a create or a change leaves, as `plan::json` writes values; a secret is
/// `{"secret": "0123456789abcdef"}`, its keyed hash.
pub fn write(out: &mut impl Write, plan: &Plan, saving: &Saving<'_>) -> fmt::Result {
    let mut out = Digesting {
        out,
        canonical: Canonical::default(),
    };
    head(&mut out, plan, saving)?;
    let parents: BTreeMap<&ZnodePath, Zxid> = plan.parents.iter().map(|(path, zxid)| (path, *zxid)).collect();
    list(&mut out, "operations", &plan.changes, |out, change| {
        operation(out, change, &parents, saving)
    })?;
    list(&mut out, "spared", &plan.spared, write_spared)?;
    list(&mut out, "orphans", &plan.orphans, write_orphan)?;
    let digest = out.canonical.finish();
    write!(out.out, ",\n{DIGEST}:\"{digest}\"}}\n")
}

fn head(out: &mut impl Write, plan: &Plan, saving: &Saving<'_>) -> fmt::Result {
    let basis = saving.basis;
    write!(out, "{{\n\"kind\":\"{KIND}\",\n\"schema\":{SCHEMA}")?;
    field(out, "treekeeper", saving.treekeeper)?;
    out.write_str(",\n\"created\":{\"at\":")?;
    string(out, saving.at)?;
    out.write_str(",\"by\":")?;
    string(out, saving.by)?;
    out.write_str("}")?;
    field(out, "zookeeper", saving.zookeeper)?;
    field(out, "repository", basis.repository.as_str())?;
    field(out, "commit", saving.revision.as_str())?;
    out.write_str(",\n\"options\":{\"path\":")?;
    string(out, saving.path)?;
    write!(
        out,
        ",\"overlay\":\"{}\",\"prune_roots\":{},\"bump\":\"{}\"}}",
        saving.overlay.word(),
        saving.prune_roots,
        saving.bump.word()
    )?;
    field(out, "key", &saving.key.hex())?;
    out.write_str(",\n\"hosts\":")?;
    match &basis.hosts {
        None => out.write_str("null")?,
        Some(hosts) => {
            out.write_str("{\"version\":")?;
            string(out, &hosts.version)?;
            write!(out, ",\"data_version\":{}}}", hosts.data_version)?;
        }
    }
    out.write_str(",\n\"state\":")?;
    match &basis.state {
        None => out.write_str("null")?,
        Some(state) => write!(
            out,
            "{{\"data_version\":{},\"czxid\":{}}}",
            state.data_version, state.czxid
        )?,
    }
    let counts = plan.counts();
    write!(
        out,
        ",\n\"counts\":{{\"create\":{},\"change\":{},\"delete\":{},\"unchanged\":{},\"managed\":{}}}",
        counts.create, counts.set, counts.delete, plan.unchanged, plan.managed
    )?;
    list(out, "refused_by", saving.refused_by, |out, reason| {
        string(out, reason)
    })
}

fn field(out: &mut impl Write, name: &str, value: &str) -> fmt::Result {
    write!(out, ",\n\"{name}\":")?;
    string(out, value)
}

fn operation(
    out: &mut impl Write,
    change: &Change,
    parents: &BTreeMap<&ZnodePath, Zxid>,
    saving: &Saving<'_>,
) -> fmt::Result {
    write!(out, "{{\"action\":\"{}\",\"path\":", change.action())?;
    string(out, change.path().as_str())?;
    match change {
        Change::Create { path, .. } => {
            let parent = path.parent().and_then(|parent| parents.get(&parent).copied());
            if let Some(Zxid(czxid)) = parent {
                write!(out, ",\"parent_czxid\":{czxid}")?;
            }
        }
        Change::Set { version, czxid, .. } | Change::Delete { version, czxid, .. } => {
            write!(out, ",\"version\":{},\"czxid\":{}", version.0, czxid.0)?;
        }
    }
    if let Some(data) = change.data() {
        write!(out, ",\"data\":\"{}\",\"properties\":{{", saving.key.short(data))?;
        let secrets = Secrets::Hashed(saving.secret_names, &saving.key);
        for (place, (key, value)) in decode(data).into_properties().iter().enumerate() {
            out.write_str(if place > 0 { "," } else { "" })?;
            text(out, key)?;
            out.write_str(":")?;
            match secrets.mask(key) {
                true => write!(
                    out,
                    "{{\"secret\":\"{}\"}}",
                    saving.key.short(&value_bytes(value))
                )?,
                false => write_value(out, value, secrets)?,
            }
        }
        out.write_str("}")?;
    }
    out.write_str("}")
}

/// Hashes what is written.
struct Digesting<'a, W> {
    out: &'a mut W,
    canonical: Canonical,
}

impl<W: Write> Write for Digesting<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.canonical.add(text);
        self.out.write_str(text)
    }
}
