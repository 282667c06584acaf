#!/usr/bin/env python3
"""Real network boots: firmware and boot loaders under QEMU fetch from our tftpd.

    run.py --build BUILDDIR [--only NAME] [--keep] [--list]

Needs root (or namespaces), QEMU, dnsmasq and the boot loaders of Debian's packages; what is
missing is named, and the scenes that need it are skipped.  Exit status: 0 all went well, 1 not,
77 everything was skipped.

Each scene runs in network, mounts and processes of its own: this program starts itself again
under unshare.  A scene is a function in bios.py, uefi.py or uboot.py; it gets a Scene (below),
and SCENES at the module's end lists them as (name, function, seconds).
"""

import argparse
import importlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import traceback

sys.dont_write_bytecode = True
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

import machine as machines
import net as network
from harness import Failure, check, check_equal, until

HERE = pathlib.Path(__file__).resolve().parent
MODULES = ("bios", "uefi", "uboot")
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
SKIPPED = 77
FAILURES = ("noanswer", "aborted", "vanished", "timeout", "failed", "crashed", "shutdown")
SETTLING = 15           # seconds for the last records to be written
STRANGE_LINES = 8       # of a log that is shown


class Scene:
    """What a scene works with.

        folder, root            its files; what is served
        net, find, build        net.Net, net.Find, where tftpd was built
        file(name, bytes)       a served file
        serve(conf lines)       our tftpd, a net.Tftpd; activated=True: by the first datagram
        machine(n, command)     a machine.Machine, stopped at the end
        records(machine)        the log's end records, in the order of their requests
        boots(machine)          what "tftpd-stats boots --json" says of it
        told(machine, chain)    the log tells exactly this chain; see there
        note(text)              a line that stands in the report
    """

    def __init__(self, folder, build, find, accel):
        self.folder, self.build, self.find, self.accel = folder, build, find, accel
        self.root = folder / "root"
        self.root.mkdir(mode=0o755)
        self.server, self.machines, self.notes = None, [], []
        self.net = network.Net(folder, find)

    def file(self, name, data):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(0o644)
        return path

    def copy(self, name, path):
        return self.file(name, self.find(path).read_bytes())

    def serve(self, *conf, activated=False):
        self.server = network.Tftpd(self.folder, self.build, self.find, conf, activated)
        return self.server

    def machine(self, number, command, **how):
        started = machines.Machine(self.folder, self.net, number, command, accel=self.accel, **how)
        self.machines.append(started)
        return started

    def note(self, text):
        self.notes.append(text)

    # What the log says.

    def log(self):
        path = self.folder / "transfers.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def settle(self):
        """Wait until each transfer that began has its end."""
        def is_settled():
            log = self.log()
            started = {record["id"] for record in log if record["event"] == "start"}
            return not started - {record["id"] for record in log if record["event"] == "transfer"}
        until(is_settled, SETTLING, "each transfer has its end record")

    def records(self, machine=None, address=None):
        """End records, all or those of a machine or of an address, by when they were asked."""
        address = address or machine and machine.address
        found = [record for record in self.log() if record["event"] == "transfer" and
                 address in (None, record["client"])]
        return sorted(found, key=asked_at)

    def boots(self, machine=None, address=None):
        done = subprocess.run([str(self.build / "tftpd-stats"), "boots", "--json", "--log",
                               str(self.folder / "transfers.jsonl"), "--client",
                               address or machine.address],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        check_equal(done.returncode, 0, f"status of tftpd-stats boots ({done.stderr})")
        return json.loads(done.stdout)["boots"]

    def told(self, machine, chain, address=None, verdict="complete", probes=None, besides=None,
             lossy=False):
        """Check the machine's story in the log; returns what tftpd-stats boots says of it.

        chain: (file, outcome) of each request in order; a file may end with "*" (any end), an
        outcome may be a tuple of several.  Nothing may be of the class failure, unless chain
        says so.  besides: files that may come as well, if they are complete.  lossy: a request
        may come twice, and the last ACK may be missing.  tftpd-stats must make one boot of it,
        with that verdict.
        """
        self.settle()
        found = [(record.get("file", ""), record["outcome"])
                 for record in self.records(machine, address)]
        if lossy:
            found = [(name, "complete" if outcome == "unconfirmed" else outcome)
                     for name, outcome in found]
            found = [one for one, before in zip(found, [None, *found]) if one != before]
        if besides:
            found = [(name, outcome) for name, outcome in found
                     if not (outcome == "complete" and fits(name, besides))]
        same = len(found) == len(chain) and all(
            fits(name, wanted) and outcome in ((ends,) if isinstance(ends, str) else ends)
            for (name, outcome), (wanted, ends) in zip(found, chain))
        check(same, "the log tells another story:\n" + "\n".join(
            f"    {outcome:12} {name}" for name, outcome in found) + "\n  wanted:\n" + "\n".join(
            f"    {ends!s:12} {name}" for name, ends in chain))
        boots = self.boots(machine, address)
        check_equal([boot["outcome"] for boot in boots], [verdict], "verdicts of tftpd-stats boots")
        if probes is not None:
            check_equal(sum(step["probes"] for step in boots[0]["steps"]), probes, "probes")
        return boots[0]

    def no_failures(self):
        """No record at all is of the class failure."""
        self.settle()
        bad = [f"{record['outcome']} {record.get('file')}" for record in self.records()
               if record["outcome"] in FAILURES]
        check(not bad, f"failures in the log: {bad}")

    def figures(self):
        """How the server did: a line, if anybody asked."""
        log = self.log()
        if not log:
            return []
        replies = [record["first_reply_us"] for record in self.records()
                   if "first_reply_us" in record]
        counted = {what: sum(record.get(what, 0) for record in log)
                   for what in ("requests", "repeats", "dropped")}
        return [f"{counted['requests']} requests, {counted['repeats']} of them repeats, "
                f"{counted['dropped']} dropped; slowest first reply "
                f"{max(replies, default=0) / 1000:.1f} ms"]

    # The end.

    def close(self):
        for one in self.machines:
            one.stop()
        if self.server is not None:
            self.server.stop()
        self.net.stop_dhcp()

    def rows(self):
        """The requests, for the table."""
        return [{key: record.get(key) for key in ROW} for record in self.records()]


ROW = ("client", "op", "file", "asked", "blksize", "windowsize", "bytes", "size", "outcome",
       "duration_us", "first_reply_us", "retransmits", "duplicates", "error_code", "error_by",
       "message")


def fits(name, wanted):
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def asked_at(record):
    """When the request came, in seconds of the day; the record's time is its end."""
    hours, minutes, seconds = record["ts"][11:-1].split(":")
    day = int(record["ts"][8:10])
    return (day * 24 + int(hours)) * 3600 + int(minutes) * 60 + float(seconds) - \
        record.get("duration_us", 0) / 1e6


# Inside a scene's namespaces.

def scenes():
    """(name, function, seconds) of all modules that are here."""
    found = []
    for name in MODULES:
        if (HERE / f"{name}.py").exists():
            found += importlib.import_module(name).SCENES
    return found


def play(args):
    """Run one scene; its result goes to result.json in its folder."""
    for place in ("/run", "/var/lib"):
        network.run("mount", "-t", "tmpfs", "-o", "mode=755", "boots", place)
    function = {name: function for name, function, _ in scenes()}[args.inside_name]
    find = network.Find(args.unpacked)
    result, scene = {"status": "failed"}, None
    try:
        scene = Scene(args.inside, args.build, find, args.accel)
        function(scene)
        result["status"] = "ok"
    except network.Find.Missing as missing:
        result.update(status="skipped", text=str(missing))
    except Failure as failure:
        result["text"] = str(failure)
    except Exception:
        result["text"] = traceback.format_exc()
    finally:
        if scene is not None:
            result["consoles"] = {m.name: m.last_lines() for m in scene.machines}
            scene.close()
            result.update(rows=scene.rows(), notes=[*scene.notes, *scene.figures()])
        (args.inside / "result.json").write_text(json.dumps(result))


# Outside.

def obstacle(args):
    """Why nothing can be tried here, or None; and whether that is a mistake."""
    for program in ("tftpd", "tftpd-stats"):
        if not (args.build / program).exists():
            return f"{args.build / program} is missing: build it first"
    if os.geteuid() != 0:
        return "needs root: it makes network and mount namespaces (try sudo)"
    if subprocess.run([*UNSHARE, "true"], stdin=subprocess.DEVNULL).returncode != 0:
        return "needs namespaces: a container has to grant CAP_SYS_ADMIN"
    return None


def lacking(find):
    """Packages without which no scene runs."""
    missing = []
    for program in ("qemu-system-x86_64", "dnsmasq"):
        try:
            find.program(program)
        except network.Find.Missing as package:
            missing.append(str(package))
    if not pathlib.Path("/dev/net/tun").exists():
        missing.append("the device /dev/net/tun")
    return missing


def stage(args, name, seconds):
    """Start ourselves again for one scene; returns its result."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"boots-{name}-"))
    folder.chmod(0o755)
    command = [*UNSHARE, sys.executable, __file__, "--build", args.build, "--accel", args.accel,
               "--inside", folder, "--inside-name", name]
    for root in args.unpacked:
        command += ["--unpacked", root]
    result = {"status": "failed", "text": f"no end within {seconds} s"}
    try:
        with open(folder / "scene.err", "wb") as err:
            subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stderr=err,
                           timeout=seconds)
        result["text"] = network.tail(folder / "scene.err")
        result = json.loads((folder / "result.json").read_text())
    except (subprocess.TimeoutExpired, OSError, ValueError):
        pass
    finally:
        result["folder"] = str(folder)
        if result["status"] == "failed":
            result["log"] = network.tail(folder / "transfers.jsonl", STRANGE_LINES)
            result["errors"] = network.tail(folder / "tftpd.err")
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return result


def tell(name, result, keep):
    print(f"{result['status']:8} {name}"
          + (f": install {result['text']}" if result["status"] == "skipped" else ""), flush=True)
    for note in result.get("notes", []):
        print(f"         {note}")
    if result["status"] == "failed":
        print(textwrap.indent(result["text"], "         "))
        for what, text in result.get("consoles", {}).items():
            print(f"         console of {what}:\n{text}")
        for what in ("errors", "log"):
            print(f"         {what}:\n{textwrap.indent(result[what], '    ')}")
    if keep:
        print(f"         kept in {result['folder']}")
    sys.stdout.flush()


def print_table(results):
    """What each client asked, and how it ended."""
    if not any(result.get("rows") for _, result in results):
        return
    print("\nscene          client      op    file                                     "
          "asked -> block x window                       outcome       bytes resent")
    for name, result in results:
        for row in one_of_each(result.get("rows", [])):
            granted = f"{row['blksize']}x{row['windowsize']}" if row["blksize"] else "-"
            print(f"{name:14} {row['client']:11} {row['op'] or '-':5} {row['file'] or '-':40.40} "
                  f"{(row['asked'] or '-') + ' -> ' + granted:45.45} {row['outcome']:10} "
                  f"{row['bytes'] or 0:9} {row['retransmits'] or 0:5}")


def one_of_each(rows):
    """Of clients that did the same only the first; requests of a kind in one row."""
    clients, seen = {}, set()
    for row in rows:
        clients.setdefault(row["client"], []).append(row)
    for own in clients.values():
        story = tuple((row["file"], row["outcome"]) for row in own)
        if story not in seen:
            seen.add(story)
            yield from squeezed(own)


def squeezed(rows):
    """More than two in a row from one folder, asked alike and ended alike: one; what lies at
    the top is told apart."""
    def kind(row):
        return (os.path.dirname(row["file"] or ""), row["outcome"], row["asked"], row["op"],
                row["error_code"])
    for _, group in itertools.groupby(rows, kind):
        group = list(group)
        folder = os.path.dirname(group[0]["file"] or "")
        if len(group) < 3 or folder in ("", "/"):
            yield from group
            continue
        total = {what: sum(row[what] or 0 for row in group) for what in ("bytes", "retransmits")}
        yield dict(group[0], file=f"{folder}/ ({len(group)} names)", **total)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."), metavar="DIR",
                        help="where tftpd and tftpd-stats were built [.]")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="scenes whose name contains NAME; repeatable")
    parser.add_argument("--keep", action="store_true", help="keep the scenes' folders")
    parser.add_argument("--list", action="store_true", help="name the scenes")
    parser.add_argument("--accel", default="tcg", metavar="NAME",
                        help="QEMU's accelerator, such as kvm [%(default)s]")
    parser.add_argument("--unpacked", type=pathlib.Path, action="append", default=[],
                        metavar="DIR", help="Debian packages that are only unpacked; repeatable")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--inside-name", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = args.build.resolve()
    if not args.unpacked:
        top = HERE.parent.parent / "build"
        args.unpacked = [top / "boots", top / "peers"]
    return args


def main():
    args = parse_arguments()
    if args.inside:
        play(args)
        return 0
    # A scene that runs ends with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen = [scene for scene in scenes()
              if not args.only or any(part in scene[0] for part in args.only)]
    if args.list:
        print("\n".join(name for name, _, _ in chosen))
        return 0
    problem = obstacle(args)
    if problem or not chosen:
        print(f"run.py: {problem or 'no such scene'}", file=sys.stderr)
        return 2
    missing = lacking(network.Find(args.unpacked))
    if missing:
        print(f"boots: skipped: needs {' '.join(missing)}")
        return SKIPPED
    results = []
    for name, _, seconds in chosen:
        results.append((name, stage(args, name, seconds)))
        tell(*results[-1], args.keep)
    print_table(results)
    count = {status: sum(result["status"] == status for _, result in results)
             for status in ("ok", "failed", "skipped")}
    print(f"{count['ok']} passed, {count['failed']} failed, {count['skipped']} skipped")
    if count["failed"]:
        return 1
    return 0 if count["ok"] else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
