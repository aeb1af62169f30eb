/* weft_container_run() as a program of one's own uses it, without HTTP. */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <weft/container.h>
#include <weft/weft.h>

#include "tap.h"

/* What workers leave for the parent to look at. */
static struct shared {
    atomic_int loaded;
    atomic_int works;
    atomic_int stopped;
    atomic_int wrong;
    atomic_int numbers[16];
} * shared;

static const char *why(void)
{
    return weft_error() ? weft_error()->message : "(no detail)";
}

static void forget(void)
{
    memset((void *)shared, 0, sizeof(*shared));
    weft_error_clear();
}

static void wrong_if(bool condition)
{
    if (condition) {
        atomic_fetch_add(&shared->wrong, 1);
    }
}

/* The last worker to become ready ends the container. */
static int work_and_end(struct weft_worker *worker, void *context)
{
    int all = *(int *)context;
    unsigned number = weft_worker_number(worker);
    wrong_if(number >= 16 || !weft_running() || weft_worker_stopping(worker));
    atomic_fetch_add(&shared->numbers[number % 16], 1);
    weft_worker_ready(worker);
    weft_worker_ready(worker); /* once is enough, twice does no harm */
    if (atomic_fetch_add(&shared->works, 1) + 1 == all) {
        kill(getppid(), SIGTERM);
    }
    wrong_if(weft_worker_wait(worker) != 0 || !weft_worker_stopping(worker));
    wrong_if(weft_worker_wait(worker) != 0);
    atomic_fetch_add(&shared->stopped, 1);
    return 0;
}

static int count_loads(void *context)
{
    (void)context;
    atomic_fetch_add(&shared->loaded, 1);
    return 0;
}

static void check_refused(struct weft_container_options options, const char *what)
{
    weft_error_clear();
    ok(weft_container_run(&options) < 0 && errno == EINVAL && strncmp(why(), "making", 6) == 0,
       "refused: %s", what);
    diag("%s", why());
}

static void check_options(void)
{
    struct weft_container_options good = { .work = work_and_end };
    struct weft_container_options options = { 0 };
    check_refused(options, "no work");
    options = good;
    options.processes = WEFT_CONTAINER_PROCESSES_MAX + 1;
    check_refused(options, "257 processes");
    options = good;
    options.threads = WEFT_CONTAINER_THREADS_MAX + 1;
    check_refused(options, "65 threads");
    options = good;
    options.processes = 17;
    options.threads = 64;
    check_refused(options, "1,088 loops");
    options = good;
    options.address_count = WEFT_CONTAINER_LISTENERS_MAX + 1;
    check_refused(options, "17 addresses");
    options = good;
    options.grace = -1;
    check_refused(options, "a negative time");
    options = good;
    options.health_timeout = 99 * WEFT_MILLISECOND;
    check_refused(options, "a health_timeout below 100 ms");
    options = good;
    options.failures = 1024;
    check_refused(options, "too many failures to remember");
    const char *address = "nonsense";
    options = good;
    options.addresses = &address;
    options.address_count = 1;
    ok(weft_container_run(&options) < 0 && errno == EINVAL && strstr(why(), "nonsense"),
       "refused: an address that is none");
}

static int run_inside(void *argument)
{
    (void)argument;
    struct weft_container_options options = { .work = work_and_end };
    return weft_container_run(&options) < 0 && errno == EPERM ? 7 : 8;
}

static void check_kind(unsigned processes, unsigned threads, bool preload)
{
    forget();
    int all = (int)(processes * threads);
    struct weft_container_options options = {
        .work = work_and_end,
        .load = count_loads,
        .preload = preload,
        .context = &all,
        .processes = processes,
        .threads = threads,
    };
    int result = weft_container_run(&options);
    ok(result == 0 && shared->works == all && shared->stopped == all && shared->wrong == 0,
       "%u processes of %u loops work and end", processes, threads);
    bool each = true;
    for (int i = 0; i < all; i++) {
        each = each && shared->numbers[i] == 1;
    }
    ok(each, "    each with a number of its own");
    is_int(shared->loaded, preload ? 1 : (int)processes, "    loaded %s",
           preload ? "once, in the parent" : "in each process");
}

/* The program that calls is as it was: its signals, its children, its descriptors. */
static void check_surroundings(void)
{
    forget();
    sigset_t before;
    sigset_t after;
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction now;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    pid_t own = fork();
    if (own == 0) {
        _exit(3);
    }
    sigaction(SIGHUP, &ignore, NULL);
    int lowest = dup(0);
    close(lowest);
    int all = 2;
    struct weft_container_options options = {
        .work = work_and_end, .context = &all, .processes = 2, .inspect = true
    };
    is_int(weft_container_run(&options), 0, "a container in a program that has a life of its own");
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    bool same = true;
    for (int number = 1; number <= SIGRTMAX; number++) {
        same = same && sigismember(&before, number) == sigismember(&after, number);
    }
    ok(same, "the mask of signals is as before");
    sigaction(SIGCHLD, NULL, &now);
    ok(now.sa_handler == SIG_DFL, "and SIGCHLD");
    sigaction(SIGHUP, NULL, &now);
    ok(now.sa_handler == SIG_IGN, "and SIGHUP");
    signal(SIGHUP, SIG_DFL);
    int status = 0;
    ok(waitpid(own, &status, 0) == own && WEXITSTATUS(status) == 3,
       "a child of the program is the program's to wait for");
    ok(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD, "no other child is left");
    int again = dup(0);
    is_int(again, lowest, "no descriptor is left");
    close(again);
}

static int compute(void *argument)
{
    return *(int *)argument + 1;
}

static int use_everything(void *argument)
{
    int number = 41;
    (void)argument;
    weft_sleep(WEFT_MILLISECOND);
    return weft_offload(compute, &number);
}

/* The parent has had a runtime, with its watchdog and its threads for computation. */
static void check_fork_safety(void)
{
    forget();
    must(weft_run(use_everything, NULL) == 42, "a runtime before");
    int all = 2;
    struct weft_container_options options = { .work = work_and_end,
                                              .context = &all,
                                              .processes = 2 };
    is_int(weft_container_run(&options), 0, "workers run where the parent has had a runtime");
    is_int(shared->stopped, 2, "both of them");
    is_int(weft_run(use_everything, NULL), 42, "and the parent may have one again");
}

static int give_up(struct weft_worker *worker, void *context)
{
    (void)worker, (void)context;
    return weft_error_set("test", EPROTO, EPROTO, "the cat\nsits on it");
}

static int end_unasked(struct weft_worker *worker, void *context)
{
    (void)context;
    weft_worker_ready(worker);
    return 0;
}

static int fail_to_load(void *context)
{
    (void)context;
    errno = ENOLINK;
    return -1;
}

static void check_failures(void)
{
    forget();
    struct weft_container_options options = { .work = give_up, .processes = 2 };
    ok(weft_container_run(&options) < 0 && errno == EPROTO, "a worker that can't start");
    is_str(why(), "the cat sits on it", "tells why, on one line");
    forget();
    options = (struct weft_container_options){ .work = end_unasked, .processes = 1, .failures = 1 };
    ok(weft_container_run(&options) < 0 && errno == ENOTRECOVERABLE &&
           strstr(why(), "2 failures within 60 s, 1 are borne") &&
           strstr(why(), "ended by itself with status 0"),
       "workers that end unasked are failures");
    diag("%s", why());
    for (int preload = 0; preload < 2; preload++) {
        forget();
        options = (struct weft_container_options){
            .work = work_and_end, .load = fail_to_load, .preload = preload, .processes = 2
        };
        ok(weft_container_run(&options) < 0 && errno == ENOLINK, "what can't be loaded%s",
           preload ? " in the parent" : "");
    }
}

/* A worker that has a listener, and asks wrongly for others. */
static int take_listener(struct weft_worker *worker, void *context)
{
    wrong_if(weft_worker_listeners(worker) != 1);
    wrong_if(weft_worker_listener(worker, 1) != -1 || errno != EINVAL);
    wrong_if(weft_worker_grace(worker) != 3 * WEFT_SECOND);
    int fd = weft_worker_listener(worker, 0);
    int listens = 0;
    socklen_t size = sizeof(listens);
    wrong_if(fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens);
    close(fd);
    wrong_if(weft_worker_crowded(worker, 1000000));
    return work_and_end(worker, context);
}

static void check_listener(void)
{
    forget();
    int all = 1;
    const char *address = "127.0.0.1:0";
    struct weft_container_options options = { .work = take_listener,
                                              .context = &all,
                                              .addresses = &address,
                                              .address_count = 1,
                                              .processes = 1,
                                              .grace = 3 * WEFT_SECOND };
    ok(weft_container_run(&options) == 0 && shared->wrong == 0, "a worker's listener");
}

int main(void)
{
    alarm(120);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(shared != MAP_FAILED, "shared memory");
    check_options();
    is_int(weft_run(run_inside, NULL), 7, "inside a fiber it does not run");
    check_kind(1, 1, false);
    check_kind(3, 1, false);
    check_kind(1, 3, false);
    check_kind(2, 2, true);
    check_surroundings();
    check_fork_safety();
    check_failures();
    check_listener();
    return done_testing();
}
