#ifndef WEFT_HOOK_LOOKUP_H
#define WEFT_HOOK_LOOKUP_H

#include "hook/hook.h"

/*
 * A name look-up on another thread, which its fiber may leave at any time.
 *
 * The C library can't be interrupted in the middle of a look-up. So everything it reads and writes
 * belongs to the job: when the fiber has been cancelled it goes, and the thread throws away what
 * came too late.
 */

struct weft__lookup_job {
    /** On the other thread. */
    void (*perform)(struct weft__lookup_job *job);
    /** Free the job and all that it holds; also of one that nobody waited for. */
    void (*dispose)(struct weft__lookup_job *job);
    int error; /* the errno after perform() */
};

/**
 * Perform a job; 0 once done, and the caller disposes of it. A negative errno: somebody else will.
 */
int weft__lookup(struct weft__fiber *self, struct weft__lookup_job *job);

#endif
