"""What comes to the request port: repeats, rubbish, and loops in the making."""

import socket
import struct
import time

import tftp
from harness import Failure, check, check_equal, of_peer, until

# DESIGN: a server on one of these would answer our answer (CVE-2024-2169).
REFUSED_PORTS = (7, 11, 13, 17, 19, 37, 53, 123)


def three_requests_are_one_transfer(lane):
    """Raspberry Pi boot code asks three times within 10 ms, from one port."""
    lane.serve()
    lane.file("triple", b"three times")
    peer = lane.peer()
    raw = peer.read("triple", tsize=0)
    for _ in range(2):
        peer.send_to_service(raw)
    peer.expect(tftp.OACK)
    tids = {packet.source for _, packet in peer.hear_all(0.3)} | {peer.tid}
    peer.ack(0)
    check_equal(peer.expect(tftp.DATA, 1).payload, b"three times", "the content")
    peer.ack(1)
    record = lane.log.wait_end(**of_peer(peer))
    check_equal(record["outcome"], "complete", "outcome")
    check_equal(len(tids), 1, "ports that answered")
    check_equal(len(lane.log.starts(**of_peer(peer))), 1, "start records")


def a_late_repeat_is_dropped(lane):
    """A copy of the request that the network held back, after the first ACK."""
    lane.serve()
    lane.file("late", lane.content(1500))
    peer = lane.peer()
    raw = peer.read("late")
    peer.expect(tftp.DATA, 1)
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    peer.send_to_service(raw)
    peer.ack(2)
    peer.expect(tftp.DATA, 3)
    peer.ack(3)
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")
    check_equal(len(lane.log.starts(**of_peer(peer))), 1, "start records")


def three_write_requests_are_one_upload(lane):
    """Cisco IOS asks again; the second must not meet the first one's file."""
    lane.serve()
    peer = lane.peer()
    raw = peer.write("triple-up")
    for _ in range(2):
        peer.send_to_service(raw)
    peer.expect(tftp.ACK, 0)
    for _, packet in peer.hear_all(0.2):
        check((packet.op, packet.block) == (tftp.ACK, 0), f"{packet} came")
    peer.data(1, b"once")
    peer.expect(tftp.ACK, 1)
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")
    check_equal((lane.root / "triple-up").read_bytes(), b"once", "the stored file")
    check_equal(len(lane.log.starts(**of_peer(peer))), 1, "start records")


def repeats_earn_few_packets(lane):
    """To an address that has not proved itself go at most 3 packets a request."""
    lane.serve()
    lane.file("unproven", lane.content(100000))
    peer = lane.peer()
    raw = peer.read("unproven", blksize=1428, windowsize=64)
    asked = 1
    heard = []
    for _ in range(10):
        heard += peer.hear_all(0.02)
        peer.send_to_service(raw)
        asked += 1
    heard += peer.hear_all(2.5)
    packets = [packet for _, packet in heard]
    check(all(p.op == tftp.OACK for p in packets), f"not only OACKs: {packets[:5]}")
    check(2 <= len(packets) <= 3 * asked, f"{len(packets)} packets for {asked} requests")
    # One more for each repeat, but not more often than every 50 ms.
    check(len(packets) <= 3 + 0.25 / 0.05 + 2, f"{len(packets)} packets for a burst of repeats")


def another_name_is_another_transfer(lane):
    """Two files at once through one port; the server's ports tell them apart."""
    lane.serve()
    lane.file("twin-a", b"A" * 600)
    lane.file("twin-b", b"B" * 600)
    peer = lane.peer()
    peer.read("twin-a")
    first = peer.expect(tftp.DATA, 1)
    peer.read("twin-b")
    second = peer.expect(tftp.DATA, 1)
    check(first.source != second.source, "both came from one port")
    for packet, content in ((first, b"A"), (second, b"B")):
        check_equal(packet.payload, content * 512, "the first block")
        peer.tid = packet.source
        peer.ack(1)
        check_equal(peer.expect(tftp.DATA, 2).payload, content * 88, "the second block")
        peer.ack(2)
    for name in ("twin-a", "twin-b"):
        record = lane.log.wait_end(file=name, **of_peer(peer))
        check_equal(record["outcome"], "complete", f"outcome of {name}")


def other_options_mean_a_new_start(lane):
    """A machine was reset and asks from the same port with other options."""
    lane.serve()
    lane.file("reset", lane.content(5000))
    peer = lane.peer()
    peer.read("reset")
    peer.expect(tftp.DATA, 1)
    peer.ack(1)
    old = peer.expect(tftp.DATA, 2).source
    peer.read("reset", blksize=1000)
    packet = next((p for _, p in peer.hear_all(1.0) if p.source != old), None)
    check(packet is not None and packet.op == tftp.OACK, f"the new transfer's reply: {packet}")
    peer.tid = packet.source
    peer.ack(0)
    check_equal(peer.get_rest(blksize=1000), lane.content(5000), "the content")
    check_two_ends(lane, peer)


def a_killed_client_is_answered_soon(lane):
    """PXE ROMs come back on the same port, for the same file: a stuck server
    that still serves the dead one would cost the boot."""
    lane.serve()
    content = lane.content(200000)
    lane.file("reboot", content)
    peer = lane.peer()
    peer.get("reboot", stop_at=100000)
    old = peer.tid
    answer = ask_again(lane, peer, "reboot", old)
    check_equal(answer.payload, content[:512], "the first block")
    finish_read(peer, content, old)
    check_two_ends(lane, peer)


def ask_again(lane, peer, name, old=None):
    """Ask as ROMs do, every quarter of a second, until a new transfer answers.

    The first repeats may be taken for late copies: the old one was heard just now.
    """
    raw, begin = peer.read(name), time.monotonic()
    bound = 3.0 if lane.quick else 1.5
    while time.monotonic() < begin + bound:
        for _, packet in peer.hear_all(0.25):
            if packet.source != old and packet.op == tftp.DATA:
                peer.tid = packet.source
                return packet
        peer.send_to_service(raw)
    raise Failure(f"no answer from a new transfer within {bound} s")


def check_two_ends(lane, peer):
    """The old one's and the new one's."""
    ends = until(lambda: len(lane.log.ends(**of_peer(peer))) == 2 and lane.log.ends(**of_peer(peer)),
                 5 * lane.slowness, "two end records")
    check_equal(sorted(e["outcome"] for e in ends), ["complete", "vanished"], "outcomes")


def finish_read(peer, content, old):
    """From the answered block 1 on, deaf to the old transfer."""
    index, got = 1, 512
    peer.ack(1)
    while got < len(content):
        packet = peer.hear()
        check(packet is not None, f"silence after {got} bytes")
        if packet.source != old and packet.op == tftp.DATA and packet.block == index + 1:
            check(packet.payload == content[got:got + 512], f"block {index + 1} differs")
            index, got = index + 1, got + len(packet.payload)
            peer.ack(index)
    if len(content) % 512 == 0:
        peer.expect(tftp.DATA, index + 1)
        peer.ack(index + 1)


def a_closed_port_that_asks_again_is_answered(lane):
    """The same with a client process that died: its port was closed for a while."""
    lane.serve()
    content = lane.content(100000)
    lane.file("restart", content)
    first = lane.peer()
    first.get("restart", stop_at=50000)
    port = first.port
    # The block that it never acknowledged comes again, and the port is closed.
    first.close()
    lane.log.wait_end(3 * lane.slowness, client="127.0.0.1", client_port=port, outcome="vanished")
    second = lane.peer(port=port)
    ask_again(lane, second, "restart")
    finish_read(second, content, None)
    check_two_ends(lane, second)


def the_same_again_at_once_is_served(lane):
    """tftp-hpa keeps its port and asks on its last ACK's heels: that is no late copy.

    When its process reads the ACK late, on a busy machine, the request looks as if it
    had come before the ACK, as a late copy does.  The client then asks again.
    """
    lane.serve()
    content = lane.content(700)
    lane.file("again", content)
    peer, rounds = lane.peer(), 100 if lane.quick else 400
    taken_for_copies = 0
    for _ in range(rounds):
        peer.drain()
        peer.read("again")
        try:
            got = block_of(peer, 1, 0.9 * lane.slowness)
        except Failure:
            taken_for_copies += 1
            peer.read("again", ends=0)
            got = block_of(peer, 1, 0.9 * lane.slowness)
        peer.ack(1)
        got += block_of(peer, 2, 5)
        check(got == content, "the content")
        peer.ack(2)
    until(lambda: len(lane.log.ends(**of_peer(peer), outcome="complete")) == rounds,
          5 * lane.slowness, f"{rounds} ends")
    check(taken_for_copies <= rounds // 50, f"{taken_for_copies} of {rounds} were taken for late copies")


def block_of(peer, block, seconds):
    """The block's bytes.

    On a slow machine the transfer before may send its last block again; the new one may
    even have the same port as that.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        packet = peer.hear(deadline - time.monotonic())
        if packet and packet.op == tftp.DATA and packet.block == block:
            peer.tid = packet.source
            return packet.payload
    raise Failure(f"no DATA {block} within {seconds} s")


def rubbish_gets_no_answer(lane):
    """Everything but requests is dropped: no answer, no record, no loop."""
    server = lane.serve()
    lane.file("still", b"serving")
    dispatcher = server.dispatcher()
    peer = lane.peer()
    for raw in rubbish():
        peer.send_to_service(raw)
    # Datagrams are taken in order: once this one is served, the others were seen.
    friend = lane.peer()
    check_equal(friend.get("still"), b"serving", "the file after the rubbish")
    peer.expect_silence(0.3)
    lane.log.wait_end(**of_peer(friend))
    check_equal(lane.log.records(client_port=peer.port), [], "records about rubbish")
    check_equal(server.dispatchers(), [dispatcher], "the dispatcher's pid")


def rubbish():
    """Packets that belong to a transfer, unknown opcodes, and scraps."""
    yield b""
    for first in range(256):
        yield bytes([first])
    for scrap in (b"\0\0", b"\0\3", b"\0\4", b"\0\5", b"\0\6", b"\1\0", b"\2\0", b"\xff\xff",
                  b"\0\4\0", b"\0\5\0", b"\0\3\0", b"\1\1\1", b"\xff\xff\xff"):
        yield scrap
    yield tftp.data_bytes(1, b"data")
    yield tftp.ack_bytes(0)
    yield tftp.ack_bytes(1)
    yield tftp.error_bytes(0, "error")
    yield tftp.error_bytes(8)
    yield b"\0\5\0\0"
    yield tftp.oack_bytes(("blksize", 512))
    for opcode in (0, *range(7, 256), 256, 512, 0x0101, 65535):
        yield tftp.request_bytes(opcode, "still")


def a_scrap_of_a_request_is_answered_or_not_but_never_twice(lane):
    """Cut off anywhere, a request gets one ERROR 4 at most."""
    lane.serve()
    lane.file("prefix", b"content")
    whole = tftp.request_bytes(tftp.RRQ, "prefix", "octet", [("blksize", "1024")])
    for length in range(2, len(b"\0\1prefix\0octet\0")):
        peer = lane.peer()
        peer.send_to_service(whole[:length])
        name = whole[2:length].split(b"\0")[0]
        lane.ledger.note(name, None, client=peer.address, port=peer.port)
        packet = peer.hear(1.0 if length > 3 else 0.1)
        if packet is None:
            check(length <= 3, f"no answer to {whole[:length]!r}")
            continue
        # An empty name is told that it is not found.
        check(packet.op == tftp.ERROR and packet.code in (1, 4), f"{packet} to {whole[:length]!r}")
        peer.expect_silence(0.01)
        outcome = lane.log.wait_end(**of_peer(peer))["outcome"]
        check(outcome in ("invalid", "notfound"), f"outcome {outcome} of {whole[:length]!r}")


def services_that_answer_are_not_answered(lane):
    """echo, chargen, DNS, another TFTP server: their port means a forged request."""
    lane.serve()
    lane.file("still", b"serving")
    sockets = []
    for port in REFUSED_PORTS:
        peer = lane.peer(source="127.0.0.9", port=port)
        peer.send_to_service(tftp.request_bytes(tftp.RRQ, "still"))
        peer.send_to_service(tftp.request_bytes(tftp.RRQ, "missing"))
        sockets.append(peer)
    for port in (0, 69):
        forge(port, tftp.request_bytes(tftp.RRQ, "still"))
    friend = lane.peer()
    check_equal(friend.get("still"), b"serving", "the file for an honest port")
    lane.log.wait_end(**of_peer(friend))
    for peer in sockets:
        peer.expect_silence(0.05)
    records = [r for r in lane.log.records() if r.get("client_port") in (0, 69, *REFUSED_PORTS)]
    check_equal(records, [], "records about them")


def forge(port, payload):
    """A datagram from a port that no socket of ours can have."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    header = struct.pack("!HHHH", port, 69, 8 + len(payload), 0)
    raw.sendto(header + payload, ("127.0.0.1", 0))
    raw.close()


def another_port_cannot_disturb(lane):
    """Packets from a wrong TID reach a running transfer, and change nothing."""
    lane.serve()
    content = lane.content(3000)
    lane.file("tid", content)
    peer, stranger = lane.peer(), lane.peer()
    peer.read("tid")
    got = peer.expect(tftp.DATA, 1).payload
    for raw in (tftp.ack_bytes(1), tftp.error_bytes(0, "stop"), tftp.data_bytes(1)):
        stranger.socket.sendto(raw, peer.tid)
    peer.ack(1)
    for index in range(2, 7):
        got += peer.expect(tftp.DATA, index).payload
        peer.ack(index)
    check_equal(got, content, "the content")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


def odd_packets_inside_a_transfer_are_ignored(lane):
    """Every opcode and length on the transfer's own port (CVE-2019-11365)."""
    lane.serve()
    content = lane.content(1500)
    lane.file("odd", content)
    peer = lane.peer()
    peer.read("odd")
    got = peer.expect(tftp.DATA, 1).payload
    for opcode in (0, 1, 2, 3, 6, 7, 255, 256):
        for length in (0, 1, 2, 3, 4, 20):
            peer.send((opcode.to_bytes(2, "big") + b"\0" * 18)[:length])
    for raw in (b"\0\4", b"\0\4\0", b"\0\5", b"\0\5\0"):
        peer.send(raw)
    peer.ack(1)
    got += until_block(peer, 2)
    peer.ack(2)
    got += until_block(peer, 3)
    peer.ack(3)
    check_equal(got, content, "the content")
    check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


def until_block(peer, number):
    """The payload of that block; repeats of the one before may come first."""
    for _ in range(20):
        packet = peer.expect(tftp.DATA)
        if packet.block == number:
            return packet.payload
    raise tftp.Unexpected(f"block {number} did not come")


TESTS = (
    ("three requests within 10 ms are one transfer", three_requests_are_one_transfer, True),
    ("three write requests are one upload", three_write_requests_are_one_upload, True),
    ("a late copy of a request is dropped", a_late_repeat_is_dropped, True),
    ("repeats of an unproven client earn few packets", repeats_earn_few_packets, False),
    ("another name from the same port is another transfer", another_name_is_another_transfer, True),
    ("the same port with other options means that it was reset", other_options_mean_a_new_start, True),
    ("a killed client that asks again is answered within 1.5 s", a_killed_client_is_answered_soon, True),
    ("a client that died and came back on its port is served",
     a_closed_port_that_asks_again_is_answered, True),
    ("a client that asks again on its last ACK's heels is served at once",
     the_same_again_at_once_is_served, True),
    ("rubbish gets no answer and leaves no record", rubbish_gets_no_answer, True),
    ("a cut request gets one ERROR 4 at most", a_scrap_of_a_request_is_answered_or_not_but_never_twice,
     False),
    ("source ports of services that answer get nothing", services_that_answer_are_not_answered, True),
    ("another port cannot disturb a transfer", another_port_cannot_disturb, True),
    ("odd packets inside a transfer are ignored", odd_packets_inside_a_transfer_are_ignored, True),
)
