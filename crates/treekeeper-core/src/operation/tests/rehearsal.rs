//! Asking the server about a plan: what is asked, and what its answers mean.

use super::*;

fn rehearse(mut world: World, edit: impl FnOnce(&mut SyncOptions, &mut Context)) -> String {
    let (mut options, mut context) = (options(), context());
    options.mode = Mode::Plan;
    edit(&mut options, &mut context);
    let mut operation = Operation::sync(options, context).with_rehearsal();
    let mut answer = Answer::Done;
    let mut asked = Vec::new();
    let receipt = loop {
        let request = operation.next(answer, Timestamp::UNIX_EPOCH);
        asked.push(name(&request));
        if let Request::Done(receipt) = request {
            break receipt;
        }
        answer = match world.answers.front() {
            Some((scripted, _)) if *scripted == name(&request) => world.answers.pop_front().unwrap().1,
            _ => world.answer(request),
        };
    };
    let sent = world.commitments.first().map(transactions).unwrap_or_default();
    let mut told = format!("{}\n{}\n{sent}", asked.join(" "), end(&receipt));
    match receipt.rehearsal {
        Some(Rehearsal {
            refusal: Some(refusal),
            ..
        }) => told.push_str(&format!(
            "{}\nhint: {}\n{}",
            refusal.message(),
            refusal.hint(),
            refusal.cause.code()
        )),
        Some(found) => told.push_str(&format!(
            "{} transactions, {} operations, {} not asked",
            found.transactions, found.operations, found.unasked
        )),
        None => told.push_str("nobody asked"),
    }
    words(&told)
}

fn three_kinds() -> World {
    World {
        files: vec![("a.zk", "/a\n  v = 2\n  /new\n    /below\n")],
        live: live(&[
            ("/a", "{\"v\":1}"),
            ("/a/old", ""),
            ("/a/old/below", ""),
            ("/a/z", ""),
        ]),
        ..World::new()
    }
}

/// Limits under which each change is a batch of its own.
fn tiny(_: &mut SyncOptions, context: &mut Context) {
    context.batch_limits.transaction_operations_max = 6;
    context.batch_limits.batch_bytes_max = 1;
}

fn rejected(transaction: usize, operation: usize, cause: OpFault) -> (&'static str, Answer) {
    let verdict = Verdict::Rejected {
        transaction,
        operation: Some(operation),
        cause,
    };
    ("rehearse", Answer::Rehearsed(verdict))
}

#[test]
fn the_very_transaction_is_asked_about_without_the_lock() {
    insta::assert_snapshot!(rehearse(three_kinds(), |_, _| {}), @r#"
    read fetch relate files read observe rehearse done
    planned
    transaction 0
      set /hosts {"version":"NEW"} @3
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @5
      create /a/new {}
      create /a/new/below {}
      set /a {"v":2} @7
      delete /a/z @7
      delete /a/old/below @7
      delete /a/old @7
      create /treekeeper/history/0000000005 sync of NEW from OLD: 2 created, 1 changed, 3 deleted
    1 transactions, 9 operations, 0 not asked
    "#);
}

#[test]
fn of_batches_what_stands_alone_is_asked_about_and_of_the_rest_the_acls() {
    insta::assert_snapshot!(rehearse(three_kinds(), tiny), @r#"
    read fetch relate files read observe rehearse access done
    planned
    transaction 0
      set /hosts {"version":false} @3
      set /treekeeper/state Applying 0/6 at OLD from "OLD" to NEW, outcomes [] @5
      create /treekeeper/history/0000000005 sync of NEW from OLD: 2 created, 1 changed, 3 deleted
    transaction 1
      create /a/new {}
    transaction 2
      set /a {"v":2} @7
    transaction 3
      delete /a/z @7
    transaction 4
      delete /a/old/below @7
    5 transactions, 7 operations, 2 not asked
    "#);
}

#[test]
fn a_first_sync_is_asked_about_as_if_its_nodes_were_there() {
    let world = World {
        readings: VecDeque::from([ClusterReading {
            hosts_node: None,
            hosts: Vec::new(),
            state: StateReading::Absent,
            history: None,
        }]),
        ..World::new()
    };
    insta::assert_snapshot!(rehearse(world, |_, _| {}), @r#"
    read fetch files read observe rehearse done
    planned
    transaction 0
      set /hosts {"version":"NEW"} @0
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @0
      set /treekeeper/roots {"roots":["a"],"orphans":[]} @0
      set /a {"v":2} @7
      create /treekeeper/history/0000000001 sync of NEW from initial: 0 created, 1 changed, 0 deleted
    1 transactions, 5 operations, 0 not asked
    "#);
}

#[test]
fn what_the_server_would_refuse_is_told_with_its_place() {
    let told = |cause: OpFault| {
        let mut world = three_kinds().answers([rejected(0, 5, cause)]);
        world.denied = vec!["deleting in /a".to_owned()];
        let told = rehearse(world, |_, _| {});
        let (_, end) = told.split_once("the server").unwrap();
        format!("the server{end}")
    };
    insta::assert_snapshot!(told(OpFault::NotEmpty), @"
    the server would refuse it: deleting /a/z: the node has children
    hint: somebody wrote there after the tree was read: run the same command again
    not-empty
    ");
    insta::assert_snapshot!(told(OpFault::NoAuth), @"
    the server would refuse it: ZooKeeper denies deleting in /a
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    no-auth
    ");
    insta::assert_snapshot!(told(OpFault::Quota), @"
    the server would refuse it: deleting /a/z: a quota would be exceeded
    hint: somebody who may raises the quota: `zkCli.sh listquota PATH` tells it, `zkCli.sh setquota` sets it
    quota
    ");
    insta::assert_snapshot!(told(OpFault::Other("it has a headache".to_owned())), @"
    the server would refuse it: deleting /a/z: it has a headache
    hint: `treekeeper doctor` tells more of the server
    other
    ");
    let unprepared = Verdict::Unprepared(path("/treekeeper"), OpFault::NoAuth);
    let world = three_kinds().answers([("rehearse", Answer::Rehearsed(unprepared))]);
    let told = rehearse(world, |_, _| {});
    insta::assert_snapshot!(told.split_once("the server").unwrap().1, @"
     would refuse it: creating /treekeeper: the ACL denies it
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    no-auth
    ");
}

#[test]
fn a_plan_of_nothing_asks_nobody() {
    let world = World {
        readings: VecDeque::from([cluster(&format!("{{\"version\":\"{NEW}\"}}"), {
            let mut state = clean();
            state.commit = Some(NEW.to_owned());
            state
        })]),
        live: live(&[("/a", "{\"v\":2}")]),
        ..World::new()
    };
    insta::assert_snapshot!(rehearse(world, |_, _| {}), @"
    read fetch files read observe done
    planned
    0 transactions, 0 operations, 0 not asked
    ");
}
