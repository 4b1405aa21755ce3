//! Which properties hold secrets, by their names.
//!
//! This is the one list (DESIGN.md 4); how a secret is shown is the business of whoever shows it.

/// A property whose name contains one of these, in any case, holds a secret.
pub const SECRET_NAMES: [&str; 8] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "credential",
    "private_key",
    "api_key",
];

/// What stands in place of a secret.
pub const MASK: &str = "•••";

/// Tells whether `key` looks like the name of a secret: it contains a name of [`SECRET_NAMES`] or of `extra`, whatever
/// the case.
pub fn looks_secret(key: &str, extra: &[String]) -> bool {
    SECRET_NAMES.iter().copied().any(|name| contains(key, name))
        || extra
            .iter()
            .any(|name| !name.is_empty() && key.to_lowercase().contains(&name.to_lowercase()))
}

/// Tells whether `key` contains `name`, which is lower-case ASCII.
fn contains(key: &str, name: &str) -> bool {
    key.as_bytes()
        .windows(name.len())
        .any(|window| window.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for key in [
            "password",
            "DB_PASSWORD",
            "aws_Secret_id",
            "tokens",
            "api_key",
            "userPwd ->",
        ] {
            assert!(looks_secret(key, &[]), "{key}");
        }
        for key in ["user", "key", "pass", "", "api-key"] {
            assert!(!looks_secret(key, &[]), "{key}");
        }
        assert!(looks_secret("the Größe", &["größe".to_owned()]));
        assert!(!looks_secret("anything", &[String::new()]));
    }
}
