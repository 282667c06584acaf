#!/usr/bin/env python3
"""How fast tftpd-stats reads a log, and how much of it, beside what else can.

    bench-stats.py --build DIR [--records N] [--full] [--runs N] [--json]

Makes a log of N records (1,000,000; half of them starts, half ends) in memory,
and takes the summary of all of it with tftpd-stats, jq, mlr and awk; wc -l is
the yardstick.  All must find the same.  Then the last hour of a log of ten days
alone.  --full does the same with 10,000,000 records, without the slow ones.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

DAYS = 10
NEEDED_MB_S, NEEDED_SHARE, NEEDED_MB = 500, 0.01, 64

# Without the tables of files and clients: jq would copy them for each record.
JQ = """
reduce (inputs | select(.event == "transfer")) as $r
  ({requests: 0, bytes: 0, outcomes: {}};
   .requests += 1 | .bytes += ($r.bytes // 0) | .outcomes[$r.outcome] += 1)
"""

AWK = r"""
function text(key,  at) {
	at = index($0, "\"" key "\":\"")
	if (at == 0)
		return ""
	at = substr($0, at + length(key) + 4)
	return substr(at, 1, index(at, "\"") - 1)
}
function number(key,  at) {
	at = index($0, "\"" key "\":")
	return at == 0 ? 0 : substr($0, at + length(key) + 3) + 0
}
index($0, "\"event\":\"transfer\"") {
	requests++; bytes += number("bytes")
	outcomes[text("outcome")]++; files[text("file")]++; clients[text("client")]++
}
END {
	printf "{\"requests\":%d,\"bytes\":%.0f,\"outcomes\":{", requests, bytes
	for (o in outcomes) { printf "%s\"%s\":%d", comma, o, outcomes[o]; comma = "," }
	print "}}"
}
"""

MLR = """
begin { @requests = 0; @bytes = 0 }
$event == "transfer" {
  @requests += 1; @bytes += $bytes; @outcomes[$outcome] += 1;
  @files[$file] += 1; @clients[$client] += 1;
}
end { emit1 {"requests": @requests, "bytes": @bytes, "outcomes": @outcomes} }
"""


class Run:
    """One program, run some times on the same log; the best time counts.

    Speed is by the processor's time, for that is what one core can do: the log
    is in memory, and other programs may be running.
    """

    def __init__(self, name, words, runs, log=None):
        results = [measure(words) for _ in range(runs)]
        self.name, self.output = name, results[0][2]
        self.wall_s = min(wall_s for wall_s, _, _ in results)
        self.cpu_s = min(cpu_s for _, cpu_s, _ in results)
        self.peak_mb = peak_mb(words)
        self.mb_s = log.stat().st_size / 1e6 / self.cpu_s if log else None

    def found(self):
        """Requests, bytes and outcomes that did occur, from the JSON."""
        found = json.loads(self.output)
        sent = found.get("bytes", found.get("bytes_sent", 0))
        return (found["requests"], sent,
                {name: n for name, n in found["outcomes"].items() if n})


def measure(words):
    """(seconds, seconds of the processor, output) of one run."""
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        child = subprocess.Popen(words, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.monotonic() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{words[0]}: status {child.returncode}")
        out.seek(0)
        return wall_s, usage.ru_utime + usage.ru_stime, out.read()


def peak_mb(words):
    """The most memory of a run; ru_maxrss would be that of this program."""
    peak = 0
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as child:
        status = pathlib.Path(f"/proc/{child.pid}/status")
        while child.poll() is None:
            found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.M)
            peak = int(found[1]) if found else peak
            time.sleep(0.005)
    return peak * 1024 / 1e6


def make_log(build, folder, records, end_s):
    log = folder / "transfers.jsonl"
    with log.open("wb") as out:
        subprocess.run([build / "tests/bench/bench-stats-log", str(records),
                        str(DAYS * 86400), str(end_s)], stdout=out, check=True)
    return log


def rivals(log, is_full):
    """What can do the same here: (name, its command line)."""
    every = {
        "jq": ["jq", "-c", "-n", JQ, str(log)],
        "mlr": ["mlr", "--ijsonl", "--ojsonl", "put", "-q", MLR, str(log)],
        "gawk": ["gawk", AWK, str(log)], "mawk": ["mawk", AWK, str(log)],
        "busybox awk": ["busybox", "awk", AWK, str(log)],
    }
    there = {name: words for name, words in every.items() if shutil.which(words[0])}
    missing = [name for name in every if name not in there]
    if missing:
        print("not installed:", ", ".join(missing), file=sys.stderr)
    slow = ("jq", "mlr", "busybox awk") if is_full else ()
    return [(name, words) for name, words in there.items() if name not in slow]


def measure_all(args, log, end_s):
    stats = [str(args.build / "tftpd-stats"), "-l", str(log), "--json"]
    until = ["--until", f"@{end_s + 60}"]
    whole = Run("tftpd-stats", stats + ["--since", f"@{end_s - DAYS * 86400}"] + until,
                args.runs, log)
    lines = Run("wc -l", ["wc", "-l", str(log)], args.runs, log)
    others = [Run(name, words, 1, log) for name, words in rivals(log, args.full)]
    for other in others:
        if other.found() != whole.found():
            sys.exit(f"{other.name} found {other.found()}, we {whole.found()}")
    hour = Run("the last hour", stats + ["--since", f"@{end_s - 3600}"] + until, args.runs)
    return whole, [lines] + others, hour


def report(args, log, whole, others, hour):
    size = log.stat().st_size
    read = json.loads(hour.output)["read_bytes"]
    result = {
        "records": args.records, "log_bytes": size,
        "mb_s": round(whole.mb_s, 1), "wall_mb_s": round(size / 1e6 / whole.wall_s, 1),
        "peak_mb": round(whole.peak_mb, 1),
        "others": {run.name: {"mb_s": round(run.mb_s, 1), "peak_mb": round(run.peak_mb, 1),
                              "ratio": round(whole.mb_s / run.mb_s, 3)} for run in others},
        "hour": {"read_bytes": read, "share": round(read / size, 6),
                 "ms": round(hour.wall_s * 1000, 1)},
    }
    result["is_good"] = whole.mb_s >= NEEDED_MB_S and whole.peak_mb < NEEDED_MB \
        and (read / size < NEEDED_SHARE or size < 1e9)
    if args.json:
        print(json.dumps(result))
        return result
    print(f"{args.records:,} records, {size / 1e6:,.0f} MB, of {DAYS} days, in memory\n")
    print(f"{'':<14}{'MB/s':>9}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}  we are")
    for run in [whole] + others:
        ratio = "" if run is whole else f"{whole.mb_s / run.mb_s:8.2f} times as fast"
        print(f"{run.name:<14}{run.mb_s:9.1f}{run.cpu_s:9.2f}{run.wall_s:9.2f}"
              f"{run.peak_mb:9.1f}{ratio}")
    print(f"\n--since 1h: {read / 1e6:.1f} MB read, {read / size * 100:.3f} % of the log, "
          f"{hour.wall_s * 1000:.0f} ms")
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--records", type=int)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="10,000,000 records")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.records = args.records or (10_000_000 if args.full else 1_000_000)
    # A time of its own, so that the log is always the same.
    end_s = 1795348800
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bench-stats-", dir=memory) as folder:
        log = make_log(args.build, pathlib.Path(folder), args.records, end_s)
        report(args, log, *measure_all(args, log, end_s))


if __name__ == "__main__":
    main()
