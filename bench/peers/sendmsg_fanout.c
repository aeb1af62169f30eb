/* The same bytes to a thousand sockets by a bare loop of sendmsg(2): what the kernel takes. */
#include "fanout.h"

static int servers[FANOUT_CLIENTS];

static void send_to_all(void *context)
{
    static char bytes[FANOUT_HEAD + FANOUT_BYTES];
    (void)context;
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < FANOUT_CLIENTS; i++) {
        struct iovec slice = { bytes, sizeof bytes };
        struct msghdr message = { .msg_iov = &slice, .msg_iovlen = 1 };
        fanout_check(sendmsg(servers[i], &message, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof bytes,
                     "sendmsg");
    }
}

int main(void)
{
    int on = 1;
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t length = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fanout_limits();
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fanout_check(listener >= 0 && bind(listener, (struct sockaddr *)&name, length) == 0 &&
                     listen(listener, 16) == 0 &&
                     getsockname(listener, (struct sockaddr *)&name, &length) == 0,
                 "listen");
    for (int i = 0; i < FANOUT_CLIENTS; i++) {
        fanout_clients[i] = fanout_connect(ntohs(name.sin_port));
        servers[i] = accept(listener, NULL, NULL);
        fanout_check(servers[i] >= 0, "accept");
        setsockopt(servers[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    fanout_measure(send_to_all, NULL);
    return 0;
}
