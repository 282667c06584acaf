#!/usr/bin/env python3
"""The unit tests under valgrind: memory, leaks, and descriptors that stay open.

    memcheck.py --supp FILE [PROGRAM...]     all of ./tests/unit/t-* by default

Run in the folder of an instrumented build.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

LONGEST = 600                   # seconds for one program
HELD = ("<inherited from parent>",
        "t_hold_stamps")        # the kernel stamps datagrams as long as it is open
OPEN = re.compile(r"==\d+== Open (?:AF_\w+ socket|file descriptor) (\d+)")


def run(program, supp):
    """What is wrong with a program, as text; "" if nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--quiet", "--vgdb=no", "--leak-check=full", "--track-fds=yes",
                   "--error-exitcode=9", f"--suppressions={supp}",
                   f"--log-file={folder}/%p", str(program)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace")
        try:
            told, _ = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"longer than {LONGEST} s"
        logs = {path.name: path.read_text(errors="replace")
                for path in pathlib.Path(folder).iterdir()}
    # Children end by _exit() with what their parent had open: only it is asked.
    left = descriptors_left(logs.get(str(process.pid), ""))
    if process.returncode == 0 and not left:
        return ""
    return "\n".join([f"status {process.returncode}", *left, *complaints(logs), told[-1500:]])


def complaints(logs):
    """Of the logs, whatever is not about open descriptors."""
    return [log[:3000] for log in logs.values()
            if re.search(r"==\d+== (Invalid|Conditional|Use of|Syscall|Source|\d+.*lost)", log)]


def descriptors_left(log):
    """The blocks of text about descriptors that valgrind finds open at the end."""
    blocks, block = [], None
    for line in log.splitlines():
        if OPEN.match(line):
            block = [line]
            blocks.append(block)
        elif block is not None and re.match(r"==\d+== *$", line):
            block = None
        elif block is not None:
            block.append(line)
    return ["\n".join(block) for block in blocks
            if not any(word in "\n".join(block) for word in HELD)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--supp", required=True, help="valgrind's suppressions")
    parser.add_argument("programs", nargs="*", type=pathlib.Path)
    args = parser.parse_args()
    programs = args.programs or [path for path in sorted(pathlib.Path("tests/unit").glob("t-*"))
                                 if not path.suffix and os.access(path, os.X_OK)]
    if not programs:
        sys.exit("no programs in tests/unit")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = list(pool.map(lambda program: run(program, args.supp), programs))
    bad = 0
    for program, text in zip(programs, wrong):
        if text:
            bad += 1
            print(f"FAIL {program}: {text}")
    print(f"{len(programs)} programs, {bad} with memory or descriptors lost")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
