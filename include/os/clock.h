/*
 * clock - the two clocks: one that timers run by, one that stamps records.
 */
#ifndef OS_CLOCK_H
#define OS_CLOCK_H

#include <stdint.h>

/* Microseconds since some fixed moment; a wall-clock jump changes nothing. */
uint64_t clock_mono_us(void);

/* Microseconds since 1970, UTC; for records only. */
uint64_t clock_real_us(void);

#endif
