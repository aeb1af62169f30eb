/*
 * An application for `weft serve`: a shared object that exports `weft_app`.
 *
 *     static int hello(struct weft_http_handler *handler, struct weft_http_request *request,
 *                      struct weft_http_response *response)
 *     {
 *         return weft_http_response_text(response, 200, "Hello, world!\n");
 *     }
 *     static struct weft_http_handler handler = { .call = hello };
 *     WEFT_APP(.handler = &handler);
 *
 *     cc -shared -fPIC hello.c -o hello.so $(pkg-config --cflags --libs weft-http)
 *     weft serve ./hello.so
 */
#ifndef WEFT_APP_H
#define WEFT_APP_H

#include <weft/base.h>
#include <weft/http.h>
#include <weft/scope.h>

WEFT_BEGIN_DECLS

/**
 * What an application is. Zeroed but for `size`, which WEFT_APP() sets, and `handler`.
 *
 * Every loop of every worker runs the same handler: what it keeps in memory is a process's own, and
 * with several threads theirs together.
 */
struct weft_app {
    size_t size;                          /**< sizeof(struct weft_app) of when it was compiled */
    const char *name;                     /**< in titles and `weft top`; NULL: of the file */
    struct weft_http_handler *handler;    /**< answers the requests; its `call` may be set as late
                                               as in `start` */
    const struct weft_http_options *http; /**< limits and time limits; NULL: the defaults. Address,
                                               TLS and grace are the command's */

    /** Once in each process, before its loops and outside any runtime; with --preload once in the
        parent, for every generation. 0; -1 and errno, with weft_error(): the worker can't serve. */
    int (*load)(void);

    /** In each loop, in a fiber, before it serves. Transient tasks started in the scope run beside
        the requests. 0; -1 and errno, with weft_error(): the worker can't serve. */
    int (*start)(struct weft_scope *scope);

    /** In each loop that `start` went well in, after its last response. */
    void (*stop)(void);
};

/** The application of a shared object. */
extern WEFT_API const struct weft_app weft_app;

/** Define the application, by the fields of struct weft_app: `WEFT_APP(.handler = &handler);` */
#define WEFT_APP(...)                                                                              \
    const struct weft_app weft_app = { .size = sizeof(struct weft_app), __VA_ARGS__ }

WEFT_END_DECLS

#endif
