/* What all HTTP/2 connections of a server share: nghttp2's settings, buffers, spare records. */

#include <errno.h>

#include "base/alloc.h"
#include "http/h2.h"

static void server_free(struct weft__server_part *part)
{
    struct weft__h2_server *shared = weft__container_of(part, struct weft__h2_server, part);
    struct weft__h2_stream *stream;
    while ((stream = shared->spare)) {
        shared->spare = stream->next_spare;
        weft__free(stream);
    }
    nghttp2_session_callbacks_del(shared->callbacks);
    nghttp2_option_del(shared->options);
    while (shared->block_count > 0) {
        weft__free(shared->blocks[--shared->block_count]);
    }
    weft__h2_memory_fini(&shared->memory);
    weft__free(shared);
}

/* Whoever holds one may park: system calls give way to other fibers. */
char *weft__h2_block_take(struct weft__h2_server *shared)
{
    return shared->block_count > 0 ? shared->blocks[--shared->block_count]
                                   : weft__malloc(WEFT__H2_BLOCK);
}

void weft__h2_block_give(struct weft__h2_server *shared, char *block)
{
    if (WEFT__H2_REUSE && block && shared->block_count < WEFT__H2_BLOCKS) {
        shared->blocks[shared->block_count++] = block;
    } else {
        weft__free(block);
    }
}

static void set_options(nghttp2_option *options)
{
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_settings(options, WEFT__H2_SETTINGS_MAX);
    nghttp2_option_set_max_outbound_ack(options, WEFT__H2_ACKS_MAX);
    nghttp2_option_set_builtin_recv_extension_type(options, NGHTTP2_PRIORITY_UPDATE);
    nghttp2_option_set_max_send_header_block_length(options, WEFT_HTTP_MEMORY_MAX);
    /* Resets are counted by us, together with those that the client makes us send. */
    nghttp2_option_set_stream_reset_rate_limit(options, (uint64_t)1 << 40, (uint64_t)1 << 20);
}

static int fill(struct weft__h2_server *shared)
{
    if (nghttp2_session_callbacks_new(&shared->callbacks) != 0 ||
        nghttp2_option_new(&shared->options) != 0) {
        return -1;
    }
    set_options(shared->options);
    weft__h2_frames_install(shared->callbacks);
    nghttp2_session_callbacks_set_send_data_callback(shared->callbacks, weft__h2_send_data);
    return 0;
}

struct weft__h2_server *weft__h2_server(struct weft_http_server *server)
{
    if (server->h2) {
        return weft__container_of(server->h2, struct weft__h2_server, part);
    }
    struct weft__h2_server *shared = weft__calloc(1, sizeof(*shared));
    if (!shared) {
        return NULL;
    }
    shared->part.free = server_free;
    if (fill(shared) < 0) {
        server_free(&shared->part);
        errno = ENOMEM;
        return NULL;
    }
    server->h2 = &shared->part;
    return shared;
}
