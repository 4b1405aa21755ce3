//! The mirror on disk: damage, leftovers, the lock, other repositories and directories that are not ours.
//!
//! Damage is done by hand; treekeeper is never asked to break anything.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use support::mirror::{fetched, options, options_for, read, revision, without_place};
use support::repository::{Repository, text_of};
use treekeeper::git::{GitError, Mirror, ReadLimits};

#[test]
fn a_damaged_mirror_is_made_again() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let mirror_path = options(&repository).mirror;
    let is_damaged_by = |damage: &dyn Fn(&Path)| {
        let mut mirror = fetched(&repository);
        let marker = mirror_path.join("old");
        fs::write(&marker, "").unwrap();
        damage(&mirror_path);
        // Once found by the fetch, once by the reading.
        if mirror
            .resolve(None)
            .and_then(|tip| mirror.read(&tip, &ReadLimits::default()))
            .is_ok()
            && marker.exists()
        {
            mirror.fetch().unwrap();
        }
        assert!(!marker.exists(), "the mirror was not made again");
        assert_eq!(read(options(&repository)), "a.zk=/a");
    };
    is_damaged_by(&|mirror| fs::remove_dir_all(mirror.join("objects/pack")).unwrap());
    is_damaged_by(&|mirror| fs::remove_file(mirror.join("HEAD")).unwrap());
    is_damaged_by(&|mirror| fs::write(mirror.join("config"), "[").unwrap());
    is_damaged_by(&|mirror| fs::write(mirror.join("shallow"), "").unwrap());
    is_damaged_by(&|mirror| fs::write(mirror.join("objects/info/alternates"), "/tmp\n").unwrap());
    is_damaged_by(&|mirror| {
        for entry in fs::read_dir(mirror.join("objects/pack")).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "pack") {
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle..].fill(0);
                fs::remove_file(&path).unwrap();
                fs::write(&path, bytes).unwrap();
            }
        }
    });
}

#[test]
fn a_blob_that_is_not_what_its_id_says_is_never_returned() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a"), ("b.zk", "/b")]);
    let mut mirror = fetched(&repository);
    let tip = mirror.resolve(None).unwrap();
    // A loose object of b's text under a's name: git reads it without a word.
    let place = options(&repository).mirror;
    let (a, b) = (
        repository.git(&["rev-parse", "HEAD:a.zk"]),
        repository.git(&["rev-parse", "HEAD:b.zk"]),
    );
    let loose = |id: &str, base: &Path| base.join("objects").join(&id[..2]).join(&id[2..]);
    for id in [&a, &b] {
        repository.git(&["cat-file", "-e", id]);
    }
    let git_directory = repository.path().join(".git");
    fs::remove_dir_all(place.join("objects/pack")).unwrap();
    for line in repository
        .git(&["rev-list", "--objects", "--no-object-names", "--all"])
        .lines()
    {
        let from = loose(line, &git_directory);
        let to = loose(line, &place);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let from = if line == a {
            loose(&b, &git_directory)
        } else {
            from
        };
        fs::copy(from, to).unwrap();
    }
    let files = mirror.read(&tip, &ReadLimits::default()).unwrap();
    assert_eq!(files[0].bytes, b"/a", "the mirror was made again");
    assert!(!loose(&a, &place).exists());
}

#[test]
fn what_a_killed_git_leaves_is_swept_away() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let mut mirror = fetched(&repository);
    let place = options(&repository).mirror;
    let rest = [
        place.join("packed-refs.lock"),
        place.join("refs/heads/main.lock"),
        place.join("objects/pack/tmp_pack_x"),
    ];
    for path in &rest {
        fs::write(path, "").unwrap();
    }
    let half = repository.place("state/mirror.new");
    fs::create_dir(&half).unwrap();
    let commit = repository.commit(&[("a.zk", "/b")]);
    mirror.fetch().unwrap();
    assert_eq!(mirror.resolve(None).unwrap(), revision(&commit));
    assert!(rest.iter().all(|path| !path.exists()) && !half.exists());
}

#[test]
fn a_mirror_of_another_repository_is_used_and_its_refs_are_gone() {
    let (one, other) = (Repository::new(), Repository::new());
    one.commit(&[("a.zk", "/a")]);
    one.git(&["branch", "only-here"]);
    let commit = other.commit(&[("b.zk", "/b")]);
    fetched(&one);
    let mut options = options_for(&one, &other.url(), &[]);
    assert_eq!(read(options.clone()), "b.zk=/b");
    options.branch = Some("only-here".to_owned());
    assert!(read(options.clone()).starts_with("branch only-here is not in the repository; there are: main"));
    options.branch = None;
    let mut mirror = Mirror::open(options).unwrap();
    mirror.fetch().unwrap();
    fetched(&one);
    assert_eq!(
        mirror.resolve(None).unwrap(),
        revision(&commit),
        "another process's fetch changes nothing"
    );
}

#[test]
fn a_directory_that_is_no_mirror_of_ours_is_left_alone() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let place = options(&repository).mirror;
    fs::create_dir_all(&place).unwrap();
    assert_eq!(
        read(options(&repository)),
        "a.zk=/a",
        "an empty directory is fine"
    );
    fs::remove_dir_all(&place).unwrap();
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("thesis.txt"), "x").unwrap();
    insta::assert_snapshot!(without_place(&repository, &read(options(&repository))), @r"
    PLACE/state/mirror exists and is not a mirror made by treekeeper
    hint: name another directory with --tree-directory, or move PLACE/state/mirror away
    ");
    assert_eq!(text_of(&place.join("thesis.txt")), "x");
}

#[test]
fn the_lock_is_waited_for_and_then_told() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    fetched(&repository);
    let lock = fs::File::open(repository.place("state/mirror.lock")).unwrap();
    lock.lock().unwrap();
    let mut options = options(&repository);
    options.fetch_max = Duration::from_millis(100);
    let error = Mirror::open(options.clone()).unwrap().fetch().unwrap_err();
    assert!(matches!(error, GitError::MirrorBusy { .. }), "{error}");
    assert_eq!(
        without_place(&repository, &error.hint().unwrap()),
        "see who holds it: fuser PLACE/state/mirror.lock"
    );
    drop(lock);
    options.fetch_max = Duration::from_secs(60);
    assert_eq!(read(options), "a.zk=/a");
}

#[test]
fn many_packs_are_joined() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let mut mirror = fetched(&repository);
    let packs = options(&repository).mirror.join("objects/pack");
    let count = || {
        fs::read_dir(&packs)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "pack"))
            .count()
    };
    // One pack per object is what many small fetches leave.
    for index in 0..60 {
        let blob = repository.git_with(&["hash-object", "-w", "--stdin"], format!("{index}").as_bytes());
        let prefix = packs.join("pack");
        repository.git_with(
            &["pack-objects", "--quiet", prefix.to_str().unwrap()],
            format!("{blob}\n").as_bytes(),
        );
    }
    assert_eq!(count(), 61);
    mirror.fetch().unwrap();
    assert!(count() < 10, "{}", count());
    assert_eq!(read(options(&repository)), "a.zk=/a");
}
