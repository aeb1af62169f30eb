/* pause, sigsuspend and sigpause: parked until a handler has run. */
#include <string.h>

#include "hook/hook.h"

/* With a signal mask of its own, or none. */
static long await_handler(struct weft__fiber *self, const sigset_t *mask)
{
    struct weft__masked masked;
    long result = 0;
    while (result == 0) {
        weft__interruptible_begin(self, WEFT__ENDS);
        weft__masked_begin(self, &masked, mask);
        result = weft__park(self, WEFT__WAIT_SIGNAL, NULL, true);
        result = weft__interruptible_end(self, result);
    }
    return result;
}

int weft__hook_pause(struct weft__fiber *self)
{
    return (int)weft__result(await_handler(self, NULL));
}

int weft__hook_sigsuspend(struct weft__fiber *self, const sigset_t *mask)
{
    return (int)weft__result(await_handler(self, mask));
}

/* BSD's has the first signals as the bits of a number. */
int weft__hook_sigpause(struct weft__fiber *self, int mask)
{
    sigset_t set;
    uint64_t bits = (unsigned)mask;
    sigemptyset(&set);
    memcpy(&set, &bits, sizeof bits);
    return weft__hook_sigsuspend(self, &set);
}

int weft__hook___xpg_sigpause(struct weft__fiber *self, int number)
{
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    if (sigdelset(&set, number) < 0)
        return -1;
    return weft__hook_sigsuspend(self, &set);
}
