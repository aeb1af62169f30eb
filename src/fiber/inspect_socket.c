/*
 * Where a process is looked into: a socket in a folder of its user's own.
 *
 *      $XDG_RUNTIME_DIR/weft/PID.sock, or /tmp/weft-UID/PID.sock      the first loop
 *                            PID-2.sock, PID-3.sock, …                further ones
 *
 * The folder is 0700 and must be the user's: anybody may make names in /tmp. The socket is 0600,
 * and the peer's user is checked once more at each connection.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <weft/inspect.h>

#include "fiber/fiber.h"
#include "fiber/inspect.h"

enum {
    BACKLOG = 8,
    LOOPS_MOST = 64
};

static _Atomic uint64_t numbers; /* bit i: loop i + 1 has a socket */

_Static_assert(WEFT_INSPECT_PATH_MAX == WEFT__SOCKET_PATH, "one limit, two names");
_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == WEFT__SOCKET_PATH, "as the kernel's");

static int refuse(int error, const char *path)
{
    return weft__fail_with(error, "no socket to look in by: %s: %s", path, strerror(error));
}

static int make_folder(char *path)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    uid_t user = geteuid();
    int length = base && *base == '/'
                     ? snprintf(path, WEFT__SOCKET_PATH, "%s/weft", base)
                     : snprintf(path, WEFT__SOCKET_PATH, "/tmp/weft-%u", (unsigned)user);
    if (length >= WEFT__SOCKET_PATH)
        return refuse(ENAMETOOLONG, base);
    struct stat status;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return refuse(errno, path);
    if (lstat(path, &status) < 0)
        return refuse(errno, path);
    if (!S_ISDIR(status.st_mode) || status.st_uid != user || status.st_mode & 077)
        return weft__fail_with(EPERM,
                               "no socket to look in by: %s is not a folder that user %u alone "
                               "may use; remove it",
                               path, (unsigned)user);
    return 0;
}

/* A socket by that name was left by an ended process with our number. */
static int bind_fresh(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *generic = (const struct sockaddr *)address;
    if (bind(fd, generic, sizeof *address) == 0)
        return 0;
    if (errno != EADDRINUSE || unlink(address->sun_path) < 0)
        return -1;
    return bind(fd, generic, sizeof *address);
}

/* The lowest number that no loop of this process has; LOOPS_MOST if there is none. */
static unsigned take_number(void)
{
    uint64_t before = atomic_load(&numbers);
    unsigned number;
    do {
        number = ~before ? (unsigned)__builtin_ctzll(~before) : LOOPS_MOST;
    } while (number < LOOPS_MOST &&
             !atomic_compare_exchange_weak(&numbers, &before, before | UINT64_C(1) << number));
    return number;
}

static int name_socket(const char *folder, unsigned number, char *path)
{
    int length =
        number == 0
            ? snprintf(path, WEFT__SOCKET_PATH, "%s/%d.sock", folder, (int)getpid())
            : snprintf(path, WEFT__SOCKET_PATH, "%s/%d-%u.sock", folder, (int)getpid(), number + 1);
    return length < WEFT__SOCKET_PATH ? 0 : refuse(ENAMETOOLONG, folder);
}

static int open_socket(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return refuse(errno, address->sun_path);
    if (bind_fresh(fd, address) == 0 && chmod(address->sun_path, 0600) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    return refuse(error, address->sun_path);
}

int weft__inspect_listen(struct weft__inspect_socket *made)
{
    char folder[WEFT__SOCKET_PATH];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (make_folder(folder) < 0)
        return -1;
    made->number = take_number();
    if (made->number == LOOPS_MOST)
        return weft__fail_with(EMFILE, "no socket to look in by: %d loops have one", LOOPS_MOST);
    made->fd =
        name_socket(folder, made->number, address.sun_path) == 0 ? open_socket(&address) : -1;
    if (made->fd < 0) {
        atomic_fetch_and(&numbers, ~(UINT64_C(1) << made->number));
        return -1;
    }
    memcpy(made->path, address.sun_path, sizeof made->path);
    return 0;
}

int weft_inspect_listen(char path[WEFT_INSPECT_PATH_MAX])
{
    struct weft__inspect_socket made = { .fd = -1 };
    weft__fork_install(); /* a child's loops begin to count anew */
    if (weft__inspect_listen(&made) < 0)
        return -1;
    memcpy(path, made.path, sizeof made.path);
    return made.fd;
}

void weft__inspect_close(const struct weft__inspect_socket *made)
{
    close(made->fd);
    unlink(made->path);
    atomic_fetch_and(&numbers, ~(UINT64_C(1) << made->number));
}

void weft__inspect_reset(void)
{
    atomic_store(&numbers, 0);
}

bool weft__inspect_permitted(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}
