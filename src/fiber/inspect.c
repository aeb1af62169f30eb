/* Looking into a loop: its figures, and the tree of its tasks. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "context/unwind.h"
#include "fiber/fiber.h"
#include "fiber/held.h"
#include "fiber/inspect.h"

enum {
    FRAMES_MOST = 32,
    INDENT_MOST = 40
};

#define SHORTEST_WINDOW (10 * WEFT_MILLISECOND) /* in which idleness can be told */

static unsigned load_now(const struct weft__runtime *runtime)
{
    const struct weft__load *load = &runtime->load;
    int64_t window = weft__clock() - load->window_start;
    if (load->percent || window < SHORTEST_WINDOW)
        return load->percent;
    return load->idle < window ? (unsigned)((window - load->idle) * 100 / window) : 0;
}

int weft_stats(struct weft_stats *stats)
{
    const struct weft__runtime *runtime = weft__runtime_current;
    if (!runtime)
        return weft__fail_with(EPERM, "weft_stats: no runtime on this thread");
    const size_t *parked = runtime->parked;
    *stats = (struct weft_stats){
        .backend = runtime->loop.backend->name,
        .tasks = runtime->tasks,
        .ready = weft__ready_count(runtime),
        .parked_io = parked[WEFT__WAIT_IO],
        .parked_time = parked[WEFT__WAIT_TIME],
        .parked_sync = parked[WEFT__WAIT_SYNC] + parked[WEFT__WAIT_LOCK] + parked[WEFT__WAIT_JOIN] +
                       parked[WEFT__WAIT_SCOPE] + parked[WEFT__WAIT_SIGNAL],
        .parked_offload = parked[WEFT__WAIT_OFFLOAD],
        .watches = runtime->watches,
        .spawned = runtime->spawned,
        .switches = runtime->switches,
        .polls = runtime->loop.polls,
        .stacks = runtime->stacks.mapped,
        .stack_size = runtime->stacks.slot,
        .load = load_now(runtime),
        .now = weft__now(runtime),
    };
    return 0;
}

static void print_address(FILE *stream, const void *address)
{
    char name[128];
    weft__symbol(address, name, sizeof name);
    fputs(name, stream);
}

bool weft__peer(int fd, char *text, size_t size)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    char host[INET6_ADDRSTRLEN];
    int saved = errno;
    int error = getpeername(fd, (struct sockaddr *)&peer, &length);
    errno = saved;
    if (error < 0)
        return false;
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(text, size, "%s:%u", host, ntohs(v4->sin_port));
    } else if (peer.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(text, size, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else if (peer.ss_family == AF_UNIX) {
        snprintf(text, size, "a unix socket");
    } else {
        return false;
    }
    return true;
}

static void print_peer(FILE *stream, int fd)
{
    char peer[80];
    if (weft__peer(fd, peer, sizeof peer))
        fprintf(stream, " to %s", peer);
}

static void print_holder(FILE *stream, const struct weft__fiber *waiting)
{
    const struct weft__fiber *holder = weft__lock_holder(waiting);
    int thread = weft__lock_other_thread(waiting);
    if (thread)
        fprintf(stream, " held by thread %d", thread);
    if (!holder)
        return;
    char function[96];
    weft__symbol_function((const void *)(uintptr_t)holder->function, function, sizeof function);
    fputs(" held by '", stream);
    weft__put_plain(stream, holder->name[0] ? holder->name : function);
    fputs("'", stream);
}

void weft__print_wait(FILE *stream, const struct weft__fiber *fiber)
{
    const void *object = fiber->wait_object;
    switch ((enum weft__wait)fiber->wait) {
    case WEFT__WAIT_IO:
        fprintf(stream, "waits for descriptor %d", (int)(intptr_t)object);
        print_peer(stream, (int)(intptr_t)object);
        break;
    case WEFT__WAIT_TIME:
        fputs("sleeps", stream);
        break;
    case WEFT__WAIT_SYNC:
        fprintf(stream, "waits for object %p", object);
        break;
    case WEFT__WAIT_LOCK:
        fprintf(stream, "waits for lock %p", object);
        print_holder(stream, fiber);
        break;
    case WEFT__WAIT_JOIN:
        fprintf(stream, "joins task %p", object);
        break;
    case WEFT__WAIT_SCOPE:
        fprintf(stream, "waits for scope %p", object);
        break;
    case WEFT__WAIT_OFFLOAD:
        fputs("waits for a thread in ", stream);
        print_address(stream, object);
        break;
    case WEFT__WAIT_SIGNAL:
        fputs("waits for a signal", stream);
        break;
    default:
        fputs("parked", stream);
        break;
    }
}

static void print_state(FILE *stream, const struct weft__fiber *fiber)
{
    if (fiber == weft__current)
        fputs("runs", stream);
    else if (fiber->state == WEFT__READY)
        fputs("ready", stream);
    else
        weft__print_wait(stream, fiber);
    if (fiber->frame->effective)
        fprintf(stream, ", %s", fiber->frame->effective == ETIMEDOUT ? "timed out" : "cancelled");
}

static void print_stack(FILE *stream, const struct weft__fiber *fiber, int indent)
{
    if (fiber->state != WEFT__PARKED)
        return;
    void *addresses[FRAMES_MOST];
    size_t room = (size_t)((const char *)fiber->context.sp - fiber->stack.low);
    size_t count = weft__context_backtrace(&fiber->context, room, addresses, FRAMES_MOST);
    for (size_t i = 0; i < count; i++) {
        fprintf(stream, "%*s    #%zu ", indent, "", i);
        print_address(stream, addresses[i]);
        fputc('\n', stream);
    }
}

void weft__put_plain(FILE *stream, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stream);
}

/* Columns of indentation: a tree may be deeper than a line is long. */
static int indent_of(int depth)
{
    return depth * 2 < INDENT_MOST ? depth * 2 : INDENT_MOST;
}

static void print_task(void *context, const struct weft_task *task, int depth)
{
    FILE *stream = context;
    int indent = indent_of(depth);
    const struct weft__fiber *fiber = task->fiber;
    int64_t age = weft__clock() - fiber->started;
    fprintf(stream, "%*s- ", indent, "");
    weft__put_plain(stream, fiber->name);
    if (fiber->name[0])
        fputs(": ", stream);
    print_address(stream, (const void *)(uintptr_t)fiber->function);
    fprintf(stream, ", %" PRId64 ".%03" PRId64 " s%s, ", age / WEFT_SECOND,
            age / WEFT_MILLISECOND % 1000, task->transient ? ", transient" : "");
    print_state(stream, fiber);
    fputc('\n', stream);
    print_stack(stream, fiber, indent);
}

static struct weft__scope *first_scope(const struct weft__fiber *fiber)
{
    return weft__list_empty(&fiber->scopes)
               ? NULL
               : weft__container_of(fiber->scopes.next, struct weft__scope, opened);
}

static struct weft__scope *next_scope(const struct weft__scope *scope)
{
    return scope->opened.next == &scope->owner->scopes
               ? NULL
               : weft__container_of(scope->opened.next, struct weft__scope, opened);
}

static void print_scope(void *context, const struct weft__scope *scope, int depth)
{
    FILE *stream = context;
    const struct weft_scope *outer = weft__scope_outer(scope);
    fprintf(stream, "%*sscope %s: %zu alive", indent_of(depth), "",
            outer->name ? outer->name : "unnamed", scope->alive + scope->transient);
    if (outer->limit)
        fprintf(stream, " of %zu", outer->limit);
    fputs(scope->effective ? ", cancelled\n" : "\n", stream);
}

static struct weft_task *task_of(struct weft__list *node, const struct weft__scope *scope)
{
    return node == &scope->running ? NULL : weft__container_of(node, struct weft_task, node);
}

/* Depth first without recursion: a tree may be as deep as there are fibers. */
size_t weft__tree_walk(struct weft__runtime *runtime, const struct weft__tree_visitor *visitor,
                       void *context)
{
    struct weft__scope *scope = weft__scope_inner(&runtime->root);
    struct weft_task *task = task_of(scope->running.next, scope);
    size_t met = 0;
    int depth = 0;
    while (scope && met < visitor->limit) {
        if (task) {
            visitor->task(context, task, depth);
            met++;
            struct weft__scope *below = first_scope(task->fiber);
            if (below)
                depth++;
            scope = below ? below : scope;
            if (below && visitor->scope)
                visitor->scope(context, scope, depth);
            task = task_of(below ? scope->running.next : task->node.next, scope);
            continue;
        }
        if (!scope->owner)
            break;
        struct weft__scope *sibling = next_scope(scope);
        if (sibling) {
            scope = sibling;
            if (visitor->scope)
                visitor->scope(context, scope, depth);
            task = task_of(scope->running.next, scope);
            continue;
        }
        struct weft_task *parent = scope->owner->task;
        scope = parent->scope;
        task = task_of(parent->node.next, scope);
        depth--;
    }
    return runtime->tasks > met ? runtime->tasks - met : 0;
}

int weft__dump(FILE *stream, size_t limit)
{
    struct weft__runtime *runtime = weft__runtime_current;
    struct weft_stats stats;
    if (weft_stats(&stats) < 0)
        return -1;
    fprintf(stream,
            "weft %s: %zu tasks, %zu ready, %zu on I/O, %zu asleep, %zu on others, %zu on threads, "
            "%zu watches, load %u %%, %s\n",
            runtime->name, stats.tasks, stats.ready, stats.parked_io, stats.parked_time,
            stats.parked_sync, stats.parked_offload, stats.watches, stats.load, stats.backend);
    const struct weft__tree_visitor visitor = { print_task, print_scope, limit };
    /* The tree must not change under the walk: what the stream writes holds the thread. */
    struct weft__fiber *self = weft__current;
    uint16_t around = self ? self->around : 0;
    if (self)
        self->around |= WEFT__AROUND_ASKED;
    size_t left = weft__tree_walk(runtime, &visitor, stream);
    if (left && limit != SIZE_MAX)
        fprintf(stream, "and %zu more tasks\n", left);
    if (self)
        self->around = around;
    return ferror(stream) ? weft__fail(EIO) : 0;
}

int weft_dump(FILE *stream)
{
    return weft__dump(stream ? stream : stderr, SIZE_MAX);
}
