"""Plays what kazoo can do on one server, and prints what comes of it: the same on every server.

kazoo_story.py HOST:PORT/CHROOT
"""

import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.protocol.states import KazooState
from kazoo.recipe.barrier import Barrier, DoubleBarrier
from kazoo.recipe.cache import TreeCache
from kazoo.security import make_acl, make_digest_acl

WAIT_MAX = 30


def wait(what, condition):
    """Waits for a condition, for a bounded time."""
    deadline = time.monotonic() + WAIT_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain for {what}")
        time.sleep(0.01)


def told(what, call):
    """Prints what a call returns, or the error that it raises."""
    try:
        print(f"{what}: {call()}")
    except KazooException as error:
        print(f"{what}: {type(error).__name__}")


def client():
    started = KazooClient(hosts=sys.argv[1], timeout=10)
    started.start(timeout=WAIT_MAX)
    return started


def at_once(works):
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_MAX)
        if thread.is_alive():
            raise SystemExit("a thread is stuck")


def nodes(one, two):
    told("create", lambda: one.create("/n", b"1"))
    told("again", lambda: one.create("/n", b"1"))
    told("below nothing", lambda: one.create("/x/y"))
    told("deep", lambda: one.create("/d/e/f", makepath=True))
    told("sequence", lambda: [one.create("/d/s-", sequence=True) for _ in range(2)])
    told("ephemeral", lambda: one.create("/d/eph", ephemeral=True))
    told("below an ephemeral", lambda: one.create("/d/eph/x"))
    told("null", lambda: (two.create("/null", None), two.get("/null")[0]))
    told("empty", lambda: (two.create("/empty", b""), two.get("/empty")[0]))
    told("set", lambda: two.set("/n", b"22", version=0).version)
    told("stale set", lambda: two.set("/n", b"3", version=0).version)
    told("get", lambda: (one.get("/n")[0], one.get("/n")[1].data_length))
    told("children", lambda: sorted(one.get_children("/d")))
    told("counts", lambda: (one.get("/d")[1].numChildren, one.get("/d")[1].children_version))
    told("delete a parent", lambda: one.delete("/d"))
    told("delete stale", lambda: one.delete("/n", version=7))
    told("delete all", lambda: one.delete("/d", recursive=True))
    told("gone", lambda: one.exists("/d"))
    told("bad name", lambda: one.create("/a\u0001"))
    told("sync", lambda: one.sync("/n"))
    told("owner", lambda: one.exists("/n").ephemeralOwner)


def transactions(one, _two):
    def commit(build):
        transaction = one.transaction()
        build(transaction)
        return [r if isinstance(r, (str, bool)) else type(r).__name__ for r in transaction.commit()]

    told("multi", lambda: commit(lambda t: (t.create("/t", b"x"), t.create("/t/a"), t.set_data("/t", b"y"), t.check("/t", 1))))
    told("rolled back", lambda: commit(lambda t: (t.delete("/t/a"), t.check("/t", 9), t.create("/t/b"))))
    told("as before", lambda: one.get_children("/t"))
    told("delete in it", lambda: commit(lambda t: (t.delete("/t/a"), t.delete("/t"))))


def acls(one, two):
    secret = make_digest_acl("ada", "secret", all=True)
    one.add_auth("digest", "ada:secret")
    told("guarded", lambda: one.create("/acl", b"s", acl=[secret]))
    told("others", lambda: two.get("/acl"))
    told("others write", lambda: two.set("/acl", b"x"))
    told("ours", lambda: one.get("/acl")[0])
    told("listed", lambda: [(a.id.scheme, a.id.id.split(":")[0], a.perms) for a in one.get_acls("/acl")[0]])
    told("opened", lambda: one.set_acls("/acl", [make_acl("world", "anyone", read=True)]).aversion)
    told("others read", lambda: two.get("/acl")[0])
    told("others create a child", lambda: two.create("/acl/x"))
    two.add_auth("digest", "eve:guess")
    told("bad acl", lambda: two.create("/acl2", acl=[make_acl("nobody", "x", all=True)]))


def watches(one, two):
    seen = []
    two.ensure_path("/w/deep")
    one.get("/w", watch=lambda event: seen.append((event.type, event.path)))
    one.get_children("/w", watch=lambda event: seen.append((event.type, event.path)))
    one.exists("/later", watch=lambda event: seen.append((event.type, event.path)))
    two.set("/w", b"1")
    two.create("/w/child")
    two.create("/later")
    wait("one-shot watches", lambda: len(seen) == 3)
    print("one-shot:", sorted(seen))
    data, children = [], []
    one.DataWatch("/w", lambda value, stat: data.append(value))
    one.ChildrenWatch("/w", lambda names: children.append(sorted(names)))
    two.set("/w", b"2")
    two.delete("/w/child")
    wait("lasting watches", lambda: data[-1:] == [b"2"] and children[-1:] == [["deep"]])
    print("data watch:", data[0], data[-1], "children watch:", children[0], children[-1])
    cached = []
    cache = TreeCache(one, "/w")
    cache.listen(lambda event: cached.append(event.event_type))
    cache.start()
    wait("the cache", lambda: cache.get_data("/w/deep") is not None)
    two.set("/w/deep", b"cached")
    wait("the cache's news", lambda: cache.get_data("/w/deep").data == b"cached")
    print("cache:", cache.get_data("/w/deep").data)
    cache.close()


def recipes(one, two):
    order = []

    def locked(kazoo, name):
        with kazoo.Lock("/lock", name):
            order.append(name)
            time.sleep(0.02)
            order.append(name)

    at_once([lambda: locked(one, "a"), lambda: locked(two, "b")])
    print("lock:", order[0] == order[1] and order[2] == order[3], sorted(set(order)))
    held = one.Lock("/lock", "a")
    held.acquire(timeout=WAIT_MAX)
    print("not blocking:", two.Lock("/lock", "b").acquire(blocking=False), "contenders:", two.Lock("/lock").contenders())
    held.release()
    read = [one.ReadLock("/rw", "r1"), two.ReadLock("/rw", "r2")]
    print("readers:", [lock.acquire(timeout=WAIT_MAX) for lock in read])
    print("writer beside readers:", two.WriteLock("/rw", "w").acquire(blocking=False))
    for lock in read:
        lock.release()
    leases = [one.Semaphore("/sem", "s1", max_leases=1), two.Semaphore("/sem", "s2", max_leases=1)]
    print("semaphore:", leases[0].acquire(), leases[1].acquire(blocking=False), leases[1].lease_holders())
    leases[0].release()
    party = [one.Party("/party", "p1"), two.ShallowParty("/party", "p2")]
    for member in party:
        member.join()
    print("party:", sorted(party[0]), len(party[1]))
    party[0].leave()
    print("after one left:", len(party[1]))
    elected = []
    at_once([lambda: one.Election("/vote", "e1").run(elected.append, 1), lambda: two.Election("/vote", "e2").run(elected.append, 2)])
    print("elected:", sorted(elected))
    counters = [one.Counter("/count"), two.Counter("/count")]

    def count(counter):
        for _ in range(10):
            counter += 1

    at_once([lambda: count(counters[0]), lambda: count(counters[1])])
    print("counter:", one.Counter("/count").value)
    queue = one.LockingQueue("/queue")
    queue.put_all([b"1", b"2"])
    taken = two.LockingQueue("/queue")
    first = taken.get(timeout=WAIT_MAX)
    taken.consume()
    print("queue:", first, len(queue))
    plain = one.Queue("/plain")
    plain.put(b"late", 200)
    plain.put(b"soon", 1)
    print("priorities:", two.Queue("/plain").get(), two.Queue("/plain").get())
    barrier = Barrier(one, "/barrier")
    barrier.create()
    print("barrier:", Barrier(two, "/barrier").wait(0.05), barrier.remove(), Barrier(two, "/barrier").wait(WAIT_MAX))
    entered = []
    doubles = [DoubleBarrier(one, "/double", 2), DoubleBarrier(two, "/double", 2)]
    at_once([lambda b=b: (b.enter(), entered.append(b.participating)) for b in doubles])
    at_once([b.leave for b in doubles])
    print("double barrier:", entered)


def sessions(one, two):
    third = client()
    third.create("/mine", ephemeral=True)
    states = []
    third.add_listener(states.append)
    old = third.client_id
    third._connection._socket.shutdown(2)
    wait("the connection", lambda: states[-1:] == [KazooState.CONNECTED])
    print("reconnected:", states[0], states[-1], "same session:", third.client_id == old, "still there:", bool(two.exists("/mine")))
    third.stop()
    print("closed:", two.exists("/mine"))
    third.start(timeout=WAIT_MAX)
    print("restarted:", third.client_id != old, third.get("/n")[0])
    third.stop()
    third.close()
    print("version:", one.server_version()[:2] >= (3, 8))
    print("ruok:", one.command(b"ruok"))
    print("mntr:", "zk_server_state\tstandalone" in one.command(b"mntr"))


def main():
    one, two = client(), client()
    for part in (nodes, transactions, acls, watches, recipes, sessions):
        print(f"== {part.__name__.replace('_', ' ')}")
        part(one, two)
    for kazoo in (one, two):
        kazoo.stop()
        kazoo.close()


main()
