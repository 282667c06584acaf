"""Every command's numbers are those of an independent recount, in every form.

The real server plays a known mix (mix.py), recount.py counts its log, and then each
command is asked: as text, JSON, CSV and metrics, with every filter, across rotated and
compressed files, and on the same records spread over days.
"""

import collections
import contextlib
import csv
import fcntl
import gzip
import io
import itertools
import json
import os
import pty
import random
import re
import shutil
import struct
import subprocess
import termios
import time
import unicodedata

import mix
import recount
import tftp
from harness import check, check_equal, run

OLD = "2000-01-01"


# The log that is asked.

def scene_of(lane):
    """Played once a lane."""
    if not hasattr(lane, "scene"):
        lane.scene, lane.seen_alive = None, []
        lane.scene = mix.play(lane, lambda survivors: look_at_the_living(lane, survivors))
    check(lane.scene is not None, "the mix could not be played")
    return lane.scene


@contextlib.contextmanager
def archive(lane):
    """The log as logrotate leaves it, the oldest part compressed; afterwards as it was."""
    scene_of(lane)
    oldest = lane.log.files()[0]
    packed = oldest.with_name(oldest.name + ".gz")
    text = oldest.read_bytes()
    packed.write_bytes(gzip.compress(text))
    oldest.unlink()
    try:
        yield lane.log.files()
    finally:
        packed.unlink()
        oldest.write_bytes(text)


def log_of(lane):
    """The recount of what was played."""
    scene_of(lane)
    if not hasattr(lane, "recounted"):
        lane.recounted = recount.Log(*lane.log.files())
    return lane.recounted


def spread_log(lane):
    """(recount of it, the words that tell a command its files)"""
    paths = spread(lane)
    if not hasattr(lane, "spread_recounted"):
        lane.spread_recounted = recount.Log(*paths)
    return lane.spread_recounted, [word for path in paths for word in ("-l", path)]


def spread(lane):
    """The same records as if they had come in over days, around the end of summer time; some
    transfers without an end, some ends that do not count.  The log, its predecessor, and the
    compressed one before."""
    folder = lane.scratch / "spread"
    if not folder.exists():
        scene_of(lane)
        files = [[json.loads(line) for line in path.read_bytes().splitlines()] for path in lane.log.files()]
        shift(files)
        doctor(files)
        folder.mkdir()
        for number, records in enumerate(reversed(files)):
            path = folder / ("transfers.jsonl" + (f".{number}" if number else ""))
            path.write_bytes(b"".join(line_of(record) for record in records))
        last = folder / f"transfers.jsonl.{len(files) - 1}"
        last.with_name(last.name + ".gz").write_bytes(gzip.compress(last.read_bytes()))
        last.unlink()
    return sorted(folder.iterdir())


def line_of(record):
    """As tftpd writes it; unsafe characters are escaped by JSON, too."""
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def shift(files):
    """Gaps of minutes and hours, where lines are in order and no process is about to die."""
    ends = {rec["id"]: rec for records in files for rec in records if rec["event"] == "transfer"}
    doomed = {ident for ident, rec in ends.items() if rec["outcome"] == "crashed"}
    timed = [[(recount.microseconds(rec["ts"]), rec) for rec in records] for records in files]
    times, chance = sorted(us for records in timed for us, _ in records), random.Random(7)
    # Where one file ends while the next one has begun, readers allow for an hour only.
    spans = [(min(us for us, _ in records), max(us for us, _ in records)) for records in timed]
    borders = [us for us in chance.sample(times, min(len(times), 600))
               if sum(first < us <= last for first, last in spans) <= 1 and
               all(is_border(records, us, doomed) for records in timed)][:60]
    gaps = [chance.choice((60, 200, 400, 3600, 4000, 5400, 9000)) * 1_000_000 for _ in borders]
    begin = recount.microseconds("2026-10-23T18:20:00.000000Z")
    for us, rec in itertools.chain(*timed):
        late = sum(gap for border, gap in zip(borders, gaps) if border <= us)
        rec["ts"] = recount.stamp(us - times[0] + begin + late)


def is_border(records, border, doomed):
    """Whether what comes before it stands before, and nobody who dies lives there."""
    later, opened = False, set()
    for us, rec in records:
        if us < border and later:
            return False
        later = later or us >= border
        if not later and rec.get("id") in doomed:
            (opened.add if rec["event"] == "start" else opened.discard)(rec["id"])
    return not opened


def doctor(files):
    """What readers have to see through: tftpd-log(5), READING THE LOG."""
    for records in files:
        ends = [rec for rec in records if rec["event"] == "transfer" and rec["outcome"] == "complete"]
        for rec in ends[3:40:9]:
            records.remove(rec)                                             # it is open
        for rec in ends[5:40:9]:
            records.append({**rec, "outcome": "crashed", "ts": records[-1]["ts"]})      # it had ended
        for rec in ends[7:40:9]:
            records.insert(records.index(rec) + 1, dict(rec))               # told twice
        records.append({**ends[0], "id": "00000000000000%02x" % len(records[0]["ts"]), "outcome": "crashed",
                        "ts": records[-1]["ts"]})                           # never accepted


# Asking.

def ask(lane, *words, status=0, zone="UTC", locale="C"):
    env = {**lane.environment(), "TZ": zone, "LC_ALL": locale}
    done = subprocess.run([str(lane.stats), *map(str, words)], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=20 * lane.slowness)
    check_equal(done.returncode, status, f"{' '.join(map(str, words))}: status ({done.stderr.decode()[:500]})")
    return done.stdout


def strict(text, what):
    """JSON that is nothing else; no key twice."""
    def pairs(found):
        keys = [key for key, _ in found]
        check(len(set(keys)) == len(keys), f"{what}: a key comes twice in {keys}")
        return dict(found)

    def refuse(word):
        raise ValueError(word)

    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=pairs, parse_constant=refuse, parse_float=refuse)
    except ValueError as error:
        check(False, f"{what}: no JSON: {error}: {text[:300]!r}")


def ask_json(lane, *words, **how):
    return strict(ask(lane, *words, "--json", **how), " ".join(map(str, words)))


def ask_csv(lane, *words, **how):
    """The rows, each a dictionary; the form is RFC 4180's, strictly."""
    text = ask(lane, *words, "--csv", **how).decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    check(rows and all(len(row) == len(rows[0]) for row in rows), f"{words}: rows of unequal length")
    check(text.endswith("\r\n"), f"{words}: the last line does not end in CR LF")
    return [dict(zip(rows[0], row)) for row in rows[1:]]


# Rows.

NAMES = {"file", "last_file", "message", "stopped_at", "running", "others_went_on_to", "near", "near_2", "near_3"}
TIMES = {"first", "last", "start", "begin", "end", "boot_begin"}


def from_json(row):
    """With names as bytes and times as microseconds, as recount.py has them."""
    found = {}
    for key, value in row.items():
        if key.endswith("_hex"):
            continue
        if key in NAMES:
            value = bytes.fromhex(row[key + "_hex"]) if key + "_hex" in row else value.encode()
        elif key in TIMES:
            value = recount.microseconds(value)
        found[key] = value
    return found


def unescaped(text):
    """The bytes of a name in text or CSV."""
    def byte(found):
        return b"\\" if found.group(1) == b"\\" else bytes([int(found.group(1)[1:], 16)])
    return re.sub(rb"\\(\\|x[0-9a-f]{2})", byte, text.encode())


def from_csv(row, like):
    """The same of a row of CSV; like: the row of JSON, which tells what is a number."""
    found = {}
    for key, text in row.items():
        if key not in like:
            check_equal(text, "", f"{key} in CSV, where JSON has none")
        elif key in NAMES:
            found[key] = unescaped(text.removeprefix("'"))
        elif key in TIMES:
            found[key] = recount.microseconds(text)
        else:
            found[key] = int(text) if isinstance(like[key], int) else text
    return found


class Table:
    """A command that is one table.

    rows       of end records: key -> row
    key        of a row as it is found
    order      rows stand in the falling order of this; None: in one of their own
    only       keys that are compared; None: all
    """

    def __init__(self, command, rows, key, order, name=None, more=(), only=None):
        self.command, self.rows, self.key, self.order = command, rows, key, order
        self.name, self.more, self.only = name or command, more, only


def first_difference(found, wanted):
    keys = [key for key in {**wanted, **found} if found.get(key) != wanted.get(key)]
    return ", ".join(f"{key}: {found.get(key)!r}, not {wanted.get(key)!r}" for key in keys[:4])


def fault_of_rows(table, found, wanted, top=None):
    """What is wrong with the rows that a command printed, or None."""
    count = len(wanted) if top is None else min(top, len(wanted))
    if len(found) != count:
        return f"{len(found)} rows, not {count}"
    if len({table.key(row) for row in found}) != len(found):
        return "a row comes twice"
    for row in found:
        if table.key(row) not in wanted:
            return f"a row that must not be there: {row}"
        like = wanted[table.key(row)]
        row = {key: value for key, value in row.items() if table.only is None or key in table.only}
        if row != like:
            return f"{table.key(row)!r}: {first_difference(row, like)}"
    if table.order is None:
        return None
    orders = [table.order(row) for row in found]
    if orders != sorted(map(table.order, wanted.values()), reverse=True)[:count]:
        return f"the order is {orders[:8]}..."
    return None


def check_table(lane, table, log, words, top=None, **how):
    """JSON against the recount, CSV against JSON."""
    what = f"{table.command} {' '.join(map(str, words))}"
    words = [table.command, *table.more, *words, *(["-n", top] if top else [])]
    tree = ask_json(lane, *words, **how)
    head = {"schema": 1, "requests": len(log.ends), "open": len(log.opened), "bad_lines": log.lines.bad,
            "torn_lines": log.lines.torn, "newer_lines": log.lines.newer}
    check_equal({key: tree.get(key) for key in head}, head, f"{what}: the head")
    found = [from_json(row) for row in tree[table.name]]
    problem = fault_of_rows(table, found, table.rows(log.ends), top)
    check(problem is None, f"{what}: {problem}")
    rows = ask_csv(lane, *words, **how)
    check_equal(len(rows), len(found), f"{what}: rows of CSV")
    for row, like in zip(rows, found):
        check(from_csv(row, like) == like, f"{what}: CSV: {first_difference(from_csv(row, like), like)}")
    return tree


CLIENTS = Table("clients", recount.client_rows, lambda row: row["client"], lambda row: row["requests"])
FILES = Table("files", recount.file_rows, lambda row: row["file"], lambda row: (row["requests"], row["bytes"]))
ERRORS = Table("errors", recount.error_rows, lambda row: (row["outcome"], row.get("error_code"), row.get("error_by"),
               row["message"].decode() if "message" in row else None), lambda row: row["count"])
FAILED = Table("clients", recount.failed_rows, lambda row: (row["client"], row.get("op"), row["file"]), None,
               "failed")
MISSING = Table("missing", recount.missing_rows, lambda row: row["file"], None, "names",
                only=("file", "requests", "clients", "first", "last"))


# Filters: words, and what they select.

def filters(log):
    times = sorted(record["us"] for record in log.ends)
    early, late = times[len(times) // 3], times[len(times) * 3 // 4]
    return (
        ((), {}),
        (("--client", "127.20.0.0/15"), {"client": "127.20.0.0/15"}),
        (("--client", "127.99.0.1"), {"client": "127.99.0.1"}),
        (("--client", "::/0"), {"client": "::/0"}),
        (("--file", "*cfg*"), {"file": "*cfg*"}),
        (("--file", "[=+@-]*"), {"file": "[=+@-]*"}),
        (("--op", "write"), {"op": "write"}),
        (("--op", "read"), {"op": "read"}),
        (("--outcome", "failure"), {"outcome": "failure"}),
        (("--outcome", "notfound,denied,crashed,success"), {"outcome": "notfound,denied,crashed,success"}),
        (("--since", recount.stamp(early)), {"since": early}),
        (("--until", recount.stamp(late)), {"until": late}),
        (("--since", recount.stamp(early), "--until", recount.stamp(late), "--op", "read", "--outcome",
          "refused,failure,complete", "--client", "127.0.0.0/8", "--file", "*p*"),
         {"since": early, "until": late, "op": "read", "outcome": "refused,failure,complete",
          "client": "127.0.0.0/8", "file": "*p*"}),
    )


def with_filters(lane, ask_about, step=1):
    """Of the log as it is found without -l, and of one that spreads over days."""
    with archive(lane):
        log = log_of(lane)
        for words, how in filters(log)[::3 if lane.quick else step]:
            ask_about(words, log.select(**how))
    log, given = spread_log(lane)
    for words, how in filters(log)[::3 if lane.quick else step]:
        # Without --since there would be the last day only.
        words = (*words, *given, *(() if "--since" in words else ("--since", OLD)))
        ask_about(words, log.select(**how))


# The summary.

SUMMARY_STEPS = {"durations": ("duration_us", "below_us", (10**3, 10**4, 10**5, 10**6, 10**7, 6 * 10**7, 6 * 10**8)),
                 "sizes": ("bytes", "below_bytes", (10**3, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9))}
TOP_FILES = Table("summary", lambda ends: {name: {"file": name, **recount.sums(group)}
                                           for name, group in recount.by_file(ends).items()},
                  lambda row: row["file"], lambda row: row["requests"])
TOP_CLIENTS = Table("summary", lambda ends: {name: {"client": name, **recount.sums(group)}
                                             for name, group in recount.by_client(ends).items()
                                             if recount.classes(group)["failure"]},
                    lambda row: row["client"], lambda row: row["failure"])
TOP_ERRORS = Table("summary", lambda ends: {(row["outcome"], row.get("message"), row["count"], row["clients"]): {
                       key: row[key] for key in ("outcome", "message", "count", "clients") if key in row}
                       for row in recount.error_rows(ends).values()},
                   lambda row: (row["outcome"], row.get("message"), row["count"], row["clients"]),
                   lambda row: row["count"])


def numbers_of(log):
    """Key -> number, of the summary."""
    ends = log.ends
    wanted = {"log_files": log.files, "bad_lines": log.lines.bad, "torn_lines": log.lines.torn,
              "newer_lines": log.lines.newer, "requests": len(ends), "open": len(log.opened), **recount.classes(ends),
              "reads": sum(r.get("op") == "read" for r in ends), "writes": sum(r.get("op") == "write" for r in ends),
              "bytes_sent": recount.total([r for r in ends if r.get("op") != "write"], "bytes"),
              "bytes_received": recount.total([r for r in ends if r.get("op") == "write"], "bytes"),
              "busy_us": recount.busy(ends), "duration_count": len(recount.durations(ends)),
              "first_reply_count": len(recount.of(ends, "first_reply_us")),
              "packets_sent": recount.total(ends, "packets_sent"), "retransmits": recount.total(ends, "retransmits"),
              "retransmitted_requests": sum(r.get("retransmits", 0) > 0 for r in ends)}
    took = wanted["busy_us"]
    wanted["bytes_per_second"] = took and (wanted["bytes_sent"] + wanted["bytes_received"]) * 1_000_000 // took
    return wanted


def fault_of_summary(found, log, top=10):
    """What in the object is not what the recount has."""
    wanted = {**numbers_of(log), "outcomes": recount.outcomes(log.ends)}
    wrong = [f"{key}: {found.get(key)}, not {value}" for key, value in wanted.items() if found.get(key) != value]
    replies = sorted(recount.of(log.ends, "first_reply_us"))
    for name, values, ranks in (("duration", recount.durations(log.ends), (500, 950, 990, 1000)),
                                ("first_reply", replies, (500, 950, 1000))):
        for permille in ranks:
            key = f"{name}_max_us" if permille == 1000 else f"{name}_p{permille // 10}_us"
            exact, told = recount.quantile(values, permille), found[key]
            if not exact <= told <= (exact if permille == 1000 else exact * 1.01 + 1):
                wrong.append(f"{key}: {told}, not {exact}")
    for name, (key, below, bounds) in SUMMARY_STEPS.items():
        counts = recount.steps(recount.of(recount.successes(log.ends), key), bounds)
        rows = [{below: bound, "count": count} for bound, count in zip(bounds, counts)] + [{"count": counts[-1]}]
        if found[name] != rows:
            wrong.append(f"{name}: {found[name]}, not {rows}")
    for name, table in (("top_files", TOP_FILES), ("top_clients", TOP_CLIENTS), ("top_errors", TOP_ERRORS)):
        problem = fault_of_rows(table, [from_json(row) for row in found[name]], table.rows(log.ends), top)
        if problem:
            wrong.append(f"{name}: {problem}")
    if sum(row["requests"] for row in found.get("periods", ())) != len(log.ends):
        wrong.append("the requests of all periods are not all requests")
    return wrong


def the_mix_is_known(lane):
    """What each client saw is what the log says of it."""
    scene = scene_of(lane)
    log = log_of(lane)
    found = recount.outcomes(log.ends)
    lane.note(f"{len(log.ends)} transfers of {len(recount.by_client(log.ends))} clients: "
              + ", ".join(f"{name} {count}" for name, count in found.items()))
    check(all(found.values()), f"not every outcome was played: {found}")
    check(lane.quick or len(log.ends) >= 2000, f"only {len(log.ends)} transfers")
    check(len(log.ends) >= len(scene.actors), f"{len(scene.actors)} actors")


def summary(lane):
    def ask_about(words, log):
        what = f"summary {' '.join(map(str, words))}"
        for top in (10, 3):
            wrong = fault_of_summary(ask_json(lane, "summary", *words, "-n", top), log, top)
            check(not wrong, f"{what}:\n" + "\n".join(wrong))
        rows = {row["name"]: row["value"] for row in ask_csv(lane, "summary", *words)}
        wanted = {key: str(value) for key, value in {**numbers_of(log), **recount.outcomes(log.ends)}.items()}
        check_equal({key: rows.get(key) for key in wanted}, wanted, f"{what} --csv")
        check_summary_text(ask(lane, "summary", *words).decode(), log, what)
    with_filters(lane, ask_about)


def check_summary_text(text, log, what):
    """The counts that stand there for people."""
    for name, count in recount.classes(log.ends).items():
        found = re.search(rf"^    {name} +(\d+) +([\d.]+) %", text, re.MULTILINE)
        check_equal(int(found.group(1)) if found else 0, count, f"{what}: {name} in the text")
        check(not found or abs(float(found.group(2)) - 100 * count / len(log.ends)) <= 0.0501, f"{what}: {found}")
    for name, count in recount.outcomes(log.ends).items():
        if count:
            check(re.search(rf" {name} {count}\b", text), f"{what}: no '{name} {count}' in the text:\n{text[:1200]}")
    found = re.search(r"Requests +(\d+) +(\d+) reads?, (\d+) writes?", text)
    wanted = numbers_of(log)
    check_equal(found and tuple(map(int, found.groups())), (wanted["requests"], wanted["reads"], wanted["writes"])
                if log.ends or log.opened else None, f"{what}: requests in the text")


def table_test(table):
    def test(lane):
        def ask_about(words, log):
            check_table(lane, table, log, words)
            check_table(lane, table, log, words, top=7)
        with_filters(lane, ask_about)
    return test



def failed_since(lane):
    """Who has failed since, and not succeeded: "which machines are still down?"."""
    def ask_about(log, since, words, **how):
        part = log.select(since=since, **how)
        # All ends of a file matter, so what --outcome leaves out is left out afterwards.
        tree = check_table(lane, FAILED, part, ["--failed-since", recount.stamp(since), *words])
        check_equal(tree["failed_clients"], len({key[0] for key in recount.failed_rows(part.ends)}), "failed_clients")
    log, given = spread_log(lane)
    times = sorted(record["us"] for record in log.ends)
    for since in (times[0], times[len(times) // 2], times[-40]):
        ask_about(log, since, given)
    ask_about(log, times[0], [*given, "--client", "127.20.0.0/14"], client="127.20.0.0/14")
    ask_about(log, times[0], [*given, "--file", "*.img"], file="*.img")
    with archive(lane):
        ask_about(log_of(lane), recount.microseconds("2020-01-01T00:00:00.000000Z"), [])


def missing(lane):
    """Names that nobody found: how often, by whom; and what they may have meant."""
    def ask_about(words, log):
        tree = check_table(lane, MISSING, log, words)
        rows = recount.missing_rows(log.ends)
        requests = sum(row["requests"] for row in rows.values())
        check_equal((tree["notfound"], tree["name_count"]), (requests, len(rows)), "requests and names")
        served = {recount.name_of(r) for r in recount.successes(log.ends)}
        for row in map(from_json, tree["names"]):
            near = {row[key] for key in ("near", "near_2", "near_3") if key in row}
            check(near <= served, f"{row['file']!r} is near to {near - served}, which nobody got")
    with_filters(lane, ask_about)
    tree = ask_json(lane, "missing", *(word for path in lane.log.files() for word in ("-l", path)), "--since", OLD)
    kinds = {row["file"]: row["kind"] for row in map(from_json, tree["names"])}
    check_equal(kinds[b"pxelinux.cfg/7F140001"], "walk", "what every machine asks for first")
    once = [name for name in kinds if name.endswith(b".no")]
    check(lane.quick or len(once) > 40, f"only {len(once)} names that one asked for once")
    check(all(kinds[name] == "missing" for name in once), f"a walk in {[(name, kinds[name]) for name in once]}")


# Slow and lossy.

def judge(row, usual, replies):
    """tftpd-stats(1): we, the network, the client, or nobody."""
    if row.get("first_reply_p50_us", 0) > 20000 or (replies >= 5 and row["first_reply_p95_us"] > 100000):
        return "we"
    if (row["retransmits"] >= 3 and row["retransmit_permille"] >= 10) or \
            (row["silent"] >= 2 and row["silent"] * 1000 // row["transfers"] >= 100):
        return "network"
    speed = row.get("rate_p50_bytes_per_second")
    if speed is None or speed >= max(200000, usual["usual_rate_bytes_per_second"] // 4):
        return "fine"
    if row["cpu_permille"] >= 500:
        return "we"
    round_trip = row.get("rtt_p50_us", 0)
    is_far = round_trip >= 20000 or (round_trip >= 2000 and round_trip // 4 >= usual["usual_rtt_us"])
    return "network" if is_far else "client"


def fault_of_slow(row, like):
    """Percentiles may be a little higher, everything else is exact."""
    for key in {**row, **like}:
        if key == "verdict":
            continue
        found, wanted = row.get(key), like.get(key)
        is_quantile = "_p5" in key or "_p95" in key
        if found != wanted and not (is_quantile and None not in (found, wanted) and
                                    wanted <= found <= wanted * 1.04 + 1):
            return f"{like['address']}: {key} is {found!r}, not {wanted!r}"
    return None


def slow(lane):
    def ask_about(words, log):
        what = f"slow {' '.join(map(str, words))}"
        tree, rows = ask_json(lane, "slow", *words), ask_csv(lane, "slow", *words)
        for scope, key in (("client", "clients"), ("network", "networks")):
            wanted = recount.slow_rows(log.ends, scope)
            check_equal({row["address"] for row in tree[key]}, set(wanted), f"{what}: {key}")
            check_equal(len(tree[key]), len(wanted), f"{what}: {key}")
            begun = [end for end in log.ends if recount.CLASS_OF[end["outcome"]] != "refused"]
            counts = {address: len(recount.of(ends, "first_reply_us"))
                      for address, ends in recount.by_place(begun, scope).items()}
            for row in tree[key]:
                problem = fault_of_slow(row, wanted[row["address"]])
                check(problem is None, f"{what}: {problem}")
                check_equal(row["verdict"], judge(row, tree, counts[row["address"]]), f"{what}: verdict of {row}")
        all_rows = [*tree["clients"], *tree["networks"]]
        check_equal([{key: text for key, text in row.items() if text} for row in rows],
                    [{key: str(value) for key, value in row.items()} for row in all_rows], f"{what}: CSV")
        check_hints(tree, log, words)
    with_filters(lane, ask_about)


def check_hints(tree, log, words):
    """127.9.9.9 asked for a file again and again, and was never heard."""
    if "--file" in words or "--outcome" in words:
        check("hints" not in tree, "hints from a part of the ends")
        return
    heard = ("complete", "unconfirmed", "probe", "aborted", "timeout")
    silent = {}
    for client, ends in recount.by_client(log.ends).items():
        count = sum(r["outcome"] == "noanswer" for r in ends)
        if not any(r["outcome"] in heard for r in ends) and count:
            silent[client] = count
    told = {hint["address"]: hint["noanswer"] for hint in tree["hints"] if hint["scope"] == "client"}
    check_equal(told.get("127.9.9.9"), silent.get("127.9.9.9") if silent.get("127.9.9.9", 0) >= 3 else None,
                "requests of a client that never answers")
    check(all(silent.get(address) == count for address, count in told.items()), f"hints: {told}")


# Boots.

def boots(lane):
    """What every machine fetched, in order, and where it stopped; nothing is lost on the way."""
    given = [word for path in lane.log.files() for word in ("-l", path)]
    log = log_of(lane)
    tree = ask_json(lane, "boots", *given, "--since", OLD)
    check_boot_sums(tree, log)
    for address, scripts in mix.machines(lane).items():
        found = [told_of(boot) for boot in tree["boots"] if boot["client"] == address]
        check_equal(found, list(map(wanted_of, scripts)), f"boots of {address}")
    rows, number = ask_csv(lane, "boots", *given, "--since", OLD), 0
    for boot_number, boot in enumerate(tree["boots"], 1):
        for step_number, step in enumerate(map(from_json, boot["steps"]), 1):
            like = {"boot": boot_number, "client": boot["client"], "boot_begin": recount.microseconds(boot["begin"]),
                    "boot_outcome": boot["outcome"], "step_number": step_number, "names": 0,
                    **{key: value for key, value in step.items() if key not in ("last_file", "outcome_before")}}
            row = from_csv(rows[number], like)
            check(row == like, f"a step in CSV: {first_difference(row, like)}")
            number += 1
    check_equal(len(rows), number, "steps in CSV")
    last = ask_json(lane, "boots", *given, "--since", OLD, "-n", 3)
    check_equal(last["boots"], tree["boots"][-3:], "boots -n 3")
    log, given = spread_log(lane)
    for words, how in (((), {}), (("--client", "127.20.0.0/14"), {"client": "127.20.0.0/14"})):
        check_boot_sums(ask_json(lane, "boots", *given, *words, "--since", OLD), log.select(**how))


def check_boot_sums(tree, log):
    count = collections.Counter(boot["outcome"] for boot in tree["boots"])
    for verdict in ("complete", "stopped", "nothing", "running"):
        check_equal(tree[verdict], count[verdict], f"boots that are {verdict}")
    check_equal(tree["boot_count"], len(tree["boots"]), "boots")
    reads = recount.by_client([r for r in log.ends if r.get("op") != "write" and recount.name_of(r) is not None])
    found = collections.Counter()
    for boot in tree["boots"]:
        found[boot["client"]] += sum(step["requests"] for step in boot["steps"])
        check(boot["begin"] <= boot["end"] and boot["steps_cut"] == 0, f"a boot that ends before it begins: {boot}")
    wanted = {client: len(ends) for client, ends in reads.items()}
    check_equal({client: n for client, n in found.items() if n}, wanted, "requests in the steps of each client")


def told_of(boot):
    steps = [(step["step"], step["file"], step["outcome"], step["requests"], step["probes"], step.get("names", 0))
             for step in boot["steps"]]
    return boot["outcome"], boot.get("stopped_at"), boot.get("reason"), boot["files"], steps


def wanted_of(script):
    """The same, from what the machine was told to do."""
    steps = []
    for kind, how in script:
        name, outcome = how["name"].decode(), (how.get("wanted") or kind.wanted[0])
        if outcome == "notfound":
            if not steps or steps[-1][0] != "walk":
                steps.append(("walk", name, outcome, 0, 0, 0))
            steps[-1] = (*steps[-1][:3], steps[-1][3] + 1, 0, steps[-1][5] + 1)
        elif steps and steps[-1][:2] == ("probe", name):
            steps[-1] = ("fetch", name, outcome, 2, 1, 0)
        else:
            steps.append(("probe" if outcome == "probe" else "fetch", name, outcome, 1, int(outcome == "probe"), 0))
    last, done = steps[-1], sum(recount.CLASS_OF[step[2]] == "success" for step in steps)
    if recount.CLASS_OF[last[2]] == "success":
        return "complete", None, None, done, steps
    return "stopped", last[1], last[2], done, steps


def verify(lane):
    """All is well with the log; and what is wrong is told with its line."""
    with archive(lane) as files:
        log = log_of(lane)
        tree = ask_json(lane, "verify", *(word for path in files for word in ("-l", path)))
        wanted = {"requests": len(log.ends), "open": len(log.opened), "lines": log.lines.lines,
                  "records": len(log.lines.records), "log_files": len(files), "bad": 0, "torn": 0, "newer": 0,
                  "unfinished": 0, "end_twice": 0, "start_twice": 0, "crashed_without_start": 0, "problems": []}
        check_equal({key: tree.get(key) for key in wanted}, wanted, "verify")
    (log, given), twice = spread_log(lane), {}
    for record in log.lines.records:
        if record["event"] == "transfer" and record["outcome"] != "crashed":
            twice[record["id"]] = twice.get(record["id"], 0) + 1
    starts = {r["id"] for r in log.lines.records if r["event"] == "start"}
    lost = sum(r["event"] == "transfer" and r["outcome"] == "crashed" and r["id"] not in starts
               for r in log.lines.records)
    tree = ask_json(lane, "verify", *given, status=1)
    wanted = {"requests": len(log.ends), "open": len(log.opened), "lines": log.lines.lines,
              "records": len(log.lines.records), "end_twice": sum(n - 1 for n in twice.values()),
              "crashed_without_start": lost, "never_ended": len(log.opened)}
    check_equal({key: tree.get(key) for key in wanted}, wanted, "verify of a log with faults")


# Who runs now.

def look_at_the_living(lane, survivors):
    """While they live: it is judged later, as a test of its own."""
    tree, rows = ask_json(lane, "active"), ask_csv(lane, "active")
    lane.seen_alive.append((survivors, tree, rows, ask(lane, "active").decode(), ask(lane, "prometheus").decode()))


def active(lane):
    """The transfers that were half through when the server was stopped, and no others."""
    scene_of(lane)
    for survivors, tree, rows, text, metrics_text in lane.seen_alive:
        wanted = sorted((a.address, a.port, a.op, a.name) for a in survivors)
        found = sorted((r["client"], r["client_port"], r["op"], r["file"]) for r in map(from_json, tree["transfers"]))
        check_equal(found, wanted, "transfers that run")
        reads = sum(a.op == tftp.READ for a in survivors)
        check_equal((tree["running"], tree["reads"], tree["writes"], tree["server_runs"]),
                    (len(survivors), reads, len(survivors) - reads, 1), "how many run")
        check_equal(sorted(row["id"] for row in rows), sorted(row["id"] for row in tree["transfers"]), "ids in CSV")
        check(all(row["id"] in text or row["client"] in text for row in tree["transfers"]), f"in the text: {text}")
        gauges = recount.parse_metrics(metrics_text)
        check_equal([gauges["tftpd_active_transfers", (("op", op),)] for op in ("read", "write")],
                    [reads, len(survivors) - reads], "active transfers in the metrics")


# Periods.

ZONES = (("UTC", ()), ("CET-1CEST,M3.5.0,M10.5.0/3", ()), ("IST-5:30", ()), ("EST5EDT", ("--utc",)))


@contextlib.contextmanager
def local_time(zone):
    """This program's clock, for a moment, where tftpd-stats' is."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


def periods(lane):
    """Hours and days of local time, the one that comes twice in autumn included."""
    log, given = spread_log(lane)
    times = [record["us"] for record in log.ends]
    # Of the last window's last three hours the first one is 2:00, the second time.
    for since, until in ((min(times), max(times) + 1), (min(times) - 7_200_000_000, max(times) + 90_000_000_000),
                         (sorted(times)[len(times) // 2], sorted(times)[-len(times) // 9]),
                         (min(times), recount.microseconds("2026-10-25T04:00:00.000000Z"))):
        part = log.select(since=since, until=until)
        words = [*given, "--since", recount.stamp(since), "--until", recount.stamp(until)]
        for zone, more in ZONES[::3] if lane.quick else ZONES:
            for unit in ("hours", "days"):
                def rows(ends, unit=unit, since=since, until=until):
                    return recount.period_rows(ends, unit, since, until)
                table = Table(unit, rows, lambda row: row["start"] // 1_000_000, lambda row: -row["start"])
                with local_time("UTC" if more else zone):
                    check_table(lane, table, part, [*words, *more], zone=zone)
                    last = ask_json(lane, unit, *words, *more, "-n", 3, zone=zone)[unit]
                    check_equal([from_json(row) for row in last], list(rows(part.ends).values())[-3:],
                                f"the last three {unit}")


# The listing.

def listing(lane):
    """Each end as it stands in the log; as text, a line each."""
    def ask_about(words, log):
        what = f"log {' '.join(map(str, words))}"
        wanted = [{key: value for key, value in r.items() if key != "us"} for r in log.ends]
        found = [strict(line, what) for line in ask(lane, "log", *words, "--json").splitlines()]
        check(found == wanted, f"{what}: {len(found)} records, not {len(wanted)}, or others")
        last = [strict(line, what) for line in ask(lane, "log", *words, "--json", "-n", 7).splitlines()]
        check(last == wanted[-7:], f"{what} -n 7: {last}")
        lines = ask(lane, "log", *words, "--utc").decode().splitlines()
        check_equal(len(lines), len(wanted), f"{what}: lines of text")
        for line, record in zip(lines, log.ends):
            told = f"{record['ts'][:10]} {record['ts'][11:19]}  {record['client']} "
            check(line.startswith(told) and f"  {record['outcome']} " in line, f"{what}: {line!r} of {record}")
        check_log_csv(lane, words, log, what)
    with_filters(lane, ask_about, 2)


def check_log_csv(lane, words, log, what):
    rows = ask_csv(lane, "log", *words)
    check_equal(len(rows), len(log.ends), f"{what}: rows of CSV")
    for row, record in zip(rows, log.ends):
        for key, text in row.items():
            value = record.get(key, "")
            if key == "file":
                value, text = recount.name_of(record) or b"", unescaped(text.removeprefix("'"))
            elif key in ("path", "message", "asked", "mode"):
                value, text = value.encode(), unescaped(text.removeprefix("'"))
            check_equal(text, str(value) if not isinstance(value, bytes) else value, f"{what}: {key} in CSV")


# Metrics.

def fault_of_metrics(text, log):
    found, wanted = recount.parse_metrics(text.decode("ascii")), recount.metrics(log)
    wrong = [f"{key}: {found.get(key)}, not {value}" for key, value in wanted.items()
             if key not in found or abs(found[key] - value) > 1e-6 * max(1, abs(value))]
    names = {name for name, _ in wanted}
    wrong += [f"{key} is too much" for key in found if key[0] in names and key not in wanted]
    return wrong


def rename_all(path):
    """As logrotate does it."""
    for number in range(9, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def metrics(lane):
    """All at once, and carried forward while the log grows and is renamed."""
    with archive(lane):
        log = log_of(lane)
        for more in ((), ("--openmetrics",)):
            wrong = fault_of_metrics(ask(lane, "prometheus", "-l", lane.log.path, *more), log)
            check(not wrong, f"{more}\n" + "\n".join(wrong[:8]))
    folder = lane.scratch / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path, state, seen = folder / "transfers.jsonl", folder / "state", []
    lines = lane.log.lines()
    for step in range(0, len(lines), len(lines) // 6):
        with open(path, "ab") as file:
            file.writelines(lines[step:step + len(lines) // 6])
        log = recount.Log(*sorted(folder.glob("transfers*")))
        for _ in range(2):
            text = ask(lane, "prometheus", "-l", path, "--state", state)
            wrong = fault_of_metrics(text, log)
            check(not wrong, f"after {step} lines:\n" + "\n".join(wrong[:8]))
        seen.append(log)
        if step // (len(lines) // 6) % 2:
            rename_all(path)
    ask(lane, "prometheus", "-l", path, "--state", state, "-o", folder / "out.prom")
    check(not fault_of_metrics((folder / "out.prom").read_bytes(), seen[-1]), "the file of -o")
    rollup = ask_json(lane, "rollup", "-l", path, "--state", state)
    last = seen[-1]
    wanted = {"requests": len(last.ends), "open": len(last.opened), "bytes": recount.total(last.ends, "bytes"),
              "lines": len(last.lines.records), "bad_lines": 0, "gaps": 0, "rebuilds": 0}
    check_equal({key: rollup.get(key) for key in wanted}, wanted, "rollup")


# What is printed.

UNSAFE = [(0x00, 0x1f), (0x7f, 0x9f), (0xad, 0xad), (0x61c, 0x61c), (0x180e, 0x180e), (0x200b, 0x200f),
          (0x2028, 0x202e), (0x2060, 0x206f), (0xd800, 0xdfff), (0xfeff, 0xfeff), (0xfff9, 0xfffb),
          (0xe0000, 0xe007f)]
UNSAFE_ONE = re.compile("[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in UNSAFE) + "]")
COMMANDS = ("summary", "clients", "files", "errors", "hours", "days", "slow", "missing", "boots", "log", "verify")
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def unsafe_in(text, allowed):
    """Characters that a terminal or a reader would take for more than a picture."""
    return sorted({f"U+{ord(c):04X}" for c in UNSAFE_ONE.findall(text) if c not in allowed})


def check_safe(text, allowed, what, ascii_only=False):
    try:
        text = text.decode("ascii" if ascii_only else "utf-8")
    except UnicodeDecodeError as error:
        check(False, f"{what}: {error}")
    found = unsafe_in(text, allowed)
    check(not found, f"{what}: {found} in {[line for line in text.splitlines() if unsafe_in(line, '')][:2]}")
    return text


def every_form(lane, command, given):
    words = [command, *given, *(() if command == "verify" else ("--since", OLD))]
    yield "C", check_safe(ask(lane, *words), "\n", f"{command} in C", ascii_only=True)
    yield "UTF-8", check_safe(ask(lane, *words, locale="C.UTF-8"), "\n", f"{command} in UTF-8")
    yield "json", check_safe(ask(lane, *words, "--json"), "\n", f"{command} --json")
    yield "csv", check_safe(ask(lane, *words, "--csv"), "\r\n", f"{command} --csv")


def names_are_harmless(lane):
    """No control, direction or broken byte in any form, no formula in a spreadsheet."""
    scene_of(lane)
    given = [word for path in lane.log.files() for word in ("-l", path)]
    wrong = []
    for command in COMMANDS:
        try:
            for form, text in every_form(lane, command, given):
                if form == "json":
                    for line in text.splitlines():
                        strict(line.encode(), f"{command} --json")
                if form == "csv":
                    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), strict=True) for cell in row]
                    bad = [cell for cell in cells if cell.lstrip(" ")[:1] in tuple("=+-@\t\r")]
                    check(not bad, f"{command} --csv: cells like {bad[:3]}")
        except AssertionError as error:
            wrong.append(str(error))
    text = ask(lane, "prometheus", "-l", lane.log.path)
    check_safe(text, "\n", "prometheus", ascii_only=True)
    check(not wrong, "\n".join(wrong))


def columns_of(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def open_terminal():
    """A lane's /dev has none to give at first."""
    if not os.path.exists("/dev/ptmx"):
        os.makedirs("/dev/pts", exist_ok=True)
        run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=666", "devpts", "/dev/pts")
        os.symlink("pts/ptmx", "/dev/ptmx")
    return pty.openpty()


def on_terminal(lane, *words, columns=80):
    """What a terminal of that width gets."""
    ours, theirs = open_terminal()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**lane.environment(), "TZ": "UTC", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
    process = subprocess.Popen([str(lane.stats), *map(str, words)], env=env, stdin=subprocess.DEVNULL, stdout=theirs,
                               stderr=subprocess.PIPE)
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):          # EIO: the other side is closed
        while more := os.read(ours, 65536):
            text += more
    os.close(ours)
    complaint = process.communicate(timeout=20 * lane.slowness)[1]
    check_equal(process.returncode, 0, f"{words[0]} on a terminal: {complaint.decode()}")
    return text


def fits_the_terminal(lane):
    scene_of(lane)
    given, wrong = [word for path in lane.log.files() for word in ("-l", path)], []
    for command in COMMANDS:
        if command == "log":
            continue            # a line of it has no bound: the message ends it
        words = [command, *given, *(() if command == "verify" else ("--since", OLD))]
        for columns in (80,) if lane.quick else (80, 132):
            text = on_terminal(lane, *words, columns=columns).decode("utf-8")
            plain = COLOUR.sub("", text).replace("\r\n", "\n")
            found = unsafe_in(plain, "\n")
            if found:
                wrong.append(f"{command}: {found}")
            wide = [line for line in plain.splitlines() if columns_of(line) > columns]
            if wide:
                wrong.append(f"{command}: {len(wide)} of {plain.count(chr(10))} lines are wider than {columns} "
                             f"columns, up to {max(map(columns_of, wide))}: {wide[0]!r}")
    check(not wrong, "\n".join(wrong))


def nothing_found(lane):
    """An empty answer is no error: a word on stderr, no table, and valid forms."""
    scene_of(lane)
    for command in COMMANDS:
        if command == "verify":
            continue
        words = [command, "-l", lane.log.path, "--client", "203.0.113.9"]
        env = {**lane.environment(), "TZ": "UTC"}
        done = subprocess.run([str(lane.stats), *map(str, words)], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=20 * lane.slowness)
        check_equal((done.returncode, done.stdout), (0, b""), f"{command} of nobody: {done.stdout[:300]}")
        check(b"no such transfers" in done.stderr, f"{command} of nobody says {done.stderr}")
        if command != "summary":
            check_equal(ask_csv(lane, *words), [], f"{command} --csv of nobody")
        if command != "log":
            tree = ask_json(lane, *words)
            check_equal((tree["requests"], tree["open"]), (0, 0), f"{command} --json of nobody")

TESTS = (
    ("a mix of transfers ends as each client knows", the_mix_is_known, True),
    ("'summary' equals the recount", summary, True),
    ("'clients' equals the recount", table_test(CLIENTS), True),
    ("'files' equals the recount", table_test(FILES), True),
    ("'errors' equals the recount", table_test(ERRORS), True),
    ("'clients --failed-since' equals the recount", failed_since, True),
    ("'missing' equals the recount", missing, True),
    ("'slow' equals the recount, and judges by it", slow, True),
    ("'boots' tells what each machine did", boots, True),
    ("'verify' finds what is wrong, and only that", verify, True),
    ("'active' shows who is half through, and nobody else", active, True),
    ("'hours' and 'days' equal the recount, also when the clocks change", periods, True),
    ("'log' lists each end once, in all forms", listing, True),
    ("'prometheus' and 'rollup' equal the recount, also while the log grows", metrics, True),
    ("names harm no terminal, spreadsheet or reader", names_are_harmless, True),
    ("tables fit the terminal", fits_the_terminal, True),
    ("nothing found is no error", nothing_found, True),
)
