//! `plan --format markdown`: a comment for a pull request that is bounded and commands nobody.

use insta::assert_snapshot;

use crate::scene::Scene;

fn comment(scene: &Scene, status: i32) -> String {
    let output = scene
        .treekeeper
        .run(&["plan", "--format", "markdown"])
        .expect(status);
    scene.words(&output.stdout)
}

/// Returns the hashes of a changed secret, and the text with words in their place.
fn without_hashes(text: &str) -> (Vec<String>, String) {
    let Some((before, rest)) = text.split_once("(changed, ") else {
        return (Vec::new(), text.to_owned());
    };
    let (hashes, after) = rest.split_once(')').expect("the hashes end");
    let hashes: Vec<String> = hashes.split(" -> ").map(str::to_owned).collect();
    (hashes, format!("{before}(changed, OLD -> NEW){after}"))
}

#[test]
fn a_comment_says_the_sum_first_then_blockers_deletes_and_all_changes() {
    let scene = Scene::synced(&[(
        "a.zk",
        "/a\n  n = 1\n  password = 'canary-7f3a'\n  /b\n  /c\n    x = 1\n",
    )]);
    assert_snapshot!(comment(&scene, 0), @r"
    **Nothing to change: 3 znodes are as the files say.**

    Commit `<first short>`, against the live tree.
    ");
    scene.session.create("/hosts/web-1", b"{\"version\":\"old\"}");
    scene.commit(
        "next",
        &[(
            "a.zk",
            "/a\n  n = 2\n  password = 'canary-7f3b'\n  /d\n    y = ['<b>', '@ops', '`x`']\n",
        )],
    );
    let (hashes, said) = without_hashes(&comment(&scene, 0));
    assert!(!said.contains("canary"), "{said}");
    assert_eq!(hashes.len(), 2, "a changed secret is told by two hashes");
    assert_ne!(hashes[0], hashes[1], "and they differ");
    assert_snapshot!(said, @r"
    **Plan: 1 to create, 1 to change, 2 to delete (1 transaction, N bytes).**

    Commit `<next short>`, against the live tree.

    **A sync would be refused now:**

    - `TK1002` `host web-1 has not converged (old -> <first>)`

    Hint: `` wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync` ``

    **Deletes 2 znodes:**

    - `/a/b`
    - `/a/c`

    <details>
    <summary>The whole plan</summary>

    ```diff
    ! /a
    !     n = 1 -> 2
    !     password = ••• (changed, OLD -> NEW)
    + /a/d
    +     y = ['<b>', '@ops', '`x`']
    - /a/b
    - /a/c
    ```

    </details>
    ");
}

#[test]
fn wrong_files_and_failures_are_comments_too() {
    let scene = Scene::synced(&[("a.zk", "/a\n")]);
    scene.commit("wrong", &[("a.zk", "/a\n  n = `@ops` <b>\n")]);
    assert_snapshot!(comment(&scene, 1), @r"
    **The tree files have 1 error.**

    Commit `<wrong short>`, against the live tree.

    ```text
    error[TK0205]: backquotes are not evaluated here
     --> a.zk:2:7
      |
    2 |   n = `@ops` <b>
      |       ^

    ```
    ");
    let output = scene
        .treekeeper
        .run(&["plan", "--format", "markdown", "--branch", "absent"]);
    assert_snapshot!(scene.words(&output.expect(1).stdout), @r"
    **There is no plan.**

    `TK1205` `branch absent is not in the repository; there are: main`

    Hint: `name a branch: --branch main`
    ");
}

#[test]
fn hostile_names_command_no_code_host_and_nothing_grows_without_bounds() {
    let scene = Scene::synced(&[("a.zk", "/a\n")]);
    let nodes: String = (0..3_000)
        .map(|number| {
            format!(
                "  /@ops-{number}`<b>`_{}\n    k = '```<script>@ops #1'\n",
                "x".repeat(60)
            )
        })
        .collect();
    scene.commit("many", &[("a.zk", &format!("/a\n{nodes}"))]);
    let said = comment(&scene, 0);
    assert!(said.len() < 60_000, "{}", said.len());
    assert!(
        said.contains(" lines left out; `treekeeper plan` shows all."),
        "{}",
        &said[said.len() - 200..]
    );
    // What came from outside is in the fence only, and the fence is not ended by it.
    let (before, rest) = said.split_once("````diff\n").unwrap();
    let (inside, after) = rest.split_once("\n````\n").unwrap();
    assert!(inside.contains("@ops") && inside.contains("```<script>"));
    for outside in [before, after] {
        assert!(
            !outside.contains('@') && !outside.contains("<script"),
            "{outside}"
        );
    }
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.commit("none", &[("a.zk", "/a\n")]);
    let said = comment(&scene, 0);
    assert!(
        said.len() < 60_000 && said.contains("**Deletes 3000 znodes:**"),
        "{}",
        said.len()
    );
    let spans = said
        .lines()
        .filter(|line| line.starts_with("- ``/a/@ops-") && line.ends_with("``"));
    let spans = spans.count();
    assert_eq!(spans, 30, "{said}");
    assert!(said.contains("- 2970 deletes left out\n"), "{said}");
}
