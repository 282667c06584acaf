"""The boot storm: a rack is switched on, and everybody asks at once.

Superservers start a program for the first datagram only, throw away what waits
when it exits (xinetd), and switch a service off that starts too often (all of
them).  So one start has to carry the whole storm.
"""

import functools

import storm
from harness import check, check_equal, until

CLIENTS, SPREAD = 500, 0.1


def tests(mode):
    table = [
        ("500 clients within 100 ms are all served by one start and ask once",
         functools.partial(boot_storm, mode), False),
        ("50 clients at once are all served by one start",
         functools.partial(small_storm, mode), mode == "xinetd"),
    ]
    if mode == "xinetd":
        table += [
            ("100 reads of 4 MB at once, with windows, are all correct",
             functools.partial(many_reads, mode), False),
            ("20 uploads of 1 MB at once are all correct",
             functools.partial(many_writes, mode), False),
        ]
    return table


def address(number):
    """A client's address of its own, out of 127.0.0.0/8."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


def warm_up(lane, mode):
    """The first request starts the server, which then raises its receive buffer:
    cold, the kernel's default queue holds no more than 256."""
    server = lane.serve(mode=mode)
    peer = lane.peer()
    lane.file("warm-up", b"up")
    check_equal(peer.get("warm-up"), b"up", "the warm-up file")
    return server, server.wait_keeper()


def boot_storm(mode, lane, count=CLIENTS):
    server, keeper = warm_up(lane, mode)
    content, name = lane.content(2048), f"boot-for-{count}"
    lane.file(name, content)
    clients = [storm.Reader(address(n), ("127.0.0.1", 69), name, content,
                            tsize=0, blksize=1468) for n in range(count)]
    note(lane, clients)
    result = storm.rush(clients, SPREAD, 20 * lane.slowness)
    close(clients)
    check_served(result, count)
    check(result.sending < 2 * SPREAD * lane.slowness,
          f"the test was too slow: asking took {result.sending:.3f} s")
    check_equal(server.keeper(), keeper, "the server's pid after the storm")
    if mode == "xinetd":
        check_equal(server.activations(), 1, "starts by xinetd")
    check_records(lane, clients)


def small_storm(mode, lane):
    boot_storm(mode, lane, 50)


def many_reads(mode, lane):
    server, keeper = warm_up(lane, mode)
    content = lane.content(4 << 20, seed=4)
    lane.file("load-4m", content)
    clients = [storm.Reader(address(n), ("127.0.0.1", 69), "load-4m", content,
                            blksize=1428, windowsize=8) for n in range(100)]
    note(lane, clients)
    result = storm.rush(clients, SPREAD, 60)
    close(clients)
    check_served(result, len(clients))
    check_equal(server.keeper(), keeper, "the server's pid afterwards")
    check_records(lane, clients)


def many_writes(mode, lane):
    warm_up(lane, mode)
    clients = []
    for n in range(20):
        content = lane.content(1 << 20, seed=100 + n)
        clients.append(storm.Writer(address(n), ("127.0.0.1", 69), f"load-up-{n}", content,
                                    blksize=1428, windowsize=8 if n % 2 else 1))
    note(lane, clients)
    result = storm.rush(clients, 0.05, 60)
    close(clients)
    check_served(result, len(clients))
    for client in clients:
        stored = (lane.root / client.name).read_bytes()
        check(stored == client.content, f"{client.name} has other content")
    check_records(lane, clients)


def note(lane, clients):
    for client in clients:
        lane.ledger.note(client.name, client=client.address, port=client.port)


def close(clients):
    # Not before everybody is done: a closed port would answer for a late packet.
    for client in clients:
        client.socket.close()


def check_served(result, count):
    check(not result.wrong, f"{len(result.wrong)} got something wrong: {result.wrong[:5]}")
    check(not result.silent, f"{len(result.silent)} of {count} were not served: {result.silent[:5]}")
    check(not result.asked_twice, f"{len(result.asked_twice)} had to ask twice")
    check_equal(len(result.served), count, "clients that were served")


def check_records(lane, clients):
    """One start and one end, complete, for each port."""
    ports = {(c.address, c.port, c.name) for c in clients}

    def mine(records):
        return [r for r in records if (r["client"], r["client_port"], r["file"]) in ports]

    until(lambda: len(mine(lane.log.ends())) >= len(clients), 5 * lane.slowness,
          "every client's end record")
    ends, starts = mine(lane.log.ends()), mine(lane.log.starts())
    check_equal(len(ends), len(clients), "end records")
    check_equal(len(starts), len(clients), "start records")
    other = [r for r in ends if r["outcome"] != "complete"]
    check(not other, f"{len(other)} ends are not complete: {other[:2]}")
