"""Clients that fall silent: what needs the 30 seconds of give-up.

All of them fall silent together, so that the waiting is done once.
"""

import time

import tftp
from harness import check, check_equal, of_peer, until

GIVE_UP = 30


def silence(lane):
    lane.serve()
    lane.file("silent", lane.content(5000))
    reader, window, writer, last = (lane.peer() for _ in range(4))
    reader.read("silent")
    reader.expect(tftp.DATA, 1)
    reader.ack(1)
    window.read("silent", windowsize=4, blksize=500)
    window.expect(tftp.OACK)
    window.ack(0)
    writer.write("silent-up")
    writer.expect(tftp.ACK, 0)
    writer.data(1, b"x" * 512)
    writer.expect(tftp.ACK, 1)
    lane.file("silent-last", b"short")
    last.read("silent-last")
    last.expect(tftp.DATA, 1)
    begin = time.monotonic()
    everybody = {"timeout": (reader, window, writer), "noanswer": (last,)}
    check_hidden_until_end(lane, writer)
    for outcome, peers in everybody.items():
        for peer in peers:
            left = begin + GIVE_UP + 8 - time.monotonic()
            record = lane.log.wait_end(max(left, 1), **of_peer(peer))
            check_equal(record["outcome"], outcome, f"outcome of {record['file']}")
    check_backoff(reader, lane)


def check_hidden_until_end(lane, writer):
    """The file that a client never finished is nowhere, at any time."""
    check_equal(len(lane.hidden()), 1, "hidden files during the upload")
    until(lambda: lane.log.ends(**of_peer(writer)), GIVE_UP + 8, "the silent upload's end")
    until(lambda: not lane.hidden(), 1, "the hidden file is gone")
    check(not (lane.root / "silent-up").exists(), "it stands under its name")


def check_backoff(peer, lane):
    """DATA 2 comes again, but ever more slowly: 30 s are not hundreds of packets."""
    again = [packet for _, packet in peer.hear_all(0) if packet.op == tftp.DATA]
    check(4 <= len(again) <= 30, f"{len(again)} packets to a client that fell silent")
    check(all(packet.block == 2 for packet in again), f"other packets: {again}")
    record = lane.log.ends(**of_peer(peer))[0]
    check(GIVE_UP - 2 <= record["duration_us"] / 1e6 <= GIVE_UP + 5,
          f"it lasted {record['duration_us'] / 1e6:.1f} s")


TESTS = (
    ("a client that falls silent is given up after 30 s: 'timeout'", silence, False),
)
