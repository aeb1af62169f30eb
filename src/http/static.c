/* A folder of files as a handler. */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/http/static.h>

#include "base/fail.h"
#include "http/memory.h"
#include "proto/url.h"

enum {
    FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK /* so that a FIFO does not hold us */
};

/* --- opening below the root */

/* For kernels without openat2(2): name by name, and no link at all. */
static int open_stepwise(int root, const char *path)
{
    char name[NAME_MAX + 1];
    int folder = fcntl(root, F_DUPFD_CLOEXEC, 3);
    while (folder >= 0) {
        size_t length = strcspn(path, "/");
        bool last = path[length] == '\0';
        int next = -1;
        errno = ENAMETOOLONG;
        if (length <= NAME_MAX) {
            memcpy(name, path, length);
            name[length] = '\0';
            next = openat(folder, name, FLAGS | O_NOFOLLOW | (last ? 0 : O_DIRECTORY));
        }
        int error = errno;
        close(folder);
        errno = error;
        if (last) {
            return next;
        }
        folder = next;
        path += length + 1;
    }
    return -1;
}

/* The kernel sees to it that the path stays below the root, whatever is renamed meanwhile. */
static int open_below(int root, const char *path)
{
    struct open_how how = { .flags = FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN)) {
        return open_stepwise(root, path);
    }
    return (int)fd;
}

/* --- paths */

/* Does a name begin with a dot, which hides it? */
static bool is_hidden(const char *path)
{
    for (const char *at = path; *at; at += strcspn(at, "/"), at += *at == '/') {
        if (*at == '.' && (strncmp(at, ".well-known", 11) != 0 || (at[11] && at[11] != '/'))) {
            return true;
        }
    }
    return false;
}

/* The path below the root, without its first slash; "" for the root. NULL: no such file. */
static char *path_of(const struct weft_http_request *request)
{
    struct weft__slice raw = weft__slice_string(request->path);
    size_t length;
    char *path = weft_http_allocate(request->memory, raw.length + 2);
    if (!path || weft__url_path_clean(raw, path, &length) < 0) {
        return NULL;
    }
    path[length] = '\0';
    return is_hidden(path + 1) ? NULL : path + 1;
}

/* --- answers */

static int not_found(struct weft_http_static *files, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    if (files->handler.next) {
        return weft_http_call(files->handler.next, request, response);
    }
    return weft_http_response_text(response, 404, "Not Found\n");
}

/* To the same place with a slash, told relative to it, so that no other host can be meant. */
static int add_slash(const struct weft_http_request *request, struct weft_http_response *response)
{
    const char *slash = strrchr(request->path, '/');
    const char *name = slash ? slash + 1 : request->path;
    const char *where =
        weft_http_format(response->memory, "./%s/%s%s", name, request->query ? "?" : "",
                         request->query ? request->query : "");
    if (!where || weft_http_headers_set(&response->headers, "location", where) < 0) {
        return -1;
    }
    return weft_http_response_text(response, 301, "Moved Permanently\n");
}

/* What could not be opened: missing, not for us, or for want of something. */
static int explain(struct weft_http_static *files, struct weft_http_request *request,
                   struct weft_http_response *response, int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO:
        return weft__fail(error);
    case EACCES:
        return weft_http_response_text(response, 403, "Forbidden\n");
    default:
        return not_found(files, request, response);
    }
}

static int answer_file(struct weft_http_static *files, struct weft_http_request *request,
                       struct weft_http_response *response, int fd, const char *path)
{
    const char *cache = files->cache ? files->cache : "no-cache";
    if (weft_http_headers_set(&response->headers, "cache-control", cache) < 0) {
        close(fd);
        return -1;
    }
    return weft_http_response_file(request, response, fd, weft_http_type_of(path));
}

static int open_index(struct weft_http_static *files, struct weft_http_request *request,
                      struct weft_http_response *response, const char *folder)
{
    const char *path = weft_http_format(response->memory, "%s%s", folder,
                                        files->index ? files->index : "index.html");
    struct stat status;
    int fd = path ? open_below(files->root_, path) : -1;
    if (fd < 0) {
        return explain(files, request, response, errno);
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return not_found(files, request, response);
    }
    return answer_file(files, request, response, fd, path);
}

static int open_path(struct weft_http_static *files, struct weft_http_request *request,
                     struct weft_http_response *response, const char *path)
{
    struct stat status;
    int fd = open_below(files->root_, path);
    if (fd < 0) {
        return explain(files, request, response, errno);
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        return answer_file(files, request, response, fd, path);
    }
    close(fd);
    return S_ISDIR(status.st_mode) ? add_slash(request, response)
                                   : not_found(files, request, response);
}

static int serve(struct weft_http_handler *handler, struct weft_http_request *request,
                 struct weft_http_response *response)
{
    struct weft_http_static *files = (struct weft_http_static *)handler;
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        if (files->handler.next) {
            return weft_http_call(files->handler.next, request, response);
        }
        return weft_http_headers_set(&response->headers, "allow", "GET, HEAD") < 0
                   ? -1
                   : weft_http_response_text(response, 405, "Method Not Allowed\n");
    }
    const char *path = path_of(request);
    if (!path) {
        return not_found(files, request, response);
    }
    size_t length = strlen(path);
    return length == 0 || path[length - 1] == '/' ? open_index(files, request, response, path)
                                                  : open_path(files, request, response, path);
}

int weft_http_static_init(struct weft_http_static *files, const char *root)
{
    files->root_ = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->root_ < 0) {
        return weft_error_set("http", errno, errno, "serving the folder '%s': %s", root,
                              strerror(errno));
    }
    files->handler.call = serve;
    return 0;
}

void weft_http_static_fini(struct weft_http_static *files)
{
    if (files->handler.call) {
        close(files->root_);
        files->handler.call = NULL;
    }
}
