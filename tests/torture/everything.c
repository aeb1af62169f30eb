/*
 * Every step opens, uses and closes one part of the runtime. It returns 0, or -1 with errno when a
 * call failed that had no reason of its own to; a wrong result aborts.
 */
#include "everything.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include <weft/weft.h>

#include "tap.h"

#define FIBER(name) static int name(__attribute__((unused)) void *argument)
#define NOTHING ((int){ 0 })

/** Fail as CALL fails. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            return -1;                                                                             \
    } while (0)

/** CALL fails: with ERROR, as it should, or with what hit the program. */
#define TRY_FAILS(call, error)                                                                     \
    do {                                                                                           \
        must((call) < 0, #call " fails");                                                          \
        if (errno != (error))                                                                      \
            return -1;                                                                             \
    } while (0)

#define OWNED(type) __attribute__((cleanup(type##_release)))

static void channel_release(struct weft_channel **channel)
{
    weft_channel_free(*channel);
}

struct ends {
    int in;
    int out;
};

static void ends_release(struct ends *ends)
{
    int saved = errno;
    if (ends->in >= 0)
        close(ends->in);
    if (ends->out >= 0)
        close(ends->out);
    errno = saved;
}

FIBER(nap)
{
    return weft_sleep(*(int64_t *)argument);
}

FIBER(park)
{
    struct weft_condition never = { 0 };
    return weft_condition_wait(&never);
}

FIBER(fail_with)
{
    errno = *(int *)argument;
    return -1;
}

static int make_ends(struct ends *ends, bool socket)
{
    int pair[2];
    TRY(socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, pair) : pipe(pair));
    *ends = (struct ends){ pair[0], pair[1] };
    return 0;
}

/* Scopes: limit, reap, keep_going, next, nested, the task's own. */

FIBER(family)
{
    int depth = *(int *)argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .limit = 2 };
    for (int i = 0; i < 3 && depth > 0; i++)
        if (!weft_go(&scope, family, (int){ depth - 1 }))
            return -1;
    TRY(weft_sleep(WEFT_MILLISECOND));
    return weft_scope_wait(&scope);
}

FIBER(leave_children)
{
    if (!weft_go(NULL, nap, (int64_t){ WEFT_MILLISECOND }))
        return -1;
    return weft_go(NULL, nap, (int64_t){ 2 * WEFT_MILLISECOND }) ? 0 : -1;
}

static int step_scopes(void)
{
    TRY(family(&(int){ 2 }));
    TRY(leave_children(NULL));

    WEFT_AUTO(weft_scope) struct weft_scope reaping = { .reap = true, .limit = 8 };
    for (int i = 0; i < 40; i++)
        if (!weft_go(&reaping, nap, (int64_t){ i * WEFT_MICROSECOND }))
            return -1;
    TRY(weft_scope_wait(&reaping));

    WEFT_AUTO(weft_scope) struct weft_scope some = { .keep_going = true };
    for (int i = 0; i < 4; i++)
        if (!weft_go(&some, nap, (int64_t){ (4 - i) * WEFT_MILLISECOND }))
            return -1;
    TRY(weft_scope_next(&some, NULL));
    TRY(weft_scope_next(&some, NULL));
    return 0;
}

/* Joining, failing, cancelling. */

static int step_tasks(void)
{
    struct weft_result result = { 0 };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, nap, (int64_t){ WEFT_SECOND });
    if (!task)
        return -1;
    TRY(weft_join(task, &result));
    task = weft_go(&scope, fail_with, (int){ EDOM });
    if (!task)
        return -1;
    TRY(weft_join(task, &result));
    must(result.value == -1 && result.error == EDOM, "its own errno");
    task = weft_go(&scope, park, NOTHING);
    if (!task)
        return -1;
    weft_cancel(task);
    TRY(weft_join(task, &result));
    must(result.cancelled, "cancelled");
    return 0;
}

/* Deadlines and shields. */

FIBER(clean_up)
{
    if (weft_sleep(WEFT_MINUTE) < 0) {
        WEFT_SHIELD(WEFT_MINUTE);
        (void)weft_sleep(WEFT_MILLISECOND);
    }
    return 0;
}

static int step_limits(void)
{
    {
        WEFT_TIMEOUT(WEFT_SECOND);
        {
            WEFT_TIMEOUT_AS(inner, WEFT_MINUTE);
            TRY(weft_timeout_set(&inner, 2 * WEFT_MINUTE));
            TRY_FAILS(weft_sleep(WEFT_MINUTE * 5), ETIMEDOUT);
        }
        WEFT_SHIELD(WEFT_SECOND);
        TRY(weft_sleep(WEFT_MILLISECOND));
    }
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .timeout = WEFT_SECOND };
    for (int i = 0; i < 3; i++)
        if (!weft_go(&scope, clean_up, NOTHING))
            return -1;
    TRY_FAILS(weft_scope_wait(&scope), ETIMEDOUT);
    return 0;
}

/* Channels and select. */

struct flow {
    struct weft_channel *from;
    struct weft_channel *to;
};

FIBER(produce)
{
    struct flow *flow = argument;
    for (int i = 0; i < 10; i++)
        TRY(weft_channel_send(flow->to, &i));
    weft_channel_close(flow->to);
    return 0;
}

FIBER(copy_messages)
{
    struct flow *flow = argument;
    int message;
    while (weft_channel_receive(flow->from, &message) == 0)
        TRY(weft_channel_send(flow->to, &message));
    if (errno != EPIPE)
        return -1;
    weft_channel_close(flow->to);
    return 0;
}

static int step_channels(void)
{
    OWNED(channel) struct weft_channel *first = weft_channel_new(sizeof(int), 0);
    OWNED(channel) struct weft_channel *second = weft_channel_new(sizeof(int), 3);
    if (!first || !second)
        return -1;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    if (!weft_go(&scope, produce, (struct flow){ .to = first }) ||
        !weft_go(&scope, copy_messages, (struct flow){ first, second }))
        return -1;
    int message = -1;
    struct weft_select_case cases[] = { { .channel = NULL },
                                        { .channel = second, .message = &message } };
    int sum = 0;
    int happened;
    while ((happened = weft_select(cases, 2, WEFT_MINUTE)) == 1 && cases[1].error == 0)
        sum += message;
    TRY(happened);
    TRY(weft_scope_wait(&scope));
    must(sum == 45, "every message came once");
    TRY_FAILS(weft_select(cases, 1, WEFT_MILLISECOND), EAGAIN);
    return 0;
}

/* Condition, semaphore, promise. */

struct meeting {
    struct weft_condition begin;
    struct weft_semaphore seats;
    struct weft_promise result;
    int met;
};

FIBER(meet)
{
    struct meeting *meeting = *(struct meeting **)argument;
    TRY(weft_condition_wait(&meeting->begin));
    TRY(weft_semaphore_acquire(&meeting->seats));
    int slept = weft_sleep(WEFT_MILLISECOND);
    int error = errno;
    weft_semaphore_release(&meeting->seats);
    errno = error;
    TRY(slept);
    if (++meeting->met == 5)
        weft_promise_resolve(&meeting->result, meeting);
    return weft_promise_wait(&meeting->result, NULL);
}

static int hold_meeting(struct meeting *meeting)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 5; i++)
        if (!weft_go(&scope, meet, (struct meeting *){ meeting }))
            return -1;
    TRY(weft_yield());
    weft_condition_broadcast(&meeting->begin);
    return weft_scope_wait(&scope);
}

static int step_meeting(void)
{
    struct meeting meeting = { .seats.permits = 2 };
    int result = hold_meeting(&meeting);
    must(meeting.seats.permits == 2, "no permit is lost");
    must(result < 0 || meeting.met == 5, "all have met");
    return result;
}

/* Locals and errors. */

static void local_destroy(void *value)
{
    --*(int *)value;
}

static const struct weft_local local = { local_destroy };

FIBER(own_value)
{
    int *alive = *(int **)argument;
    must(weft_local_get(&local) == alive, "inherited");
    TRY(weft_local_set(&local, alive));
    ++*alive;
    return weft_yield();
}

FIBER(outer_value)
{
    int *alive = *(int **)argument;
    TRY(weft_local_set(&local, alive));
    ++*alive;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 3; i++)
        if (!weft_go(&scope, own_value, (int *){ alive }))
            return -1;
    return weft_scope_wait(&scope);
}

FIBER(record)
{
    (void)weft_error_set("torture", 7, EIO, "a first failure");
    return weft_error_wrap("torture", 8, EIO, "a failure of %s", "another");
}

static int step_locals(void)
{
    int alive = 0;
    int result;
    {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        result = weft_go(&scope, outer_value, (int *){ &alive }) ? weft_scope_wait(&scope) : -1;
    }
    must(alive == 0, "every value was destroyed once (%d left)", alive);
    return result;
}

static int step_errors(void)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, record, NOTHING);
    if (!task)
        return -1;
    weft_error_clear();
    TRY(weft_join(task, NULL));
    const struct weft_error *error = weft_error();
    must(!error || error->code == 8, "the record, or none at all");
    weft_error_clear();
    return 0;
}

/* Background work. */

FIBER(tick)
{
    while (weft_sleep(*(int64_t *)argument) == 0)
        continue;
    WEFT_SHIELD(WEFT_SECOND);
    (void)weft_yield();
    return 0;
}

FIBER(park_softly)
{
    (void)park(NULL);
    WEFT_SHIELD(WEFT_SECOND);
    (void)weft_sleep(WEFT_MILLISECOND);
    return 0;
}

static int step_transient(void)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    if (!weft_go_transient(&scope, tick, (int64_t){ WEFT_SECOND / 4 }) ||
        !weft_go_transient(NULL, park_softly, NOTHING) ||
        !weft_go(&scope, nap, (int64_t){ WEFT_SECOND }))
        return -1;
    return weft_scope_wait(&scope);
}

/* Other threads. */

static int compute(void *argument)
{
    *(int *)argument += 1;
    return 3;
}

FIBER(offload)
{
    int runs = 0;
    int result = weft_offload(compute, &runs);
    must(result < 0 || (result == 3 && runs == 1), "it ran once");
    return result;
}

static int step_offload(void)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 6; i++)
        if (!weft_go(&scope, offload, NOTHING))
            return -1;
    return weft_scope_wait(&scope);
}

FIBER(thread_root)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    if (!weft_go(&scope, nap, (int64_t){ WEFT_MILLISECOND }))
        return -1;
    return weft_scope_wait(&scope);
}

struct side {
    struct ends ends;
    int error;
};

static void *thread_main(void *argument)
{
    struct side *side = argument;
    side->error = weft_run(thread_root, NULL) < 0 ? errno : 0;
    must(write(side->ends.out, "x", 1) == 1, "write");
    return NULL;
}

/* In a fiber the call would ask again and again, each time at another park. */
static int join_thread(void *argument)
{
    return -pthread_join(*(pthread_t *)argument, NULL);
}

/* A thread of our own that runs a loop of its own, waited for by a byte, whatever happens. */
static int step_thread(void)
{
    char byte;
    pthread_t thread;
    OWNED(ends) struct ends ends = { -1, -1 };
    TRY(make_ends(&ends, false));
    struct side side = { .ends = ends };
    must(pthread_create(&thread, NULL, thread_main, &side) == 0, "pthread_create");
    ssize_t got = read(ends.in, &byte, 1);
    int error = got < 0 ? errno : 0;
    WEFT_SHIELD(WEFT_FOREVER);
    must(weft_offload(join_thread, &thread) == 0, "offload under a shield");
    error = error ? error : side.error;
    errno = error;
    return error ? -1 : 0;
}

struct account {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int value;
};

FIBER(deposit)
{
    struct account *account = *(struct account **)argument;
    int result = 0;
    if (pthread_mutex_lock(&account->mutex))
        return -1;
    int value = account->value;
    result = weft_sleep(WEFT_MICROSECOND);
    int error = errno;
    account->value = result < 0 ? account->value : value + 1;
    pthread_cond_broadcast(&account->changed);
    pthread_mutex_unlock(&account->mutex);
    errno = error;
    return result;
}

static int wait_for_value(struct account *account, int value)
{
    int result = 0;
    pthread_mutex_lock(&account->mutex);
    while (account->value < value && !(result = weft_cancelled()))
        pthread_cond_wait(&account->changed, &account->mutex);
    pthread_mutex_unlock(&account->mutex);
    errno = result;
    return result ? -1 : 0;
}

FIBER(open_account)
{
    struct account *account = *(struct account **)argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 5; i++)
        if (!weft_go(&scope, deposit, (struct account *){ account }))
            return -1;
    TRY(weft_scope_wait(&scope));
    return wait_for_value(account, 5);
}

static int step_locks(void)
{
    struct account account = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };
    struct account *pointer = &account;
    int result = open_account(&pointer);
    must(result < 0 || account.value == 5, "no deposit is lost");
    return result;
}

/* Descriptors. */

static int write_all(int fd, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t wrote = write(fd, bytes + done, size - done);
        TRY(wrote);
        done += (size_t)wrote;
    }
    return 0;
}

/* Closes in any case: its reader waits for the end. */
FIBER(write_much)
{
    struct ends *ends = *(struct ends **)argument;
    static const char bytes[200000];
    int result = write_all(ends->out, bytes, sizeof(bytes));
    int error = errno;
    close(ends->out);
    ends->out = -1;
    errno = error;
    return result;
}

static int step_pipe(bool socket)
{
    OWNED(ends) struct ends ends = { -1, -1 };
    TRY(make_ends(&ends, socket));
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    if (!weft_go(&scope, write_much, (struct ends *){ &ends }))
        return -1;
    char bytes[4096];
    size_t total = 0;
    ssize_t got;
    while ((got = read(ends.in, bytes, sizeof(bytes))) > 0)
        total += (size_t)got;
    TRY(got);
    TRY(weft_scope_wait(&scope));
    must(total == 200000, "every byte came");
    return 0;
}

static int step_pipes(void)
{
    TRY(step_pipe(false));
    return step_pipe(true);
}

struct line {
    struct ends ends;
    int runs;
};

static int on_line(void *argument)
{
    struct line *line = argument;
    char byte;
    line->runs++;
    if (weft_cancelled())
        return 0;
    if (read(line->ends.in, &byte, 1) != 1)
        return weft_cancelled() ? 0 : -1;
    return line->runs < 3;
}

static int watch_line(struct line *line)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    if (!weft_watch(&scope, line->ends.in, on_line, line))
        return -1;
    TRY(weft_yield());
    for (int i = 0; i < 3; i++) {
        TRY(write(line->ends.out, "x", 1));
        TRY(weft_sleep(WEFT_MILLISECOND));
    }
    return weft_scope_wait(&scope);
}

static int step_watch(void)
{
    OWNED(ends) struct ends ends = { -1, -1 };
    TRY(make_ends(&ends, true));
    struct line line = { .ends = ends };
    return watch_line(&line);
}

FIBER(close_reader)
{
    struct ends *ends = *(struct ends **)argument;
    TRY(weft_yield());
    close(ends->in);
    ends->in = -1;
    return 0;
}

static int step_close(void)
{
    char byte;
    OWNED(ends) struct ends ends = { -1, -1 };
    TRY(make_ends(&ends, true));
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    if (!weft_go(&scope, close_reader, (struct ends *){ &ends }))
        return -1;
    TRY_FAILS(read(ends.in, &byte, 1), EBADF);
    return weft_scope_wait(&scope);
}

enum {
    BUNDLE = 12
}; /* more than a poll keeps on the stack */

struct bundle {
    struct ends ends[BUNDLE];
};

static void bundle_release(struct bundle *bundle)
{
    for (size_t i = 0; i < BUNDLE; i++)
        ends_release(&bundle->ends[i]);
}

static int step_poll(void)
{
    OWNED(bundle) struct bundle bundle;
    struct pollfd polled[BUNDLE];
    for (size_t i = 0; i < BUNDLE; i++)
        bundle.ends[i] = (struct ends){ -1, -1 };
    for (size_t i = 0; i < BUNDLE; i++) {
        TRY(make_ends(&bundle.ends[i], false));
        polled[i] = (struct pollfd){ .fd = bundle.ends[i].in, .events = POLLIN };
    }
    TRY(poll(polled, BUNDLE, 5));
    TRY(write(bundle.ends[BUNDLE - 1].out, "x", 1));
    TRY(poll(polled, BUNDLE, 5));
    must(polled[BUNDLE - 1].revents & POLLIN, "readable");
    struct timespec time = { 0, 1000000 };
    return nanosleep(&time, NULL);
}

static int step_names(void)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int error = getaddrinfo("127.0.0.1", "80", &hints, &found);
    if (error == EAI_MEMORY)
        errno = ENOMEM;
    if (error == EAI_MEMORY || error == EAI_SYSTEM)
        return -1;
    must(error == 0, "getaddrinfo: %s", gai_strerror(error));
    freeaddrinfo(found);
    return 0;
}

static void semaphores_release(const int *set)
{
    int error = errno;
    if (*set >= 0)
        semctl(*set, 0, IPC_RMID);
    errno = error;
}

FIBER(raise_it)
{
    struct sembuf up = { .sem_op = 1 };
    int set = *(int *)argument;
    if (weft_sleep(WEFT_MILLISECOND) == 0 && semop(set, &up, 1) == 0)
        return 0;
    int error = errno;
    semctl(set, 0, IPC_RMID); /* whoever waits hears of it */
    errno = error;
    return -1;
}

static int step_semaphores(void)
{
    struct sembuf down = { .sem_op = -1 };
    OWNED(semaphores) int set = semget(IPC_PRIVATE, 1, 0600);
    TRY(set);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    if (!weft_go(&scope, raise_it, (int){ set }))
        return -1;
    if (semop(set, &down, 1) < 0 && errno != EIDRM && errno != EINVAL)
        return -1;
    return weft_scope_wait(&scope); /* the other one's failure, if it removed the set */
}

static void stream_release(FILE **stream)
{
    int error = errno;
    if (*stream)
        fclose(*stream);
    errno = error;
}

FIBER(write_wide)
{
    OWNED(stream) FILE *stream = *(FILE **)argument;
    TRY(weft_yield());
    TRY(fputws(L"a wide line\n", stream));
    return fflush(stream);
}

static int step_wide(void)
{
    wchar_t line[16];
    OWNED(ends) struct ends ends = { -1, -1 };
    TRY(make_ends(&ends, false));
    FILE *to = fdopen(ends.out, "w");
    must(to != NULL, "a stream");
    ends.out = -1;
    OWNED(stream) FILE *from = fdopen(ends.in, "r");
    must(from != NULL, "a stream");
    ends.in = -1;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    if (!weft_go(&scope, write_wide, (FILE *){ to })) {
        stream_release(&to);
        return -1;
    }
    if (!fgetws(line, 16, from)) {
        bool ended = feof(from) != 0; /* the writer has failed */
        return ended ? weft_scope_wait(&scope) : -1;
    }
    must(wcscmp(line, L"a wide line\n") == 0, "a line");
    return weft_scope_wait(&scope);
}

static int step_inspect(void)
{
    struct weft_stats stats;
    char *text = NULL;
    size_t size = 0;
    TRY(weft_stats(&stats));
    FILE *stream = open_memstream(&text, &size);
    must(stream != NULL, "stream");
    weft_annotate("inspector %d", 1);
    int result = weft_dump(stream);
    int error = errno;
    fclose(stream);
    must(result < 0 || size > 0, "a dump");
    free(text);
    errno = error;
    return result;
}

FIBER(nested_root)
{
    return weft_sleep(WEFT_MILLISECOND);
}

static int step_nested(void)
{
    return weft_run(nested_root, NULL);
}

static const struct step {
    const char *name;
    int (*run)(void);
} steps[] = {
    { "scopes", step_scopes },     { "tasks", step_tasks },           { "limits", step_limits },
    { "channels", step_channels }, { "meeting", step_meeting },       { "locals", step_locals },
    { "errors", step_errors },     { "transient", step_transient },   { "offload", step_offload },
    { "thread", step_thread },     { "locks", step_locks },           { "pipes", step_pipes },
    { "watch", step_watch },       { "close", step_close },           { "poll", step_poll },
    { "names", step_names },       { "inspect", step_inspect },       { "nested", step_nested },
    { "wide", step_wide },         { "semaphores", step_semaphores },
};

enum {
    STEPS = sizeof(steps) / sizeof(*steps)
};

int everything(void *reached)
{
    for (int i = 0; i < STEPS; i++) {
        *(const char **)reached = steps[i].name;
        if (steps[i].run() < 0)
            return -1;
    }
    return 0;
}
