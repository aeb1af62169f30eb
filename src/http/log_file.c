/*
 * A log file with a thread of its own.
 *
 *      loops --lock, copy--> gathering        the thread: lock, take gathering, unlock, write(2)
 *
 * Nothing but a copy happens under the lock, so a disk that hangs holds up the thread alone.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/http/log.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/fail.h"

enum {
    LIMIT = 1 << 20,
};

struct weft_http_log_file {
    char *path;
    int fd;
    pid_t pid; /* whose thread it is; 0: none runs */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct weft__buffer gathering;
    size_t lines; /* in gathering */
    size_t limit;
    bool reopen;
    bool stopping;
    bool failing; /* told already */
    bool torn;    /* the last line was cut by a failure */
    struct weft_http_log_file_stats stats;
};

static int open_path(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

/* Bytes that arrived; fewer than length and errno otherwise. */
static size_t write_bytes(int fd, const char *bytes, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t wrote = write(fd, bytes + done, length - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            break;
        }
        done += (size_t)wrote;
    }
    return done;
}

static size_t count_lines(const char *bytes, size_t length)
{
    size_t count = 0;
    for (const char *at = bytes; (at = memchr(at, '\n', length - (size_t)(at - bytes))); at++) {
        count++;
    }
    return count;
}

static void tell(struct weft_http_log_file *file, bool failed, int error)
{
    if (failed && !file->failing) {
        weft_log(WEFT_LOG_ERROR,
                 "http: the log %s can't be written: %s; lines are lost until it "
                 "can",
                 file->path, strerror(error));
    } else if (!failed && file->failing) {
        weft_log(WEFT_LOG_INFO, "http: the log %s is written again", file->path);
    }
    file->failing = failed;
}

/* Write a batch. Lines of it that are in the file. */
static size_t write_batch(struct weft_http_log_file *file, const char *bytes, size_t length)
{
    if (file->torn && write_bytes(file->fd, "\n", 1) == 1) {
        file->torn = false;
    }
    size_t done = file->torn ? 0 : write_bytes(file->fd, bytes, length);
    tell(file, done < length, errno);
    if (done > 0) {
        file->torn = bytes[done - 1] != '\n';
    }
    return count_lines(bytes, done);
}

static void open_anew(struct weft_http_log_file *file)
{
    int fd = open_path(file->path);
    if (fd < 0) {
        weft_log(WEFT_LOG_ERROR,
                 "http: the log %s can't be opened anew: %s; the old file is "
                 "written on",
                 file->path, strerror(errno));
        return;
    }
    close(file->fd);
    file->fd = fd;
    file->torn = false;
}

/* What was gathered so far is the thread's; loops gather in a fresh buffer meanwhile. */
static void serve_batch(struct weft_http_log_file *file)
{
    struct weft__buffer batch = file->gathering;
    size_t lines = file->lines;
    bool reopen = file->reopen;
    weft__buffer_init(&file->gathering, file->limit);
    file->lines = 0;
    file->reopen = false;
    pthread_mutex_unlock(&file->lock);
    size_t written = 0;
    if (reopen) {
        open_anew(file);
    }
    if (batch.length > 0) {
        struct weft__slice bytes = weft__buffer_slice(&batch);
        written = write_batch(file, bytes.data, bytes.length);
    }
    weft__buffer_fini(&batch);
    pthread_mutex_lock(&file->lock);
    file->stats.written += written;
    file->stats.lost += lines - written;
}

static void *run(void *argument)
{
    struct weft_http_log_file *file = argument;
    pthread_mutex_lock(&file->lock);
    for (;;) {
        if (file->gathering.length > 0 || file->reopen) {
            serve_batch(file);
        } else if (file->stopping) {
            break;
        } else {
            pthread_cond_wait(&file->wake, &file->lock);
        }
    }
    pthread_mutex_unlock(&file->lock);
    return NULL;
}

/* Signals are for the threads that have asked for them, and a closed pipe is an error here. */
static int start(struct weft_http_log_file *file)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&file->thread, NULL, run, file);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        return weft__fail(error);
    }
    file->pid = getpid();
    return 0;
}

/* A forked process has neither the thread nor a right to what waits. */
static void heed_fork(struct weft_http_log_file *file)
{
    if (file->pid != 0 && file->pid != getpid()) {
        file->pid = 0;
        pthread_mutex_init(&file->lock, NULL);
        pthread_cond_init(&file->wake, NULL);
        weft__buffer_clear(&file->gathering);
        file->lines = 0;
    }
}

static int gather(struct weft_http_log_file *file, const char *line, size_t length)
{
    if (!file->pid && start(file) < 0) {
        return -1;
    }
    if (length >= file->limit || weft__buffer_reserve(&file->gathering, length + 1) == NULL) {
        return weft__fail(ENOBUFS);
    }
    weft__buffer_append(&file->gathering, line, length);
    weft__buffer_append(&file->gathering, "\n", 1);
    file->lines++;
    return 0;
}

int weft_http_log_file_write(struct weft_http_log_file *file, const char *line, size_t length)
{
    heed_fork(file);
    pthread_mutex_lock(&file->lock);
    bool idle = file->gathering.length == 0;
    int result = gather(file, line, length);
    int error = errno;
    if (result < 0) {
        file->stats.lost++;
    } else if (idle) {
        pthread_cond_signal(&file->wake);
    }
    pthread_mutex_unlock(&file->lock);
    return result < 0 ? weft__fail(error) : 0;
}

void weft_http_log_file_reopen(struct weft_http_log_file *file)
{
    heed_fork(file);
    pthread_mutex_lock(&file->lock);
    file->reopen = true;
    if (!file->pid) {
        start(file);
    }
    pthread_cond_signal(&file->wake);
    pthread_mutex_unlock(&file->lock);
}

void weft_http_log_file_stats(struct weft_http_log_file *file,
                              struct weft_http_log_file_stats *stats)
{
    heed_fork(file);
    pthread_mutex_lock(&file->lock);
    *stats = file->stats;
    stats->waiting = file->gathering.length;
    pthread_mutex_unlock(&file->lock);
}

struct weft_http_log_file *weft_http_log_file_open(const char *path, size_t limit)
{
    size_t size = strlen(path) + 1;
    struct weft_http_log_file *file = weft__calloc(1, sizeof(*file) + size);
    if (!file) {
        return NULL;
    }
    file->path = memcpy(file + 1, path, size);
    file->limit = limit ? limit : LIMIT;
    file->fd = open_path(path);
    if (file->fd < 0) {
        int error = errno;
        weft__free(file);
        weft_error_set("http", error, error, "opening the log %s: %s", path, strerror(error));
        return NULL;
    }
    weft__buffer_init(&file->gathering, file->limit);
    pthread_mutex_init(&file->lock, NULL);
    pthread_cond_init(&file->wake, NULL);
    return file;
}

void weft_http_log_file_close(struct weft_http_log_file *file)
{
    if (!file) {
        return;
    }
    heed_fork(file);
    pthread_mutex_lock(&file->lock);
    file->stopping = true;
    pthread_cond_signal(&file->wake);
    pthread_mutex_unlock(&file->lock);
    if (file->pid) {
        pthread_join(file->thread, NULL);
    }
    close(file->fd);
    weft__buffer_fini(&file->gathering);
    pthread_mutex_destroy(&file->lock);
    pthread_cond_destroy(&file->wake);
    weft__free(file);
}
