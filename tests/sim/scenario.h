/*
 * scenario - named runs whose result is known in advance.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>

/* Run all of them, a line each; returns how many failed. */
unsigned scenario_run_all(void);

void scenario_list(void);

/* The card with a small ring: print the table, return what failed. */
unsigned ring_table(void);

/* As a scenario: ring_table() without a word. */
bool ring_scenario(void);

#endif
