#ifndef WEFT_FIBER_INSPECT_H
#define WEFT_FIBER_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct weft__runtime;
struct weft__fiber;
struct weft__scope;
struct weft_task;

/*
 * Looking into a loop.
 *
 *      inspect.c         the figures, the walk over the tree, weft_dump()
 *      inspect_json.c    the same for programs
 *      inspect_socket.c  where the socket lies, and who may connect
 *      inspect_serve.c   the transient fiber that answers there
 */

/** Called for each task and scope, a parent before what is below it. */
struct weft__tree_visitor {
    void (*task)(void *context, const struct weft_task *task, int depth);
    void (*scope)(void *context, const struct weft__scope *scope, int depth); /* or NULL */
    size_t limit;                                                             /* tasks, at most */
};

/** Walk over the tasks of the calling thread's runtime; how many were left out for the limit. */
size_t weft__tree_walk(struct weft__runtime *runtime, const struct weft__tree_visitor *visitor,
                       void *context);

/** weft_dump() of at most LIMIT tasks. */
int weft__dump(FILE *stream, size_t limit);

/** "waits for descriptor 5 to 127.0.0.1:80" */
void weft__print_wait(FILE *stream, const struct weft__fiber *fiber);

/** Who is at the other end of a descriptor; false if nobody is known. */
bool weft__peer(int fd, char *text, size_t size);

/** A name, which must neither end a line or field nor reach a terminal as a command. */
void weft__put_plain(FILE *stream, const char *text);

/** One JSON object on a line of its own, each. */
void weft__json_stats(FILE *stream, struct weft__runtime *runtime);
void weft__json_tree(FILE *stream, struct weft__runtime *runtime, size_t limit);
void weft__json_stalls(FILE *stream);

/**
 * The tree as lines of fields with tabs between: depth, state, age in ns, parks, name, function,
 * wait; then a line for each place of a stall: "!", count, longest in ns, name, function, call.
 */
void weft__rows(FILE *stream, struct weft__runtime *runtime, size_t limit);

enum {
    WEFT__SOCKET_PATH = 108
};

struct weft__inspect_socket {
    int fd;
    unsigned number; /* of the loop among those of the process, from 0 */
    char path[WEFT__SOCKET_PATH];
};

/** Make a listening socket for a runtime of this process. 0; -1 and errno, with weft_error(). */
int weft__inspect_listen(struct weft__inspect_socket *made);

void weft__inspect_close(const struct weft__inspect_socket *made);

/** In the child of a fork: no socket is this process's. */
void weft__inspect_reset(void);

/** Is the peer the process's own user, or root? */
bool weft__inspect_permitted(int fd);

/** Start the fiber that answers. A failure is logged, and the program runs on. */
void weft__inspect_start(struct weft__runtime *runtime);

/** In the child of a fork: the listening socket is the parent's. */
void weft__inspect_abandon(struct weft__runtime *runtime);

#endif
