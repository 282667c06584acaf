#!/bin/sh
# Keep the newest versions of each configuration, and no version twice.
#
#	prune.sh [DIRECTORY [VERSIONS]]
#
# Versions are NAME.YYYYMMDD-HHMMSS.NN, as "upload-names = unique" makes them;
# other files stay.
set -eu
cd "${1:-/srv/router-backup}"
keep=${2:-30}

# NAME of all versions; the stars are the digits of time and number.
find . -type f ! -name '.*' |
    sed -n 's/\.[0-9]\{8\}-[0-9]\{6\}\.[0-9][0-9]*$//p' | sort -u |
while IFS= read -r name; do
	# The time sorts as text: the newest come last.
	before='' count=0
	for version in "$name".[0-9]*-[0-9]*.[0-9]*; do
		if [ -n "$before" ] && cmp -s "$before" "$version"; then
			rm -- "$version"	# nothing changed since
			continue
		fi
		before=$version count=$((count + 1))
	done
	for version in "$name".[0-9]*-[0-9]*.[0-9]*; do
		[ "$count" -gt "$keep" ] || break
		rm -- "$version"
		count=$((count - 1))
	done
done
