#!/usr/bin/env python3
"""Inputs for the fuzz targets, made by code.

    make-corpus.py FOLDER SOURCE

writes FOLDER/TARGET/NAME, a file for each input, and FOLDER/TARGET.dict, the
words that libFuzzer puts together.  SOURCE is the source tree: its samples are
inputs, too.  What once broke something has a name here that says what it was.
"""

import itertools
import pathlib
import shutil
import struct
import sys

RRQ, WRQ, DATA, ACK, ERROR, OACK = range(1, 7)
OPTIONS = (b"blksize", b"timeout", b"tsize", b"windowsize", b"utimeout",
           b"blksize2", b"rollover")
BOUNDS = (0, 1, 2, 7, 8, 9, 10, 254, 255, 256, 511, 512, 513, 1024, 1428, 1468,
          9999, 10000, 10001, 65463, 65464, 65465, 65535, 65536, 255000000,
          255000001, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 63 - 1, 2 ** 63,
          2 ** 64 - 1, 2 ** 64, 10 ** 19, 10 ** 20)
ODD_NUMBERS = (b"", b"-1", b"+1", b" 1", b"1 ", b"0x10", b"010", b"1.0",
               b"1e3", b"00000000000000000008", b"000000000000000000008",
               b"\xb2", b"9" * 20, b"9" * 2000, b"1\n", b"%d", b"1,")


def zero(*texts):
    return b"".join(text + b"\0" for text in texts)


def request(opcode, *texts):
    return struct.pack(">H", opcode) + zero(*texts)


# ---- request --------------------------------------------------------------

def requests():
    """Datagrams, from those that clients send to those that broke servers."""
    octet = (b"octet",)
    for opcode, mode in itertools.product(
            (RRQ, WRQ), (b"octet", b"OCTET", b"netascii", b"NetAscii", b"mail",
                         b"", b"octe", b"octets", b"binary", b"en_US.UTF-8")):
        yield f"{opcode}-mode-{mode.decode()}", request(opcode, b"a", mode)
    # PXE: RFC 2348 and the rest as ROMs, GRUB, U-Boot and curl ask
    yield "pxe-probe", request(RRQ, b"pxelinux.0", b"octet", b"tsize", b"0")
    yield "pxe-get", request(RRQ, b"pxelinux.0", b"octet", b"blksize", b"1456")
    yield "edk2", request(RRQ, b"boot/grubx64.efi", b"octet", b"tsize", b"0",
                          b"blksize", b"1468", b"windowsize", b"4")
    yield "u-boot", request(RRQ, b"C0A80101.img", b"octet", b"timeout", b"5",
                            b"tsize", b"0", b"blksize", b"1468")
    yield "curl", request(RRQ, b"x", b"octet", b"tsize", b"0", b"blksize",
                          b"512", b"timeout", b"6")
    yield "padded-to-516", request(RRQ, b"mach_kernel", b"octet").ljust(516,
                                                                       b"\0")
    for length in (0, 1, 100, 255, 256, 512, 1023, 1024, 1025, 4095, 4096,
                   65000):
        yield f"name-{length}", request(RRQ, b"A" * length, *octet)
        yield f"mode-{length}", request(WRQ, b"a", b"A" * length)
    # CVE-2019-11365 and tftpy #140: too short for what they are
    for opcode, length in itertools.product(range(9), range(5)):
        whole = struct.pack(">HH", opcode, 0)
        yield f"short-{opcode}-{length}", whole[:length]
    whole = request(WRQ, b"dir/file", b"octet", b"blksize", b"1428", b"tsize",
                    b"7")
    for length in range(len(whole)):
        yield f"prefix-{length}", whole[:length]
    # CVE-2021-46671: an option without value, without NUL, 64, without name
    start = request(RRQ, b"a", b"octet")
    yield "option-no-value", start + b"blksize\0"
    yield "option-no-nul", start + b"blksize\x00512"
    yield "option-empty-name", start + zero(b"", b"512")
    yield "option-empty-value", start + zero(b"blksize", b"")
    yield "option-64", start + zero(*[b"blksize", b"512"] * 64)
    yield "option-unknown", start + zero(b"multicast", b"", b"x" * 300, b"1")
    yield "option-utimeout-2000", start + zero(b"utimeout", b"9" * 2000)
    # CVE-2018-10387: for whoever prints names
    yield "format", request(RRQ, b"%n%s%n%s%1000000d", *octet)
    yield "json", request(RRQ, b'\n{"v":1,"event":"transfer"}\\"\xff\x1b[2J',
                          *octet)
    # CVE-2008-2161 and CVE-2003-0380: long texts
    for text in (b"", b"no\0", b"no", b"x" * 600, b"x" * 65503, b"\0" * 40):
        yield f"error-{len(text)}-{text[-1:].hex()}", \
            struct.pack(">HH", ERROR, 8) + text
    for block in (0, 1, 255, 256, 65535):
        yield f"ack-{block}", struct.pack(">HH", ACK, block)
        yield f"data-{block}", struct.pack(">HH", DATA, block) + b"x" * 16
    yield "ack-padded", struct.pack(">HH", ACK, 1) + b"\0" * 14
    yield "oack", struct.pack(">H", OACK) + zero(b"blksize", b"1428")


# ---- options --------------------------------------------------------------

def limits(how=0, refused=0, blksize=65464, windowsize=64, size=1000):
    return struct.pack(">BBHHQ", how, refused, blksize - 8, windowsize, size)


def option_lists():
    values = [b"%d" % n for n in BOUNDS] + list(ODD_NUMBERS)
    for name, (i, value) in itertools.product(OPTIONS, enumerate(values)):
        yield f"{name.decode()}-{i}", limits() + zero(name, value)
        yield f"{name.decode()}-{i}-write", limits(1) + zero(name, value)
    # CVE-2021-41054: every subset, with the smallest and largest block
    pairs = ((b"blksize", None), (b"timeout", b"255"), (b"tsize", b"0"),
             (b"windowsize", b"65535"), (b"utimeout", b"255000000"),
             (b"rollover", b"1"))
    for size in (b"8", b"9", b"16", b"511", b"65464"):
        for bits in range(1 << len(pairs)):
            chosen = [(n, v or size) for i, (n, v) in enumerate(pairs)
                      if bits >> i & 1]
            yield f"subset-{size.decode()}-{bits:02x}", \
                limits(windowsize=65535) + zero(*itertools.chain(*chosen))
    twice = zero(b"blksize", b"x", b"BLKSIZE", b"1024")
    yield "first-counts", limits() + twice
    yield "rivals", limits() + zero(b"blksize2", b"1000", b"blksize", b"600",
                                    b"utimeout", b"1", b"timeout", b"2")
    for refused in (1 << i for i in range(7)):
        yield f"refused-{refused:02x}", limits(refused=refused) + \
            zero(*itertools.chain(*((n, b"10") for n in OPTIONS)))
    for how, size in itertools.product((0, 1, 2, 3), (0, 2 ** 64 - 1)):
        yield f"tsize-{how}-{size}", limits(how, size=size) + \
            zero(b"tsize", b"9223372036854775807")
    yield "longest", limits(windowsize=65535, size=2 ** 64 - 1) + \
        zero(*itertools.chain(*((n.upper(), b"65464") for n in OPTIONS)))


# ---- engine ---------------------------------------------------------------

EVENTS = ("right", "near", "run", "odd", "number", "error", "raw", "again",
          "repeat", "refused", "deadline", "wait", "sleep", "stored", "early",
          "end")
DO = {name: bytes((i,)) for i, name in enumerate(EVENTS)}
BATCH = 0x80
LATES = 16          # an input that begins with less starts late


def setup(write=False, oack=True, known=True, adaptive=True, patience=0,
          first=0, blksize=0, windowsize=0, timeout=0, rollover=0, windows=5,
          more=3, disk=0, disk_at=0):
    how = write | (not oack) << 1 | (not known) << 2 | (not adaptive) << 3 | \
        patience << 4
    agreed = bytes((blksize, windowsize, timeout, rollover)) if oack else b""
    return bytes((255, how, first)) + agreed + \
        struct.pack(">BHBH", windows, more, disk, disk_at)


def near(off):
    return DO["near"] + struct.pack("b", off)


def run(count, without=255):
    return DO["run"] + bytes((count, without))


def scripts():
    right = DO["right"]
    wait_ms = DO["wait"] + b"\x28"
    for write in (False, True):
        side = "write" if write else "read"
        for window in range(15):
            yield f"{side}-window-{window}", \
                setup(write, windowsize=window) + (right + wait_ms) * 60
        for size in range(6):
            yield f"{side}-blksize-{size}", setup(write, blksize=size) + \
                right * 12
        for oack, known, adaptive in itertools.product((0, 1), repeat=3):
            yield f"{side}-how-{oack}{known}{adaptive}", \
                setup(write, oack, known, adaptive) + right * 12
        # Sorcerer's Apprentice: everything twice, or a hundred times
        yield f"{side}-copies", setup(write) + \
            (right + DO["again"] + b"\x01") * 12
        yield f"{side}-copies-70", setup(write, windowsize=6) + right * 3 + \
            (DO["again"] + b"\x45") * 2 + right * 9
        for i in range(12):
            yield f"{side}-gap-{i}", setup(write, windowsize=6) + right + \
                run(8, i) + run(12) + wait_ms + right * 60
            yield f"{side}-silence-{i}", setup(write) + right * i + \
                DO["deadline"] * 3 + right * 12
            yield f"{side}-error-{i}", setup(write) + right * i + \
                DO["error"] + b"\0\0\0\5"
            yield f"{side}-refused-{i}", setup(write) + right * i + \
                DO["refused"]
            yield f"{side}-end-{i}", setup(write) + right * i + DO["end"] + \
                b"\1"
        yield f"{side}-repeats", setup(write) + \
            (DO["wait"] + b"\x40" + DO["repeat"]) * 5
        yield f"{side}-no-answer", setup(write)
        yield f"{side}-stale", setup(write, windowsize=6) + right * 4 + \
            near(-1) + near(-5) + near(0) + near(5) + near(127) + near(-128)
        for disk in range(6):
            yield f"{side}-disk-{disk}", \
                setup(write, disk=disk, disk_at=3) + right * 12
        yield f"{side}-sleeps", setup(write, windowsize=10) + \
            (right + DO["sleep"] + b"\x50") * 12
        yield f"{side}-in-batches", setup(write, windowsize=10) + \
            bytes((BATCH,)) * 30
        yield f"{side}-echo", setup(write) + DO["number"] + b"\0\1\xff" + \
            DO["raw"] + b"\x08\0\1a\0octet" + right * 12
    # CVE-2019-11365: an ERROR of 0 to 4 bytes in a running transfer
    for opcode, length, write in itertools.product(range(9), range(5), (0, 1)):
        whole = struct.pack(">HH", opcode, 0)
        yield f"short-{opcode}-{length}-{write}", setup(bool(write)) + \
            right + DO["raw"] + bytes((length,)) + whole[:length]
    yield "write-too-long", setup(True) + right + DO["odd"] + b"\0\x0c"
    yield "write-short", setup(True) + right + DO["odd"] + b"\0\1"
    yield "write-stored-late", setup(True, windows=2) + DO["stored"] + \
        right * 4 + DO["again"] + b"\3" + DO["sleep"] + b"\x58" + \
        DO["stored"] + right * 3
    for late in range(LATES):
        yield f"late-{late:02}", bytes((late,)) + right * 70
        yield f"late-gap-{late:02}", bytes((late,)) + right * 10 + \
            run(9, 4) + near(-1) + DO["deadline"] + right * 60
        yield f"late-old-{late:02}", bytes((late,)) + right * 20 + \
            DO["number"] + b"\xff\xff\0" + near(-30) + right * 60
    # a wait that watch.c took for silence: first timeout over the patience
    yield "news-is-news", setup(patience=1, first=4, windowsize=8) + \
        (DO["wait"] + b"\xbb") * 7 + right
    # 3,000 ACKs to a client that had agreed on 10 ms, and said no more
    yield "write-silent-10-ms", setup(True, patience=3, timeout=2) + right
    # the timer backed off for ever, and shifted a number by 64 bits
    yield "back-off-without-a-sample", setup(patience=3, windows=90) + \
        (DO["deadline"] + DO["wait"] + b"\0" + right) * 80


# ---- netascii, names ------------------------------------------------------

def netascii_files():
    for blksize in range(8, 17):
        for end in (b"\r", b"\n", b"\r\n", b"\r\0", b"\0", b"\n\n", b"\r\r"):
            body = b"x" * (blksize - 1) + end
            cuts = bytes((blksize, 1, 0, 3))
            yield f"border-{blksize}-{end.hex()}", \
                bytes((len(cuts),)) + cuts + body * 3
    yield "freebsd", b"\0foo\nbar\rbaz\n\0"
    yield "all-bytes", b"\2\3\5" + bytes(range(256))
    yield "no-progress", b"\1\0" + b"a\nb\r" * 8
    yield "empty", b""


def names():
    parts = (b"", b".", b"..", b"...", b"a", b"a..b", b".a", b"etc", b"%2e%2e",
             b"\xc0\xae\xc0\xae", b"C:", b"con", b"proc", b"self")
    for i, pair in enumerate(itertools.product(parts, parts)):
        slash = (b"/", b"\\", b"//", b"\\/")[i % 4]
        yield f"pair-{i}", slash.join(pair)
        if i % 3 == 0:
            yield f"slash-{i}", slash + slash.join(pair) + slash
    for text in (b"../../../../etc/passwd", b"/etc/passwd", b"....//....//x",
                 b"..\\..\\windows\\win.ini", b"/proc/self/root/etc/passwd",
                 b"/dev/fd/0", b"a/\0/../b", b"a\nb", b"a\x7f", b"\xff\xfe",
                 b"./././a", b"a//b///c", b"/", b"//", b"\\", b".", b"..",
                 b"subdir/../../x", b".file.0123456789abcdef",
                 b"d/.file.0123456789ABCDEF", b"..0123456789abcdef",
                 b".x.0123456789abcdeg", "ä/ö/ü".encode(),
                 "€".encode() * 90):
        yield f"name-{text[:24].hex()}", text
    for length in (1, 254, 255, 256, 1023, 1024, 1025, 4096):
        yield f"long-{length}", b"A" * length
        yield f"deep-{length}", b"a/" * (length // 2)
        yield f"utf8-{length}", "\u20ac".encode() * (length // 3)


# ---- the log --------------------------------------------------------------

def sized(data):
    return struct.pack(">H", len(data)) + data


def record(event=1, op=1, outcome=1, ts=1795388000000000, cut=0, client=b"",
           file=b"", path=b"", asked=b"", message=b"", numbers=()):
    """As take_record() of logwrite.c takes it."""
    short = b"".join(bytes((len(t),)) + t
                     for t in (client, b"192.0.2.1", b"octet", b"server"))
    tail = b"".join(struct.pack(">QB", n, 0) for n in numbers)
    return bytes((event, op, outcome)) + struct.pack(">QBQB", ts, 0,
                                                     0xfeedbeef, cut) + \
        short + sized(file) + sized(path) + sized(asked) + sized(message) + \
        tail


HOSTILE = (b'\n{"v":1,"ts":"2026-11-22T23:10:40.123456Z","event":"start"}\n',
           b'"\\\\"', bytes(range(256)), b"\xff" * 900, b"\xed\xa0\x80",
           b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80\xae.exe",
           b"\xc2\x9b31m", b"\x1b[2J", b"\xef\xbb\xbf", b"%n%s", b"\0" * 300,
           "\U0001f600".encode() * 200, "\u20ac".encode() * 256,
           b"a" * 767 + "\u20ac".encode(), b"\\" * 1024, b"\xe2\x82")


def records():
    yield "plain", record(file=b"a/b", path=b"/srv/a/b",
                          asked=b"blksize=1428", message=b"File not found",
                          client=b"192.0.2.7", numbers=range(25))
    for i, text in enumerate(HOSTILE):
        yield f"file-{i}", record(file=text, path=text[:9])
        yield f"texts-{i}", record(asked=text, message=text,
                                   client=text[:63])
    for kind in itertools.product(range(3), range(3), range(15)):
        yield "kind-%d-%d-%d" % kind, record(*kind)
    for ts in (0, 1, 951782400000000, 4107542399999999, 253402300799999999,
               253402300800000000, 2 ** 63):
        yield f"ts-{ts}", record(ts=ts)
    # the longest line that there can be
    long = b"\x01" * 800
    yield "longest", record(file=b"\xff" * 800, path=long, asked=long,
                            message=long, client=b"\x01" * 63,
                            numbers=[2 ** 63 - 1] * 25)


def line(event="transfer", number=1, more="", version=1,
         ts="2026-11-22T23:10:40.123456Z"):
    outcome = ',"outcome":"complete"' if event == "transfer" else ""
    ident = f',"id":"{number:016x}"' if event != "notice" else ""
    return (f'{{"v":{version},"ts":"{ts}","event":"{event}"{ident},'
            f'"op":"read"{outcome}{more}}}').encode()


NUMBERS = (',"client":"192.0.2.1","client_port":69,"file":"a","bytes":7,'
           '"duration_us":1000,"retransmits":1')


def logs():
    start, end = line("start"), line(more=NUMBERS)
    notice = line("notice", more=',"message":"Serving","requests":5')
    both = start + b"\n" + end + b"\n"
    crashed = line().replace(b"complete", b"crashed")
    bodies = {
        "empty": b"",
        "plain": both + notice + b"\n",
        "unfinished": both + start[:70],
        "no-newline": both + notice,
        "torn": start[:60] + end + b"\n" + both,
        "torn-twice": start[:20] + start[:90] + end + b"\n",
        "torn-tail": end + start[:33] + b"\n",
        "glued": start + end + b"\n",
        "newer": line(version=2) + b"\n" + end + b"\n",
        "glued-newer": line(version=2) + end + b"\n",
        "only-newer": line(version=3) + b"\n",
        "no-log": b"hello\nworld\n",
        "blank-lines": b"\n\n" + both + b"\n\n",
        "crlf": both.replace(b"\n", b"\r\n"),
        "nul": both.replace(b"read", b"re\0d") + both,
        "end-first": end + b"\n" + start + b"\n",
        "ends-twice": start + b"\n" + end + b"\n" + crashed + b"\n",
        "crashed-alone": crashed + b"\n",
        "starts-twice": start + b"\n" + both,
        "many": b"".join(line("start", n) + b"\n" + line(number=n) + b"\n"
                         for n in range(40)),
        "key-twice": line(more=',"bytes":1,"bytes":2') + b"\n",
        "unknown-keys": line(more=',"x":"y","z":-5') + b"\n",
        "nested": line(more=',"x":{"y":1}') + b"\n",
        "fraction": line(more=',"bytes":1.5') + b"\n",
        "negative": line(more=',"bytes":-1') + b"\n",
        "more-negative": line(more=',"bytes":-9223372036854775808') + b"\n",
        "large": line(more=',"bytes":9223372036854775807,"duration_us":'
                      '9223372036854775807') + b"\n",
        "too-large": line(more=',"bytes":9223372036854775808') + b"\n",
        "hex": line(more=',"file":"\ufffd","file_hex":"ff"') + b"\n",
        "hex-odd": line(more=',"file_hex":"fff"') + b"\n",
        "escapes": line(more=',"file":"\\u0000\\n\\ud83d\\ude00\\u202e\\\\"')
        + b"\n",
        "surrogate": line(more=',"file":"\\ud83d"') + b"\n",
        "half-escape": line(more=',"file":"\\u12"') + b"\n",
        "bad-utf8": end.replace(b'"a"', b'"\xff\xc0\x80"') + b"\n",
        "too-long": line(more=',"file":"%s"' % ("x" * 4000)) + b"\n",
        "longest": line(more=',"file":"%s"' % ("x" * 3982)) + b"\n",
        "markers": b'{"v":{"v":{"v":1' + b"\n" + b'{"v":1}' * 50 + b"\n",
        "control": line(more=',"message":"\\u001b[2J\\u009b\\u202e"') + b"\n",
        "junk": bytes(range(256)) * 8 + b"\n" + both,
    }
    for ts in ("1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000000Z",
               "2024-02-29T23:59:59.999999Z", "2023-02-29T00:00:00.000000Z",
               "9999-12-31T23:59:59.999999Z", "2026-13-01T00:00:00.000000Z",
               "2026-11-22T24:00:00.000000Z", "2026-11-22 23:10:40.123456Z"):
        bodies["ts-" + ts] = line(ts=ts) + b"\n"
    for name, body in bodies.items():
        yield name, b"\x1f\x55" + body
        yield name + "-cut", b"\x00\x80" + body
    yield "ascii", b"\x1e\xc0" + bodies["control"] + bodies["bad-utf8"]


# ---- what administrators write --------------------------------------------

VALUES = ("yes", "no", "0", "1", "7", "8", "65464", "65465", "65536", "5m",
          "1h", "forever", "10ms", "255s", "1k", "1T", "99999999999999999999",
          "auto", "mtu", "mtu-8", "mtu-1025", "077", "1000", '"4096:4127"',
          '"9:8"', '""', '"/"', '{"/", "/tmp"}', "{}", '{blksize, "all"}',
          '{"10.0.0.0/8", "2001:db8::/32"}', '"192.0.2.1/24"', "fold", "none",
          "ip", "mac", "unique", "prefer", "nobody", "'r ^[^/] /\\0'",
          '{"rg \\\\\\\\ /", "e ^x"}', '{"*.key", "a/*"}', '{"tar.gz"}', "-1",
          '{"a\\$b", "\\${c}", "$d"}', '"${HOME}"', '"${X:-/tmp}"',
          '"a\\x41\\\\"', '"', "'", "*", "a b")


def configurations(source):
    sample = (source / "doc/tftpd.conf.sample").read_text()
    keys = [text.lstrip("#").split(" =")[0].strip()
            for text in sample.splitlines() if " = " in text]
    keys = sorted({key for key in keys
                   if key and all(c.isalpha() or c == "-" for c in key)})
    base = 'root = "/"\n'
    yield "sample", "\n" + sample
    yield "sample-all", "\n" + base + "\n".join(
        text.lstrip("#") for text in sample.splitlines()
        if " = " in text and "root" not in text)
    for i, (key, value) in enumerate(itertools.product(keys, VALUES)):
        said = f"{key} = {value}\n"
        yield f"key-{i}", "\n" + base + said
        if i % 4 == 0:
            yield f"client-{i}", f'\n{base}client "192.0.2.0/24" {{\n{said}}}'
    whole = {
        "sections": 'client "10.0.0.0/8, ::/0" { read = no }\n'
                    'client 10.1.0.0/16 { create = yes\n upload-root = "" }\n',
        "section-twice": 'client "::/0" {}\nclient "::/0" {}\n',
        "section-open": 'client "::/0" { read = yes\n',
        "section-in-section": 'client "::/0" { client "::/0" { } }\n',
        "comments": "# a\n// b\n/* c\n * d */ read = no # e\n",
        "comment-open": "/* never ends\n",
        "append": 'deny-files = {"a"}\ndeny-files += {"b"}\n',
        "twice": "read = yes\nread = no\n",
        "include-itself": 'include("/proc/self/fd/3")\n',
        "include-nothing": "include()\ninclude(\n",
        "include-word": "include(read) = yes\n",
        "unknown": "raed = yes\nclient|read = yes\n",
        "marks": "\x01 = 5\nread = {\x015}\n",
        "control": "read\x02 = yes\x7f\n",
        "bom": "\ufeffread = no\n",
        "crlf": "read = no\r\ncreate = yes\r\n",
        "no-value": "read =\n",
        "braces": "{{{{{{{{{{{{{{{{{{{{{{{}}}}\n",
        "star": "deny-files = *.key\n",
        "plus": "a + b\n",
        "uploads": 'upload-root = "/tmp"\nclient "::1" { root = {"/tmp"} }\n',
        "rules": "map-rules = {'r a\\ b \\#', 'j ^x y', ': y', 'a x no\\\\'}\n"
                 "client \"::/0\" { map-rules = {} }\n",
        "hard-prefix": 'strip-prefix = {"/a/../b", "//", "a\\\\b"}\n',
    }
    for name, text in whole.items():
        yield name, "\n" + base + text
    for words in ("-s /tmp", "-c -p -s /", "-B 1428 -T 100000 /tmp",
                  "-l -a [::]:69 -a 127.0.0.1 -u nobody -s /", "-r blksize /",
                  "--refuse-all -R 4096:4127 /tmp", "-t 0 -v -v --stderr /",
                  "-f x", "-C", "--print-config --log /tmp/log -f x",
                  "--map-test - -m /etc/hostname",
                  "-S 6969 --path-prefix /tmp x",
                  "-U 022 --read-only / /tmp", "--max-upload 1G -W 65535 /",
                  "--explain x", "--bogus", "-B", "--sandbox=prefer -f x"):
        yield "words-" + "".join(c if c.isalnum() else "_" for c in words), \
            "\t".join(words.split(" ")) + "\n" + base + "read = no\n"


RULES = """rg \\\\ /
r ^[^/] /tftpboot/\\0
ri ^[a-z]: \\U\\0\\E/x
e ^ok/
a ~ ^/ only \\i may
j ^x end
G4 ^v4
P6~ ^v6 x
rgg x* -
E ^(.*)\\.bin$
s ^loop
:end
r ([0-9]+)(\\.)? \\x\\m\\2\\1
# a comment
r a\\ b\\# c""".splitlines()


def maps():
    for i, rule in enumerate(RULES):
        for how in (0, 1, 0x0a, 0xff):
            yield f"rule-{i}-{how}", bytes((how,)) + b"x/a.bin\0" + \
                rule.encode()
    yield "all", b"\xfa/tftpboot/x\\y.bin\0" + "\n".join(RULES).encode()
    # what tftpd-hpa's manual has
    yield "hpa", b"\xf8pxelinux.0\0ri ^[a-z]:\nrg \\\\ /\nr ^/tftpboot/ /\n" \
        b"rg \\# @\nr ^[^/] /tftpboot/\\0\na \\.pvt$"
    yield "loop-g", b"\xf8a\0rg a aa"
    yield "loop-s", b"\xf8a\0rs a ab\n"
    yield "loop-j", b"\xf8a\0:x\nj ^ x\n"
    yield "too-long", b"\xf8aaaaaaaa\0rg ^ " + b"a" * 500
    yield "escape-at-end", b"\xf8a\0r a \\\nr b\\"
    yield "backreference", b"\xf8aa\0r (a)\\1 b"
    yield "cr-and-nul", b"\xf8a\0r a b\r\nr a\0 c\n"
    yield "bad-regex", b"\xf8a\0r ( a\nr [ b\nr a{2 c\nr *a d\n"
    yield "label-twice", b"\xf8a\0:x\n: x\n:\n"
    yield "jump-by-name", b"\xf8ab\0j (.) \\1\n:a\nr b c\n"
    # a name that a rule had made empty was said to be matched by "."
    yield "empty-after-all", b"\x63/\0r ^/\ne ^.\ne ^\n"


# ---- http -----------------------------------------------------------------

PATHS = ("/", "/healthz", "/readyz", "/metrics", "/api/v1/status", "/manage", "/manage/check", "/nothing")
FIELDS = ("Accept: application/openmetrics-text;q=0.8,text/plain;q=0.5,*/*", "Authorization: Basic YTpi",
          "Content-Length: 7", "Content-Type: application/x-www-form-urlencoded", "Expect: 100-continue",
          "Host: [::1]:9169", "Host: evil.example", "Origin: http://localhost", "Sec-Fetch-Site: same-origin",
          "Transfer-Encoding: chunked", "Cookie: a=b; c", "X: \xe4")


def web_requests():
    for path in PATHS:
        for method in ("GET", "HEAD", "POST", "TRACE"):
            yield f"{method}-{path}", f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for number, field in enumerate(FIELDS):
        yield f"field-{number}", f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n"
    form = "\r\n".join(FIELDS[index] for index in (2, 3, 7, 8))
    yield "form", f"POST /manage/check HTTP/1.1\r\nHost: localhost\r\n{form}\r\n\r\na=%3C+&b"
    yield "query", "GET /?window=1h&a=%00&b=%zz&=&&c HTTP/1.0\r\n\r\n"
    yield "old", "GET /\r\n\r\n"
    yield "bare", "GET / HTTP/1.1\nHost: a\n\n"
    yield "folded", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"


# ---- dictionaries ---------------------------------------------------------

def words_of(source):
    wire = [b"octet", b"netascii", b"mail", b"..", b"/", b"\\"] + \
        [name + b"\0" for name in OPTIONS] + \
        [b"%d\0" % n for n in BOUNDS] + \
        [struct.pack(">H", op) for op in range(8)]
    keys = (source / "src/record/translog.c").read_text()
    log = [part.split('"')[0] for part in keys.split('NUMBER("')[1:]] + [
        "v", "ts", "event", "id", "op", "outcome", "client", "server", "file",
        "file_hex", "path", "mode", "asked", "error_by", "message", "cut",
        "start", "transfer", "notice", "read", "write", "complete", "crashed",
        '{"v":1,"ts":"2026-11-22T23:10:40.123456Z","event":"', "0" * 16,
        '","', '":"', '":1', "}\n", "\\u0000", "\\ud83d", "\\ude00", "\ufffd",
        '{"v":']
    rows = (source / "src/policy/conf_keys.c").read_text()
    conf = [part.split('{ "')[1].split('"')[0]
            for part in rows.split("[CONF_")[1:] if '{ "' in part] + \
        list(VALUES) + ['client "', "include(\"", " = ", "{", "}", "+=", "/*",
                        "*/", "//", "#", "-f\t", "-s\t/tmp\n"]
    rules = ["r ", "rg ", "rgg ", "e ", "E ", "a ", "s ", "j ", "G", "P", "4",
             "6", "~", "i", ":", "\\1", "\\i", "\\x", "\\m", "\\U", "\\L",
             "\\E", "^", "$", ".*", "(.*)", "[^/]", "\n", "#", "\\ "]
    return {"request": wire, "options": wire, "config": conf, "map": rules,
            "http": [*PATHS, *FIELDS, *(field.partition(":")[0] + ":" for field in FIELDS), " HTTP/1.1", "\r\n"],
            "logread": log, "pathname": [b"..", b"./", b"\\", b"//",
                                         b".0123456789abcdef"]}


def dictionary(words):
    lines = []
    for word in words:
        data = word if isinstance(word, bytes) else word.encode()
        lines.append('"%s"' % "".join(
            chr(c) if chr(c).isascii() and chr(c).isalnum() else f"\\x{c:02x}"
            for c in data))
    return "\n".join(dict.fromkeys(lines)) + "\n"


def main():
    folder, source = map(pathlib.Path, sys.argv[1:])
    targets = {
        "request": requests(), "options": option_lists(), "engine": scripts(),
        "netascii": netascii_files(), "pathname": names(),
        "logwrite": records(), "logread": logs(),
        "config": configurations(source), "map": maps(),
        "http": web_requests(),
    }
    for target, inputs in targets.items():
        shutil.rmtree(folder / target, ignore_errors=True)
        (folder / target).mkdir(parents=True)
        count = 0
        for name, data in inputs:
            if isinstance(data, str):
                data = data.encode()
            path = folder / target / name.replace("/", "_")
            assert not path.exists(), path
            path.write_bytes(data)
            count += 1
        print(f"{target}: {count} inputs")
    for target, words in words_of(source).items():
        (folder / f"{target}.dict").write_text(dictionary(words))


if __name__ == "__main__":
    main()
