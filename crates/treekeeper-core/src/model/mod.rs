//! The nouns that every other room uses: paths, values, node data, trees, versions and the cluster's state.
//!
//! Floor 0. Nothing here decides anything; no room above is imported.

mod choices;
pub mod cluster;
mod codec;
mod data;
pub mod history;
mod keyed_hash;
pub mod links;
pub mod lock_queue;
mod outline;
mod path;
mod printable;
pub mod protect;
pub mod python;
pub mod secret;
mod shared;
mod text;
mod tree;
mod value;
mod veil;
mod version;

pub use choices::{Bump, Overlay};
pub(crate) use codec::json;
pub use codec::{EncodeError, JSON_DEPTH_MAX, decode, encode, encode_entries, json_value, write_json};
pub use data::{NodeData, Properties};
pub use keyed_hash::{HashKey, hex};
pub use outline::Outline;
pub use path::{PathError, RESERVED_ROOTS, ZnodePath, check_name};
pub use printable::{printable, printable_json, quoted, unprintable};
pub use shared::{Piece, PieceBuilder, SharedBytes, Span};
pub use text::Text;
pub use tree::{DesiredNode, DesiredTree, LiveNode, LiveTree, NodeId, RootScope, Tree};
pub use value::Value;
pub use veil::Veil;
pub use version::{ClusterVersion, DataVersion, Revision, Zxid};
