/* Plugins are hooked whatever dlopen() is told, but by RTLD_DEEPBIND: plugins LIBRARY. */
#include "hook.h"

#include <dlfcn.h>

static long (*plugin_read)(int fd);

static bool parks(const char *path, int flags)
{
    void *library = dlopen(path, flags);
    must(library, "dlopen: %s", dlerror());
    plugin_read = (long (*)(int))(uintptr_t)dlsym(library, "plugin_read");
    int (*plugin_host)(void) = (int (*)(void))(uintptr_t)dlsym(library, "plugin_host");
    must(plugin_read && plugin_host, "its functions");
    is_int(plugin_host(), 0, "a look-up in it");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    int pair[2];
    must(pipe(pair) == 0, "a pipe");
    struct trial trial = { .call = plugin_read, .fd = pair[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    must(write(pair[1], "plug", 4) == 4, "bytes");
    trial_join(task);
    is_int(trial.result, 4, "it reads them");
    close(pair[0]);
    close(pair[1]);
    dlclose(library);
    return parked;
}

/* With RTLD_DEEPBIND a library sees what it was linked with before everybody else: the C library.
 */
static long deep_read;

static void *feed(void *argument)
{
    usleep(20000);
    (void)!write(*(int *)argument, "deep", 4);
    return NULL;
}

static bool holds_thread(const char *path)
{
    int pair[2];
    pthread_t thread;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    must(library, "dlopen: %s", dlerror());
    plugin_read = (long (*)(int))(uintptr_t)dlsym(library, "plugin_read");
    must(plugin_read && pipe(pair) == 0, "a pipe");
    must(pthread_create(&thread, NULL, feed, &pair[1]) == 0, "a thread");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct trial trial = { .call = plugin_read, .fd = pair[0] };
    struct weft_task *task = trial_start(&scope, &trial);
    bool held = trial.ended; /* weft_go() came back only after the bytes had */
    trial_join(task);
    deep_read = trial.result;
    pthread_join(thread, NULL);
    close(pair[0]);
    close(pair[1]);
    dlclose(library);
    return held;
}

static int root(void *argument)
{
    const char *path = argument;
    ok(parks(path, RTLD_NOW | RTLD_LOCAL), "RTLD_LOCAL: a plugin parks");
    ok(parks(path, RTLD_LAZY | RTLD_GLOBAL), "RTLD_GLOBAL, bound late: it parks");
#if !defined(__SANITIZE_ADDRESS__) /* which refuses the flag */
    ok(holds_thread(path), "RTLD_DEEPBIND: it goes past the hooks, and holds the thread");
    is_int(deep_read, 4, "and works");
#else
    (void)holds_thread;
#endif
    return 0;
}

int main(int argc, char **argv)
{
    must(argc == 2, "the plugin is the argument");
    must(weft_run(root, argv[1]) == 0, "run");
    return done_testing();
}
