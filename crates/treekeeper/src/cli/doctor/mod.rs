//! `doctor`: looks at everything that a sync needs, and says of each whether it is well, with the fix.
//!
//! Nothing is changed, and every question has a deadline: a server that does not answer is a line, never a wait. What
//! the answers mean is `verdict`'s to say.

mod cluster;
mod verdict;

use std::time::{Duration, Instant};

use serde_json::json;
use treekeeper_core::model::ZnodePath;
use treekeeper_core::model::cluster::{HOSTS_PATH, STATE_PATH};
use treekeeper_core::operation::KnownCommits;

use super::fold;
use super::setup::Setup;
use super::ui::{self, Exit, Problem};
use crate::git;
use crate::zk::{self, Session, SessionOptions, ZkError};

/// How long one question to ZooKeeper may take.
const REQUEST_MAX: Duration = Duration::from_secs(5);

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing to do.
    Ok,
    /// It works, but not as it should, or it can't be told.
    Warning,
    /// Syncs fail, or will.
    Fail,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Fail => "fail",
        }
    }

    fn style(self) -> anstyle::Style {
        match self {
            Level::Ok => ui::GREEN,
            Level::Warning => ui::YELLOW,
            Level::Fail => ui::RED,
        }
    }
}

/// One line; all of it is safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How well it is.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// What to do.
    pub fix: Option<String>,
}

impl Finding {
    /// Returns that something is well.
    pub fn ok(subject: &'static str, text: impl Into<String>) -> Finding {
        Finding {
            subject,
            level: Level::Ok,
            text: text.into(),
            fix: None,
        }
    }

    /// Returns that something is not as it should be.
    pub fn warning(subject: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            subject,
            level: Level::Warning,
            text: text.into(),
            fix: Some(fix.into()),
        }
    }

    /// Returns that something is broken.
    pub fn fail(subject: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            level: Level::Fail,
            ..Finding::warning(subject, text, fix)
        }
    }

    /// Returns what an error tells.
    fn of(subject: &'static str, problem: &Problem) -> Finding {
        Finding {
            subject,
            level: Level::Fail,
            text: problem.message().to_owned(),
            fix: problem.next_step().map(str::to_owned),
        }
    }
}

/// Looks at everything and prints a line for each; 1 if something fails.
pub fn run(setup: &Setup) -> Result<Exit, Problem> {
    let mut findings = repository(setup);
    findings.extend(setup.block_on(async { Ok(zookeeper(setup).await) })?);
    let failed = findings.iter().any(|finding| finding.level == Level::Fail);
    if setup.json {
        ui::print_json(&as_json(&findings))?;
    } else {
        ui::print_text(&as_text(&findings, fold::columns_of(&std::io::stdout())))?;
    }
    Ok(if failed { Exit::Error } else { Exit::Done })
}

/// Looks at git and the repository.
fn repository(setup: &Setup) -> Vec<Finding> {
    let mut findings = vec![match git::version() {
        Ok(version) => verdict::git(&version),
        Err(error) => Finding::of("git", &error.into()),
    }];
    if !setup.has_repository() {
        findings.push(Finding::warning(
            "repository",
            "none is configured: sync, plan and drift need one",
            "give --url GIT_URL, or set `url` in [git] of treekeeper.toml",
        ));
        return findings;
    }
    let looked = setup.repository(None).and_then(|source| {
        let mut source = source.for_a_look();
        let started = Instant::now();
        let (revision, _) = source.fetch(&KnownCommits::default())?;
        let took = started.elapsed();
        let (files, _) = source.read(&revision)?;
        Ok((revision, took, files.len()))
    });
    findings.push(match looked {
        Err(problem) => Finding::of("repository", &problem),
        Ok((revision, _, 0)) => Finding::warning(
            "repository",
            format!("{revision:.12} has no tree files (*.zk, *.zkx)"),
            "name their directory: --path DIR, or `path` in [git]; only files directly in it are read",
        ),
        Ok((revision, took, files)) => Finding::ok(
            "repository",
            format!(
                "fetched {revision:.12} in {}, {} can be read from the mirror",
                verdict::time(took),
                ui::counted(files, "tree file")
            ),
        ),
    });
    findings
}

/// Looks at ZooKeeper; what can't be reached ends it.
async fn zookeeper(setup: &Setup) -> Vec<Finding> {
    let options = SessionOptions {
        request_timeout: setup.session.request_timeout.min(REQUEST_MAX),
        ..setup.session.clone()
    };
    let servers = zk::servers(&options).await;
    let mut findings: Vec<Finding> = servers
        .iter()
        .map(|(address, answer)| verdict::server(address, answer, options.tls.is_some()))
        .collect();
    let started = Instant::now();
    let session = match Session::open(&options).await {
        Ok(session) => session,
        Err(error) => {
            findings.push(Finding::of("session", &error.into()));
            return findings;
        }
    };
    findings.push(verdict::session(
        started.elapsed(),
        options.session_timeout,
        session.timeout(),
    ));
    let looked = look(setup, &options, &session, &mut findings).await;
    if let Err(error) = looked {
        findings.push(Finding::of("session", &error.into()));
    }
    session.close().await;
    findings.push(large_requests(setup, &options).await);
    findings
}

/// Asks on the session what can be asked there.
async fn look(
    setup: &Setup,
    options: &SessionOptions,
    session: &Session,
    findings: &mut Vec<Finding>,
) -> Result<(), ZkError> {
    findings.push(verdict::round_trip(zk::round_trip(session).await?));
    findings.push(verdict::features(
        zk::reads_many_at_once(session).await?,
        zk::watches_last(session).await?,
    ));
    let cluster = zk::read_cluster(session, treekeeper_core::operation::Depth::Versions).await?;
    findings.push(cluster::state(&cluster));
    let managed = cluster::managed(&cluster);
    let mut nodes = managed.clone();
    for path in ["/", HOSTS_PATH, STATE_PATH] {
        nodes.extend(ZnodePath::parse(path));
    }
    let reach = zk::reach(session, &nodes).await?;
    findings.push(cluster::reach(&reach, managed.len()));
    findings.push(cluster::open_acls(&reach, options.credentials.is_some()));
    findings.push(quotas(options, session.chroot(), &managed).await);
    let contenders = zk::contenders(session, treekeeper_core::model::cluster::LockStyle::Both).await?;
    findings.push(cluster::lock_style(&cluster, setup.lock));
    findings.push(cluster::syncers(
        setup.lock,
        &contenders,
        zk::lock_nodes(session).await?,
    ));
    let newest = zk::newest_write_ms(session).await?;
    findings.push(verdict::clock(newest, jiff::Timestamp::now().as_millisecond()));
    Ok(())
}

/// Quotas stand above every chroot, so that they need a session without one.
async fn quotas(options: &SessionOptions, chroot: &str, managed: &[ZnodePath]) -> Finding {
    let servers = options.connect.split('/').next().unwrap_or_default();
    let bare = SessionOptions {
        connect: servers.to_owned(),
        ..options.clone()
    };
    let asked = async {
        let session = Session::open(&bare).await?;
        let found = zk::quotas(&session, chroot, managed).await;
        session.close().await;
        found
    };
    cluster::quotas(asked.await)
}

/// Sends as much as the largest transaction would be, to be refused, on a session that may be lost by it.
async fn large_requests(setup: &Setup, options: &SessionOptions) -> Finding {
    let bytes = setup.transaction_bytes_max();
    let asked = async {
        let session = Session::open(options).await?;
        let taken = zk::takes_bytes(&session, bytes).await;
        session.close().await;
        taken
    };
    verdict::large_requests(bytes, asked.await)
}

/// Returns the findings as text, folded to so many columns if there is a limit.
fn as_text(findings: &[Finding], columns: Option<usize>) -> String {
    let width = findings
        .iter()
        .map(|finding| finding.subject.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let style = finding.level.style();
        let word = finding.level.word();
        let line = format!(
            "{style}{word:7}{style:#}  {:width$}  {}",
            finding.subject, finding.text
        );
        let fix = finding.fix.as_ref().map(|fix| format!("         fix: {fix}"));
        let lines = [(Some(line), 11 + width), (fix, 14)];
        for (line, indent) in lines {
            let Some(line) = line else { continue };
            let folded = fold::fold(&line, columns.unwrap_or(usize::MAX), indent);
            text.push_str(&format!("{}\n", folded.join("\n")));
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (warnings, failures) = (count(Level::Warning), count(Level::Fail));
    text.push_str(&match (warnings, failures) {
        (0, 0) => "All is well.\n".to_owned(),
        _ => format!(
            "{} well, {}, {}.\n",
            count(Level::Ok),
            ui::counted(warnings, "warning"),
            ui::counted(failures, "failure")
        ),
    });
    text
}

fn as_json(findings: &[Finding]) -> serde_json::Value {
    let list: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "subject": finding.subject,
                "level": finding.level.word(),
                "text": finding.text,
                "fix": finding.fix,
            })
        })
        .collect();
    let failed = findings.iter().any(|finding| finding.level == Level::Fail);
    json!({ "schema": 1, "well": !failed, "findings": list })
}
