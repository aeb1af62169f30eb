/* A file as a response: its validators, its conditions, and its bytes. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/http/static.h>

#include "base/fail.h"
#include "http/conditional.h"
#include "http/exchange.h"
#include "proto/http_date.h"
#include "proto/range.h"

enum {
    PIECE = 65536 /* bytes read at once where sendfile can't be used */
};

struct file_body {
    struct weft_http_body body;
    int fd; /* -1: closed */
    off_t first;
    off_t at;
    off_t end;
    char *piece;
};

/* --- the body */

static ssize_t file_read(struct weft_http_body *body, const void **chunk)
{
    struct file_body *self = (struct file_body *)body;
    if (self->at >= self->end) {
        return 0;
    }
    if (!self->piece && !(self->piece = malloc(PIECE))) {
        return -1;
    }
    off_t left = self->end - self->at;
    ssize_t got = pread(self->fd, self->piece, left < PIECE ? (size_t)left : PIECE, self->at);
    if (got == 0) {
        return weft__fail(EIO); /* it has become shorter than was told */
    }
    self->at += got > 0 ? got : 0;
    *chunk = self->piece;
    return got;
}

static int file_stream(struct weft_http_body *body, struct weft_http_stream *stream)
{
    struct file_body *self = (struct file_body *)body;
    int sent = weft__output_file(stream, self->fd, &self->at, self->end);
    const void *chunk;
    ssize_t length = 0;
    while (sent == 0 && (length = file_read(body, &chunk)) > 0) {
        sent = weft_http_stream_write(stream, chunk, (size_t)length);
    }
    return sent < 0 || length < 0 ? -1 : 0;
}

static void file_close(struct weft_http_body *body, int error)
{
    struct file_body *self = (struct file_body *)body;
    (void)error;
    close(self->fd);
    self->fd = -1;
    free(self->piece);
    self->piece = NULL;
}

static int file_rewind(struct weft_http_body *body)
{
    struct file_body *self = (struct file_body *)body;
    self->at = self->first;
    return 0;
}

static int64_t file_length(struct weft_http_body *body)
{
    const struct file_body *self = (struct file_body *)body;
    return self->end - self->at;
}

static const struct weft_http_body_operations file_operations = {
    .read = file_read,
    .stream = file_stream,
    .close = file_close,
    .rewind = file_rewind,
    .length = file_length,
};

/* --- conditions */

/* What tells one version of a file from the next. */
struct version {
    char etag[64];
    char modified[WEFT__HTTP_DATE];
    int64_t seconds;
    uint64_t size;
};

static void describe(const struct stat *status, struct version *version)
{
    version->seconds = status->st_mtim.tv_sec;
    version->size = (uint64_t)status->st_size;
    snprintf(version->etag, sizeof(version->etag), "\"%" PRIx64 ".%lx-%" PRIx64 "-%" PRIx64 "\"",
             (uint64_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec, (uint64_t)status->st_ino,
             version->size);
    weft__http_date_format(version->seconds, version->modified);
}

/* May a part be sent, so that it fits what the client has? RFC 9110, 13.1.5. */
static bool part_fits(const struct weft_http_headers *headers, const struct version *version)
{
    const char *condition = weft_http_headers_get(headers, "if-range");
    return !condition || strcmp(condition, version->etag) == 0 ||
           strcmp(condition, version->modified) == 0;
}

/* --- the response */

static int set_validators(struct weft_http_response *response, const struct version *version)
{
    struct weft_http_headers *headers = &response->headers;
    if (weft_http_headers_set(headers, "etag", version->etag) < 0 ||
        weft_http_headers_set(headers, "last-modified", version->modified) < 0 ||
        weft_http_headers_set(headers, "accept-ranges", "bytes") < 0) {
        return -1;
    }
    return weft_http_headers_get(headers, "cache-control")
               ? 0
               : weft_http_headers_set(headers, "cache-control", "no-cache");
}

static int set_range(struct weft_http_response *response, const struct version *version,
                     enum weft__range range, const struct weft__range_part *part)
{
    const char *text =
        range == WEFT__RANGE_PART
            ? weft_http_format(response->memory, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                               part->first, part->first + part->length - 1, version->size)
            : weft_http_format(response->memory, "bytes */%" PRIu64, version->size);
    return text ? weft_http_headers_set(&response->headers, "content-range", text) : -1;
}

/* The descriptor is taken over by the body, or closed. */
static int set_body(struct weft_http_response *response, int fd,
                    const struct weft__range_part *part, const char *type)
{
    struct file_body *self = weft_http_allocate(response->memory, sizeof(*self));
    if (!self || weft_http_headers_set(&response->headers, "content-type",
                                       type ? type : "application/octet-stream") < 0) {
        int error = errno;
        close(fd);
        return weft__fail(error);
    }
    off_t first = (off_t)part->first;
    *self = (struct file_body){ { &file_operations, false }, fd,  first, first,
                                first + (off_t)part->length, NULL };
    weft_http_body_close(response->body, 0);
    response->body = &self->body;
    return 0;
}

static int answer_without(struct weft_http_response *response, int fd, int status)
{
    close(fd);
    weft_http_body_close(response->body, 0);
    response->body = NULL;
    response->status = status;
    return 0;
}

static int answer(const struct weft_http_request *request, struct weft_http_response *response,
                  int fd, const struct stat *status, const char *type)
{
    struct version version;
    struct weft__range_part part = { 0, (uint64_t)status->st_size };
    describe(status, &version);
    if (set_validators(response, &version) < 0) {
        close(fd);
        return -1;
    }
    const struct weft_http_validators validators = { .etag = version.etag,
                                                     .modified = version.seconds };
    int code = weft__conditions_status(request, &validators);
    if (code != 0) {
        return answer_without(response, fd, code);
    }
    const char *field = weft_http_headers_get(&request->headers, "range");
    enum weft__range range = WEFT__RANGE_WHOLE;
    if (field && strcmp(request->method, "GET") == 0 && part_fits(&request->headers, &version)) {
        range = weft__range_read(weft__slice_string(field), version.size, &part);
    }
    if (range != WEFT__RANGE_WHOLE && set_range(response, &version, range, &part) < 0) {
        close(fd);
        return -1;
    }
    if (range == WEFT__RANGE_UNSATISFIABLE) {
        return answer_without(response, fd, 416);
    }
    response->status = range == WEFT__RANGE_PART ? 206 : 200;
    return set_body(response, fd, &part, type);
}

int weft_http_response_file(struct weft_http_request *request, struct weft_http_response *response,
                            int fd, const char *type)
{
    struct stat status;
    int error = fstat(fd, &status) < 0     ? errno
                : S_ISDIR(status.st_mode)  ? EISDIR
                : !S_ISREG(status.st_mode) ? EINVAL
                                           : 0;
    if (error) {
        close(fd);
        return weft__fail(error);
    }
    return answer(request, response, fd, &status, type);
}
