"""A file appears under its name only when it is whole.

However an upload dies - the process killed, the client gone, the disk full -
nothing stands under a name that can be served, and the hidden file goes too.
"""

import os
import signal

import tftp
from harness import check, check_equal, children, of_peer, run, until

HALF = 100


def half_an_upload(lane, name, **options):
    """An upload that stands still after HALF blocks; returns its client."""
    lane.serve()
    peer = lane.peer()
    peer.write(name, **options)
    peer.expect(tftp.OACK if options else tftp.ACK)
    for index in range(1, HALF + 1):
        peer.data(index, b"h" * 512)
        peer.expect(tftp.ACK, index)
    return peer


def check_nothing_stands(lane, name, where=None):
    """The hidden file goes within a second of the end record."""
    where = where or lane.root
    until(lambda: not lane.hidden(where), 1.5 * lane.slowness, "the hidden file is gone")
    check(not (where / name).exists(), f"{name} stands under its name")


def hidden_while_running(lane):
    peer = half_an_upload(lane, "running")
    hidden = lane.hidden()
    check_equal(len(hidden), 1, "hidden files")
    check(hidden[0].name.startswith(".running."), f"its name: {hidden[0].name}")
    check(not (lane.root / "running").exists(), "it stands under its name already")
    started = lane.log.wait_start(**of_peer(peer))
    check(hidden[0].name.endswith(started["id"]), "the hidden name does not end in the transfer's id")
    for name in ("running", hidden[0].name, "/" + hidden[0].name, "./" + hidden[0].name):
        thief = lane.peer()
        thief.read(name)
        packet = thief.expect(tftp.ERROR)
        check(packet.code in (1, 2), f"a read of {name}: {packet}")
    peer.data(HALF + 1, b"end")
    peer.expect(tftp.ACK, HALF + 1)
    # The last ACK says: it is stored.
    check_equal((lane.root / "running").read_bytes(), b"h" * 512 * HALF + b"end", "the stored file")
    check_equal(lane.hidden(), [], "hidden files")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


def process_killed(lane):
    peer = half_an_upload(lane, "killed")
    started = lane.log.wait_start(**of_peer(peer))
    server = lane.server
    pid = started.get("pid") or server.transfers()[0]
    check(pid in [child for d in server.dispatchers() for child in children(d)],
          "the transfer is no child of the dispatcher")
    os.kill(pid, signal.SIGKILL)
    record = lane.log.wait_end(3 * lane.slowness, **of_peer(peer))
    check_equal((record["outcome"], record["id"]), ("crashed", started["id"]), "the end record")
    check_nothing_stands(lane, "killed")
    check_serves_on(lane)


def check_serves_on(lane):
    lane.file("after", b"still here")
    check_equal(lane.peer().get("after"), b"still here", "the next read")


def client_gone(lane):
    peer = half_an_upload(lane, "gone")
    peer.close()
    # The server repeats its ACK after a second, and hears that nobody is there.
    record = lane.log.wait_end(5 * lane.slowness, client="127.0.0.1", client_port=peer.port)
    check_equal((record["outcome"], record["bytes"]), ("vanished", 512 * HALF), "outcome and bytes")
    check_nothing_stands(lane, "gone")


def client_aborts(lane):
    peer = half_an_upload(lane, "aborted")
    peer.error(0, "changed my mind")
    record = lane.log.wait_end(5 * lane.slowness, **of_peer(peer))
    check_equal((record["outcome"], record["error_code"], record["error_by"]), ("aborted", 0, "client"),
                "the end record")
    check_nothing_stands(lane, "aborted")


def small_disk(lane, megabytes):
    place = lane.root / f"disk-{megabytes}"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "tmpfs", place)
    return place


def no_room(lane):
    """A disk that is nearly full: refused before a byte was sent, or soon after."""
    place = small_disk(lane, 2)
    check_full(lane, place, 8 << 20)


def disk_fills_up(lane):
    """There was room at the beginning, and somebody else took it."""
    place = small_disk(lane, 100)
    lane.serve()
    peer = lane.peer()
    peer.write("disk-100/filling", blksize=65464)
    peer.expect(tftp.OACK)
    block = lane.content(65464, seed=9)
    packet = None
    for index in range(1, 3000):
        peer.data(index, block)
        packet = peer.hear()
        if packet is None or packet.op != tftp.ACK:
            break
        if index == 10:
            with open(place / "other", "wb") as other:
                os.posix_fallocate(other.fileno(), 0, 95 << 20)
    check_full_answer(lane, peer, packet, place, "filling")


def check_full(lane, place, size):
    lane.serve()
    peer = lane.peer()
    peer.write(f"{place.name}/full", blksize=65464, tsize=size)
    packet = peer.hear()
    if packet is not None and packet.op == tftp.OACK:
        block = lane.content(65464, seed=9)
        for index in range(1, size // 65464 + 2):
            peer.data(index, block[:min(65464, size - (index - 1) * 65464)])
            packet = peer.hear()
            if packet is None or packet.op != tftp.ACK:
                break
    check_full_answer(lane, peer, packet, place, "full")


def check_full_answer(lane, peer, packet, place, name):
    check(packet is not None and (packet.op, packet.code) == (tftp.ERROR, 3),
          f"ERROR 3 should have come, not {packet}")
    record = lane.log.wait_end(**of_peer(peer))
    check(record["outcome"] in ("limited", "failed"), f"outcome {record['outcome']}")
    check_equal((record["error_code"], record["error_by"]), (3, "server"), "the end record")
    check_nothing_stands(lane, name, place)
    check_serves_on(lane)


def two_of_one_name(lane):
    """Whoever ends last or is refused: the file is one of the two, and whole."""
    first, second = half_an_upload(lane, "both"), half_an_upload(lane, "both")
    check_equal(len(lane.hidden()), 2, "hidden files")
    for peer, tail in ((first, b"first"), (second, b"second")):
        peer.data(HALF + 1, tail)
        packet = peer.hear()
        # On a slow machine the ACK of the half was repeated meanwhile.
        for _ in range(10):
            if packet is None or (packet.op, packet.block) != (tftp.ACK, HALF):
                break
            packet = peer.hear()
        check(packet is not None and (packet.op, packet.block or packet.code) in
              ((tftp.ACK, HALF + 1), (tftp.ERROR, 6)), f"the last answer: {packet}")
        lane.log.wait_end(**of_peer(peer))
    stored = (lane.root / "both").read_bytes()
    check(stored in (b"h" * 512 * HALF + b"first", b"h" * 512 * HALF + b"second"), "a mixed file")
    check_equal(lane.hidden(), [], "hidden files")


def old_file_until_the_end(lane):
    """An overwrite that fails leaves what was there."""
    lane.file("keep", b"old content", mode=0o666)
    peer = half_an_upload(lane, "keep")
    check_equal((lane.root / "keep").read_bytes(), b"old content", "the file during the upload")
    peer.error(0, "no")
    lane.log.wait_end(5 * lane.slowness, **of_peer(peer))
    check_equal((lane.root / "keep").read_bytes(), b"old content", "the file afterwards")
    until(lambda: not lane.hidden(), 1.5 * lane.slowness, "the hidden file is gone")


def readers_see_the_old_file(lane):
    """A read that runs while the file is replaced gets the old one, whole."""
    old = lane.content(20000, seed=5)
    lane.file("swapped", old, mode=0o666)
    lane.serve()
    reader = lane.peer()
    head = reader.get("swapped", stop_at=5000)
    lane.peer().put("swapped", b"new")
    check_equal((lane.root / "swapped").read_bytes(), b"new", "the new file")
    index = len(head) // 512
    reader.ack(index)
    rest = []
    for _ in range(100):
        index += 1
        packet = reader.expect(tftp.DATA)
        if packet.block == index - 1:       # it was repeated while we waited
            index -= 1
            continue
        rest.append(packet.payload)
        reader.ack(index)
        if len(packet.payload) < 512:
            break
    check(head + b"".join(rest) == old, "the reader got something else than the old file")


def quota_of_a_file(lane):
    """--max-upload: more than that is refused, said beforehand or not."""
    lane.serve("-s", "-c", "--max-upload", "10000", lane.root)
    peer = lane.peer()
    peer.write("too-big", tsize=20000)
    peer.expect(tftp.ERROR, 3)
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "limited", "outcome")
    peer = lane.peer()
    peer.write("too-big")
    packet = peer.expect(tftp.ACK, 0)
    for index in range(1, 30):
        peer.data(index, b"x" * 512)
        packet = peer.hear()
        if packet is None or packet.op == tftp.ERROR:
            break
    check(packet is not None and (packet.op, packet.code) == (tftp.ERROR, 3), f"the answer: {packet}")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "limited", "outcome")
    check_nothing_stands(lane, "too-big")


def read_only(lane):
    lane.serve("-s", "-c", "--read-only", lane.root)
    peer = lane.peer()
    peer.write("nothing")
    peer.expect(tftp.ERROR, 2)
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "denied", "outcome")


def umask(lane):
    lane.serve("-s", "-c", "-U", "027", lane.root)
    lane.peer().put("masked", b"x")
    check_equal((lane.root / "masked").stat().st_mode & 0o777, 0o640, "mode of the stored file")
    lane.stop_server()


TESTS = (
    ("while it runs, an upload has no name that can be served", hidden_while_running, True),
    ("a killed process leaves nothing and is recorded as 'crashed'", process_killed, True),
    ("a client that goes away leaves nothing", client_gone, True),
    ("a client that aborts leaves nothing", client_aborts, True),
    ("without room an upload gets ERROR 3 and leaves nothing", no_room, True),
    ("a disk that fills up ends in ERROR 3 and leaves nothing", disk_fills_up, False),
    ("two uploads of one name do not mix", two_of_one_name, True),
    ("an overwrite that fails keeps the old file", old_file_until_the_end, True),
    ("a read goes on with the old file while it is replaced", readers_see_the_old_file, False),
    ("more than --max-upload is refused", quota_of_a_file, True),
    ("--read-only refuses uploads", read_only, True),
    ("-U masks the mode of uploads", umask, True),
)
