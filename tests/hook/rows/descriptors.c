/* Rows: what a number stands for, and when it changes hands. Only open() and fclose() wait. */
#include "rows.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

int __open_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);

static long opened_both(int result, const int *fds)
{
    if (result < 0)
        return -1;
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static int ends[2];

ROW(socket, still, row_opened(socket(AF_INET, SOCK_STREAM, 0)))
ROW(socket, still, row_opened(socket(AF_INET, 4711, 0)))
ROW(socketpair, still, opened_both(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ends))
ROW(socketpair, still, opened_both(socketpair(AF_INET, SOCK_STREAM, 0, ends), ends))
ROW(pipe, still, opened_both(pipe(ends), ends))
ROW(pipe2, still, opened_both(pipe2(ends, O_CLOEXEC), ends))
ROW(pipe2, still, opened_both(pipe2(ends, -1), ends))
ROW(dup, no_descriptor, row_opened(dup(place.fd)))
ROW(dup2, no_descriptor, row_opened(dup2(place.fd, 900)))
ROW(dup3, no_descriptor, row_opened(dup3(place.fd, 900, O_CLOEXEC)))
ROW(dup3, no_descriptor, row_opened(dup3(place.fd, place.fd, O_CLOEXEC)))
ROW(fcntl, no_descriptor, fcntl(place.fd, F_GETFL))
ROW(fcntl, no_descriptor, row_opened(fcntl(place.fd, F_DUPFD_CLOEXEC, 900)))
ROW(ioctl, no_descriptor, ioctl(place.fd, FIONREAD, &place.word))
ROW(setsockopt, no_descriptor,
    setsockopt(place.fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 1, 0 },
               sizeof(struct timeval)))
ROW(eventfd, still, row_opened(eventfd(0, 0)))
ROW(eventfd, still, row_opened(eventfd(0, -1)))
ROW(timerfd_create, still, row_opened(timerfd_create(CLOCK_MONOTONIC, 0)))
ROW(timerfd_create, still, row_opened(timerfd_create(4711, 0)))
ROW(signalfd, still, row_opened(signalfd(-1, &(sigset_t){ 0 }, 0)))
ROW(signalfd, no_descriptor, row_opened(signalfd(place.fd, &(sigset_t){ 0 }, 0)))
ROW(inotify_init, still, row_opened(inotify_init()))
ROW(inotify_init1, still, row_opened(inotify_init1(-1)))
ROW(memfd_create, still, row_opened(memfd_create("row", -1u)))
ROW(epoll_create, still, row_opened(epoll_create(0)))
ROW(epoll_create, still, row_opened(epoll_create(1)))
ROW(epoll_create1, still, row_opened(epoll_create1(0)))
ROW(epoll_create1, still, row_opened(epoll_create1(-1)))
ROW(pidfd_open, still, row_opened(pidfd_open(getpid(), 0)))
ROW(pidfd_open, still, row_opened(pidfd_open(-1, 0)))

/* --- closing */

static long closed_once(void)
{
    int fd = dup(STDOUT_FILENO);
    return close(fd) == 0 ? close(fd) : -2;
}

static long closed_range(int low)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, low);
    closefrom(low);
    return fcntl(fd, F_GETFD);
}

static long range_closed(int low, int flags)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, low);
    int result = close_range((unsigned)low, (unsigned)fd, flags);
    return result < 0 ? (close(fd), -1) : fcntl(fd, F_GETFD);
}

ROW(close, still, closed_once())
ROW(close_range, still, range_closed(5000, 0))
ROW(close_range, still, range_closed(5000, 1 << 20))
ROW(closefrom, still, closed_range(5000))
ROW(closedir, still, closedir(opendir("/")))

static void prepare_full_stream(void)
{
    full_pipe.prepare();
    place.stream = fdopen(place.fd, "w");
    must(place.stream && fputs("wxyz", place.stream) >= 0, "four bytes in the buffer");
}

static long close_stream(void)
{
    FILE *stream = place.stream;
    place.stream = NULL;
    place.fd = -1;
    return fclose(stream);
}

static void finish_stream(void)
{
    full_pipe.finish();
}

static const struct setting full_stream = { .prepare = prepare_full_stream,
                                            .wake = place_drain,
                                            .finish = finish_stream };

ROW(fclose, full_stream, close_stream())

/* --- opening: of a FIFO, which waits for the other side */

static void prepare_fifo(void)
{
    snprintf(place.path, sizeof place.path, "/tmp/weft-rows-%d", (int)getpid());
    unlink(place.path);
    must(mkfifo(place.path, 0600) == 0, "a FIFO");
}

static void wake_reader(void)
{
    place.peer = open(place.path, O_WRONLY | O_CLOEXEC);
}

static void wake_writer(void)
{
    place.peer = open(place.path, O_RDONLY | O_CLOEXEC);
}

static const struct setting fifo = { .prepare = prepare_fifo, .wake = wake_reader };
static const struct setting fifo_to_write = { .prepare = prepare_fifo, .wake = wake_writer };

ROW(open, fifo, row_opened(open(place.path, O_RDONLY)))
ROW(open, fifo_to_write, row_opened(open(place.path, O_WRONLY)))
ROW(open, still, row_opened(open("/dev/null/nothing", O_RDONLY)))
ROW(openat, fifo, row_opened(openat(AT_FDCWD, place.path, O_RDONLY)))
ROW(creat, fifo_to_write, row_opened(creat(place.path, 0600)))
ROW(__open_2, fifo, row_opened(__open_2(place.path, O_RDONLY)))
ROW(__openat_2, fifo, row_opened(__openat_2(AT_FDCWD, place.path, O_RDONLY)))
