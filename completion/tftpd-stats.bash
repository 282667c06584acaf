# shellcheck shell=bash
# Completion of tftpd-stats(1).  It needs nothing but bash.

_tftpd_stats()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands="summary clients files errors hours days slow missing
		boots log follow active top prometheus health check rollup
		snmp verify"
	local tables="summary clients files errors hours days slow missing
		boots log active verify"
	local outcomes="complete unconfirmed probe noanswer notfound denied
		limited invalid aborted vanished timeout failed crashed
		shutdown success neutral refused failure"
	local times="1h 2h 24h 7d today yesterday now"
	local options="--log --since --until --client --file --op --outcome
		--top --json --utc --table --help --version"
	local word command=

	COMPREPLY=()
	# bash takes --option=value for three words
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = && $COMP_CWORD -ge 2 ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for word in "${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
		[[ " ${commands//[$'\n\t']/ } " == *" $word "* ]] &&
			command=$word
	done

	case $prev in
	-l | --log | --table | -o | --output | --state | --config)
		_tftpd_stats_files -f "$cur"
		return
		;;
	--root)
		_tftpd_stats_files -d "$cur"
		return
		;;
	--since | --until | --failed-since)
		mapfile -t COMPREPLY < <(compgen -W "$times" -- "$cur")
		return
		;;
	--mib)
		mapfile -t COMPREPLY < <(compgen -W "tftpd appl" -- "$cur")
		return
		;;
	--op)
		mapfile -t COMPREPLY < <(compgen -W "read write" -- "$cur")
		return
		;;
	--outcome)
		# a list: what stands before the last comma stays
		mapfile -t COMPREPLY < <(compgen -W "$outcomes" \
			-P "${cur%"${cur##*,}"}" -- "${cur##*,}")
		return
		;;
	--client | --file | -n | --top | --probe | --warning | --critical | \
		-c | --base)
		return
		;;
	-w)
		[[ $command != check ]] || return
		;;
	esac

	case $command in
	clients) options+=" --failed-since" ;;
	missing) options+=" --root" ;;
	active) options+=" --watch" ;;
	prometheus) options+=" --output --openmetrics --state" ;;
	rollup) options+=" --state --rebuild" ;;
	snmp) options+=" --state --mib --base" ;;
	health) options+=" --ready --probe --config" ;;
	check) options+=" --warning --critical --probe" ;;
	esac
	[[ " ${tables//[$'\n\t']/ } " != *" ${command:-summary} "* ]] ||
		options+=" --csv"

	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
	fi
}

_tftpd_stats_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

complete -F _tftpd_stats tftpd-stats
