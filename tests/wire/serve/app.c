/*
 * An application that misbehaves on request: what `weft serve` has to cope with.
 *
 * APP_START says what becomes of a worker that starts: "fail", "crash", "hang", or "file:PATH": it
 * fails once there is such a file. APP_ANSWER is what GET / answers.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <weft/app.h>
#include <weft/weft.h>

static int number(struct weft_http_request *request, const char *name, int usual)
{
    const char *text = weft_http_request_query(request, name);
    return text ? atoi(text) : usual;
}

static int hello(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler, (void)request;
    const char *answer = getenv("APP_ANSWER");
    return weft_http_response_text(response, 200, "%s\n", answer ? answer : "hello");
}

static int who(struct weft_http_handler *handler, struct weft_http_request *request,
               struct weft_http_response *response)
{
    (void)handler, (void)request;
    return weft_http_response_text(response, 200, "%d %ld\n", (int)getpid(),
                                   (long)syscall(SYS_gettid));
}

static int take_time(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    return weft_sleep(number(request, "ms", 100) * WEFT_MILLISECOND) < 0
               ? -1
               : weft_http_response_text(response, 200, "slept\n");
}

struct count {
    int from;
    int pause;
};

static int count_down(struct weft_http_stream *stream, void *context)
{
    struct count *count = context;
    for (; count->from > 0; count->from--) {
        if (weft_http_stream_printf(stream, "%d\n", count->from) < 0 ||
            weft_sleep(count->pause * WEFT_MILLISECOND) < 0) {
            return -1;
        }
    }
    return weft_http_stream_printf(stream, "done\n");
}

static int stream(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    (void)handler;
    struct count count = { number(request, "n", 10), number(request, "ms", 100) };
    return weft_http_response_stream(response, 200, "text/plain", count_down, &count,
                                     sizeof(count));
}

__attribute__((noinline)) static void spin_for_ever(void)
{
    for (volatile unsigned turns = 0;; turns++) {
    }
}

static int spin(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler, (void)request;
    weft_annotate("spinner");
    spin_for_ever();
    return weft_http_response_text(response, 200, "never\n");
}

/* Sleeps past every hook. */
static int block(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler, (void)request;
    const struct timespec hour = { 3600, 0 };
    WEFT_BLOCKING();
    nanosleep(&hour, NULL);
    return weft_http_response_text(response, 200, "never\n");
}

static int crash(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler, (void)request, (void)response;
    return raise(SIGKILL);
}

static int leave(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    (void)handler, (void)request, (void)response;
    _exit(7);
}

static int leak(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler;
    static char *volatile kept;
    size_t size = (size_t)number(request, "mib", 1) << 20;
    char *memory = malloc(size);
    if (!memory) {
        return -1;
    }
    memset(memory, 1, size);
    memcpy(memory, &(char *){ kept }, sizeof(kept)); /* a chain: still reachable */
    kept = memory;
    return weft_http_response_text(response, 200, "%d\n", (int)getpid());
}

static struct weft_http_route routes[] = {
    { "GET", "/", { .call = hello } },          { "GET", "/who", { .call = who } },
    { "GET", "/sleep", { .call = take_time } }, { "GET", "/stream", { .call = stream } },
    { "GET", "/spin", { .call = spin } },       { "GET", "/block", { .call = block } },
    { "GET", "/crash", { .call = crash } },     { "GET", "/exit", { .call = leave } },
    { "GET", "/leak", { .call = leak } },
};

static struct weft_http_router router;

static int load(void)
{
    const char *wanted = getenv("APP_START");
    if (wanted && strcmp(wanted, "fail") == 0) {
        return weft_error_set("app", ECONNREFUSED, ECONNREFUSED, "the app's database is not there");
    }
    if (wanted && strcmp(wanted, "crash") == 0) {
        raise(SIGKILL);
    }
    if (wanted && strcmp(wanted, "hang") == 0) {
        spin_for_ever();
    }
    if (wanted && strncmp(wanted, "file:", 5) == 0 && access(wanted + 5, F_OK) == 0) {
        return weft_error_set("app", EIO, EIO, "the app was told to fail");
    }
    return weft_http_router_init(&router, routes, sizeof(routes) / sizeof(routes[0]));
}

/* Something of the runtime in the parent, before it forks. */
static int in_parent(void *argument)
{
    (void)argument;
    return weft_sleep(1);
}

static int start(struct weft_scope *scope)
{
    (void)scope;
    return getenv("APP_LATE") ? weft_sleep(atoi(getenv("APP_LATE")) * WEFT_MILLISECOND) : 0;
}

static int load_all(void)
{
    if (getenv("APP_RUN") && weft_run(in_parent, NULL) < 0) {
        return -1;
    }
    return load();
}

WEFT_APP(.handler = &router.handler, .load = load_all, .start = start);
