#!/usr/bin/env python3
"""Search for inputs that break a promise: each target for a while.

    run.py --build DIR --work DIR [--seconds N | --runs N] [--only A,B]

--build has the targets, linked with libFuzzer.  In --work are seeds/ (made by
make-corpus.py), corpus/ (what was found to reach more, and grows from run to
run), found/ (what broke something), logs/ and totals.json: how often each
target has run since it was built.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import resource
import subprocess
import sys

# bytes of an input; the least executions that we want in a second of a
# processor (that other programs use, too)
TARGETS = {
    "request": (1500, 50000), "options": (600, 50000), "engine": (300, 5000),
    "netascii": (300, 50000), "pathname": (1200, 50000),
    "logwrite": (1000, 50000), "logread": (2000, 5000),
    "config": (2000, 0), "map": (400, 0), "http": (1000, 0),
}
TIMEOUT_S = 25              # of one input
SETTLED = 100000            # fewer executions say nothing of the speed


def command(args, target):
    work, max_len = args.work, TARGETS[target][0]
    limit = f"-runs={args.runs}" if args.runs else \
        f"-max_total_time={args.seconds}"
    words = [str(args.build / f"fuzz-{target}"), limit, f"-max_len={max_len}",
             f"-timeout={TIMEOUT_S}", "-print_final_stats=1",
             f"-artifact_prefix={work}/found/{target}-"]
    dictionary = work / "seeds" / f"{target}.dict"
    if dictionary.exists():
        words.append(f"-dict={dictionary}")
    return words + [str(work / folder / target)
                    for folder in ("corpus", "seeds")]


def used_s():
    """Seconds of a processor that all children so far took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def search(args, target):
    """Run one target; returns (exit status, seconds of CPU, its log)."""
    for folder in (f"corpus/{target}", "found", "logs"):
        (args.work / folder).mkdir(parents=True, exist_ok=True)
    log = args.work / "logs" / target
    env = dict(os.environ)
    env.setdefault("ASAN_OPTIONS",
                   "quarantine_size_mb=16:malloc_context_size=4")
    before_s = used_s()
    with open(log, "wb") as out:
        status = subprocess.run(command(args, target), env=env, stdout=out,
                                stderr=subprocess.STDOUT).returncode
    return status, used_s() - before_s, log.read_text(errors="replace")


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def add_up(args, target, runs):
    """All executions of this build of the target, which stay in a file."""
    path = args.work / "totals.json"
    totals = json.loads(path.read_text()) if path.exists() else {}
    build = hashlib.sha256(
        (args.build / f"fuzz-{target}").read_bytes()).hexdigest()
    entry = totals.get(target, {})
    if entry.get("build") != build:
        entry = {"build": build, "runs": 0}
    entry["runs"] += runs
    totals[target] = entry
    path.write_text(json.dumps(totals, indent=1, sort_keys=True) + "\n")
    return entry["runs"]


def report(args, target, status, took_s, log):
    runs = number(r"stat::number_of_executed_units: +(\d+)", log)
    speed = int(runs / max(took_s, 0.01))
    reached = number(r" cov: (\d+)", log)
    counters = number(r"\((\d+) inline 8-bit counters\)", log)
    inputs = number(r" corp: (\d+)/", log)
    slow = runs >= SETTLED and speed < TARGETS[target][1]
    result = "ok" if status == 0 else "FOUND"
    print(f"{target:<9} {runs:>11,} {speed:>9,}{'!' if slow else ' '} "
          f"{reached:>5}/{counters:<5} {inputs:>6} "
          f"{add_up(args, target, runs):>13,}  {result}", flush=True)
    if status == 0:
        return True
    for text in log.splitlines():
        if text.startswith(("FAIL", "SUMMARY", "artifact_prefix")) or \
                "runtime error" in text or "ERROR: " in text:
            print(f"    {text}")
    print(f"    {args.work}/logs/{target} has all of it")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    built = [name for name in TARGETS if (args.build / f"fuzz-{name}").exists()]
    chosen = [name for name in args.only.split(",") if name] or built
    for target in chosen:
        if target not in TARGETS:
            parser.error(f"{target}: there are {', '.join(TARGETS)}")
    print("target     executions  a CPU s    reached   inputs  "
          "of this build")
    good = [report(args, target, *search(args, target)) for target in chosen]
    print(f"{sum(good)} of {len(good)} targets found nothing; ! is slower "
          "than it shall be")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
