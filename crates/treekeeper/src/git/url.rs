//! The URL of the repository: which transports are allowed, and what of it may be shown.
//!
//! User information of an https URL never reaches an argument list or a message; it travels in the environment.

use std::fmt;
use std::path::Path;

use super::error::GitError;
use super::text::{escape, mask_userinfo};

/// What is allowed, for every refusal.
const ALLOWED: &str = "allowed are ssh://HOST/PATH, USER@HOST:PATH, https://HOST/PATH and a local path";

/// How git reaches the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Ssh,
    Https,
    Local,
}

/// The URL of a repository, checked; its Display and Debug hold no password.
#[derive(Clone, PartialEq, Eq)]
pub struct GitUrl {
    transport: Transport,
    /// What git is given, without the user information of https.
    argument: String,
    /// What people see.
    shown: String,
    /// `user:password` of an https URL, percent-decoded.
    userinfo: Option<String>,
}

impl GitUrl {
    /// Returns the URL that `text` writes, or why it is refused.
    ///
    /// `git+ssh://`, which the original's users write, means `ssh://`. A relative path is taken from the working
    /// directory now, so that git can't mistake it for the name of a configured remote.
    pub fn parse(text: &str) -> Result<GitUrl, GitError> {
        let refuse = |reason: &str| GitError::UrlRefused {
            url: mask_userinfo(&escape(text)),
            reason: format!("{reason}; {ALLOWED}"),
        };
        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        if text.starts_with('-') {
            return Err(refuse("it starts with a hyphen"));
        }
        if text.chars().any(char::is_control) {
            return Err(refuse("it holds control characters"));
        }
        if is_remote_helper(text) {
            return Err(refuse("remote helpers (NAME::ADDRESS) could run any program"));
        }
        match text.split_once("://") {
            Some((scheme, rest)) => with_scheme(&scheme.to_ascii_lowercase(), rest, refuse),
            None => match text.split_once(':') {
                Some((authority, path)) if !authority.contains('/') => scp_style(authority, path, refuse),
                _ => local(text, refuse),
            },
        }
    }

    /// Returns what git is given in its arguments; it holds no password.
    pub(crate) fn argument(&self) -> &str {
        &self.argument
    }

    /// Returns the transport.
    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }

    /// Returns the settings (`KEY`, `VALUE`) that carry the user information of an https URL to git.
    ///
    /// They go through `GIT_CONFIG_COUNT` into the environment, where only the same user can look.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let Some(userinfo) = &self.userinfo else {
            return Vec::new();
        };
        match userinfo.contains(':') {
            true => {
                let header = format!("Authorization: Basic {}", base64(userinfo.as_bytes()));
                vec![(format!("http.{}.extraHeader", self.argument), header)]
            }
            // Without a password the user's credential helpers are to find one for this name.
            false => vec![(format!("credential.{}.username", self.argument), userinfo.clone())],
        }
    }
}

impl fmt::Display for GitUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for GitUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "GitUrl({:?})", self.shown)
    }
}

/// Tells whether git would take `text` for `HELPER::ADDRESS`.
fn is_remote_helper(text: &str) -> bool {
    let name = text.find("::").map_or("", |at| &text[..at]);
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
}

fn with_scheme(scheme: &str, rest: &str, refuse: impl Fn(&str) -> GitError) -> Result<GitUrl, GitError> {
    match scheme {
        "ssh" | "git+ssh" | "ssh+git" => ssh(rest, refuse),
        "https" => https(rest, refuse),
        "file" if rest.starts_with('/') => local(rest, refuse),
        "file" => Err(refuse(
            "file:// needs an absolute path, as in file:///srv/trees.git",
        )),
        "http" | "git" => Err(refuse(&format!(
            "{scheme}:// lets anyone on the way change the tree"
        ))),
        _ => Err(refuse(&format!(
            "{}:// is not a transport of treekeeper",
            escape(scheme)
        ))),
    }
}

fn ssh(rest: &str, refuse: impl Fn(&str) -> GitError) -> Result<GitUrl, GitError> {
    let (authority, path) = rest.split_once('/').ok_or_else(|| refuse("it names no path"))?;
    let (user, host) = split_user(authority);
    if user.is_some_and(|user| user.contains(':')) {
        return Err(refuse("ssh takes no password from a URL"));
    }
    if !user.is_none_or(is_name) || !is_host_and_port(host) || path.is_empty() || path.starts_with('-') {
        return Err(refuse("it is not ssh://[USER@]HOST[:PORT]/PATH"));
    }
    let argument = format!("ssh://{rest}");
    Ok(GitUrl {
        transport: Transport::Ssh,
        shown: escape(&argument),
        argument,
        userinfo: None,
    })
}

fn scp_style(authority: &str, path: &str, refuse: impl Fn(&str) -> GitError) -> Result<GitUrl, GitError> {
    let (user, host) = split_user(authority);
    if !user.is_none_or(is_name) || !is_name(host) || path.is_empty() || path.starts_with('-') {
        return Err(refuse("it is not [USER@]HOST:PATH"));
    }
    let argument = format!("{authority}:{path}");
    Ok(GitUrl {
        transport: Transport::Ssh,
        shown: escape(&argument),
        argument,
        userinfo: None,
    })
}

fn https(rest: &str, refuse: impl Fn(&str) -> GitError) -> Result<GitUrl, GitError> {
    let (authority, path) = rest.split_once('/').ok_or_else(|| refuse("it names no path"))?;
    let (userinfo, host) = split_user(authority);
    if !is_host_and_port(host) || path.is_empty() || rest.chars().any(char::is_whitespace) {
        return Err(refuse("it is not https://HOST[:PORT]/PATH"));
    }
    let userinfo = match userinfo.map(percent_decoded) {
        Some(Some(userinfo)) if !userinfo.chars().any(char::is_control) => Some(userinfo),
        Some(_) => return Err(refuse("its user or password is no percent-encoded text")),
        None => None,
    };
    let argument = format!("https://{host}/{path}");
    let shown = match userinfo {
        Some(_) => format!("https://***@{host}/{}", escape(path)),
        None => escape(&argument),
    };
    Ok(GitUrl {
        transport: Transport::Https,
        argument,
        shown,
        userinfo,
    })
}

fn local(path: &str, refuse: impl Fn(&str) -> GitError) -> Result<GitUrl, GitError> {
    let absolute = std::path::absolute(Path::new(path)).ok();
    let argument = absolute.as_deref().and_then(Path::to_str).map(str::to_owned);
    let argument = argument.ok_or_else(|| refuse("the working directory can't be named"))?;
    Ok(GitUrl {
        transport: Transport::Local,
        shown: escape(&argument),
        argument,
        userinfo: None,
    })
}

/// Splits `[user@]host` at the last `@`.
fn split_user(authority: &str) -> (Option<&str>, &str) {
    match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    }
}

/// Tells whether `text` can be a user or a host: git and ssh never take it for an option.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text
            .chars()
            .all(|character| character.is_alphanumeric() || "._~+-".contains(character))
}

fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let is_address = address.chars().all(|c| c.is_ascii_hexdigit() || ".:".contains(c));
            return !address.is_empty() && is_address && (port.is_empty() || is_port(port.strip_prefix(':')));
        }
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    is_name(host) && (port.is_none() || is_port(port))
}

fn is_port(port: Option<&str>) -> bool {
    port.is_some_and(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0, |group, byte| group << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            text.push(match digit <= chunk.len() {
                true => char::from(DIGITS[group >> (18 - 6 * digit) & 63]),
                false => '=',
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(text: &str) -> String {
        GitUrl::parse(text).map_or_else(|error| error.to_string(), |url| url.argument)
    }

    #[test]
    fn allowed_urls_reach_git_as_meant() {
        for (text, expected) in [
            (
                "git+ssh://git.zope.com/repos/main",
                "ssh://git.zope.com/repos/main",
            ),
            (
                "ssh://git@host:2222/~me/trees.git",
                "ssh://git@host:2222/~me/trees.git",
            ),
            ("ssh://[::1]:22/trees.git", "ssh://[::1]:22/trees.git"),
            ("git@bitbucket.org:zc/cluster", "git@bitbucket.org:zc/cluster"),
            ("HTTPS://host/trees.git", "https://host/trees.git"),
            (
                "https://me:s%40crit@host:8443/trees.git",
                "https://host:8443/trees.git",
            ),
            ("/srv/trees.git", "/srv/trees.git"),
            ("/srv/a:b.git", "/srv/a:b.git"),
            ("file:///srv/trees.git", "/srv/trees.git"),
        ] {
            assert_eq!(argument(text), expected);
        }
        assert!(argument("trees/a.git").starts_with('/'));
    }

    #[test]
    fn other_transports_and_options_are_refused() {
        for text in [
            "",
            "-",
            "--upload-pack=touch x",
            "git://host/x",
            "http://host/x",
            "ftp://host/x",
            "ext::sh -c touch% x",
            "fd::17/x",
            "ext::ssh://host/x",
            "ssh://-oProxyCommand=x/y",
            "ssh://me@-oProxyCommand=x/y",
            "ssh://host/-x/y",
            "ssh://host:22x/y",
            "ssh://host:+22/y",
            "ssh://me:secret@host/y",
            "ssh://host",
            "me@-oProxyCommand=x:y",
            "host:-y",
            "host:",
            "https://host",
            "https:///x",
            "https://ho st/x",
            "https://a%0ab@host/x",
            "file://host/x",
            "a\nb",
        ] {
            let message = argument(text);
            assert!(message.starts_with("refused the git URL"), "{text}: {message}");
            assert!(message.contains("allowed are ssh://"), "{text}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn passwords_are_neither_argument_nor_text() {
        let url = GitUrl::parse("https://me:s%40crit@host/trees.git").unwrap();
        assert_eq!(url.to_string(), "https://***@host/trees.git");
        assert_eq!(format!("{url:?}"), "GitUrl(\"https://***@host/trees.git\")");
        // `printf 'me:s@crit' | base64`
        let header = "Authorization: Basic bWU6c0Bjcml0".to_owned();
        assert_eq!(
            url.settings(),
            [("http.https://host/trees.git.extraHeader".to_owned(), header)]
        );
        let url = GitUrl::parse("https://token@host/trees.git").unwrap();
        assert_eq!(url.to_string(), "https://***@host/trees.git");
        let name = (
            "credential.https://host/trees.git.username".to_owned(),
            "token".to_owned(),
        );
        assert_eq!(url.settings(), [name]);
        assert_eq!(
            [base64(b""), base64(b"a"), base64(b"ab"), base64(b"abc")],
            ["", "YQ==", "YWI=", "YWJj"]
        );
    }
}
