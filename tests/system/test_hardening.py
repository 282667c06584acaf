"""What compiler and linker have done against exploits, read from the programs."""

import os
import platform
import struct

from harness import check, check_equal

PROGRAMS = {
    "tftpd": {"libc", "libcap", "libconfuse", "libseccomp"},
    "tftpd-stats": {"libc", "libz"},
    "tftpd-status": {"libc", "libcrypt", "libmicrohttpd", "libseccomp", "libz"},
}

# elf(5), and the property notes of each processor's psABI.
EXECUTABLE, WRITABLE = 1, 2
PT_LOAD, PT_DYNAMIC = 1, 2
PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY = 0x6474e551, 0x6474e552, 0x6474e553
DT_NEEDED, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_RPATH, DT_TEXTREL = 1, 5, 6, 10, 15, 22
DT_BIND_NOW, DT_RUNPATH, DT_FLAGS, DT_FLAGS_1 = 24, 29, 30, 0x6ffffffb
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 0x4, 0x8, 0x1, 0x8000000
ET_DYN = 3
# IBT and SHSTK of x86-64; BTI and PAC of aarch64
BRANCH_PROPERTY = {"x86_64": (0xc0000002, 3), "aarch64": (0xc0000000, 3)}
ENDBR64 = b"\xf3\x0f\x1e\xfa"


class Elf:
    """A 64-bit ELF file of this machine's byte order."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        check(self.data[:5] == b"\x7fELF\x02", f"{path} is no 64-bit ELF file")
        self.kind, = struct.unpack_from("=H", self.data, 16)
        start, = struct.unpack_from("=Q", self.data, 32)
        size, count = struct.unpack_from("=HH", self.data, 54)
        # type, flags, offset, address, physical, bytes in the file, in memory
        self.segments = [struct.unpack_from("=IIQQQQQ", self.data, start + i * size)
                         for i in range(count)]
        self.dynamic = self.read_dynamic()

    def of_type(self, kind):
        return [segment for segment in self.segments if segment[0] == kind]

    def content(self, segment):
        return self.data[segment[2]:segment[2] + segment[5]]

    def read_dynamic(self):
        pairs = []
        for segment in self.of_type(PT_DYNAMIC):
            pairs += struct.iter_unpack("=QQ", self.content(segment))
        return pairs

    def values(self, tag):
        return [value for name, value in self.dynamic if name == tag]

    def flags(self, tag):
        return sum(self.values(tag))

    def at(self, address):
        """The place in the file of an address."""
        for _, _, offset, start, _, size, _ in self.of_type(PT_LOAD):
            if start <= address < start + size:
                return address - start + offset
        raise AssertionError(f"address {address:#x} is in no segment")

    def strings(self):
        start = self.at(self.values(DT_STRTAB)[0])
        return self.data[start:start + self.values(DT_STRSZ)[0]]

    def string(self, offset):
        table = self.strings()
        return table[offset:table.index(b"\0", offset)].decode()

    def needed(self):
        return [self.string(offset) for offset in self.values(DT_NEEDED)]

    def imports(self):
        """The names of the dynamic symbols; the table ends where the strings begin."""
        begin, end = self.at(self.values(DT_SYMTAB)[0]), self.at(self.values(DT_STRTAB)[0])
        return {self.string(name) for name, *_ in
                struct.iter_unpack("=IBBHQQ", self.data[begin:begin + (end - begin) // 24 * 24])}

    def property(self, wanted):
        """The bits of a GNU property, 0 without it."""
        for segment in self.of_type(PT_GNU_PROPERTY):
            note = self.content(segment)
            name_size, size, _ = struct.unpack_from("=III", note)
            at = 12 + (name_size + 3) // 4 * 4
            end = at + size
            while at + 8 <= end:
                kind, length = struct.unpack_from("=II", note, at)
                if kind == wanted:
                    return struct.unpack_from("=I", note, at + 8)[0]
                at += 8 + (length + 7) // 8 * 8
        return 0


def programs(lane):
    """The programs as they are built, without a sanitizer's or valgrind's wrapping;
    tftpd-status is none of them --without-http."""
    return {name: Elf(lane.build / name) for name in PROGRAMS if (lane.build / name).exists()}


def position(lane):
    for name, elf in programs(lane).items():
        check_equal(elf.kind, ET_DYN, f"{name}: kind of program")
        check(elf.flags(DT_FLAGS_1) & DF_1_PIE, f"{name} is no PIE")
        check(not elf.values(DT_TEXTREL) and not elf.flags(DT_FLAGS) & DF_TEXTREL,
              f"{name}: code is written to when it is loaded")


def relro(lane):
    for name, elf in programs(lane).items():
        check_equal(len(elf.of_type(PT_GNU_RELRO)), 1, f"{name}: segments that become read-only")
        check(elf.values(DT_BIND_NOW) or elf.flags(DT_FLAGS) & DF_BIND_NOW or
              elf.flags(DT_FLAGS_1) & DF_1_NOW, f"{name} looks functions up late")


def memory(lane):
    for name, elf in programs(lane).items():
        stacks = elf.of_type(PT_GNU_STACK)
        check_equal(len(stacks), 1, f"{name}: words about the stack")
        check(not stacks[0][1] & EXECUTABLE, f"{name}: its stack is executable")
        both = [hex(segment[3]) for segment in elf.of_type(PT_LOAD)
                if segment[1] & EXECUTABLE and segment[1] & WRITABLE]
        check(not both, f"{name}: writable and executable: {both}")


def libraries(lane):
    for name, elf in programs(lane).items():
        found = {library.split(".so")[0] for library in elf.needed()}
        # the loader itself counts for none: libc has it
        found = {library for library in found if not library.startswith("ld-linux")}
        # an instrumented one has a sanitizer's besides, and not the walls'
        check(found == PROGRAMS[name] or lane.instrumented, f"{name}: libraries: {found}")
        check(not elf.values(DT_RPATH) and not elf.values(DT_RUNPATH),
              f"{name} looks for libraries in a folder of its own")


def libc_checks(lane):
    """FORTIFY and canaries: what libc does for them is called."""
    # FORTIFY is off in an instrumented build
    for name, elf in programs(lane).items():
        imports = elf.imports()
        check("__stack_chk_fail" in imports, f"{name}: no stack canaries")
        checked = sorted(each for each in imports if each.startswith("__") and each.endswith("_chk"))
        check(len(checked) >= 3 or lane.instrumented,
              f"{name}: no FORTIFY: only {checked}")


def branches(lane):
    """Indirect calls and returns go where they may, if libc's start-up code allows."""
    kind, bits = BRANCH_PROPERTY.get(platform.machine(), (0, 0))
    libc = Elf(mapped("libc.so"))
    for name, elf in programs(lane).items():
        if libc.property(kind) & bits == bits:
            check_equal(elf.property(kind) & bits, bits, f"{name}: protected branches")
        if platform.machine() == "x86_64":
            code = b"".join(elf.content(segment) for segment in elf.of_type(PT_LOAD)
                            if segment[1] & EXECUTABLE)
            check(code.count(ENDBR64) >= 50, f"{name}: {code.count(ENDBR64)} landing pads (endbr64)")


def mapped(library):
    """The file of a library that this process has."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return next(line.split()[-1] for line in maps
                    if os.path.basename(line.split()[-1]).startswith(library))


TESTS = (
    ("the programs are position-independent, without text relocations", position, True),
    ("what is needed for linking only becomes read-only (full RELRO)", relro, True),
    ("no stack is executable, no memory writable and executable", memory, True),
    ("the libraries are those that we know, from the system's folders", libraries, True),
    ("canaries and FORTIFY are used", libc_checks, True),
    ("branches are protected as far as libc is", branches, True),
)
