/*
 * Random programs against a model of what must hold whatever they do.
 *
 * A program is a tree of tasks. Each draws its own numbers (from the run's seed and its number) and
 * does what they say: yield, sleep, start scopes of children and end them in some way, set limits
 * and shields around more of the same, send, receive, select, take permits, wait for and give
 * signals, cancel somebody, fail. Beside it runs a model: who is alive, what was sent and
 * received, who holds a permit. The clock is virtual, so a run is a pure function of its seed; that
 * is checked too.
 *
 * WEFT_FUZZ_SEED=n runs one program; WEFT_FUZZ_RUNS=n runs so many.
 */
#include <signal.h>
#include <stdlib.h>

#include <weft/weft.h>

#include "base/alloc.h"
#include "tap.h"

#ifdef __SANITIZE_THREAD__
#define RUNS 20 /* a fiber costs as much as a thread there */
#else
#define RUNS 400
#endif

enum {
    FUSE = 60,
    TASKS_MOST = 300,
    DEPTH_MOST = 5,
    NESTING_MOST = 3,
    CHANNELS = 3,
    PERMITS = 3,
    ITEMS_MOST = 20000
};

struct record {
    struct weft_task *handle; /* while its function runs */
    bool started;
    bool ended;
    bool parent; /* it has children in its own scope, whose failure becomes its own */
    int value;
    int error;
};

struct model {
    uint64_t seed;
    uint64_t hash; /* of everything that happened, in order */
    int broken;
    int tasks;
    int alive;
    struct record records[TASKS_MOST];
    struct weft_channel *channels[CHANNELS];
    int sent;
    int received;
    bool seen[ITEMS_MOST];
    struct weft_semaphore permits;
    int holders;
    struct weft_condition condition;
    int waiting;
};

static struct model model;

/** A task's own state, on its stack. */
struct actor {
    int number;
    int depth;
    int nesting;
    int shields;
    int limits;
    bool cancelled; /* seen outside limits and shields: it is so for ever */
    uint64_t random;
};

struct start {
    int number;
    int depth;
};

static uint64_t draw(struct actor *actor, uint64_t below)
{
    actor->random ^= actor->random << 13;
    actor->random ^= actor->random >> 7;
    actor->random ^= actor->random << 17;
    return (actor->random * UINT64_C(0x9e3779b97f4a7c15) >> 32) % below;
}

static void happened(int who, int what, int64_t result)
{
    uint64_t word = (uint64_t)who << 40 ^ (uint64_t)what << 32 ^ (uint64_t)result;
    model.hash = (model.hash ^ word) * UINT64_C(0x100000001b3);
    model.hash ^= model.hash >> 29;
}

__attribute__((format(printf, 2, 3))) static void holds(bool condition, const char *format, ...)
{
    char text[200];
    va_list args;
    if (condition)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    model.broken++;
    diag("seed %llu: %s", (unsigned long long)model.seed, text);
}

/** After every blocking call: its outcome fits what the task knows of itself. */
static void called(struct actor *actor, int what, int result)
{
    int error = result < 0 ? errno : 0;
    bool bare = !actor->shields && !actor->limits;
    happened(actor->number, what, result < 0 ? -error : result);
    if (actor->cancelled && bare)
        holds(weft_cancelled() != 0, "task %d: a cancel it has seen is gone", actor->number);
    if (bare && weft_cancelled())
        actor->cancelled = true;
    if (result < 0 && (error == ECANCELED || error == ETIMEDOUT))
        holds(weft_cancelled() == error || what == 'J' || what == 'W',
              "task %d: call %c failed with %d but the task is not so", actor->number, what, error);
}

static int task_main(void *argument);
static int act(struct actor *actor);

/* Plain calls */

static void do_sleep(struct actor *actor)
{
    int64_t duration = (int64_t)draw(actor, 20) * WEFT_MILLISECOND;
    int64_t began = weft_now();
    int result = weft_sleep(duration);
    called(actor, 's', result);
    holds(result < 0 || weft_now() == began + duration, "task %d: a sleep took another time",
          actor->number);
}

static void do_yield(struct actor *actor)
{
    called(actor, 'y', weft_yield());
}

/* Waiting for others never lasts longer than this. */
static int64_t patience(struct actor *actor)
{
    return (int64_t)(1 + draw(actor, 30)) * WEFT_MILLISECOND;
}

static void took(int message)
{
    holds(message >= 0 && message < model.sent, "message %d was never sent", message);
    if (message < 0 || message >= ITEMS_MOST)
        return;
    holds(!model.seen[message], "message %d came twice", message);
    model.seen[message] = true;
    model.received++;
}

/* A number is drawn before the send, and given back only by success: gaps are not counted. */
static int failed_sends;

static void do_send(struct actor *actor)
{
    if (model.sent >= ITEMS_MOST)
        return;
    int message = model.sent++;
    WEFT_TIMEOUT(patience(actor));
    actor->limits++;
    int result = weft_channel_send(model.channels[draw(actor, CHANNELS)], &message);
    called(actor, '>', result);
    actor->limits--;
    if (result < 0) {
        failed_sends++;
        holds(!model.seen[message], "message %d was received but its send failed", message);
        model.seen[message] = true; /* must not come any more */
    }
}

static void do_receive(struct actor *actor)
{
    int message = -1;
    WEFT_TIMEOUT(patience(actor));
    actor->limits++;
    int result = weft_channel_receive(model.channels[draw(actor, CHANNELS)], &message);
    called(actor, '<', result);
    actor->limits--;
    if (result == 0)
        took(message);
    else
        holds(message == -1, "a receive that failed has written a message");
}

static void do_select(struct actor *actor)
{
    int message = -1;
    int other = -1;
    struct weft_select_case cases[] = {
        { .channel = model.channels[draw(actor, CHANNELS)], .message = &message },
        { .channel = model.channels[draw(actor, CHANNELS)], .message = &other },
    };
    int result = weft_select(cases, 2, patience(actor));
    called(actor, '?', result);
    if (result == 0)
        took(message);
    if (result == 1)
        took(other);
    holds(result == 0 || message == -1, "a select wrote a message that it did not take");
    holds(result == 1 || other == -1, "a select wrote another message");
}

static void do_permit(struct actor *actor)
{
    WEFT_TIMEOUT(patience(actor));
    actor->limits++;
    int result = weft_semaphore_acquire(&model.permits);
    called(actor, '(', result);
    if (result == 0) {
        model.holders++;
        holds(model.holders <= PERMITS, "%d hold a permit", model.holders);
        (void)act(actor);
        model.holders--;
        weft_semaphore_release(&model.permits);
    }
    actor->limits--;
}

static void do_wait(struct actor *actor)
{
    WEFT_TIMEOUT(patience(actor));
    actor->limits++;
    model.waiting++;
    int result = weft_condition_wait(&model.condition);
    model.waiting--;
    called(actor, 'w', result);
    actor->limits--;
}

static void do_signal(struct actor *actor)
{
    size_t woken = draw(actor, 2) ? weft_condition_broadcast(&model.condition)
                                  : (size_t)weft_condition_signal(&model.condition);
    happened(actor->number, '!', (int64_t)woken);
    holds(woken <= (size_t)model.waiting, "more were woken than wait");
}

static void do_cancel(struct actor *actor)
{
    int number = (int)draw(actor, (uint64_t)model.tasks);
    struct weft_task *handle = model.records[number].handle;
    if (!handle || draw(actor, 3))
        return;
    happened(actor->number, 'x', number);
    holds(weft_cancel(handle) == 0, "a cancel of a live task fails");
}

/* Levels */

static void do_limit(struct actor *actor)
{
    int64_t duration = (int64_t)draw(actor, 40) * WEFT_MILLISECOND;
    int64_t began = weft_now();
    WEFT_TIMEOUT_AS(limit, duration);
    actor->limits++;
    (void)act(actor);
    (void)act(actor);
    actor->limits--;
    holds(!weft_timeout_expired(&limit) || weft_now() >= began + duration,
          "task %d: a limit expired too early", actor->number);
    holds(!weft_timeout_expired(&limit) || weft_cancelled(), "an expired limit is not felt");
}

static void do_shield(struct actor *actor)
{
    WEFT_SHIELD_AS(shield, WEFT_MINUTE);
    actor->shields++;
    holds(weft_cancelled() == 0, "task %d: cancelled at the start of a shield", actor->number);
    (void)act(actor);
    actor->shields--;
}

/* Scopes */

static struct weft_task *start_child(struct actor *actor, struct weft_scope *scope)
{
    if (model.tasks >= TASKS_MOST || actor->depth >= DEPTH_MOST)
        return NULL;
    int number = model.tasks++;
    struct start start = { number, actor->depth + 1 };
    bool transient = scope && draw(actor, 8) == 0;
    struct weft_task *task =
        transient ? weft_go_transient(scope, task_main, start) : weft_go(scope, task_main, start);
    happened(actor->number, 'g', task ? number : -errno);
    holds((task != NULL) == model.records[number].started, "task %d: started or not", number);
    return transient ? NULL : task;
}

static void join_child(struct actor *actor, struct weft_task *task, int number)
{
    struct weft_result result = { 0 };
    int joined = weft_join(task, &result);
    called(actor, 'J', joined);
    if (joined < 0)
        return;
    struct record *record = &model.records[number];
    holds(record->ended, "task %d: joined before its end", number);
    if (record->parent && record->value >= 0 && result.value < 0)
        return;
    holds(result.value == record->value && result.error == record->error,
          "task %d: joined with %d/%d, ended with %d/%d", number, result.value, result.error,
          record->value, record->error);
}

static void next_children(struct actor *actor, struct weft_scope *scope)
{
    struct weft_result result;
    for (uint64_t i = draw(actor, 4); i > 0; i--) {
        int got = weft_scope_next(scope, &result);
        called(actor, 'n', got);
        if (got <= 0)
            return;
        happened(actor->number, 'r', result.value);
    }
}

static void end_scope(struct actor *actor, struct weft_scope *scope)
{
    if (!scope->reap && draw(actor, 2))
        next_children(actor, scope);
    if (draw(actor, 4) == 0)
        holds(weft_scope_cancel(scope) == 0, "a scope of one's own can't be cancelled");
    if (draw(actor, 2))
        called(actor, 'W', weft_scope_wait(scope));
}

static void check_ended(int first, int last)
{
    for (int i = first; i < last; i++)
        holds(!model.records[i].started || model.records[i].ended || model.records[i].handle,
              "task %d is lost", i);
}

static void do_scope(struct actor *actor)
{
    int numbers[4];
    int count = 0;
    {
        WEFT_AUTO(weft_scope)
        struct weft_scope scope = {
            .limit = draw(actor, 3),
            .timeout = draw(actor, 3) ? 0 : (int64_t)(1 + draw(actor, 30)) * WEFT_MILLISECOND,
            .keep_going = draw(actor, 2),
            .reap = draw(actor, 4) == 0,
        };
        for (uint64_t i = 1 + draw(actor, 4); i > 0; i--) {
            int number = model.tasks;
            struct weft_task *task = start_child(actor, &scope);
            if (number < model.tasks && model.records[number].started)
                numbers[count++] = number;
            if (task && !scope.reap && draw(actor, 4) == 0)
                join_child(actor, task, number);
        }
        end_scope(actor, &scope);
    }
    for (int i = 0; i < count; i++)
        holds(model.records[numbers[i]].ended, "a scope ended before its child %d", numbers[i]);
    check_ended(0, model.tasks);
}

static void do_own_child(struct actor *actor)
{
    if (start_child(actor, NULL) || errno)
        model.records[actor->number].parent = true;
}

static void (*const actions[])(struct actor *actor) = {
    do_yield, do_sleep, do_send,   do_receive, do_select, do_permit, do_wait,
    do_scope, do_limit, do_shield, do_signal,  do_cancel, do_scope,  do_own_child,
};

enum {
    ACTIONS = sizeof(actions) / sizeof(*actions)
};

static int act(struct actor *actor)
{
    if (actor->nesting >= NESTING_MOST)
        return 0;
    actor->nesting++;
    actions[draw(actor, ACTIONS)](actor);
    actor->nesting--;
    return 0;
}

static int end_task(struct actor *actor, struct record *record)
{
    static const int errors[] = { EDOM, ERANGE, EILSEQ };
    bool fails = draw(actor, 6) == 0;
    record->handle = NULL;
    record->value = fails ? -1 : actor->number;
    record->error = fails ? errors[draw(actor, 3)] : 0;
    errno = record->error;
    return record->value;
}

static int task_main(void *argument)
{
    struct start *start = argument;
    struct record *record = &model.records[start->number];
    struct actor actor = {
        .number = start->number,
        .depth = start->depth,
        .random = (model.seed + 1) * UINT64_C(0xd1342543de82ef95) ^ (uint64_t)(start->number + 1)
                                                                        << 17,
    };
    record->started = true;
    record->handle = weft_self();
    model.alive++;
    happened(actor.number, 'b', actor.depth);
    for (uint64_t i = 1 + draw(&actor, 6); i > 0; i--)
        (void)act(&actor);
    int value = end_task(&actor, record);
    record->ended = true;
    model.alive--;
    happened(actor.number, 'e', value);
    return value;
}

static int root(void *argument)
{
    struct weft_stats stats;
    (void)argument;
    for (int i = 0; i < 3; i++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        for (int j = 0; j < 4 && model.tasks < TASKS_MOST; j++)
            (void)weft_go(&scope, task_main, (struct start){ model.tasks++, 1 });
        (void)weft_scope_wait(&scope);
        holds(model.alive == 0, "%d tasks live on after their scope", model.alive);
    }
    weft_stats(&stats);
    holds(stats.tasks == 1 && stats.ready == 0, "%zu tasks in the end", stats.tasks);
    holds(stats.parked_time + stats.parked_sync == 0, "somebody is parked in the end");
    return 0;
}

static uint64_t run(uint64_t seed)
{
    static const size_t capacities[CHANNELS] = { 0, 1, 4 };
    struct weft_options options = { .virtual_clock = true, .seed = seed % 2 ? seed : 0 };
    size_t left = 0;
    memset(&model, 0, sizeof(model));
    failed_sends = 0;
    model.seed = seed;
    model.permits.permits = PERMITS;
    for (int i = 0; i < CHANNELS; i++)
        must((model.channels[i] = weft_channel_new(sizeof(int), capacities[i])), "channel");
    alarm(FUSE);
    holds(weft_run_with(&options, root, NULL) == 0, "the run fails: %s", strerror(errno));
    alarm(0);
    for (int i = 0; i < CHANNELS; i++) {
        left += weft_channel_count(model.channels[i]);
        weft_channel_free(model.channels[i]);
    }
    holds(model.permits.permits == PERMITS && model.holders == 0, "a permit is lost");
    holds(model.sent == model.received + failed_sends + (int)left,
          "%d messages sent, %d received, %d failed, %zu left", model.sent, model.received,
          failed_sends, left);
    return model.hash;
}

static void hangs(int number)
{
    (void)number;
    diag("seed %llu hangs", (unsigned long long)model.seed);
    _exit(1);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
    uint64_t first = number_from("WEFT_FUZZ_SEED", 1);
    uint64_t runs = number_from("WEFT_FUZZ_RUNS", getenv("WEFT_FUZZ_SEED") ? 1 : RUNS);
    int broken = 0;
    int unsteady = 0;
    long long tasks = 0;
    signal(SIGALRM, hangs);
    (void)run(first);
    int64_t live = weft__torture_live();
    for (uint64_t seed = first; seed < first + runs; seed++) {
        uint64_t hash = run(seed);
        broken += model.broken;
        tasks += model.tasks;
        bool same = run(seed) == hash;
        unsteady += !same;
        if (!same)
            diag("seed %llu: two runs differ", (unsigned long long)seed);
    }
    ok(tasks > (long long)runs * 10, "%llu random programs of %lld tasks, seeds from %llu",
       (unsigned long long)runs, tasks, (unsigned long long)first);
    is_int(broken, 0, "no scope ends early, nothing sent or permitted is lost, cancels last");
    is_int(unsteady, 0, "a seed gives the same run again");
    is_int(weft__torture_live(), live, "no allocation of the library is left");
    return done_testing();
}
