"""Asks for znodes one request after the other, as zc.zkdeployment did with kazoo.

Usage: original.py HOST:PORT[/chroot] [--write], with a JSON list of [path, data] on standard input.
Prints the seconds that all of them took: exists, get and get_children for each, and set with --write.
"""

import json
import sys
import time

from kazoo.client import KazooClient


def main(connect, *options):
    nodes = [(path, data.encode()) for path, data in json.load(sys.stdin)]
    client = KazooClient(hosts=connect)
    client.start()
    begin = time.monotonic()
    for path, data in nodes:
        client.exists(path)
        client.get(path)
        if "--write" in options:
            client.set(path, data)
        client.get_children(path)
    print(time.monotonic() - begin)
    client.stop()


main(*sys.argv[1:])
