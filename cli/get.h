/* weft get: what is asked for, and one transfer of it. */
#ifndef WEFT_CLI_GET_H
#define WEFT_CLI_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/http.h>
#include <weft/weft.h>

enum {
    GET_HEADERS_MAX = 64
};

struct get_options {
    const char *output; /* NULL: standard output; with several URLs a folder */
    bool remote_name;
    const char *method; /* NULL: GET, or POST with data */
    char *data;         /* the request's body */
    size_t data_length;
    struct weft_http_header headers[GET_HEADERS_MAX + 1];
    size_t header_count;
    bool follow;
    bool fail;
    bool show_head;
    bool silent;
    bool insecure;
    bool resume;
    const char *authority;
    const char *proxy;
    int64_t max_time; /* ns; 0: none */
    int retries;
    size_t parallel;
    char **urls; /* ended by NULL */
    size_t url_count;
};

/* What all transfers share. */
struct get {
    const struct get_options *options;
    struct weft_internet *internet;
    size_t done;
    int status; /* the command's */
    int64_t drawn;
};

/** Fetch one URL: 0; -1 once it is told why not. */
int get_transfer(struct get *get, const char *url);

#endif
