"""Acts that no process of the server may commit: what somebody would try who runs
code of his own inside one (test_denial.py makes them happen).

A place is a letter:

    D  the dispatcher                   S  a small download
    P  a process of the pool, ready     L  a large one: it has a filter of its own
    U  an upload of a new file          I  an upload into a file that stands there

and a service one of KINDS.  What an act is made of is words for tftpd-force: a
call and its arguments, in which {log} and the like are filled in; {root} is a served
directory, {inside} a file in it.
"""

import collections
import struct

# How an act ends, in tftpd-force's words.
KILLED, GONE = "killed 31", "killed 11"     # SIGSYS; the gate's page is not there any more
DONE = "value"                              # it was done: whatever number came back
EPERM, ENOENT, EBADF, EAGAIN, ENOMEM = (f"error {n}" for n in (1, 2, 9, 11, 12))
EACCES, EINVAL = (f"error {n}" for n in (13, 22))
ENOTDIR = "error 20"

ALL, TRANSFERS = "DPSLUI", "SLUI"
LISTED = "DPS"              # under the dispatcher's list of calls
NARROW = "LUI"              # under a list of their own besides
KINDS = ("uploads", "readonly", "roots", "oneport")

Act = collections.namedtuple("Act", "words wanted via kinds")


def act(words, wanted=KILLED, via="libc", kinds=KINDS):
    """wanted: an ending for all places, or {letters: ending} for some."""
    wanted = wanted if isinstance(wanted, dict) else {ALL: wanted}
    return Act(words, {letter: end for letters, end in wanted.items() for letter in letters},
               via, kinds)


def number(*values, form="Q"):
    """Memory with these numbers in it."""
    return "x:" + struct.pack(f"={len(values)}{form}", *values).hex()


def address(family, port, host):
    """A struct sockaddr_in."""
    return "x:" + struct.pack("=H", family).hex() + struct.pack("!H", port).hex() + \
        bytes(map(int, host.split("."))).hex() + "00" * 8


# Nobody may, whatever the arguments are: SIGSYS.
FORBIDDEN = """
    # other programs
    execve s:/bin/true 0 0
    execveat -100 s:/bin/true 0 0 0
    execveat {file} s: 0 0 0x1000
    uselib s:/lib/x

    # other processes
    fork
    vfork
    clone 17 0 0 0 0
    clone 0x4111 0 0 0 0
    clone 0x10000011 0 0 0 0
    clone 0x50f00 0 0 0 0
    clone3 z:64 64
    ptrace 16 {keeper} 0 0
    ptrace 0x4206 {keeper} 0 0
    ptrace 0 0 0 0
    process_vm_readv {keeper} i:xxxxxxxx 1 i:xxxxxxxx 1 0
    process_vm_writev {keeper} i:xxxxxxxx 1 i:xxxxxxxx 1 0
    process_madvise 5 i:xxxxxxxx 1 4 0
    process_mrelease 5 0
    kcmp {keeper} {keeper} 0 0 0
    pidfd_open {keeper} 0
    pidfd_getfd 5 3 0
    pidfd_send_signal 5 9 0 0
    kill {keeper} 9
    kill {sibling} 9
    kill {self} 0
    kill -1 0
    tkill {keeper} 9
    tgkill {keeper} {keeper} 9
    tgkill {self} {self} 6
    rt_sigqueueinfo {keeper} 9 z:128
    rt_tgsigqueueinfo {keeper} {keeper} 9 z:128
    rt_sigaction 31 0 z:64 8
    sigaltstack 0 z:64
    setpgid 0 0
    setsid
    setpriority 0 0 -20
    sched_setscheduler 0 1 z:8
    sched_setaffinity 0 8 z:8
    sched_setattr 0 z:56 0
    ioprio_set 1 0 0
    prlimit64 {keeper} 7 0 z:16
    setrlimit 7 z:16
    waitid 0 0 0 0 0
    set_tid_address 0

    # sockets
    socket 1 0x80002 0
    socket 1 1 0
    socket 2 0x80002 0
    socket 2 1 0
    socket 2 3 17
    socket 10 0x80002 0
    socket 10 3 58
    socket 16 0x80003 0
    socket 17 0x80003 0
    socket 31 0x80003 1
    socket 38 0x80005 0
    socket 40 0x80001 0
    socket 44 0x80003 0
    bind {sock} {elsewhere} 16
    listen {sock} 5
    accept {sock} 0 0
    accept4 {sock} 0 0 0
    socketpair 1 1 0 z:8
    recvmsg 59 m:{log} 0x40
    sendmsg 58 m:{log} 0x40
    sendmsg 59 m:{log} 0x40
    sendmsg 60 m:{log} 0x40
    sendmmsg 59 m:{log} 1 0x40
    recvmsg 60 m:{log} 0x40
    recvmmsg 59 m:{log} 1 0x40 0
    recvmmsg 60 m:{log} 1 0x40 0
    recvmsg {log} m:{log} 0x40
    shutdown {sock} 2
    getpeername {sock} z:32 {len}
    setsockopt {sock} 1 26 z:16 16
    setsockopt {sock} 1 33 z:4 4
    setsockopt {sock} 1 6 z:4 4
    setsockopt {sock} 0 19 z:4 4

    # files and names, but by a gate
    open s:{inside} 0
    open s:/etc/passwd 0
    creat s:/new 0644
    openat -100 s:{inside} 0
    openat -100 s:../../etc/passwd 0
    openat {table} s:.. 0
    openat2 -100 s:{inside} z:24 24
    open_by_handle_at 5 z:32 0
    name_to_handle_at -100 s:{inside} z:32 z:8 0
    truncate s:{inside} 0
    unlink s:{inside}
    unlinkat -100 s:{inside} 0
    unlinkat -100 s:{inside} 0x200
    rmdir s:/dir
    rename s:{inside} s:/new
    renameat -100 s:{inside} -100 s:/new
    renameat2 -100 s:{inside} -100 s:/new 0
    link s:{inside} s:/new
    linkat -100 s:{inside} -100 s:/new 0
    symlink s:/etc/passwd s:/new
    symlinkat s:/etc/passwd -100 s:/new
    mknod s:/new 0x21b6 0x105
    mknodat -100 s:/new 0x21b6 0x105
    mknodat -100 s:/new 0x11b6 0
    mkdir s:/new 0777
    mkdirat -100 s:/new 0777
    chmod s:{inside} 04777
    fchmodat -100 s:{inside} 04777
    452 -100 s:{inside} 04777 0
    chown s:{inside} 0 0
    lchown s:{inside} 0 0
    fchownat -100 s:{inside} 0 0 0
    utime s:{inside} 0
    utimes s:{inside} 0
    futimesat -100 s:{inside} 0
    utimensat -100 s:{inside} 0 0
    setxattr s:{inside} s:user.x s:y 1 0
    lsetxattr s:{inside} s:user.x s:y 1 0
    fsetxattr {file} s:user.x s:y 1 0
    getxattr s:{inside} s:user.x z:8 8
    removexattr s:{inside} s:user.x
    fremovexattr {file} s:user.x
    access s:/etc/passwd 0
    faccessat -100 s:/etc/passwd 0
    faccessat2 -100 s:/etc/passwd 0 0
    stat s:/etc/passwd z:256
    lstat s:/etc/passwd z:256
    readlink s:{inside} z:64 64
    readlinkat -100 s:{inside} z:64 64
    statfs s:/ z:128
    getcwd z:64 64
    getdents {file} z:64 64
    chdir s:..
    fchdir {file}
    chroot s:..
    chroot s:.

    # the log, the live table, and files that are open
    write {table} s:x 1
    write {file} s:x 1
    write {sock} s:x 1
    writev {log} i:x 1
    writev {file} i:x 1
    pwrite64 {log} s:x 1 0
    pwrite64 {table} s:x 1 0
    pwritev {log} i:x 1 0 0
    pwritev {table} i:x 1 0 0
    pwritev2 {log} i:x 1 0 0 0
    pwritev2 {table} i:x 1 0 0 0
    preadv2 {table} i:x 1 0 0 0
    pwritev 59 i:x 1 0 0
    pwrite64 60 s:x 1 0
    ftruncate 59 0
    ftruncate {log} 0
    ftruncate {table} 0
    fallocate {log} 0 0 4096
    fallocate {log} 1 0 4096
    fallocate 59 1 0 4096
    fallocate {log} 3 0 4096
    fallocate {log} 8 0 4096
    fallocate {log} 0x10 0 4096
    fallocate {table} 1 0 4096
    fallocate {table} 3 0 4096
    copy_file_range {table} 0 {log} 0 64 0
    copy_file_range {table} 0 {table} 0 64 0
    sendfile {log} {table} 0 64
    sendfile {sock} {table} 0 64
    splice {table} 0 {log} 0 64 0
    tee {table} {log} 64 0
    vmsplice {sock} i:x 1 0
    fchmod {log} 0666
    fchmod {table} 0666
    fchown {log} 0 0
    read {table} z:64 64
    readv {table} i:xxxx 1
    readv {log} i:xxxx 1
    readv {file} i:xxxx 1
    readv 59 i:xxxx 1
    lseek {log} 0 0
    fdatasync {log}
    dup {log}
    dup2 {log} 70
    dup3 {log} 70 0
    fcntl {log} 0 0
    fcntl {log} 1030 70
    fcntl {log} 4 0
    fcntl {sock} 8 {keeper}
    fcntl {sock} 10 9
    fcntl {sock} 15 z:8
    fcntl {file} 1026 1
    fcntl {file} 1024 1
    fcntl {table} 6 z:32
    fcntl {table} 7 z:32
    fcntl {table} 37 z:32
    fcntl {table} 38 z:32
    fcntl {log} 6 z:32
    fcntl {file} 6 z:32
    ioctl {sock} 0x5412 s:x
    ioctl {sock} 0x541c s:x
    ioctl {sock} 0x5421 z:4
    ioctl {sock} 0x8902 z:4
    ioctl {sock} 0x8912 z:64
    ioctl {file} 0x6601 z:8
    ioctl {file} 0x40086602 z:8
    pipe z:8
    pipe2 z:8 0
    eventfd 0
    eventfd2 0 0
    epoll_create 1
    epoll_create1 0
    epoll_ctl 5 1 {sock} z:16
    epoll_wait 5 z:64 1 0
    select 0 0 0 0 0
    pselect6 0 0 0 0 0 0
    inotify_init
    inotify_init1 0
    inotify_add_watch 5 s:/ 0xfff
    fanotify_init 0 0
    fanotify_mark 5 1 0xfff -100 s:/
    timerfd_create 1 0
    timerfd_settime 5 0 z:32 0
    timer_create 1 0 z:8
    setitimer 0 z:32 0
    signalfd -1 z:8 8
    signalfd4 -1 z:8 8 0
    memfd_create s:x 0
    memfd_secret 0
    userfaultfd 1
    io_uring_setup 8 z:120
    io_uring_enter 5 1 0 0 0 0
    io_uring_register 5 0 0 0
    io_setup 8 z:8
    io_submit 0 1 z:8

    # memory that can be executed, and other people's
    mmap 0 4096 5 0x22 -1 0
    mmap 0 4096 7 0x22 -1 0
    mmap 0 4096 4 0x22 -1 0
    mmap 0 4096 5 2 {file} 0
    mmap 0 4096 1 1 {table} 0
    mmap 0 4096 3 1 {table} 0
    mmap 0 4096 1 1 {log} 0
    mmap {text} 4096 5 0x32 -1 0
    mprotect {text} 4096 7
    mprotect {stack} 4096 7
    mprotect {stack} 4096 5
    mprotect {stack} 4096 3
    pkey_mprotect {stack} 4096 5 -1
    mremap {text} 4096 4096 1 0
    remap_file_pages {stack} 4096 0 0 0
    462 {text} 4096 0
    mlockall 3
    shmget 0 4096 01777
    shmat 0 0 0
    shmctl 0 0 0
    msgget 0 01777
    semget 0 1 01777
    mq_open s:x 0x42 0666 0
    personality 0x0400000
    personality 0xffffffff
    modify_ldt 1 z:16 16
    arch_prctl 0x1001 0
    iopl 3
    ioperm 0 1024 1

    # user and capabilities
    setuid 0
    setgid 0
    setreuid 0 0
    setregid 0 0
    setresuid 0 0 0
    setresgid 0 0 0
    setfsuid 0
    setfsgid 0
    setgroups 1 z:4
    capget z:8 z:24

    # the walls themselves
    seccomp 0 0 0
    seccomp 2 0 z:4
    seccomp 3 0 z:8
    prctl 22 1 0 0 0
    prctl 22 2 z:16 0 0
    prctl 4 1 0 0 0
    prctl 35 8 0 0 0
    prctl 0x59616d61 -1 0 0 0
    prctl 28 0 0 0 0
    prctl 47 2 10 0 0
    prctl 8 1 0 0 0
    prctl 36 1 0 0 0
    prctl 59 1 0 0 0
    prctl 23 10 0 0 0
    prctl 24 10 0 0 0
    landlock_create_ruleset 0 0 1
    landlock_add_rule 5 1 z:16 0
    landlock_restrict_self 5 0

    # the machine
    mount s:none s:/ s:tmpfs 0 0
    umount2 s:/ 2
    pivot_root s:/ s:/
    fsopen s:tmpfs 0
    fsconfig 5 6 0 0 0
    fsmount 5 0 0
    fspick -100 s:/ 0
    move_mount 5 s: -100 s:/ 4
    open_tree -100 s:/ 1
    mount_setattr -100 s:/ 0 z:32 32
    unshare 0x10000000
    unshare 0x20000
    unshare 0x40000000
    setns 5 0
    bpf 0 z:128 128
    bpf 5 z:128 128
    perf_event_open z:128 0 -1 -1 0
    add_key s:user s:x s:y 1 -3
    request_key s:user s:x 0 -3
    keyctl 0 -3 1 0 0
    init_module z:64 64 s:
    finit_module {file} s: 0
    delete_module s:x 0
    kexec_load 0 0 0 0
    kexec_file_load {file} {file} 0 s: 0
    reboot 0xfee1dead 672274793 0 0
    swapon s:{inside} 0
    swapoff s:{inside}
    settimeofday z:16 0
    clock_settime 0 z:16
    clock_adjtime 0 z:256
    adjtimex z:256
    sethostname s:x 1
    setdomainname s:x 1
    quotactl 0x800002 s:/dev/x 0 z:64
    quotactl_fd {file} 0x800002 0 z:64
    acct s:{inside}
    syslog 3 z:64 64
    vhangup
    lookup_dcookie 0 z:64 64
    sysfs 1 s:tmpfs
    ustat 0 z:64
    rseq {stack} 32 0 0
    membarrier 1 0 0
    process_mrelease 5 0
    uname z:400
    sysinfo z:128
"""

# A capability in both sets; what single-port has is not among them.
CAP_HEADER, CAP_SETS = number(0x20080522, 0, form="I"), number(1 << 21, 1 << 21, 0, 0, 0, 0, form="I")
RAISED = number(4096, 4096)         # a struct rlimit
MORE_MEMORY = number(1 << 30, 1 << 30)
# A struct flock: a byte behind all that is locked in the live table, to write.
LOCK = "x:01000000" + "00" * 4 + struct.pack("=QQ", 1 << 40, 1).hex() + "00" * 8
UPLOADING = ("uploads", "roots", "oneport")

# In some places allowed, and there something else is in the way; or harmless, so that
# it shows that acts can be done here at all.
SOME = (
    act("getpid", DONE),
    act("getppid", {LISTED: DONE, NARROW: KILLED}),
    act("fcntl {log} 2 0", {LISTED: DONE, NARROW: KILLED}),     # no exec will ever see it
    act("clock_gettime 1 z:16", DONE),
    act("munmap 0x10000 4096", DONE),

    # The gates, from inside.
    act("openat {root} s:{inside} 0", {"DPUI": DONE, "SL": GONE}, "file"),
    act("openat -100 s:/etc/passwd 0", {"DPUI": ENOENT, "SL": GONE}, "file"),
    act("openat -100 s:../../../../etc/passwd 0", {"DPUI": ENOENT, "SL": GONE}, "file"),
    act("openat2 -100 s:../../../../etc/passwd z:24 24", {"DPUI": ENOENT, "SL": GONE}, "file"),
    act("openat -100 s:/proc/self/mem 2", {"DPUI": ENOENT, "SL": GONE}, "file"),
    act("openat {log} s:../x 0", {"DPUI": ENOTDIR, "SL": GONE}, "file"),
    act("openat {root} s:{inside} 2", {"DP": EACCES, "SL": GONE}, "file", ("readonly",)),
    act("openat {root} s:new 0x41 0644", {"DP": EACCES, "SL": GONE}, "file", ("readonly",)),
    act("unlinkat {root} s:{inside} 0", {"DP": EACCES, "SL": GONE}, "file", ("readonly",)),
    act("renameat2 {root} s:{inside} {root} s:new 0", {"DP": KILLED, "SL": GONE}, "file",
        ("readonly",)),
    act("linkat {root} s:{inside} {root} s:new 0", {"DP": KILLED, "SL": GONE}, "file",
        ("readonly",)),
    act("unlinkat {root} s:dir 0x200", {"DPUI": EACCES, "SL": GONE}, "file"),
    act("faccessat2 -100 s:/etc/passwd 0 0", {"DPUI": ENOENT, "SL": GONE}, "file"),
    act("execve s:/bin/true 0 0", {"DPUI": KILLED, "SL": GONE}, "file"),
    act("mkdirat -100 s:/new 0777", {"DPUI": KILLED, "SL": GONE}, "file"),
    act("socket 2 0x80002 0", {"DP": DONE, TRANSFERS: GONE}, "net"),
    act("socket 2 0x80002 0", {"DPUI": KILLED, "SL": GONE}, "file"),
    act("openat {root} s:{inside} 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("socket 1 0x80002 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("socket 16 0x80003 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("socket 17 0x80003 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("socket 2 0x80001 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("socket 2 0x80003 17", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("socket 38 0x80005 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("clone 17 0 0 0 0", {"DP": "forked", TRANSFERS: GONE}, "net"),
    act("clone 0x10000011 0 0 0 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("clone 0x20011 0 0 0 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("clone 0x4111 0 0 0 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("kill {keeper} 9", {"DP": EPERM, TRANSFERS: GONE}, "net"),
    act("kill 1 9", {"DP": EPERM, TRANSFERS: GONE}, "net"),
    act("socket 2 0x80002 1", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("socket 10 0x80002 58", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("socket 2 0x80002 136", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    # Under another number the log could be cut short.
    act("dup3 {log} 5 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("dup3 0 {table} 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("dup3 {sock} {log} 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    # A transfer has mapped its own slot of the live table before it is shut in.
    act("mmap 0 4096 3 1 {table} 0", {"DP": DONE, TRANSFERS: GONE}, "net"),
    act("mmap 0 4096 5 1 {table} 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("mmap 0 4096 1 1 {log} 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    # And locked it; who wants to look who has which lock may.
    act(f"fcntl {{table}} 6 {LOCK}", {"DP": DONE, TRANSFERS: GONE}, "net"),
    act("fcntl {table} 7 z:32", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("fcntl {table} 0 70", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("fcntl {table} 5 z:32", {LISTED: DONE, NARROW: KILLED}),
    # The log has its room before a transfer is shut in.
    act("fallocate {log} 1 0 4096", {"DP": DONE, TRANSFERS: GONE}, "net"),
    act("fallocate {log} 0 0 4096", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("fallocate {log} 3 0 4096", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    act("fallocate {table} 1 0 4096", {"DP": KILLED, TRANSFERS: GONE}, "net"),
    # Each of the three has one gate.
    act("mmap 0 4096 3 1 {table} 0", {"DPUI": KILLED, "SL": GONE}, "file"),
    act(f"fcntl {{table}} 6 {LOCK}", {"DPUI": KILLED, "SL": GONE}, "file"),
    act("fallocate {log} 1 0 4096", {"DPUI": KILLED, "SL": GONE}, "file"),
    act("ptrace 16 {keeper} 0 0", {"DP": KILLED, TRANSFERS: GONE}, "net"),

    # connect() is a single-port transfer's last act.
    act("connect {sock} {elsewhere} 16", KILLED, "libc", ("uploads", "readonly", "roots")),

    # Limits and capabilities go one way.
    act(f"prlimit64 0 4 {RAISED} 0", {LISTED: EPERM, NARROW: KILLED}),
    act(f"prlimit64 0 7 {RAISED} 0", {"LUI": KILLED, "DPS": EPERM}),
    act(f"prlimit64 0 6 {RAISED} 0", {"S": EPERM, NARROW: KILLED}),
    act(f"prlimit64 0 9 {MORE_MEMORY} 0", {"S": EPERM, NARROW: KILLED}),
    act("mmap 0 0x10000000 3 0x22 -1 0", {"S": ENOMEM, NARROW: KILLED}),
    act(f"capset {CAP_HEADER} {CAP_SETS}", KILLED, "libc", ("uploads", "readonly", "roots")),
    act(f"capset {CAP_HEADER} {CAP_SETS}", {"DS": EPERM, NARROW: KILLED}, "libc", ("oneport",)),
    act("setsockopt {sock} 1 36 x:01000000 4", {"DS": EPERM, NARROW: KILLED}),

    # What transfers give back is read by the dispatcher, and descriptors get lost on the way.
    act("readv 60 i:xxxx 1", KILLED, "libc", ("uploads", "readonly", "roots")),
    act("readv 60 i:xxxx 1", {"D": EAGAIN, "S": EBADF, NARROW: KILLED}, "libc", ("oneport",)),
    act("recvfrom 60 z:64 64 0x40 0 0", {"D": EAGAIN, "SLU": EBADF}, "libc", ("oneport",)),

    # The log is only appended to, and read by nobody.
    act("preadv {log} i:xxxx 1 0 0", EBADF),
    act("pread64 {log} z:64 64 0", {LISTED: EBADF, NARROW: KILLED}),

    # A download's file is open for reading; a service without uploads has no call to write.
    act("pwrite64 {file} s:x 1 0", {"S": EBADF, "L": KILLED}, "libc", UPLOADING),
    act("pwritev {file} i:x 1 0 0", {"S": EBADF, "L": KILLED}, "libc", UPLOADING),
    act("ftruncate {file} 0", {"S": EINVAL, "L": KILLED}, "libc", UPLOADING),
    act("fallocate {file} 3 0 4096", {"S": EBADF, "L": KILLED}, "libc", UPLOADING),
    act("fchmod {file} 0777", {"SL": KILLED}, "libc", UPLOADING),
    act("fchown {file} 0 0", {"SL": KILLED}, "libc", UPLOADING),
    act("fchmod {file} 0640", {"SL": GONE, "U": DONE}, "file", UPLOADING),
    act("fchmod {file} 04755", {"SL": GONE, "U": KILLED}, "file", UPLOADING),
    *(act(words, KILLED, "libc", ("readonly",)) for words in (
        "pwrite64 {file} s:x 1 0", "pwritev {file} i:x 1 0 0", "ftruncate {file} 0",
        "fallocate {file} 0 0 4096", "fallocate {file} 3 0 4096", "fchmod {file} 0777",
        "fchown {file} 0 0", "fsync {file}", "umask 0", "flock {file} 2",
        "copy_file_range {table} 0 {file} 0 64 0", "sync_file_range {file} 0 0 0")),

    # Stands open, and SECURITY says so.  A call sees no address that a structure points to,
    # and Landlock knows no UDP: datagrams can go elsewhere.
    act("sendto {sock} s:x 1 0 {elsewhere} 16", {TRANSFERS: DONE}),
    act("preadv {table} i:xxxx 1 0 0", DONE),
    act("mmap 0 4096 3 0x22 -1 0", {LISTED: DONE, NARROW: KILLED}),
    # That a file is there, and how large; not what is in it.  Where a descriptor is all that
    # a process has of a root, also of those outside.
    act("newfstatat {root} s:../../etc/passwd z:256 0", {"DPSUI": ENOENT, "L": KILLED}, "libc",
        ("uploads", "oneport")),
    act("newfstatat {root} s:../../etc/passwd z:256 0", {"DPU": DONE, "S": EBADF}, "libc", ("roots",)),
    # The flag by which fstat() names no file forbids no name, and a filter sees none.
    act("newfstatat {root} s:../../etc/passwd z:256 0x1000", {"DPSUI": ENOENT, "L": KILLED}, "libc",
        ("uploads", "readonly", "oneport")),
    act("newfstatat {root} s:../../etc/passwd z:256 0x1000", {"DPU": DONE, "S": EBADF}, "libc",
        ("roots",)),
    act("statx {root} s:../../etc/passwd 0x1000 0xfff z:256", {"DPSUI": ENOENT, "L": KILLED}, "libc",
        ("uploads", "readonly", "oneport")),
    act("statx {root} s:../../etc/passwd 0 0xfff z:256", {"DPSUI": ENOENT, "L": KILLED}, "libc",
        ("uploads", "oneport")),
    act("fstat {table} z:256", DONE),
    act("preadv {file} i:xxxx 1 0 0", {"SL": DONE}),

    # From another place that has the instruction.
    act("socket 2 0x80002 0", KILLED, "vdso"),
    act("openat {root} s:{inside} 0", KILLED, "vdso"),
    act("clone 17 0 0 0 0", KILLED, "vdso"),

    # Other machines' ways in: x32, and 32-bit calls (20 getpid, 5 open, 11 execve, 102
    # socketcall, 37 kill), from an instruction that libc happens to hold or a written one.
    act("getpid", KILLED, "x32"),
    act("openat {root} s:{inside} 0", KILLED, "x32"),
    act("clock_gettime 1 z:16", KILLED, "x32"),
    act("sendto {sock} s:x 1 0 0 0", KILLED, "x32"),
    act("exit_group 0", KILLED, "x32"),
    act("520 s:/bin/true 0 0", KILLED, "x32"),
    *(act(f"{call} 0 0 0", KILLED, way) for way in ("int80", "poke80")
      for call in (20, 5, 11, 37, 102, 252)),

    # Numbers that are none.
    act("1023", KILLED),
    act("-1", KILLED),
)


def parse(text):
    lines = (line.strip() for line in text.splitlines())
    return tuple(act(line) for line in lines if line and not line.startswith("#"))


ACTS = parse(FORBIDDEN) + SOME


# Of the acts that are forbidden everywhere a place gets one in SAMPLE, of the others one in
# SAMPLE_SOME.  There are more places than SAMPLE: each of the former is tried somewhere.
SAMPLE, SAMPLE_SOME = 15, 2
PLACES = {"uploads": "DPSLUI", "readonly": "DPSL", "roots": "DPSU", "oneport": "DSLU"}
ORDER = [(kind, letter) for kind in KINDS for letter in PLACES[kind]]


def of(kind, letter):
    """All acts for a place of a service of that kind."""
    return [each for each in ACTS if kind in each.kinds and letter in each.wanted]


def sample(kind, letter, seed):
    """Some of them."""
    def is_in(at, each):
        if each in SOME:
            return (at + seed + ALL.index(letter) + KINDS.index(kind)) % SAMPLE_SOME == 0
        return (at + seed + ORDER.index((kind, letter))) % SAMPLE == 0

    wanted = of(kind, letter)
    return [each for at, each in enumerate(ACTS) if each in wanted and is_in(at, each)]


# What root's capabilities would allow: the keeper has only those that start a dispatcher.
KEEPER = (
    ("mount s:none s:/ s:tmpfs 0 0", EPERM),
    ("umount2 s:/ 2", EPERM),
    ("unshare 0x20000", EPERM),
    ("unshare 0x40000000", EPERM),
    ("reboot 0xfee1dead 672274793 0 0", EPERM),
    ("settimeofday z:16 0", EPERM),
    ("sethostname s:x 1", EPERM),
    ("swapon s:/x 0", EPERM),
    ("acct s:/x", EPERM),
    ("ptrace 16 {dispatcher} 0 0", EPERM),
    ("process_vm_readv {dispatcher} i:xxxxxxxx 1 i:xxxxxxxx 1 0", EPERM),
    ("socket 17 0x80003 0", EPERM),
    ("socket 2 0x80003 17", EPERM),
    ("mknodat -100 s:/run/device 0x21b6 0x105", EPERM),
    ("setpriority 0 0 -20", EACCES),
)

# Where the kernel has no seccomp, and "sandbox = prefer": the other walls.
OTHER_WALLS = (
    ("chroot s:..", "error 1"),
    ("setuid 0", "error 1"),
    ("setresgid 0 0 0", "error 1"),
    ("setgroups 1 z:4", "error 1"),
    (f"capset {CAP_HEADER} {CAP_SETS}", "error 1"),
    ("mount s:none s:/ s:tmpfs 0 0", "error 1"),
    ("umount2 s:/ 2", "error 1"),
    ("pivot_root s:/ s:/", "error 1"),
    ("unshare 0x20000", "error 1"),
    ("unshare 0x10000000", "error 1"),
    ("setns {log} 0", "error 22"),
    ("execve s:{inside} 0 0", "error 13"),
    ("unlinkat -100 s:{inside} 0", "error 13"),
    ("truncate s:{inside} 0", "error 13"),
    ("mkdirat -100 s:/new 0777", "error 13"),
    ("symlinkat s:/etc/passwd -100 s:/new", "error 13"),
    ("mknodat -100 s:/new 0x11b6 0", "error 13"),
    ("ptrace 16 {keeper} 0 0", "error 1"),
    ("process_vm_readv {keeper} i:xxxxxxxx 1 i:xxxxxxxx 1 0", "error 1"),
    ("kill {keeper} 9", "error 1"),
    ("pidfd_open {keeper} 0", "error 24"),
    ("clone 17 0 0 0 0", "error 11"),
    ("fork", "error 11"),
    ("socket 2 0x80002 0", "error 24"),
    ("openat -100 s:{inside} 0", "error 24"),
    ("dup {log}", "error 24"),
    ("memfd_create s:x 0", "error 24"),
    ("epoll_create1 0", "error 24"),
    ("reboot 0xfee1dead 672274793 0 0", "error 1"),
    ("settimeofday z:16 0", "error 1"),
    ("sethostname s:x 1", "error 1"),
    ("swapon s:{inside} 0", "error 1"),
    ("acct s:{inside}", "error 1"),
    ("prlimit64 {keeper} 7 0 z:16", "error 1"),
    (f"prlimit64 0 4 {RAISED} 0", "error 1"),
)
