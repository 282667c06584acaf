# PROBE_CFLAGS(VARIABLE, FLAGS), PROBE_LDFLAGS(VARIABLE, FLAGS)
# Appends each of FLAGS that the compiler (linker) takes without a word to
# VARIABLE.  A flag is tried beside those before it, which it may need, and
# with a header, for it is libc that complains of _FORTIFY_SOURCE.
AC_DEFUN([PROBE_CFLAGS], [for flag in $2; do
	save_CFLAGS=$CFLAGS
	CFLAGS="$$1 $CFLAGS -Werror $flag"
	AC_MSG_CHECKING([whether $CC takes $flag])
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]])],
		[AC_MSG_RESULT([yes]); $1="$$1 $flag"], [AC_MSG_RESULT([no])])
	CFLAGS=$save_CFLAGS
done])
AC_DEFUN([PROBE_LDFLAGS], [for flag in $2; do
	save_LDFLAGS=$LDFLAGS; save_CFLAGS=$CFLAGS
	LDFLAGS="$LDFLAGS $$1 $flag"; CFLAGS="$CFLAGS -fPIE"
	AC_MSG_CHECKING([whether the linker takes $flag])
	AC_LINK_IFELSE([AC_LANG_PROGRAM()],
		[AC_MSG_RESULT([yes]); $1="$$1 $flag"], [AC_MSG_RESULT([no])])
	LDFLAGS=$save_LDFLAGS; CFLAGS=$save_CFLAGS
done])
