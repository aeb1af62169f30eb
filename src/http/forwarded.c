/* What proxies that are trusted say of their clients. */
#include <string.h>

#include <weft/error.h>
#include <weft/http/guard.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "http/address.h"
#include "http/headers.h"
#include "http/memory.h"
#include "http/middleware.h"
#include "proto/forwarded.h"

enum {
    HOPS = 32, /* addresses that are looked at, from the nearest */
};

struct forwarded {
    struct weft__middleware base;
    struct weft__network *proxies;
    size_t count;
    bool standard;
};

/* The elements of a list in all its lines: the nearest proxies', the last HOPS of them. */
struct hops {
    struct weft__slice list[HOPS];
    size_t count; /* ever; the newest stands at (count - 1) % HOPS */
};

static void gather(const struct weft_http_headers *headers, const char *name, struct hops *hops)
{
    for (size_t i = 0; i < headers->count; i++) {
        struct weft__slice rest = weft__field_value(&headers->fields[i]);
        struct weft__slice element;
        if (!weft__slice_is_case(weft__field_name(&headers->fields[i]), name)) {
            continue;
        }
        while (weft__slice_list(&rest, &element)) {
            hops->list[hops->count++ % HOPS] = element;
        }
    }
}

/* What a proxy wrote of the one before it. 0; -1: it can't be told. */
static int read_hop(const struct forwarded *self, struct weft__slice element,
                    struct weft__address *address)
{
    struct weft__slice node = element;
    if (self->standard && !weft__forwarded_find(element, "for", &node)) {
        return -1;
    }
    if (weft__address_parse(node, address) < 0 || address->family == WEFT__FAMILY_UNIX) {
        return -1;
    }
    return 0;
}

static void walk(const struct forwarded *self, const struct hops *hops,
                 struct weft__address *address)
{
    size_t known = hops->count < HOPS ? hops->count : HOPS;
    for (size_t i = 0; i < known; i++) {
        struct weft__slice element = hops->list[(hops->count - 1 - i) % HOPS];
        struct weft__address before;
        if (!weft__networks_have(self->proxies, self->count, address) ||
            read_hop(self, element, &before) < 0) {
            return;
        }
        *address = before;
    }
}

/* "http" or "https", as the nearest proxy says. */
static void take_scheme(const struct forwarded *self, struct weft_http_request *request,
                        const struct hops *hops)
{
    struct hops schemes = { .count = 0 };
    struct weft__slice scheme = { NULL, 0 };
    if (self->standard) {
        struct weft__slice last =
            hops->count ? hops->list[(hops->count - 1) % HOPS] : weft__slice(NULL, 0);
        if (!weft__forwarded_find(last, "proto", &scheme)) {
            return;
        }
    } else {
        gather(&request->headers, "x-forwarded-proto", &schemes);
        if (schemes.count == 0) {
            return;
        }
        scheme = schemes.list[(schemes.count - 1) % HOPS];
    }
    if (weft__slice_is_case(scheme, "https")) {
        request->scheme = "https";
    } else if (weft__slice_is_case(scheme, "http")) {
        request->scheme = "http";
    }
}

static void forget(struct weft_http_headers *headers)
{
    static const char *const NAMES[] = { "forwarded", "x-forwarded-for", "x-forwarded-proto",
                                         "x-forwarded-host", "x-real-ip" };
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
        weft_http_headers_remove(headers, NAMES[i]);
    }
}

static int believe(const struct forwarded *self, struct weft_http_request *request)
{
    struct weft__address address;
    char text[WEFT__ADDRESS_TEXT];
    const char *peer = weft_http_request_peer(request);
    if (!peer) {
        return -1;
    }
    if (weft__address_parse(weft__slice_string(peer), &address) < 0 ||
        !weft__networks_have(self->proxies, self->count, &address)) {
        forget(&request->headers);
        return 0;
    }
    struct hops hops = { .count = 0 };
    gather(&request->headers, self->standard ? "forwarded" : "x-forwarded-for", &hops);
    walk(self, &hops, &address);
    take_scheme(self, request, &hops);
    weft__address_format(&address, text);
    const char *copy = weft__memory_copy(request->memory, text, strlen(text));
    request->peer_ = copy ? copy : request->peer_;
    return copy ? 0 : -1;
}

static int call(struct weft__middleware *base, struct weft_http_request *request,
                struct weft_http_response *response)
{
    if (believe((struct forwarded *)base, request) < 0) {
        return -1;
    }
    return weft_http_call(base->handler.next, request, response);
}

static void fini(struct weft__middleware *base)
{
    weft__free(((struct forwarded *)base)->proxies);
}

static const struct weft__middleware_kind KIND = { sizeof(struct forwarded), call, fini };

struct weft_http_handler *weft_http_forwarded_new(const struct weft_http_forwarded_options *options,
                                                  struct weft_http_handler *next)
{
    struct forwarded *self = weft__middleware_new(&KIND, next);
    if (!self) {
        return NULL;
    }
    self->standard = options->standard;
    self->count = options->proxy_count;
    self->proxies = weft__networks_new(options->proxies, options->proxy_count);
    if (!self->proxies || self->count == 0) {
        int error = errno;
        weft_http_middleware_free(&self->base.handler);
        errno = error;
        if (options->proxy_count == 0) {
            weft_error_set("http", EINVAL, EINVAL, "believing proxies: none is listed");
        }
        return NULL;
    }
    return &self->base.handler;
}
