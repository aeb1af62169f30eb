/* Receiving, sending, accepting, connecting. */
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>

#include "base/lock.h"
#include "hook/recall.h"

static int option(int fd, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    weft__raw(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &size);
    return value;
}

/* On a thread, which a cancel calls back. */
static long call_elsewhere(struct weft__fiber *self, long number, const long arguments[6])
{
    const long *a = arguments;
    long result = weft__recallable(self, INT64_MAX, number, arguments);
    return result == WEFT__RECALL_BUSY
               ? weft__offload_raw(number, a[0], a[1], a[2], a[3], a[4], a[5])
               : result;
}

/* A result that did not park counts as a turn. */
static inline ssize_t spent(struct weft__fiber *self, long result)
{
    if (result >= 0)
        weft__spend(self);
    return weft__result(result);
}

/* --- receiving */

/* What the kernel answers at once whatever the descriptor's mode. */
enum {
    AT_ONCE = MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB
};

/*
 * Whether a receive that has some bytes must stop here to leave an error to the next call: one more
 * try would take it away, unless there are bytes in front of it.
 */
static bool stop_before_error(int fd)
{
    int queued = 0;
    return weft__error_pending(fd) &&
           (weft__raw(SYS_ioctl, fd, FIONREAD, &queued) < 0 || queued == 0);
}

/* A peek can't go on where it stopped: it looks again until there is enough, or no more to come. */
static long peek_all(struct weft__fiber *self, int fd, char *buffer, size_t size, int flags)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        long count = weft__raw(SYS_recvfrom, fd, buffer, size, flags | MSG_DONTWAIT);
        if (count != -EAGAIN && (count <= 0 || (size_t)count >= size))
            return count;
        struct pollfd one = { .fd = fd, .events = POLLRDHUP };
        struct timespec now = { 0 };
        if (count > 0 && weft__raw(SYS_ppoll, &one, 1, &now, NULL, 8) > 0)
            return count;
        int error = weft__await(self, fd, EPOLLIN, &patience);
        if (error)
            return count > 0 ? count : error;
    }
}

static long receive_all(struct weft__fiber *self, int fd, char *buffer, size_t size, int flags)
{
    struct weft__patience patience = { 0 };
    size_t moved = 0;
    while (moved < size && !(moved > 0 && stop_before_error(fd))) {
        long count = weft__raw(SYS_recvfrom, fd, buffer + moved, size - moved,
                               (flags & ~MSG_WAITALL) | MSG_DONTWAIT);
        if (count > 0)
            moved += (size_t)count;
        patience.moved = moved > 0;
        if (count == -EAGAIN && (count = weft__await(self, fd, EPOLLIN, &patience)) == 0)
            continue;
        if (count < 0 && moved == 0)
            return count;
        if (count <= 0)
            break;
    }
    return (long)moved;
}

static long receive(struct weft__fiber *self, int fd, void *buffer, size_t size, int flags,
                    struct sockaddr *address, socklen_t *length)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        long count =
            weft__raw(SYS_recvfrom, fd, buffer, size, flags | MSG_DONTWAIT, address, length);
        if (count != -EAGAIN)
            return count;
        int error = weft__await(self, fd, EPOLLIN, &patience);
        if (error)
            return error;
    }
}

ssize_t weft__hook_recvfrom(struct weft__fiber *self, int fd, void *buffer, size_t size, int flags,
                            struct sockaddr *address, socklen_t *length)
{
    struct weft__fd *entry = weft__fd(fd);
    if (flags & AT_ONCE) {
        long count = weft__raw(SYS_recvfrom, fd, buffer, size, flags, address, length);
        if (flags == MSG_DONTWAIT && count > 0 && (size_t)count < size && entry &&
            weft__kind(fd) == WEFT__FD_STREAM)
            weft__note_short_read(self, fd);
        return spent(self, count);
    }
    if (flags == 0 && !address && size > 0 && entry)
        return spent(self, weft__read_socket(self, fd, entry, buffer, size));
    if (flags & MSG_WAITALL && option(fd, SO_TYPE) == SOCK_STREAM)
        return spent(self, flags & MSG_PEEK ? peek_all(self, fd, buffer, size, flags)
                                            : receive_all(self, fd, buffer, size, flags));
    return spent(self, receive(self, fd, buffer, size, flags, address, length));
}

ssize_t weft__hook_recv(struct weft__fiber *self, int fd, void *buffer, size_t size, int flags)
{
    return weft__hook_recvfrom(self, fd, buffer, size, flags, NULL, NULL);
}

/* Descriptors that came with a message. */
static void note_passed(struct msghdr *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            weft__note_opened(fd);
        }
    }
}

static long receive_message_rest(struct weft__fiber *self, int fd, struct weft__parts *rest)
{
    size_t whole = rest->left;
    while (rest->left > 0) {
        struct iovec window[WEFT__WINDOW];
        weft__parts_window(rest, window);
        size_t moved = (size_t)receive_all(self, fd, window[0].iov_base, window[0].iov_len, 0);
        if ((long)moved <= 0)
            break;
        weft__parts_advance(rest, moved);
        if (moved < window[0].iov_len)
            break;
    }
    return (long)(whole - rest->left);
}

static long receive_message(struct weft__fiber *self, int fd, struct msghdr *message, int flags)
{
    struct weft__patience patience = { 0 };
    bool whole = flags & MSG_WAITALL && !(flags & MSG_PEEK) && option(fd, SO_TYPE) == SOCK_STREAM;
    int once = flags & AT_ONCE ? flags : flags | MSG_DONTWAIT;
    long count;
    while ((count = weft__raw(SYS_recvmsg, fd, message, once)) == -EAGAIN && !(flags & AT_ONCE)) {
        int error = weft__await(self, fd, EPOLLIN, &patience);
        if (error)
            return error;
    }
    struct weft__parts rest;
    if (count <= 0 || !whole || flags & AT_ONCE || message->msg_controllen > 0 ||
        !weft__parts_init(&rest, message->msg_iov, message->msg_iovlen))
        return count;
    weft__parts_advance(&rest, (size_t)count);
    return stop_before_error(fd) ? count : count + receive_message_rest(self, fd, &rest);
}

ssize_t weft__hook_recvmsg(struct weft__fiber *self, int fd, struct msghdr *message, int flags)
{
    ssize_t count = self ? spent(self, receive_message(self, fd, message, flags))
                         : WEFT__REAL(recvmsg)(fd, message, flags);
    if (count >= 0 && message->msg_controllen > 0)
        note_passed(message);
    return count;
}

/* --- sending */

/* A full queue of a local receiver one isn't connected to gives no sign when it has room again. */
static bool no_sign(int fd, const struct sockaddr *address, int flags)
{
    return address && address->sa_family == AF_UNIX && !(flags & MSG_DONTWAIT) &&
           option(fd, SO_TYPE) == SOCK_DGRAM && !weft__is_nonblocking(fd);
}

static long send_whole(struct weft__fiber *self, int fd, const void *buffer, size_t size, int flags,
                       const struct sockaddr *address, socklen_t length)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        long count = weft__raw(SYS_sendto, fd, buffer, size, flags | MSG_DONTWAIT, address, length);
        if (count >= 0 && (size_t)count < size && !(flags & MSG_DONTWAIT)) {
            struct iovec part = { (char *)(uintptr_t)buffer + count, size - (size_t)count };
            struct weft__parts rest;
            weft__parts_init(&rest, &part, 1);
            return count + weft__write_rest(self, fd, &rest, flags);
        }
        if (count != -EAGAIN || flags & MSG_DONTWAIT)
            return count;
        if (no_sign(fd, address, flags))
            return call_elsewhere(
                self, SYS_sendto,
                (const long[6]){ fd, (long)buffer, (long)size, flags, (long)address, length });
        int error = weft__await(self, fd, EPOLLOUT, &patience);
        if (error)
            return error;
    }
}

ssize_t weft__hook_sendto(struct weft__fiber *self, int fd, const void *buffer, size_t size,
                          int flags, const struct sockaddr *address, socklen_t length)
{
    return spent(self, send_whole(self, fd, buffer, size, flags, address, length));
}

ssize_t weft__hook_send(struct weft__fiber *self, int fd, const void *buffer, size_t size,
                        int flags)
{
    return spent(self, send_whole(self, fd, buffer, size, flags, NULL, 0));
}

/* Descriptors that leave with a message are shared with whoever receives them. */
static void share_passed(const struct msghdr *message)
{
    struct msghdr *walked = (struct msghdr *)(uintptr_t)message;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(walked); part; part = CMSG_NXTHDR(walked, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
            weft__share(fd);
        }
    }
}

static long send_message(struct weft__fiber *self, int fd, const struct msghdr *message, int flags)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        long count = weft__raw(SYS_sendmsg, fd, message, flags | MSG_DONTWAIT);
        if (flags & MSG_DONTWAIT)
            return count;
        struct weft__parts rest;
        if (count >= 0) {
            if (!weft__parts_init(&rest, message->msg_iov, message->msg_iovlen) ||
                rest.left <= (size_t)count)
                return count;
            weft__parts_advance(&rest, (size_t)count);
            return count + weft__write_rest(self, fd, &rest, flags);
        }
        if (count != -EAGAIN)
            return count;
        if (no_sign(fd, message->msg_name, flags))
            return call_elsewhere(self, SYS_sendmsg, (const long[6]){ fd, (long)message, flags });
        int error = weft__await(self, fd, EPOLLOUT, &patience);
        if (error)
            return error;
    }
}

ssize_t weft__hook_sendmsg(struct weft__fiber *self, int fd, const struct msghdr *message,
                           int flags)
{
    ssize_t count = self ? spent(self, send_message(self, fd, message, flags))
                         : WEFT__REAL(sendmsg)(fd, message, flags);
    if (count >= 0 && message->msg_controllen > 0)
        share_passed(message);
    return count;
}

/* --- accepting */

/*
 * accept has no flag that says "do not wait", so a connection is polled for first, and between the
 * two nobody may take it: fibers of this process by these locks; where another process or a plain
 * thread may, the call is made on another thread (see docs/decisions/004-accept.md).
 */
static struct weft__lock accept_locks[16];

static struct weft__lock *accept_lock(int fd)
{
    return &accept_locks[(unsigned)fd % 16];
}

static bool connection_waits(int fd)
{
    return weft__ready_now(fd, POLLIN);
}

/* -EAGAIN: nobody has come; -EINPROGRESS: somebody has, but who knows who takes him. */
static long accept_now(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    long made = -EAGAIN;
    weft__lock_enter(accept_lock(fd));
    if (connection_waits(fd))
        made = weft__flags(fd) & WEFT__FD_OURS ? weft__raw(SYS_accept4, fd, address, length, flags)
                                               : -EINPROGRESS;
    weft__lock_leave(accept_lock(fd));
    return made;
}

static long accept_blocking(struct weft__fiber *self, int fd, struct sockaddr *address,
                            socklen_t *length, int flags)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        long made = accept_now(fd, address, length, flags);
        if (made == -EINPROGRESS)
            return call_elsewhere(self, SYS_accept4,
                                  (const long[6]){ fd, (long)address, (long)length, flags });
        if (made != -EAGAIN)
            return made;
        if (option(fd, SO_ACCEPTCONN) != 1) /* refused at once */
            return weft__raw(SYS_accept4, fd, address, length, flags);
        int error = weft__await_blocking(self, fd, EPOLLIN, &patience);
        if (error)
            return error;
    }
}

/* Time limits are handed down from the listener. */
static int note_accepted(int listener, int fd, int flags)
{
    if (fd < 0)
        return fd;
    int saved = errno;
    enum {
        LIMITS = WEFT__FD_RCVTIMEO | WEFT__FD_SNDTIMEO
    };
    unsigned known = weft__flags(listener);
    unsigned limits = known & WEFT__FD_FLAGS_KNOWN ? known & LIMITS : LIMITS;
    weft__fd_opened(fd, weft__kind(listener),
                    WEFT__FD_OURS | WEFT__FD_FLAGS_KNOWN | limits |
                        (flags & SOCK_NONBLOCK ? WEFT__FD_NONBLOCK : 0));
    errno = saved;
    return fd;
}

/* A plain thread that blocks in accept takes what a fiber has polled for. */
static int accept_outside(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    if (weft__flags(fd) & WEFT__FD_OURS && !weft__is_nonblocking(fd)) {
        weft__lock_enter(accept_lock(fd));
        weft__share(fd);
        weft__lock_leave(accept_lock(fd));
    }
    return WEFT__REAL(accept4)(fd, address, length, flags);
}

int weft__hook_accept4(struct weft__fiber *self, int fd, struct sockaddr *address,
                       socklen_t *length, int flags)
{
    if (!self)
        return note_accepted(fd, accept_outside(fd, address, length, flags), flags);
    long made = weft__is_nonblocking(fd) ? weft__raw(SYS_accept4, fd, address, length, flags)
                                         : accept_blocking(self, fd, address, length, flags);
    return note_accepted(fd, (int)spent(self, made), flags);
}

int weft__hook_accept(struct weft__fiber *self, int fd, struct sockaddr *address, socklen_t *length)
{
    return weft__hook_accept4(self, fd, address, length, 0);
}

/* --- connecting */

#define CONNECT_FIRST (50 * WEFT_MICROSECOND)
#define CONNECT_LAST (5 * WEFT_MILLISECOND)

static long connected(struct weft__fiber *self, int fd)
{
    struct weft__patience patience = { 0 };
    for (;;) {
        if (weft__ready_now(fd, POLLOUT))
            return -option(fd, SO_ERROR);
        int error = weft__await_blocking(self, fd, EPOLLOUT, &patience);
        if (error)
            return error == -EAGAIN ? -EINPROGRESS : error; /* SO_SNDTIMEO has passed */
    }
}

/* O_NONBLOCK for the duration of the call. */
static long connect_now(int fd, const struct sockaddr *address, socklen_t length)
{
    int on = 1, off = 0;
    weft__raw(SYS_ioctl, fd, FIONBIO, &on);
    long result = weft__raw(SYS_connect, fd, address, length);
    weft__raw(SYS_ioctl, fd, FIONBIO, &off);
    return result;
}

static int64_t sending_deadline(const struct weft__fiber *self, int fd)
{
    struct timeval limit = { 0 };
    socklen_t size = sizeof limit;
    if (weft__raw(SYS_getsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &size) < 0 ||
        (limit.tv_sec == 0 && limit.tv_usec == 0))
        return INT64_MAX;
    struct timespec duration = { limit.tv_sec, limit.tv_usec * 1000 };
    return weft__deadline_after(self, &duration);
}

/* A local listener's queue is full, and no sign comes when it no longer is. */
static long connect_again(struct weft__fiber *self, int fd, const struct sockaddr *address,
                          socklen_t length, int64_t deadline)
{
    uint32_t generation = weft__generation(fd);
    int64_t pause = CONNECT_FIRST, now;
    long result = -EAGAIN;
    while (result == -EAGAIN && (now = weft__now(self->runtime)) < deadline) {
        int64_t next = weft__deadline(now, pause);
        int ended = weft__park_until(self, WEFT__WAIT_IO, (const void *)(intptr_t)fd,
                                     next < deadline ? next : deadline, true);
        if (ended < 0)
            return ended;
        if (generation != weft__generation(fd))
            return -EBADF;
        result = connect_now(fd, address, length);
        pause = pause * 2 < CONNECT_LAST ? pause * 2 : CONNECT_LAST;
    }
    return result;
}

static long connect_local(struct weft__fiber *self, int fd, const struct sockaddr *address,
                          socklen_t length)
{
    int64_t deadline = sending_deadline(self, fd);
    for (;;) {
        weft__interruptible_begin(self, deadline < INT64_MAX ? WEFT__ENDS : WEFT__RESTARTS);
        long result = connect_again(self, fd, address, length, deadline);
        bool again = result == -EINTR;
        result = weft__interruptible_end(self, result);
        if (result || !again)
            return result;
    }
}

/*
 * The one call that can't be told not to wait. On a socket made here and shared with nobody,
 * O_NONBLOCK is set for its duration; any other is connected on another thread. See
 * docs/decisions/003-connect.md.
 */
static long connect_stream(struct weft__fiber *self, int fd, const struct sockaddr *address,
                           socklen_t length)
{
    if (!(weft__flags(fd) & WEFT__FD_OURS))
        return call_elsewhere(self, SYS_connect, (const long[6]){ fd, (long)address, length });
    long result = connect_now(fd, address, length);
    if (result == -EINPROGRESS || result == -EALREADY)
        return connected(self, fd);
    return result == -EAGAIN ? connect_local(self, fd, address, length) : result;
}

int weft__hook_connect(struct weft__fiber *self, int fd, const struct sockaddr *address,
                       socklen_t length)
{
    int type = option(fd, SO_TYPE);
    bool waits = type == SOCK_STREAM || type == SOCK_SEQPACKET;
    long result = waits && !weft__is_nonblocking(fd) ? connect_stream(self, fd, address, length)
                                                     : weft__raw(SYS_connect, fd, address, length);
    return (int)spent(self, result);
}
