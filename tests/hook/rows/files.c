/* Rows: the disk, and locks on files. */
#include "rows.h"

#include <sys/file.h>

static void prepare_file(void)
{
    snprintf(place.path, sizeof place.path, "/tmp/weft-rows-%d", (int)getpid());
    place.fd = open(place.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(place.fd >= 0 && write(place.fd, "0123456789", 10) == 10, "a file");
}

static const struct setting disk = { .prepare = prepare_file, .traits = BRIEF | DESCRIPTOR };

static void prepare_two_files(void)
{
    prepare_file();
    place.file = memfd_create("row", MFD_CLOEXEC);
}

static void finish_copy(void)
{
    must(syscall(SYS_pread64, place.file, place.bytes, sizeof place.bytes, 0) >= 0, "the copy");
}

static const struct setting two_files = { .prepare = prepare_two_files,
                                          .finish = finish_copy,
                                          .traits = BRIEF | DESCRIPTOR };

static off64_t offset;

ROW(fsync, disk, fsync(place.fd))
ROW(fdatasync, disk, fdatasync(place.fd))
ROW(syncfs, disk, syncfs(place.fd))
ROW(sync_file_range, disk, sync_file_range(place.fd, 0, 10, SYNC_FILE_RANGE_WRITE))
ROW(copy_file_range, two_files,
    (offset = 2, copy_file_range(place.fd, &offset, place.file, NULL, 4, 0)))

static void prepare_locked(void)
{
    struct flock whole = { .l_type = F_WRLCK };
    prepare_file();
    place.peer = open(place.path, O_RDWR | O_CLOEXEC);
    must(flock(place.peer, LOCK_EX) == 0 && fcntl(place.peer, F_OFD_SETLK, &whole) == 0,
         "a locked file");
}

static void wake_locked(void)
{
    close(place.peer);
    place.peer = -1;
}

static const struct setting locked = { .prepare = prepare_locked,
                                       .wake = wake_locked,
                                       .traits = DESCRIPTOR };

static struct flock *whole(void)
{
    static struct flock range;
    range = (struct flock){ .l_type = F_WRLCK };
    return &range;
}

ROW(flock, locked, flock(place.fd, LOCK_EX))
ROW(lockf, locked, lseek(place.fd, 0, SEEK_SET) < 0 ? -1 : lockf(place.fd, F_LOCK, 0))
ROW(fcntl, locked, fcntl(place.fd, F_SETLKW, whole()))
ROW(fcntl, locked, fcntl(place.fd, F_OFD_SETLKW, whole()))
