#ifndef WEFT_BASE_THREAD_H
#define WEFT_BASE_THREAD_H

#include <stddef.h>

/**
 * Start a thread of the library's own: detached, with a stack of SIZE bytes, and with all signals
 * held back, since they belong to the program's threads. 0 or a negative errno.
 */
int weft__thread_start(void *(*body)(void *argument), void *argument, size_t size);

#endif
