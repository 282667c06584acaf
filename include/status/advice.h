/*
 * advice - what an outcome means in plain words, and what to do about it.
 */
#ifndef STATUS_ADVICE_H
#define STATUS_ADVICE_H

#include "core/outcome.h"

/* Sentences; "" of an outcome that is no problem. */
const char *advice_cause(enum outcome outcome);
const char *advice_action(enum outcome outcome);

#endif
