"""The log tells how it really ended: one end record, with the right outcome and
numbers, for each way in which a client can leave."""

import tftp
from harness import check, check_equal, of_peer, until

SIZE = 51200 + 100          # 101 blocks of 512


def end_of(lane, peer, seconds=5.0):
    return lane.log.wait_end(seconds * lane.slowness, **of_peer(peer))


def opened(lane, name="truth", size=SIZE, **options):
    """A read whose first reply has come."""
    lane.serve()
    lane.file(name, lane.content(size))
    peer = lane.peer()
    peer.read(name, **options)
    peer.expect(tftp.OACK if options else tftp.DATA)
    return peer


def size_probe(lane):
    """PXE and UEFI ask for the size only, and end with an ERROR: no failure."""
    for raw in (tftp.error_bytes(8, "User aborted the transfer"), tftp.error_bytes(0, "TFTP Aborted"),
                tftp.error_bytes(0), b"\0\5\0\0", b"\0\5\0\0no NUL"):
        peer = opened(lane, tsize=0, blksize=1468)
        peer.send(raw)
        record = end_of(lane, peer)
        check_equal(record["outcome"], "probe", f"outcome after {raw!r}")
        check_equal((record["bytes"], record["size"], record["error_by"]), (0, SIZE, "client"),
                    "bytes, size and who ended it")
        peer.expect_silence(0.02)


def probe_that_closes(lane):
    """A boot loader that just goes away after the OACK has not failed to read either;
    which of the two words stands there is the server's choice, a success is not."""
    peer = opened(lane, tsize=0)
    peer.close()
    record = lane.log.wait_end(8 * lane.slowness, client="127.0.0.1", client_port=peer.port)
    check(record["outcome"] in ("noanswer", "vanished", "probe"), f"outcome {record['outcome']}")


def abort_midway(lane):
    for code, text in ((3, "disk full"), (0, "TFTP Aborted"), (4, 'quote" \x1b[31m \u00fc')):
        peer = opened(lane)
        peer.ack(1)
        peer.expect(tftp.DATA, 2)
        peer.error(code, text)
        record = end_of(lane, peer)
        check_equal((record["outcome"], record["error_code"], record["error_by"], record["message"]),
                    ("aborted", code, "client", text), "the end record")
        check_equal((record["bytes"], record["blocks"]), (512, 1), "bytes and blocks that arrived")
        peer.expect_silence(0.02)


def abort_with_bare_error(lane):
    """curl's ERROR is 4 bytes, and its code is a block number."""
    peer = opened(lane)
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    peer.send(b"\0\5\0\2")
    record = end_of(lane, peer)
    check_equal((record["outcome"], record["error_code"]), ("aborted", 2), "the end record")


def closed_midway(lane):
    peer = opened(lane)
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    peer.close()
    record = lane.log.wait_end(5 * lane.slowness, client="127.0.0.1", client_port=peer.port)
    check_equal((record["outcome"], record["bytes"]), ("vanished", 512), "outcome and bytes")


def never_answers(lane):
    """At most three packets, and four seconds after the last it is over."""
    lane.serve()
    lane.file("noanswer", lane.content(3000))
    quiet = {"plain": lane.peer(), "options": lane.peer(), "upload": lane.peer()}
    quiet["plain"].read("noanswer")
    quiet["options"].read("noanswer", blksize=1428, windowsize=16, tsize=0)
    quiet["upload"].write("noanswer-up")
    until(lambda: all(lane.log.ends(**of_peer(p)) for p in quiet.values()), 8 * lane.slowness,
          "the ends of three transfers that nobody answered")
    for what, peer in quiet.items():
        packets = [packet for _, packet in peer.hear_all(0)]
        record = end_of(lane, peer)
        check_equal(record["outcome"], "noanswer", f"outcome of {what}")
        check(1 <= len(packets) <= 3, f"{what}: {len(packets)} packets to a silent client")
        check_equal(record["packets_sent"], len(packets), f"{what}: packets_sent")
        check(len({packet.raw for packet in packets}) == 1, f"{what}: not the same packet: {packets}")
        check_equal(record["bytes"], 0, f"{what}: bytes")


def last_ack_missing(lane):
    """A client that exits after the last block has the file: no failure."""
    peer = opened(lane, size=700)
    peer.ack(1)
    check_equal(len(peer.expect(tftp.DATA, 2).payload), 188, "length of the last block")
    peer.close()
    record = lane.log.wait_end(5 * lane.slowness, client="127.0.0.1", client_port=peer.port)
    check_equal(record["outcome"], "unconfirmed", "outcome")


def numbers_of_a_read(lane):
    """Everything that was agreed and counted."""
    lane.serve()
    content = lane.content(10000)
    lane.file("dir/numbers", content)
    peer = lane.peer()
    check_equal(peer.get("/dir/numbers", blksize=1000, windowsize=4, tsize=0, timeout=2), content, "content")
    record = end_of(lane, peer)
    wanted = {"v": 1, "op": "read", "outcome": "complete", "client": "127.0.0.1",
              "client_port": peer.port, "server": "127.0.0.1", "server_port": peer.tid[1],
              "file": "/dir/numbers", "path": "/dir/numbers", "mode": "octet",
              "asked": "blksize=1000 windowsize=4 tsize=0 timeout=2",
              "blksize": 1000, "windowsize": 4, "timeout_ms": 2000, "size": 10000, "bytes": 10000,
              "blocks": 11, "duplicates": 0}
    check_equal({key: record.get(key) for key in wanted}, wanted, "the end record")
    # OACK and 11 blocks out; ACK 0, 4, 8, 11 in.
    check_equal((record["packets_sent"] - record["retransmits"], record["packets_received"]), (12, 4),
                "packets")
    check(record["retransmits"] <= 4 * record["timeouts"], f"retransmits: {record}")
    check(0 < record["first_reply_us"] <= record["duration_us"], f"times: {record}")
    check("error_code" not in record and "message" not in record, f"an error in a success: {record}")
    start = lane.log.wait_start(**of_peer(peer))
    for key in ("id", "op", "client", "client_port", "file"):
        check_equal(start[key], record[key], f"{key} of the start record")
    check(start["ts"] <= record["ts"], "the start is after the end")


def numbers_of_a_write(lane):
    lane.serve()
    peer = lane.peer()
    peer.put("numbers-up", lane.content(2048), blksize=1024, tsize=2048)
    record = end_of(lane, peer)
    wanted = {"op": "write", "outcome": "complete", "file": "numbers-up", "path": "/numbers-up",
              "asked": "blksize=1024 tsize=2048", "blksize": 1024, "size": 2048, "bytes": 2048, "blocks": 3,
              "retransmits": 0, "duplicates": 0, "packets_received": 3, "packets_sent": 4}
    check_equal({key: record.get(key) for key in wanted}, wanted, "the end record")


def numbers_of_a_refusal(lane):
    """No start, no id of a transfer that was never there - but one end."""
    lane.serve()
    peer = lane.peer()
    peer.read("not-there", blksize=1428)
    packet = peer.expect(tftp.ERROR, 1)
    record = end_of(lane, peer)
    wanted = {"op": "read", "outcome": "notfound", "file": "not-there", "mode": "octet",
              "asked": "blksize=1428", "error_code": 1, "error_by": "server"}
    check_equal({key: record.get(key) for key in wanted}, wanted, "the end record")
    check_equal(packet.text, "File not found", "the ERROR's text")
    check("message" in record, f"without a reason: {record}")
    check_equal(lane.log.starts(**of_peer(peer)), [], "start records")
    # ERROR is sent once.
    peer.expect_silence(0.7)


def odd_options_are_logged(lane):
    lane.serve()
    lane.file("options", b"x")
    peer = lane.peer()
    odd = [("blksize", b"\xff\xfe"), ("unknown", 'a"b'), ("x" * 200, "y" * 200)]
    peer.ask(tftp.RRQ, "options", options=odd)
    peer.expect(tftp.DATA, 1)
    peer.ack(1)
    record = end_of(lane, peer)
    check('unknown=a"b' in record["asked"], f"asked: {record['asked']!r}")
    check_equal(record.get("cut"), 1, "the mark of a cut value")


def duplicates_are_counted(lane):
    peer = opened(lane, size=1500)
    peer.ack(1)
    peer.expect(tftp.DATA, 2)
    for _ in range(3):
        peer.ack(1)
    peer.ack(2)
    peer.expect(tftp.DATA, 3)
    peer.ack(3)
    record = end_of(lane, peer)
    check_equal((record["outcome"], record["duplicates"]), ("complete", 3), "outcome and duplicates")
    check(record["retransmits"] <= record["timeouts"], f"they made DATA: {record}")


TESTS = (
    ("a size probe that ends in ERROR 8 or 0 is 'probe'", size_probe, True),
    ("a client that closes after the OACK is no success", probe_that_closes, False),
    ("an ERROR in the middle is 'aborted', with its code and text", abort_midway, True),
    ("an ERROR of 4 bytes is understood", abort_with_bare_error, True),
    ("a client that closes in the middle 'vanished'", closed_midway, True),
    ("three packets to a client that never answers, then 'noanswer'", never_answers, False),
    ("all sent and the last ACK missing is 'unconfirmed'", last_ack_missing, True),
    ("the record of a read has every number right", numbers_of_a_read, True),
    ("the record of a write has every number right", numbers_of_a_write, True),
    ("a refusal has one end, no start, and says why", numbers_of_a_refusal, True),
    ("odd options stand in the log as they came", odd_options_are_logged, True),
    ("duplicate ACKs are counted", duplicates_are_counted, True),
)
