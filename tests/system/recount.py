"""The transfer log, counted once more, from tftpd-log(5) and tftpd-stats(1) alone.

Nothing here knows how tftpd-stats is written: lists instead of hashes, Python's json
instead of a scanner, every value sorted instead of a histogram.  What it finds is what
each command has to say.
"""

import calendar
import collections
import fnmatch
import gzip
import ipaddress
import json
import pathlib
import re
import time

CLASSES = {"success": ("complete", "unconfirmed"),
           "neutral": ("probe",),
           "refused": ("notfound", "denied", "limited", "invalid"),
           "failure": ("noanswer", "aborted", "vanished", "timeout", "failed", "crashed", "shutdown")}
CLASS_OF = {outcome: name for name, outcomes in CLASSES.items() for outcome in outcomes}
OUTCOMES = tuple(CLASS_OF)

MARK = b'{"v":'
LINE_MAX = 4096
TIMESTAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z")
TEXTS = {"ts", "event", "id", "op", "outcome", "client", "server", "file", "file_hex", "path", "mode",
         "asked", "error_by", "message"}
NUMBERS = {"client_port", "server_port", "blksize", "windowsize", "timeout_ms", "size", "bytes", "blocks",
           "duration_us", "first_reply_us", "rtt_us", "packets_sent", "packets_received", "retransmits",
           "timeouts", "duplicates", "cpu_us", "rss_kb", "in_place", "error_code", "requests", "repeats",
           "ignored", "dropped", "pid", "cut"}
GOOD, BAD, NEWER = "record", "bad", "newer"


# Lines.

def microseconds(text):
    """Since 1970, of a record's ts; None when it is none."""
    found = TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    year, month, day, hour, minute, second, fraction = map(int, found.groups())
    try:
        seconds = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None
    return seconds * 1_000_000 + fraction


def stamp(us):
    """The reverse."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // 1_000_000)) + f".{us % 1_000_000:06d}Z"


STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
LARGEST = (1 << 63) - 1


def take(line):
    """(GOOD, record), (NEWER, None) or (BAD, None): a line without its newline."""
    if len(line) > LINE_MAX or not line.startswith(MARK) or not line.endswith(b"}"):
        return BAD, None
    if re.search(rb"\s", STRING.sub(b"", line)):
        return BAD, None                # no white space between tokens
    try:
        pairs = json.loads(line.decode("utf-8"), object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return BAD, None
    if any(type(value) not in (str, int) or (type(value) is int and value > LARGEST) for _, value in pairs):
        return BAD, None                # of whatever version: it is flat
    if pairs[0][1] != 1:
        return (NEWER if type(pairs[0][1]) is int and pairs[0][1] > 1 else BAD), None
    record = dict(pairs)
    return (GOOD, record) if is_record(record, pairs) else (BAD, None)


def is_record(record, pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        return False
    for key, value in pairs:
        if (key in TEXTS and type(value) is not str) or (key in NUMBERS and (type(value) is not int or value < 0)):
            return False
    if microseconds(record.get("ts")) is None or record.get("event") not in ("start", "transfer", "notice"):
        return False
    if record["event"] == "notice":
        return True
    return bool(re.fullmatch("[0-9a-f]{16}", record.get("id", ""))) and \
        (record["event"] == "start" or record.get("outcome") in CLASS_OF)


def pieces(line):
    """A line cut in front of each mark."""
    at, found = 0, []
    while (then := line.find(MARK, at + 1)) > 0:
        found.append(line[at:then])
        at = then
    return [*found, line[at:]]


class Count:
    """Lines of one or more files, and what they are."""

    def __init__(self):
        self.lines = self.bad = self.torn = self.newer = 0
        self.records = []
        self.bad_lines = []         # (file, line number): where something is no record

    def add(self, text, name=""):
        *lines, _ = text.split(b"\n")           # what follows the last newline is being written
        for number, line in enumerate(lines, 1):
            self.lines += 1
            before = self.bad + self.torn + self.newer
            self.add_line(line)
            if self.bad + self.torn + self.newer != before:
                self.bad_lines.append((name, number))

    def add_line(self, line):
        if not line:
            return
        what, record = take(line)
        if what != BAD:
            return self.enter(what, record)
        parts = pieces(line)
        if len(parts) == 1:
            self.bad += 1
            return None
        for part in parts:
            what, record = take(part)
            if what == BAD:
                self.torn += 1
            else:
                self.enter(what, record)
        return None

    def take_over(self, other):
        for name in ("lines", "bad", "torn", "newer", "records", "bad_lines"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def enter(self, what, record):
        if what == NEWER:
            self.newer += 1
        else:
            record["us"] = microseconds(record["ts"])
            self.records.append(record)


def content(path):
    path = pathlib.Path(path)
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


# The log.

def name_of(record):
    """The bytes of the name, or None."""
    if "file_hex" in record:
        return bytes.fromhex(record["file_hex"])
    return record["file"].encode() if "file" in record else None


class Log:
    """What counts in some log files, each transfer once.

    ends       end records in the order of the log
    opened     starts without an end
    notices    what the server said about itself
    lines      Count
    """

    def __init__(self, *paths):
        files, self.lines, self.files = [], Count(), len(paths)
        for path in paths:
            one = Count()
            one.add(content(path), str(path))
            files.append(one)
        for one in sorted(files, key=lambda one: one.records[0]["us"] if one.records else 0):
            self.lines.take_over(one)
        self.ends, self.opened, self.notices = once_each(self.lines.records)

    def select(self, since=None, until=None, client=None, file=None, op=None, outcome=None):
        """The same of fewer records; since and until in microseconds, outcome as a list of
        names or classes."""
        copy = object.__new__(Log)
        copy.files, copy.lines = self.files, self.lines
        networks = client and ipaddress.ip_network(client, strict=False)
        wanted = outcome and {o for word in outcome.split(",") for o in CLASSES.get(word, (word,))}

        def in_time(rec):
            return (since is None or rec["us"] >= since) and (until is None or rec["us"] < until)

        def is_asked(rec):
            return in_time(rec) and (op is None or rec.get("op") == op) and \
                (networks is None or lies_in(rec.get("client", ""), networks)) and \
                (file is None or has_name(rec, file))

        copy.ends = [r for r in self.ends if is_asked(r) and (not wanted or r["outcome"] in wanted)]
        copy.opened = [] if wanted else [r for r in self.opened if is_asked(r)]
        about_transfers = client or file or op or outcome
        copy.notices = [] if about_transfers else [r for r in self.notices if in_time(r)]
        return copy


def once_each(records):
    """tftpd-log(5), READING THE LOG."""
    opened, ended, ends, notices = {}, set(), [], []
    for record in records:
        if record["event"] == "notice":
            notices.append(record)
        elif record["event"] == "start":
            if record["id"] not in ended:
                opened.setdefault(record["id"], record)
        elif record["id"] not in ended and (record["id"] in opened or record["outcome"] != "crashed"):
            ended.add(record["id"])
            opened.pop(record["id"], None)
            ends.append(record)
    return ends, list(opened.values()), notices


def lies_in(address, network):
    try:
        address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.version == network.version and address in network


def has_name(record, glob):
    name = name_of(record)
    return name is not None and fnmatch.fnmatchcase(name.decode("latin-1"), glob)


# Sums.

def total(records, key):
    return sum(record.get(key, 0) for record in records)


def classes(records):
    count = collections.Counter(CLASS_OF[record["outcome"]] for record in records)
    return {name: count[name] for name in CLASSES}


def outcomes(records):
    count = collections.Counter(record["outcome"] for record in records)
    return {name: count[name] for name in OUTCOMES}


def grouped(records, key):
    """key(record) -> records, in the order of the log; None is left out."""
    groups = collections.OrderedDict()
    for record in records:
        name = key(record)
        if name is not None:
            groups.setdefault(name, []).append(record)
    return groups


def by_client(records):
    return grouped(records, lambda record: record.get("client"))


def by_file(records):
    return grouped(records, name_of)


def successes(records):
    return [record for record in records if CLASS_OF[record["outcome"]] == "success"]


def durations(records):
    """Of the successful ones, sorted."""
    return sorted(r["duration_us"] for r in successes(records) if "duration_us" in r)


def quantile(values, permille):
    """The smallest of sorted values that so many are not above; 0 of none."""
    if not values:
        return 0
    rank = max(1, -(-len(values) * permille // 1000))
    return values[rank - 1]


def sums(records):
    """What every table counts of a group."""
    return {"requests": len(records), "bytes": total(records, "bytes"), **classes(records)}


def busy(records):
    """Microseconds in which any transfer ran."""
    sum_us = free_from = 0
    for begin, end in sorted((r["us"] - r["duration_us"], r["us"]) for r in records if "duration_us" in r):
        sum_us += max(0, end - max(begin, free_from))
        free_from = max(free_from, end)
    return sum_us


def steps(values, bounds):
    """How many are below each bound and not below the one before; the last ones have none."""
    edges = [0, *bounds, float("inf")]
    return [sum(low <= value < high for value in values) for low, high in zip(edges, edges[1:])]


# Tables: the rows of a command as dictionaries, keyed by what tells them apart.  A name is
# bytes, a time is microseconds; what is left out of a row is not in it.

def rate(records):
    """Bytes a second of the successful ones."""
    done = successes(records)
    took = total(done, "duration_us")
    return {"bytes_per_second": total(done, "bytes") * 1_000_000 // took} if took and total(done, "bytes") else {}


def permille(part, whole):
    return (part * 1000 + whole // 2) // whole


def last_of(records):
    """The last end, in the order of time; of equal ones the later line."""
    return max(enumerate(records), key=lambda pair: (pair[1]["us"], pair[0]))[1]


def client_rows(records):
    rows = {}
    for client, ends in by_client(records).items():
        last, sent, again = last_of(ends), total(ends, "packets_sent"), total(ends, "retransmits")
        rows[client] = {"client": client, **sums(ends), **rate(ends), "packets_sent": sent, "retransmits": again,
                        "last": last["us"], "last_outcome": last["outcome"]}
        if sent:
            rows[client]["retransmit_permille"] = min(permille(again, sent), 1000)
        if name_of(last) is not None:
            rows[client]["last_file"] = name_of(last)
    return rows


def file_rows(records):
    rows = {}
    for name, ends in by_file(records).items():
        last, done = last_of(ends), successes(ends)
        rows[name] = {"file": name, **sums(ends), "clients": len({r["client"] for r in ends}), **rate(ends),
                      "last": last["us"], "last_outcome": last["outcome"], "last_client": last["client"]}
        if done:
            rows[name]["duration_mean_us"] = total(done, "duration_us") // len(done)
    return rows


def failed_rows(records):
    """clients --failed-since: what somebody asked for, was refused or did not get through,
    and has not got since."""
    rows = {}
    for rec in records:
        if "client" not in rec or name_of(rec) is None:
            continue
        key = rec["client"], rec.get("op"), name_of(rec)
        kind = CLASS_OF[rec["outcome"]]
        if kind == "success":
            rows.pop(key, None)
        elif kind in ("refused", "failure"):
            row = rows.setdefault(key, {"client": key[0], "op": key[1], "file": key[2], "failures": 0,
                                        "first": rec["us"]})
            row.update(failures=row["failures"] + 1, last=rec["us"], outcome=rec["outcome"])
    for row in rows.values():
        if row["op"] is None:
            del row["op"]
    return rows


def error_rows(records):
    def kind(rec):
        if CLASS_OF[rec["outcome"]] not in ("refused", "failure"):
            return None
        return rec["outcome"], rec.get("error_code"), rec.get("error_by"), rec.get("message")

    rows = {}
    for key, ends in grouped(records, kind).items():
        named = [r for r in ends if name_of(r) is not None]
        row = {"outcome": key[0], "count": len(ends), "clients": len({r["client"] for r in ends}),
               "error_code": key[1], "error_by": key[2], "message": key[3] and key[3].encode(),
               "first": min(r["us"] for r in ends), "last": max(r["us"] for r in ends),
               "last_file": name_of(named[-1]) if named else None, "last_client": ends[-1]["client"]}
        rows[key] = {name: value for name, value in row.items() if value is not None}
    return rows


def hour_start(us):
    """When the local hour began."""
    now = time.localtime(us // 1_000_000)
    return us // 1_000_000 - now.tm_min * 60 - now.tm_sec


def day_start(us):
    now = time.localtime(us // 1_000_000)
    return int(time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1)))


def next_day(seconds):
    now = time.localtime(seconds)
    return int(time.mktime((now.tm_year, now.tm_mon, now.tm_mday + 1, 0, 0, 0, 0, 0, -1)))


def period_rows(records, unit, since, until):
    """A row for each hour or day from since to until (microseconds), local time; the empty
    ones too."""
    start_of, key = (hour_start, "hour") if unit == "hours" else (day_start, "day")
    groups = grouped(records, lambda record: start_of(record["us"]))
    form = "%Y-%m-%d %H:00" if unit == "hours" else "%Y-%m-%d"
    at, rows = start_of(since), {}
    while at * 1_000_000 < until:
        ends = groups.get(at, [])
        label, before = (time.strftime(form, time.localtime(when)) for when in (at, at - 1))
        rows[at] = {key: label + (time.strftime(" %z", time.localtime(at)) if label == before else ""),
                    "start": at * 1_000_000, "requests": len(ends), **classes(ends),
                    "bytes_sent": total([r for r in ends if r.get("op") != "write"], "bytes"),
                    "bytes_received": total([r for r in ends if r.get("op") == "write"], "bytes"),
                    "packets_sent": total(ends, "packets_sent"), "retransmits": total(ends, "retransmits")}
        at = at + 3600 if unit == "hours" else next_day(at)
    return rows


def missing_rows(records):
    """Names that were asked for in vain."""
    rows = {}
    for name, ends in by_file([r for r in records if r["outcome"] == "notfound" and r.get("op") != "write"]).items():
        rows[name] = {"file": name, "requests": len(ends), "clients": len({r["client"] for r in ends}),
                      "first": min(r["us"] for r in ends), "last": max(r["us"] for r in ends)}
    return rows


def network_of(address):
    address = ipaddress.ip_address(address.partition("%")[0])
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


RATED_BYTES = 65536


def slow_rows(records, scope):
    """Clients, or networks, of transfers that began.  A percentile is a list of all values:
    what is told may be a little more than the exact one."""
    begun = [r for r in records if CLASS_OF[r["outcome"]] != "refused" and "client" in r]
    rows = {}
    for address, ends in by_place(begun, scope).items():
        rated = [r for r in successes(ends) if r.get("bytes", 0) >= RATED_BYTES and r.get("duration_us")]
        sent, again = total(ends, "packets_sent"), total(ends, "retransmits")
        row = {"scope": scope, "address": address, "transfers": len(ends), "bytes": total(ends, "bytes"),
               "retransmits": again, "timeouts": total(ends, "timeouts"),
               "silent": sum(r["outcome"] in ("noanswer", "timeout") for r in ends),
               "retransmit_permille": min(again * 1000 // sent, 1000) if sent else 0}
        if scope == "network":
            row["clients"] = len({r["client"] for r in ends})
        if rated:
            row["cpu_permille"] = total(rated, "cpu_us") * 1000 // total(rated, "duration_us")
        rates = [r["bytes"] * 1_000_000 // r["duration_us"] for r in rated]
        for key, values, rank in (("rate_p50_bytes_per_second", rates, 500), ("rate_p5_bytes_per_second", rates, 50),
                                  ("rtt_p50_us", of(ends, "rtt_us"), 500),
                                  ("first_reply_p50_us", of(ends, "first_reply_us"), 500),
                                  ("first_reply_p95_us", of(ends, "first_reply_us"), 950)):
            if values:
                row[key] = quantile(sorted(values), rank)
        rows[address] = row
    return rows


def by_place(records, scope):
    return grouped(records, lambda r: network_of(r["client"]) if scope == "network" else r["client"])


def of(records, key):
    return [r[key] for r in records if key in r]


# Metrics.

BUCKETS = {"tftpd_transfer_duration_seconds": ("duration_us", 1_000_000, (
               5000, 25000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 120000000)),
           "tftpd_transfer_size_bytes": ("bytes", 1, (
               512, 4096, 32768, 262144, 1048576, 4194304, 16777216, 67108864, 268435456, 1073741824, 4294967296)),
           "tftpd_first_reply_seconds": ("first_reply_us", 1_000_000, (
               250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 500000, 1000000, 5000000))}


def metrics(log):
    """What 'prometheus' counts of a log: (name, ((label, value), ...)) -> number."""
    found = {}
    for op in ("read", "write", "unknown"):
        ends = [r for r in log.ends if r.get("op", "unknown") == op]
        for outcome, count in outcomes(ends).items():
            if op != "unknown" or count or CLASS_OF[outcome] == "refused":
                labels = ("class", CLASS_OF[outcome]), ("op", op), ("outcome", outcome)
                found["tftpd_transfers_total", labels] = count
        if op == "unknown":
            continue
        label = (("op", op),)
        for name, key in (("transferred_bytes", "bytes"), ("packets_sent", "packets_sent"),
                          ("packets_received", "packets_received"), ("packets_retransmitted", "retransmits"),
                          ("timeouts", "timeouts"), ("duplicate_packets", "duplicates")):
            found[f"tftpd_{name}_total", label] = total(ends, key)
        for name, (key, unit, bounds) in BUCKETS.items():
            these = ends if key == "first_reply_us" else successes(ends)
            found.update(histogram(name, label, [r[key] for r in these if key in r], unit, bounds))
    for name in CLASSES:
        last = [r["us"] for r in log.ends if CLASS_OF[r["outcome"]] == name]
        if last:
            found["tftpd_last_transfer_timestamp_seconds", (("class", name),)] = max(last) / 1_000_000
    starts = {r["id"] for r in log.lines.records if r["event"] == "start"}
    lines = log.lines
    bad = lines.bad + lines.torn + lines.newer
    for name, value in (("transfers_started_total", len(starts)),
                        ("requests_total", total(log.notices, "requests")),
                        ("repeated_requests_total", total(log.notices, "repeats")),
                        ("ignored_datagrams_total", total(log.notices, "ignored")),
                        ("dropped_datagrams_total", total(log.notices, "dropped")),
                        ("log_lines_total", len(lines.records) + bad), ("log_parse_errors_total", bad),
                        ("log_gaps_total", 0), ("state_rebuilds_total", 0), ("open_transfers", len(log.opened)),
                        ("log_readable", 1)):
        found[f"tftpd_{name}", ()] = value
    return found


def histogram(name, label, values, unit, bounds):
    found = {(f"{name}_bucket", (("le", bound / unit), *label)): sum(value <= bound for value in values)
             for bound in bounds}
    found[f"{name}_bucket", (("le", float("inf")), *label)] = len(values)
    found[f"{name}_sum", label] = sum(values) / unit
    found[f"{name}_count", label] = len(values)
    return found


SAMPLE = re.compile(r'([a-z_:]+)(?:\{(.*)\})? ([-+0-9.eE]+|\+Inf|NaN)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def parse_metrics(text):
    """The exposition format; raises ValueError on what is none."""
    found, declared = {}, set()
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ", "# EOF")):
            declared.add(line.split(" ")[2] if line != "# EOF" else line)
            continue
        sample = SAMPLE.fullmatch(line)
        if not sample:
            raise ValueError(f"no sample: {line!r}")
        name, labels, value = sample.groups()
        pairs = LABEL.findall(labels or "")
        if "".join(f'{k}="{v}",' for k, v in pairs).rstrip(",") != (labels or "").rstrip(","):
            raise ValueError(f"labels: {line!r}")
        key = name, tuple(sorted((k, float(v) if k == "le" else v) for k, v in pairs))
        if key in found:
            raise ValueError(f"twice: {line!r}")
        if not any(name == base or name.startswith(base) for base in declared):
            raise ValueError(f"without TYPE: {line!r}")
        found[key] = float(value)
    return found
