"""What the documents tell a reader to type is typed, in a machine of the reader's own.

Each document has a scene: mounts, network and processes that nobody else sees, this
machine's files below an overlay, the programs installed as the package does it, and
xinetd running.  HACKING, "Documents", says how a block tells what it is; a block that
does not fails here, and so does a command that ends with an error.
"""

import functools
import json
import os
import pathlib
import re
import select
import subprocess
import tempfile

from harness import check, check_equal, descendants, is_running, run, until

TOP = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 20                    # may a command take; times the slowness
SHOWN = {"text", "json", "ini", "yaml", "xml", "nginx", "xinetd", "inetd", "dnsmasq", "promql", "ipxe",
         "grub", "pxelinux", "kea", "dhcpd", "c", "diff", "mib"}
TRIED = {"sh", "console", "conf", "map"}
# Words behind "sh" that leave a block to somebody else, and to whom.
LEFT = {"systemd": "make check-packages", "build": "make", "elsewhere": "another machine"}
WORDS = {"watch", "fails", "or"} | set(LEFT)

SCENE = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o size=800m,mode=755 tmpfs "$SCENE"
cd "$SCENE"
mkdir up work usr-up usr-work root
mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
usr=/usr
[ -z "$PEERS" ] || usr=$PEERS/usr:$STAGE.peers:/usr
mount -t overlay overlay -o "lowerdir=$usr,upperdir=usr-up,workdir=usr-work" root/usr
cd root
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
for place in run var/log srv root tmp; do
	mount -t tmpfs -o mode=755 tmpfs "$place"
done
chmod 1777 tmp
mkdir run/lock
rm -rf var/lib/tftpd* etc/tftpd* etc/xinetd* etc/snmp
cp -a "$STAGE"/. .
# What programs of another prefix know by their own place.
if [ -e elsewhere ]; then
	mount --bind etc "$(cat elsewhere)/etc"
	mount --bind usr/sbin "$(cat elsewhere)/sbin"
fi
[ -z "$PEERS" ] || cp -a "$PEERS"/etc/xinetd* "$PEERS"/etc/snmp etc 2>/dev/null || :
sed -i '/^tftpd/d; s/^\(adm:.*:\).*/\1/' etc/passwd etc/group
mkdir -p etc/xinetd.d
rm -f etc/xinetd.d/[!t]* etc/xinetd.d/t[!f]*
echo '192.0.2.1 SERVER tftp.example.net tftp.example.org' >>etc/hosts
cat >usr/sbin/service <<'END'
#!/bin/sh
# In the place of Debian's: xinetd and inetd, and it waits until they are ready.
said=/run/$1.log
case $1 in
xinetd) start="xinetd -dontfork -stayalive -pidfile /run/xinetd.pid -filelog $said" ;;
openbsd-inetd | inetd) start="inetd -i" ;;
snmpd) start="snmpd -f -Lo" ;;
*) echo "$1: no such service here" >&2; exit 1 ;;
esac
case $2 in
start)
	$start </dev/null >/dev/null 2>&1 8>&- 9>&- &
	echo $! >/run/"$1".own ;;
restart)
	[ ! -e /run/"$1".own ] || "$0" "$1" stop
	exec "$0" "$1" start ;;
stop)
	kill "$(cat /run/"$1".own)" || exit
	while kill -0 "$(cat /run/"$1".own)" 2>/dev/null; do sleep 0.02; done
	exit ;;
reload)
	kill -HUP "$(cat /run/"$1".own)" || exit ;;
esac
case $1 in
xinetd) wanted='working\|Reconfigured' ;;
snmpd)
	until ss -Hlun sport = :161 | grep -q .; do sleep 0.02; done
	exit ;;
*)
	until ss -Hlun sport = :69 | grep -q .; do sleep 0.02; done
	exit ;;
esac
tries=0
until [ "$(grep -c "$wanted" "$said" 2>/dev/null)" -gt "$(cat /run/"$1".seen 2>/dev/null || echo 0)" ]; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || exit 1
	sleep 0.02
done
grep -c "$wanted" "$said" >/run/"$1".seen
END
chmod 755 usr/sbin/service
ip link set lo up
for net in 192.0.2.1/24 198.51.100.1/24 203.0.113.1/24 10.0.0.1/8 172.16.0.1/12; do
	ip addr add $net dev lo
done
ip addr add 2001:db8::1/64 dev lo nodad
exec chroot . env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
	TERM=dumb bash --norc --noprofile
"""

# The state that the package leaves; the map of names is what examples ask for.
INSTALLED = """
cd /root
set -a
systemd-sysusers tftpd.conf $(test -e /usr/lib/sysusers.d/tftpd-status.conf && echo tftpd-status.conf)
systemd-tmpfiles --create tftpd.conf $(test -e /usr/lib/tmpfiles.d/tftpd-status.conf && echo tftpd-status.conf)
head -c 42430 /dev/urandom >/srv/tftp/pxelinux.0
chmod 644 /srv/tftp/pxelinux.0
service xinetd start
"""

# README is plain text without marks: what to do with its commands.
PLAIN_LEFT = (
    ("./quickstart", "build"), ("./autogen.sh", "build"), ("make", "build"), ("sudo apt", "elsewhere"),
    ("apt", "elsewhere"), ("dnf", "elsewhere"), ("dpkg", "elsewhere"), ("systemctl", "systemd"),
    ("/usr/sbin/tftpd -s", "elsewhere"),   # the value of server_args, not a command
)
# What a reader has who has come to that place by another way than from the top.
PLAIN_BEFORE = (
    ("systemd-sysusers", "userdel tftpd-status; userdel tftpd; :"),
    ("useradd --system --home-dir /srv/tftp", "userdel tftpd-status; userdel tftpd; rm -rf /var/lib/tftpd*"),
    ("tftpd-stats", "curl -so /dev/null tftp://127.0.0.1/pxelinux.0"),
)
ENDLESS = ("tftpd-stats top", "tftpd-stats follow")


class Block:
    """A piece of a document: where, what kind, words behind the kind, its lines."""

    def __init__(self, line, info, lines):
        words = info.split()
        self.line, self.kind, self.words, self.lines = line, words[0] if words else "", words[1:], lines

    @property
    def text(self):
        return "".join(f"{line}\n" for line in self.lines)

    def left_to(self):
        return next((LEFT[word] for word in self.words if word in LEFT), None)

    def needs(self):
        return [word[6:] for word in self.words if word.startswith("needs=")]

    def path(self):
        return next((word for word in self.words if word.startswith("/")), None)


# Reading.

def documents():
    """All, by their path from the top."""
    found = ["README", *(str(path.relative_to(TOP)) for folder in ("doc", "examples", "packaging", "tests/boots")
                         for path in sorted((TOP / folder).rglob("*.md")))]
    return found


def blocks_of(text):
    """The fenced blocks of a text in Markdown, and hidden ones: <!-- scene ... -->."""
    found, lines, i = [], text.splitlines(), 0
    while i < len(lines):
        fence = re.match(r"( *)(```+)(.*)$", lines[i])
        if fence:
            end = next((k for k in range(i + 1, len(lines)) if lines[k].strip() == fence[2]), None)
            check(end is not None, f"line {i + 1}: a block without an end")
            cut = len(fence[1])
            found.append(Block(i + 1, fence[3], [line[cut:] if not line[:cut].strip() else line
                                                 for line in lines[i + 1:end]]))
            i = end
        elif lines[i].startswith("<!-- scene"):
            end = next((k for k in range(i, len(lines)) if lines[k].endswith("-->")), None)
            check(end is not None, f"line {i + 1}: a scene without an end")
            found.append(Block(i + 1, "scene", [*lines[i + 1:end], lines[end].removesuffix("-->")]))
            i = end
        i += 1
    return found


def indented_blocks(text):
    """Lines that Markdown would show as a block, and that have no kind."""
    fenced, before = False, ""
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r" *```", line):
            fenced = not fenced
        elif not fenced and re.match(r"( {4,}|\t)\S", line) and not before:
            yield number
        before = line.strip()


def plain_blocks(text):
    """Paragraphs behind a tab: commands, with what they do behind further tabs, a
    configuration, or a list of documents."""
    found, number = [], 1
    for paragraph in re.split(r"\n\n", text):
        lines = paragraph.split("\n")
        taken = [line for line in lines if line.startswith("\t")]
        if taken:
            found.append(plain_block(number + lines.index(taken[0]), taken))
        number += len(lines) + 1
    return found


def plain_block(number, lines):
    lines = [line[1:] for line in lines]
    if any(re.match(r"[a-z-]+ += |client \"", line) for line in lines):
        return Block(number, "conf", [re.sub(r"\t+#.*", "", line) for line in lines])
    if re.match(r"(man \w|doc/|[A-Z]{4})", lines[0]):
        return Block(number, "list", lines)
    if lines[0].startswith("tftp dgram"):
        return Block(number, "inetd", lines)
    commands = [re.sub(r"(?<=\S)\t.*", "", line) for line in lines if not line.startswith("\t")]
    return Block(number, "sh", commands)


def commands_of(lines):
    """Whole commands, however many lines each has."""
    found, command = [], ""
    for line in lines:
        command += line + "\n"
        if not command.strip() or all(part.lstrip().startswith("#") for part in command.splitlines()):
            command = ""
        elif not line.endswith("\\") and is_whole(command):
            found.append(command)
            command = ""
    check(not command, f"not a whole command: {command!r}")
    return found


@functools.lru_cache(maxsize=None)
def is_whole(command):
    done = subprocess.run(["bash", "-n"], input=command.encode(), capture_output=True, timeout=20)
    return done.returncode == 0 and not done.stderr


def console_commands(lines):
    """(command, lines that it is to print), from a block with prompts."""
    found = []
    for line in lines:
        prompt = re.match(r"[$#] (.*)", line)
        if found and found[-1][0].endswith("\\\n") and not found[-1][1]:
            found[-1][0] += line.removeprefix("> ") + "\n"
        elif prompt:
            found.append([prompt[1] + "\n", []])
        else:
            check(found, f"a block of kind console begins with {line!r}")
            found[-1][1].append(line)
    return found


def likeness(command, told, said):
    """What is printed has most words of what the document shows; numbers differ."""
    words = re.findall("[A-Za-z]{3,}", " ".join(told))
    missing = [word for word in words if word not in said]
    check(len(missing) * 3 <= len(words), f"{command.strip()} prints\n{said[-1500:]}\nwithout {missing}")


# Running.

class Scene:
    """A shell in a machine of its own."""

    def __init__(self, lane):
        self.lane = lane
        folder = pathlib.Path(tempfile.mkdtemp(dir=lane.scratch))
        self.out = open(folder / "out", "ab+", buffering=0)
        self.marks, told = os.pipe()
        env = {**lane.environment(), "SCENE": str(folder), "STAGE": str(stage(lane)),
               "PEERS": str(lane.peers) if (lane.peers / "usr/sbin/xinetd").exists() else ""}
        # 8 and 9 are what the shell says what happened by
        script = f"exec 8>&{self.out.fileno()} 9>&{told}\n{SCENE}"
        self.shell = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script],
            stdin=subprocess.PIPE, stdout=self.out, stderr=self.out, env=env, cwd="/",
            pass_fds=(self.out.fileno(), told))
        os.close(told)
        for line in commands_of(INSTALLED.strip().splitlines()):
            self.succeed(line)

    def run(self, command):
        """(status, what it printed)."""
        self.out.truncate(0)
        self.shell.stdin.write(f"{{ {command}\n}} </dev/null >&8 2>&1; echo $? >&9\n".encode())
        self.shell.stdin.flush()
        ready, _, _ = select.select([self.marks], [], [], SECONDS * self.lane.slowness)
        mark = os.read(self.marks, 100) if ready else b""
        self.out.seek(0)
        said = self.out.read().decode(errors="replace")
        check(mark.strip(), f"{command.strip()}: no end in {SECONDS} s, or the end of the shell\n{said}")
        # --explain has 1 for the answer that it is refused
        return 0 if "--explain" in command and int(mark) == 1 else int(mark), said

    def succeed(self, command):
        status, said = self.run(command)
        check_equal(status, 0, f"status of: {command.strip()}\n{said[-1500:]}")
        return said

    def fail(self, command):
        status, said = self.run(command)
        check(status != 0, f"this was to fail: {command.strip()}\n{said[-1500:]}")
        return said

    def watch(self, command):
        """What runs until somebody presses ^C is alive after a moment."""
        status, said = self.run(f"timeout 0.4 bash -c {quoted(command)}")
        check(status in (0, 124), f"status {status} of: {command.strip()}\n{said[-1500:]}")

    def has(self, program):
        return self.run(f"command -v {program}")[0] == 0

    def write(self, path, text):
        self.succeed(f"mkdir -p {os.path.dirname(path)}; printf %s {quoted(text)} >{path}")

    def close(self):
        """The shell is the first process of its namespace: all others end with it."""
        family = descendants(self.shell.pid)
        self.shell.stdin.close()
        try:
            self.shell.wait(10 * self.lane.slowness)
        except subprocess.TimeoutExpired:
            self.shell.kill()
            self.shell.wait()
        self.out.close()
        os.close(self.marks)
        until(lambda: not any(map(is_running, family)), 10 * self.lane.slowness, "the scene's processes are gone")


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def stage(lane):
    """What `make install` makes, under /usr and /etc wherever this build's own places are."""
    place = lane.scratch / "stage"
    if place.exists():
        return place
    first = lane.scratch / "stage.first"
    run("make", "-C", lane.build, "-s", "install", f"DESTDIR={first}")
    prefix, = (path.parent.parent for path in first.rglob("sbin/tftpd"))
    (place / "usr").mkdir(parents=True)
    own = prefix.relative_to(first)
    if str(own) != "usr":
        relocate(first, own)
        (place / "elsewhere").write_text(f"{own}\n")
    for folder in first.iterdir():
        run("cp", "-a", folder, place / "usr" if folder.name == "lib" else place)
    for folder in ("sysusers.d", "tmpfiles.d"):
        for path in first.rglob(f"{folder}/*.conf"):
            (place / "usr/lib" / folder).mkdir(parents=True, exist_ok=True)
            run("cp", path, place / "usr/lib" / folder)
    merge_peers(lane.peers, lane.scratch / "stage.peers")
    return place


def merge_peers(peers, place):
    """What Debian unpacks beside /usr (systemd-sysusers) and finds below it."""
    place.mkdir()
    for folder in ("bin", "sbin", "lib"):
        if (peers / folder).exists():
            run("cp", "-a", peers / folder, place)


def relocate(first, own):
    """From /usr/local, say, to /usr: the programs know their own file of configuration
    and each other, so the old places lead to the new ones."""
    (first / "usr").mkdir(exist_ok=True)
    for path in (first / own).rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".gz" and "bin" not in path.parent.name:
            text = path.read_bytes()
            path.write_bytes(text.replace(b"/%s/etc/" % bytes(own), b"/etc/").replace(b"/%s/" % bytes(own), b"/usr/"))
    run("cp", "-a", f"{first / own}/.", first / "usr")
    if (first / "usr/etc").exists():
        run("cp", "-a", first / "usr/etc", first)
        run("rm", "-r", first / "usr/etc")
    run("rm", "-r", first / own)


class Reader:
    """Goes through one document and types what it says."""

    def __init__(self, lane, name, text=None):
        self.lane, self.name, self.scene = lane, name, None
        self.text = (TOP / name).read_text() if text is None else text
        self.plain = not name.endswith(".md")
        self.run, self.checked, self.left = 0, 0, {}

    def read(self):
        try:
            self.walk()
        finally:
            if self.scene:
                self.scene.close()
        told = ", ".join([f"{self.run} commands run"] * bool(self.run) +
                         [f"{self.checked} checked otherwise"] * bool(self.checked) +
                         [f"{count} left to {whom}" for whom, count in self.left.items()])
        self.lane.note(f"{self.name}: {told or 'no commands'}")

    def walk(self):
        blocks = plain_blocks(self.text) if self.plain else blocks_of(self.text)
        if not self.plain:
            loose = list(indented_blocks(self.text))
            check(not loose, f"indented blocks without a kind in lines {loose}")
        for block in blocks:
            self.one(block)

    def one(self, block):
        try:
            check(not block.kind or block.kind in SHOWN | TRIED | {"scene", "list"},
                  f"a block of the unknown kind {block.kind!r}")
            getattr(self, f"do_{block.kind or 'json'}", lambda _: None)(block)
        except AssertionError as error:
            raise type(error)(f"{self.name}, block in line {block.line}: {error}") from None

    def machine(self):
        if not self.scene:
            self.scene = Scene(self.lane)
        return self.scene

    def do_sh(self, block):
        unknown = [w for w in block.words if w not in WORDS and not w.startswith("needs=")]
        check(not unknown, f"unknown words: {unknown}")
        commands = commands_of(block.lines)
        whom = block.left_to() or next((f"those who have {program}" for program in block.needs()
                                        if not self.machine().has(program)), None)
        if whom:
            return self.leave(whom, len(commands))
        if "or" in block.words:
            # another way to the same end, by somebody who begins with it
            own, self.scene = self.scene, Scene(self.lane)
        try:
            for command in commands:
                self.type(command, block.words)
        finally:
            if "or" in block.words:
                self.scene.close()
                self.scene = own

    def type(self, command, words):
        if self.plain:
            whom = next((LEFT[word] for begin, word in PLAIN_LEFT if command.startswith(begin)), None)
            if whom:
                return self.leave(whom, 1)
            for begin, before in PLAIN_BEFORE:
                if command.startswith(begin):
                    self.machine().succeed(before)
        self.run += 1
        scene = self.machine()
        if "watch" in words or self.plain and command.startswith(ENDLESS):
            scene.watch(command)
        elif "fails" in words:
            scene.fail(command)
        else:
            scene.succeed(command)

    def do_console(self, block):
        if block.left_to():
            return self.leave(block.left_to(), len(console_commands(block.lines)))
        for command, output in console_commands(block.lines):
            check(is_whole(command), f"not a whole command: {command!r}")
            self.run += 1
            status, said = self.machine().run(command)
            check((status != 0) == ("fails" in block.words), f"status {status} of: {command.strip()}\n{said[-1500:]}")
            if any(output):
                likeness(command, output, said)

    def do_scene(self, block):
        for command in commands_of(block.lines):
            self.machine().succeed(command)

    def do_conf(self, block):
        """A configuration, or a part of one."""
        self.checked += 1
        scene, text = self.machine(), block.text
        for folder in re.findall(r'"(/[^"*]*)"', " ".join(re.findall(r"root\s*=\s*\{?([^}\n]*)", text))):
            scene.succeed(f"mkdir -p {folder}")
        path = block.path() or "/root/part.conf"
        scene.write(path, text)
        scene.succeed(f"tftpd -f {path} --check")

    def do_map(self, block):
        self.checked += 1
        scene = self.machine()
        scene.write(block.path() or "/root/part.map", block.text)
        scene.succeed(f"echo /some/name | tftpd -m {block.path() or '/root/part.map'} --map-test -")

    def do_text(self, block):
        if block.path():
            self.machine().write(block.path(), block.text)

    do_xinetd = do_inetd = do_ini = do_yaml = do_pxelinux = do_ipxe = do_grub = do_text

    def do_dnsmasq(self, block):
        self.do_text(block)
        scene = self.machine()
        if not scene.has("dnsmasq"):
            return self.leave("those who have dnsmasq", 1)
        self.checked += 1
        scene.write("/root/dnsmasq.conf", block.text)
        scene.succeed("dnsmasq --test -C /root/dnsmasq.conf")

    def do_json(self, block):
        if block.text.lstrip().startswith("{"):
            self.checked += 1
            try:
                json.loads(block.text)
            except ValueError:
                # lines that were broken
                for line in block.text.replace("\n ", "").splitlines():
                    json.loads(line)
        else:
            check(block.kind == "json", "a block without a kind that is no JSON")

    def do_list(self, block):
        """Documents and manuals that are named are there."""
        for line in block.lines:
            name = re.sub(r"\t.*", "", line)
            manual = re.match(r"man (\S+)", name)
            found = list((TOP / "man").glob(f"{manual[1]}.[1-9]*")) if manual else [(TOP / name)]
            check(found and all(path.exists() for path in found), f"{name} is not there")
            self.checked += 1

    def leave(self, whom, count):
        self.left[whom] = self.left.get(whom, 0) + count


# What texts name.

# Of xinetd, and of services of systemd's that are spelled so.
OTHERS_KEYS = {"wait", "user", "disable", "cps", "instances", "flags", "bind", "server", "per_source", "groups"}

def names_are_real(lane):
    """Options behind the name of a program, keys, and make's targets in HACKING."""
    known, wrong = {}, []
    keys = set(re.findall(r"(?m)^#?\s*([a-z][a-z-]+) = ", (TOP / "doc/tftpd.conf.sample").read_text()))
    for program, manual in (("tftpd", "tftpd.8"), ("tftpd-stats", "tftpd-stats.1"), ("tftpd-status", "tftpd-status.8")):
        texts = [path.read_text().replace("\\-", "-") for path in (TOP / "man").glob(f"{manual}*")]
        check(texts, f"no {manual}")
        known[program] = set(re.findall(r"(?:Fl Fl |Fl -|--)([a-z][a-z-]+)", texts[0]))
    count = 0
    for name in documents():
        for program, rest in re.findall(r"\b(tftpd(?:-stats|-status)?) ([^`\n|]*)", (TOP / name).read_text()):
            for option in re.findall(r"(?<!\S)--([a-z][a-z-]+)", rest.split(" # ")[0]):
                count += 1
                if option not in known[program] | {"help"} and not option.startswith("no-such"):
                    wrong.append(f"{name}: {program} --{option}")
        for key in re.findall(r"`([a-z][a-z-]+) = [^`]*`", (TOP / name).read_text()):
            if key not in keys | OTHERS_KEYS:
                wrong.append(f"{name}: {key} =")
    check(not wrong, f"no such options or keys: {wrong}")
    rules = "".join(path.read_text() for path in (TOP / "Makefile.am", *TOP.glob("tests/**/local.mk"),
                                                   *TOP.glob("packaging/**/local.mk")))
    targets = set(re.findall(r"(?m)^\tmake ([a-z][a-z-]*)|, make ([a-z][a-z-]*)\t", (TOP / "HACKING").read_text()))
    targets = {one or other for one, other in targets}
    missing = {t for t in targets if not re.search(rf"(?m)^(\S+ )*{t}( \S+)*:", rules)} - \
        {"check", "install", "distcheck", "dist"}
    check(not missing, f"HACKING names targets that are not there: {missing}")
    lane.note(f"{count} options and {len(targets)} targets named")


# Texts of log and syslog.

CALLS = r"\b(access_refuse|refuse_with|refuse_by|engine_end|end_by_order|diag_log|notice|note_unusable|" \
        r"note_configuration|failed|failed_wall|snprintf|access_set_text|bury)\("
# What snprintf() makes a text of that is told, by its first argument.
TOLD = r"(text|why|message|out|open_way|w->link|w->closed|b->why|t->a\.verdict\.message)\b"
LITERALS = r'(?:"(?:[^"\\]|\\.)*"\s*)+'


def argument_lists(source):
    """(function, its arguments as they stand) of the calls that tell something."""
    source = re.sub(r"/\*.*?\*/", " ", source, flags=re.S)
    for call in re.finditer(CALLS, source):
        end, depth = call.end(), 1
        for piece in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]', source[call.end():]):
            depth += {"(": 1, ")": -1}.get(piece[0], 0)
            if depth == 0:
                end = call.end() + piece.start()
                break
        yield call[1], source[call.end():end]


def formats():
    """Each format of a text, and where it stands."""
    found = {}
    places = [*(TOP / "src/daemon").glob("*.c"), *(TOP / "src/core").glob("engine*.c"),
              *(TOP / "src/policy").glob("access.c"), *(TOP / "src/os").glob("launch.c"),
              *(TOP / "src/os").glob("sandbox.c"), *(TOP / "src/status").glob("*.c")]
    for path in sorted(places):
        if path.name in ("explain.c", "tools.c", "trail.c", "service.c"):
            continue        # what --check and --explain print
        for name, arguments in argument_lists(path.read_text()):
            if name == "snprintf" and not re.match(TOLD, arguments) or \
                    path.parent.name == "status" and name != "diag_log":
                continue
            for literal in re.findall(LITERALS, arguments):
                text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literal)).replace('\\"', '"')
                if " " in text.strip() and re.search("[a-z]{3}", re.sub("%[.a-z0-9*-]*", "", text)):
                    found[text] = path.name
        # constants that a text is made of
        for text in [] if path.parent.name == "status" else re.findall(r'return "([A-Z][^"]+)";|open_way = "([^"]+)"', path.read_text()):
            found["".join(text)] = path.name
    return found


def as_pattern(text):
    pieces = re.split(r"%[-.*0-9]*(?:ll|z|h)?[a-z]", text)
    return ".*".join(map(re.escape, pieces))


def texts_are_documented(lane):
    """Both ways: each text of the source stands in doc/outcomes.md, and each of a table
    there is one of the source's."""
    document = (TOP / "doc/outcomes.md").read_text()
    told = set(re.findall(r"`([^`\n]+)`", document))
    tables = document[document.index("## What the client is told"):document.index("## Exit statuses")]
    # an outcome or a code can stand before it
    rows = re.findall(r"(?m)^\| (?:`[a-z]+` \| |\d \| )?`([^`]+ [^`]+)` \|", tables)
    known = formats()
    patterns = {text: as_pattern(text) for text in known}
    missing = [f"{where}: {text}" for text, where in known.items()
               if not any(re.search(patterns[text], one) for one in told)]
    check(not missing, "not in doc/outcomes.md:\n" + "\n".join(missing))
    strange = [row for row in rows if not re.fullmatch("[A-Z]+: REASON", row) and not any(
        re.match(pattern, row) or re.search(pattern + "$", row) for pattern in patterns.values())]
    check(not strange, "of doc/outcomes.md, not in the source:\n" + "\n".join(strange))
    lane.note(f"{len(known)} texts in the source, {len(rows)} rows")


MISTAKES = (
    "```sh\nfalse\n```\n",
    "```sh\ntrue &&\n```\n",
    "```sh fails\ntrue\n```\n",
    "```sh watch\nfalse\n```\n",
    "```console\n# echo other things\nwhat is shown\n```\n",
    "```conf\nno-such-key = 1\n```\n",
    "```map\nr\n```\n",
    "```shell\ntrue\n```\n",
    "```sh sometimes\ntrue\n```\n",
    "```\ntrue\n```\n",
    "Type\n\n    true\n",
    "```sh\ntrue\n",
)


def mistakes_are_found(lane):
    scene = Scene(lane)
    for text in MISTAKES:
        reader = Reader(lane, "mistake.md", text)
        reader.scene = scene
        try:
            reader.walk()
        except AssertionError:
            continue
        check(False, f"nothing is said about {text!r}")
    scene.close()


def links_lead_somewhere(lane):
    """From one document to another, and to its headings."""
    wrong, count = [], 0
    for name in documents()[1:]:
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", (TOP / name).read_text()):
            path = (TOP / name).parent / target if target else TOP / name
            count += 1
            if not path.exists() or anchor and anchor not in anchors(path.read_text()):
                wrong.append(f"{name}: {target}#{anchor}")
    check(not wrong, f"links to nothing: {wrong}")
    lane.note(f"{count} links")


def anchors(text):
    """Of headings, as forges make them."""
    headings = re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^```.*?^```$", "", text))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def documents_are_installed(lane):
    rules = (TOP / "Makefile.am").read_text()
    missing = [path.name for path in (TOP / "doc").glob("*.md") if f"doc/{path.name}" not in rules]
    check(not missing, f"not in dist_doc_DATA of Makefile.am: {missing}")


def reading(name):
    def function(lane):
        Reader(lane, name).read()
    return function


TESTS = (
    *((f"what {name} tells to type works", reading(name), False) for name in documents()),
    ("options and targets that are named exist", names_are_real, False),
    ("a mistake in a document is found", mistakes_are_found, False),
    ("links lead to documents and headings", links_lead_somewhere, False),
    ("every document is installed", documents_are_installed, False),
    ("doc/outcomes.md has every text, and no other", texts_are_documented, False),
)
