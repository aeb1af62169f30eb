/*
 * gethostbyname and its family. The reentrant calls write a structure with pointers into the
 * caller's buffer: the other thread fills a copy of the same shape, which is then moved. The
 * others keep their answer with the fiber instead of in static memory.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hook/hooked.h"
#include "hook/lookup.h"

enum question {
    BY_NAME,
    BY_NAME2,
    BY_ADDRESS
};

enum {
    ALIGNMENT = 16,
    ADDRESS_MAX = 128,
    FIRST_SIZE = 1024,
    LAST_SIZE = 1024 * 1024
};

struct host_job {
    struct weft__lookup_job job;
    enum question question;
    int family;
    char *name;
    char address[ADDRESS_MAX];
    socklen_t length;
    struct hostent host;
    struct hostent *found;
    char *memory;
    char *buffer; /* in memory, aligned as the caller's */
    size_t size;
    int status;
    int host_error;
};

static void perform(struct weft__lookup_job *base)
{
    struct host_job *job = weft__container_of(base, struct host_job, job);
    switch (job->question) {
    case BY_NAME:
        job->status = WEFT__REAL(gethostbyname_r)(job->name, &job->host, job->buffer, job->size,
                                                  &job->found, &job->host_error);
        break;
    case BY_NAME2:
        job->status = WEFT__REAL(gethostbyname2_r)(job->name, job->family, &job->host, job->buffer,
                                                   job->size, &job->found, &job->host_error);
        break;
    case BY_ADDRESS:
        job->status =
            WEFT__REAL(gethostbyaddr_r)(job->address, job->length, job->family, &job->host,
                                        job->buffer, job->size, &job->found, &job->host_error);
        break;
    }
}

static void dispose(struct weft__lookup_job *base)
{
    struct host_job *job = weft__container_of(base, struct host_job, job);
    weft__free(job->memory);
    free(job->name);
    weft__free(job);
}

static struct host_job *new_job(enum question question, const void *key, socklen_t length,
                                int family, const char *buffer, size_t size)
{
    struct host_job *job = weft__calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->job = (struct weft__lookup_job){ .perform = perform, .dispose = dispose };
    job->question = question;
    job->family = family;
    job->size = size;
    job->memory = weft__malloc(size + 2 * ALIGNMENT);
    if (question == BY_ADDRESS) {
        job->length = length < ADDRESS_MAX ? length : ADDRESS_MAX;
        memcpy(job->address, key, job->length);
    } else {
        job->name = strdup(key);
    }
    if (!job->memory || (question != BY_ADDRESS && !job->name)) {
        dispose(&job->job);
        return NULL;
    }
    uintptr_t base = ((uintptr_t)job->memory + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    job->buffer = (char *)(base + (uintptr_t)buffer % ALIGNMENT);
    return job;
}

/* A pointer into one buffer as a pointer into another; what points elsewhere stays. */
static char *moved(char *pointer, const struct host_job *job, char *buffer)
{
    bool inside = pointer >= job->buffer && pointer < job->buffer + job->size;
    return inside ? buffer + (pointer - job->buffer) : pointer;
}

static char **moved_list(char **list, const struct host_job *job, char *buffer)
{
    if (!list)
        return NULL;
    char **target = (char **)(void *)moved((char *)list, job, buffer);
    for (size_t i = 0; target != list && list[i]; i++)
        target[i] = moved(list[i], job, buffer);
    return target;
}

static void move_answer(const struct host_job *job, struct hostent *host, char *buffer)
{
    memcpy(buffer, job->buffer, job->size);
    host->h_name = moved(job->host.h_name, job, buffer);
    host->h_aliases = moved_list(job->host.h_aliases, job, buffer);
    host->h_addrtype = job->host.h_addrtype;
    host->h_length = job->host.h_length;
    host->h_addr_list = moved_list(job->host.h_addr_list, job, buffer);
}

struct answer {
    struct hostent *host;
    char *buffer;
    size_t size;
    struct hostent **result;
    int *host_error;
};

static int fail(const struct answer *answer, int error)
{
    *answer->result = NULL;
    *answer->host_error = NETDB_INTERNAL;
    errno = error;
    return error;
}

static int ask(struct weft__fiber *self, enum question question, const void *key, socklen_t length,
               int family, const struct answer *answer)
{
    int error = weft__checkpoint(self);
    if (error)
        return fail(answer, -error);
    struct host_job *job = new_job(question, key, length, family, answer->buffer, answer->size);
    error = job ? weft__lookup(self, &job->job) : -ENOMEM;
    if (error)
        return fail(answer, -error);
    int status = job->status;
    *answer->result = job->found ? answer->host : NULL;
    *answer->host_error = job->host_error;
    if (job->found)
        move_answer(job, answer->host, answer->buffer);
    if (status || !job->found)
        errno = job->job.error;
    dispose(&job->job);
    return status;
}

int weft__hook_gethostbyname_r(struct weft__fiber *self, const char *name, struct hostent *host,
                               char *buffer, size_t size, struct hostent **result, int *error)
{
    struct answer answer = { host, buffer, size, result, error };
    return ask(self, BY_NAME, name, 0, 0, &answer);
}

int weft__hook_gethostbyname2_r(struct weft__fiber *self, const char *name, int family,
                                struct hostent *host, char *buffer, size_t size,
                                struct hostent **result, int *error)
{
    struct answer answer = { host, buffer, size, result, error };
    return ask(self, BY_NAME2, name, 0, family, &answer);
}

int weft__hook_gethostbyaddr_r(struct weft__fiber *self, const void *address, socklen_t length,
                               int family, struct hostent *host, char *buffer, size_t size,
                               struct hostent **result, int *error)
{
    struct answer answer = { host, buffer, size, result, error };
    return ask(self, BY_ADDRESS, address, length, family, &answer);
}

/* The fiber's own buffer, grown until the answer fits. */
static struct hostent *ask_kept(struct weft__fiber *self, enum question question, const void *key,
                                socklen_t length, int family)
{
    struct weft__hooked *hooked = weft__hooked(self);
    size_t size = FIRST_SIZE;
    for (int status = ERANGE; hooked && status == ERANGE && size <= LAST_SIZE; size *= 2) {
        if (size > hooked->host_size) {
            char *grown = weft__realloc(hooked->host_buffer, size);
            if (!grown)
                break;
            hooked->host_buffer = grown;
            hooked->host_size = size;
        }
        struct hostent *result;
        int host_error = 0;
        struct answer answer = { &hooked->host, hooked->host_buffer, hooked->host_size, &result,
                                 &host_error };
        status = ask(self, question, key, length, family, &answer);
        h_errno = host_error;
        if (result)
            return result;
        if (status != ERANGE)
            return NULL;
    }
    h_errno = NETDB_INTERNAL;
    errno = ENOMEM;
    return NULL;
}

struct hostent *weft__hook_gethostbyname(struct weft__fiber *self, const char *name)
{
    return ask_kept(self, BY_NAME, name, 0, 0);
}

struct hostent *weft__hook_gethostbyname2(struct weft__fiber *self, const char *name, int family)
{
    return ask_kept(self, BY_NAME2, name, 0, family);
}

struct hostent *weft__hook_gethostbyaddr(struct weft__fiber *self, const void *address,
                                         socklen_t length, int family)
{
    return ask_kept(self, BY_ADDRESS, address, length, family);
}
