#include "net/dial.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <weft/task.h>
#include <weft/time.h>

#include "base/fail.h"

struct address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name;
};

/* Attempts of one dial: those that are under way lie in `waits`. */
struct race {
    struct address addresses[WEFT__DIAL_ADDRESSES];
    size_t count;
    size_t next; /* the first one not tried */
    struct pollfd waits[WEFT__DIAL_ADDRESSES];
    size_t pending;
    int64_t step;                    /* when the next one may begin */
    int error;                       /* of the last failure */
    const struct sockaddr_un *local; /* NULL: addresses it is */
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool take_literal(struct race *race, const char *host, uint16_t port)
{
    struct address *address = &race->addresses[0];
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, host, &address->name.v4.sin_addr) == 1) {
        address->name.v4.sin_family = AF_INET;
        address->name.v4.sin_port = htons(port);
        address->length = sizeof(address->name.v4);
    } else if (inet_pton(AF_INET6, host, &address->name.v6.sin6_addr) == 1) {
        address->name.v6.sin6_family = AF_INET6;
        address->name.v6.sin6_port = htons(port);
        address->length = sizeof(address->name.v6);
    } else {
        return false;
    }
    race->count = 1;
    return true;
}

static void take(struct race *race, const struct addrinfo *entry)
{
    struct address *address = &race->addresses[race->count];
    if (entry->ai_addrlen <= sizeof(address->name)) {
        memcpy(&address->name, entry->ai_addr, entry->ai_addrlen);
        address->length = entry->ai_addrlen;
        race->count++;
    }
}

/* The next entry of that family, or of another than it, at or behind `entry`. */
static const struct addrinfo *seek(const struct addrinfo *entry, int family, bool same)
{
    while (entry && (entry->ai_family == family) != same) {
        entry = entry->ai_next;
    }
    return entry;
}

/* RFC 8305, 4: families in turn, beginning with the resolver's first choice. */
static void interleave(struct race *race, const struct addrinfo *list)
{
    int family = list->ai_family;
    const struct addrinfo *first = list;
    const struct addrinfo *other = seek(list, family, false);
    while ((first || other) && race->count < WEFT__DIAL_ADDRESSES) {
        if (first) {
            take(race, first);
            first = seek(first->ai_next, family, true);
        }
        if (other && race->count < WEFT__DIAL_ADDRESSES) {
            take(race, other);
            other = seek(other->ai_next, family, false);
        }
    }
}

static int fail(struct weft__dial *dial, enum weft__dial_failure failure, int error)
{
    dial->failure = failure;
    return weft__fail(error);
}

/* A wait has failed or has ended: by this dial's own deadline, or by something around it? */
static int interrupted(struct weft__dial *dial, int64_t deadline, int error)
{
    bool own = error == ETIMEDOUT && deadline != WEFT_FOREVER && weft_now() >= deadline;
    return fail(dial, own ? WEFT__DIAL_LATE : WEFT__DIAL_STOPPED, error);
}

static int look_up(struct race *race, const char *host, uint16_t port, int64_t deadline,
                   struct weft__dial *dial)
{
    if (take_literal(race, host, port)) {
        return 0;
    }
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    WEFT_TIMEOUT(deadline == WEFT_FOREVER ? WEFT_FOREVER : deadline - weft_now());
    errno = 0;
    int result = getaddrinfo(host, service, &hints, &list);
    int error = errno;
    if (result == 0) {
        interleave(race, list);
        freeaddrinfo(list);
        return 0;
    }
    if (result == EAI_SYSTEM && (error == ECANCELED || error == ETIMEDOUT)) {
        return interrupted(dial, deadline, error);
    }
    dial->detail = gai_strerror(result);
    return fail(dial, WEFT__DIAL_LOOKUP, result == EAI_MEMORY ? ENOMEM : ENOENT);
}

/* Begin the next attempt. A connected socket; -1: none yet. */
static int start(struct race *race)
{
    const struct address *address = &race->addresses[race->next++];
    const struct sockaddr *name =
        race->local ? (const struct sockaddr *)race->local : &address->name.any;
    socklen_t length = race->local ? sizeof(*race->local) : address->length;
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        race->error = errno;
        return -1;
    }
    if (connect(fd, name, length) == 0) {
        return fd;
    }
    if (errno != EINPROGRESS) {
        race->error = errno;
        close(fd);
        return -1;
    }
    race->waits[race->pending++] = (struct pollfd){ .fd = fd, .events = POLLOUT };
    race->step = weft_now() + WEFT__DIAL_STEP_MS * WEFT_MILLISECOND;
    return -1;
}

/* Look at the attempts that have news. The winner, taken out; -1: none. */
static int harvest(struct race *race)
{
    for (size_t i = 0; i < race->pending;) {
        if (!race->waits[i].revents) {
            i++;
            continue;
        }
        int fd = race->waits[i].fd;
        int error = 0;
        socklen_t size = sizeof(error);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        race->waits[i] = race->waits[--race->pending];
        if (error == 0) {
            return fd;
        }
        race->error = error;
        race->step = 0; /* no need to wait: the next one may begin */
        close(fd);
    }
    return -1;
}

static int milliseconds(int64_t duration)
{
    if (duration <= 0) {
        return 0;
    }
    int64_t ms = (duration + WEFT_MILLISECOND - 1) / WEFT_MILLISECOND;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static int wait_for(struct race *race, int64_t deadline)
{
    int64_t until = race->next < race->count ? earlier(race->step, deadline) : deadline;
    int patience = until == WEFT_FOREVER ? -1 : milliseconds(until - weft_now());
    int ready = poll(race->waits, race->pending, patience);
    return ready < 0 && errno == EINTR ? 0 : ready;
}

static int run(struct race *race, int64_t deadline, struct weft__dial *dial)
{
    for (;;) {
        while (race->next < race->count && (race->pending == 0 || weft_now() >= race->step)) {
            int fd = start(race);
            if (fd >= 0) {
                return fd;
            }
        }
        if (race->pending == 0) {
            return fail(dial, WEFT__DIAL_CONNECT, race->error);
        }
        if (wait_for(race, deadline) < 0) {
            return interrupted(dial, deadline, errno);
        }
        int fd = harvest(race);
        if (fd >= 0) {
            return fd;
        }
        if (deadline != WEFT_FOREVER && weft_now() >= deadline) {
            return fail(dial, WEFT__DIAL_LATE, ETIMEDOUT);
        }
    }
}

/* The loser's sockets go; the winner blocks again, and sends at once. */
static int finish(struct race *race, int winner)
{
    int error = errno;
    for (size_t i = 0; i < race->pending; i++) {
        close(race->waits[i].fd);
    }
    if (winner >= 0) {
        int on = 1;
        setsockopt(winner, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        fcntl(winner, F_SETFL, 0);
    }
    errno = error;
    return winner;
}

int weft__dial_host(const char *host, uint16_t port, int64_t deadline, struct weft__dial *dial)
{
    struct race race = { .error = EHOSTUNREACH };
    *dial = (struct weft__dial){ WEFT__DIAL_CONNECT, NULL };
    if (look_up(&race, host, port, deadline, dial) < 0) {
        return -1;
    }
    return finish(&race, run(&race, deadline, dial));
}

int weft__dial_unix(const char *path, int64_t deadline, struct weft__dial *dial)
{
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    struct race race = { .count = 1, .local = &local };
    *dial = (struct weft__dial){ WEFT__DIAL_CONNECT, NULL };
    if (strlen(path) >= sizeof(local.sun_path)) {
        return fail(dial, WEFT__DIAL_CONNECT, ENAMETOOLONG);
    }
    memcpy(local.sun_path, path, strlen(path) + 1);
    return finish(&race, run(&race, deadline, dial));
}
