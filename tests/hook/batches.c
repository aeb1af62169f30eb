/* recvmmsg and sendmmsg. */
#include "hook.h"

enum {
    BATCH = 4
};

struct batch {
    char text[BATCH][8];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
};

static struct batch *batch_of(size_t size)
{
    static struct batch batch;
    memset(&batch, 0, sizeof batch);
    for (int i = 0; i < BATCH; i++) {
        memset(batch.text[i], 'a' + i, sizeof batch.text[i]);
        batch.parts[i] = (struct iovec){ batch.text[i], size };
        batch.messages[i].msg_hdr = (struct msghdr){ .msg_iov = &batch.parts[i], .msg_iovlen = 1 };
    }
    return &batch;
}

static long call_receive(int fd)
{
    return recvmmsg(fd, batch_of(8)->messages, 2, 0, NULL);
}

static long call_receive_one(int fd)
{
    return recvmmsg(fd, batch_of(8)->messages, BATCH, MSG_WAITFORONE, NULL);
}

static void feed(int fd)
{
    must(send(fd, "12345678", 8, 0) == 8, "a datagram");
}

static void pair_of(int type, int pair[2])
{
    must(socketpair(AF_UNIX, type, 0, pair) == 0, "a pair");
}

static void unpair(int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

/* --- the same answers as outside */

static long results[16];
static int errors[16];

static int answer(void *argument)
{
    (void)argument;
    int pair[2], n = 0;
    struct timespec moment = { .tv_nsec = 1000000 }, wrong = { .tv_nsec = -1 };
#define NOTE(call)                                                                                 \
    do {                                                                                           \
        errno = UNTOUCHED;                                                                         \
        results[n] = (call);                                                                       \
        errors[n++] = errno;                                                                       \
    } while (0)
    pair_of(SOCK_DGRAM, pair);
    NOTE(sendmmsg(pair[1], batch_of(5)->messages, BATCH, 0));
    NOTE(recvmmsg(pair[0], batch_of(8)->messages, BATCH, 0, NULL));
    NOTE(batch_of(8)->messages[0].msg_len);
    NOTE(recvmmsg(pair[0], batch_of(8)->messages, BATCH, MSG_DONTWAIT, NULL));
    NOTE(recvmmsg(pair[0], batch_of(8)->messages, 0, 0, NULL));
    NOTE(recvmmsg(pair[0], batch_of(8)->messages, BATCH, 0, &wrong));
    feed(pair[1]);
    feed(pair[1]);
    NOTE(recvmmsg(pair[0], batch_of(8)->messages, 2, 0, &moment));
    feed(pair[1]);
    NOTE(recvmmsg(pair[0], batch_of(8)->messages, BATCH, MSG_WAITFORONE, NULL));
    NOTE(sendmmsg(pair[1], nowhere(), 1, 0));
    close(pair[0]);
    NOTE(sendmmsg(pair[1], batch_of(5)->messages, BATCH, 0));
    NOTE(recvmmsg(pair[0], batch_of(8)->messages, BATCH, 0, NULL));
    close(pair[1]);
    pair_of(SOCK_STREAM, pair);
    NOTE(sendmmsg(pair[1], batch_of(8)->messages, BATCH, 0));
    NOTE(recvmmsg(pair[0], batch_of(8)->messages, BATCH, 0, NULL));
    close(pair[0]);
    NOTE(sendmmsg(pair[1], batch_of(8)->messages, BATCH, MSG_NOSIGNAL));
    close(pair[1]);
    return n;
}

static void answers_are_the_same(void)
{
    long bare[16];
    int bare_errors[16], count = answer(NULL);
    memcpy(bare, results, sizeof bare);
    memcpy(bare_errors, errors, sizeof bare_errors);
    must(weft_run(answer, NULL) == count, "the fiber ran");
    for (int i = 0; i < count; i++)
        ok(results[i] == bare[i] && errors[i] == bare_errors[i],
           "call %d: %ld (errno %d) in a fiber, as outside (%ld, %d)", i, results[i], errors[i],
           bare[i], bare_errors[i]);
}

/* --- waiting */

FIBER(receives)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2];
    pair_of(SOCK_DGRAM, pair);
    struct trial trial = { .call = call_receive, .fd = pair[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    feed(pair[1]);
    usleep(1000);
    parked = parked && !trial.ended;
    feed(pair[1]);
    trial_join(task);
    ok(parked && trial.result == 2 && trial.error == UNTOUCHED,
       "recvmmsg waits for all of its messages");
    trial = (struct trial){ .call = call_receive_one, .fd = pair[0] };
    task = trial_start(&scope, &trial);
    parked = !trial.ended;
    feed(pair[1]);
    trial_join(task);
    ok(parked && trial.result == 1, "MSG_WAITFORONE: for one");
    trial = (struct trial){ .call = call_receive, .fd = pair[0] };
    task = trial_start(&scope, &trial);
    feed(pair[1]);
    usleep(1000);
    weft_cancel(task);
    trial_join(task);
    ok(trial.result == 1 && trial.error == UNTOUCHED, "cancelled with one message: that is told");
    trial = (struct trial){ .call = call_receive, .fd = pair[0] };
    task = trial_start(&scope, &trial);
    parked = !trial.ended;
    weft_cancel(task);
    trial_join(task);
    ok(parked && trial.result == -1 && trial.error == ECANCELED, "cancelled with none");
    trial = (struct trial){ .call = call_receive, .fd = pair[0], .timeout = 5 * WEFT_MILLISECOND };
    trial_join(trial_start(&scope, &trial));
    ok(trial.result == -1 && trial.error == ETIMEDOUT, "late with none");
    trial = (struct trial){ .call = call_receive, .fd = pair[0] };
    task = trial_start(&scope, &trial);
    close(pair[0]);
    trial_join(task);
    ok(trial.result == -1 && trial.error == EBADF, "closed under it");
    close(pair[1]);
    return 0;
}

static long call_send(int fd)
{
    long sent = 0, count;
    for (int i = 0; i < 1000; i++) {
        count = sendmmsg(fd, batch_of(8)->messages, BATCH, 0);
        if (count < 0)
            return count;
        sent += count;
    }
    return sent;
}

static void sends_to(int type)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int pair[2], size = 4096;
    pair_of(type, pair);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    struct trial trial = { .call = call_send, .fd = pair[1] };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    long bytes = 0;
    while (bytes < 1000 * BATCH * 8) {
        char text[64];
        ssize_t count = read(pair[0], text, sizeof text);
        must(count > 0, "some bytes");
        bytes += count;
    }
    trial_join(task);
    ok(parked && trial.result == 1000 * BATCH, "sendmmsg parks while there is no room");
    trial = (struct trial){ .call = call_send, .fd = pair[1] };
    task = trial_start(&scope, &trial);
    parked = !trial.ended;
    weft_cancel(task);
    trial_join(task);
    ok(parked && trial.result == -1 && trial.error == ECANCELED, "and is cancelled");
    unpair(pair);
}

FIBER(sends)
{
    sends_to(SOCK_DGRAM);
    sends_to(SOCK_STREAM);
    return 0;
}

int main(void)
{
    answers_are_the_same();
    in_runtime(receives);
    in_runtime(sends);
    return done_testing();
}
