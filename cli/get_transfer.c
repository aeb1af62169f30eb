/* One transfer: the request, where the answer goes, how far it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "get.h"

enum {
    STATUS_FAILED = 22, /* as curl's */
    STATUS_LATE = 28,
    NAME_MAX_LENGTH = 200,
    BAR = 24
};

struct transfer {
    struct get *get;
    const char *url;
    struct weft_http_response *response;
    char path[1024]; /* empty: standard output */
    int fd;
    int64_t total; /* bytes; -1: not told */
    int64_t done;
    int64_t from; /* bytes that were there */
    int64_t began;
};

static int complain(struct transfer *transfer, int status, const char *what, const char *why)
{
    transfer->get->status = status;
    fprintf(stderr, "weft get: %s: %s\n", what, why);
    return -1;
}

/* The last part of a URL's path, if a file may have that name. */
static const char *name_of(const char *url, char name[NAME_MAX_LENGTH + 1])
{
    const char *path = strstr(url, "://");
    path = path ? strchr(path + 3, '/') : strchr(url, '/');
    size_t length = path ? strcspn(path, "?#") : 0;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    snprintf(name, NAME_MAX_LENGTH + 1, "%.*s", (int)(length - start), path ? path + start : "");
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 ? name : NULL;
}

static int choose_path(struct transfer *transfer)
{
    const struct get_options *options = transfer->get->options;
    char room[NAME_MAX_LENGTH + 1];
    bool named = options->remote_name || (options->output && options->url_count > 1);
    const char *name = named ? name_of(transfer->url, room) : NULL;
    if (named && !name) {
        return complain(transfer, 1, transfer->url,
                        "the URL has no last part to name a file (use -o FILE)");
    }
    if (named && options->output) {
        mkdir(options->output, 0777);
        snprintf(transfer->path, sizeof(transfer->path), "%s/%s", options->output, name);
    } else if (named || options->output) {
        snprintf(transfer->path, sizeof(transfer->path), "%s", named ? name : options->output);
    }
    return 0;
}

static int ask(struct transfer *transfer)
{
    const struct get_options *options = transfer->get->options;
    struct weft_http_header headers[GET_HEADERS_MAX + 4];
    char range[48];
    size_t count = options->header_count;
    struct stat status;
    memcpy(headers, options->headers, count * sizeof(*headers));
    headers[count++] = (struct weft_http_header){ "user-agent", "weft" };
    if (options->resume && *transfer->path && stat(transfer->path, &status) == 0 &&
        status.st_size > 0) {
        transfer->from = status.st_size;
        snprintf(range, sizeof(range), "bytes=%lld-", (long long)transfer->from);
        headers[count++] = (struct weft_http_header){ "range", range };
        headers[count++] = (struct weft_http_header){ "accept-encoding", "identity" };
    }
    headers[count] = (struct weft_http_header){ NULL, NULL };
    const char *method = options->method ? options->method : options->data ? "POST" : "GET";
    transfer->response = weft_internet_request(
        transfer->get->internet, method, transfer->url,
        &(struct weft_http_request_options){
            .headers = headers,
            .data = options->data && options->data_length ? options->data : NULL,
            .length = options->data_length,
            .type = options->data ? "application/x-www-form-urlencoded" : NULL,
            .timeout = options->max_time,
        });
    if (!transfer->response) {
        const struct weft_error *error = weft_error();
        bool late = error && error->code == WEFT_HTTP_ERROR_TIMEOUT;
        transfer->get->status = late ? STATUS_LATE : 1;
        fprintf(stderr, "weft get: %s\n", error ? error->message : strerror(errno));
        return -1;
    }
    return 0;
}

/* With --fail nothing is written of an answer that is a failure. */
static int check_status(struct transfer *transfer)
{
    const struct weft_http_response *response = transfer->response;
    char why[96];
    if (transfer->from > 0 && response->status == 416) {
        return 1; /* it is all there */
    }
    if (transfer->get->options->fail && response->status >= 400) {
        snprintf(why, sizeof(why), "the answer is %d %s", response->status,
                 weft_http_status_text(response->status));
        return complain(transfer, STATUS_FAILED, transfer->url, why);
    }
    return 0;
}

static int open_output(struct transfer *transfer)
{
    if (!*transfer->path) {
        transfer->fd = STDOUT_FILENO;
        return 0;
    }
    bool append = transfer->from > 0 && transfer->response->status == 206;
    if (!append) {
        transfer->from = 0;
    }
    transfer->fd =
        open(transfer->path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
    return transfer->fd >= 0 ? 0 : complain(transfer, 1, transfer->path, strerror(errno));
}

static int write_all(struct transfer *transfer, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(transfer->fd, data, length);
        if (wrote < 0) {
            return complain(transfer, 1, *transfer->path ? transfer->path : "standard output",
                            strerror(errno));
        }
        data += wrote;
        length -= (size_t)wrote;
    }
    return 0;
}

static int show_head(struct transfer *transfer)
{
    const struct weft_http_response *response = transfer->response;
    char line[128];
    int length = snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n", response->status,
                          weft_http_status_text(response->status));
    int result = write_all(transfer, line, (size_t)length);
    for (size_t i = 0; i < response->headers.count && result == 0; i++) {
        const struct weft_http_field *field = &response->headers.fields[i];
        if (write_all(transfer, field->name, field->name_length) < 0 ||
            write_all(transfer, ": ", 2) < 0 ||
            write_all(transfer, field->value, field->value_length) < 0 ||
            write_all(transfer, "\r\n", 2) < 0) {
            result = -1;
        }
    }
    return result < 0 ? -1 : write_all(transfer, "\r\n", 2);
}

/* --- progress */

static void print_size(char text[16], double bytes)
{
    static const char UNITS[] = "BKMGT";
    size_t unit = 0;
    while (bytes >= 1000 && unit < sizeof(UNITS) - 2) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, 16, unit ? "%.1f%c" : "%.0f%c", bytes, UNITS[unit]);
}

static void draw(struct transfer *transfer, bool last)
{
    struct get *get = transfer->get;
    int64_t now = weft_now();
    if (get->options->silent || !*transfer->path || !isatty(STDERR_FILENO) ||
        (!last && now - get->drawn < 100 * WEFT_MILLISECOND)) {
        return;
    }
    get->drawn = now;
    char bar[BAR + 1];
    char size[16];
    char speed[16];
    double seconds = (double)(now - transfer->began) / 1e9;
    int64_t here = transfer->from + transfer->done;
    print_size(size, (double)here);
    print_size(speed, seconds > 0 ? (double)transfer->done / seconds : 0);
    size_t filled = transfer->total > 0 ? (size_t)(here * BAR / transfer->total) : 0;
    memset(bar, ' ', BAR);
    memset(bar, '#', filled < BAR ? filled : BAR);
    bar[BAR] = '\0';
    fprintf(stderr, "\r\033[K[%s] %8s %8s/s  %zu/%zu  %.40s%s", bar, size, speed, get->done,
            get->options->url_count, transfer->path, last ? "\n" : "");
}

static int receive(struct transfer *transfer)
{
    struct weft_http_body *body = transfer->response->body;
    int64_t length = weft_http_body_length(body);
    const void *chunk;
    ssize_t got;
    transfer->total = length < 0 ? -1 : transfer->from + length;
    transfer->began = weft_now();
    while ((got = weft_http_body_read(body, &chunk)) > 0) {
        if (write_all(transfer, chunk, (size_t)got) < 0) {
            return -1;
        }
        transfer->done += got;
        draw(transfer, false);
    }
    if (got < 0) {
        const struct weft_error *error = weft_error();
        bool late = error && error->code == WEFT_HTTP_ERROR_TIMEOUT;
        return complain(transfer, late ? STATUS_LATE : 1, "receiving",
                        error ? error->message : strerror(errno));
    }
    transfer->get->done++;
    draw(transfer, true);
    return 0;
}

static int run(struct transfer *transfer)
{
    if (choose_path(transfer) < 0 || ask(transfer) < 0) {
        return -1;
    }
    int checked = check_status(transfer);
    if (checked != 0) {
        return checked < 0 ? -1 : 0;
    }
    if (open_output(transfer) < 0 ||
        (transfer->get->options->show_head && show_head(transfer) < 0)) {
        return -1;
    }
    return receive(transfer);
}

int get_transfer(struct get *get, const char *url)
{
    struct transfer transfer = { .get = get, .url = url, .fd = -1 };
    char *with_scheme = NULL;
    if (!strstr(url, "://") && asprintf(&with_scheme, "http://%s", url) >= 0) {
        transfer.url = with_scheme;
    }
    int result = run(&transfer);
    weft_http_response_close(transfer.response);
    if (transfer.fd > STDERR_FILENO && close(transfer.fd) < 0 && result == 0) {
        result = complain(&transfer, 1, transfer.path, strerror(errno));
    }
    free(with_scheme);
    return result;
}
