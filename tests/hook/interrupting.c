/*
 * What a handler does to a call that waits: the same in a thread of its own and in a fiber, call by
 * call, with and without SA_RESTART.
 */
#include "hook.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <threads.h>

static volatile sig_atomic_t handled;

static void count_one(int number)
{
    (void)number;
    handled++;
}

static void install(int number, int flags)
{
    struct sigaction action = { .sa_handler = count_one, .sa_flags = flags };
    sigemptyset(&action.sa_mask);
    must(sigaction(number, &action, NULL) == 0, "a handler is installed");
}

/* --- the calls */

static struct {
    int fd, peer;
    pid_t child;
    sem_t semaphore;
    char path[64];
    FILE *stream;
} place;

static const struct timespec LONG = { 100, 0 };
static char byte;

static void prepare_pipe(void)
{
    int ends[2];
    must(pipe(ends) == 0, "a pipe");
    place.fd = ends[0];
    place.peer = ends[1];
}

static void prepare_writing(void)
{
    prepare_pipe();
    int fd = place.fd;
    place.fd = place.peer;
    place.peer = fd;
}

static void prepare_full_pipe(void)
{
    static char page[4096];
    prepare_writing();
    set_nonblocking(place.fd, true);
    while (write(place.fd, page, sizeof page) > 0)
        ;
    set_nonblocking(place.fd, false);
}

static void prepare_sockets(void)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair of sockets");
    place.fd = pair[0];
    place.peer = pair[1];
}

static void prepare_limited(void)
{
    prepare_sockets();
    struct timeval limit = { .tv_sec = 100 };
    setsockopt(place.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void prepare_some(void)
{
    prepare_sockets();
    must(write(place.peer, "abc", 3) == 3, "three bytes");
}

static void prepare_listener(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    place.fd = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(place.fd, (struct sockaddr *)&address, sizeof address) == 0 &&
             listen(place.fd, 1) == 0,
         "a listener");
    place.peer = -1;
}

/* So full that no further connection is answered. */
static int crowd[4];

static void prepare_full_listener(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    prepare_listener();
    must(listen(place.fd, 0) == 0 &&
             getsockname(place.fd, (struct sockaddr *)&address, &length) == 0,
         "a small listener");
    for (size_t i = 0; i < COUNT(crowd); i++) {
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(crowd[i], (struct sockaddr *)&address, length);
    }
}

static void prepare_semaphore(void)
{
    sem_init(&place.semaphore, 0, 0);
}

static void prepare_child(void)
{
    prepare_pipe();
    place.child = fork();
    if (place.child == 0) {
        close(place.peer);
        _exit(read(place.fd, &byte, 1) == 1 ? 7 : 1);
    }
}

static void prepare_file(void)
{
    snprintf(place.path, sizeof place.path, "/tmp/weft-interrupting-%d", (int)getpid());
    place.fd = open(place.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    place.peer = open(place.path, O_RDWR | O_CLOEXEC);
    unlink(place.path);
    must(place.fd >= 0 && place.peer >= 0 && flock(place.peer, LOCK_EX) == 0, "a locked file");
}

static void prepare_range(void)
{
    struct flock whole = { .l_type = F_WRLCK };
    prepare_file();
    must(fcntl(place.peer, F_OFD_SETLK, &whole) == 0, "a locked range");
}

static void prepare_fifo(void)
{
    snprintf(place.path, sizeof place.path, "/tmp/weft-interrupting-%d", (int)getpid());
    unlink(place.path);
    must(mkfifo(place.path, 0600) == 0, "a FIFO");
    place.fd = place.peer = -1;
}

static void prepare_stream(void)
{
    prepare_pipe();
    place.stream = fdopen(place.fd, "r");
}

static long call_read(void)
{
    return read(place.fd, &byte, 1);
}

static long call_readv(void)
{
    struct iovec part = { &byte, 1 };
    return readv(place.fd, &part, 1);
}

static long call_recv(void)
{
    return recv(place.fd, &byte, 1, 0);
}

static long call_recvmsg(void)
{
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    return recvmsg(place.fd, &message, 0);
}

static long call_recv_all(void)
{
    char bytes[8];
    return recv(place.fd, bytes, 4, MSG_WAITALL);
}

static long call_write(void)
{
    return write(place.fd, "x", 1);
}

static long call_write_much(void)
{
    static char much[1 << 20];
    return write(place.fd, much, sizeof much); /* a part, even with SA_RESTART */
}

static long call_accept(void)
{
    int fd = accept(place.fd, NULL, NULL);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static long call_connect(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(place.fd, (struct sockaddr *)&address, &length);
    place.peer = socket(AF_INET, SOCK_STREAM, 0);
    return connect(place.peer, (struct sockaddr *)&address, length);
}

static long call_poll(void)
{
    struct pollfd one = { .fd = place.fd, .events = POLLIN };
    return poll(&one, 1, -1);
}

static long call_ppoll(void)
{
    struct pollfd one = { .fd = place.fd, .events = POLLIN };
    return ppoll(&one, 1, &LONG, NULL);
}

static long call_select(void)
{
    fd_set set;
    struct timeval limit = { .tv_sec = 100 };
    FD_ZERO(&set);
    FD_SET(place.fd, &set);
    long ready = select(place.fd + 1, &set, NULL, NULL, &limit);
    return ready < 0 && (limit.tv_sec > 100 || limit.tv_sec < 10) ? -100 : ready;
}

static long call_pselect(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(place.fd, &set);
    return pselect(place.fd + 1, &set, NULL, NULL, NULL, NULL);
}

static long call_epoll(void)
{
    struct epoll_event event = { .events = EPOLLIN };
    int fd = epoll_create1(EPOLL_CLOEXEC);
    must(fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, place.fd, &event) == 0, "an epoll");
    long ready = epoll_wait(fd, &event, 1, -1);
    int error = errno;
    close(fd);
    errno = error;
    return ready;
}

/* What is left is a part of the whole, and the kernel's slack. */
static long cut(int result, const struct timespec *left)
{
    return result < 0 && (left->tv_sec > 100 || left->tv_sec < 10) ? -100 : result;
}

static long call_nanosleep(void)
{
    struct timespec left = { 0 };
    return cut(nanosleep(&LONG, &left), &left);
}

static long call_clock_nanosleep(void)
{
    struct timespec left = { 0 };
    int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &LONG, &left);
    errno = error;
    return cut(error ? -1 : 0, &left);
}

static long sleep_to(clockid_t clock)
{
    struct timespec then;
    clock_gettime(clock, &then);
    then.tv_sec += 100;
    int error = clock_nanosleep(clock, TIMER_ABSTIME, &then, NULL);
    errno = error;
    return error ? -1 : 0;
}

static long call_sleep_to_monotonic(void)
{
    return sleep_to(CLOCK_MONOTONIC);
}

static long call_sleep_to_realtime(void)
{
    return sleep_to(CLOCK_REALTIME);
}

static long call_thrd_sleep(void)
{
    struct timespec left = { 0 };
    return cut(thrd_sleep(&LONG, &left), &left);
}

static long call_sleep(void)
{
    unsigned left = sleep(100);
    return left >= 10 && left <= 100 ? 0 : -100;
}

static long call_usleep(void)
{
    return usleep(100000000);
}

static long call_pause(void)
{
    return pause();
}

static long call_sigsuspend(void)
{
    sigset_t none;
    sigemptyset(&none);
    return sigsuspend(&none);
}

static void other_signal(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGUSR2);
}

static long call_sigtimedwait(void)
{
    sigset_t set;
    other_signal(&set);
    return sigtimedwait(&set, NULL, &LONG);
}

static long call_sigwaitinfo(void)
{
    sigset_t set;
    other_signal(&set);
    return sigwaitinfo(&set, NULL);
}

static long call_sigwait(void)
{
    sigset_t set;
    int number = 0;
    other_signal(&set);
    int error = sigwait(&set, &number);
    errno = UNTOUCHED; /* which the C library's does not leave */
    return error ? -1 : number;
}

static long call_sem_wait(void)
{
    return sem_wait(&place.semaphore);
}

static long call_sem_timedwait(void)
{
    struct timespec then;
    clock_gettime(CLOCK_REALTIME, &then);
    then.tv_sec += 100;
    return sem_timedwait(&place.semaphore, &then);
}

static long call_waitpid(void)
{
    int status = 0;
    pid_t pid = waitpid(place.child, &status, 0);
    return pid == place.child ? WEXITSTATUS(status) : pid;
}

static long call_wait(void)
{
    int status = 0;
    pid_t pid = wait(&status);
    return pid == place.child ? WEXITSTATUS(status) : pid;
}

static long call_waitid(void)
{
    siginfo_t info = { 0 };
    int result = waitid(P_PID, (id_t)place.child, &info, WEXITED);
    return result == 0 ? info.si_status : result;
}

static long call_flock(void)
{
    return flock(place.fd, LOCK_EX);
}

static long call_setlkw(void)
{
    struct flock whole = { .l_type = F_WRLCK };
    return fcntl(place.fd, F_OFD_SETLKW, &whole);
}

static long call_open(void)
{
    int fd = open(place.path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : -1;
}

static long call_fgetc(void)
{
    int character = fgetc(place.stream);
    return character == EOF && ferror(place.stream) ? -1 : character;
}

static void finish_byte(void)
{
    must(write(place.peer, "x", 1) == 1, "a byte is written");
}

static void finish_drain(void)
{
    static char much[1 << 16];
    must(read(place.peer, much, sizeof much) > 0, "the pipe is emptied");
}

static void finish_connect(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(place.fd, (struct sockaddr *)&address, &length);
    place.peer = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(place.peer, (struct sockaddr *)&address, length) == 0, "a connection");
}

static void finish_accept(void)
{
    for (size_t i = 0; i < COUNT(crowd); i++)
        close(crowd[i]);
    set_nonblocking(place.fd, true);
    for (int fd; (fd = accept(place.fd, NULL, NULL)) >= 0;)
        close(fd);
}

static void finish_post(void)
{
    sem_post(&place.semaphore);
}

static void finish_unlock(void)
{
    close(place.peer);
    place.peer = -1;
}

static void finish_open(void)
{
    place.peer = open(place.path, O_WRONLY | O_CLOEXEC);
    must(place.peer >= 0, "the FIFO's other side");
}

static void finish_signal(void)
{
    kill(getpid(), SIGUSR2);
}

static const struct {
    const char *name;
    void (*prepare)(void);
    long (*call)(void);
    void (*finish)(void);
} calls[] = {
    { "read", prepare_pipe, call_read, finish_byte },
    { "readv", prepare_pipe, call_readv, finish_byte },
    { "read, socket", prepare_sockets, call_read, finish_byte },
    { "recv", prepare_sockets, call_recv, finish_byte },
    { "recvmsg", prepare_sockets, call_recvmsg, finish_byte },
    { "recv with SO_RCVTIMEO", prepare_limited, call_recv, finish_byte },
    { "recv of all, some received", prepare_some, call_recv_all, finish_byte },
    { "write", prepare_full_pipe, call_write, finish_drain },
    { "accept", prepare_listener, call_accept, finish_connect },
    { "connect", prepare_full_listener, call_connect, finish_accept },
    { "poll", prepare_pipe, call_poll, finish_byte },
    { "ppoll", prepare_pipe, call_ppoll, finish_byte },
    { "select", prepare_pipe, call_select, finish_byte },
    { "pselect", prepare_pipe, call_pselect, finish_byte },
    { "epoll_wait", prepare_pipe, call_epoll, finish_byte },
    { "nanosleep", NULL, call_nanosleep, NULL },
    { "clock_nanosleep", NULL, call_clock_nanosleep, NULL },
    { "clock_nanosleep until, monotonic", NULL, call_sleep_to_monotonic, NULL },
    { "clock_nanosleep until, real time", NULL, call_sleep_to_realtime, NULL },
    { "thrd_sleep", NULL, call_thrd_sleep, NULL },
    { "sleep", NULL, call_sleep, NULL },
    { "usleep", NULL, call_usleep, NULL },
    { "pause", NULL, call_pause, NULL },
    { "sigsuspend", NULL, call_sigsuspend, NULL },
    { "sigtimedwait", NULL, call_sigtimedwait, finish_signal },
    { "sigwaitinfo", NULL, call_sigwaitinfo, finish_signal },
    { "sigwait", NULL, call_sigwait, finish_signal },
    { "sem_wait", prepare_semaphore, call_sem_wait, finish_post },
    { "sem_timedwait", prepare_semaphore, call_sem_timedwait, finish_post },
    { "waitpid", prepare_child, call_waitpid, finish_byte },
    { "wait", prepare_child, call_wait, finish_byte },
    { "waitid", prepare_child, call_waitid, finish_byte },
    { "flock", prepare_file, call_flock, finish_unlock },
    { "fcntl F_OFD_SETLKW", prepare_range, call_setlkw, finish_unlock },
    { "open of a FIFO", prepare_fifo, call_open, finish_open },
    { "fgetc", prepare_stream, call_fgetc, finish_byte },
    { "write of more than there is room", prepare_writing, call_write_much, NULL },
};

/* --- one call on a thread: as it is, or as the root fiber of a loop */

static struct {
    long (*call)(void);
    bool in_fiber;
    _Atomic pid_t thread;
    _Atomic bool ended;
    long result;
    int error;
} stage;

static int call_on_stage(void *unused)
{
    (void)unused;
    stage.thread = (pid_t)syscall(SYS_gettid);
    errno = UNTOUCHED;
    stage.result = stage.call();
    stage.error = errno;
    stage.ended = true;
    return 0;
}

static void *stage_main(void *unused)
{
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &usual, NULL);
    if (!stage.in_fiber)
        call_on_stage(NULL);
    else
        must(weft_run(call_on_stage, NULL) == 0, "the fiber ran");
    return unused;
}

static void breathe(void)
{
    struct timespec moment = { .tv_nsec = 100000 };
    syscall(SYS_nanosleep, &moment, NULL);
}

static bool is_asleep(pid_t thread)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long size = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    const char *state = size > 0 ? strrchr(text, ')') : NULL;
    return state && state[2] == 'S';
}

/* Asleep in its call, or through with it. */
static void await_rest(void)
{
    while (!stage.ended && (stage.thread == 0 || !is_asleep(stage.thread)))
        breathe();
}

struct answer {
    bool ended_by_handler;
    long result;
    int error;
    int handled;
};

static void clean(void)
{
    if (place.stream)
        fclose(place.stream);
    else if (place.fd > 0)
        close(place.fd);
    if (place.peer > 0)
        close(place.peer);
    if (place.child > 0)
        waitpid(place.child, NULL, 0);
    if (place.path[0])
        unlink(place.path);
    memset(&place, 0, sizeof place);
}

static struct answer perform(size_t i, bool in_fiber, int flags)
{
    pthread_t thread;
    struct answer answer;
    install(SIGUSR1, flags);
    if (calls[i].prepare)
        calls[i].prepare();
    handled = 0;
    stage.call = calls[i].call;
    stage.in_fiber = in_fiber;
    stage.thread = 0;
    stage.ended = false;
    must(pthread_create(&thread, NULL, stage_main, NULL) == 0, "a thread");
    await_rest();
    must(!stage.ended, "%s waits", calls[i].name);
    syscall(SYS_tgkill, getpid(), stage.thread, SIGUSR1);
    while (!handled)
        breathe();
    await_rest();
    answer.ended_by_handler = stage.ended;
    if (!stage.ended) {
        must(calls[i].finish, "%s goes on, though it cannot", calls[i].name);
        calls[i].finish();
    }
    pthread_join(thread, NULL);
    answer.result = stage.result;
    answer.error = stage.error;
    answer.handled = handled;
    clean();
    return answer;
}

int main(void)
{
#if defined(__SANITIZE_THREAD__)
    skip_all("ThreadSanitizer installs handlers of its own past the hooks");
#endif
    sigset_t usual;
    sigemptyset(&usual);
    sigaddset(&usual, SIGUSR1);
    sigaddset(&usual, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &usual, NULL);
    for (size_t i = 0; i < COUNT(calls); i++)
        for (int restarts = 0; restarts < 2; restarts++) {
            int flags = restarts ? SA_RESTART : 0;
            struct answer bare = perform(i, false, flags);
            struct answer hooked = perform(i, true, flags);
            ok(hooked.ended_by_handler == bare.ended_by_handler && hooked.result == bare.result &&
                   hooked.error == bare.error && hooked.handled == 1 && bare.handled == 1,
               "%s%s: %s with %ld (%d), as in a thread: %s with %ld (%d)", calls[i].name,
               restarts ? ", SA_RESTART" : "", hooked.ended_by_handler ? "ended" : "went on",
               hooked.result, hooked.error, bare.ended_by_handler ? "ended" : "went on",
               bare.result, bare.error);
        }
    return done_testing();
}
