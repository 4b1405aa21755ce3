//! Fetching, resolving and history: which commit is meant.
//!
//! What is in a commit, transports and the mirror on disk have files of their own.

mod support;

use support::mirror::{fetched, options, read, revision, told, without_place};
use support::repository::Repository;
use treekeeper::git::{GitError, Mirror, ReadLimits, Relation, escape};

#[test]
fn first_and_second_fetch_and_a_new_commit() {
    let repository = Repository::new();
    let first = repository.commit(&[
        ("b.zk", "/b"),
        ("a.zkx", "/x"),
        ("a.zk", "/a"),
        ("baz.txt", "no"),
        (".zk", "/z"),
    ]);
    let mut mirror = fetched(&repository);
    assert_eq!(mirror.resolve(None).unwrap(), revision(&first));
    mirror.fetch().unwrap();
    assert_eq!(mirror.resolve(None).unwrap(), revision(&first));
    assert_eq!(read(options(&repository)), ".zk=/z a.zk=/a b.zk=/b a.zkx=/x");

    let second = repository.commit(&[
        ("a.zk", "/a2"),
        ("empty.zk", ""),
        ("sub/c.zk", "/c"),
        ("A.ZK", "no"),
    ]);
    mirror.fetch().unwrap();
    assert_eq!(mirror.resolve(None).unwrap(), revision(&second));
    assert_eq!(read(options(&repository)), "a.zk=/a2 empty.zk=");
    let files = mirror.read(&revision(&first), &ReadLimits::default()).unwrap();
    assert_eq!(files.len(), 4, "an older commit can still be read");
}

#[test]
fn a_look_tells_the_tip_and_fetches_nothing() {
    let repository = Repository::new();
    let first = repository.commit(&[("a.zk", "/a")]);
    assert_eq!(
        Mirror::open(options(&repository)).unwrap().look().unwrap(),
        None,
        "without a mirror there is nothing to leave as it is"
    );
    let mut mirror = fetched(&repository);
    assert_eq!(mirror.look().unwrap(), Some(revision(&first)));

    let second = repository.commit(&[("a.zk", "/b")]);
    assert_eq!(mirror.look().unwrap(), Some(revision(&second)));
    assert_eq!(mirror.resolve(None).unwrap(), revision(&first));
    mirror.catch_up(&revision(&first)).unwrap();
    assert_eq!(
        mirror.resolve(None).unwrap(),
        revision(&first),
        "that one was here"
    );
    mirror.catch_up(&revision(&second)).unwrap();
    assert_eq!(mirror.resolve(None).unwrap(), revision(&second));

    let mut other = options(&repository);
    other.branch = Some("other".to_owned());
    let mut mirror = Mirror::open(other).unwrap();
    assert_eq!(mirror.look().unwrap(), None, "there is no such branch");
    repository.git(&["branch", "other", &first]);
    repository.git(&["branch", "an/other", &second]);
    assert_eq!(mirror.look().unwrap(), Some(revision(&first)));
    repository.git(&["checkout", "--quiet", "--detach", &first]);
    assert_eq!(
        Mirror::open(options(&repository)).unwrap().look().unwrap(),
        None,
        "a HEAD that names no branch names no tip"
    );
}

#[test]
fn a_mirror_needs_a_fetch_before_it_resolves_names() {
    let repository = Repository::new();
    let commit = repository.commit(&[("a.zk", "/a")]);
    fetched(&repository);
    let mut mirror = Mirror::open(options(&repository)).unwrap();
    assert_eq!(
        told(&mirror.resolve(None).unwrap_err()),
        "couldn't resolve HEAD: nothing was fetched yet"
    );
    assert_eq!(
        told(&mirror.resolve(Some("main")).unwrap_err()),
        "couldn't resolve main: nothing was fetched yet"
    );
    assert_eq!(mirror.resolve(Some(&commit)).unwrap(), revision(&commit));
}

#[test]
fn a_deleted_branch_and_an_unknown_one_are_told_with_what_there_is() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    repository.git(&["branch", "live"]);
    let mut options = options(&repository);
    options.branch = Some("live".to_owned());
    assert_eq!(read(options.clone()), "a.zk=/a");
    repository.git(&["branch", "-D", "live"]);
    insta::assert_snapshot!(read(options), @r"
    branch live is not in the repository; there are: main
    hint: name a branch: --branch main
    ");
}

#[test]
fn empty_detached_and_unborn_are_told_apart() {
    let repository = Repository::new();
    insta::assert_snapshot!(without_place(&repository, &read(options(&repository))), @r"
    the repository PLACE/repository is empty: it has no branches
    hint: push a branch with tree files: git push origin main
    ");
    repository.commit(&[("a.zk", "/a")]);
    assert_eq!(read(options(&repository)), "a.zk=/a");
    repository.git(&["checkout", "--quiet", "--detach"]);
    insta::assert_snapshot!(without_place(&repository, &read(options(&repository))), @r"
    the remote HEAD of PLACE/repository is detached, it names no branch; there are: main
    hint: name a branch: --branch main
    ");
    repository.git(&["symbolic-ref", "HEAD", "refs/heads/none"]);
    insta::assert_snapshot!(without_place(&repository, &read(options(&repository))), @r"
    the remote HEAD of PLACE/repository names a branch that doesn't exist; there are: main
    hint: name a branch: --branch main
    ");
    let mut named = options(&repository);
    named.branch = Some("main".to_owned());
    assert_eq!(read(named), "a.zk=/a");
}

#[test]
fn revisions_are_branches_tags_or_commits_and_nothing_else() {
    let repository = Repository::new();
    let first = repository.commit(&[("a.zk", "/a")]);
    repository.git(&["tag", "-a", "-m", "x", "v1"]);
    repository.git(&["branch", "v2"]);
    let second = repository.commit(&[("a.zk", "/b")]);
    repository.git(&["tag", "v2"]);
    let mut mirror = fetched(&repository);
    let mut resolve = |name: &str| match mirror.resolve(Some(name)) {
        Ok(revision) if revision.as_str() == first => "first".to_owned(),
        Ok(revision) if revision.as_str() == second => "second".to_owned(),
        Ok(revision) => revision.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(resolve("v1"), "first");
    assert_eq!(resolve("main"), "second");
    assert_eq!(resolve(&first), "first");
    assert_eq!(resolve(&first[..9]), "first");
    assert_eq!(resolve("refs/tags/v2"), "second");
    assert_eq!(
        resolve("v2"),
        "v2 is ambiguous: a branch and a tag have this name"
    );
    assert_eq!(
        resolve("none"),
        "none is not a branch, tag or commit of the repository"
    );
    let absent = "0".repeat(40);
    assert_eq!(
        resolve(&absent),
        format!("{absent} is not a branch, tag or commit of the repository")
    );
    for name in [
        "-x",
        "--upload-pack=touch x",
        "main~1",
        "main:a.zk",
        "HEAD^{tree}",
        "@{-1}",
        "",
    ] {
        assert_eq!(
            resolve(name),
            format!("{name:?} is not a branch, tag or commit id")
        );
    }
    assert_eq!(
        resolve("HEAD"),
        "HEAD is not a branch, tag or commit of the repository"
    );
}

#[test]
fn moved_and_deleted_tags_follow_the_remote() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    repository.git(&["tag", "moves"]);
    repository.git(&["tag", "goes"]);
    let mut mirror = fetched(&repository);
    let second = repository.commit(&[("a.zk", "/b")]);
    repository.git(&["tag", "-f", "moves"]);
    repository.git(&["tag", "-d", "goes"]);
    mirror.fetch().unwrap();
    assert_eq!(mirror.resolve(Some("moves")).unwrap(), revision(&second));
    assert!(matches!(
        mirror.resolve(Some("goes")),
        Err(GitError::RevisionMissing { .. })
    ));
}

#[test]
fn history_is_same_forward_backward_diverged_or_unknown() {
    let repository = Repository::new();
    let root = repository.commit(&[("a.zk", "/a")]);
    let old = repository.commit(&[("a.zk", "/b")]);
    let mut mirror = fetched(&repository);
    repository.git(&["reset", "--quiet", "--hard", &root]);
    let forced = repository.commit(&[("a.zk", "/c")]);
    mirror.fetch().unwrap();
    assert_eq!(
        mirror.resolve(None).unwrap(),
        revision(&forced),
        "the fetch is forced"
    );
    let mut relation = |from: &str, to: &str| mirror.relation(&revision(from), &revision(to)).unwrap();
    assert_eq!(relation(&old, &old), Relation::Same);
    assert_eq!(relation(&root, &forced), Relation::Forward);
    assert_eq!(relation(&old, &root), Relation::Backward);
    assert_eq!(relation(&old, &forced), Relation::Diverged);
    assert_eq!(relation(&"0".repeat(40), &forced), Relation::Unknown);
    assert_eq!(
        mirror.survey(&revision(&forced), None).unwrap(),
        (revision(&root), None)
    );
}

#[test]
fn the_smallest_root_is_the_identity_of_joined_histories() {
    let repository = Repository::new();
    let one = repository.commit(&[("a.zk", "/a")]);
    repository.git(&["checkout", "--quiet", "--orphan", "other"]);
    let other = repository.commit(&[("b.zk", "/b")]);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.git(&[
        "merge",
        "--quiet",
        "--allow-unrelated-histories",
        "-m",
        "join",
        "other",
    ]);
    let mut mirror = fetched(&repository);
    let tip = mirror.resolve(None).unwrap();
    assert_eq!(
        mirror.survey(&tip, Some(&revision(&one))).unwrap(),
        (revision(&one).min(revision(&other)), Some(Relation::Forward))
    );
}

#[test]
fn a_commit_says_who_when_and_what_and_is_escaped_to_be_printed() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let commit = repository.commit_index("subject \x1b[31mred\n\nbody");
    let info = fetched(&repository).commit_info(&revision(&commit)).unwrap();
    assert_eq!(
        (info.author.as_str(), info.date.as_str()),
        ("Ada <ada@example.com>", "2026-01-02T03:04:05+01:00")
    );
    assert_eq!(info.subject, "subject \x1b[31mred");
    assert_eq!(escape(&info.subject), "subject \\u{1b}[31mred");
}

#[test]
fn ids_of_sha256_work_too() {
    let repository = Repository::with_format("sha256");
    let commit = repository.commit(&[("a.zk", "/a")]);
    assert_eq!(commit.len(), 64);
    assert_eq!(read(options(&repository)), "a.zk=/a");
}
