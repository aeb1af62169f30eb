/*
 * The socket for `weft top`: the line "workers" is answered with one JSON object; other commands
 * are those of a loop, which the parent has none of.
 *
 * Nobody can hold the parent up: clients wait their turn in a small table, each for a second.
 */
#include "net/container/container.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/inspect.h>

#define PATIENCE WEFT_SECOND

_Static_assert(sizeof(((struct weft__container *)0)->supervisor_path) == WEFT_INSPECT_PATH_MAX,
               "the path fits");

void weft__supervise_open(struct weft__container *container)
{
    container->supervisor = weft_inspect_listen(container->supervisor_path);
    if (container->supervisor < 0) {
        weft_log(WEFT_LOG_WARNING, "container: `weft top` can't look in: %s",
                 weft_error() ? weft_error()->message : strerror(errno));
    }
}

static void drop(struct weft__client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
    }
    client->fd = -1;
}

void weft__supervise_close(struct weft__container *container)
{
    for (int i = 0; i < WEFT__SUPERVISE_CLIENTS; i++) {
        drop(&container->clients[i]);
    }
    if (container->supervisor >= 0) {
        close(container->supervisor);
        unlink(container->supervisor_path);
        container->supervisor = -1;
    }
}

/* A worker that was killed leaves the sockets of its loops behind. */
void weft__supervise_forget(const struct weft__container *container, pid_t pid)
{
    char path[WEFT_INSPECT_PATH_MAX + 32];
    const char *slash = strrchr(container->supervisor_path, '/');
    if (container->supervisor < 0 || !slash) {
        return;
    }
    int folder = (int)(slash - container->supervisor_path);
    for (unsigned loop = 1; loop <= container->options.threads; loop++) {
        char number[16] = "";
        if (loop > 1) {
            snprintf(number, sizeof(number), "-%u", loop);
        }
        snprintf(path, sizeof(path), "%.*s/%d%s.sock", folder, container->supervisor_path, (int)pid,
                 number);
        unlink(path);
    }
}

static bool permitted(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

void weft__supervise_accept(struct weft__container *container)
{
    int fd = accept4(container->supervisor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        container->supervisor_rest = weft_now() + PATIENCE; /* for want of descriptors, say */
        return;
    }
    struct weft__client *free_one = NULL;
    for (int i = 0; i < WEFT__SUPERVISE_CLIENTS && !free_one; i++) {
        if (container->clients[i].fd < 0) {
            free_one = &container->clients[i];
        }
    }
    if (!free_one || !permitted(fd)) {
        close(fd);
        return;
    }
    *free_one = (struct weft__client){ .fd = fd, .deadline = weft_now() + PATIENCE };
}

/* A name that neither ends a JSON string nor is a command to a terminal. */
static void put_name(FILE *stream, const char *name)
{
    for (; *name; name++) {
        bool plain = *name >= ' ' && *name != 127 && *name != '"' && *name != '\\';
        fputc(plain || (*name & 0x80) ? *name : '?', stream);
    }
}

static const char *state_of(const struct weft__process *process)
{
    switch (process->state) {
    case WEFT__PROCESS_STARTING:
        return "starting";
    case WEFT__PROCESS_READY:
        return process->seat->current == process ? "serving" : "ready";
    case WEFT__PROCESS_DUMPING:
        return "stuck";
    case WEFT__PROCESS_STOPPING:
        return "ending";
    }
    return "";
}

static void put_process(FILE *stream, const struct weft__container *container,
                        const struct weft__process *process, int64_t now)
{
    uint64_t connections = 0, active = 0, accepted = 0, requests = 0, load = 0, loops = 0;
    for (; loops < container->options.threads; loops++) {
        const struct weft__slot *slot = &container->slots[process->slot + loops];
        connections += atomic_load(&slot->connections);
        active += atomic_load(&slot->active);
        accepted += atomic_load(&slot->accepted);
        requests += atomic_load(&slot->requests);
        load += atomic_load(&slot->load);
    }
    fprintf(stream,
            "{\"worker\":%u,\"process\":%d,\"generation\":%u,\"state\":\"%s\",\"age\":%lld,"
            "\"connections\":%llu,\"active\":%llu,\"accepted\":%llu,\"requests\":%llu,"
            "\"load\":%llu,\"memory\":%zu,\"restarts\":%llu}",
            process->seat->number, (int)process->pid, process->generation, state_of(process),
            (long long)(now - process->started), (unsigned long long)connections,
            (unsigned long long)active, (unsigned long long)accepted, (unsigned long long)requests,
            (unsigned long long)(loops ? load / loops : 0), process->memory,
            (unsigned long long)process->seat->restarts);
}

static void answer(FILE *stream, const struct weft__container *container, int64_t now)
{
    fputs("{\"name\":\"", stream);
    put_name(stream, container->options.name);
    fprintf(stream,
            "\",\"generation\":%u,\"processes\":%u,\"threads\":%u,\"age\":%lld,\"failures\":%llu,"
            "\"workers\":[",
            container->generation, container->options.processes, container->options.threads,
            (long long)(now - container->started), (unsigned long long)container->failure_count);
    const char *separator = "";
    weft__list_each(node, &container->processes) {
        fputs(separator, stream);
        put_process(stream, container, weft__container_of(node, struct weft__process, node), now);
        separator = ",\n";
    }
    fputs("]}\n", stream);
}

/* An answer fits in a socket's buffer; what does not is cut, and no valid JSON then. */
static void respond(struct weft__container *container, struct weft__client *client, int64_t now)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream) {
        return;
    }
    if (strcmp(client->request, "workers") == 0) {
        answer(stream, container, now);
    } else {
        fputs(
            "error: this process is the parent of workers: look into one of them, `weft top` lists "
            "them\n",
            stream);
    }
    if (fclose(stream) == 0) {
        send(client->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    free(text);
}

void weft__supervise_hear(struct weft__container *container, struct weft__client *client,
                          int64_t now)
{
    ssize_t length = recv(client->fd, client->request + client->used,
                          sizeof(client->request) - 1 - client->used, MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN && now <= client->deadline) {
        return;
    }
    if (length > 0) {
        client->used += (size_t)length;
        client->request[client->used] = '\0';
        char *end = strchr(client->request, '\n');
        if (end) {
            *end = '\0';
            respond(container, client, now);
        } else if (client->used < sizeof(client->request) - 1) {
            return;
        }
    }
    drop(client);
}
