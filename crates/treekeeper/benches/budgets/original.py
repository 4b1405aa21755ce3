"""Asks for znodes one request after the other, as zc.zkdeployment did with kazoo.

Usage: original.py HOST:PORT[/chroot], with a JSON list of [path, data] on standard input.
Prints the seconds that all of them took: exists, get, set and get_children for each.
"""

import json
import sys
import time

from kazoo.client import KazooClient


def main(connect):
    nodes = [(path, data.encode()) for path, data in json.load(sys.stdin)]
    client = KazooClient(hosts=connect)
    client.start()
    begin = time.monotonic()
    for path, data in nodes:
        client.exists(path)
        client.get(path)
        client.set(path, data)
        client.get_children(path)
    print(time.monotonic() - begin)
    client.stop()


main(sys.argv[1])
