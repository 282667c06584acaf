"""Lost, repeated and late packets: each is repaired once, and none breeds others."""

import random
import time

import tftp
from harness import check, check_equal, of_peer, until


def opened(lane, name, size, **options):
    lane.serve()
    content = lane.content(size, seed=3)
    lane.file(name, content)
    peer = lane.peer()
    peer.read(name, **options)
    if options:
        peer.expect(tftp.OACK)
        peer.ack(0)
    return peer, content


def check_end(lane, peer, **wanted):
    record = lane.log.wait_end(5 * lane.slowness, **of_peer(peer))
    wanted.setdefault("outcome", "complete")
    check_equal({key: record[key] for key in wanted}, wanted, "the end record")
    return record


def lost_first_ack(lane):
    """The client heard DATA 1 and its ACK went astray: DATA 1 comes again."""
    peer, content = opened(lane, "lost-ack", 600)
    first = peer.expect(tftp.DATA, 1)
    begin = time.monotonic()
    again = peer.expect(tftp.DATA, 1)
    check(again.raw == first.raw, "another DATA 1")
    took = time.monotonic() - begin
    check(0.3 <= took <= 1.0 * lane.slowness, f"DATA 1 came again after {took:.2f} s")
    peer.ack(1)
    check_equal(peer.expect(tftp.DATA, 2).payload, content[512:], "the last block")
    peer.ack(2)
    check(check_end(lane, peer)["retransmits"] >= 1, "the repeat was not counted")


def lost_oack(lane):
    """Before its answer the OACK comes again; after it, never (atftp would abort)."""
    lane.serve()
    lane.file("lost-oack", lane.content(600))
    peer = lane.peer()
    peer.read("lost-oack", tsize=0)
    first = peer.expect(tftp.OACK)
    again = peer.expect(tftp.OACK, seconds=2.0 * lane.slowness)
    check_equal(again.raw, first.raw, "the repeated OACK")
    peer.ack(0)
    packets = [packet for _, packet in peer.hear_all(0.6)]
    check(packets and all((p.op, p.block) == (tftp.DATA, 1) for p in packets), f"after ACK 0: {packets}")
    peer.ack(1)
    peer.drain_to(tftp.DATA, 2)
    peer.ack(2)
    check_end(lane, peer)


def lost_data(lane):
    """Repaired by the measured round-trip time: on loopback in far less than a second."""
    peer, content = opened(lane, "lost-data", 512 * 40 + 10)
    got = b""
    for index in range(1, 31):
        got += peer.expect(tftp.DATA, index).payload
        peer.ack(index)
    peer.expect(tftp.DATA, 31)          # was never heard
    begin = time.monotonic()
    got += peer.expect(tftp.DATA, 31).payload
    took = time.monotonic() - begin
    check(took < 0.4 * lane.slowness, f"DATA 31 came again after {took:.2f} s")
    for index in range(31, 41):
        peer.ack(index)
        got += peer.drain_to(tftp.DATA, index + 1).payload
    peer.ack(41)
    check_equal(got, content, "the content")
    check_end(lane, peer)


def sorcerers_apprentice(lane):
    """RFC 1123 4.2.3.1: an ACK that comes twice must not double all that follows."""
    peer, content = opened(lane, "apprentice", 512 * 20)
    blocks, got = 0, b""
    for index in range(1, 22):
        packet = peer.expect(tftp.DATA, index)
        got, blocks = got + packet.payload, blocks + 1
        for _ in range(4):
            peer.ack(index)
    check_equal(got, content, "the content")
    record = check_end(lane, peer)
    # Only the timer may repeat.
    check(record["packets_sent"] <= blocks + record["timeouts"], f"{record['packets_sent']} packets sent")


def old_acks(lane):
    """GRUB acknowledges old blocks again: no DATA for that."""
    peer, _ = opened(lane, "old-acks", 512 * 6)
    for index in range(1, 4):
        peer.expect(tftp.DATA, index)
        peer.ack(index)
    peer.expect(tftp.DATA, 4)
    peer.ack(4)
    peer.expect(tftp.DATA, 5)
    for index in (1, 2, 3, 0, 65535, 9, 4):
        peer.ack(index)
    peer.ack(5)
    peer.expect(tftp.DATA, 6)
    peer.ack(6)
    peer.expect(tftp.DATA, 7)
    peer.ack(7)
    record = check_end(lane, peer)
    check(record["retransmits"] <= record["timeouts"], f"they made DATA: {record}")


def window_gap(lane):
    """RFC 7440: the client says how far it came, the server goes on from there, at once."""
    peer, content = opened(lane, "gap", 100 * 12 + 8, blksize=100, windowsize=4)
    for index in range(1, 5):
        peer.expect(tftp.DATA, index)
    peer.ack(4)
    for index in range(5, 9):
        peer.expect(tftp.DATA, index)
    begin = time.monotonic()
    peer.ack(5)                         # 6 was lost
    for index in range(6, 10):
        packet = peer.expect(tftp.DATA, index)
        check_equal(packet.payload, content[(index - 1) * 100:index * 100], f"block {index}")
    check(time.monotonic() - begin < 0.2 * lane.slowness, "it waited for the timer")
    peer.ack(9)
    for index in range(10, 14):
        peer.expect(tftp.DATA, index)
    peer.ack(13)
    check_end(lane, peer, blocks=13, bytes=1208)


def window_gap_reported_often(lane):
    """EDK2 reports one gap w-1 times: the window is sent again once."""
    peer, _ = opened(lane, "gap-often", 100 * 40, blksize=100, windowsize=8)
    for index in range(1, 9):
        peer.expect(tftp.DATA, index)
    for _ in range(7):
        peer.ack(1)                     # 2 was lost, and 3 to 8 each made one
    for index in range(2, 10):
        peer.expect(tftp.DATA, index)
    peer.ack(9)
    finish(peer, 9, 41, 8)
    record = check_end(lane, peer)
    # 2 to 8 were sent again, and whatever the timer did on a busy machine.
    check(record["retransmits"] <= 7 + 8 * record["timeouts"], f"repaired more than once: {record}")


def finish(peer, acked, last, window):
    """The rest of a read with windows; repeats may come first."""
    while acked < last:
        want = min(acked + window, last)
        for _ in range(1000):
            packet = peer.expect(tftp.DATA)
            if packet.block == want:
                break
        acked = want
        peer.ack(acked)


def window_sent_twice(lane):
    """The timer was hasty once (a busy client), and a window arrives twice.  atftp then
    acknowledges its end again; taken for a gap, that brings the next window twice, and
    so on to the last: the Sorcerer's Apprentice with windows."""
    peer, content = opened(lane, "hasty", 100 * 80, blksize=100, windowsize=4)
    # Busy for half a second: the first window comes twice before it is looked at.
    waiting = [peer.expect(tftp.DATA) for _ in range(8)]
    received, expected = [], 1
    while expected <= 81:
        packet = waiting.pop(0) if waiting else peer.expect(tftp.DATA)
        is_old = packet.block != expected
        if not is_old:
            received.append(packet.payload)
            expected += 1
        if packet.block % 4 == 0 or packet.block == 81:
            time.sleep(0.004 if is_old else 0)      # it is busy, as was said
            peer.ack(expected - 1)      # the end of a window, old or new
    check(b"".join(received) == content, "other content")
    record = check_end(lane, peer)
    allowed = 4 * (record["timeouts"] + 2)
    check(record["retransmits"] <= allowed,
          f"one window came twice, and then {record['retransmits']} packets")


def lost_last_of_window(lane):
    """The tail of a window was lost, nobody reports that: the timer has to."""
    peer, content = opened(lane, "tail", 100 * 10, blksize=100, windowsize=5)
    for index in range(1, 6):
        peer.expect(tftp.DATA, index)
    peer.ack(5)
    for index in range(6, 11):
        peer.expect(tftp.DATA, index)
    # 10 did not arrive.  Everything since the last ACK comes again.
    begin = time.monotonic()
    packet = peer.expect(tftp.DATA, 6)
    check(time.monotonic() - begin < 1.0 * lane.slowness, "it took more than a second")
    peer.drain_to(tftp.DATA, 10)
    peer.ack(10)
    peer.drain_to(tftp.DATA, 11)
    peer.ack(11)
    check(packet.payload == content[500:600], "another block 6")
    check_end(lane, peer)


def upload_lost_ack(lane):
    """The client sends DATA again: it is acknowledged again and stored once."""
    lane.serve()
    peer = lane.peer()
    peer.write("lost-ack-up")
    peer.expect(tftp.ACK, 0)
    for index in (1, 1, 2, 2, 2):
        peer.data(index, bytes([64 + index]) * 512)
        peer.expect(tftp.ACK, index)
    peer.data(1, b"A" * 512)
    peer.data(3, b"end")
    for _ in range(3):
        packet = peer.expect(tftp.ACK)
        if packet.block == 3:
            break
    check_equal(packet.block, 3, "the last ACK")
    check_equal((lane.root / "lost-ack-up").read_bytes(), b"A" * 512 + b"B" * 512 + b"end", "the file")
    record = check_end(lane, peer, bytes=1027, blocks=3)
    check(record["duplicates"] >= 3, f"{record['duplicates']} duplicates counted")


def upload_dally(lane):
    """The last ACK was lost: whoever asks once more is told, for a while."""
    lane.serve()
    peer = lane.peer()
    peer.write("dally")
    peer.expect(tftp.ACK, 0)
    peer.data(1, b"all")
    peer.expect(tftp.ACK, 1)
    # A copy on the heels of the first is the network's; nobody asks so soon.
    check(peer.hear(0.05) is None, "more than one ACK")
    peer.data(1, b"all")
    peer.expect(tftp.ACK, 1)
    check_equal((lane.root / "dally").read_bytes(), b"all", "the file")
    check_end(lane, peer, bytes=3)


def upload_lost_data(lane):
    """The ACK is repeated after a second, not earlier: curl would send all again."""
    lane.serve()
    peer = lane.peer()
    peer.write("lost-data-up")
    peer.expect(tftp.ACK, 0)
    peer.data(1, b"a" * 512)
    peer.expect(tftp.ACK, 1)
    begin = time.monotonic()
    peer.expect(tftp.ACK, 1)
    took = time.monotonic() - begin
    check(0.9 <= took <= 1.5 * lane.slowness, f"the ACK came again after {took:.2f} s")
    peer.data(2, b"b")
    peer.drain_to(tftp.ACK, 2)
    check_end(lane, peer, bytes=513)


def upload_window_gap(lane):
    """A gap is reported once, with the last block in order."""
    lane.serve()
    peer = lane.peer()
    peer.write("gap-up", blksize=100, windowsize=4)
    peer.expect(tftp.OACK)
    block = {index: bytes([index]) * 100 for index in range(1, 10)}
    for index in (1, 2, 4):
        peer.data(index, block[index])
    peer.expect(tftp.ACK, 2)
    peer.data(4, block[4])
    peer.expect_silence(0.05)
    for index in (3, 4, 5, 6):
        peer.data(index, block[index])
    peer.expect(tftp.ACK, 6)
    for index in (7, 8):
        peer.data(index, block[index])
    peer.data(9, b"end")
    peer.expect(tftp.ACK, 9)
    wanted = b"".join(block[index] for index in range(1, 9)) + b"end"
    check_equal((lane.root / "gap-up").read_bytes(), wanted, "the file")
    check_end(lane, peer, bytes=803)


def negotiated_timeout(lane):
    """timeout=1 holds until a round trip was measured; then the measured time."""
    peer, _ = opened(lane, "timeout", 2000, timeout=1)
    peer.expect(tftp.DATA, 1)
    peer.expect(tftp.DATA, 1, seconds=1.5 * lane.slowness)
    peer.ack(1)
    for index in (2, 3, 4):
        peer.drain_to(tftp.DATA, index)
        peer.ack(index)
    check_end(lane, peer, timeout_ms=1000)


def a_slow_client(lane):
    """It erases flash for six seconds between two blocks, and is not dropped."""
    peer, content = opened(lane, "flash", 512 * 3)
    got = peer.expect(tftp.DATA, 1).payload
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    time.sleep(6)                       # this is the test, not a way to wait
    for index in (2, 3, 4):
        got += peer.drain_to(tftp.DATA, index).payload
        peer.ack(index)
    check_equal(got, content, "the content")
    check_end(lane, peer)


def everything_at_once(lane):
    """One packet of twenty is lost, both ways, at several window sizes."""
    content = lane.content(100_000, seed=8)
    for window in (1, 4, 16):
        lane.serve()
        name = f"lossy-{window}"
        lane.file(name, content)
        peer = Lossy(lane.peer(), 1 / 20, seed=window)
        peer.read(name, blksize=512, windowsize=window)
        check(peer.get() == content, f"windowsize {window}: other content")
        # A polite client stays until its last ACK has arrived.
        until(lambda: peer.answer_repeats() or lane.log.ends(**of_peer(peer.peer)), 10 * lane.slowness,
              "the end record")
        check_end(lane, peer.peer)


class Lossy:
    """A reader whose network loses packets, by a die that always falls the same."""

    def __init__(self, peer, share, seed):
        self.peer, self.share, self.die = peer, share, random.Random(seed)

    def lost(self):
        return self.die.random() < self.share

    def read(self, name, **options):
        self.peer.read(name, **options)

    def ack(self, block):
        if not self.lost():
            self.peer.ack(block)

    def get(self):
        content, index, since_ack, window, last = [], 1, 0, 1, False
        while not last:
            packet = self.peer.hear()
            check(packet is not None, f"silence after {index - 1} blocks")
            if self.lost():
                continue
            if packet.op == tftp.OACK:
                _, window = self.peer.granted(packet)
                self.ack(0)
            elif packet.block == index & 0xFFFF:
                content.append(packet.payload)
                last, since_ack = len(packet.payload) < 512, since_ack + 1
                if last or since_ack == window:
                    self.ack(index)
                    since_ack = 0
                self.index, index = index, index + 1
            else:
                self.ack(index - 1)
                since_ack = 0
        return b"".join(content)

    def answer_repeats(self):
        if self.peer.hear(0.01) is not None:
            self.peer.ack(self.index)


TESTS = (
    ("a lost first ACK brings DATA 1 again", lost_first_ack, True),
    ("a lost OACK comes again, and never after it was answered", lost_oack, True),
    ("lost DATA comes again after a measured time", lost_data, True),
    ("a duplicate ACK makes no DATA", sorcerers_apprentice, True),
    ("old ACKs make no DATA", old_acks, False),
    ("a gap in a window is repaired from the acknowledged block at once", window_gap, True),
    ("a gap that is reported seven times is repaired once", window_gap_reported_often, False),
    ("a window that came twice does not double what follows", window_sent_twice, True),
    ("a lost end of a window comes again by the timer", lost_last_of_window, True),
    ("repeated DATA of an upload is acknowledged and stored once", upload_lost_ack, True),
    ("the last ACK of an upload is repeated on demand", upload_dally, True),
    ("a missing DATA is asked for after a second", upload_lost_data, True),
    ("a gap in an upload's window is reported once", upload_window_gap, True),
    ("a negotiated timeout is used for the first packets", negotiated_timeout, False),
    ("a client that is busy for six seconds is not dropped", a_slow_client, False),
    ("when one packet of twenty is lost everything arrives", everything_at_once, True),
)
