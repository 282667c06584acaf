#!/usr/bin/env python3
"""Speed of tftpd beside the peers and beside a bare socket.

    bench.py --build BUILDDIR [--peers PEERSDIR] [--quick] [--rows NAME,...]
             [--rounds N] [--json FILE] [--write doc/performance.md]

Needs root.  Everything happens in a network and mount namespace of its own, on
the loopback and on tmpfs; see lane.py.  A round measures a row with every
server, one after the other, so that what changes on the machine meets all of
them; the table shows medians over the rounds.  doc/performance.md explains it.
"""

import argparse
import contextlib
import fnmatch
import json
import os
import pathlib
import signal
import sys
import time

sys.dont_write_bytecode = True

import extras
import lane as place
import report
import rows as table
import servers


def parse_arguments():
    names = [row.name for row in table.ROWS] + [name for name, _ in extras.EXTRAS]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0],
                                     epilog="rows: " + " ".join(names))
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."), metavar="DIR",
                        help="where tftpd and tests/bench/tftp-load were built [.]")
    parser.add_argument("--peers", type=pathlib.Path, metavar="DIR",
                        help="root of the unpacked packages of other servers [build/peers]")
    parser.add_argument("--rs-tftpd", type=pathlib.Path, metavar="FILE",
                        help="the rs-tftpd program, which Debian does not have")
    parser.add_argument("--quick", action="store_true",
                        help="one round of small sizes that checks every byte")
    parser.add_argument("--rows", default=",".join(names), metavar="NAME,...",
                        help="only these; * stands for anything")
    parser.add_argument("--servers", metavar="NAME,...", help="only these")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--patience", type=int, metavar="S",
                        help="seconds after which a transfer with losses is given up [180]")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), metavar="N",
                        help="the CPU that server and client share")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--write", type=pathlib.Path, metavar="PAGE",
                        help="replace the numbers in this page")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--group", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = args.build.resolve()
    args.peers = (args.peers or usual_peers(args.build)).resolve()
    args.names = chosen(parser, args.rows.split(","), names)
    if args.quick and args.write:
        parser.error("--quick has no figures to --write")
    if args.quick:
        args.rounds = 1
    return args


def usual_peers(build):
    """Where quickstart unpacks them: in its own build folder."""
    beside = build / "peers"
    return beside if beside.exists() else pathlib.Path(__file__).parents[2] / "build/peers"


def chosen(parser, wanted, names):
    found = set()
    for name in wanted:
        hits = set(fnmatch.filter(names, name))
        if not hits:
            parser.error(f"no row is called {name}")
        found |= hits
    return found


class Bench:
    def __init__(self, args):
        self.args = args
        self.lane = place.Lane(args.inside, args.group, args.build, args.peers, args.rs_tftpd)
        self.lane.cpu = args.cpu
        self.sizes = table.Sizes.quick() if args.quick else table.Sizes()
        if args.patience:
            self.sizes.patience = args.patience
        self.rows = [row for row in table.ROWS if row.name in args.names]
        self.cells = {row.name: {name: report.Cell() for name in report.NAMES}
                      for row in self.rows}
        self.remarks, self.tables, self.troubles = [], [], 0

    def run(self):
        self.lane.settle_in()
        self.sizes.make_files(self.lane)
        self.servers = self.present()
        for number in range(1, self.args.rounds + 1):
            for row in self.rows:
                self.say(f"round {number}: {row.text}")
                self.measure(row, number)
        for name, function in extras.EXTRAS:
            if name in self.args.names:
                self.say(name)
                self.try_extra(name, function)
        self.tell()
        return 1 if self.troubles else 0

    def present(self):
        """The servers that are there; the others are named."""
        found = []
        wanted = self.args.servers.split(",") if self.args.servers else report.NAMES
        for server in self.lane.every_server():
            if server.name not in wanted:
                continue
            missing = server.missing()
            if missing:
                self.remarks.append(f"Not measured: {server.text}: {missing}.")
            else:
                found.append(server)
        return found

    def measure(self, row, number):
        able = [server for server in self.servers if row.takes(server)]
        side = [server for server in able if row.waits and isinstance(server, servers.Peer)]
        for server in able:
            if server not in side:
                self.attempt(row, server, lambda: row.measure(self.lane, server, self.sizes))
        if side and number == 1:
            self.measure_side_by_side(row, side)

    def measure_side_by_side(self, row, peers):
        """They wait for their timers most of the time, and take minutes."""
        with contextlib.ExitStack() as stack:
            clients = {}
            for server in peers:
                stack.enter_context(server)
                self.attempt(row, server, lambda: self.begin(row, server, clients))
            for server, own in clients.items():
                self.attempt(row, server, lambda: row.measure.settle(own, self.sizes))

    def begin(self, row, server, clients):
        server.start()
        clients[server] = row.measure.begin(self.lane, server, self.sizes)

    def attempt(self, row, server, function):
        """Keep the Value that comes back, if one does; a failure is one, too."""
        try:
            value = function()
        except servers.Trouble as trouble:
            value = table.Value(None, "", "fails")
            self.trouble(f"{row.name}, {server.name}: {trouble}", server)
        if value is not None:
            self.cells[row.name][server.name].values.append(value)

    def trouble(self, text, server=None):
        """A peer's failure is a result; ours, or the bench's own, is a fault."""
        self.say(text)
        self.remarks.append(text)
        if not isinstance(server, servers.Peer):
            self.troubles += 1

    def try_extra(self, name, function):
        try:
            self.tables.append(function(self.lane, self.sizes))
        except servers.Trouble as trouble:
            self.trouble(f"{name}: {trouble}")

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def tell(self):
        facts = report.machine(self.args.build)
        facts.update(rounds=self.args.rounds, is_trial=self.args.quick,
                     accounting=self.lane.group.kind)
        everything = (self.rows, self.cells, self.tables, facts, self.remarks)
        report.print_all(*everything)
        if self.args.json:
            self.args.json.write_text(json.dumps(report.as_json(*everything), indent=1,
                                                 ensure_ascii=False) + "\n")
        if self.args.write:
            report.write_page(self.args.write, *everything)


def main():
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if args.inside and not args.group:
        print("bench.py: needs control groups, to know the servers' CPU time", file=sys.stderr)
        return 2
    if args.inside:
        return Bench(args).run()
    problem = place.obstacle(args.build)
    if problem:
        print(f"bench.py: {problem}", file=sys.stderr)
        return 2
    return place.run_inside(__file__, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
