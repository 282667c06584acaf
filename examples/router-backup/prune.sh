#!/bin/sh
# Keep the newest versions of each configuration, all of the last time, and no
# version twice.
#
#	prune.sh [DIRECTORY [VERSIONS [DAYS]]]
#
# Versions are NAME.YYYYMMDD-HHMMSS.NN, as "upload-names = unique" makes them;
# other files stay.  DAYS is for those who send much: what they push out of the
# newest versions stays so long.
#
# To be run as the user who owns the directories, not as root: what stands in
# them is not to be trusted with root's rights.
set -eu
cd "${1:-/srv/router-backup}"
keep=${2:-30}
young=$(date -d "${3:-90} days ago" +%Y%m%d)
d='[0-9]'
stamp=$d$d$d$d$d$d$d$d-$d$d$d$d$d$d

# The versions of name, the oldest first: the time sorts as text.
versions_do() {
	# shellcheck disable=SC2231
	for version in "$name".$stamp.$d*; do
		time=${version#"$name".}
		# "sw1.20261123-141502.00.cfg" is another name
		case ${time#*.} in
		*[!0-9]*) ;;
		*) "$@" ;;
		esac
	done
}

drop_equal() {
	if [ -n "$before" ] && cmp -s "$before" "$version"; then
		rm -f -- "$version"
	else
		before=$version count=$((count + 1))
	fi
}

drop_old() {
	if [ "$count" -gt "$keep" ] && [ "${time%%-*}" -lt "$young" ]; then
		rm -f -- "$version"
		count=$((count - 1))
	fi
}

find . -type f ! -name '.*' |
    sed -n 's/\.[0-9]\{8\}-[0-9]\{6\}\.[0-9][0-9]*$//p' | sort -u |
while IFS= read -r name; do
	before='' count=0
	versions_do drop_equal
	versions_do drop_old
done
