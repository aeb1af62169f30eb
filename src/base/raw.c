/* System calls that can be told to fail: torture builds only. */
#include "base/raw.h"

#ifdef WEFT_TORTURE

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

enum {
    ERRORS_MOST = 4
};

/*
 * What a call may give while it is used as it should be: the manual pages of section 2. Not EAGAIN,
 * which the kernel gives only where it will tell of a change.
 */
static const struct {
    long number;
    int errors[ERRORS_MOST];
} failures[] = {
    { SYS_accept4, { ECONNABORTED, EMFILE, ENOMEM, EINTR } },
    { SYS_connect, { ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL } },
    { SYS_fcntl, { EBADF, EMFILE } },
    { SYS_getsockopt, { ENOBUFS, ENOTSOCK } },
    { SYS_ioctl, { ENOTTY, ENOMEM } },
    { SYS_newfstatat, { ENOMEM, EACCES } },
    { SYS_openat, { EMFILE, ENFILE, ENOMEM, EACCES } },
    { SYS_pipe2, { EMFILE, ENFILE } },
    { SYS_ppoll, { ENOMEM, EINTR } },
    { SYS_preadv2, { EIO, ENOMEM, EOPNOTSUPP, EINTR } },
    { SYS_pwritev2, { EIO, ENOSPC, EOPNOTSUPP, EINTR } },
    { SYS_read, { EIO, ECONNRESET, EINTR } },
    { SYS_readv, { EIO, ECONNRESET, EINTR } },
    { SYS_recvfrom, { ECONNRESET, ENOMEM, ETIMEDOUT } },
    { SYS_recvmsg, { ECONNRESET, ENOMEM, ETIMEDOUT } },
    { SYS_sendfile, { EIO, EPIPE, ENOMEM } },
    { SYS_sendmsg, { EPIPE, ECONNRESET, ETIMEDOUT } },
    { SYS_sendto, { EPIPE, ECONNRESET, ETIMEDOUT } },
    { SYS_write, { EIO, EPIPE, ENOSPC } },
    { SYS_writev, { EIO, EPIPE, ENOSPC } },
};

static _Thread_local uint64_t calls, call_to_fail;
static _Thread_local int error_index;
static _Thread_local long failed = -1;

void weft__torture_fail_call(uint64_t n, int index)
{
    calls = 0;
    call_to_fail = n;
    error_index = index;
    failed = -1;
}

uint64_t weft__torture_calls(void)
{
    return calls;
}

long weft__torture_failed(void)
{
    return failed;
}

/* After these no connection goes on: whoever asks again must learn so. */
static void break_connection(long fd, int error)
{
    if (error == EPIPE || error == ECONNRESET || error == ETIMEDOUT)
        weft__raw6(SYS_shutdown, fd, SHUT_RDWR, 0, 0, 0, 0);
}

long weft__torture_call(long number, long fd)
{
    for (size_t i = 0; call_to_fail && i < sizeof failures / sizeof failures[0]; i++) {
        if (failures[i].number != number || error_index >= ERRORS_MOST ||
            !failures[i].errors[error_index])
            continue;
        if (++calls != call_to_fail)
            return 0;
        failed = number;
        break_connection(fd, failures[i].errors[error_index]);
        return -failures[i].errors[error_index];
    }
    return 0;
}

#endif
