"""The real clients: how each has to be called."""

import subprocess


class Client:
    """A program that gets and puts files in octet mode, and its options."""

    def __init__(self, name, get, put):
        self.name, self.get_words, self.put_words = name, get, put

    def run(self, lane, words, host, remote, local):
        places = {"host": host, "port": "69", "remote": remote, "local": str(local),
                  "url": f"tftp://{'[%s]' % host if ':' in host else host}/{remote};mode=octet"}
        command = [word.format(**places) for word in words]
        if "/" in command[0]:
            command[0] = str(lane.peer_program(command[0]))
        return subprocess.run(command, env=lane.environment(peers=command[0] != "curl"),
                              cwd=lane.scratch, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60 * lane.slowness)

    def get(self, lane, host, remote, local):
        return self.run(lane, self.get_words, host, remote, local)

    def put(self, lane, host, remote, local):
        return self.run(lane, self.put_words, host, remote, local)


def atftp(name, *options):
    words = [word for option in options for word in ("--option", option)]
    return Client(name,
                  ["usr/bin/atftp", *words, "-g", "-r", "{remote}", "-l", "{local}", "{host}", "{port}"],
                  ["usr/bin/atftp", *words, "-p", "-r", "{remote}", "-l", "{local}", "{host}", "{port}"])


CLIENTS = (
    # Its default is netascii, and -c takes the rest of the line.
    Client("tftp-hpa",
           ["usr/bin/tftp", "-m", "binary", "{host}", "{port}", "-c", "get", "{remote}", "{local}"],
           ["usr/bin/tftp", "-m", "binary", "{host}", "{port}", "-c", "put", "{local}", "{remote}"]),
    atftp("atftp"),
    atftp("atftp-window", "windowsize 16"),
    Client("curl",
           ["curl", "-sS", "-o", "{local}", "{url}"],
           ["curl", "-sS", "-T", "{local}", "{url}"]),
    Client("busybox",
           ["bin/busybox", "tftp", "-g", "-r", "{remote}", "-l", "{local}", "{host}", "{port}"],
           ["bin/busybox", "tftp", "-p", "-r", "{remote}", "-l", "{local}", "{host}", "{port}"]),
)
