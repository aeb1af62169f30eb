/* A program that uses everything the runtime offers, and gives up cleanly wherever it is hit. */
#ifndef TESTS_TORTURE_EVERYTHING_H
#define TESTS_TORTURE_EVERYTHING_H

/**
 * Run as a root fiber. 0, or -1 with errno; everything it opened is closed either way. *REACHED, a
 * const char *, names the step it has come to.
 */
int everything(void *reached);

#endif
