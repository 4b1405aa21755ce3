"""Lets kazoo's test suite use a ZooKeeper that runs already, in place of the ensembles that its harness starts.

A plugin of pytest, for scripts/kazoo-suite.
Each of the three servers that the suite expects is a port in front of the one that runs.
When a test stops a server, its port closes and its connections break; sessions and nodes stay, as in an ensemble.
"""

import logging
import os
import socket
import sys
import threading
import types

SERVERS = 3
HOST, PORT = os.environ["KAZOO_SUITE_SERVER"].rsplit(":", 1)


class Server:
    """One port in front of the server."""

    def __init__(self):
        self.running = False
        self.client_port = 0
        self._listener = None
        self._sockets = set()
        self._lock = threading.Lock()

    @property
    def address(self):
        return f"127.0.0.1:{self.client_port}"

    def run(self):
        if self.running:
            return
        # The port stays the same for as long as the suite runs.
        self._listener = socket.create_server(("127.0.0.1", self.client_port))
        self.client_port = self._listener.getsockname()[1]
        self.running = True
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def stop(self):
        if not self.running:
            return
        self.running = False
        # Closing alone would not wake the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in self._sockets:
                _shut(end)

    destroy = stop

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, int(PORT)))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, server}
            for ends in (client, server), (server, client):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
        except OSError:
            pass
        _shut(source)
        _shut(sink)
        with self._lock:
            self._sockets -= {source, sink}


class Cluster:
    """What the harness takes for an ensemble."""

    def __init__(self):
        self._servers = [Server() for _ in range(SERVERS)]

    def __getitem__(self, index):
        return self._servers[index]

    def start(self):
        for server in self._servers:
            server.run()

    def terminate(self):
        for server in self._servers:
            server.stop()

    def get_logs(self):
        return []


def _shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


# The real module makes certificates with packages that nothing here needs.
_common = types.ModuleType("kazoo.testing.common")
_common.ZookeeperCluster = Cluster
sys.modules["kazoo.testing.common"] = _common

import kazoo.testing.harness  # noqa: E402

_cluster = Cluster()
# Clients that a test has left behind would complain below the summary.
logging.lastResort = None
kazoo.testing.harness.get_global_cluster = lambda: _cluster
