#include "service.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <weft/weft.h>

struct life {
    const struct service *service;
    struct weft_http_server *server;
    int signals; /* a signalfd */
};

static int heed_signals(void *argument)
{
    const struct life *life = argument;
    struct signalfd_siginfo info;
    while (read(life->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        weft_http_server_stop(life->server);
    }
    return -1;
}

struct background {
    int (*function)(void *context);
    void *context;
};

static int run_background(void *argument)
{
    const struct background *background = argument;
    return background->function(background->context);
}

static int serve(void *argument)
{
    const struct life *life = argument;
    const struct service *service = life->service;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "service", .keep_going = true };
    if (!weft_go_transient(&scope, heed_signals, *life)) {
        return -1;
    }
    struct background background = { service->background, service->context };
    if (service->background && !weft_go_transient(&scope, run_background, background)) {
        return -1;
    }
    return weft_http_server_run(life->server);
}

/* A conversation takes several descriptors, and the usual soft limit is 1,024. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int complain(const struct service *service)
{
    const struct weft_error *error = weft_error();
    fprintf(stderr, "%s: %s\n", service->name, error ? error->message : strerror(errno));
    return 1;
}

static void greet(const struct life *life)
{
    const char *format = life->service->greeting;
    const char *gap = strstr(format, "%d");
    printf("%.*s%d%s\n", (int)(gap - format), format, weft_http_server_port(life->server), gap + 2);
    fflush(stdout);
}

int service_run(const struct service *service)
{
    raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &both, NULL);
    struct life life = { service, weft_http_server_new(&service->options), -1 };
    if (!life.server) {
        return complain(service);
    }
    life.signals = signalfd(-1, &both, SFD_CLOEXEC);
    int status = 0;
    if (life.signals < 0) {
        status = complain(service);
    } else {
        greet(&life);
        status = weft_run(serve, &life) < 0 ? complain(service) : 0;
        close(life.signals);
    }
    weft_http_server_free(life.server);
    return status;
}

bool service_number(const char *option, const char *text, double least, double most, double *value)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || isnan(number) || number < least || number > most) {
        fprintf(stderr, "%s wants a number from %g to %g, not '%s'\n", option, least, most, text);
        return false;
    }
    *value = number;
    return true;
}
