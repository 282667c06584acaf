/*
 * Linked into each program of a coverage build, with --wrap=_exit: _exit()
 * leaves the counters unwritten, and that is how children end.
 */
void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void
__wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}
