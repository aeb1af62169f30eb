/* weft_yield(): a turn for everybody else. */
#include "runtime.h"

struct turn {
    const char *name;
    int turns;
};

FIBER(take_turns)
{
    struct turn *mine = argument;
    for (int i = 0; i < mine->turns; i++) {
        trace("%s%d", mine->name, i);
        must(weft_yield() == 0, "yield");
    }
    return 0;
}

FIBER(round_robin)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, take_turns, (struct turn){ "a", 3 });
    weft_go(&scope, take_turns, (struct turn){ "b", 3 });
    weft_go(&scope, take_turns, (struct turn){ "c", 3 });
    must(weft_scope_wait(&scope) == 0, "wait");
    is_trace("a0 b0 c0 a1 b1 c1 a2 b2 c2", "ready fibers take turns, first in, first out");
    return 0;
}

FIBER(alone)
{
    int64_t began = weft_now();
    errno = EXDEV;
    for (int i = 0; i < 100000; i++)
        must(weft_yield() == 0, "yield");
    is_int(errno, EXDEV, "yielding keeps errno");
    is_int(weft_now(), began, "and takes no time of a virtual clock");
    return 0;
}

FIBER(sleep_and_stop)
{
    bool *stop = *(bool **)argument;
    must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
    *stop = true;
    return 0;
}

FIBER(timers_get_their_turn)
{
    bool stop = false;
    int turns = 0;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, sleep_and_stop, (bool *){ &stop });
    while (!stop) {
        must(weft_yield() == 0, "yield");
        turns++;
    }
    ok(turns > 0, "a fiber that only yields does not starve timers");
    return weft_scope_wait(&scope);
}

FIBER(yield_cancelled)
{
    weft_cancel(weft_self());
    fails(weft_yield(), ECANCELED, "a cancelled yield fails");
    trace("self");
    return 0;
}

FIBER(yield_and_note)
{
    trace("started");
    must(weft_yield() == 0, "yield");
    trace("other");
    return 0;
}

FIBER(cancelled)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, yield_and_note, NOTHING);
    weft_go(&scope, yield_cancelled, NOTHING);
    (void)weft_scope_wait(&scope);
    is_trace("started other self", "but has yielded all the same");
    return 0;
}

int main(void)
{
    in_runtime(round_robin);
    in_runtime(alone);
    must(weft_run(timers_get_their_turn, NULL) == 0, "timers_get_their_turn");
    in_runtime(cancelled);
    fails(weft_yield(), EPERM, "outside a fiber nobody can yield");
    return done_testing();
}
