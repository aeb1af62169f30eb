/* Every call that reads, on everything that can be read, in every way a wait ends. */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "channels.h"

static long call_read(int fd)
{
    uint64_t word;
    return read(fd, &word, sizeof word);
}

static long call_readv(int fd)
{
    char one[3], two[5];
    struct iovec parts[] = { { one, sizeof one }, { two, sizeof two } };
    return readv(fd, parts, 2);
}

static long call_recv(int fd)
{
    char buffer[8];
    return recv(fd, buffer, sizeof buffer, 0);
}

static long call_recvfrom(int fd)
{
    char buffer[8];
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    return recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length);
}

static long call_recvmsg(int fd)
{
    char buffer[8];
    struct iovec part = { buffer, sizeof buffer };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    return recvmsg(fd, &message, 0);
}

static long call_recv_all(int fd)
{
    char buffer[8];
    return recv(fd, buffer, sizeof buffer, MSG_WAITALL);
}

static long call_recvmsg_all(int fd)
{
    char buffer[8];
    struct iovec parts[] = { { buffer, 2 }, { buffer + 2, 6 } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    return recvmsg(fd, &message, MSG_WAITALL);
}

static long call_peek(int fd)
{
    char buffer[8];
    return recv(fd, buffer, sizeof buffer, MSG_PEEK);
}

static const struct {
    const char *name;
    long (*call)(int fd);
    bool socket;
    bool vector;
} calls[] = {
    { "read", call_read, false, false },
    { "readv", call_readv, false, true },
    { "recv", call_recv, true, false },
    { "recvfrom", call_recvfrom, true, false },
    { "recvmsg", call_recvmsg, true, false },
    { "recv MSG_WAITALL", call_recv_all, true, false },
    { "recvmsg MSG_WAITALL", call_recvmsg_all, true, false },
    { "recv MSG_PEEK", call_peek, true, false },
};

static void is_same(const char *what, const struct trial *bare, const struct trial *hooked,
                    const char *call, const char *channel)
{
    ok(bare->result == hooked->result && bare->error == hooked->error,
       "%s on %s, %s: %ld (errno %d) in a fiber, as outside (%ld, %d)", call, channel, what,
       hooked->result, hooked->error, bare->result, bare->error);
}

/* --- where nothing waits: the answer is the bare call's */

struct sameness {
    const struct channel *channel;
    struct trial *ready, *empty, *closed;
};

static void try_at_once(const struct channel *channel, struct trial *ready, struct trial *empty,
                        struct trial *closed)
{
    int pair[2];
    channel->open(pair);
    channel_feed(pair);
    ready->fd = pair[0];
    trial_call(ready);
    set_nonblocking(pair[0], true);
    if (ready->call == call_peek)
        call_read(pair[0]);
    empty->fd = pair[0];
    trial_call(empty);
    close(pair[0]);
    closed->fd = pair[0];
    trial_call(closed);
    close(pair[1]);
}

static int try_in_fiber(void *argument)
{
    struct sameness *same = argument;
    try_at_once(same->channel, same->ready, same->empty, same->closed);
    return 0;
}

static void answers_are_the_same(const struct channel *channel, const char *name,
                                 long (*call)(int fd))
{
    struct trial bare[3] = { { .call = call }, { .call = call }, { .call = call } };
    struct trial hooked[3] = { { .call = call }, { .call = call }, { .call = call } };
    try_at_once(channel, &bare[0], &bare[1], &bare[2]);
    struct sameness same = { channel, &hooked[0], &hooked[1], &hooked[2] };
    must(weft_run(try_in_fiber, &same) == 0, "the fiber ran");
    is_same("ready", &bare[0], &hooked[0], name, channel->name);
    is_same("O_NONBLOCK and empty", &bare[1], &hooked[1], name, channel->name);
    is_same("closed", &bare[2], &hooked[2], name, channel->name);
}

/* --- where it waits */

struct waits {
    const struct channel *channel;
    const char *name;
    long (*call)(int fd);
};

static void is_woken(const struct waits *waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    waits->channel->open(pair);
    struct trial trial = { .call = waits->call, .fd = pair[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    channel_feed(pair);
    trial_join(task);
    ok(parked && trial.result == 8 && trial.error == UNTOUCHED,
       "%s on %s parks, then reads 8 bytes and leaves errno (%ld, errno %d)", waits->name,
       waits->channel->name, trial.result, trial.error);
    channel_close(pair);
}

static void is_cancelled(const struct waits *waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    waits->channel->open(pair);
    struct trial trial = { .call = waits->call, .fd = pair[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    weft_cancel(task);
    trial_join(task);
    ok(parked && trial.result == -1 && trial.error == ECANCELED,
       "%s on %s is cancelled (%ld, errno %d)", waits->name, waits->channel->name, trial.result,
       trial.error);
    struct trial after = { .call = waits->call, .fd = pair[0] };
    channel_feed(pair);
    trial_call(&after);
    is_int(after.result, 8, "%s on %s: what comes later is not lost", waits->name,
           waits->channel->name);
    channel_close(pair);
}

static void is_timed_out(const struct waits *waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    waits->channel->open(pair);
    struct trial trial = { .call = waits->call, .fd = pair[0], .timeout = 5 * WEFT_MILLISECOND };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    trial_join(task);
    ok(parked && trial.result == -1 && trial.error == ETIMEDOUT,
       "%s on %s is timed out (%ld, errno %d)", waits->name, waits->channel->name, trial.result,
       trial.error);
    channel_close(pair);
}

static void is_closed(const struct waits *waits)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    waits->channel->open(pair);
    struct trial trial = { .call = waits->call, .fd = pair[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    close(pair[0]);
    trial_join(task);
    ok(parked && trial.result == -1 && trial.error == EBADF,
       "%s on %s: a close wakes it (%ld, errno %d)", waits->name, waits->channel->name,
       trial.result, trial.error);
    close(pair[1]);
}

static int wait_in_every_way(void *argument)
{
    const struct waits *waits = argument;
    is_woken(waits);
    is_cancelled(waits);
    is_timed_out(waits);
    is_closed(waits);
    return 0;
}

/* --- a stream whose reads come up short */

FIBER(short_reads)
{
    int pair[2];
    tcp_pair(pair);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int round = 0; round < 3; round++) {
        struct trial trial = { .call = call_read, .fd = pair[0] };
        struct weft_task *task = trial_start(&scope, &trial);
        must(!trial.ended, "the reader parked");
        must(write(pair[1], "abc", 3) == 3, "three bytes");
        trial_join(task);
        is_int(trial.result, 3, "round %d: a short read of what there is", round);
    }
    /* What comes while nobody waits is there for the next call. */
    must(write(pair[1], "abc", 3) == 3, "three bytes");
    usleep(2000);
    is_int(call_read(pair[0]), 3, "what came while nobody waited");
    /* Urgent data cuts a read short though more is there. */
    must(write(pair[1], "abc", 3) == 3 && send(pair[1], "!", 1, MSG_OOB) == 1 &&
             write(pair[1], "de", 2) == 2,
         "urgent data");
    usleep(2000);
    is_int(call_read(pair[0]), 3, "up to the urgent byte");
    is_int(call_read(pair[0]), 2, "and what follows it, though the read before came up short");
    must(write(pair[1], "xyz", 3) == 3, "three bytes");
    usleep(2000);
    is_int(call_read(pair[0]), 3, "the last bytes");
    close(pair[1]);
    is_int(call_read(pair[0]), 0, "then the end");
    close(pair[0]);
    return 0;
}

/* A descriptor that is known as blocking changes its mode in every way there is. */
FIBER(mode_changes)
{
    int pair[2];
    tcp_pair(pair);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct trial trial = { .call = call_read, .fd = pair[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    must(!trial.ended && write(pair[1], "abc", 3) == 3, "a first wait");
    trial_join(task);
    set_nonblocking(pair[0], true);
    ok(call_read(pair[0]) == -1 && errno == EAGAIN, "fcntl says O_NONBLOCK: EAGAIN");
    set_nonblocking(pair[0], false);
    int on = 1;
    must(ioctl(pair[0], FIONBIO, &on) == 0, "ioctl");
    ok(call_read(pair[0]) == -1 && errno == EAGAIN, "ioctl says FIONBIO: EAGAIN");
    on = 0;
    must(ioctl(pair[0], FIONBIO, &on) == 0, "ioctl");
    int twin = dup(pair[0]);
    set_nonblocking(twin, true);
    ok(call_read(pair[0]) == -1 && errno == EAGAIN, "a duplicate says O_NONBLOCK: EAGAIN");
    close(twin);
    channel_close(pair);
    return 0;
}

static atomic_bool competing;

static void *compete(void *unused)
{
    (void)unused;
    while (competing)
        ;
    return NULL;
}

/* A device of memory gives all that is asked for, also when another thread wants the processor. */
FIBER(whole_reads)
{
    enum {
        SIZE = 4 << 20,
        READS = 100
    };
    cpu_set_t before, one;
    pthread_t competitor;
    char *buffer = malloc(SIZE);
    sched_getaffinity(0, sizeof before, &before);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    competing = true;
    must(buffer && pthread_create(&competitor, NULL, compete, NULL) == 0, "a competitor");
    int fd = open("/dev/zero", O_RDONLY);
    int whole = 0;
    for (int i = 0; i < READS; i++)
        whole += read(fd, buffer, SIZE) == SIZE;
    is_int(whole, READS, "/dev/zero is never read in part");
    close(fd);
    competing = false;
    pthread_join(competitor, NULL);
    sched_setaffinity(0, sizeof before, &before);
    free(buffer);
    return 0;
}

int main(void)
{
    for (size_t c = 0; c < COUNT(channels); c++) {
        for (size_t i = 0; i < COUNT(calls); i++) {
            if ((calls[i].socket && !channels[c].socket) || (calls[i].vector && channels[c].event))
                continue;
            answers_are_the_same(&channels[c], calls[i].name, calls[i].call);
            struct waits waits = { &channels[c], calls[i].name, calls[i].call };
            must(weft_run(wait_in_every_way, &waits) == 0, "waited in every way");
        }
    }
    in_runtime(short_reads);
    in_runtime(mode_changes);
    in_runtime(whole_reads);
    return done_testing();
}
