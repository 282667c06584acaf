"""Real clients fetch and store files of every awkward size, in every launch mode.

Each transfer has to arrive byte for byte and to leave exactly one end record,
"complete".  40 MB are more than 65536 blocks of 512 bytes: the number wraps.
"""

import functools
import hashlib
import os

from clients import CLIENTS
from harness import Failure, bytes_of, check, check_equal

SMALL = (0, 1, 511, 512, 513, 1 << 20)
SMALL_QUICK = (0, 1, 511, 512, 513, 20000)
BIG = 40_000_000

# Dual-stack where the superserver makes it so; clients come by IPv4.
ADDRESS = {"activate-inetd": "::", "activate-fds": "::"}


def tests(mode):
    """In a quick run one superserver stands for all."""
    quick_mode = mode == "xinetd"
    table = []
    for client in CLIENTS:
        table.append((f"{client.name} gets and puts small files and whole blocks",
                      functools.partial(small_files, mode, client), quick_mode))
    for client in CLIENTS:
        table.append((f"{client.name} gets and puts 40 MB",
                      functools.partial(big_file, mode, client), False))
    table.append((f"{mode} started one server for all of them",
                  functools.partial(one_server, mode), False))
    return table


def small_files(mode, client, lane):
    lane.serve(mode=mode, address=ADDRESS.get(mode, "0.0.0.0"))
    for size in SMALL_QUICK if lane.quick else SMALL:
        get(lane, client, size)
        put(lane, client, size)


def big_file(mode, client, lane):
    lane.serve(mode=mode, address=ADDRESS.get(mode, "0.0.0.0"))
    get(lane, client, BIG)
    put(lane, client, BIG)


def one_server(mode, lane):
    """A superserver that starts a process for each request dies in a boot storm."""
    server = lane.server
    check(server is not None and server.keeper() is not None, "no server is running")
    if mode == "xinetd":
        check_equal(server.activations(), 1, "starts by xinetd")


def get(lane, client, size):
    name = f"get-{client.name}-{size}"
    stored = lane.root / name
    os.link(original(lane, size), stored)
    fetched = lane.scratch / name
    lane.ledger.note(name, client="127.0.0.1")
    done = client.get(lane, "127.0.0.1", name, fetched)
    compare(fetched, size, f"{client.name} got {size} bytes", done)
    record = lane.log.wait_end(10 * lane.slowness, file=name)
    check_end(record, "read", size)
    fetched.unlink()
    stored.unlink()


def put(lane, client, size):
    name = f"put-{client.name}-{size}"
    lane.ledger.note(name, client="127.0.0.1")
    # Clients that send the local path's name get one that is the same.
    local = lane.scratch / name
    os.symlink(source(lane, size), local)
    done = client.put(lane, "127.0.0.1", name, local)
    record = lane.log.wait_end(10 * lane.slowness, file=name)
    compare(lane.root / name, size, f"{client.name} put {size} bytes", done)
    check_end(record, "write", size)
    check(not lane.hidden(), f"hidden files are left: {lane.hidden()}")
    (lane.root / name).unlink()
    local.unlink()


def check_end(record, op, size):
    check_equal(tuple(record.get(key) for key in ("op", "outcome", "bytes", "mode")),
                (op, "complete", size, "octet"), f"the end record of {record['file']}")


def compare(path, size, what, done):
    said = (done.stdout + done.stderr).decode(errors="replace")[-300:]
    check(path.exists(), f"{what}: no file came ({said.strip() or 'no word'})")
    if path.stat().st_size != size or digest(path) != digest_of(size):
        raise Failure(f"{what}: other content, {path.stat().st_size} bytes ({said.strip()})")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def digest_of(size):
    return hashlib.sha256(content(size)).hexdigest()


@functools.cache
def content(size):
    return bytes_of(size, seed=size)


def original(lane, size):
    """The served file that the names of all clients are links to."""
    path = lane.root / f"original-{size}"
    if not path.exists():
        lane.file(path.name, content(size))
    return path


def source(lane, size):
    """The same outside of the served directory, for uploads."""
    path = lane.scratch / f"source-{size}"
    if not path.exists():
        path.write_bytes(content(size))
    return path
