/*
 * Servers for the client's tests, each in a thread of its own: one that answers as a script says,
 * byte by byte. The test's own fibers and threads are the client.
 */
#ifndef TESTS_WIRE_CLIENT_TEST_H
#define TESTS_WIRE_CLIENT_TEST_H

#include "wire.h"

/* A script server: `serve` is called for each connection, in the server's thread. */
struct scripted {
    int listener;
    int port;
    pthread_t thread;
    void (*serve)(struct scripted *server, int fd);
    atomic_int connections; /* accepted so far */
    atomic_int requests;    /* counted by the script */
    atomic_bool stopping;
    void *context;
};

static void *scripted_thread(void *argument)
{
    struct scripted *server = argument;
    int fd;
    while ((fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0 && !server->stopping) {
        server->connections++;
        server->serve(server, fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    return NULL;
}

__attribute__((unused)) static void scripted_start(struct scripted *server,
                                                   void (*serve)(struct scripted *server, int fd))
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t size = sizeof(name);
    memset(server, 0, sizeof(*server));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->serve = serve;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listener >= 0 && bind(server->listener, (struct sockaddr *)&name, size) == 0 &&
             listen(server->listener, 128) == 0 &&
             getsockname(server->listener, (struct sockaddr *)&name, &size) == 0,
         "a scripted server");
    server->port = ntohs(name.sin_port);
    must(pthread_create(&server->thread, NULL, scripted_thread, server) == 0, "its thread");
}

__attribute__((unused)) static void scripted_stop(struct scripted *server)
{
    server->stopping = true;
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

/** Read up to the empty line, plus a body of content-length. False at the end of the stream. */
__attribute__((unused)) static bool scripted_request(int fd, char *text, size_t size)
{
    size_t filled = 0;
    text[0] = '\0';
    while (!strstr(text, "\r\n\r\n")) {
        ssize_t got = wire_receive(fd, text + filled, size - 1 - filled, WIRE_PATIENCE);
        if (got <= 0) {
            return false;
        }
        filled += (size_t)got;
        text[filled] = '\0';
    }
    const char *length = strcasestr(text, "content-length: ");
    size_t wanted = length ? strtoul(length + 16, NULL, 10) : 0;
    const char *body = strstr(text, "\r\n\r\n") + 4;
    while ((size_t)(text + filled - body) < wanted) {
        ssize_t got = wire_receive(fd, text + filled, size - 1 - filled, WIRE_PATIENCE);
        if (got <= 0) {
            return false;
        }
        filled += (size_t)got;
        text[filled] = '\0';
    }
    return true;
}

__attribute__((unused)) static void scripted_answer(int fd, const char *text)
{
    wire_send(fd, text, strlen(text));
}

/** A client of a port of this machine. */
__attribute__((unused)) static struct weft_http_client *
client_make(int port, struct weft_http_client_options options)
{
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
    options.url = url;
    struct weft_http_client *client = weft_http_client_new(&options);
    must(client, "making a client: %s", weft_error() ? weft_error()->message : "");
    return client;
}

/** The code of the last failure; 0 if it was none of the client's. */
__attribute__((unused)) static int client_error(void)
{
    const struct weft_error *error = weft_error();
    return error && strcmp(error->domain, "http") == 0 ? error->code : 0;
}

/** The whole body of a response as text; "" if it can't be read. */
__attribute__((unused)) static const char *client_text(struct weft_http_response *response)
{
    const char *text = weft_http_response_read(response, (size_t)1 << 24, NULL);
    return text ? text : "";
}

#endif
