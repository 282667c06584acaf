# shellcheck shell=bash
# Completion of tftpd-status(8).  It needs nothing but bash.

_tftpd_status()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local options="--log --table --state --config --tftpd --user --host
		--manage --sandbox --utc --help --version -l -u -h -V"

	COMPREPLY=()
	# bash takes --option=value for three words
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = && $COMP_CWORD -ge 2 ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi

	case $prev in
	-l | --log | --table | --config | --tftpd | --manage)
		_tftpd_status_files -f "$cur"
		;;
	--state)
		_tftpd_status_files -d "$cur"
		;;
	-u | --user)
		mapfile -t COMPREPLY < <(compgen -u -- "$cur")
		;;
	--sandbox)
		mapfile -t COMPREPLY < <(compgen -W "require prefer" -- \
			"$cur")
		;;
	--host)
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		;;
	esac
}

_tftpd_status_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

complete -F _tftpd_status tftpd-status
