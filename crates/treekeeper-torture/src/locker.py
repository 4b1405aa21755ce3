"""Takes the cluster lock again and again with kazoo, and writes while it holds it, until standard input ends.

Usage: locker.py zktools|kazoo HOST:PORT/chroot
The zktools lock is written from its description: zktools itself is Python 2.
"""

import random
import sys
import threading
import time
import uuid

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError

ZKTOOLS = "/ZktoolsLocks/,hosts"
KAZOO = "/hosts-lock"


class ZktoolsLock:
    """The lock of zktools.locking.ZkLock(zk, ',hosts'), without waiting."""

    def __init__(self, client):
        self.client = client
        self.candidate = None

    def acquire(self):
        prefix = "%s/%s-lock--" % (ZKTOOLS, uuid.uuid4().hex)
        self.candidate = self.client.create(prefix, b"0", ephemeral=True, sequence=True)
        names = sorted(self.client.get_children(ZKTOOLS), key=lambda name: name.rsplit("-", 1)[-1])
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
    node = "/legacy-" + style
    for path, data in (("/ZktoolsLocks", b"zktools ZLock dir"), (ZKTOOLS, b"lock"), (KAZOO, b""), (node, b"0")):
        try:
            client.create(path, data)
        except NodeExistsError:
            pass
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    held = 0
    while not over.is_set():
        lock = ZktoolsLock(client) if style == "zktools" else client.Lock(KAZOO, uuid.uuid4().hex)
        if lock.acquire() if style == "zktools" else lock.acquire(blocking=False):
            held += 1
            for _ in range(3):
                client.set(node, b"%d" % held)
                over.wait(random.uniform(0, 0.02))
            lock.release()
        time.sleep(random.uniform(0.05, 0.4))
    client.stop()
    client.close()
    print(held)


main()
