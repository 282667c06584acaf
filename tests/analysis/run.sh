#!/bin/sh
# run.sh asan|msan|memcheck|coverage TOP [PEERS] - builds TOP in ./NAME as that
# needs it and runs tests in it.  Called by make, which has the same targets.
set -eu

name=$1
top=$2
peers=${3:-$top/build/peers}
here=$top/tests/analysis
jobs=$(nproc 2>/dev/null || echo 2)

die() { echo "$name: $*" >&2; exit 1; }

build() { # build CONFIGURE-ARGUMENT...; in ./$name from here on
	mkdir -p "$name"
	cd "$name"
	[ -e config.status ] ||
		"$top/configure" -q --enable-instrumented "$@"
	make -s -j"$jobs" all
	make -s -j"$jobs" check TESTS=
}

unit_tests() {
	make -s -j"$jobs" check "$@" || {
		cat test-suite.log
		exit 1
	}
}

needs_system() {
	[ "$(id -u)" = 0 ] || die "the system tests need root"
	[ -d "$peers/usr" ] || die "$peers is missing: run ./quickstart check"
}

do_asan() {
	build CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all'
	unit_tests
}

# The libraries are not instrumented: MSan does not see what they write.  It is
# told what the kernel writes (msan_calls.c), judges arguments where they are
# passed and not where they are used (eager checks), and with libseccomp new
# memory of the heap counts as written.  libconfuse hands us more than that can
# tell of: the two tests that parse files run under valgrind only.
do_msan() {
	wraps=syscall,--wrap=ioctl,--wrap=recvmmsg,--wrap=timer_create
	wraps=$wraps,--wrap=callgate_readlinkat

	mkdir -p "$name"
	clang -D_GNU_SOURCE -O1 -g -c "$here/msan_calls.c" \
		-o "$name/msan_calls.o"
	build CC=clang CFLAGS="-O1 -g -Wno-unused-command-line-argument \
		-fsanitize=memory -fsanitize-memory-track-origins \
		-fno-sanitize-recover=all -mllvm -msan-eager-checks=1" \
		LIBS="$PWD/$name/msan_calls.o -Wl,--wrap=$wraps"
	others=$(find tests/unit -name 't-*' ! -name '*.*' -perm -u+x \
		! -name t-conf ! -name t-nomemory ! -name t-callfilter |
		tr '\n' ' ')
	unit_tests TESTS="$others tests/sim/tftp-sim"
	MSAN_OPTIONS=poison_in_malloc=0:poison_in_free=0 \
		unit_tests TESTS=tests/unit/t-callfilter
}

do_memcheck() {
	needs_system
	build CFLAGS='-O1 -g'
	python3 "$here/memcheck.py" --supp "$top/tests/unit/valgrind.supp"
	for part in options uploads names; do
		python3 "$top/tests/system/run.py" --build . --peers "$peers" \
			--quick --valgrind --only "=$part"
	done
}

# The counters of all processes go into the same files, and the service user
# writes them too.
do_coverage() {
	needs_system
	mkdir -p "$name"
	gcc -O1 -c "$here/coverage_exit.c" -o "$name/coverage_exit.o"
	build CC=gcc CFLAGS='-O0 -g --coverage -fprofile-update=atomic' \
		LIBS="$PWD/$name/coverage_exit.o -Wl,--wrap=_exit"
	find . -name '*.gcda' -exec rm {} +
	find . -name '*.gcno' | sed 's/gcno$/gcda/' | while read -r counters; do
		: >"$counters"
		chmod 666 "$counters"
	done
	su -s /bin/sh nobody -c "test -w '$PWD/$(find . -name '*.gcda' |
		head -n 1)'" || die "$PWD must be within reach of the service user"
	failed=
	make -s -j"$jobs" check || failed=yes
	make -s tests/bench/tftp-load
	python3 "$top/tests/system/run.py" --build . --peers "$peers" --quick ||
		failed=yes
	python3 "$here/coverage.py" --src "$top" --build . --files ||
		failed=yes
	[ -z "$failed" ]
}

case $name in
asan | msan | memcheck | coverage) "do_$name" ;;
*) die "no such target" ;;
esac
