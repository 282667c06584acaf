/*
 * page - the dashboard.
 */
#ifndef STATUS_PAGE_H
#define STATUS_PAGE_H

#include "status/back.h"

back_handler page_show;

#endif
