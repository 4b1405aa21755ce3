//! The repository's own settings, `treekeeper.toml` beside the tree files: what it protects from deletion.
//!
//! Whoever may commit may protect, and nothing else: every other key belongs into the configuration of the machine that
//! syncs, and is an error here.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use treekeeper_core::model::protect::{GLOBS_MAX, Glob};
use treekeeper_core::model::{Revision, printable, quoted};
use treekeeper_core::operation::Failure;
use treekeeper_core::treefile::{Code, SourceFile};

use crate::git::{FileSink, SETTINGS_FILE};

/// The most bytes of the file.
const BYTES_MAX: usize = 256 * 1024;

/// Takes the settings file out of the files that git prints, and hands on the others.
pub struct SettingsApart<'a> {
    others: &'a mut dyn FileSink,
    /// The settings, and which of the files they are.
    settings: Option<(usize, SourceFile)>,
}

impl<'a> SettingsApart<'a> {
    /// Returns a sink that hands on to `others` everything but the settings.
    pub fn new(others: &'a mut dyn FileSink) -> SettingsApart<'a> {
        SettingsApart {
            others,
            settings: None,
        }
    }

    /// Returns the settings file, if there was one.
    pub fn into_settings(self) -> Option<SourceFile> {
        self.settings.map(|(_, file)| file)
    }
}

impl FileSink for SettingsApart<'_> {
    fn begin(&mut self, files: &[(&str, usize)]) -> bool {
        let place = files.iter().position(|(name, _)| *name == SETTINGS_FILE);
        let mut others = files.to_vec();
        self.settings = place.map(|place| {
            let (name, bytes) = others.remove(place);
            let file = SourceFile {
                name: name.to_owned(),
                bytes: Vec::with_capacity(bytes),
            };
            (place, file)
        });
        self.others.begin(&others)
    }

    fn take(&mut self, file: usize, bytes: &[u8]) {
        match &mut self.settings {
            Some((place, settings)) if *place == file => settings.bytes.extend_from_slice(bytes),
            Some((place, _)) if *place < file => self.others.take(file - 1, bytes),
            _ => self.others.take(file, bytes),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    delete: DeleteSettings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DeleteSettings {
    protect: Vec<Spanned<String>>,
}

/// What is wrong with a settings file.
#[derive(Debug)]
pub struct SettingsFault {
    /// What, safe to print.
    pub message: String,
    /// The bytes that it is about, if it is not about the whole file.
    pub span: Option<Range<usize>>,
}

impl SettingsFault {
    /// What `explain` knows it by.
    pub const CODE: Code = Code("TK1110");

    /// What to do about it.
    pub const HINT: &str = "in the repository this file holds `protect` of [delete] and nothing else; the rest belongs \
                            into the configuration of the machine that syncs";

    fn new(message: &str, span: Option<Range<usize>>) -> SettingsFault {
        SettingsFault {
            message: printable(message).into_owned(),
            span,
        }
    }
}

/// Returns the globs that a settings file protects.
///
/// # Errors
/// A file that is no TOML, holds any other key, or a text that is no glob.
pub fn settings_globs(file: &SourceFile) -> Result<Vec<Glob>, SettingsFault> {
    let whole = |message: &str| SettingsFault::new(message, None);
    if file.bytes.len() > BYTES_MAX {
        return Err(whole(&format!("it has more than {BYTES_MAX} bytes")));
    }
    let text = std::str::from_utf8(&file.bytes).map_err(|_| whole("it is not UTF-8"))?;
    let settings: Settings = toml::from_str(text)
        .map_err(|error| SettingsFault::new(&error.message().replace('\n', "; "), error.span()))?;
    let protect = settings.delete.protect;
    check_count(protect.len()).map_err(|message| whole(&message))?;
    let parse = |text: &Spanned<String>| {
        glob(text.get_ref()).map_err(|message| SettingsFault::new(&message, Some(text.span())))
    };
    protect.iter().map(parse).collect()
}

/// Returns the globs that the settings file of a commit protects.
///
/// # Errors
/// A file that is no TOML, holds any other key, or a text that is no glob.
pub fn protected(file: &SourceFile, revision: &Revision) -> Result<Vec<Glob>, Failure> {
    settings_globs(file).map_err(|fault| {
        let line = |span: Range<usize>| {
            let before = &file.bytes[..span.start.min(file.bytes.len())];
            format!(":{}", before.split(|byte| *byte == b'\n').count())
        };
        Failure::new(format!(
            "{}{} in commit {revision:.12}: {}",
            printable(&file.name),
            fault.span.map(line).unwrap_or_default(),
            fault.message
        ))
        .with_code(SettingsFault::CODE.0)
        .with_hint(SettingsFault::HINT)
    })
}

/// Returns the globs of a list, in its order.
///
/// # Errors
/// What is wrong with which of them, or that they are too many; may hold anything that was written there.
pub fn globs(texts: &[String]) -> Result<Vec<Glob>, String> {
    check_count(texts.len())?;
    texts.iter().map(|text| glob(text)).collect()
}

fn check_count(globs: usize) -> Result<(), String> {
    match globs > GLOBS_MAX {
        true => Err(format!(
            "{globs} globs in `protect`, at most {GLOBS_MAX} are taken"
        )),
        false => Ok(()),
    }
}

fn glob(text: &str) -> Result<Glob, String> {
    Glob::parse(text).map_err(|error| {
        let shown: String = text.chars().take(100).collect();
        format!("{} in `protect`: {error}", quoted(&shown))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> String {
        let file = SourceFile {
            name: "treekeeper.toml".to_owned(),
            bytes: text.to_vec(),
        };
        let revision = Revision::parse(&"c".repeat(40)).unwrap();
        match protected(&file, &revision) {
            Ok(globs) => globs.iter().map(Glob::as_str).collect::<Vec<_>>().join(" "),
            Err(failure) => failure.message,
        }
    }

    #[test]
    fn a_list_of_globs_and_nothing_else() {
        assert_eq!(read(b""), "");
        assert_eq!(read(b"[delete]\n"), "");
        assert_eq!(read(b"[delete]\nprotect = ['/b/**', '/a*']\n"), "/b/** /a*");
        insta::assert_snapshot!(read(b"zookeeper = 'x'\n"), @"treekeeper.toml:1 in commit cccccccccccc: unknown field `zookeeper`, expected `delete`");
        insta::assert_snapshot!(read(b"[delete]\nprotect = []\nznodes_max = 9\n"), @"treekeeper.toml:3 in commit cccccccccccc: unknown field `znodes_max`, expected `protect`");
        insta::assert_snapshot!(read(b"[delete]\nprotect = ['roles']\n"), @r#"treekeeper.toml:2 in commit cccccccccccc: "roles" in `protect`: a glob begins with a slash, such as /roles/**"#);
        insta::assert_snapshot!(read(b"[delete]\nprotect = ['/a\xff']\n"), @"treekeeper.toml in commit cccccccccccc: it is not UTF-8");
        let many = format!("[delete]\nprotect = [{}]\n", "'/a',".repeat(101));
        insta::assert_snapshot!(read(many.as_bytes()), @"treekeeper.toml in commit cccccccccccc: 101 globs in `protect`, at most 100 are taken");
    }
}
