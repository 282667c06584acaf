#!/usr/bin/env python3
"""What a request costs that tftpd-status answers, its process included.

    bench-status.py --build DIR [--megabytes N] [--runs N] [--json]

Makes a log of N megabytes (1,000) in memory, and asks again and again, from the
connection to its end, as a superserver would start it.  "nothing" is a path that
is not there, so the price of the process and of HTTP; "first" counts the log.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

RECORD_BYTES, END_S, DAYS = 456, 1795348800, 10
NEEDED_MS = 20
PATHS = {"nothing": "/nothing", "metrics": "/metrics", "healthz": "/healthz", "status": "/api/v1/status",
         "connections": "/api/v1/connections"}


def make_log(build, folder, megabytes):
    log = folder / "transfers.jsonl"
    with log.open("wb") as out:
        subprocess.run([build / "tests/bench/bench-stats-log", str(megabytes * 1_000_000 // RECORD_BYTES),
                        str(DAYS * 86400), str(END_S)], stdout=out, check=True)
    return log


class Service:
    """Who listens, and starts a process for each connection."""

    def __init__(self, build, folder, log):
        self.words = [str(build / "tftpd-status"), "--log", str(log), "--state", str(folder / "state"),
                      "--table", str(folder / "live"), "--user", "nobody"]
        self.listener = socket.create_server(("127.0.0.1", 0))

    def ask(self, path):
        """(milliseconds, status)"""
        begin = time.perf_counter()
        with socket.create_connection(self.listener.getsockname(), timeout=60) as client:
            served, _ = self.listener.accept()
            with served:
                process = subprocess.Popen(self.words, stdin=served, stdout=served, stderr=subprocess.DEVNULL)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = client.recv(65536)
            while client.recv(65536):
                pass
        took = (time.perf_counter() - begin) * 1000
        process.wait(10)
        return took, int(head.split()[1]) if head else 0


def measure(service, name, runs):
    found = [service.ask(PATHS[name]) for _ in range(runs)]
    wanted = 404 if name == "nothing" else 200
    if any(status != wanted for _, status in found):
        sys.exit(f"{PATHS[name]}: status {sorted({status for _, status in found})}, not {wanted}")
    times = sorted(took for took, _ in found)
    return {"median_ms": round(statistics.median(times), 1), "worst_ms": round(times[-1], 1)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bench-status-", dir=memory) as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "state").mkdir()
        (folder / "state").chmod(0o777)
        log = make_log(args.build.resolve(), folder, args.megabytes)
        service = Service(args.build.resolve(), folder, log)
        first_ms, _ = service.ask("/metrics")
        found = {"log_mb": round(log.stat().st_size / 1e6), "first_ms": round(first_ms),
                 **{name: measure(service, name, args.runs) for name in PATHS}}
    if args.json:
        print(json.dumps(found))
    else:
        print(f"a log of {found['log_mb']} MB, {args.runs} runs each; the first /metrics took {found['first_ms']} ms")
        for name in PATHS:
            print(f"{name:12} median {found[name]['median_ms']:6.1f} ms, worst {found[name]['worst_ms']:6.1f} ms")
        is_met = found["metrics"]["median_ms"] <= NEEDED_MS
        print(f"a scrape of an unchanged log: {'met' if is_met else 'not met'} ({NEEDED_MS} ms)")


if __name__ == "__main__":
    main()
