"""The engine at the limit: each single loss, copied ACKs, each window and block size.

The simulator tries far more; here the same holds end to end, with real sockets.
The clients are small state machines, many at a time in one loop, and do what RFC
7440 says: acknowledge the end of a window, and the last block in order at a gap,
once.  Whatever else they do is told to them.
"""

import collections
import functools
import random
import select
import struct
import time

import tftp
from harness import check, check_equal, of_peer, run, Tail

BLOCKS, BLKSIZE = 40, 64
SIZE = (BLOCKS - 1) * BLKSIZE + 5
SOL_UDP, UDP_SEGMENT = 17, 103
MOST_SEGMENTS, MOST_BYTES = 64, 65507
WINDOW_BYTES = 512 << 10        # a window is cut to this
FAR = 1 << 15                   # a number that is further ahead is an old one


# The clients.

class Client:
    """What reading and writing have in common.

    drop_data  index of the block whose first copy is lost
    drop_ack   which ACK is lost; 0 is the one that answers or is the OACK
    loss       the share of packets that is lost, each way, by a die
    timer      seconds after which a writer sends its window again
    """

    def __init__(self, name, content, window=1, blksize=BLKSIZE, mode="octet", *, drop_data=None,
                 drop_ack=None, loss=0.0, seed=1, server="127.0.0.1", timer=0.3):
        self.name, self.content, self.mode = name, memoryview(content), mode
        self.options = {"blksize": blksize}
        if window > 1:
            self.options["windowsize"] = window
        self.drop_data, self.drop_ack, self.loss = drop_data, drop_ack, loss
        self.die, self.server, self.timer = random.Random(seed), server, timer
        self.blksize, self.window = 512, 1          # until an OACK says otherwise
        self.acks = self.timeouts = 0
        self.heard = collections.Counter()          # DATA of each block, OACKs as 0
        self.is_done, self.trouble, self.record = False, None, None
        self.begin = self.deadline = 0.0

    def open(self, lane):
        self.peer = lane.peer((self.server, 69))
        self.socket = self.peer.socket
        self.socket.setblocking(False)
        self.begin = time.monotonic()
        self.ask()

    def close(self, lane):
        self.on_ready()         # what is still there counts
        lane.peers_open.remove(self.peer)
        self.peer.close()

    def on_ready(self):
        for _ in range(10000):
            try:
                raw, source = self.socket.recvfrom(tftp.BIGGEST)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue        # it has gone; its record says why
            if self.peer.tid is None:
                self.peer.tid = source
                self.socket.connect(source)
            if not self.is_lost():
                self.on_packet(raw, *struct.unpack("!HH", raw[:4]))

    def on_time(self, now):
        pass

    def is_lost(self):
        return self.loss and self.die.random() < self.loss

    def take_oack(self, raw):
        self.blksize, self.window = tftp.Peer.granted(tftp.Packet(raw, None))

    def send(self, raw, segment=0):
        """As one datagram, or cut by the kernel into datagrams of that many bytes."""
        control = [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", segment))] if segment else []
        try:
            self.socket.sendmsg([raw], control)
        except ConnectionRefusedError:
            pass

    def blocks(self):
        return len(self.content) // self.options["blksize"] + 1

    def has_ended(self):
        """An upload's record comes before its last ACK, which may be lost."""
        return self.record and (self.is_done or self.record["outcome"] != "complete")

    def fault(self):
        """What is wrong with the transfer, or None."""
        if self.trouble or not self.is_done or self.record is None:
            return self.trouble or f"not {'done' if self.record else 'ended'} in time: {self.record}"
        if (self.record["outcome"], self.record["bytes"]) != ("complete", len(self.content)):
            return f"the record says {self.record}"
        return self.other_fault()

    def __str__(self):
        what = {"drop_data": self.drop_data, "drop_ack": self.drop_ack}
        faults = [f"{key}={value}" for key, value in what.items() if value is not None]
        return " ".join([type(self).__name__, f"{len(self.content)} bytes", str(self.options),
                         *faults, *self.manners()])


class Reader(Client):
    """Fetches a file, and compares each block as it comes.

    copies     how often each ACK is sent
    is_burst   the copies come as one, cut by the kernel
    manner     what it says to a block that is not the next one.  By the RFC: a gap is
               told once, and an ACK is repeated when the block that it was for comes
               again.  "edk2" acknowledges the last block in order each time.  "again"
               does so when that block comes again, also inside a window, as a client
               does that was written for windowsize 1
    """

    def __init__(self, *args, copies=1, is_burst=False, manner="rfc", **how):
        super().__init__(*args, **how)
        self.copies, self.is_burst, self.manner = copies, is_burst, manner
        self.expected, self.offset, self.in_window, self.acked = 1, 0, 0, None
        self.gaps, self.told = 0, False

    def ask(self):
        self.peer.read(self.name, self.mode, **self.options)

    def on_packet(self, raw, op, block):
        if op == tftp.DATA:
            self.on_data(block, memoryview(raw)[4:])
        elif op == tftp.OACK:
            self.heard[0] += 1
            self.take_oack(raw)
            if self.expected == 1:
                self.ack()
        else:
            self.trouble = self.trouble or f"block {self.expected}: {tftp.Packet(raw, self.peer.tid)}"

    def on_data(self, block, payload):
        ahead = (block - self.expected) & 0xFFFF
        index = self.expected + (ahead if ahead < FAR else ahead - 0x10000)
        self.heard[index] += 1
        if index == self.drop_data and self.heard[index] == 1:
            return
        if ahead == 0 and not self.is_done:
            self.accept(payload)
            return
        is_gap = 0 < ahead < FAR and not self.told
        self.gaps += is_gap
        self.told = self.told or is_gap
        known = self.expected - 1 if self.manner == "again" else self.acked
        if is_gap or index == known or self.manner == "edk2":
            self.ack()

    def accept(self, payload):
        end = self.offset + len(payload)
        if payload != self.content[self.offset:end]:
            self.trouble = f"block {self.expected} has other bytes ({len(payload)})"
        self.offset, self.told = end, False
        self.expected += 1
        self.in_window += 1
        self.is_done = len(payload) < self.blksize
        if self.is_done or self.in_window == self.window:
            self.ack()

    def ack(self):
        self.in_window, self.acked, number = 0, self.expected - 1, self.acks
        self.acks += 1
        if number == self.drop_ack or self.is_lost():
            return
        raw = tftp.ack_bytes(self.acked)
        if not self.is_burst:
            for _ in range(self.copies):
                self.send(raw)
            return
        for at in range(0, self.copies, MOST_SEGMENTS):
            self.send(raw * min(self.copies - at, MOST_SEGMENTS), len(raw))

    def data_heard(self):
        return self.heard.total() - self.heard[0]

    def other_fault(self):
        if self.offset != len(self.content):
            return f"only {self.offset} bytes came"
        if self.record["packets_sent"] != self.heard.total() and not self.loss:
            return f"{self.heard.total()} packets came, and the record says {self.record}"
        return None

    def manners(self):
        if self.copies > 1:
            return [f"each ACK {self.copies} times {'as one' if self.is_burst else ''}"]
        return [self.manner]


class Writer(Client):
    """Stores a file.

    how        singly: a datagram at a time; as one: cut by the kernel into datagrams;
               mixed: now this, now that; doubled: as one, each block twice
    stored     what has to stand there afterwards
    is_patient whether it waits for a repeated ACK rather than for its own timer
    """

    def __init__(self, *args, how="singly", stored=None, is_patient=False, **rest):
        super().__init__(*args, **rest)
        self.how, self.stored, self.is_patient = how, stored, is_patient
        self.acked, self.sent, self.gaps = None, 0, 0
        if is_patient:
            self.timer = 5.0

    def ask(self):
        self.stem, self.name = self.name, f"{self.name}-{self.peer.port}"
        self.peer.write(self.name, self.mode, **self.options)
        self.deadline = self.begin + self.timer

    def on_packet(self, raw, op, block):
        number = self.acks
        self.acks += 1
        if number == self.drop_ack:
            return
        if op == tftp.OACK:
            self.take_oack(raw)
            block = 0
        elif op != tftp.ACK:
            self.trouble = self.trouble or f"block {self.acked}: {tftp.Packet(raw, self.peer.tid)}"
            return
        if not self.is_done:
            self.on_ack(block)

    def on_ack(self, block):
        if self.acked is None:
            self.acked = 0
            self.send_window()
            return
        news = (block - self.acked) & 0xFFFF
        if 0 < news <= self.sent - self.acked:
            self.gaps += self.acked + news < self.sent
            self.acked += news
            self.is_done = self.acked == self.blocks()
            if not self.is_done:
                self.send_window()
        elif news == 0 and (self.window > 1 or self.is_patient):
            self.gaps += 1
            self.send_window()

    def on_time(self, now):
        if now >= self.deadline and self.acked is not None and not self.is_done:
            self.timeouts += 1
            self.send_window()

    def send_window(self):
        end = min(self.acked + self.window, self.blocks())
        packets = []
        for index in range(self.acked + 1, end + 1):
            if index == self.drop_data and index > self.sent or self.is_lost():
                continue
            at = (index - 1) * self.blksize
            packets += [tftp.data_bytes(index, self.content[at:at + self.blksize])] * \
                (2 if self.how == "doubled" else 1)
        self.sent = max(self.sent, end)
        self.deadline = time.monotonic() + self.timer
        while packets:
            packets = self.send_some(packets)

    def send_some(self, packets):
        """Send the first of them; returns the rest."""
        length = len(packets[0])
        most = min(MOST_SEGMENTS, MOST_BYTES // length)
        if self.how == "singly" or self.how == "mixed" and self.die.random() < 0.3:
            most = 1
        elif self.how == "mixed":
            most = self.die.randint(1, most)
        count = 1
        # All are of one length, only the last may be shorter.
        while count < min(most, len(packets)) and len(packets[count - 1]) == length:
            count += 1
        if len(packets[count - 1]) > length:
            count -= 1
        self.send(b"".join(packets[:count]), length if count > 1 else 0)
        return packets[count:]

    def look_at_file(self, lane):
        """Compare what was stored, and make room."""
        path = lane.root / self.name
        if not path.exists():
            self.trouble = self.trouble or f"{self.name} was not stored"
        else:
            wanted = self.content if self.stored is None else self.stored
            if path.read_bytes() != wanted:
                self.trouble = self.trouble or "other content was stored"
            path.unlink()

    def other_fault(self):
        return None

    def manners(self):
        return [self.how] + (["patient"] if self.is_patient else [])


def run_all(lane, clients, at_once=6, seconds=60):
    """Each client to its end and record, `at_once` side by side."""
    poll, tail = select.epoll(), Tail(lane.log)
    waiting, running, by_port = collections.deque(clients), {}, {}
    deadline = time.monotonic() + seconds
    try:
        while (waiting or running) and time.monotonic() < deadline:
            while waiting and len(running) < at_once:
                client = waiting.popleft()
                client.open(lane)
                poll.register(client.socket, select.EPOLLIN)
                running[client.socket.fileno()] = by_port[client.peer.port] = client
            is_ending = any(client.is_done for client in running.values())
            for fd, _ in poll.poll(0.001 if is_ending else 0.02):
                running[fd].on_ready()
            now = time.monotonic()
            for client in running.values():
                client.on_time(now)
            for record in tail.look():
                client = by_port.get(record.get("client_port"))
                if client is not None and record["event"] == "transfer":
                    client.record = record
            for client in [c for c in running.values() if c.has_ended()]:
                retire(lane, client, poll, running)
    finally:
        poll.close()
        for client in running.values():
            client.trouble = client.trouble or f"still running after {seconds} s"
            client.close(lane)
    return clients


def retire(lane, client, poll, running):
    poll.unregister(client.socket)
    del running[client.socket.fileno()]
    client.close(lane)
    if isinstance(client, Writer):
        client.look_at_file(lane)


def check_cases(lane, makers, judge=lambda client: None, **how):
    """Run what the makers make.  All have to be right at once; the judge's bounds are
    tried three times, alone: on a busy machine the server may take a client for lost.
    A defect shows each time."""
    clients = run_all(lane, [make() for make in makers], **how)
    check_right(clients)
    for _ in range(3):
        makers = [make for make, client in zip(makers, clients) if judge(client)]
        if not makers:
            return
        clients = run_all(lane, [make() for make in makers], at_once=1)
        check_right(clients)
    complaints = [f"{client}: {judge(client)}" for client in clients if judge(client)]
    check(not complaints, f"{len(complaints)} break a bound:\n" + "\n".join(complaints[:8]))


def check_right(clients):
    faults = [f"{client}: {client.fault()}" for client in clients if client.fault()]
    check(not faults, f"{len(faults)} of {len(clients)} went wrong:\n" + "\n".join(faults[:8]))


def some(lane, cases):
    """All cases, or for an instrumented server a few of each kind."""
    return cases[::23] if lane.quick else cases


# One loss.

WINDOWS = (1, 2, 4, 8, 64)


def one_timeout(client):
    timeouts = client.record["timeouts"] + client.timeouts
    if timeouts > 1:
        return f"{client.record['timeouts']} timeouts of the server, {client.timeouts} of the client"
    return too_many(client) if isinstance(client, Reader) else None


def too_many(client):
    """DATA beyond the blocks, and a window for each timeout and for each gap reported."""
    repairs = client.record["timeouts"] + (client.gaps if client.window > 1 else 0)
    most = client.blocks() + client.window * repairs
    sent = max(client.data_heard(), client.record["packets_sent"] - client.heard[0])
    if sent > most:
        return f"{sent} DATA for {client.blocks()} blocks, and {repairs} repairs of {client.window}"
    return None


def small_file(lane):
    lane.serve()
    content = lane.content(SIZE, seed=40)
    lane.file("forty", content)
    return content


def reads_lose_one_data(lane):
    content = small_file(lane)
    check_cases(lane, some(lane, [
        functools.partial(Reader, "forty", content, window, drop_data=index)
        for window in WINDOWS for index in range(1, BLOCKS + 1)]), one_timeout)


def reads_lose_one_ack(lane):
    content = small_file(lane)
    check_cases(lane, some(lane, [
        functools.partial(Reader, "forty", content, window, drop_ack=number)
        for window in WINDOWS for number in range(acks_for(window) + 1)]), one_timeout)


def acks_for(window):
    return -(-BLOCKS // window)


def larger_reads_lose_one_data(lane):
    """Going back must also find its place in what was read ahead, and in netascii."""
    lane.serve()
    content = lane.content(1428 * 700 + 9, seed=46)
    lane.file("larger", content)
    text = bytes(random.Random(47).choices(b"\r\nab", k=30_000))
    lane.file("text", text)
    wire = text.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
    makers = [functools.partial(Reader, "larger", content, window, 1428, drop_data=index)
              for window in (1, 3, 16, 64) for index in (*range(1, 701, 29), 699, 700, 701)]
    makers += [functools.partial(Reader, "text", wire, window, 512, "netascii", drop_data=index)
               for window in (1, 3, 16, 64) for index in range(1, len(wire) // 512 + 2, 7)]
    check_cases(lane, some(lane, makers), one_timeout)


def writes_lose_one_data(lane):
    """By the client's timer, and by the server's, which repeats its ACK after a second."""
    content = small_file(lane)
    check_cases(lane, some(lane, [
        functools.partial(Writer, "forty-up", content, window, drop_data=index, is_patient=is_patient)
        for is_patient in (False, True)
        for window in WINDOWS for index in range(1, BLOCKS + 1)]), one_timeout, at_once=40)


def writes_lose_one_ack(lane):
    content = small_file(lane)
    check_cases(lane, some(lane, [
        functools.partial(Writer, "forty-up", content, window, drop_ack=number)
        for window in WINDOWS for number in range(acks_for(window) + 1)]), one_timeout, at_once=40)


def gap_in_one_datagram(lane):
    """The kernel hands out a window as one: the lost block is missing in its middle."""
    content = small_file(lane)
    check_cases(lane, some(lane, [
        functools.partial(Writer, "forty-gap", content, window, drop_data=index, how=how)
        for how in ("as one", "mixed", "doubled")
        for window in (4, 16, 64) for index in range(1, BLOCKS + 1)]), at_once=20)


# Copied ACKs.

def copied_acks(lane):
    """RFC 1123 4.2.3.1, also with windows: nothing was lost, so nothing may double."""
    content = small_file(lane)
    check_cases(lane, some(lane, [
        functools.partial(Reader, "forty", content, window, copies=copies, is_burst=is_burst)
        for window in (1, 4, 16) for copies in (2, 3, 10, 100) for is_burst in (False, True)
        for _ in range(4)]), too_many)


def gap_told_often(lane):
    """EDK2: the window's rest makes an ACK each; the server goes back once."""
    content = small_file(lane)
    check_cases(lane, some(lane, [
        functools.partial(Reader, "forty", content, window, drop_data=index, manner="edk2")
        for window in (4, 8, 16, 64) for index in range(1, BLOCKS + 1)
        if not is_tail(index, window)]), more_than_twice)


def is_tail(index, window):
    return index % window == 0 or index == BLOCKS


def old_blocks_acknowledged(lane):
    """A window comes again by the timer, and the client says something to its old blocks:
    taken for a gap, that would bring all that follows twice, to the end of the file."""
    content = small_file(lane)
    lost = [("drop_data", window, index) for window in (2, 4, 8, 16, 64)
            for index in range(1, BLOCKS + 1) if is_tail(index, window)]
    lost += [("drop_ack", window, number) for window in (2, 4, 8, 16, 64)
             for number in range(acks_for(window) + 1)]
    check_cases(lane, some(lane, [
        functools.partial(Reader, "forty", content, window, manner=manner, **{what: number})
        for manner in ("edk2", "again") for what, window, number in lost]), more_than_twice)


def more_than_twice(client):
    most = max(client.heard.values())
    if most > 2 or client.record["timeouts"] > 1:
        return f"a block came {most} times, with {client.record['timeouts']} timeouts"
    return None


# Every size.

MATRIX_WINDOWS = (1, 2, 3, 4, 7, 16, 64)
MATRIX_BLKSIZES = (8, 512, 1428, 1468, 8192, 65464)


def sizes_for(blksize, window):
    """Around the borders of a block, of a window, and of what one call can send."""
    window = min(window, max(WINDOW_BYTES // blksize, 1))
    batch = min(MOST_SEGMENTS, MOST_BYTES // (blksize + 4))
    borders = {blksize, window * blksize, 2 * window * blksize, batch * blksize}
    return sorted({0, 1, (window + 1) * blksize, (batch + 1) * blksize + 3} |
                  {border + more for border in borders for more in (-1, 0, 1)})


def matrix(lane, blksizes=MATRIX_BLKSIZES, windows=MATRIX_WINDOWS):
    """(content, window, blksize): the content is a beginning of one and the same."""
    whole = lane.content(2 * WINDOW_BYTES + 70000, seed=41)
    return [(memoryview(whole)[:size], window, blksize) for blksize in blksizes
            for window in windows for size in sizes_for(blksize, window)]


def readers_of(lane, cases, **how):
    makers = []
    for content, window, blksize in cases:
        name = f"size-{len(content)}"
        if not (lane.root / name).exists():
            lane.file(name, bytes(content))
        makers.append(functools.partial(Reader, name, content, window, blksize, **how))
    return makers


def writers_of(cases, how, **more):
    return [functools.partial(Writer, "size-up", content, window, blksize, how=how, **more)
            for content, window, blksize in cases]


def not_as_asked(client):
    """The matrix means nothing when the server grants something else."""
    window = min(client.options.get("windowsize", 1), max(WINDOW_BYTES // client.blksize, 1))
    if (client.blksize, client.window) != (client.options["blksize"], window):
        return f"blksize {client.blksize} and windowsize {client.window} were granted"
    return None


def read_matrix(lane):
    lane.serve()
    check_cases(lane, readers_of(lane, some(lane, matrix(lane))), not_as_asked)


def read_matrix_ipv6(lane):
    lane.serve(address="::")
    cases = matrix(lane, blksizes=(512, 1428, 65464), windows=(1, 7, 64))
    check_cases(lane, readers_of(lane, some(lane, cases), server="::1"), not_as_asked)


def write_matrix(how, lane):
    lane.serve()
    check_cases(lane, writers_of(some(lane, matrix(lane)), how), not_as_asked)


def netascii_matrix(lane):
    """A CR at the border of a block, of a window, of a batch."""
    lane.serve()
    die, makers = random.Random(42), []
    for blksize in (8, 512, 1428):
        for window in (2, 7, 16, 64):
            for size in (1, blksize, blksize * window - 1, blksize * window, 3 * blksize * window + 1):
                stored = bytes(die.choices(b"\r\n\0ab", k=size))
                wire = stored.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
                name = f"netascii-{len(makers)}"
                lane.file(name, stored)
                makers.append(functools.partial(Reader, name, wire, window, blksize, "netascii"))
                makers += [functools.partial(Writer, f"{name}-up", wire, window, blksize, "netascii",
                                             how=how, stored=stored) for how in ("singly", "mixed")]
    check_cases(lane, some(lane, makers), not_as_asked)


def too_long_in_a_batch(lane):
    """Blocks that are longer than was agreed, taken in as one: ERROR 4, nothing stored."""
    lane.serve()
    for length in (65, 100, 1000):
        client = Writer("too-long", b"x" * length * 3, 4, length, how="as one")
        client.peer = peer = lane.peer()
        client.socket = peer.socket
        peer.write("too-long", blksize=64, windowsize=4)
        peer.expect(tftp.OACK)
        peer.socket.connect(peer.tid)
        client.send_some([tftp.data_bytes(index, b"x" * length) for index in (1, 2, 3)])
        check_equal(peer.expect(tftp.ERROR).code, 4, f"code for blocks of {length}")
        record = lane.log.wait_end(**of_peer(peer))
        check_equal((record["outcome"], record["bytes"]), ("invalid", 0), "the end record")
        check(not (lane.root / "too-long").exists(), "it was stored")


def small_mtu(lane):
    """A packet over the MTU cannot be cut off a large one: it goes alone, in fragments."""
    run(lane.ip(), "link", "set", "lo", "mtu", "1500")
    try:
        lane.serve("-s", "-c", "-B", "65464", lane.root)
        cases = some(lane, matrix(lane, (1467, 1468, 1469, 1500, 8192, 65464), (1, 4, 64)))
        check_cases(lane, readers_of(lane, cases) + writers_of(cases, "singly"), not_as_asked)
        cases = some(lane, matrix(lane, (1428, 1468), (4, 64)))
        check_cases(lane, writers_of(cases, "as one"), not_as_asked)
        granted_for_mtu(lane)
    finally:
        run(lane.ip(), "link", "set", "lo", "mtu", "65536")


def granted_for_mtu(lane):
    """max-blksize = auto, which is what holds without -B."""
    lane.serve(address="::")
    lane.file("granted", b"")
    for address, most in (("127.0.0.1", 1468), ("::1", 1448)):
        for asked, granted in ((65464, most), (most + 1, most), (most, most), (512, 512)):
            peer = lane.peer((address, 69))
            peer.read("granted", blksize=asked)
            check_equal(peer.expect(tftp.OACK).options["blksize"], str(granted),
                        f"blksize for {asked} at {address}")
            peer.error(0)
            lane.log.wait_end(**of_peer(peer))


# A network that loses.

LOSSES = (      # window, share lost each way, seconds at most
    (1, 0.01, 25.0), (16, 0.01, 5.0), (1, 0.05, 60.0))


def lossy_reads(lane):
    """8 MB; how long it may take is the bench's question, this is ten times that."""
    lane.serve()
    content = lane.content(8 << 20, seed=43)
    lane.file("lossy", content)
    clients = run_all(lane, [
        Reader("lossy", content, window, 1428, loss=loss, seed=44 + number)
        for number, (window, loss, _) in enumerate(LOSSES)], seconds=90)
    check_right(clients)
    for client, (window, loss, most) in zip(clients, LOSSES):
        took = client.record["duration_us"] / 1e6
        lane.note(f"8 MB, windowsize {window}, {loss:.0%} lost each way: {took:.1f} s, "
                  f"{client.record['timeouts']} timeouts")
        check(took <= most * lane.slowness, f"{client}: {took:.1f} s, not {most}")


def lossy_small(lane):
    lane.serve()
    content = lane.content(200_000, seed=45)
    lane.file("lossy-small", content)
    makers = [functools.partial(kind, "lossy-small", content, window, 1428, loss=loss, seed=seed)
              for kind in (Reader, Writer) for window in (1, 4, 16)
              for seed, loss in ((1, 0.01), (2, 0.05))]
    check_cases(lane, makers[::3] if lane.quick else makers, at_once=12)


def tests(mode):
    return {"losses": LOSS_TESTS, "sizes": SIZE_TESTS}[mode]


LOSS_TESTS = (
    ("each lost DATA of a read costs a timeout at most", reads_lose_one_data, True),
    ("a loss in a larger file too, also in netascii", larger_reads_lose_one_data, True),
    ("each lost ACK of a read costs a timeout at most", reads_lose_one_ack, True),
    ("each lost DATA of an upload costs a timeout at most", writes_lose_one_data, True),
    ("each lost ACK of an upload costs a timeout at most", writes_lose_one_ack, True),
    ("a block that is missing in a received batch is asked for", gap_in_one_datagram, True),
    ("ACKs that come up to 100 times make no DATA", copied_acks, True),
    ("a gap that each following block reports is repaired once", gap_told_often, True),
    ("old blocks that the client acknowledges do not double what follows",
     old_blocks_acknowledged, True),
    ("200 KB arrive through a network that loses, both ways", lossy_small, True),
    ("8 MB arrive through a network that loses", lossy_reads, False),
)

SIZE_TESTS = (
    ("reads of all window, block and file sizes are equal", read_matrix, True),
    ("reads over IPv6 too", read_matrix_ipv6, True),
    ("uploads of all sizes are equal, a datagram at a time",
     functools.partial(write_matrix, "singly"), True),
    ("uploads of all sizes are equal, a batch at a time",
     functools.partial(write_matrix, "as one"), True),
    ("uploads of all sizes are equal, batches and datagrams mixed",
     functools.partial(write_matrix, "mixed"), True),
    ("netascii of all window sizes is equal, both ways", netascii_matrix, True),
    ("blocks longer than agreed are refused, also in a batch", too_long_in_a_batch, True),
    ("blocks above the MTU arrive, and none is granted by itself", small_mtu, True),
)
