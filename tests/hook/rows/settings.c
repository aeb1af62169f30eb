/* What several families need: places laid out so that a call has to wait. */
#include "rows.h"

#include <sys/wait.h>

struct place place;
char much[1 << 20];

const struct timespec *row_span(int64_t nanoseconds)
{
    static struct timespec span;
    span = (struct timespec){ nanoseconds / WEFT_SECOND, nanoseconds % WEFT_SECOND };
    return &span;
}

const struct timespec *row_time(clockid_t clock, int64_t from_now)
{
    static struct timespec time;
    clock_gettime(clock, &time);
    time.tv_sec += from_now / WEFT_SECOND;
    return &time;
}

long row_opened(int fd)
{
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

void place_pipe(void)
{
    int ends[2];
    must(pipe(ends) == 0, "a pipe");
    place.fd = ends[0];
    place.peer = ends[1];
}

void place_thread(void *(*body)(void *argument))
{
    must(pthread_create(&place.thread, NULL, body, NULL) == 0, "a thread");
    place.has_thread = true;
}

void place_fill(int fd)
{
    int room[] = { 4096, 64, 1 };
    set_nonblocking(fd, true);
    for (size_t i = 0; i < COUNT(room); i++)
        for (ssize_t size; (size = write(fd, much, (size_t)room[i])) > 0;)
            place.filled += (size_t)size;
    set_nonblocking(fd, false);
}

/* --- what the peer gets, beside what it was filled with */

static ssize_t drain_some(size_t most)
{
    static char some[1 << 16];
    ssize_t size = read(place.peer, some, most < sizeof some ? most : sizeof some);
    for (ssize_t i = 0; i < size; i++)
        place.arrived += some[i] != '.';
    return size;
}

void place_drain(void)
{
    set_nonblocking(place.peer, true);
    while (drain_some(SIZE_MAX) > 0)
        ;
}

/* Exactly what was there before: as much fits in again, and no more. */
static void part_drain(void)
{
    for (size_t left = place.filled; left > 0;)
        left -= (size_t)drain_some(left);
}

/* All that is left, once nobody writes any more. */
static void finish_drain(void)
{
    if (place.peer >= 0)
        place_drain();
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void place_clean(void)
{
    if (place.usual_in)
        stdin = place.usual_in;
    if (place.usual_out)
        stdout = place.usual_out;
    if (place.usual_err)
        stderr = place.usual_err;
    if (place.closed)
        place.fd = -1;
    close_one(&place.peer); /* first: nobody waits for a reader that is gone */
    if (place.stream) {
        fclose(place.stream);
        place.fd = -1;
    }
    close_one(&place.fd);
    close_one(&place.spare);
    close_one(&place.file);
    if (place.has_thread && !place.thread_joined)
        pthread_join(place.thread, NULL);
    if (place.child > 0)
        waitpid(place.child, NULL, 0);
    if (place.path[0])
        unlink(place.path);
}

/* --- settings */

const struct setting still = { .traits = STILL };

static void prepare_no_descriptor(void)
{
    place.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
}

const struct setting no_descriptor = { .prepare = prepare_no_descriptor,
                                       .traits = STILL | DESCRIPTOR };

static void wake_by_four(void)
{
    must(write(place.peer, "abcd", 4) == 4, "four bytes");
}

static void part_of_two(void)
{
    must(write(place.peer, "ab", 2) == 2, "two bytes");
    place.arrived = 2;
}

const struct setting empty_pipe = {
    .prepare = place_pipe, .wake = wake_by_four, .part = part_of_two, .traits = DESCRIPTOR
};

static void mark_outgoing(void)
{
    memset(much, '+', sizeof much);
}

static void prepare_full_pipe(void)
{
    place_pipe();
    int reader = place.fd;
    place.fd = place.peer;
    place.peer = reader;
    place_fill(place.fd);
    mark_outgoing();
}

const struct setting full_pipe = { .prepare = prepare_full_pipe,
                                   .wake = place_drain,
                                   .part = part_drain,
                                   .finish = finish_drain,
                                   .traits = DESCRIPTOR };

static void prepare_file_beside(void)
{
    place.file = memfd_create("row", MFD_CLOEXEC);
    must(write(place.file, much, sizeof much) == sizeof much, "a file");
    lseek(place.file, 0, SEEK_SET);
}

static void prepare_full_pipe_for_file(void)
{
    prepare_full_pipe();
    prepare_file_beside();
}

const struct setting full_pipe_for_file = { .prepare = prepare_full_pipe_for_file,
                                            .wake = place_drain,
                                            .part = part_drain,
                                            .finish = finish_drain,
                                            .traits = DESCRIPTOR };

static void prepare_sockets(void)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair of sockets");
    place.fd = pair[0];
    place.peer = pair[1];
}

const struct setting empty_socket = {
    .prepare = prepare_sockets, .wake = wake_by_four, .part = part_of_two, .traits = DESCRIPTOR
};

static void prepare_full_socket(void)
{
    prepare_sockets();
    place_fill(place.fd);
    mark_outgoing();
}

const struct setting full_socket = { .prepare = prepare_full_socket,
                                     .wake = place_drain,
                                     .part = part_drain,
                                     .finish = finish_drain,
                                     .traits = DESCRIPTOR };
