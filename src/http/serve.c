/* A server as a whole program: until SIGINT or SIGTERM. */
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/http/server.h>
#include <weft/run.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "base/fail.h"

struct service {
    struct weft_http_server *server;
    int signals; /* a signalfd */
};

/* The first signal asks for a graceful end, the second cuts it short. */
static int heed_signals(void *argument)
{
    const struct service *service = argument;
    for (;;) {
        struct pollfd wait = { .fd = service->signals, .events = POLLIN };
        if (poll(&wait, 1, -1) < 0 && errno != EINTR) {
            return -1;
        }
        struct signalfd_siginfo info;
        if (read(service->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
            weft_log(WEFT_LOG_INFO, "http: signal %u: the server ends", info.ssi_signo);
            weft_http_server_stop(service->server);
        }
    }
}

static int run_until_signal(void *argument)
{
    const struct service *service = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "signals", .reap = true };
    if (!weft_go_transient(&scope, heed_signals, *service)) {
        return -1;
    }
    return weft_http_server_run(service->server);
}

static int serve(struct weft_http_server *server)
{
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    int error = pthread_sigmask(SIG_BLOCK, &both, NULL);
    if (error) {
        return weft__fail(error);
    }
    struct service service = { server, signalfd(-1, &both, SFD_CLOEXEC | SFD_NONBLOCK) };
    int result = -1;
    if (service.signals >= 0) {
        result = weft_run(run_until_signal, &service);
        error = errno;
        close(service.signals);
        errno = error;
    }
    return result;
}

int weft_http_serve(const struct weft_http_options *options)
{
    struct weft_http_server *server = weft_http_server_new(options);
    if (!server) {
        return -1;
    }
    int result = serve(server);
    int error = errno;
    weft_http_server_free(server);
    return result < 0 ? weft__fail(error) : result;
}
