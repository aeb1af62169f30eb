/* Calls that may block whatever is done: made on another thread while the fiber is parked. */
#include "hook/hook.h"

struct raw_call {
    long number;
    long arguments[6];
    long result;
};

static int make(void *argument)
{
    struct raw_call *call = argument;
    long *a = call->arguments;
    call->result = weft__raw6(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return 0;
}

long weft__offload_raw(long number, long a, long b, long c, long d, long e, long f)
{
    struct raw_call call = { .number = number, .arguments = { a, b, c, d, e, f } };
    int saved = errno;
    if (weft__offload_on(0, make, &call) < 0) {
        int error = errno;
        errno = saved;
        return -error;
    }
    errno = saved;
    return call.result;
}
