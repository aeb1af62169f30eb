/* The library's own descriptors; see private.h. */
#include "loop/private.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/raw.h"
#include "loop/fd.h"

enum {
    BELOW = 4096, /* the kernel's table of descriptors grows up to the highest one */
    ROOM = 256,   /* for ours, below the limit */
    FREE = 0      /* an entry; others hold the number and one */
};

static _Atomic int kept[WEFT__PRIVATE_MOST];
static _Atomic int lowest = INT_MAX; /* of all ever: most numbers need no second look */

static int high_number(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    long end = limit.rlim_cur < BELOW ? (long)limit.rlim_cur : BELOW;
    return end >= 2 * ROOM ? (int)end - ROOM : -1;
}

static void enter(int fd)
{
    int known = atomic_load(&lowest);
    while (fd < known && !atomic_compare_exchange_weak(&lowest, &known, fd))
        ;
    for (int i = 0; i < WEFT__PRIVATE_MOST; i++) {
        int expected = FREE;
        if (atomic_compare_exchange_strong(&kept[i], &expected, fd + 1))
            return;
    }
}

int weft__private_keep(int fd)
{
    int base = fd < 0 ? -1 : high_number();
    long moved = base < 0 ? -1 : weft__raw(SYS_fcntl, fd, F_DUPFD_CLOEXEC, base);
    if (moved >= 0) {
        weft__fd_forget(fd); /* it may have been made through a hook, which took note of it */
        weft__raw(SYS_close, fd);
        fd = (int)moved;
    }
    if (fd >= 0)
        enter(fd);
    return fd;
}

void weft__private_close(int fd)
{
    for (int i = 0; i < WEFT__PRIVATE_MOST; i++) {
        int expected = fd + 1;
        atomic_compare_exchange_strong(&kept[i], &expected, FREE);
    }
    weft__fd_forget(fd);
    weft__raw(SYS_close, fd);
}

int weft__private_from(int first)
{
    int found = INT_MAX;
    for (int i = 0; i < WEFT__PRIVATE_MOST; i++) {
        int fd = atomic_load_explicit(&kept[i], memory_order_relaxed) - 1;
        if (fd >= first && fd < found)
            found = fd;
    }
    return found;
}

bool weft__is_private(int fd)
{
    return __builtin_expect(fd >= atomic_load_explicit(&lowest, memory_order_relaxed), 0) &&
           weft__private_from(fd) == fd;
}

void weft__private_reset(void)
{
    for (int i = 0; i < WEFT__PRIVATE_MOST; i++)
        atomic_store(&kept[i], FREE);
    atomic_store(&lowest, INT_MAX);
}
