"""A load balancer as clouds and clusters have it: nftables in a network namespace of its
own that hands each client to one of several servers, each in a namespace, too.

    client 10.88.0.1 --- 10.88.0.254 balancer 10.88.N.254 --- 10.88.N.1 server N

Only what comes from the port that was asked finds its way back as an answer.
"""

import os
import shutil
import subprocess

from harness import Failure, run, until

ADDRESS = "10.88.0.254"         # what clients ask
SOURCE = "10.88.0.1"            # where they are


class Namespace:
    """A network namespace; programs are started in it."""

    def __init__(self, lane):
        self.lane = lane
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "300"], stdin=subprocess.DEVNULL)
        mine = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != mine, 5, "another namespace")
        self.enter = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]
        self.ip("link", "set", "lo", "up")

    def run(self, *command):
        return run(*self.enter, *command)

    def ip(self, *words):
        return self.run(self.lane.ip(), *words)

    def leave(self):
        self.holder.terminate()
        self.holder.wait(5)


class Balancer:
    """The wires, the rules, and a namespace for each server."""

    def __init__(self, lane, count):
        nft = shutil.which("nft") or "/usr/sbin/nft"
        if not os.path.exists(nft):
            raise Failure("no program 'nft' (package nftables)")
        self.lane = lane
        self.middle = Namespace(lane)
        self.places = [Namespace(lane) for _ in range(count)]
        run(lane.ip(), "link", "add", "lb0", "type", "veth", "peer", "name", "front", "netns",
            self.middle.holder.pid)
        run(lane.ip(), "addr", "add", f"{SOURCE}/24", "dev", "lb0")
        run(lane.ip(), "link", "set", "lb0", "up")
        run(lane.ip(), "route", "add", "10.88.0.0/16", "via", ADDRESS)
        self.middle.ip("addr", "add", f"{ADDRESS}/24", "dev", "front")
        self.middle.ip("link", "set", "front", "up")
        self.middle.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        for number, place in enumerate(self.places, 1):
            self.connect(number, place)
        self.middle.run(nft, "add table ip balancer; "
                        "add chain ip balancer in { type nat hook prerouting priority -100; }; "
                        f"add rule ip balancer in ip daddr {ADDRESS} udp dport 69 dnat to "
                        f"numgen inc mod {count} map {{ {self.targets()} }}")

    def connect(self, number, place):
        wire = f"back{number}"
        self.middle.ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns",
                       place.holder.pid)
        self.middle.ip("addr", "add", f"10.88.{number}.254/24", "dev", wire)
        self.middle.ip("link", "set", wire, "up")
        place.ip("addr", "add", f"{self.server_address(number)}/24", "dev", "eth0")
        place.ip("link", "set", "eth0", "up")
        place.ip("route", "add", "default", "via", f"10.88.{number}.254")

    @staticmethod
    def server_address(number):
        return f"10.88.{number}.1"

    def targets(self):
        return ", ".join(f"{number} : {self.server_address(number + 1)}"
                         for number in range(len(self.places)))

    def leave(self):
        for place in (self.middle, *self.places):
            place.leave()
