#!/bin/sh
# core/ is pure: no clock, no input or output, no allocation, no globals.
# The archive's undefined symbols are the proof.
set -eu
allowed='bcmp|memchr|memcmp|memcpy|memmove|memset|strlen|strcmp|strncmp|strnlen'
allowed="$allowed|__memcpy_chk|__memmove_chk|__memset_chk|__stack_chk_fail"
allowed="$allowed|_GLOBAL_OFFSET_TABLE_"
allowed="$allowed|__(asan|msan|ubsan|sanitizer|gcov|llvm)_.*|_Unwind_.*"
allowed="$allowed|(packet|options|engine|pace|netascii|pathname|outcome)_.*"
bad=$(${NM:-nm} -u libcore.a | awk 'NF == 2 { print $2 }' | sort -u |
	grep -Evx "$allowed" || true)
data=$(${NM:-nm} libcore.a | awk '$2 ~ /^[BbDdC]$/ { print $3 }' |
	grep -Ev '^(__|\.L)' || true)
if [ -n "$bad$data" ]; then
	printf 'libcore.a is not pure.\ncalls: %s\nglobals: %s\n' "$bad" "$data"
	exit 1
fi
echo "libcore.a is pure"
