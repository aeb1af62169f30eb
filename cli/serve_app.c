/* The shared object of an application. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/*
 * The loader takes an object whose name it knows for the one it has, without a look at the file.
 * In a parent that preloads, a file that was built anew gets another spelling of its name.
 */
static bool spell(const char *path, char spelled[PATH_MAX])
{
    static struct stat before;
    static size_t builds;
    char absolute[PATH_MAX]; /* without a slash dlopen() would search elsewhere */
    struct stat status;
    if (stat(path, &status) < 0 || !realpath(path, absolute))
        return false;
    builds += before.st_ino && (status.st_ino != before.st_ino || status.st_dev != before.st_dev);
    before = status;
    size_t length = strlen(absolute);
    if (length + 2 * builds >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (size_t i = 0; i < builds; i++)
        memcpy(spelled + 2 * i, "/.", 2);
    memcpy(spelled + 2 * builds, absolute, length + 1);
    return true;
}

const struct weft_app *serve_load_app(const char *path)
{
    char absolute[PATH_MAX];
    if (!spell(path, absolute)) {
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
