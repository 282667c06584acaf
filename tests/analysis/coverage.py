#!/usr/bin/env python3
"""What the tests have run of src/: a table, and a failure below the goals.

    coverage.py --src TOP --build DIR [--files] [--missing NAME]

DIR is a build with gcc --coverage in which the tests have run.  A line between
LCOV_EXCL_START and LCOV_EXCL_STOP, or with LCOV_EXCL_LINE, is not counted.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

# Percent: what is counted of which folder, "" is all of src/.
GOALS = (("", "lines", 92.0), ("", "branches", 80.0), ("core", "lines", 98.0))


class File:
    """How often each line, and each way out of it, was taken."""

    def __init__(self):
        self.lines = collections.Counter()
        self.branches = collections.defaultdict(list)

    def add(self, line):
        number = line["line_number"]
        self.lines[number] += line["count"]
        counts = [branch["count"] for branch in line["branches"]]
        before = self.branches[number]
        if len(before) < len(counts):
            before += [0] * (len(counts) - len(before))
        for index, count in enumerate(counts):
            before[index] += count

    def leave_out(self, numbers):
        for number in numbers:
            self.lines.pop(number, None)
            self.branches.pop(number, None)

    def figures(self):
        ways = [count for counts in self.branches.values() for count in counts]
        return {"lines": (sum(1 for count in self.lines.values() if count), len(self.lines)),
                "branches": (sum(1 for count in ways if count), len(ways))}


def measure(top, build):
    """The files of src/ with their counts."""
    notes = sorted(build.glob("src/**/*.gcno"))
    if not notes:
        sys.exit(f"{build} has no .gcno files: is it built with --coverage?")
    files = collections.defaultdict(File)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for told in pool.map(lambda note: ask_gcov(build, note), notes):
            for one in told["files"]:
                path = pathlib.Path(build, one["file"]).resolve()
                if not path.is_relative_to(top / "src"):
                    continue
                for line in one["lines"]:
                    files[path.relative_to(top / "src")].add(line)
    for name, file in files.items():
        file.leave_out(excluded((top / "src" / name).read_text().splitlines()))
    return files


def ask_gcov(build, note):
    done = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout",
                           str(note)], cwd=build, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def excluded(lines):
    inside, numbers = False, []
    for number, line in enumerate(lines, 1):
        inside = inside or "LCOV_EXCL_START" in line
        if inside or "LCOV_EXCL_LINE" in line:
            numbers.append(number)
        if "LCOV_EXCL_STOP" in line:
            inside = False
    return numbers


def total(files, folder):
    sums = {"lines": [0, 0], "branches": [0, 0]}
    for name, file in files.items():
        if folder in ("", str(name.parent)):
            for what, (hit, all_of) in file.figures().items():
                sums[what][0] += hit
                sums[what][1] += all_of
    return sums


def percent(pair):
    return 100.0 * pair[0] / pair[1] if pair[1] else 100.0


def row(name, sums):
    cells = [f"{percent(sums[what]):6.1f} % of {sums[what][1]:5d}" for what in ("lines", "branches")]
    return f"{name:28s} {'  '.join(cells)}"


def show_missing(top, files, wanted):
    """The lines that nothing has run, and those with a way not taken."""
    for name, file in sorted(files.items()):
        if wanted not in str(name):
            continue
        text = (top / "src" / name).read_text().splitlines()
        for number, count in sorted(file.lines.items()):
            ways = file.branches[number]
            if not count or not all(ways):
                mark = "----" if not count else "".join("+" if way else "-" for way in ways)
                print(f"{name}:{number}: {mark:8s} {text[number - 1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--src", required=True, type=pathlib.Path, metavar="TOP")
    parser.add_argument("--build", required=True, type=pathlib.Path, metavar="DIR")
    parser.add_argument("--files", action="store_true", help="a line for each file")
    parser.add_argument("--missing", metavar="NAME", help="show what is not run of these files")
    args = parser.parse_args()
    top = args.src.resolve()
    files = measure(top, args.build.resolve())
    if args.missing is not None:
        show_missing(top, files, args.missing)
        return 0
    print(f"{'src/':28s} {'lines':17s}  branches")
    if args.files:
        for name, file in sorted(files.items()):
            print(row(str(name), file.figures()))
    for folder in sorted({str(name.parent) for name in files}):
        print(row(f"{folder}/", total(files, folder)))
    print(row("all", total(files, "")))
    return judge(files)


def judge(files):
    status = 0
    for folder, what, goal in GOALS:
        reached = percent(total(files, folder)[what])
        if reached < goal:
            print(f"FAIL {what} of src/{folder}: {reached:.1f} %, the goal is {goal} %")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
