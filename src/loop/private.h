#ifndef WEFT_LOOP_PRIVATE_H
#define WEFT_LOOP_PRIVATE_H

#include <stdbool.h>

/*
 * Descriptors of the library's own, kept out of the program's way.
 *
 * They stand at high numbers, so that the program gets the low ones that it would get without us;
 * and the hooks of close() and its kin know them, since there are programs that close whatever
 * number there is before they begin (OpenSSH). In the child of a fork nothing is private.
 */

enum {
    WEFT__PRIVATE_MOST = 256 /* of a process; more are not protected */
};

/** Move a descriptor that was just made out of the way: its number from now on. */
int weft__private_keep(int fd);

/** Close it. */
void weft__private_close(int fd);

/** Whether a number is the library's own. */
bool weft__is_private(int fd);

/** The lowest number of the library's own from FIRST on; INT_MAX if there is none. */
int weft__private_from(int first);

/** In the child of a fork. */
void weft__private_reset(void);

#endif
