/*
 * manage - the configuration for those who have a password: look, edit and
 * check it, stage it for root, ask what a client would get.
 */
#ifndef STATUS_MANAGE_H
#define STATUS_MANAGE_H

#include "status/back.h"

/*
 * manage_handle - each of its routes.  Asks for the password first, and for
 * a POST for the page's own token.
 */
back_handler manage_handle;

#endif
