/*
 * A server in a thread of its own, and raw sockets against it: what is sent and what comes back is
 * looked at byte by byte. Every wait is bounded.
 */
#ifndef TESTS_WIRE_WIRE_H
#define TESTS_WIRE_WIRE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "tap.h"

enum {
    WIRE_PATIENCE = 10000, /* ms until a test gives up waiting for bytes */
    WIRE_ANSWER = 1 << 16,
};

struct wire {
    struct weft_http_server *server;
    int port;
    pthread_t thread;
    int commands[2]; /* written to by the test, read by a fiber */
    struct weft_http_server_stats stats;
    atomic_int asked; /* stats are to be taken */
    int result;
    int error;
};

/* Commands: 's' stop, 'i' take figures, 'q' end this fiber. */
static int wire_command(void *argument)
{
    struct wire *wire = *(struct wire **)argument;
    char command;
    while (read(wire->commands[0], &command, 1) == 1 && command != 'q') {
        if (command == 's') {
            weft_http_server_stop(wire->server);
        } else if (command == 'i') {
            weft_http_server_stats(wire->server, &wire->stats);
            wire->asked = 0;
        }
    }
    return 0;
}

static int wire_serve(void *argument)
{
    struct wire *wire = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_go_transient(&scope, wire_command, (struct wire *){ wire });
    wire->result = weft_http_server_run(wire->server);
    wire->error = errno;
    return 0;
}

static void *wire_thread(void *argument)
{
    struct wire *wire = argument;
    must(weft_run(wire_serve, wire) == 0, "the server's runtime");
    return NULL;
}

/** Start a server for the test application on a free port. */
__attribute__((unused)) static void wire_start(struct wire *wire, struct weft_http_options options)
{
    memset(wire, 0, sizeof(*wire));
    if (!options.handler) {
        options.handler = app_make();
    }
    if (!options.address) {
        options.address = "127.0.0.1:0";
    }
    signal(SIGPIPE, SIG_DFL); /* a server that does not guard its writes would end the test */
    alarm(120);
    wire->server = weft_http_server_new(&options);
    must(wire->server, "making a server: %s", weft_error() ? weft_error()->message : "");
    wire->port = weft_http_server_port(wire->server);
    must(pipe(wire->commands) == 0, "a pipe for commands");
    must(pthread_create(&wire->thread, NULL, wire_thread, wire) == 0, "the server's thread");
}

__attribute__((unused)) static void wire_tell(struct wire *wire, char command)
{
    must(write(wire->commands[1], &command, 1) == 1, "a command for the server");
}

/** The server's figures. */
__attribute__((unused)) static struct weft_http_server_stats wire_stats(struct wire *wire)
{
    wire->asked = 1;
    wire_tell(wire, 'i');
    for (int i = 0; i < WIRE_PATIENCE && wire->asked; i++) {
        usleep(1000);
    }
    must(!wire->asked, "the server gives its figures");
    return wire->stats;
}

/** Wait for the end of a server that was told to stop. */
__attribute__((unused)) static void wire_join(struct wire *wire)
{
    must(pthread_join(wire->thread, NULL) == 0, "joining the server's thread");
    weft_http_server_free(wire->server);
    close(wire->commands[0]);
    close(wire->commands[1]);
}

__attribute__((unused)) static void wire_stop(struct wire *wire)
{
    wire_tell(wire, 's');
    wire_join(wire);
}

/** Milliseconds of a clock that only goes forward. */
__attribute__((unused)) static int64_t wire_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((unused)) static int wire_connect(const struct wire *wire)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)wire->port) };
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0, "connecting");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

/** Send all; a server that has closed already is no failure of the test. */
__attribute__((unused)) static void wire_send(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0) {
            return;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
}

/** Receive some; 0 at the end of the stream, -1 on a reset or after `patience` ms. */
__attribute__((unused)) static ssize_t wire_receive(int fd, char *bytes, size_t size, int patience)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    if (poll(&wait, 1, patience) <= 0) {
        errno = ETIMEDOUT;
        return -1;
    }
    return recv(fd, bytes, size, 0);
}

/** Receive up to the end of the stream (or a reset): how many bytes, with a NUL behind them. */
__attribute__((unused)) static size_t wire_receive_all(int fd, char *bytes, size_t size)
{
    size_t filled = 0;
    ssize_t got = 1;
    while (filled < size - 1 &&
           (got = wire_receive(fd, bytes + filled, size - 1 - filled, WIRE_PATIENCE)) > 0) {
        filled += (size_t)got;
    }
    bytes[filled] = '\0';
    return filled;
}

/** Receive until `text` has come, `count` times. True if it has. */
__attribute__((unused)) static bool wire_receive_until(int fd, char *bytes, size_t size,
                                                       const char *text, int count)
{
    size_t filled = 0;
    bytes[0] = '\0';
    for (;;) {
        int seen = 0;
        for (const char *at = bytes; (at = strstr(at, text)); at += strlen(text)) {
            seen++;
        }
        if (seen >= count) {
            return true;
        }
        ssize_t got = wire_receive(fd, bytes + filled, size - 1 - filled, WIRE_PATIENCE);
        if (got <= 0) {
            return false;
        }
        filled += (size_t)got;
        bytes[filled] = '\0';
    }
}

/** Send bytes on a connection of their own, end our side, and receive all that comes back. */
__attribute__((unused)) static size_t wire_exchange(const struct wire *wire, const char *bytes,
                                                    size_t length, char *answer, size_t size)
{
    int fd = wire_connect(wire);
    wire_send(fd, bytes, length);
    shutdown(fd, SHUT_WR);
    size_t got = wire_receive_all(fd, answer, size);
    close(fd);
    return got;
}

/** The status of an answer; 0 if there is none. */
__attribute__((unused)) static int wire_status(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

/** The body of an answer. */
__attribute__((unused)) static const char *wire_body(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "";
}

/** Wait until a counter has a value; false after a while. */
__attribute__((unused)) static bool wire_reaches(atomic_int *counter, int value)
{
    for (int i = 0; i < WIRE_PATIENCE / 5; i++) {
        if (*counter == value) {
            return true;
        }
        usleep(5000);
    }
    return false;
}

#endif
