/* Rows: reading and writing. */
#include "rows.h"

#include <sys/sendfile.h>

ROW(read, empty_pipe, read(place.fd, place.bytes, 4))
ROW(readv, empty_pipe, readv(place.fd, PART, 1))
ROW(preadv2, empty_pipe, preadv2(place.fd, PART, 1, -1, 0))
ROW(write, full_pipe, write(place.fd, much, place.size))
ROW(writev, full_pipe, writev(place.fd, OUTGOING, 1))
ROW(pwritev2, full_pipe, pwritev2(place.fd, OUTGOING, 1, -1, 0))
ROW(vmsplice, full_pipe, vmsplice(place.fd, OUTGOING, 1, 0))
ROW(sendfile, full_pipe_for_file, sendfile(place.fd, place.file, NULL, place.size))

static void prepare_file(void)
{
    place.fd = memfd_create("row", MFD_CLOEXEC);
    must(write(place.fd, "0123456789", 10) == 10, "a file");
}

static void finish_file(void)
{
    if (place.fd >= 0)
        must(syscall(SYS_pread64, place.fd, place.bytes + 16, 16, 0) >= 10, "what became of it");
}

static const struct setting file = { .prepare = prepare_file,
                                     .finish = finish_file,
                                     .traits = STILL | DESCRIPTOR };

ROW(pread, file, pread(place.fd, place.bytes, 4, 3))
ROW(preadv, file, preadv(place.fd, PART, 1, 8))
ROW(pwrite, file, pwrite(place.fd, "ab", 2, 3))
ROW(pwritev, file, pwritev(place.fd, OUTGOING, 1, 9))

static void wake_by_four(void)
{
    must(write(place.spare, "abcd", 4) == 4, "four bytes");
}

static void prepare_two_pipes(void)
{
    place_pipe();
    place.spare = place.peer;
    int to = place.fd, ends[2];
    must(pipe(ends) == 0, "another pipe");
    place.peer = ends[0];
    place.file = ends[1];
    place.fd = to;
}

static void finish_two_pipes(void)
{
    set_nonblocking(place.peer, true);
    ssize_t size = read(place.peer, place.bytes, sizeof place.bytes);
    place.arrived = size > 0 ? (size_t)size : 0;
}

static const struct setting two_pipes = { .prepare = prepare_two_pipes,
                                          .wake = wake_by_four,
                                          .finish = finish_two_pipes,
                                          .traits = DESCRIPTOR };

ROW(splice, two_pipes, splice(place.fd, NULL, place.file, NULL, 4, 0))
ROW(tee, two_pipes, tee(place.fd, place.file, 4, 0))
