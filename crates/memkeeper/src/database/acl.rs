//! Who may do what with a node: the schemes world, auth, digest and ip.

/// Bits of what an ACL grants: READ 1, WRITE 2, CREATE 4, DELETE 8, ADMIN 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permissions(pub i32);

/// Somebody, by a scheme's rule: `world:anyone`, `digest:user:hash`, `ip:127.0.0.1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The scheme.
    pub scheme: String,
    /// Who, by that scheme.
    pub id: String,
}

/// One grant of an ACL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// What is granted.
    pub permissions: Permissions,
    /// To whom.
    pub identity: Identity,
}

impl Permissions {
    /// Get data and children.
    pub const READ: Permissions = Permissions(1);
    /// Set data.
    pub const WRITE: Permissions = Permissions(2);
    /// Create children.
    pub const CREATE: Permissions = Permissions(4);
    /// Delete children.
    pub const DELETE: Permissions = Permissions(8);
    /// Set the ACL.
    pub const ADMIN: Permissions = Permissions(16);
    /// Everything.
    pub const ALL: Permissions = Permissions(31);
}

impl Acl {
    /// Returns the ACL that lets everybody do everything.
    pub fn open() -> Vec<Acl> {
        let identity = Identity {
            scheme: "world".to_owned(),
            id: "anyone".to_owned(),
        };
        vec![Acl {
            permissions: Permissions::ALL,
            identity,
        }]
    }
}
