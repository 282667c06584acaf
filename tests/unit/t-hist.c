#include "t.h"
int
main(void)
{
	CU_SuiteInfo suites[] = { CU_SUITE_INFO_NULL };

	return t_run(suites);
}
