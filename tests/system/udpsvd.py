#!/usr/bin/env python3
"""What busybox's udpsvd does with its socket, for where busybox has none.

    udpsvd.py ADDRESS PORT PROGRAM ARGUMENT...

For each datagram it looks at (and leaves) where that came from, connects its own
socket to there, makes another for those who come later, and starts the program on
the first.  Between the two nobody listens: who asks then has to ask again.
"""

import socket
import subprocess
import sys


def listener(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock, (address, port)


def main(address, port, *program):
    sock, local = listener(address, int(port))
    sock.bind(local)
    running = []
    while True:
        _, peer = sock.recvfrom(0, socket.MSG_PEEK)
        own, (sock, local) = sock, listener(*local)
        own.connect(peer)
        sock.bind(local)
        running = [child for child in running if child.poll() is None]
        running.append(subprocess.Popen(program, stdin=own, stdout=own))
        own.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
