#!/usr/bin/env python3
"""Static analysis of src/ with four tools; what is left is explained in EXCEPTIONS.

    analyze.py --src TOP [--quick] -- COMPILER-FLAG...

Fails for each finding that EXCEPTIONS does not have, and for each entry of
EXCEPTIONS that no finding needs any more.  --quick leaves out the clang
analyzer, which takes longer than the other three.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

FINDING = re.compile(r"(?P<file>[^\s:]+):(?P<line>\d+):(?:\d+:)? (?:warning|error): "
                     r"(?P<text>.*) \[(?P<check>[^\]]+)\]$")
LONGEST = 300                   # seconds for one file


class Finding(collections.namedtuple("Finding", "tool check file line source text")):
    def __str__(self):
        return f"{self.file}:{self.line}: {self.tool} {self.check}: {self.text}\n\t{self.source}"


class Exceptions:
    """The entries of the file, and which of them were needed.  An entry is a line
    "TOOL CHECK FILE" or "TOOL CHECK FILE: SOURCE LINE", * for any file; below it,
    or below several, stands the reason after a tab."""

    def __init__(self, path):
        self.entries, self.used = [], set()
        unexplained = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("\t"):
                unexplained = []
            elif line.strip() and not line.startswith("#"):
                head, _, source = line.partition(": ")
                words = head.split()
                if len(words) != 3:
                    sys.exit(f"{path}:{number}: not TOOL CHECK FILE")
                self.entries.append((*words, source.strip()))
                unexplained.append(line)
            elif unexplained:
                sys.exit(f"{path}: no reason is given for {unexplained[0]}")

    def covers(self, finding):
        for entry in self.entries:
            tool, check, file, source = entry
            if (tool == finding.tool and check in finding.check.split(",") and
                    file in ("*", finding.file) and source in ("", finding.source)):
                self.used.add(entry)
                return True
        return False

    def stale(self, tools):
        return [entry for entry in self.entries if entry[0] in tools and entry not in self.used]


# The tools: what is run for a file.

def gcc(flags, file):
    return ["gcc", *flags, "-O2", "-fanalyzer", "-fdiagnostics-plain-output",
            "-S", "-o", "/dev/null", file]


def clang(flags, file):
    return ["clang", *flags, "--analyze", "--analyzer-output", "text",
            "-Xclang", "-analyzer-checker=core,unix,deadcode,security.FloatLoopCounter,"
            "security.insecureAPI.UncheckedReturn,security.insecureAPI.getpw,"
            "security.insecureAPI.gets,security.insecureAPI.mktemp,"
            "security.insecureAPI.mkstemp,security.insecureAPI.rand,"
            "security.insecureAPI.vfork,nullability,valist,optin.portability",
            file]


def tidy(flags, file):
    return ["clang-tidy", "--quiet", "--checks=-*,bugprone-*,cert-*", file, "--", *flags]


def cppcheck(flags, file):
    wanted = [flag for flag in flags if flag[:2] in ("-D", "-I", "-U")]
    return ["cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability,style",
            "--template={file}:{line}:{column}: warning: {message} [{id}]",
            "--suppress=missingIncludeSystem", *wanted, file]


TOOLS = {"cppcheck": (cppcheck, "cppcheck"), "clang-tidy": (tidy, "clang-tidy"),
         "gcc": (gcc, "gcc"), "clang": (clang, "clang")}
QUICK = ("cppcheck", "clang-tidy", "gcc")


def run(tool, flags, file, top):
    """What a tool finds in a file, and the seconds that it took."""
    begin = time.monotonic()
    command = TOOLS[tool][0](flags, str(file))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=LONGEST)
    found = set()
    for line in (done.stdout + done.stderr).splitlines():
        match = FINDING.match(line)
        if match:
            found.add(as_finding(tool, match, top))
    if done.returncode != 0 and not found:
        raise RuntimeError(f"{tool} failed for {file}:\n{done.stderr}{done.stdout}")
    return found, time.monotonic() - begin


def as_finding(tool, match, top):
    path = pathlib.Path(match["file"]).resolve()
    lines = path.read_text().splitlines()
    number = int(match["line"])
    source = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    name = str(path.relative_to(top)) if path.is_relative_to(top) else str(path)
    return Finding(tool, match["check"], name, number, source, match["text"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--src", required=True, type=pathlib.Path, metavar="TOP")
    parser.add_argument("--quick", action="store_true", help="without the clang analyzer")
    parser.add_argument("--only", choices=TOOLS, help="one of the tools")
    parser.add_argument("flags", nargs="*", help="what the compiler is called with")
    args = parser.parse_args()
    top = args.src.resolve()
    tools = [args.only] if args.only else QUICK if args.quick else tuple(TOOLS)
    missing = [tool for tool in tools if not shutil.which(TOOLS[tool][1])]
    if missing:
        sys.exit(f"missing: {' '.join(missing)}")
    return 1 if judge(top, tools, args.flags) else 0


def judge(top, tools, flags):
    exceptions = Exceptions(top / "tests/analysis/EXCEPTIONS")
    files = sorted(top.glob("src/*/*.c"))
    seconds, found = collections.Counter(), set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(tool, pool.submit(run, tool, flags, file, top))
                for tool in reversed(tools) for file in files]
        for tool, job in jobs:
            some, took = job.result()
            found |= some
            seconds[tool] += took
    bad = sorted(finding for finding in found if not exceptions.covers(finding))
    stale = exceptions.stale(tools)
    for finding in bad:
        print(f"FAIL {finding}")
    for entry in stale:
        print(f"not needed here: {' '.join(entry)}")
    for tool in tools:
        count = sum(finding.tool == tool for finding in found)
        print(f"{tool}: {len(files)} files, {count} findings that are explained or above, "
              f"{seconds[tool]:.0f} s")
    print(f"{len(found) - len(bad)} explained, {len(bad)} not, {len(stale)} not needed any more")
    # Another version of a tool may find less.
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
