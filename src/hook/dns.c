/* getaddrinfo and getnameinfo: the real ones. What needs no look-up is answered in place. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hook/lookup.h"

/* A cancelled look-up in the resolver's way of failing. */
static int system_error(int error)
{
    errno = -error;
    return error == -ENOMEM ? EAI_MEMORY : EAI_SYSTEM;
}

/* --- getaddrinfo */

struct forward {
    struct weft__lookup_job job;
    char *node;
    char *service;
    struct addrinfo hints;
    struct addrinfo *result;
    bool has_hints;
    int status;
};

static void forward_perform(struct weft__lookup_job *job)
{
    struct forward *forward = weft__container_of(job, struct forward, job);
    forward->status =
        WEFT__REAL(getaddrinfo)(forward->node, forward->service,
                                forward->has_hints ? &forward->hints : NULL, &forward->result);
}

static void forward_dispose(struct weft__lookup_job *job)
{
    struct forward *forward = weft__container_of(job, struct forward, job);
    if (forward->result)
        freeaddrinfo(forward->result);
    free(forward->node);
    free(forward->service);
    weft__free(forward);
}

static struct forward *forward_new(const char *node, const char *service,
                                   const struct addrinfo *hints)
{
    struct forward *forward = weft__calloc(1, sizeof *forward);
    if (!forward)
        return NULL;
    forward->job.perform = forward_perform;
    forward->job.dispose = forward_dispose;
    forward->node = node ? strdup(node) : NULL;
    forward->service = service ? strdup(service) : NULL;
    if (hints) {
        forward->hints = *hints;
        forward->has_hints = true;
    }
    if ((node && !forward->node) || (service && !forward->service)) {
        forward_dispose(&forward->job);
        return NULL;
    }
    return forward;
}

static bool is_number(const char *text)
{
    while (isdigit((unsigned char)*text))
        text++;
    return *text == '\0';
}

static bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool needs_no_lookup(const char *node, const char *service, const struct addrinfo *hints)
{
    int flags = hints ? hints->ai_flags : 0;
    bool node_known =
        !node || flags & AI_NUMERICHOST || (is_address(node) && !(flags & AI_CANONNAME));
    bool service_known = !service || flags & AI_NUMERICSERV || is_number(service);
    return node_known && service_known;
}

int weft__hook_getaddrinfo(struct weft__fiber *self, const char *node, const char *service,
                           const struct addrinfo *hints, struct addrinfo **result)
{
    if (needs_no_lookup(node, service, hints)) {
        weft__spend(self);
        return WEFT__REAL(getaddrinfo)(node, service, hints, result);
    }
    struct forward *forward = forward_new(node, service, hints);
    int error = forward ? weft__lookup(self, &forward->job) : -ENOMEM;
    if (error)
        return system_error(error);
    int status = forward->status;
    if (status == 0) {
        *result = forward->result;
        forward->result = NULL;
    } else if (status == EAI_SYSTEM) {
        errno = forward->job.error;
    }
    forward_dispose(&forward->job);
    return status;
}

/* --- getnameinfo */

struct reverse {
    struct weft__lookup_job job;
    struct sockaddr_storage address;
    socklen_t length;
    int flags;
    int status;
    bool wants_host;
    bool wants_service;
    socklen_t host_size;
    socklen_t service_size;
    char host[NI_MAXHOST];
    char service[NI_MAXSERV];
};

static void reverse_perform(struct weft__lookup_job *job)
{
    struct reverse *reverse = weft__container_of(job, struct reverse, job);
    reverse->status = WEFT__REAL(getnameinfo)(
        (struct sockaddr *)&reverse->address, reverse->length,
        reverse->wants_host ? reverse->host : NULL, reverse->host_size,
        reverse->wants_service ? reverse->service : NULL, reverse->service_size, reverse->flags);
}

static void reverse_dispose(struct weft__lookup_job *job)
{
    weft__free(weft__container_of(job, struct reverse, job));
}

static socklen_t at_most(socklen_t size, size_t limit)
{
    return size < limit ? size : (socklen_t)limit;
}

int weft__hook_getnameinfo(struct weft__fiber *self, const struct sockaddr *address,
                           socklen_t length, char *host, socklen_t host_size, char *service,
                           socklen_t service_size, int flags)
{
    bool host_known = !host || host_size == 0 || flags & NI_NUMERICHOST;
    bool service_known = !service || service_size == 0 || flags & NI_NUMERICSERV;
    if ((host_known && service_known) || length > sizeof(struct sockaddr_storage)) {
        weft__spend(self);
        return WEFT__REAL(getnameinfo)(address, length, host, host_size, service, service_size,
                                       flags);
    }
    struct reverse *reverse = weft__calloc(1, sizeof *reverse);
    if (!reverse)
        return system_error(-ENOMEM);
    reverse->job =
        (struct weft__lookup_job){ .perform = reverse_perform, .dispose = reverse_dispose };
    memcpy(&reverse->address, address, length);
    reverse->length = length;
    reverse->flags = flags;
    reverse->wants_host = host;
    reverse->wants_service = service;
    reverse->host_size = at_most(host_size, sizeof reverse->host);
    reverse->service_size = at_most(service_size, sizeof reverse->service);
    int error = weft__lookup(self, &reverse->job);
    if (error)
        return system_error(error);
    int status = reverse->status;
    if (status == 0 && host && host_size)
        memcpy(host, reverse->host, strlen(reverse->host) + 1);
    if (status == 0 && service && service_size)
        memcpy(service, reverse->service, strlen(reverse->service) + 1);
    if (status == EAI_SYSTEM)
        errno = reverse->job.error;
    weft__free(reverse);
    return status;
}
