"""The blocks ```sh systemd of the documents: commands that only a real systemd can try.

HACKING says how documents are tried; this is the part that the lane "documents" of
tests/system leaves out.  A command about somebody else's unit (dnsmasq, prometheus)
is left out here, too.  "systemctl edit UNIT" writes the block ```ini that follows.
"""

import pathlib
import re

from harness import check, check_equal, run
from world import SERVICE, SOCKET, STATUS

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PLACES = ("doc/*.md", "examples/*/*.md", "packaging/*.md", "packaging/*/*.md")
FENCED = re.compile(r"(?ms)^```([^\n]*)\n(.*?)^```$")
OURS = re.compile(r"\btftpd[\w@.-]*")


def commands_of(text):
    """(command, what follows "systemctl edit") of each line in such a block."""
    blocks = FENCED.findall(text)
    for number, (kind, body) in enumerate(blocks):
        if kind.split()[:2] != ["sh", "systemd"]:
            continue
        for line in body.splitlines():
            line = re.sub(r"\s+#.*|^#.*", "", line).strip()
            if line:
                following = blocks[number + 1] if number + 1 < len(blocks) else ("", "")
                yield line, following[1] if following[0].startswith("ini") else None


def is_ours(line):
    """No unit in it but ours."""
    words = [word for word in line.split() if not word.startswith("-")]
    if words[:1] != ["systemctl"]:
        return True
    return all(OURS.match(word) and not word.startswith("tftpd-hpa") for word in words[2:])


def documents(world):
    m = world.machine
    for address in ("192.0.2.1/24", "2001:db8::1/64"):
        run("ip", "addr", "add", address, "dev", "lo")
    m.run("install", "-d", "-o", "tftpd", "/data/tftp")
    m.run("install", "-d", "/var/lib/prometheus/node-exporter")
    monitoring = next(path for path in m.path("/usr/share/doc").rglob("tftpd-textfile.timer")).parent
    tried, left = 0, []
    for path in sorted(path for place in PLACES for path in TOP.glob(place)):
        commands, edited = list(commands_of(path.read_text())), set()
        if commands:
            world.configure()
        for line, following in commands:
            if not is_ours(line):
                left.append(f"{path.name}: {line}")
                continue
            tried += 1
            words = line.split()
            if words[:2] == ["systemctl", "edit"]:
                check(following, f"{path.name}: what is written after {line!r} does not follow as ```ini")
                unit = words[2] if "." in words[2] else words[2] + ".service"
                edited.add(unit)
                m.drop_in(unit, following)
                continue
            if words[:2] == ["systemctl", "reload"]:
                # There is somebody to be told.
                world.fetch()
            script = f"M=/{monitoring.relative_to(m.root)}\n{line}"
            done = m.run("sh", "-ec", script, status=None)
            # 3: status of a unit that nobody has asked yet
            check(done.status == 0 or (words[1] == "status" and done.status == 3),
                  f"{path.name}: {line}: exit {done.status}\n{done.out}")
        if commands:
            try_edited(world, path.name, edited)
    check(tried, "no document has such a block")
    world.note(f"{tried} commands tried; about other units: {', '.join(left)}")
    for address in ("192.0.2.1/24", "2001:db8::1/64"):
        run("ip", "addr", "del", address, "dev", "lo")


def try_edited(world, document, edited):
    """systemd takes what was written, and our sockets listen with it."""
    m = world.machine
    m.systemctl("stop", "tftpd-textfile.timer", status=None)
    for unit in sorted(edited):
        told = m.run("systemd-analyze", "verify", "--man=no", unit.replace("@.", "@1."), status=None)
        check_equal((told.status, told.out), (0, ""), f"{document}: {unit}")
    m.systemctl("stop", SERVICE)
    m.systemctl("restart", SOCKET, STATUS)
    world.healthy()
    for unit in edited:
        m.drop_in(unit, "")
    m.systemctl("restart", SOCKET, STATUS)


SCENES = (("the documents' commands about units", documents),)
