"""Logs as they stand after full disks, crashes and strangers: torn at every byte, with
garbage in them, of another version, renamed and cut while they are read.

Whatever stands there, each whole record counts once, what is none is counted as that,
no command crashes, and none takes long.
"""

import gzip
import json
import os
import random
import subprocess
import threading
import time

import recount
from harness import LOG, check, check_equal

SECONDS = 10                # no command may take longer, times the lane's slowness
BASE_US = recount.microseconds("2026-11-22T10:00:00.000000Z")
REPORTS = ("summary", "clients", "files", "errors", "hours", "days", "slow", "missing", "boots", "log",
           "verify")


# Records.

def record(number, event="transfer", outcome="complete", op="read", ident=None, name=None, **more):
    """A line without its newline, as tftpd writes it."""
    ident = f"{number if ident is None else ident:016x}"
    fields = {"v": 1, "ts": recount.stamp(BASE_US + number * 1000), "event": event, "id": ident, "op": op}
    if event == "transfer":
        fields["outcome"] = outcome
    fields |= {"client": f"192.0.2.{number % 250 + 1}", "client_port": 1024 + number % 60000}
    fields["file"] = f"file-{number % 40}" if name is None else name
    if event == "transfer":
        fields |= {"path": "/" + fields["file"], "mode": "octet", "asked": "blksize=1468 tsize=0",
                   "blksize": 1428, "windowsize": 1, "timeout_ms": 1000, "size": number, "bytes": number,
                   "blocks": number // 1428 + 1, "duration_us": 1000 + number, "first_reply_us": 210,
                   "rtt_us": 180, "packets_sent": 3, "packets_received": 3, "retransmits": number % 3,
                   "timeouts": number % 2, "duplicates": 0, "cpu_us": 1450, "rss_kb": 900}
    fields |= more
    if outcome not in ("complete", "probe", "unconfirmed"):
        fields |= {"error_code": 1, "error_by": "server", "message": "it did not work"}
    fields["pid"] = 4242
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


class Numbers:
    """Records one after the other, each another transfer, with all outcomes in turn."""

    def __init__(self):
        self.last = 0

    def next(self, **how):
        self.last += 1
        how.setdefault("outcome", recount.OUTCOMES[self.last % 12])     # none that needs a start
        how.setdefault("op", "write" if self.last % 5 == 0 else "read")
        return record(self.last, **how)


# Asking.

def words_of(command, *more):
    """'verify' looks at whole files, and takes no window."""
    if command != "verify" or "--since" not in more:
        return [command, *map(str, more)]
    at = more.index("--since")
    return [command, *map(str, more[:at] + more[at + 2:])]


def run(lane, *words, seconds=SECONDS, **how):
    words = words_of(*words)
    env = {**lane.environment(), "TZ": "UTC"}
    done = subprocess.run([str(lane.stats), *words], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=seconds * lane.slowness, **how)
    check(done.returncode in (0, 1), f"{' '.join(words)}: status {done.returncode}, "
          f"{done.stderr.decode(errors='replace')[-600:]}")
    return done


def ask(lane, command, *paths, more=()):
    """The JSON of a report about all of these files."""
    words = [command, "--json", "--since", "2000-01-01", *more]
    for path in paths:
        words += ["-l", path]
    done = run(lane, *words)
    # 'verify' says by its status that something is wrong.
    check(done.returncode == 0 or command == "verify", f"{command}: status 1 ({done.stderr.decode()[-500:]})")
    if command == "log":
        return [json.loads(line) for line in done.stdout.splitlines()]
    return json.loads(done.stdout)


def fault_of_head(found, log):
    """What every report says of the log."""
    wanted = {"requests": len(log.ends), "open": len(log.opened), "bad_lines": log.lines.bad,
              "torn_lines": log.lines.torn, "newer_lines": log.lines.newer}
    return {key: (found.get(key), value) for key, value in wanted.items() if found.get(key) != value}


def check_all(lane, path, what, commands=REPORTS):
    """Every command counts as we do."""
    log, wrong = recount.Log(path), []
    for command in commands:
        found = ask(lane, command, path)
        if command == "log":
            ids = [r["id"] for r in found if r["event"] == "transfer"]
            problem = ids != [r["id"] for r in log.ends] and f"{len(ids)} ids, not {len(log.ends)}"
        else:
            problem = fault_of_head(found, log)
        if command == "summary" and found["outcomes"] != recount.outcomes(log.ends):
            problem = found["outcomes"], recount.outcomes(log.ends)
        if problem:
            wrong.append(f"{command}: found and wanted: {problem}")
    check(not wrong, f"{what}:\n" + "\n".join(wrong))
    return log


# Torn records.

def every_cut(numbers, cut):
    """A log of neighbours, with cut(record, k, neighbour) between two of them for each k."""
    sample = numbers.next()
    text = bytearray()
    for k in range(1, len(sample)):
        text += numbers.next() + b"\n"
        torn, behind = numbers.next(), numbers.next()
        text += cut(torn, min(k, len(torn) - 1), behind) + b"\n"
    return bytes(text)


CUTS = (
    ("without newline, the next record behind it", lambda r, k, n: r[:k] + n),
    ("with a newline", lambda r, k, n: r[:k] + b"\n" + n),
    ("its head is lost", lambda r, k, n: r[k:] + b"\n" + n),
    ("a hole of NULs in its place", lambda r, k, n: r[:k] + bytes(len(r) - k) + n),
    ("a hole of NULs in its midst", lambda r, k, n: r[:k] + bytes(min(9, len(r) - k)) + r[k + 9:] + b"\n" + n),
    ("two pieces behind each other", lambda r, k, n: r[:k] + r[:k // 2 + 1] + n),
    ("one byte is another", lambda r, k, n: r[:k] + bytes([r[k] ^ 0x80]) + r[k + 1:] + b"\n" + n),
    ("it stands in another one", lambda r, k, n: n[:k] + r + n[k:]),
)


def torn_at_every_byte(lane):
    path, count = lane.scratch / "torn.jsonl", 0
    for what, cut in CUTS[::3] if lane.quick else CUTS:
        text = every_cut(Numbers(), cut)
        path.write_bytes(text)
        log = check_all(lane, path, what, ("summary", "log") if lane.quick else REPORTS)
        count += len(log.ends)
        check(log.lines.bad + log.lines.torn > 300, f"{what}: {log.lines.bad} bad, {log.lines.torn} torn")
    lane.note(f"{count} whole records between torn ones")



def torn_alone(lane):
    """The same, a file each: nothing else is in the log that could hide it."""
    path, numbers = lane.scratch / "alone.jsonl", Numbers()
    length = len(numbers.next())
    for number, k in enumerate(range(1, length - 1, 60 if lane.quick else 7)):
        first, torn, last = numbers.next(), numbers.next(), numbers.next()
        what, cut = CUTS[number % len(CUTS)]
        path.write_bytes(first + b"\n" + cut(torn, min(k, len(torn) - 1), last) + b"\n")
        check_all(lane, path, f"{what}, at byte {k}", (REPORTS[number % len(REPORTS)],))
        # A reader that comes while the last record is written does not see it yet.
        path.write_bytes(first + b"\n" + torn[:k])
        log = check_all(lane, path, f"the last line has {k} bytes", (REPORTS[number % len(REPORTS)],))
        check_equal((len(log.ends), log.lines.bad + log.lines.torn), (1, 0), "our own count")


# What else may stand there.

def rubbish(numbers, chance):
    """Lines that are no records, each once; some have one glued to their end."""
    yield from (b"", b"\r", b" ", b"{}", b"[]", b"null", b"{", b"}", b"\0", bytes(5000), b"\xff" * 300, b"{" * 3000,
                b"[" * 3000, b'{"v":1}', b'{"v":1,', b'{"v":', b'{"v":0}', b'{"v":-1}', b'{"v":"1"}', b'{"v":1.0}',
                b'{"v":null}', b'{"ts":"2026-11-22T10:00:00.000000Z"}', b'\xef\xbb\xbf', b"# a comment")
    sample = numbers.next()
    yield from (sample + b"\r", b" " + sample, sample + b" ", sample.replace(b",", b", ", 1),
                b"\xef\xbb\xbf" + sample, sample.replace(b'"v":1', b'"v":2'),
                sample.replace(b'"v":1', b'"v":99999'), b'{"v":2}', b'{"v":2,"new":"\xc3\xa9"}',
                b'{"v":2,"new":{"nested":1}}', b'{"v":2,"torn":',
                sample.replace(b'"event":"transfer"', b'"event":"other"'),
                sample.replace(b'"outcome":', b'"result":'), sample.replace(b"2026-11-22T", b"2026-13-22T"),
                sample.replace(b"2026-11-22T", b"2026-02-30T"), sample.replace(b"T10:", b"T24:"),
                sample.replace(b'"id":"0', b'"id":"G'), sample.replace(b'"bytes":', b'"bytes":-'),
                sample.replace(b'"pid":4242', b'"pid":"4242"'), sample.replace(b'"pid":4242', b'"pid":42.5'),
                sample.replace(b'"pid":4242', b'"pid":true'), sample.replace(b'"pid":4242', b'"pid":[1]'),
                sample.replace(b'"pid":4242', b'"pid":042'), sample.replace(b'"pid":4242', b'"pid":4242,'),
                sample.replace(b'"pid":4242', b'"pid":4242,"pid":4242'),
                sample.replace(b'"file":"', b'"file":"\xff'), sample.replace(b'"file":"', b'"file":"\x01'),
                sample.replace(b'"file":"', b'"file":"\\q'), sample.replace(b'"file":"', b'"file":"\\u12'),
                sample + b"x" * (4097 - len(sample)))
    for size in (255 << 10, (256 << 10) - 1, 256 << 10, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20):
        yield b"x" * size
        yield bytes(size) + numbers.next()
        yield b"y" * size + numbers.next()[:-9] + numbers.next()
    # Of a line that is longer than 256 KiB only the end is looked at.
    for size in (9000, 70000, 120000):
        yield b"z" * size + numbers.next() + b"z" * size
        yield numbers.next() + b"z" * size
        yield b"z" * size + numbers.next() + numbers.next()
    for _ in range(60):
        yield chance.randbytes(chance.randrange(2000)).replace(b"\n", b" ")
        torn = bytearray(numbers.next())
        for _ in range(chance.randrange(1, 6)):
            torn[chance.randrange(5, len(torn))] = chance.randrange(128, 256)
        yield bytes(torn)


def unusual(numbers):
    """Records that are good, though tftpd does not write them so."""
    yield numbers.next(new_key="x", another=7)
    yield numbers.next(name="n" * 700, message="m" * 200)
    yield numbers.next(name="\u65e5\u672c \u00fc")
    yield numbers.next(name='quote" and \\ and \x1b and \x7f')
    yield numbers.next(name="\ufffdx", file_hex="ff78")
    yield json.dumps(json.loads(numbers.next()), separators=(",", ":")).encode()
    record_ = json.loads(numbers.next())
    yield json.dumps({"v": 1, **dict(sorted(record_.items()))}, separators=(",", ":")).encode()
    long = numbers.next()
    yield long[:-1] + b',"filler":"' + b"x" * (4096 - len(long) - 12) + b'"}'


def rubbish_of_all_kinds(lane):
    """Between good records, which all count."""
    numbers, chance, text, goods = Numbers(), random.Random(11), bytearray(), 0
    for line in [*rubbish(numbers, chance), *unusual(numbers), *rubbish(numbers, chance)]:
        text += numbers.next() + b"\n" + line + b"\n"
        goods += 1
    path = lane.scratch / "rubbish.jsonl"
    path.write_bytes(text)
    begin = time.monotonic()
    log = check_all(lane, path, "rubbish", ("summary", "verify", "log") if lane.quick else REPORTS)
    check(len(log.ends) >= goods, "our own count")
    lane.note(f"{len(text) >> 20} MiB of rubbish: {len(log.ends)} ends, {log.lines.bad} bad, {log.lines.torn} torn, "
              f"{log.lines.newer} newer; all commands {time.monotonic() - begin:.1f} s")
    for command, forms in (("summary", ((), ("--csv",))), ("log", ((), ("--csv",))), ("verify", ((), ("--csv",)))):
        for form in forms:
            run(lane, command, "-l", path, "--since", "2000-01-01", *form)


def nothing_but_rubbish(lane):
    """A file without any record is told, not taken for an empty log."""
    path = lane.scratch / "none.jsonl"
    for content, said in ((b"no log\n" * 9, b"not a transfer log"), (bytes(3 << 20) + b"\n", b"not a transfer log"),
                          (b'{"v":2,"x":1}\n', b"newer version")):
        path.write_bytes(content)
        for command in REPORTS[:-1]:
            done = run(lane, command, "-l", path, "--since", "2000-01-01")
            check_equal(done.returncode, 1, f"{command} of {content[:20]}: status")
            check(said in done.stderr, f"{command} of {content[:20]} says {done.stderr}")
    for content in (b"", b"\n\n\n", b"x" * 100, bytes(2 << 20)):        # it may become a log
        path.write_bytes(content)
        for command in REPORTS[:-1]:
            done = run(lane, command, "-l", path, "--since", "2000-01-01")
            check_equal(done.returncode, 0, f"{command} of {content[:20]}: status ({done.stderr})")


def endless_numbers(lane):
    """A forged log may claim any number: sums stay at the top."""
    most, numbers, path = (1 << 63) - 1, Numbers(), lane.scratch / "forged.jsonl"
    keys = ("bytes", "size", "blocks", "duration_us", "first_reply_us", "rtt_us", "packets_sent", "retransmits",
            "timeouts", "cpu_us")
    claims = dict.fromkeys(keys, most)
    path.write_bytes(b"".join(numbers.next(outcome="complete", **claims) + b"\n" for _ in range(9)))
    for command in REPORTS:
        found = ask(lane, command, path)
        if command == "summary":
            check_equal([found[key] for key in ("bytes_sent", "duration_max_us", "retransmits")], [most] * 3, "sums")
        for form in ((), ("--csv",)):
            run(lane, command, "-l", path, "--since", "2000-01-01", *form)
    lines = numbers.next(bytes=most + 1), numbers.next(bytes=10 ** 30), numbers.next()
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    found = ask(lane, "summary", path)
    check_equal((found["requests"], found["bad_lines"]), (1, 2), "numbers that are none")


# While others write.

class Writer(threading.Thread):
    """Appends records, and torn ones; tells how many ends stand there in whole lines."""

    def __init__(self, path, count, torn_every=7):
        super().__init__(daemon=True)
        self.path, self.count, self.torn_every = path, count, torn_every
        self.ends, self.bad, self.numbers = 0, 0, Numbers()

    def run(self):
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for n in range(self.count):
            if n % self.torn_every == 0:
                torn = self.numbers.next()
                self.bad += 1
                os.write(file, torn[:1 + n % (len(torn) - 2)])
            self.ends += 1              # before it stands there: nobody may see more
            os.write(file, self.numbers.next() + b"\n")
        os.close(file)


def readers_beside_a_writer(lane):
    """Eight at once: what they count never falls, and is never more than what was written."""
    path, wrong = lane.scratch / "growing.jsonl", []
    path.write_bytes(b"")
    writer = Writer(path, 1500 if lane.quick else 12000)

    def read(command):
        last = 0
        while not wrong:
            is_over = not writer.is_alive()
            try:
                found = ask(lane, command, path)
            except AssertionError as error:
                wrong.append(str(error))
                return
            count = len(found) if command == "log" else found["requests"]
            bad = 0 if command == "log" else found["bad_lines"] + found["torn_lines"]
            if not last <= count <= writer.ends or bad > writer.bad:
                wrong.append(f"{command}: {count} ends after {last}, {writer.ends} written; {bad} bad")
            last = count
            if is_over:
                if count != writer.ends:
                    wrong.append(f"{command}: {count} ends in the end, {writer.ends} written")
                return

    readers = [threading.Thread(target=read, args=(command,), daemon=True)
               for command in ("summary", "summary", "clients", "files", "log", "verify", "boots", "slow")]
    for thread in (writer, *readers):
        thread.start()
    for thread in (writer, *readers):
        thread.join(60 * lane.slowness)
    check(not any(thread.is_alive() for thread in readers), "a reader does not end")
    check(not wrong, "\n".join(wrong[:5]))


def rotated_while_read(lane):
    """Renames and compressions under the hands of readers: no end is lost or counted twice."""
    numbers, wrong, runs, turns = Numbers(), [], threading.Semaphore(0), [0]
    LOG.parent.mkdir(exist_ok=True)
    total, each = write_parts(numbers, 5), 12 if lane.quick else 60
    check_equal(len(recount.Log(*sorted(LOG.parent.iterdir())).ends), total, "our own count")

    def rotate():
        """Once in ten reports."""
        for _ in range(8 * each // 10):
            for _ in range(10):
                runs.acquire()
            shift_parts()
            turns[0] += 1

    def read(command):
        for _ in range(each):
            done = run(lane, command, "--json", "--since", "2000-01-01", "--table", "/nowhere")
            count = json.loads(done.stdout)["requests"] if done.returncode == 0 else done.stderr
            if count != total:
                wrong.append(f"{command}: {count} ends, not {total}")
            runs.release()

    readers = [threading.Thread(target=read, args=(command,), daemon=True)
               for command in ("summary", "clients", "errors", "files") * 2]
    turner = threading.Thread(target=rotate, daemon=True)
    for thread in (turner, *readers):
        thread.start()
    for thread in (turner, *readers):
        thread.join(60 * lane.slowness)
    for path in list(LOG.parent.iterdir()):
        path.unlink()
    check(turns[0] == 8 * each // 10, "a reader does not end")
    check(not wrong, f"{len(wrong)} of {8 * each} times, in {turns[0]} rotations:\n" + "\n".join(wrong[:5]))


def write_parts(numbers, count):
    """transfers.jsonl, .1 ..., the oldest one compressed; returns the ends in them."""
    for part in range(count - 1, -1, -1):
        text = b"".join(numbers.next() + b"\n" for _ in range(200))
        path = LOG.with_name(LOG.name + (f".{part}" if part else ""))
        if part == count - 1:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(text))
        else:
            path.write_bytes(text)
    return 200 * count


def shift_parts():
    """As logrotate: everything one further, a new log, the second one compressed."""
    paths = sorted(LOG.parent.iterdir(), key=number_of, reverse=True)
    for path in paths:
        number = number_of(path) + 1
        os.rename(path, LOG.with_name(f"{LOG.name}.{number}" + (".gz" if path.suffix == ".gz" else "")))
    LOG.touch()
    plain = LOG.with_name(f"{LOG.name}.2")
    if plain.exists():
        packed = plain.with_name(plain.name + ".gz")
        packed.with_name("making").write_bytes(gzip.compress(plain.read_bytes()))
        os.rename(packed.with_name("making"), packed)
        plain.unlink()
    # Not without end: the empty ones in between go, as by "rotate" and "notifempty".
    for path in sorted(LOG.parent.iterdir(), key=number_of):
        if number_of(path) and path.suffix != ".gz" and path.stat().st_size == 0:
            path.unlink()


def number_of(path):
    words = path.name.removeprefix(LOG.name).split(".")
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


def truncated_while_read(lane):
    """copytruncate, which nobody should use: no crash, no more than was there."""
    path, stop, wrong, numbers = lane.scratch / "cut.jsonl", threading.Event(), [], Numbers()
    text = b"".join(numbers.next() + b"\n" for _ in range(2000))
    path.write_bytes(text)

    def cut():
        chance = random.Random(5)
        while not stop.is_set():
            os.truncate(path, chance.randrange(len(text)))
            with open(path, "r+b") as file:
                file.write(text)

    def read(command):
        for _ in range(10 if lane.quick else 40):
            done = run(lane, command, "--json", "--since", "2000-01-01", "-l", path)
            if done.returncode == 0 and json.loads(done.stdout)["requests"] > 2000:
                wrong.append(f"{command}: {done.stdout[:200]}")

    cutter = threading.Thread(target=cut, daemon=True)
    readers = [threading.Thread(target=read, args=(command,), daemon=True) for command in REPORTS[:-2][:8]]
    for thread in (cutter, *readers):
        thread.start()
    for thread in readers:
        thread.join(60 * lane.slowness)
    stop.set()
    cutter.join(10)
    check(not any(thread.is_alive() for thread in readers), "a reader does not end")
    check(not wrong, "\n".join(wrong[:5]))


# Compressed.

def compressed(lane):
    """Whole, in pieces, with rubbish behind it, and cut short at any byte."""
    numbers, path = Numbers(), lane.scratch / "packed.jsonl.1.gz"
    lines = [numbers.next() + b"\n" for _ in range(300)]
    text = b"".join(lines)
    path.write_bytes(gzip.compress(text))
    for command in REPORTS:
        found = ask(lane, command, path)
        check_equal(len(found) if command == "log" else found["requests"], 300, f"{command} of a whole one")
    path.write_bytes(gzip.compress(b"".join(lines[:100])) + gzip.compress(b"".join(lines[100:])))
    check_equal(ask(lane, "summary", path)["requests"], 300, "ends in two pieces")
    packed = gzip.compress(text)
    last = 0
    for at in range(20, len(packed), len(packed) // (12 if lane.quick else 80)):
        path.write_bytes(packed[:at])
        for command in ("summary", "clients", "log")[:1 if at % 3 else 3]:
            done = run(lane, command, "--json", "--since", "2000-01-01", "-l", path)
            if command == "summary" and done.returncode == 0 and done.stdout:
                count = json.loads(done.stdout)["requests"]
                check(last <= count <= 300, f"cut at {at}: {count} ends after {last}")
                check(done.stderr, f"cut at {at}: not a word about it")
                last = count
    check(last > 200, f"of one that is nearly whole, {last} ends were read")
    for tail in (b"rubbish", bytes(2000), b"\x1f\x8b"):
        path.write_bytes(packed + tail)
        done = run(lane, "summary", "--json", "--since", "2000-01-01", "-l", path)
        check(done.returncode == 0 and json.loads(done.stdout)["requests"] == 300, f"{tail[:9]} behind: {done}")
    damaged = bytearray(packed)
    damaged[len(damaged) // 2] ^= 0x55
    path.write_bytes(damaged)
    run(lane, "summary", "--json", "--since", "2000-01-01", "-l", path)


TESTS = (
    ("records torn at every byte lose no neighbour", torn_at_every_byte, True),
    ("a torn record alone between two", torn_alone, True),
    ("garbage, NULs, endless lines and other versions between records", rubbish_of_all_kinds, True),
    ("a file without any record is no log", nothing_but_rubbish, True),
    ("forged numbers neither wrap nor crash", endless_numbers, True),
    ("eight readers beside a writer", readers_beside_a_writer, True),
    ("logs that are rotated while they are read", rotated_while_read, True),
    ("a log that is cut while it is read", truncated_while_read, True),
    ("compressed logs, also cut short", compressed, True),
)
