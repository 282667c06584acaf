"""What a transfer process could do if somebody took it over: nothing.

Read from /proc while a transfer runs: ids, groups, capabilities, root, and each
descriptor.  The dispatcher, which reads strangers' datagrams, stands behind the
same walls.
"""

import functools
import os

from harness import check, check_equal, descriptors_of, status_of, until

CONTENT = b"x" * 20000


def tests(mode):
    def bound(function):
        return functools.partial(function, mode)

    return [
        ("a transfer has the service user's ids, no group, no capability", bound(transfer_ids), True),
        ("the dispatcher has the service user's ids, no group, no capability",
         bound(dispatcher_ids), True),
        ("the served directory is the root of both", bound(root_directory), True),
        ("a read holds no descriptor but those it needs", bound(read_descriptors), False),
        ("an upload holds no descriptor but those it needs", bound(write_descriptors), False),
        ("the dispatcher holds no file and no directory", bound(dispatcher_descriptors), False),
    ]


def reading(mode, lane):
    """A read that stands still after its first block; returns its pid."""
    server = lane.serve(mode=mode)
    lane.file("walls", CONTENT)
    peer = lane.peer()
    peer.read("walls")
    peer.expect(3, 1)
    return server, transfer_pid(lane, server, peer)


def writing(mode, lane):
    server = lane.serve(mode=mode)
    peer = lane.peer()
    peer.write("walls-up", ends=1)
    peer.expect(4, 0)
    peer.data(1, b"u" * 512)
    peer.expect(4, 1)
    return server, transfer_pid(lane, server, peer)


def transfer_pid(lane, server, peer):
    """It tells its pid in the start record, and is a child of the dispatcher."""
    started = lane.log.wait_start(client=peer.address, client_port=peer.port)
    running = until(server.transfers, 5, "a transfer process stands under the dispatcher")
    if "pid" in started:
        check(started["pid"] in running, f"pid {started['pid']} is not among {running}")
        return started["pid"]
    check_equal(len(running), 1, "transfer processes")
    return running[0]


def transfer_ids(mode, lane):
    _, pid = reading(mode, lane)
    check_ids(lane, pid)


def dispatcher_ids(mode, lane):
    server, _ = reading(mode, lane)
    check_ids(lane, server.dispatcher())


def check_ids(lane, pid):
    status = status_of(pid)
    check_equal(status["Uid"].split(), [str(lane.uid)] * 4, "uids")
    check_equal(status["Gid"].split(), [str(lane.gid)] * 4, "gids")
    check(status["Groups"].split() in ([], [str(lane.gid)]), f"groups: {status['Groups']}")
    for key in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
        check_equal(int(status[key], 16), 0, key)
    check_equal(status["NoNewPrivs"], "1", "NoNewPrivs")


def root_directory(mode, lane):
    server, pid = reading(mode, lane)
    wanted = "/" if lane.instrumented else str(lane.root)
    check_equal(os.readlink(f"/proc/{pid}/root"), wanted, "the transfer's root")
    check_equal(os.readlink(f"/proc/{server.dispatcher()}/root"), wanted, "the dispatcher's root")


def read_descriptors(mode, lane):
    _, pid = reading(mode, lane)
    check_descriptors(lane, descriptors_of(pid), {str(lane.root / "walls")})


def write_descriptors(mode, lane):
    _, pid = writing(mode, lane)
    hidden = {str(path) for path in lane.hidden()}
    check_equal(len(hidden), 1, "hidden files")
    check_descriptors(lane, descriptors_of(pid), hidden | {str(lane.root)})


def dispatcher_descriptors(mode, lane):
    """Apart from the listening socket, its end of each control pipe, in the foreground
    standard error, and the service user's own spool."""
    server, _ = reading(mode, lane)
    found = descriptors_of(server.dispatcher())
    files = {f"/var/lib/tftpd/spool-{lane.uid}"} | ({str(server.errors)} if mode == "foreground" else set())
    strange = [target for target in found.values() if not allowed(lane, target, files)]
    check(not strange, f"strange descriptors of the dispatcher: {strange}")


def check_descriptors(lane, found, files):
    strange = {number: target for number, target in found.items()
               if not allowed(lane, target, files)}
    check(not strange, f"strange descriptors: {strange} (all: {found})")
    sockets = {target for target in found.values() if target.startswith("socket:")}
    check_equal(len(sockets), 1, f"sockets among {found}")
    check(files <= set(found.values()) or len(files) > 1, f"the file is not open: {found}")


def allowed(lane, target, files):
    if target.startswith(("socket:", "pipe:")) or target in files:
        return True
    if lane.instrumented and target.startswith(str(lane.scratch)):
        return True                 # a report of a sanitizer
    return target == "/dev/null" or target == str(lane.log.path) or target.startswith("/run/tftpd/")
