"""Talking HTTP to tftpd-status, without a superserver between: one process a request.

    web = Web(lane)                     # with the options that a lane's server needs
    answer = web.get("/api/v1/status")  # .status .headers .body .tree
"""

import http.client
import io
import json
import socket
import subprocess

from harness import check

SECONDS = 20


class Answer:
    """status, headers (names in lower case), body; raw is all of it."""

    def __init__(self, raw, status, headers, body):
        self.raw, self.status, self.headers, self.body = raw, status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def tree(self):
        return json.loads(self.body)


class Recorded:
    """What http.client takes for a socket: bytes that came."""

    def __init__(self, raw):
        self.raw = raw

    def makefile(self, *_):
        return io.BytesIO(self.raw)


def parse(raw, method="GET"):
    response = http.client.HTTPResponse(Recorded(raw), method=method)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(raw, response.status, headers, response.read())


class Web:
    """Each request is a tftpd-status of its own, on a real connection."""

    def __init__(self, lane, *args, program=None):
        self.lane = lane
        self.program = str(program or lane.scratch / "bin/tftpd-status")
        self.args = [str(word) for word in args]
        self.listener = socket.create_server(("127.0.0.1", 0))

    def connect(self, **how):
        """A client's socket, and the process that serves it; how: of Popen()."""
        client = socket.create_connection(self.listener.getsockname(), timeout=SECONDS)
        served, _ = self.listener.accept()
        with served:
            process = subprocess.Popen(
                [self.program, *self.args], stdin=served, stdout=served,
                stderr=subprocess.DEVNULL, env=self.lane.environment(), cwd="/",
                start_new_session=True, **how)
        return client, process

    def exchange(self, raw):
        """Send bytes, get bytes until the other side closes."""
        client, process = self.connect()
        with client:
            client.sendall(raw)
            parts = []
            while part := client.recv(65536):
                parts.append(part)
        check(process.wait(SECONDS) in (0, 1), f"tftpd-status ended with {process.returncode}")
        return b"".join(parts)

    def get(self, path, method="GET", headers=(), body=b"", host="127.0.0.1:9169"):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in dict(headers).items())]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "".join(line + "\r\n" for line in lines) + "\r\n"
        return parse(self.exchange(head.encode("latin-1") + body), method)

    def close(self):
        self.listener.close()
