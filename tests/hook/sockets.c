/* Listening, connecting, time limits, peeking, and what comes along with a message. */
#include "hook.h"

#include <sys/un.h>

static struct sockaddr_in place;

static int new_listener(int backlog)
{
    socklen_t length = sizeof place;
    place =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    must(listener >= 0 && bind(listener, (struct sockaddr *)&place, length) == 0 &&
             listen(listener, backlog) == 0 &&
             getsockname(listener, (struct sockaddr *)&place, &length) == 0,
         "a listener");
    return listener;
}

static long call_accept(int fd)
{
    return accept(fd, NULL, NULL);
}

static long call_accept4(int fd)
{
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;
    long made = accept4(fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    must(made < 0 || (length == sizeof peer && peer.sin_family == AF_INET), "the peer's address");
    return made;
}

static long call_connect(int fd)
{
    return connect(fd, (struct sockaddr *)&place, sizeof place);
}

static long call_recv_all(int fd)
{
    char buffer[100];
    return recv(fd, buffer, sizeof buffer, MSG_WAITALL);
}

static long call_peek_all(int fd)
{
    char buffer[10];
    return recv(fd, buffer, sizeof buffer, MSG_WAITALL | MSG_PEEK);
}

/* What no hook knows of: as inherited from another process. */
static int strange(int fd)
{
    int made = (int)syscall(SYS_dup, fd);
    must(made >= 0, "a duplicate");
    return made;
}

static void accepts(const char *name, long (*call)(int), bool known)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int made = new_listener(8), listener = known ? made : strange(made);
    struct trial trial = { .call = call, .fd = listener };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    int client = socket(AF_INET, SOCK_STREAM, 0);
    must(call_connect(client) == 0, "somebody connects");
    trial_join(task);
    ok(parked && trial.result >= 0 && trial.error == UNTOUCHED, "%s parks until somebody comes",
       name);
    bool wanted = call == call_accept4;
    is_int(!!(syscall(SYS_fcntl, trial.result, F_GETFL) & O_NONBLOCK), wanted, "%s: its flags",
           name);
    close((int)trial.result);
    close(client);
    task = trial_start(&scope, &trial);
    weft_cancel(task);
    trial_join(task);
    ok(trial.result == -1 && trial.error == ECANCELED, "%s is cancelled", name);
    trial.timeout = 5 * WEFT_MILLISECOND;
    trial_join(trial_start(&scope, &trial));
    ok(trial.result == -1 && trial.error == ETIMEDOUT, "%s is timed out", name);
    trial.timeout = 0;
    struct timeval limit = { 0, 10000 };
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    trial_join(trial_start(&scope, &trial));
    ok(trial.result == -1 && trial.error == EAGAIN, "%s ends with SO_RCVTIMEO", name);
    limit = (struct timeval){ 0 };
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    set_nonblocking(listener, true);
    ok(call(listener) == -1 && errno == EAGAIN, "%s with O_NONBLOCK: EAGAIN", name);
    set_nonblocking(listener, false);
    trial.ended = false;
    task = trial_start(&scope, &trial);
    must(!trial.ended, "it waits");
    close(listener);
    trial_join(task);
    ok(trial.result == -1 && trial.error == EBADF, "%s: a close wakes it", name);
    if (!known)
        close(made);
}

FIBER(accepting)
{
    accepts("accept", call_accept, true);
    accepts("accept4", call_accept4, true);
    accepts("accept of a shared listener", call_accept, false);
    int pair[2];
    must(pipe(pair) == 0, "a pipe");
    ok(call_accept(pair[0]) == -1 && errno == ENOTSOCK, "accept of a pipe");
    close(pair[0]);
    close(pair[1]);
    int plain = socket(AF_INET, SOCK_STREAM, 0);
    ok(call_accept(plain) == -1 && errno == EINVAL, "accept of what doesn't listen");
    close(plain);
    ok(call_accept(-1) == -1 && errno == EBADF, "accept of -1");
    return 0;
}

static bool is_blocking(int fd)
{
    return !(syscall(SYS_fcntl, fd, F_GETFL) & O_NONBLOCK);
}

/* A listener whose queue is full answers nobody: connections to it wait. */
FIBER(connecting)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int closed = new_listener(1);
    close(closed);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ok(call_connect(fd) == -1 && errno == ECONNREFUSED, "connect to nobody is refused");
    ok(is_blocking(fd), "and leaves the socket blocking");
    close(fd);
    int listener = new_listener(0), waiting[4];
    for (size_t i = 0; i < COUNT(waiting); i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        call_connect(waiting[i]);
    }
    usleep(20000);
    for (int way = 0; way < 4; way++) {
        static const char *const names[] = { "cancelled", "timed out", "closed", "SO_SNDTIMEO" };
        static const int errors[] = { ECANCELED, ETIMEDOUT, EBADF, EINPROGRESS };
        struct trial trial = { .call = call_connect,
                               .fd = socket(AF_INET, SOCK_STREAM, 0),
                               .timeout = way == 1 ? 5 * WEFT_MILLISECOND : 0 };
        struct timeval limit = { 0, 10000 };
        if (way == 3)
            setsockopt(trial.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        struct weft_task *task = trial_start(&scope, &trial);
        bool parked = !trial.ended, blocking = is_blocking(trial.fd);
        if (way == 0)
            weft_cancel(task);
        if (way == 2)
            close(trial.fd);
        trial_join(task);
        ok(parked && blocking && trial.result == -1 && trial.error == errors[way],
           "a connect that waits leaves the socket blocking; %s (errno %d)", names[way],
           trial.error);
        if (way != 2)
            close(trial.fd);
    }
    for (size_t i = 0; i < COUNT(waiting); i++)
        close(waiting[i]);
    close(listener);
    listener = new_listener(4);
    int unknown = socket(AF_INET, SOCK_STREAM, 0), other = strange(unknown);
    ok(call_connect(other) == 0, "a socket that nobody knows is connected, too");
    close(unknown);
    close(other);
    close(listener);
    return 0;
}

FIBER(limits)
{
    int pair[2];
    tcp_pair(pair);
    struct timeval limit = { 0, 30000 };
    char byte;
    must(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0, "a limit");
    int64_t began = weft_now();
    ok(read(pair[0], &byte, 1) == -1 && errno == EAGAIN, "SO_RCVTIMEO ends a read with EAGAIN");
    ok(weft_now() - began >= 29 * WEFT_MILLISECOND, "in its time");
    must(write(pair[1], "12345", 5) == 5, "five bytes");
    is_int(call_recv_all(pair[0]), 5, "MSG_WAITALL past SO_RCVTIMEO tells what came");
    ok(recv(pair[0], &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN, "MSG_DONTWAIT: EAGAIN");
    limit = (struct timeval){ 0 };
    must(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0, "none again");

    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial peek = { .call = call_peek_all, .fd = pair[0] };
    struct weft_task *task = trial_start(&scope, &peek);
    must(write(pair[1], "1234", 4) == 4, "four bytes");
    usleep(2000);
    bool waits = !peek.ended;
    must(write(pair[1], "567890", 6) == 6, "six more");
    trial_join(task);
    ok(waits && peek.result == 10, "MSG_PEEK with MSG_WAITALL waits for all (%ld)", peek.result);
    struct trial all = { .call = call_recv_all, .fd = pair[0] };
    task = trial_start(&scope, &all);
    usleep(1000);
    weft_cancel(task);
    trial_join(task);
    ok(all.result == 10 && all.error == UNTOUCHED, "a cancelled MSG_WAITALL tells what came");
    task = trial_start(&scope, &all);
    must(write(pair[1], "abc", 3) == 3, "three bytes");
    close(pair[1]);
    trial_join(task);
    is_int(all.result, 3, "MSG_WAITALL ends with the stream");
    close(pair[0]);
    return 0;
}

/* A local receiver one is not connected to gives no sign when its queue has room again. */
static struct sockaddr_un receiver_place = { .sun_family = AF_UNIX, .sun_path = "\0weft-test" };

static long call_send_datagram(int fd)
{
    char data[1000] = "";
    return sendto(fd, data, sizeof data, 0, (struct sockaddr *)&receiver_place,
                  sizeof receiver_place);
}

FIBER(datagrams)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    snprintf(receiver_place.sun_path + 1, sizeof receiver_place.sun_path - 1, "weft-test-%d",
             (int)getpid());
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    must(bind(receiver, (struct sockaddr *)&receiver_place, sizeof receiver_place) == 0, "bound");
    char data[1000] = "";
    while (sendto(sender, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&receiver_place,
                  sizeof receiver_place) > 0)
        ;
    struct trial trial = { .call = call_send_datagram, .fd = sender };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    while (!trial.ended) {
        recv(receiver, data, sizeof data, MSG_DONTWAIT);
        usleep(1000);
    }
    trial_join(task);
    ok(parked && trial.result == 1000, "a datagram to a full queue waits for room");
    close(receiver);
    close(sender);
    return 0;
}

/* --- a local listener with a full queue */

static struct sockaddr_un listener_place = { .sun_family = AF_UNIX };

static long call_connect_local(int fd)
{
    return connect(fd, (struct sockaddr *)&listener_place, sizeof listener_place);
}

enum queue_ending {
    ACCEPTED,
    QUEUE_CANCELLED,
    QUEUE_LATE,
    QUEUE_CLOSED,
    OWN_LIMIT,
    QUEUE_ENDINGS
};

/* SHARED: the kind of socket whose flags are others' too. */
static void queue_ends(int listener, int ending, bool shared)
{
    const int errors[] = { UNTOUCHED, ECANCELED, ETIMEDOUT, EBADF, EAGAIN };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), twin = shared ? dup(fd) : -1;
    struct timeval limit = { .tv_usec = 20000 };
    if (ending == OWN_LIMIT)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    struct trial trial = { .call = call_connect_local,
                           .fd = fd,
                           .timeout = ending == QUEUE_LATE ? 10 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    usleep(1000);
    if (ending == QUEUE_CANCELLED)
        weft_cancel(task);
    else if (ending == QUEUE_CLOSED)
        close(fd);
    else if (ending == ACCEPTED)
        close(accept(listener, NULL, NULL));
    trial_join(task);
    ok(parked && trial.error == errors[ending] && trial.result == (ending == ACCEPTED ? 0 : -1),
       "connect to a full local queue ends (%ld, errno %d)", trial.result, trial.error);
    if (ending != QUEUE_CLOSED)
        close(fd);
    if (twin >= 0)
        close(twin);
}

FIBER(full_queue)
{
    snprintf(listener_place.sun_path + 1, sizeof listener_place.sun_path - 1, "weft-queue-%d",
             (int)getpid());
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), waiting[2];
    must(bind(listener, (struct sockaddr *)&listener_place, sizeof listener_place) == 0 &&
             listen(listener, 0) == 0,
         "a listener");
    for (int ending = 0; ending < QUEUE_ENDINGS; ending++)
        for (int shared = 0; shared < 2; shared++) {
            if (shared && ending == QUEUE_CLOSED)
                continue; /* its other number keeps it open */
            waiting[shared] = socket(AF_UNIX, SOCK_STREAM, 0);
            must(call_connect_local(waiting[shared]) == 0, "the one that fits");
            queue_ends(listener, ending, shared);
            close(accept(listener, NULL, NULL)); /* one is always there */
            close(waiting[shared]);
        }
    close(listener);
    return 0;
}

/* A receiver whose queue stays full can be left, too. */
FIBER(datagrams_left)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    must(bind(receiver, (struct sockaddr *)&receiver_place, sizeof receiver_place) == 0, "bound");
    char data[1000] = "";
    while (sendto(sender, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&receiver_place,
                  sizeof receiver_place) > 0)
        ;
    for (int late = 0; late < 2; late++) {
        struct trial trial = { .call = call_send_datagram,
                               .fd = sender,
                               .timeout = late ? 10 * WEFT_MILLISECOND : 0 };
        struct weft_task *task = trial_start(&scope, &trial);
        bool parked = !trial.ended;
        usleep(1000);
        if (!late)
            weft_cancel(task);
        trial_join(task);
        ok(parked && trial.result == -1 && trial.error == (late ? ETIMEDOUT : ECANCELED),
           "a datagram to a full queue is called off (errno %d)", trial.error);
    }
    close(receiver);
    close(sender);
    return 0;
}

FIBER(passed_descriptors)
{
    int pair[2], pipes[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(pipes) == 0, "ends");
    char data = 'x', control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = "";
    struct iovec part = { &data, 1 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
                                .cmsg_level = SOL_SOCKET,
                                .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(header), &pipes[0], sizeof(int));
    must(sendmsg(pair[0], &message, 0) == 1, "a descriptor is sent");
    message.msg_controllen = sizeof control;
    is_int(recvmsg(pair[1], &message, 0), 1, "a message with a descriptor");
    int passed;
    memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    /* Whoever has the other end may change the mode of both. */
    set_nonblocking(passed, true);
    ok(read(pipes[0], &data, 1) == -1 && errno == EAGAIN,
       "O_NONBLOCK set by the receiver is seen by the sender");
    for (int i = 0; i < 2; i++) {
        close(pair[i]);
        close(pipes[i]);
    }
    close(passed);
    return 0;
}

int main(void)
{
    int before = open_descriptors();
    in_runtime(accepting);
    in_runtime(connecting);
    in_runtime(limits);
    in_runtime(datagrams);
    in_runtime(datagrams_left);
    in_runtime(full_queue);
    in_runtime(passed_descriptors);
    is_int(open_descriptors(), before, "no descriptor is left behind");
    return done_testing();
}
