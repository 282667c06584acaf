# shellcheck shell=bash
# Completion of tftpd(8).  It needs nothing but bash.

_tftpd()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local options="-4 -6 -a -S -l -L -P -s -c -p -U -m -B -W -r -R -t -T
		-u -v -C -f -V -h --read-only --max-upload --map-steps
		--refuse-all --sandbox --log --verbosity --stderr --check
		--print-config --explain --adopt --draft --map-test --config --user
		--address --port --port-range --listen --foreground --pidfile
		--secure --create --permissive --umask --map-file --blocksize
		--windowsize --refuse --timeout --retransmit --ipv4 --ipv6
		--path-prefix --verbose --help --version"
	local names="blksize blksize2 tsize timeout utimeout windowsize
		rollover"

	COMPREPLY=()
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = && $COMP_CWORD -ge 2 ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi

	case $prev in
	-f | --config | -m | --map-file | -P | --pidfile | --log | --adopt | \
		--draft | --map-test)
		_tftpd_files -f "$cur"
		;;
	--path-prefix)
		_tftpd_files -d "$cur"
		;;
	-u | --user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		;;
	-r | --refuse)
		mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
		;;
	--sandbox)
		mapfile -t COMPREPLY < <(compgen -W "require prefer" -- \
			"$cur")
		;;
	-B | --blocksize)
		mapfile -t COMPREPLY < <(compgen -W "mtu 512 1428" -- "$cur")
		;;
	-a | --address | -S | --port | -U | --umask | -W | --windowsize | \
		-R | --port-range | -t | --timeout | -T | --retransmit | \
		--max-upload | --map-steps | --verbosity | --explain) ;;
	*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$options" -- \
				"$cur")
		else
			_tftpd_files -d "$cur"
		fi
		;;
	esac
}

_tftpd_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

complete -F _tftpd tftpd
