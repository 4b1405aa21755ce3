"""Holds the cluster lock with kazoo until standard input ends.

Usage: kazoo_lock.py zktools|kazoo HOST:PORT[/chroot]
Prints `held` or `refused`.
The zktools lock is written from its description (TREE_FORMAT.md 8): zktools itself is Python 2.
"""

import os
import sys
import uuid

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError


class ZktoolsLock:
    """The lock of zktools.locking.ZkLock(zk, ',hosts'), without waiting."""

    directory = "/ZktoolsLocks/,hosts"

    def __init__(self, client):
        self.client = client
        self.candidate = None
        if not client.exists(self.directory):
            for path, data in (("/ZktoolsLocks", b"zktools ZLock dir"), (self.directory, b"lock")):
                try:
                    client.create(path, data)
                except NodeExistsError:
                    pass

    def acquire(self):
        prefix = "%s/%s-lock--" % (self.directory, uuid.uuid4().hex)
        self.candidate = self.client.create(prefix, b"0", ephemeral=True, sequence=True)
        names = sorted(self.client.get_children(self.directory), key=lambda name: name.rsplit("-", 1)[-1])
        if names[0] == self.candidate.rsplit("/", 1)[1]:
            return True
        self.release()
        return False

    def release(self):
        try:
            self.client.delete(self.candidate)
        except NoNodeError:
            pass


def main():
    style, connect = sys.argv[1:]
    client = KazooClient(hosts=connect)
    client.start()
    if style == "kazoo":
        lock = client.Lock("/hosts-lock", str(os.getpid()))
        held = lock.acquire(blocking=False)
    else:
        lock = ZktoolsLock(client)
        held = lock.acquire()
    print("held" if held else "refused", flush=True)
    sys.stdin.read()
    if held:
        lock.release()
    client.stop()
    client.close()


main()
