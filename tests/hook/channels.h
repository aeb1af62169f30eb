/* Everything one can read from and write to, as pairs: what goes into [1] comes out of [0]. */
#ifndef TESTS_CHANNELS_H
#define TESTS_CHANNELS_H

#include "hook.h"

struct channel {
    const char *name;
    void (*open)(int pair[2]);
    bool socket;
    bool event; /* carries numbers of eight bytes */
};

static void open_socketpair(int pair[2])
{
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a socket pair");
}

static void open_seqpacket(int pair[2])
{
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "a socket pair");
}

static void open_datagram(int pair[2])
{
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0, "a socket pair");
}

static void open_tcp(int pair[2])
{
    tcp_pair(pair);
}

/* As handed over by another program: no hook has seen it made. */
static void open_stranger(int pair[2])
{
    int made[2];
    tcp_pair(made);
    for (int i = 0; i < 2; i++) {
        pair[i] = (int)syscall(SYS_dup, made[i]);
        must(pair[i] >= 0 && syscall(SYS_close, made[i]) == 0, "a descriptor nobody knows");
    }
}

static void open_pipe(int pair[2])
{
    must(pipe(pair) == 0, "a pipe");
}

static void open_fifo(int pair[2])
{
    char path[] = "/tmp/weft-fifo-XXXXXX";
    must(mkdtemp(path) != NULL, "a folder");
    char name[64];
    snprintf(name, sizeof name, "%s/fifo", path);
    must(mkfifo(name, 0600) == 0, "a FIFO");
    int both = open(name, O_RDWR);
    pair[0] = open(name, O_RDONLY);
    pair[1] = open(name, O_WRONLY);
    must(both >= 0 && pair[0] >= 0 && pair[1] >= 0, "its ends");
    close(both);
    unlink(name);
    rmdir(path);
}

/* [0] is the terminal a program would have, [1] what a person types into. */
static void open_terminal(int pair[2])
{
    must(openpty(&pair[1], &pair[0], NULL, NULL, NULL) == 0, "a terminal");
    struct termios mode;
    must(tcgetattr(pair[0], &mode) == 0, "its mode");
    cfmakeraw(&mode);
    must(tcsetattr(pair[0], TCSANOW, &mode) == 0, "its raw mode");
}

static void open_terminal_master(int pair[2])
{
    int swapped[2];
    open_terminal(swapped);
    pair[0] = swapped[1];
    pair[1] = swapped[0];
}

static void open_event(int pair[2])
{
    pair[0] = eventfd(0, 0);
    pair[1] = dup(pair[0]);
    must(pair[0] >= 0 && pair[1] >= 0, "an eventfd");
}

static const struct channel channels[] = {
    { .name = "local stream", .open = open_socketpair, .socket = true },
    { .name = "local seqpacket", .open = open_seqpacket, .socket = true },
    { .name = "local datagram", .open = open_datagram, .socket = true },
    { .name = "TCP", .open = open_tcp, .socket = true },
    { .name = "unknown TCP", .open = open_stranger, .socket = true },
    { .name = "pipe", .open = open_pipe },
    { .name = "FIFO", .open = open_fifo },
    { .name = "terminal", .open = open_terminal },
    { .name = "terminal's master", .open = open_terminal_master },
    { .name = "eventfd", .open = open_event, .event = true },
};

static void channel_close(int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

/* Put eight bytes in without any hook. */
__attribute__((unused)) static void channel_feed(const int pair[2])
{
    uint64_t one = 1;
    must(syscall(SYS_write, pair[1], &one, sizeof one) == sizeof one, "eight bytes went in");
}

#endif
