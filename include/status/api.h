/*
 * api - what programs are told; doc/api.md has all of it.
 */
#ifndef STATUS_API_H
#define STATUS_API_H

#include "status/back.h"

back_handler api_health, api_ready, api_metrics, api_status, api_transfers,
    api_connections, api_statistics, api_config;

#endif
