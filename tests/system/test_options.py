"""Options: the OACK byte for byte, block wrap, huge files, and netascii.

Clients are strict: an option that was not asked, a larger value, a leading zero or
a byte too many ends the boot.
"""

import os

import tftp
from harness import check, check_equal, of_peer

SIZE = 5000


def oack_for(lane, options, name="options", opcode=tftp.RRQ, mode="octet"):
    """The raw OACK for these options, or the op of what came instead."""
    peer = lane.peer()
    peer.ask(opcode, name, mode, options)
    packet = peer.hear()
    check(packet is not None, f"no answer to {options}")
    raw = packet.raw if packet.op == tftp.OACK else packet
    peer.error(0)
    lane.log.wait_end(**of_peer(peer))
    peer.close()
    return raw


def check_oack(lane, options, granted, **how):
    raw = oack_for(lane, options, **how)
    if granted:
        check_equal(raw, tftp.oack_bytes(*granted), f"OACK for {options}")
    else:
        check(not isinstance(raw, bytes) and raw.op in (tftp.DATA, tftp.ACK),
              f"no option can be granted of {options}, and {raw} came")


def single_options(lane):
    """(asked, granted); granted "" is left out."""
    lane.serve()
    lane.file("options", lane.content(SIZE))
    for name, asked, granted in (
            ("blksize", 8, 8), ("blksize", 1428, 1428), ("blksize", 65464, 65464),
            ("blksize", 65465, 65464), ("blksize", 99999999, 65464), ("blksize", 7, ""),
            ("blksize", 0, ""), ("blksize", "01024", 1024), ("blksize", "-512", ""),
            ("blksize", "+512", ""), ("blksize", " 512", ""), ("blksize", "512 ", ""),
            ("blksize", "0x200", ""), ("blksize", "1e3", ""), ("blksize", "", ""),
            ("blksize", "9" * 2000, None), ("BlkSize", 1024, 1024),
            ("tsize", 0, SIZE), ("tsize", "", ""), ("tsize", "x", ""), ("TSIZE", 0, SIZE),
            ("timeout", 1, 1), ("timeout", 5, 5), ("timeout", 255, 255), ("timeout", 0, ""),
            ("timeout", 256, ""), ("windowsize", 1, 1), ("windowsize", 16, 16),
            ("windowsize", 64, 64), ("windowsize", 65535, 64), ("windowsize", 0, ""),
            ("windowsize", 65536, ""), ("utimeout", 1000000, 1000000), ("utimeout", 10000, 10000),
            ("utimeout", 1, ""), ("blksize2", 1024, 1024), ("blksize2", 1500, 1024),
            ("blksize2", 65536, 32768), ("rollover", 0, 0), ("rollover", 1, 1), ("rollover", 2, ""),
            ("multicast", "", ""), ("msftwindow", 31416, ""), ("unknown", 1, ""), ("", "", "")):
        if granted is None:
            raw = oack_for(lane, [(name, asked)])
            check(not isinstance(raw, bytes) or raw == tftp.oack_bytes((name, 65464)),
                  f"{name} of {len(asked)} digits: {raw}")
            continue
        check_oack(lane, [(name, asked)], [(name, granted)] if granted != "" else [])


def combinations(lane):
    """As real clients ask, in their order."""
    lane.serve()
    lane.file("options", lane.content(SIZE))
    for asked, granted in (
            # iPXE, EDK2, U-Boot, GRUB, PXELINUX, Windows
            ([("blksize", 1432), ("tsize", 0)], [("blksize", 1432), ("tsize", SIZE)]),
            ([("tsize", 0), ("blksize", 1468), ("windowsize", 4)],
             [("tsize", SIZE), ("blksize", 1468), ("windowsize", 4)]),
            ([("timeout", 5), ("tsize", 0), ("blksize", 1468), ("windowsize", 16)],
             [("timeout", 5), ("tsize", SIZE), ("blksize", 1468), ("windowsize", 16)]),
            ([("blksize", 1024), ("tsize", 0)], [("blksize", 1024), ("tsize", SIZE)]),
            ([("tsize", 0), ("blksize", 1408)], [("tsize", SIZE), ("blksize", 1408)]),
            ([("tsize", 0), ("blksize", 1456), ("windowsize", 8), ("msftwindow", 31416)],
             [("tsize", SIZE), ("blksize", 1456), ("windowsize", 8)]),
            # the first of two counts; a window of jumbo blocks is cut to 512 KiB
            ([("blksize", 512), ("blksize", 1024)], [("blksize", 512)]),
            ([("blksize", 65464), ("windowsize", 64)], [("blksize", 65464), ("windowsize", 8)]),
            ([("bad", "x"), ("tsize", 0), ("blksize", "bad")], [("tsize", SIZE)])):
        check_oack(lane, asked, granted)


def sizes_that_are_left_out(lane):
    lane.serve()
    lane.file("options", lane.content(SIZE))
    lane.file("empty", b"")
    check_oack(lane, [("tsize", 0)], [], name="empty")
    check_oack(lane, [("tsize", 0), ("blksize", 512)], [("blksize", 512)], name="empty")
    check_oack(lane, [("tsize", 0)], [], mode="netascii")


def upload_options(lane):
    lane.serve()
    check_oack(lane, [("tsize", 1234), ("blksize", 1000)], [("tsize", 1234), ("blksize", 1000)],
               name="options-up", opcode=tftp.WRQ)
    check_oack(lane, [], [], name="options-up", opcode=tftp.WRQ)


def server_letters(lane):
    """-B caps the block size, -r refuses an option, -R gives the ports."""
    lane.file("options", lane.content(SIZE))
    lane.serve("-s", "-B", "1000", "-r", "tsize", "-R", "40000:40003", lane.root)
    check_oack(lane, [("blksize", 1428), ("tsize", 0)], [("blksize", 1000)])
    peer = lane.peer()
    check_equal(peer.get("options"), lane.content(SIZE), "the content")
    check(40000 <= peer.tid[1] <= 40003, f"port {peer.tid[1]} is not of the range")
    lane.log.wait_end(**of_peer(peer))


def wrap(lane):
    """After block 65535 comes 0, or 1 for who asked so: both ways."""
    lane.serve()
    content = lane.content(8 * 65540 + 3, seed=6)
    lane.file("wrap", content)
    for rollover in (0, 1):
        peer = lane.peer()
        got = peer.get("wrap", blksize=8, windowsize=64, rollover=rollover)
        check(got == content, f"read with rollover {rollover}: other content")
        record = lane.log.wait_end(**of_peer(peer))
        check_equal((record["outcome"], record["blocks"]), ("complete", 65541), "the end record")
        peer = lane.peer()
        peer.put(f"wrap-up-{rollover}", content, blksize=8, windowsize=64, rollover=rollover)
        check((lane.root / f"wrap-up-{rollover}").read_bytes() == content,
              f"upload with rollover {rollover}: other content")
        lane.log.wait_end(**of_peer(peer))


def multiple_of_65536_blocks(lane):
    """The file ends exactly where the number is 0: an empty block 0 comes last."""
    lane.serve()
    content = lane.content(8 * 65535, seed=7)
    lane.file("exact", content)
    peer = lane.peer()
    check(peer.get("exact", blksize=8, windowsize=32) == content, "other content")
    record = lane.log.wait_end(**of_peer(peer))
    check_equal((record["outcome"], record["blocks"]), ("complete", 65536), "the end record")


def beyond_4_gib(lane):
    """A disk image: size and offset need more than 32 bits."""
    lane.serve()
    size, mark = (4 << 30) + 70000, b"beyond four GiB"
    with open(lane.root / "image", "wb") as file:
        file.truncate(size)
        os.pwrite(file.fileno(), mark, size - len(mark))
    peer = lane.peer()
    peer.read("image", blksize=65464, windowsize=8, tsize=0)
    check_equal(peer.expect(tftp.OACK).options["tsize"], str(size), "tsize")
    peer.ack(0)
    received, tail = count_bytes(peer, 65464, 8)
    check_equal(received, size, "bytes received")
    check(tail.endswith(mark), "the end of the file is another")
    record = lane.log.wait_end(**of_peer(peer))
    check_equal((record["bytes"], record["outcome"]), (size, "complete"), "the end record")


def count_bytes(peer, blksize, window):
    """Take a large file in without keeping it."""
    received, index, in_window = 0, 1, 0
    while True:
        packet = peer.expect(tftp.DATA)
        if packet.block != index & 0xFFFF:
            continue
        received += len(packet.payload)
        in_window += 1
        last = len(packet.payload) < blksize
        if last or in_window == window:
            peer.ack(index)
            in_window = 0
        if last:
            return received, packet.payload
        index += 1


def netascii_read(lane):
    """LF becomes CR LF, CR becomes CR NUL, also across the border of a block."""
    lane.serve()
    for number, (content, wire) in enumerate((
            (b"foo\nbar\rbaz\n", b"foo\r\nbar\r\0baz\r\n"), (b"\n", b"\r\n"), (b"", b""),
            (b"x" * 511 + b"\ny", b"x" * 511 + b"\r\ny"), (b"x" * 510 + b"\ry", b"x" * 510 + b"\r\0y"),
            (b"x" * 512 + b"\r", b"x" * 512 + b"\r\0"), (b"\n" * 700, b"\r\n" * 700))):
        name = f"netascii-{number}"
        lane.file(name, content)
        peer = lane.peer()
        check_equal(peer.get(name, mode="netascii"), wire, f"{content[:20]!r} on the wire")
        check_equal(lane.log.wait_end(**of_peer(peer))["mode"], "netascii", "mode")


def netascii_write(lane):
    lane.serve()
    for number, (wire, content) in enumerate((
            (b"foo\r\nbar\r\0baz\r\n", b"foo\nbar\rbaz\n"), (b"x" * 511 + b"\r\ny", b"x" * 511 + b"\ny"),
            (b"x" * 511 + b"\r\0", b"x" * 511 + b"\r"), (b"\r\n" * 600, b"\n" * 600))):
        name = f"netascii-up-{number}"
        peer = lane.peer()
        peer.put(name, wire, mode="netascii")
        check_equal((lane.root / name).read_bytes(), content, f"{wire[:20]!r} as stored")
        check_equal(lane.log.wait_end(**of_peer(peer))["outcome"], "complete", "outcome")


TESTS = (
    ("each option alone is granted byte for byte, or left out", single_options, True),
    ("the options of real clients get the right OACK", combinations, True),
    ("tsize is left out for empty files and in netascii", sizes_that_are_left_out, True),
    ("an upload's options are echoed", upload_options, True),
    ("-B, -r and -R do what they do in tftpd-hpa", server_letters, True),
    ("after block 65535 comes 0 or 1, as agreed", wrap, False),
    ("a file of exactly 65536 blocks ends with an empty block 0", multiple_of_65536_blocks, False),
    ("a file beyond 4 GiB arrives whole", beyond_4_gib, False),
    ("netascii reads translate LF and CR", netascii_read, True),
    ("netascii uploads translate back", netascii_write, True),
)
