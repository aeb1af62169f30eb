/* recvmmsg and sendmmsg: many messages in one call. */
#include "hook/hook.h"

enum {
    MOST = 1024
};

static bool batch_ended(struct weft__fiber *self, int fd, struct timespec *limit, int64_t deadline)
{
    if (limit) {
        int64_t left = weft__left(self, deadline);
        *limit = weft__timespec(left);
        if (left == 0)
            return true;
    }
    return weft__error_pending(fd); /* the next call's to report */
}

/* As in the kernel, the time limit is looked at when a message has come. */
static long receive_batch(struct weft__fiber *self, int fd, struct mmsghdr *messages,
                          unsigned count, int flags, struct timespec *limit)
{
    struct weft__patience patience = { 0 };
    int64_t deadline = weft__deadline_after(self, limit);
    unsigned got = 0;
    while (got < count) {
        long more = weft__raw(SYS_recvmmsg, fd, messages + got, count - got,
                              (flags & ~MSG_WAITFORONE) | MSG_DONTWAIT, NULL);
        if (more > 0)
            got += (unsigned)more;
        patience.moved = got > 0;
        if (got > 0 && (flags & MSG_WAITFORONE || batch_ended(self, fd, limit, deadline)))
            break;
        if (more == -EAGAIN)
            more = weft__await(self, fd, EPOLLIN, &patience);
        if (more < 0 && got == 0)
            return more;
        if (more < 0)
            break;
    }
    return got;
}

int weft__hook_recvmmsg(struct weft__fiber *self, int fd, struct mmsghdr *messages, unsigned count,
                        int flags, struct timespec *limit)
{
    long got;
    if (limit && !weft__timespec_valid(limit))
        got = -EINVAL;
    else if (flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB) || count == 0)
        got = weft__raw(SYS_recvmmsg, fd, messages, count, flags, limit);
    else
        got = receive_batch(self, fd, messages, count < MOST ? count : MOST, flags, limit);
    if (got >= 0)
        weft__spend(self);
    return (int)weft__result(got);
}

/* The count from FIRST on; a failure after that is the next call's to find. */
static int send_each(struct weft__fiber *self, int fd, struct mmsghdr *messages, unsigned count,
                     int flags, unsigned first)
{
    int saved = errno;
    for (unsigned i = first; i < count; i++) {
        ssize_t sent = weft__hook_sendmsg(self, fd, &messages[i].msg_hdr, flags);
        if (sent < 0 && i == 0)
            return -1;
        if (sent < 0) {
            errno = saved;
            return (int)i;
        }
        messages[i].msg_len = (unsigned)sent;
    }
    return (int)count;
}

/* Whole datagrams go at once as long as there is room; then one after the other. */
int weft__hook_sendmmsg(struct weft__fiber *self, int fd, struct mmsghdr *messages, unsigned count,
                        int flags)
{
    int type = 0;
    socklen_t size = sizeof type;
    count = count < MOST ? count : MOST;
    weft__raw(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size);
    long sent = 0;
    if (type != SOCK_STREAM || flags & MSG_DONTWAIT)
        sent = weft__raw(SYS_sendmmsg, fd, messages, count, flags | MSG_DONTWAIT);
    if (flags & MSG_DONTWAIT || (sent < 0 && sent != -EAGAIN))
        return (int)weft__result(sent);
    weft__spend(self);
    return send_each(self, fd, messages, count, flags, sent < 0 ? 0 : (unsigned)sent);
}
