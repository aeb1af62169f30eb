/* The child of a fork has no loop: it runs on, hook-free, and never touches the parent's. */
#include <pthread.h>

#include "fiber/doctor.h"
#include "fiber/fiber.h"
#include "fiber/inspect.h"
#include "loop/private.h"
#include "loop/registry.h"

static void in_child(void)
{
    struct weft__runtime *runtime = weft__runtime_current;
    weft__offload_reset();
    weft__watchdog_reset();
    weft__doctor_reset();
    weft__inspect_reset();
    weft__registry_reset();
    weft__private_reset();
    if (!runtime)
        return;
    weft__inspect_abandon(runtime);
    weft__interrupts_abandon(runtime);
    weft__loop_abandon(&runtime->loop);
    weft__current = NULL;
    weft__runtime_current = NULL;
}

static void install(void)
{
    pthread_atfork(NULL, NULL, in_child);
}

void weft__fork_install(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
}
