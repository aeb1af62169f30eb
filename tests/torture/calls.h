/*
 * Libraries nobody recompiled, with system calls that fail: the n-th one, with each error it may
 * give, for every n until a run comes to its end without having met the fault.
 */
#ifndef TESTS_TORTURE_CALLS_H
#define TESTS_TORTURE_CALLS_H

#include "base/alloc.h"
#include "base/raw.h"
#include "hook/crowd.h"

enum {
    CALL_FUSE = 20, /* s for a run */
    CALLS_MOST = 5000,
    ERRORS_OF_A_CALL = 4
};

/** May what a library does fail at this point? */
static bool may_fail(void)
{
    return weft__torture_failed() >= 0;
}

/** Run ROOT with each fault. It returns 0 if all was exact or failed as it may. */
static void try_calls(int (*root)(void *))
{
    unsigned long faults = 0;
    must(weft_run(root, NULL) == 0, "without a fault all is exact");
    int before = open_descriptors();
    for (int error = 0; error < ERRORS_OF_A_CALL; error++)
        for (uint64_t n = 1; n < CALLS_MOST; n++) {
            alarm(CALL_FUSE);
            weft__torture_fail_call(n, error);
            int result = weft_run(root, NULL);
            long failed = weft__torture_failed();
            weft__torture_fail_call(0, 0);
            must(result == 0, "call %ld, error %d, n %lu: exact, or an error that it may give",
                 failed, error, (unsigned long)n);
            must(open_descriptors() == before, "call %ld, error %d, n %lu: no descriptor is left",
                 failed, error, (unsigned long)n);
            if (failed < 0)
                break;
            faults++;
        }
    alarm(CALL_FUSE);
    ok(faults > 20, "%lu system calls failed: an answer each time, no descriptor is left", faults);
    is_int(weft_run(root, NULL), 0, "after them all is exact");
}

#endif
