/* Rows: sockets. */
#include "rows.h"

static struct msghdr *message(struct iovec *part)
{
    static struct msghdr header;
    header = (struct msghdr){ .msg_iov = part, .msg_iovlen = 1 };
    return &header;
}

static struct mmsghdr *messages(struct iovec *part)
{
    static struct mmsghdr headers[1];
    headers[0] = (struct mmsghdr){ .msg_hdr = *message(part) };
    return headers;
}

/* The bytes of the only message, not the number of messages. */
static long size_of_message(struct mmsghdr *headers, int count)
{
    return count == 1 ? (long)headers[0].msg_len : count;
}

static long receive_messages(void)
{
    struct mmsghdr *headers = messages(PART);
    return size_of_message(headers, recvmmsg(place.fd, headers, 1, 0, NULL));
}

static long send_messages(void)
{
    struct mmsghdr *headers = messages(OUTGOING);
    return size_of_message(headers, sendmmsg(place.fd, headers, 1, 0));
}

ROW(read, empty_socket, read(place.fd, place.bytes, 4))
ROW(write, full_socket, write(place.fd, much, place.size))
ROW(recv, empty_socket, recv(place.fd, place.bytes, 4, 0))
ROW(recv, empty_socket, recv(place.fd, place.bytes, 4, MSG_WAITALL))
ROW(recvfrom, empty_socket, recvfrom(place.fd, place.bytes, 4, 0, NULL, NULL))
ROW(recvmsg, empty_socket, recvmsg(place.fd, message(PART), 0))
ROW(recvmmsg, empty_socket, receive_messages())
ROW(send, full_socket, send(place.fd, much, place.size, 0))
ROW(sendto, full_socket, sendto(place.fd, much, place.size, 0, NULL, 0))
ROW(sendmsg, full_socket, sendmsg(place.fd, message(OUTGOING), 0))
ROW(sendmmsg, full_socket, send_messages())

static void prepare_limited(void)
{
    struct timeval limit = { .tv_sec = 100 };
    empty_socket.prepare();
    setsockopt(place.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static void wake_limited(void)
{
    empty_socket.wake();
}

/* With a limit of the socket's own a handler ends the wait even with SA_RESTART. */
static const struct setting limited_socket = { .prepare = prepare_limited,
                                               .wake = wake_limited,
                                               .traits = DESCRIPTOR };

ROW(recv, limited_socket, recv(place.fd, place.bytes, 4, 0))

/* --- connections */

static void prepare_listener(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    place.fd = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(place.fd, (struct sockaddr *)&address, sizeof address) == 0 &&
             listen(place.fd, 1) == 0,
         "a listener");
}

static void wake_listener(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(place.fd, (struct sockaddr *)&address, &length);
    place.peer = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(place.peer, (struct sockaddr *)&address, length) == 0, "a connection");
}

static const struct setting listener = { .prepare = prepare_listener,
                                         .wake = wake_listener,
                                         .traits = DESCRIPTOR };

ROW(accept, listener, row_opened(accept(place.fd, NULL, NULL)))
ROW(accept4, listener, row_opened(accept4(place.fd, NULL, NULL, SOCK_CLOEXEC)))

/* A listener so full that no further connection is answered; the socket that asks is place.fd. */
static int crowd[4];
static struct sockaddr_in full_address;

static void prepare_full_listener(void)
{
    socklen_t length = sizeof full_address;
    prepare_listener();
    must(listen(place.fd, 0) == 0 &&
             getsockname(place.fd, (struct sockaddr *)&full_address, &length) == 0,
         "a small listener");
    for (size_t i = 0; i < COUNT(crowd); i++) {
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(crowd[i], (struct sockaddr *)&full_address, length);
    }
    place.peer = place.fd;
    place.fd = socket(AF_INET, SOCK_STREAM, 0);
}

static void leave(void)
{
    for (size_t i = 0; i < COUNT(crowd); i++)
        if (crowd[i] > 0) {
            close(crowd[i]);
            crowd[i] = 0;
        }
}

static void wake_full_listener(void)
{
    leave();
    set_nonblocking(place.peer, true);
    for (int fd; (fd = accept(place.peer, NULL, NULL)) >= 0;)
        close(fd);
}

static const struct setting full_listener = { .prepare = prepare_full_listener,
                                              .wake = wake_full_listener,
                                              .finish = leave,
                                              .traits = DESCRIPTOR };

ROW(connect, full_listener,
    connect(place.fd, (struct sockaddr *)&full_address, sizeof full_address))
