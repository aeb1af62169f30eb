/* Every call that writes, on everything that fills up; partial writes; what a peer's end does. */
#include "channels.h"

enum {
    CHUNK = 4096,
    BIG = 3 * 1024 * 1024
};

static char bytes[BIG];

static long call_write(int fd)
{
    return write(fd, bytes, CHUNK);
}

static long call_writev(int fd)
{
    struct iovec parts[] = { { bytes, 1000 }, { bytes + 1000, CHUNK - 1000 } };
    return writev(fd, parts, 2);
}

static long call_send(int fd)
{
    return send(fd, bytes, CHUNK, 0);
}

static long call_sendto(int fd)
{
    return sendto(fd, bytes, CHUNK, 0, NULL, 0);
}

static long call_sendmsg(int fd)
{
    struct iovec parts[] = { { bytes, 1000 }, { bytes + 1000, CHUNK - 1000 } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    return sendmsg(fd, &message, 0);
}

static const struct {
    const char *name;
    long (*call)(int fd);
    bool socket;
} calls[] = {
    { "write", call_write, false },  { "writev", call_writev, false },  { "send", call_send, true },
    { "sendto", call_sendto, true }, { "sendmsg", call_sendmsg, true },
};

/* Leave no room, by calls that no hook sees. */
static void fill(int fd)
{
    long flags = syscall(SYS_fcntl, fd, F_GETFL);
    must(syscall(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK) == 0, "O_NONBLOCK");
    for (size_t size = CHUNK; size > 0; size /= 2)
        while (syscall(SYS_write, fd, bytes, size) > 0)
            ;
    must(syscall(SYS_fcntl, fd, F_SETFL, flags) == 0, "the old flags");
}

/* Take everything out that is there now. */
static size_t drain(int fd)
{
    static char sink[65536];
    size_t total = 0;
    long flags = syscall(SYS_fcntl, fd, F_GETFL);
    syscall(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
    for (long count; (count = syscall(SYS_read, fd, sink, sizeof sink)) > 0;)
        total += (size_t)count;
    syscall(SYS_fcntl, fd, F_SETFL, flags);
    return total;
}

struct waits {
    const struct channel *channel;
    const char *name;
    long (*call)(int fd);
};

static bool start_full(const struct waits *waits, struct weft_scope *scope, int pair[2],
                       struct trial *trial, struct weft_task **task)
{
    waits->channel->open(pair);
    fill(pair[1]);
    trial->call = waits->call;
    trial->fd = pair[1];
    *task = trial_start(scope, trial);
    return !trial->ended;
}

static void is_woken(const struct waits *waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    struct trial trial = { 0 };
    struct weft_task *task;
    bool parked = start_full(waits, &scope, pair, &trial, &task);
    while (!trial.ended) {
        drain(pair[0]);
        usleep(500);
    }
    trial_join(task);
    ok(parked && trial.result == CHUNK && trial.error == UNTOUCHED,
       "%s on a full %s parks, then writes all (%ld, errno %d)", waits->name, waits->channel->name,
       trial.result, trial.error);
    channel_close(pair);
}

static void is_cancelled(const struct waits *waits, bool by_time)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    struct trial trial = { .timeout = by_time ? 5 * WEFT_MILLISECOND : 0 };
    struct weft_task *task;
    bool parked = start_full(waits, &scope, pair, &trial, &task);
    if (!by_time)
        weft_cancel(task);
    trial_join(task);
    ok(parked && trial.result == -1 && trial.error == (by_time ? ETIMEDOUT : ECANCELED),
       "%s on a full %s is %s (%ld, errno %d)", waits->name, waits->channel->name,
       by_time ? "timed out" : "cancelled", trial.result, trial.error);
    channel_close(pair);
}

static void is_closed(const struct waits *waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    struct trial trial = { 0 };
    struct weft_task *task;
    bool parked = start_full(waits, &scope, pair, &trial, &task);
    close(pair[1]);
    trial_join(task);
    ok(parked && trial.result == -1 && trial.error == EBADF,
       "%s on a full %s: a close wakes it (%ld, errno %d)", waits->name, waits->channel->name,
       trial.result, trial.error);
    close(pair[0]);
}

static void is_refused(const struct waits *waits)
{
    int pair[2];
    waits->channel->open(pair);
    fill(pair[1]);
    set_nonblocking(pair[1], true);
    errno = UNTOUCHED;
    long result = waits->call(pair[1]);
    ok(result == -1 && errno == EAGAIN, "%s on a full %s with O_NONBLOCK: EAGAIN (%ld, %d)",
       waits->name, waits->channel->name, result, errno);
    channel_close(pair);
}

static int wait_in_every_way(void *argument)
{
    const struct waits *waits = argument;
    is_woken(waits);
    is_cancelled(waits, false);
    is_cancelled(waits, true);
    is_closed(waits);
    is_refused(waits);
    return 0;
}

/* --- more than fits */

static long call_big(int fd)
{
    return write(fd, bytes, BIG);
}

static long call_big_vector(int fd)
{
    enum {
        PARTS = 300
    };
    static struct iovec parts[PARTS];
    size_t done = 0;
    for (int i = 0; i < PARTS; i++) {
        size_t size = i == PARTS - 1 ? BIG - done : (size_t)(i % 7) * 1500;
        parts[i] = (struct iovec){ bytes + done, size };
        done += size;
    }
    return writev(fd, parts, PARTS);
}

static long call_big_message(int fd)
{
    struct iovec parts[] = { { bytes, 1 }, { bytes + 1, BIG - 1 } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    return sendmsg(fd, &message, 0);
}

static void moves_all(const char *name, long (*call)(int fd), const struct channel *channel)
{
    static char got[BIG];
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    channel->open(pair);
    int small = 65536; /* or TCP's buffers would grow to take it all */
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    struct trial trial = { .call = call, .fd = pair[1] };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    size_t total = 0;
    while (total < BIG) {
        ssize_t count = read(pair[0], got + total, BIG - total < 30000 ? BIG - total : 30000);
        must(count > 0, "the reader reads");
        total += (size_t)count;
    }
    trial_join(task);
    ok(parked && trial.result == BIG && trial.error == UNTOUCHED && memcmp(got, bytes, BIG) == 0,
       "%s of 3 MiB into a %s arrives whole", name, channel->name);
    channel_close(pair);
}

static void tells_what_moved(const char *name, long (*call)(int fd), const struct channel *channel,
                             int how)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    channel->open(pair);
    if (how == 2) {
        struct timeval limit = { 0, 20000 };
        must(setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0, "a limit");
    }
    struct trial trial = { .call = call,
                           .fd = pair[1],
                           .timeout = how == 1 ? 20 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    if (how == 0)
        weft_cancel(task);
    trial_join(task);
    static const char *const ways[] = { "cancelled", "timed out", "past SO_SNDTIMEO" };
    ok(parked && trial.result > 0 && trial.result < BIG && trial.error == UNTOUCHED,
       "%s into a %s, %s half way, tells the bytes that moved (%ld, errno %d)", name, channel->name,
       ways[how], trial.result, trial.error);
    is_int(drain(pair[0]), trial.result, "and as many arrived");
    channel_close(pair);
}

FIBER(big_writes)
{
    static const struct {
        const char *name;
        long (*call)(int fd);
        bool socket;
    } big[] = { { "write", call_big, false },
                { "writev", call_big_vector, false },
                { "sendmsg", call_big_message, true } };
    for (size_t c = 0; c < COUNT(channels); c++) {
        const struct channel *channel = &channels[c];
        bool stream = strcmp(channel->name, "TCP") == 0 ||
                      strcmp(channel->name, "local stream") == 0 ||
                      strcmp(channel->name, "unknown TCP") == 0;
        if (!stream && strcmp(channel->name, "pipe") != 0)
            continue;
        for (size_t i = 0; i < COUNT(big); i++) {
            if (big[i].socket && !channel->socket)
                continue;
            moves_all(big[i].name, big[i].call, channel);
            if (strcmp(channel->name, "local stream") == 0 || !channel->socket)
                for (int how = 0; how < (channel->socket ? 3 : 2); how++)
                    tells_what_moved(big[i].name, big[i].call, channel, how);
        }
    }
    return 0;
}

/* --- the peer ends in the middle */

static sig_atomic_t pipe_signals;

static void count_signal(int number)
{
    (void)number;
    pipe_signals++;
}

struct ended {
    int (*open)(int pair[2]);
    long first, second;
    int error;
    int signals;
};

static void *end_later(void *argument)
{
    usleep(50000);
    syscall(SYS_close, *(int *)argument);
    return NULL;
}

static void write_to_the_end(struct ended *ended, const struct channel *channel)
{
    int pair[2];
    pthread_t thread;
    channel->open(pair);
    pipe_signals = 0;
    must(pthread_create(&thread, NULL, end_later, &pair[0]) == 0, "a thread");
    ended->first = write(pair[1], bytes, BIG);
    ended->signals = pipe_signals;
    errno = UNTOUCHED;
    ended->second = write(pair[1], bytes, 1);
    ended->error = errno;
    close(pair[1]);
    pthread_join(thread, NULL);
}

static struct ended in_fiber;
static const struct channel *ended_channel;

FIBER(write_in_fiber)
{
    write_to_the_end(&in_fiber, ended_channel);
    return 0;
}

/* Outside first: a ring that has just been closed may cut its thread's next blocking calls short.
 */
static void end_alike(void)
{
    static const char *const names[] = { "local stream", "pipe" };
    const struct channel *ended[2] = { 0 };
    struct ended bare[2] = { 0 };
    for (size_t c = 0; c < COUNT(channels); c++)
        for (int i = 0; i < 2; i++)
            if (strcmp(channels[c].name, names[i]) == 0)
                ended[i] = &channels[c];
    signal(SIGPIPE, count_signal);
    for (int i = 0; i < 2; i++)
        write_to_the_end(&bare[i], ended[i]);
    for (int i = 0; i < 2; i++) {
        ended_channel = ended[i];
        in_runtime(write_in_fiber);
        ok(bare[i].first > 0 && in_fiber.first > 0,
           "%s: a write cut by the peer's end tells what moved", names[i]);
        is_int(in_fiber.signals, bare[i].signals, "%s: SIGPIPE in that call as outside", names[i]);
        is_int(in_fiber.second, bare[i].second, "%s: the next write as outside", names[i]);
        is_int(in_fiber.error, bare[i].error, "%s: and its errno", names[i]);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* --- the flag is never touched */

FIBER(flags_stay)
{
    int pair[2];
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair");
    fill(pair[1]);
    struct trial trial = { .call = call_write, .fd = pair[1] };
    struct weft_task *task = trial_start(&scope, &trial);
    ok(!(syscall(SYS_fcntl, pair[1], F_GETFL) & O_NONBLOCK), "a parked write sets no O_NONBLOCK");
    weft_cancel(task);
    trial_join(task);
    errno = UNTOUCHED;
    ok(write(pair[1], bytes, 0) == 0 && errno == UNTOUCHED, "a write of nothing succeeds");
    ok(write(pair[0], nowhere(), 1) == -1 && errno == EFAULT, "EFAULT as from the kernel");
    channel_close(pair);
    ok(write(-1, bytes, 1) == -1 && errno == EBADF, "EBADF for -1");
    ok(write(1 << 24, bytes, 1) == -1 && errno == EBADF, "EBADF far beyond any table");
    volatile int count = -1;
    ok(writev(1, NULL, count) == -1 && errno == EINVAL, "EINVAL for a negative count");
    return 0;
}

int main(void)
{
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    end_alike();
    for (size_t c = 0; c < COUNT(channels); c++) {
        if (channels[c].event || strncmp(channels[c].name, "terminal", 8) == 0)
            continue; /* they take eight bytes, and a line: see below */
        for (size_t i = 0; i < COUNT(calls); i++) {
            if (calls[i].socket && !channels[c].socket)
                continue;
            struct waits waits = { &channels[c], calls[i].name, calls[i].call };
            must(weft_run(wait_in_every_way, &waits) == 0, "waited in every way");
        }
    }
    in_runtime(big_writes);
    in_runtime(flags_stay);
    return done_testing();
}
