/* Files: one as a response, and a folder of them as a handler. */
#ifndef WEFT_HTTP_STATIC_H
#define WEFT_HTTP_STATIC_H

#include <weft/base.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/**
 * Answer with a regular file.
 *
 * Knows HEAD, `if-none-match`, `if-modified-since` (304), `if-match`, `if-unmodified-since` (412),
 * `range` with one range, and `if-range` (206, 416). Sets `etag`, `last-modified` and
 * `accept-ranges`. The file goes out by sendfile(2) over plain TCP, in pieces otherwise. One that
 * shrinks meanwhile is cut short, visibly.
 *
 * @param request   Its method and conditions are looked at.
 * @param response  Filled in; a `cache-control` that is there stays.
 * @param fd        Open for reading.
 * @param type      The content-type; NULL: application/octet-stream. Copied.
 * @return          0; -1 and errno otherwise.
 * Errors           EISDIR, EINVAL fd is no regular file; what fstat(2) fails with; ENOMEM; ENOBUFS.
 * Blocks           never
 * Ownership        the descriptor is the response's from then on, also after a failure
 * Source           RFC 9110, 8.8, 13, 14
 */
WEFT_API int weft_http_response_file(struct weft_http_request *request,
                                     struct weft_http_response *response, int fd, const char *type);

/**
 * The content-type of a file by the end of its name.
 *
 * @param name      With or without folders.
 * @return          Such as "text/html; charset=utf-8"; "application/octet-stream" for an end that
 *                  is not known.
 * Blocks           never
 */
WEFT_API const char *weft_http_type_of(const char *name);

/**
 * A folder whose files are served. Zeroed but for the options until weft_http_static_init().
 *
 * GET and HEAD alone; others get 405. A path names a file below the root and never one outside,
 * neither by ".." nor by a link. Names that begin with a dot are hidden, but
 * ".well-known"; so is everything that is neither a regular file nor a folder. A folder is its
 * index, and is told to end in a slash (301); nothing is listed.
 */
struct weft_http_static {
    struct weft_http_handler handler; /**< the handler; its `next` gets what is not found, or NULL:
                                           404 */
    const char *index;                /**< default "index.html" */
    const char *cache;                /**< the cache-control; default "no-cache": ask each time */
    int root_;                        /**< the folder */
};

/**
 * Open the folder.
 *
 * @param files     Zeroed but for its options; lives as long as it is served.
 * @param root      The folder's path.
 * @return          0; -1 and errno, with weft_error(), otherwise.
 * Errors           ENOENT, ENOTDIR, EACCES the folder; EMFILE.
 * Blocks           as open(2) does
 * Source           path rules: RFC 3986, 5.2.4
 */
WEFT_API int weft_http_static_init(struct weft_http_static *files, const char *root);

/**
 * Close the folder.
 *
 * @param files     Not served any more.
 * Blocks           never
 */
WEFT_API void weft_http_static_fini(struct weft_http_static *files);

WEFT_END_DECLS

#endif
