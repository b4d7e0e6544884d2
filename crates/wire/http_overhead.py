"""Counts what HTTP adds to a request for metadata: bytes of requests and of the heads of answers.

    python3 crates/wire/http_overhead.py target/release/sealdex

Loopback, `sealdex serve`; for HTTP/1.1 our own client through a relay that counts, for HTTP/2 the Python package h2
(`pip install h2`). The figures are the constants of crates/wire/src/http.rs.
"""

import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import h2.connection
import h2.events

REQUESTS = 101


class Relay:
    """Passes connections on to a port, and keeps what went each way."""

    def __init__(self, port):
        self.up, self.down, self.connections = b"", b"", 0
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source, sink, upwards):
        while data := source.recv(65536):
            if upwards:
                self.up += data
            else:
                self.down += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def http1(binary, port, root, folder):
    """Our client: every request of one `trust add`, heads alone."""
    relay = Relay(port)
    run(binary, "trust", "add", "--root", root, "--trust-dir", folder / "trust", "here",
        f"http://127.0.0.1:{relay.port}/")
    time.sleep(0.3)
    requests = relay.up.count(b"HTTP/1.1\r\n")
    heads = re.findall(rb"HTTP/1\.1 \d+ .*?\r\n\r\n", relay.down, re.S)
    assert len(heads) == requests, (len(heads), requests)
    print(relay.up.split(b"\r\n\r\n")[0].decode())
    print(heads[1].decode())
    up, down = len(relay.up) / requests, sum(map(len, heads)) / requests
    print(f"HTTP/1.1: {requests} requests, {up:.0f} bytes up and {down:.0f} down each, {up + down:.0f} together")


def http2(port):
    """The package h2 with our client's headers, on one connection: everything that is not the bodies."""
    with socket.create_connection(("127.0.0.1", port)) as stream:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        sent = received = bodies = 0
        for number in range(REQUESTS):
            path = f"/metadata/1.index-{number:02x}.json"
            names = [(":method", "GET"), (":scheme", "http"), (":authority", f"127.0.0.1:{port}"), (":path", path)]
            names += [("accept-encoding", "dcz, zstd, gzip"), ("accept", "*/*"), ("user-agent", "sealdex/0.1.0")]
            connection.send_headers(connection.get_next_available_stream_id(), names, end_stream=True)
            ended = False
            while not ended:
                out = connection.data_to_send()
                stream.sendall(out)
                data = stream.recv(65536)
                sent, received = sent + len(out), received + len(data)
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.DataReceived):
                        bodies += len(event.data)
                        connection.acknowledge_received_data(len(event.data), event.stream_id)
                    ended |= isinstance(event, h2.events.StreamEnded)
    up, down = sent / REQUESTS, (received - bodies) / REQUESTS
    print(f"HTTP/2: {REQUESTS} requests, {up:.0f} bytes up and {down:.0f} down each, {up + down:.0f} together")


def main():
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        repository = folder / "repository"
        run(binary, "init", "--dev", "--layout", "index-only", "--bins", "256", repository)
        root = repository / "public" / "metadata" / "1.root.json"
        port = free_port()
        server = subprocess.Popen([binary, "serve", "-r", repository, "-l", f"127.0.0.1:{port}"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                time.sleep(0.1)
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            http1(binary, port, root, folder)
            http2(port)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
