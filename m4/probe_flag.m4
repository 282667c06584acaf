# PROBE_CFLAGS(VARIABLE, FLAGS), PROBE_LDFLAGS(VARIABLE, FLAGS)
# Appends each of FLAGS that the compiler (linker) takes to VARIABLE.
AC_DEFUN([PROBE_CFLAGS], [for flag in $2; do
	save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $flag"
	AC_MSG_CHECKING([whether $CC takes $flag])
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
		[AC_MSG_RESULT([yes]); $1="$$1 $flag"], [AC_MSG_RESULT([no])])
	CFLAGS=$save_CFLAGS
done])
AC_DEFUN([PROBE_LDFLAGS], [for flag in $2; do
	save_LDFLAGS=$LDFLAGS; save_CFLAGS=$CFLAGS
	LDFLAGS="$LDFLAGS $flag"; CFLAGS="$CFLAGS -fPIE"
	AC_MSG_CHECKING([whether the linker takes $flag])
	AC_LINK_IFELSE([AC_LANG_PROGRAM()],
		[AC_MSG_RESULT([yes]); $1="$$1 $flag"], [AC_MSG_RESULT([no])])
	LDFLAGS=$save_LDFLAGS; CFLAGS=$save_CFLAGS
done])
