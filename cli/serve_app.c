/* The shared object of an application. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <weft/weft.h>

#include "serve.h"

/* The first struct weft_app had so many bytes; one that is longer has what we don't know. */
static bool is_usable(const struct weft_app *app, const char *path)
{
    if (app->size != sizeof(*app))
        weft_error_set("serve", ENOEXEC, ENOEXEC,
                       "%s was built for another version of Weft: build it again (WEFT_APP() says "
                       "%zu bytes, this weft %zu)",
                       path, app->size, sizeof(*app));
    else if (!app->handler)
        weft_error_set("serve", ENOEXEC, ENOEXEC,
                       "%s has no handler (write WEFT_APP(.handler = &handler);)", path);
    else
        return true;
    return false;
}

const struct weft_app *serve_load_app(const char *path)
{
    char absolute[PATH_MAX];
    if (!realpath(path, absolute)) { /* without a slash dlopen() would search elsewhere */
        weft_error_set("serve", errno, errno, "%s: %s", path, strerror(errno));
        return NULL;
    }
    void *object = dlopen(absolute, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        weft_error_set("serve", ENOEXEC, ENOEXEC, "%s (build it with -fPIC -shared)", dlerror());
        return NULL;
    }
    const struct weft_app *app = dlsym(object, "weft_app");
    if (!app) {
        weft_error_set("serve", ENOEXEC, ENOEXEC,
                       "%s has no symbol 'weft_app' (write WEFT_APP(.handler = &handler); and "
                       "build it with -fPIC -shared; see examples/serve_hello.c)",
                       path);
        dlclose(object);
        return NULL;
    }
    return is_usable(app, path) ? app : NULL;
}
