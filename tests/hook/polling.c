/* poll, ppoll, select, pselect and the epoll family: ready, waiting, late, cancelled, masked. */
#include "channels.h"

static int pair[2];
static int queue;

static struct pollfd polled[40];

static long by_poll(int timeout)
{
    polled[0] = (struct pollfd){ .fd = pair[0], .events = POLLIN };
    return poll(polled, 1, timeout);
}

static struct timespec *spec(int timeout)
{
    static struct timespec time;
    time = (struct timespec){ timeout / 1000, timeout % 1000 * 1000000 };
    return timeout < 0 ? NULL : &time;
}

static long by_ppoll(int timeout)
{
    polled[0] = (struct pollfd){ .fd = pair[0], .events = POLLIN };
    return ppoll(polled, 1, spec(timeout), NULL);
}

/* Many numbers, most of them passed over. */
static long by_long_poll(int timeout)
{
    for (size_t i = 0; i < COUNT(polled); i++)
        polled[i] = (struct pollfd){ .fd = i == 33 ? pair[0] : -1, .events = POLLIN };
    return poll(polled, COUNT(polled), timeout);
}

static long by_select(int timeout)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    struct timeval time = { timeout / 1000, timeout % 1000 * 1000 };
    int ready = select(pair[0] + 1, &set, NULL, NULL, timeout < 0 ? NULL : &time);
    must(ready < 0 || FD_ISSET(pair[0], &set) == ready, "the set tells what is ready");
    return ready;
}

static long by_pselect(int timeout)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    return pselect(pair[0] + 1, &set, NULL, NULL, spec(timeout), NULL);
}

static long by_epoll(int timeout)
{
    struct epoll_event event;
    return epoll_wait(queue, &event, 1, timeout);
}

static long by_epoll_mask(int timeout)
{
    struct epoll_event event;
    return epoll_pwait(queue, &event, 1, timeout, NULL);
}

static long by_epoll_spec(int timeout)
{
    struct epoll_event event;
    return epoll_pwait2(queue, &event, 1, spec(timeout), NULL);
}

static const struct {
    const char *name;
    long (*call)(int timeout);
} calls[] = {
    { "poll", by_poll },
    { "ppoll", by_ppoll },
    { "poll of 40", by_long_poll },
    { "select", by_select },
    { "pselect", by_pselect },
    { "epoll_wait", by_epoll },
    { "epoll_pwait", by_epoll_mask },
    { "epoll_pwait2", by_epoll_spec },
};

static void begin(const struct channel *channel)
{
    channel->open(pair);
    queue = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN };
    must(queue >= 0 && epoll_ctl(queue, EPOLL_CTL_ADD, pair[0], &event) == 0, "an epoll set");
}

static void end(void)
{
    close(queue);
    channel_close(pair);
}

static struct trial start(long (*call)(int), int timeout, struct weft_scope *scope,
                          struct trial *trial, struct weft_task **task)
{
    trial->call = call;
    trial->fd = timeout;
    *task = trial_start(scope, trial);
    return *trial;
}

static void waits(const struct channel *channel, const char *name, long (*call)(int timeout))
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task;
    struct trial woken = { 0 }, late = { 0 }, cut = { .timeout = 5 * WEFT_MILLISECOND },
                 cancelled = { 0 };
    begin(channel);
    bool parked = !start(call, -1, &scope, &woken, &task).ended;
    channel_feed(pair);
    trial_join(task);
    ok(parked && woken.result == 1 && woken.error == UNTOUCHED,
       "%s on a %s parks until it is ready (%ld)", name, channel->name, woken.result);
    is_int(call(0), 1, "%s on a %s: still ready, without waiting", name, channel->name);
    end();

    begin(channel);
    is_int(call(0), 0, "%s on a %s: not ready, without waiting", name, channel->name);
    int64_t began = weft_now();
    parked = !start(call, 20, &scope, &late, &task).ended;
    trial_join(task);
    int64_t took = weft_now() - began;
    ok(parked && late.result == 0 && took >= 20 * WEFT_MILLISECOND && late.error == UNTOUCHED,
       "%s on a %s: nothing for 20 ms (%ld, %lld us)", name, channel->name, late.result,
       (long long)took / 1000);
    start(call, -1, &scope, &cut, &task);
    trial_join(task);
    ok(cut.result == -1 && cut.error == ETIMEDOUT, "%s on a %s is timed out", name, channel->name);
    start(call, -1, &scope, &cancelled, &task);
    weft_cancel(task);
    trial_join(task);
    ok(cancelled.result == -1 && cancelled.error == ECANCELED, "%s on a %s is cancelled", name,
       channel->name);
    end();
}

FIBER(on_everything)
{
    for (size_t c = 0; c < COUNT(channels); c++)
        for (size_t i = 0; i < COUNT(calls); i++)
            waits(&channels[c], calls[i].name, calls[i].call);
    return 0;
}

/* --- odds and ends of poll and select */

FIBER(details)
{
    must(pipe(pair) == 0, "a pipe");
    struct pollfd mixed[] = { { .fd = pair[0], .events = POLLIN },
                              { .fd = pair[1], .events = POLLOUT } };
    ok(poll(mixed, 2, -1) == 1 && mixed[0].revents == 0 && mixed[1].revents == POLLOUT,
       "of two, the one that is ready");
    int file = open("/proc/self/exe", O_RDONLY);
    struct pollfd with_file[] = { { .fd = pair[0], .events = POLLIN },
                                  { .fd = file, .events = POLLIN } };
    ok(poll(with_file, 2, -1) == 1 && with_file[1].revents == POLLIN, "a file is always ready");
    with_file[1].events = 0;
    ok(poll(with_file, 2, 5) == 0, "but not for nothing");
    close(file);
    ok(poll(NULL, 0, 5) == 0, "no descriptor: a sleep");
    struct pollfd bad = { .fd = 987, .events = POLLIN };
    ok(poll(&bad, 1, -1) == 1 && bad.revents == POLLNVAL, "POLLNVAL for a number nobody has");
    ok(poll(nowhere(), 1, -1) == -1 && errno == EFAULT, "EFAULT as from the kernel");
    ok(ppoll(&bad, 1, &(struct timespec){ 0, -1 }, NULL) == -1 && errno == EINVAL,
       "EINVAL for no time");
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    struct timeval time = { 0, 30000 };
    ok(select(pair[0] + 1, &set, NULL, NULL, &time) == 0 && time.tv_sec == 0 && time.tv_usec == 0 &&
           !FD_ISSET(pair[0], &set),
       "select: nothing is left of the time, nor of the set");
    FD_SET(pair[1], &set);
    time = (struct timeval){ 5, 0 };
    ok(select(pair[1] + 1, NULL, &set, NULL, &time) == 1 && time.tv_sec >= 4,
       "select leaves the rest of the time");
    ok(select(-1, NULL, NULL, NULL, NULL) == -1 && errno == EINVAL, "select of -1");
    close(pair[1]);
    struct pollfd gone = { .fd = pair[0], .events = POLLIN };
    ok(poll(&gone, 1, -1) == 1 && gone.revents == POLLHUP, "POLLHUP unasked for");
    close(pair[0]);
    return 0;
}

/* --- a loop that only asks does not starve the thread */

static bool stop_asking;

FIBER(ask_without_end)
{
    struct pollfd one = { .fd = pair[0], .events = POLLIN };
    while (!stop_asking)
        must(poll(&one, 1, 0) == 0, "not ready");
    return 0;
}

FIBER(fairness)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(pipe(pair) == 0, "a pipe");
    weft_go(&scope, ask_without_end, NOTHING);
    usleep(1000);
    stop_asking = true;
    ok(weft_scope_wait(&scope) == 0, "poll(0) in a loop lets the others run");
    channel_close(pair);
    return 0;
}

/* --- what is known to be quiet is not asked for again, and what comes is never missed */

enum {
    ROUNDS = 50
};

FIBER(write_rounds)
{
    int fd = *(int *)argument;
    for (int i = 0; i < ROUNDS; i++)
        if (weft_sleep(WEFT_MILLISECOND / 10) < 0 || write(fd, "ab", 2) != 2)
            return -1;
    return 0;
}

/* Two bytes come, one is read: the other one is there although no event tells of it. */
FIBER(quiet)
{
    int talking[2], silent[2], seen = 0, left = 0, empty = 0;
    char byte;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, talking) == 0, "a pair that talks");
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, silent) == 0, "a pair that is silent");
    struct weft_task *writer = weft_go(NULL, write_rounds, (int){ talking[1] });
    struct pollfd both[2] = { { .fd = talking[0], .events = POLLIN },
                              { .fd = silent[0], .events = POLLIN } };
    for (int i = 0; i < ROUNDS; i++) {
        seen += poll(both, 2, 5000) == 1 && both[0].revents == POLLIN && both[1].revents == 0;
        must(read(talking[0], &byte, 1) == 1, "the first byte");
        left += poll(both, 2, 5000) == 1 && both[0].revents == POLLIN;
        must(read(talking[0], &byte, 1) == 1, "the second");
        empty += poll(both + 1, 1, 0) == 0;
    }
    must(weft_join(writer, NULL) == 0, "join");
    is_int(seen, ROUNDS, "poll after poll tells of what came, and of nothing else");
    is_int(left, ROUNDS, "and of what a read has left");
    is_int(empty, ROUNDS, "the silent one stays silent");
    must(write(silent[1], "x", 1) == 1, "write");
    ok(poll(both, 2, 5000) == 1 && both[1].revents == POLLIN, "until it is not");
    close(talking[1]);
    ok(poll(both, 1, 5000) == 1 && both[0].revents & POLLIN && both[0].revents & POLLHUP,
       "the end is told");
    ok(poll(both, 1, 5000) == 1 && both[0].revents & POLLHUP, "again and again");
    close(talking[0]);
    channel_close(silent);
    return 0;
}

/* --- a signal mask is in force while the call looks */

static sig_atomic_t caught;

static void catch (int number)
{
    (void)number;
    caught++;
}

FIBER(masked)
{
    sigset_t blocked, none;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    signal(SIGUSR1, catch);
    must(pthread_sigmask(SIG_BLOCK, &blocked, NULL) == 0 && pipe(pair) == 0, "a blocked signal");
    pthread_kill(pthread_self(), SIGUSR1);
    struct pollfd one = { .fd = pair[0], .events = POLLIN };
    struct timespec soon = { 0, 1000000 };
    int ready = ppoll(&one, 1, &soon, &none);
    ok(caught == 1 && ready == -1 && errno == EINTR, "ppoll lets a pending signal in: EINTR");
    pthread_kill(pthread_self(), SIGUSR1);
    ready = pselect(0, NULL, NULL, NULL, &soon, &none);
    ok(caught == 2 && ready == -1 && errno == EINTR, "so does pselect");
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    channel_close(pair);
    return 0;
}

int main(void)
{
    in_runtime(on_everything);
    in_runtime(details);
    in_runtime(fairness);
    in_runtime(quiet);
    in_runtime(masked);
    return done_testing();
}
