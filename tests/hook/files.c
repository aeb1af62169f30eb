/* Files: positions, the disk, locks, FIFOs and sendfile. */
#include "hook.h"

#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/wait.h>

static char folder[] = "weft-files-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int file_of(size_t size)
{
    int fd = open(path_of("file"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0, "a file");
    for (size_t i = 0; i < size; i += 8) {
        char text[9];
        snprintf(text, sizeof text, "%08zu", i);
        must(write(fd, text, 8) == 8, "its text");
    }
    return fd;
}

/* --- the same answers as outside */

struct answer {
    long result;
    int error;
};

static struct answer answers[64];
static size_t answered;

static void note(long result)
{
    answers[answered++] = (struct answer){ result, errno };
    errno = UNTOUCHED;
}

static void positions(int fd)
{
    char one[3], two[5], text[9] = "";
    volatile int negative = -1;
    struct iovec parts[] = { { one, sizeof one }, { two, sizeof two } };
    note(pread(fd, text, 8, 16));
    note(preadv(fd, parts, 2, 24));
    note(preadv(fd, parts, 2, -1));
    note(preadv(fd, parts, negative, 0));
    note(preadv2(fd, parts, 2, 4, 0));
    note(preadv2(fd, parts, 2, -1, RWF_NOWAIT));
    note(preadv2(fd, parts, 2, -1, RWF_HIPRI));
    note(preadv2(fd, parts, 2, -2, 0));
    note(preadv2(fd, parts, 2, 0, 1 << 20));
    note(pread(fd, text, 8, -1));
    note(pread(fd, text, 8, 1 << 20));
    note(pread(fd, nowhere(), 8, 0));
    note(pwrite(fd, "x", 1, 3));
    note(pwritev(fd, parts, 2, 0));
    note(pwritev2(fd, parts, 2, 0, RWF_DSYNC));
    note(pwrite(fd, "x", 1, -1));
    note(fsync(fd));
    note(fdatasync(fd));
    note(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
    note(copy_file_range(fd, NULL, fd, NULL, 8, 1));
    note(flock(fd, LOCK_EX));
    note(flock(fd, LOCK_UN));
    note(flock(fd, 77));
    note(lockf(fd, F_LOCK, 0));
    note(lockf(fd, F_TEST, 0));
    note(lockf(fd, F_ULOCK, 0));
    struct flock range = { .l_type = F_RDLCK, .l_whence = 9 };
    note(fcntl(fd, F_SETLKW, &range));
}

static int answer_all(void *argument)
{
    (void)argument;
    int fds[2], fd = file_of(64);
    answered = 0;
    errno = UNTOUCHED;
    positions(fd);
    off_t at = 8;
    int copy = open(path_of("copy"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    note(sendfile(copy, fd, &at, 16));
    note(at);
    note(lseek(fd, 0, SEEK_SET));
    note(copy_file_range(fd, NULL, copy, NULL, 24, 0));
    note(lseek(copy, 0, SEEK_CUR));
    close(fd);
    note(sendfile(copy, fd, NULL, 16));
    note(fsync(fd));
    note(flock(fd, LOCK_EX));
    must(pipe(fds) == 0, "a pipe");
    note(sendfile(copy, fds[0], &at, 16));
    note(sendfile(fds[0], copy, NULL, 16));
    note(pread(fds[0], nowhere(), 1, 0));
    note(fsync(fds[0]));
    note(open(path_of("nothing"), O_RDONLY));
    note(open(path_of("fifo"), O_WRONLY | O_NONBLOCK));
    note(open(path_of("fifo"), O_RDONLY | O_CREAT | O_EXCL, 0600));
    close(copy);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void answers_are_the_same(void)
{
    struct answer bare[COUNT(answers)];
    answer_all(NULL);
    size_t count = answered;
    memcpy(bare, answers, sizeof bare);
    must(weft_run(answer_all, NULL) == 0 && answered == count, "the fiber ran");
    for (size_t i = 0; i < count; i++)
        ok(answers[i].result == bare[i].result && answers[i].error == bare[i].error,
           "call %zu: %ld (errno %d) in a fiber, as outside (%ld, %d)", i, answers[i].result,
           answers[i].error, bare[i].result, bare[i].error);
}

/* --- the disk */

static long call_fsync(int fd)
{
    return fsync(fd);
}

static long call_read(int fd)
{
    char text[16];
    return read(fd, text, sizeof text);
}

static long call_pread(int fd)
{
    char text[16];
    return pread(fd, text, sizeof text, 4096);
}

static bool is_cold(int fd)
{
    char byte;
    struct iovec part = { &byte, 1 };
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return syscall(SYS_preadv2, fd, &part, 1, 0, 0, RWF_NOWAIT) < 0 && errno == EAGAIN;
}

static bool parks(struct weft_scope *scope, struct trial *trial)
{
    struct weft_task *task = trial_start(scope, trial);
    bool parked = !trial->ended;
    trial_join(task);
    return parked;
}

/* The look whether a page is there may begin to read it: one time of many it is not there yet. */
static bool parks_when_cold(struct weft_scope *scope, struct trial *trial)
{
    for (int i = 0; i < 50; i++) {
        if (!is_cold(trial->fd) && i == 0)
            return true; /* a file system that lives in memory */
        lseek(trial->fd, 0, SEEK_SET);
        trial->ended = false;
        if (parks(scope, trial))
            return true;
    }
    return false;
}

FIBER(disk)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int fd = file_of(16384);
    struct trial trial = { .call = call_fsync, .fd = fd };
    ok(parks(&scope, &trial) && trial.result == 0 && trial.error == UNTOUCHED, "fsync parks");
    long (*calls[])(int fd) = { call_read, call_pread };
    for (size_t i = 0; i < COUNT(calls); i++) {
        trial = (struct trial){ .call = calls[i], .fd = fd, .result = 16, .error = UNTOUCHED };
        ok(parks_when_cold(&scope, &trial) && trial.result == 16 && trial.error == UNTOUCHED,
           "reading what is not in the page cache parks");
    }
    close(fd);
    return 0;
}

/* --- locks, held by another process */

struct holder {
    pid_t pid;
    int gate;
};

static long call_flock(int fd)
{
    return flock(fd, LOCK_EX);
}

static long call_lockf(int fd)
{
    return lockf(fd, F_LOCK, 0);
}

static long call_setlkw(int fd)
{
    struct flock range = { .l_type = F_WRLCK };
    return fcntl(fd, F_SETLKW, &range);
}

static long call_ofd(int fd)
{
    struct flock range = { .l_type = F_WRLCK };
    return fcntl(fd, F_OFD_SETLKW, &range);
}

static const struct {
    const char *name;
    long (*call)(int fd);
} locks[] = {
    { "flock", call_flock },
    { "lockf", call_lockf },
    { "fcntl F_SETLKW", call_setlkw },
    { "fcntl F_OFD_SETLKW", call_ofd },
};

static struct holder hold(long (*call)(int fd))
{
    int ready[2], gate[2];
    char byte;
    must(pipe(ready) == 0 && pipe(gate) == 0, "pipes");
    struct holder holder = { .pid = fork(), .gate = gate[1] };
    if (holder.pid == 0) {
        close(gate[1]);
        if (call(open(path_of("file"), O_RDWR)) == 0 && write(ready[1], "x", 1) == 1)
            _exit((int)read(gate[0], &byte, 1));
        _exit(1);
    }
    must(read(ready[0], &byte, 1) == 1, "it is locked");
    close(ready[0]);
    close(ready[1]);
    close(gate[0]);
    return holder;
}

static void let_go(struct holder *holder)
{
    close(holder->gate);
    must(waitpid(holder->pid, NULL, 0) == holder->pid, "the holder's end");
}

enum ending {
    RELEASED,
    CANCELLED,
    LATE,
    CLOSED
};

static void lock_ends(size_t which, enum ending ending)
{
    static const int errors[] = { UNTOUCHED, ECANCELED, ETIMEDOUT, EBADF };
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    int fd = file_of(8);
    struct holder holder = hold(locks[which].call);
    struct trial trial = { .call = locks[which].call,
                           .fd = fd,
                           .timeout = ending == LATE ? 5 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    if (ending == RELEASED)
        let_go(&holder);
    else if (ending == CANCELLED)
        weft_cancel(task);
    else if (ending == CLOSED)
        close(fd);
    trial_join(task);
    ok(parked && trial.result == (ending == RELEASED ? 0 : -1) && trial.error == errors[ending],
       "%s waits until it is %s (%ld, errno %d)", locks[which].name,
       (const char *[]){ "released", "cancelled", "late", "closed" }[ending], trial.result,
       trial.error);
    if (ending != RELEASED)
        let_go(&holder);
    if (ending != CLOSED)
        close(fd);
}

FIBER(locking)
{
    for (size_t i = 0; i < COUNT(locks); i++)
        for (int ending = RELEASED; ending <= CLOSED; ending++)
            lock_ends(i, (enum ending)ending);
    return 0;
}

/* --- FIFOs */

static long call_open_reading(int unused)
{
    (void)unused;
    return open(path_of("fifo"), O_RDONLY);
}

static long call_open_writing(int unused)
{
    (void)unused;
    return openat(AT_FDCWD, path_of("fifo"), O_WRONLY);
}

static void fifo_meets(bool reading)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct trial trial = { .call = reading ? call_open_reading : call_open_writing };
    struct trial other = { .call = reading ? call_open_writing : call_open_reading };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    usleep(2000);
    parked = parked && !trial.ended;
    trial_join(trial_start(&scope, &other));
    trial_join(task);
    int from = (int)(reading ? trial.result : other.result);
    int to = (int)(reading ? other.result : trial.result);
    ok(parked && from >= 0 && to >= 0 && trial.error == UNTOUCHED && other.error == UNTOUCHED,
       "a FIFO's %s waits for the other side", reading ? "reader" : "writer");
    ok(!(fcntl(from, F_GETFL) & O_NONBLOCK) && !(fcntl(to, F_GETFL) & O_NONBLOCK),
       "neither is left with O_NONBLOCK");
    struct trial read_it = { .call = call_read, .fd = from };
    task = trial_start(&scope, &read_it);
    parked = !read_it.ended;
    must(write(to, "0123456789abcdef", 16) == 16, "a text");
    trial_join(task);
    ok(parked && read_it.result == 16, "what is written comes out");
    close(from);
    close(to);
}

/* A writer that came and went is as good. */
FIBER(fifos)
{
    fifo_meets(true);
    fifo_meets(false);
    int before = open_descriptors();
    long (*calls[])(int unused) = { call_open_reading, call_open_writing };
    for (int i = 0; i < 4; i++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        struct trial trial = { .call = calls[i % 2], .timeout = i / 2 * 5 * WEFT_MILLISECOND };
        struct weft_task *task = trial_start(&scope, &trial);
        bool parked = !trial.ended;
        if (i / 2 == 0)
            weft_cancel(task);
        trial_join(task);
        ok(parked && trial.result == -1 && trial.error == (i / 2 ? ETIMEDOUT : ECANCELED),
           "opening a FIFO ends early (errno %d)", trial.error);
    }
    is_int(open_descriptors(), before, "no descriptor is left");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct trial trial = { .call = call_open_reading };
    struct weft_task *task = trial_start(&scope, &trial);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path_of("fifo"), O_WRONLY);
        _exit(write(fd, "x", 1) == 1 ? 0 : 1);
    }
    trial_join(task);
    must(waitpid(pid, NULL, 0) == pid, "the writer's end");
    char byte;
    ok(trial.result >= 0 && read((int)trial.result, &byte, 1) == 1,
       "another process opens the other side, writes and is gone");
    close((int)trial.result);
    return 0;
}

/* --- devices, whose drivers may wait */

static const char *device;

static long call_open_device(int unused)
{
    (void)unused;
    return open(device, O_RDONLY | O_NOCTTY);
}

FIBER(devices)
{
    static const char *const candidates[] = { "/dev/cpu/0/cpuid", "/dev/vcs" };
    for (size_t i = 0; i < COUNT(candidates); i++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        device = candidates[i];
        int bare = (int)syscall(SYS_openat, AT_FDCWD, device, O_RDONLY | O_NOCTTY);
        if (bare < 0)
            continue; /* none here, or not for us */
        struct trial trial = { .call = call_open_device };
        struct weft_task *task = trial_start(&scope, &trial);
        bool parked = !trial.ended;
        trial_join(task);
        ok(parked && trial.result >= 0 && trial.error == UNTOUCHED, "opening %s parks", device);
        close((int)trial.result);
        close(bare);
    }
    return 0;
}

/* --- sendfile */

static int source;

static long call_sendfile(int fd)
{
    off_t at = 1;
    long moved = sendfile(fd, source, &at, 1 << 20);
    return moved >= 0 && at != moved + 1 ? -2 : moved;
}

static long drain(int fd)
{
    static char buffer[1 << 16];
    long whole = 0, count;
    while ((count = read(fd, buffer, sizeof buffer)) > 0)
        whole += count;
    return whole;
}

FIBER(sends)
{
    enum {
        SIZE = 1 << 20
    };
    source = file_of(SIZE);
    for (int kind = 0; kind < 2; kind++) {
        for (int ending = RELEASED; ending <= LATE; ending++) {
            WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
            int pair[2];
            if (kind == 0)
                tcp_pair(pair);
            else
                must(pipe(pair) == 0, "a pipe");
            int size = 16384;
            setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
            setsockopt(pair[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
            struct trial trial = { .call = call_sendfile,
                                   .fd = pair[1],
                                   .timeout = ending == LATE ? 20 * WEFT_MILLISECOND : 0 };
            struct weft_task *task = trial_start(&scope, &trial);
            bool parked = !trial.ended;
            long read_back = 0;
            if (ending == CANCELLED)
                weft_cancel(task);
            else if (ending == RELEASED)
                while (!trial.ended) {
                    char buffer[4096];
                    read_back += read(pair[0], buffer, sizeof buffer);
                }
            trial_join(task);
            close(pair[1]);
            read_back += drain(pair[0]);
            ok(parked && trial.result == read_back && trial.error == UNTOUCHED &&
                   (ending == RELEASED ? trial.result == SIZE - 1 : trial.result > 0),
               "sendfile to a %s parks, and tells what went (%ld)", kind ? "pipe" : "socket",
               trial.result);
            close(pair[0]);
        }
    }
    close(source);
    return 0;
}

/* Every other page has left the cache: what comes from there and from the disk is one read. */
FIBER(whole_reads)
{
    enum {
        PAGE = 4096,
        PAGES = 256
    };
    static char text[PAGES * PAGE], got[PAGES * PAGE];
    int fd = open(path_of("pages"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 31 + i / PAGE);
    must(write(fd, text, sizeof text) == sizeof text && fsync(fd) == 0, "a file on the disk");
    int whole = 0;
    for (int round = 0; round < 20; round++) {
        for (off_t page = round % 2; page < PAGES; page += 2)
            posix_fadvise(fd, page * PAGE, PAGE, POSIX_FADV_DONTNEED);
        memset(got, 0, sizeof got);
        lseek(fd, 0, SEEK_SET);
        long moved = round % 4 < 2 ? read(fd, got, sizeof got) : pread(fd, got, sizeof got, 0);
        whole += moved == sizeof got && memcmp(got, text, sizeof got) == 0;
    }
    is_int(whole, 20, "a file that is half in the cache is read whole");
    is_int(pread(fd, got, sizeof got, sizeof got - 100), 100, "but for its end");
    close(fd);
    unlink(path_of("pages"));
    return 0;
}

int main(void)
{
    must(mkdtemp(folder) && mkfifo(path_of("fifo"), 0600) == 0, "a folder");
    answers_are_the_same();
    in_runtime(disk);
    in_runtime(whole_reads);
    in_runtime(locking);
    in_runtime(fifos);
    in_runtime(devices);
    in_runtime(sends);
    unlink(path_of("fifo"));
    unlink(path_of("file"));
    unlink(path_of("copy"));
    rmdir(folder);
    return done_testing();
}
