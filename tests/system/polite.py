"""Clients as honest as a program can be, on a wire that is not.

Each asks, repeats what was not answered, says when it gives up, and never claims
a file that it has not whole.  So what it says and what the server writes down can
be held against each other: that is what fault() does.
"""

import collections
import heapq
import itertools
import random
import select
import struct
import time

import tftp
from harness import Tail, check

FAR = 1 << 15           # a number further ahead is an old one
SUCCESS = ("complete", "unconfirmed")


class Wire:
    """One direction.  The same seed has the same faults.

    loss, copies   shares of packets that are lost, or come twice
    late           share of packets that are late, by up to late_s seconds: others
                   overtake them
    chopped        share of packets of which three bytes are left
    replays        share of packets after which one of the last hundred comes again
    rate, room     packets a second; so many wait, and those behind them are lost
    cut_after      so many packets come through, and then none
    """

    def __init__(self, seed=1, *, loss=0.0, copies=0.0, late=0.0, late_s=0.0, chopped=0.0,
                 replays=0.0, rate=None, room=16, cut_after=None):
        self.die, self.loss, self.copies = random.Random(seed), loss, copies
        self.late, self.late_s, self.chopped, self.replays = late, late_s, chopped, replays
        self.rate, self.room, self.free_at = rate, room, 0.0
        self.cut_after, self.count, self.past = cut_after, 0, collections.deque(maxlen=100)

    def happens(self, share):
        return share > 0 and self.die.random() < share

    def carry(self, now, raw):
        """What arrives when this is sent now, as (when, packet)."""
        self.count += 1
        if self.cut_after is not None and self.count > self.cut_after or self.happens(self.loss):
            return []
        if self.rate is not None:
            self.free_at = max(self.free_at, now)
            if (self.free_at - now) * self.rate >= self.room:
                return []
            self.free_at += 1 / self.rate
            now = self.free_at
        self.past.append(raw)
        found = [raw[:3] if self.happens(self.chopped) else raw]
        if self.happens(self.copies):
            found.append(raw)
        if self.happens(self.replays):
            found.append(self.die.choice(self.past))
        return [(now + (self.die.random() * self.late_s if self.happens(self.late) else 0.0), packet)
                for packet in found]


class Polite:
    """What reading and writing have in common.

    there, back    the wires to the server and from it
    timer          seconds after which it repeats its last word
    patience       seconds of silence after which it gives up
    make_peer      makes its socket; else the lane does
    dally          seconds in which it says its last ACK again
    at, act        before it says that so many bytes are through, once, act() is called
    """

    def __init__(self, name, content, window=1, blksize=512, *, mode="octet", there=None, back=None,
                 timer=1.0, patience=10.0, dally=1.0, make_peer=None, at=0, act=None, what=""):
        self.name, self.content, self.mode, self.what = name, content, mode, what
        self.at, self.act, self.dally = at, act, dally
        # An OACK stands first in all of them: nothing is sent unasked to who is silent.
        self.options = {"blksize": blksize, "windowsize": window}
        self.blksize, self.window = 512, 1
        self.there, self.back = there or Wire(), back or Wire()
        self.timer, self.patience, self.make_peer = timer, patience, make_peer
        self.said, self.records, self.trouble = None, [], None
        self.queue, self.order = [], itertools.count()
        self.quiet_until = None

    # The wire.

    def open(self, lane):
        self.peer = (self.make_peer or lane.peer)()
        self.peer.socket.setblocking(False)
        self.lane, self.asked = lane, 0
        self.name = self.own_name()
        # Its request may be lost, or come again when the first transfer is over.
        lane.ledger.note(self.name, None, client=self.peer.address, port=self.peer.port)
        self.heard_at = time.monotonic()
        self.ask()

    def own_name(self):
        return self.name

    def close(self, lane):
        lane.peers_open.remove(self.peer)
        self.peer.close()

    def put(self, raw):
        now = time.monotonic()
        for when, packet in self.there.carry(now, raw):
            self.later(when, now, packet, False)

    def later(self, when, now, raw, is_ours):
        if when <= now:
            self.deliver(raw, is_ours)
        else:
            heapq.heappush(self.queue, (when, next(self.order), raw, is_ours))

    def deliver(self, raw, is_ours):
        if is_ours:
            self.heard_at = time.monotonic()
            self.take(raw)
            return
        is_request = raw[1] in (tftp.RRQ, tftp.WRQ)
        self.asked += is_request
        try:
            self.peer.socket.sendto(raw, not is_request and self.peer.tid or self.peer.server)
        except OSError:
            pass            # an ICMP that came for the packet before; or a network that is cut

    def on_ready(self):
        for _ in range(1000):
            try:
                raw, source = self.peer.socket.recvfrom(tftp.BIGGEST)
            except BlockingIOError:
                return
            except OSError:
                continue
            if self.peer.tid is None and source[1] != self.peer.server[1]:
                self.peer.tid = source
            if source != self.peer.tid:
                continue
            now = time.monotonic()
            for when, packet in self.back.carry(now, raw):
                self.later(when, now, packet, True)

    def on_time(self, now):
        while self.queue and self.queue[0][0] <= now:
            _, _, raw, is_ours = heapq.heappop(self.queue)
            self.deliver(raw, is_ours)
        if self.said is not None:
            return
        if now - self.heard_at > self.patience:
            self.end("silence")
        elif now >= self.repeat_at:
            self.repeat()

    def meddle(self, size):
        """The fault that comes when so much is through."""
        if self.act is not None and size >= self.at:
            act, self.act = self.act, None
            act()

    # What both say.

    def ask(self):
        opcode = tftp.RRQ if self.IS_READ else tftp.WRQ
        self.repeat_at = time.monotonic() + self.timer
        # Who asks once more may hear another transfer.
        self.peer.tid = None
        self.put(tftp.request_bytes(opcode, self.name, self.mode, list(self.options.items())))

    def take(self, raw):
        if len(raw) < 4:
            return
        op, number = struct.unpack("!HH", raw[:4])
        if op == tftp.ERROR and self.said is None:
            self.end(f"error {number}: {tftp.Packet(raw, None).text}")
        elif op == tftp.OACK and not self.has_begun():
            self.blksize, self.window = tftp.Peer.granted(tftp.Packet(raw, None))
            self.begin()
        elif op == self.WANTED:
            self.take_number(number, raw[4:])

    def end(self, said):
        self.said = said
        self.quiet_until = time.monotonic() + (self.dally if said == "done" else 0.0)
        if said == "silence" and self.peer.tid is not None:
            self.put(tftp.error_bytes(0, "timed out"))

    def is_over(self, now):
        """It has its answer, dallied, and the server has written its own down."""
        return self.said is not None and now >= self.quiet_until and \
            bool(self.records or self.lane_knows_nothing(now))

    def lane_knows_nothing(self, now):
        """Nothing that it said came through: there is nothing to write down."""
        return self.said == "silence" and now > self.quiet_until + 5 and not self.records

    # Held against the record.

    def fault(self):
        """What is wrong with the transfer, or None."""
        if self.trouble or self.said is None:
            return self.trouble or "it has not come to an end"
        if self.said != "done" and self.peer.tid is None and not self.records:
            return None         # nobody heard it
        if not self.records:
            return f"no record of it, and it says {self.said!r}"
        ids = [record["id"] for record in self.records]
        if len(set(ids)) != len(ids) or len(ids) > self.asked:
            return f"{len(ids)} records for {self.asked} requests"
        return self.fault_of({record["outcome"] for record in self.records})

    def __str__(self):
        return f"{type(self).__name__} {self.what} {self.options} {len(self.content)} bytes"


class Reader(Polite):
    IS_READ, WANTED = True, tftp.DATA

    def ask(self):
        self.got, self.expected, self.in_window, self.told, self.acked = [], 1, 0, False, None
        super().ask()

    def has_begun(self):
        return self.expected > 1

    def begin(self):
        self.ack()

    def take_number(self, number, payload):
        ahead = (number - self.expected) & 0xFFFF
        if ahead == 0 and self.said is None:
            self.accept(payload)
        elif 0 < ahead < FAR:
            if not self.told:
                self.told = True
                self.ack()
        elif self.acked is not None and number == self.acked & 0xFFFF:
            self.ack()

    def accept(self, payload):
        self.got.append(payload)
        self.meddle(self.expected * self.blksize)
        self.told = False
        self.expected += 1
        self.in_window += 1
        is_last = len(payload) < self.blksize
        if is_last or self.in_window == self.window:
            self.ack()
        if is_last:
            self.end("done")

    def ack(self):
        self.in_window, self.acked = 0, self.expected - 1
        self.repeat_at = time.monotonic() + self.timer
        self.put(tftp.ack_bytes(self.acked))

    def repeat(self):
        if self.acked is None:
            self.ask()
        else:
            self.ack()

    def fault_of(self, outcomes):
        if self.said == "done":
            if b"".join(self.got) != self.content:
                return "other content"
            # The last ACK may be lost, and all that repeat it.
            if not outcomes & {*SUCCESS, "timeout", "vanished"}:
                return f"it is done, and the records say {self.records}"
        elif "complete" in outcomes:
            return f"it says {self.said!r}, and the records {self.records}"
        return None


class Writer(Polite):
    """Its file is NAME-PORT, so that each has one."""

    IS_READ, WANTED = False, tftp.ACK

    def own_name(self):
        return f"{self.name}-{self.peer.port}"

    def ask(self):
        self.acked, self.sent = None, 0
        super().ask()

    def has_begun(self):
        return self.acked is not None

    def begin(self):
        self.acked = 0
        self.send_window()

    def last(self):
        return len(self.content) // self.blksize + 1

    def take_number(self, number, _):
        if self.acked is None or self.said is not None:
            return
        news = (number - self.acked) & 0xFFFF
        if 0 < news <= self.sent - self.acked:
            self.acked += news
            self.meddle(self.acked * self.blksize)
            if self.acked == self.last():
                self.end("done")
            else:
                self.send_window()
        elif news == 0 and self.window > 1 and time.monotonic() - self.sent_at > 0.005:
            self.send_window()

    def send_window(self):
        self.sent = min(self.acked + self.window, self.last())
        self.sent_at = time.monotonic()
        self.repeat_at = self.sent_at + self.timer
        for index in range(self.acked + 1, self.sent + 1):
            at = (index - 1) * self.blksize
            self.put(tftp.data_bytes(index, self.content[at:at + self.blksize]))

    def repeat(self):
        if self.acked is None:
            self.ask()
        else:
            self.send_window()

    def fault_of(self, outcomes):
        path = self.lane.root / self.name
        is_there = path.exists()
        if is_there and path.read_bytes() != self.content:
            return "a file with other content stands there"
        if self.said == "done" and not is_there:
            return f"it is done, and no file stands there: {self.records}"
        if is_there != ("complete" in outcomes):
            return f"{'a' if is_there else 'no'} file stands there, and the records say {self.records}"
        return None


def run_all(lane, clients, at_once=16, seconds=60):
    """Each client to its end, `at_once` side by side; the tail of the log is theirs."""
    poll, tail = select.epoll(), Tail(lane.log)
    waiting, running, by_port = list(reversed(clients)), {}, {}
    deadline = time.monotonic() + seconds
    try:
        while (waiting or running) and time.monotonic() < deadline:
            while waiting and len(running) < at_once:
                client = waiting.pop()
                client.open(lane)
                poll.register(client.peer.socket, select.EPOLLIN)
                running[client.peer.socket.fileno()] = by_port[client.peer.port] = client
            for fd, _ in poll.poll(0.002):
                running[fd].on_ready()
            now = time.monotonic()
            for client in running.values():
                client.on_time(now)
            take_records(tail, by_port)
            for fd in [fd for fd, client in running.items() if client.is_over(now)]:
                client = running.pop(fd)
                poll.unregister(fd)
                client.close(lane)
        # Who answered last hears of its end a moment later.
        for client in running.values():
            client.close(lane)
    finally:
        poll.close()
    return clients


def take_records(tail, by_port):
    for record in tail.look():
        client = by_port.get(record.get("client_port"))
        if client is not None and record["event"] == "transfer":
            client.records.append(record)


def check_all(clients):
    faults = [f"{client}: {problem}" for client in clients if (problem := client.fault())]
    check(not faults, f"{len(faults)} of {len(clients)} transfers:\n" + "\n".join(faults[:5]))
    return clients


def outcomes(clients):
    """What became of them, in a few words."""
    count = {}
    for client in clients:
        ends = [record["outcome"] for record in client.records] or ["unheard"]
        last = next((end for end in ends if end in SUCCESS), ends[-1])
        key = f"{'done' if client.said == 'done' else 'failed'}/{last}"
        count[key] = count.get(key, 0) + 1
    return " ".join(f"{key} {number}" for key, number in sorted(count.items()))
