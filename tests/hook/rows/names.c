/* Rows: looking up names. */
#include "rows.h"

#include <netdb.h>

static const struct setting resolver = { .traits = BRIEF };

static long resolved(const char *name)
{
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found = NULL;
    int error = getaddrinfo(name, "80", &hints, &found);
    if (error)
        return error;
    memcpy(place.bytes, found->ai_addr, sizeof(struct sockaddr_in));
    freeaddrinfo(found);
    return 0;
}

static const struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_port = 0x5000 };
static const uint32_t *address(void)
{
    static uint32_t number;
    number = htonl(INADDR_LOOPBACK);
    return &number;
}

static long named(int flags)
{
    struct sockaddr_in known = loopback;
    known.sin_addr.s_addr = *address();
    return getnameinfo((struct sockaddr *)&known, sizeof known, place.bytes, 32, place.bytes + 32,
                       32, flags);
}

static struct hostent host, *result;
static char buffer[1024];
static int host_error;

/* A pointer or none, as the call itself says it. */
static long is_loopback(const struct hostent *found)
{
    if (!found)
        return 0;
    memcpy(place.bytes, found->h_addr_list[0], (size_t)found->h_length);
    return 1;
}

static long filled(int error)
{
    if (!error && result)
        is_loopback(result);
    return error ? error : result ? 0 : -host_error;
}

ROW(getaddrinfo, resolver, resolved("localhost"))
ROW(getaddrinfo, resolver, resolved("127.0.0.300"))
ROW(getnameinfo, resolver, named(NI_NUMERICHOST))
ROW(getnameinfo, resolver, named(NI_NUMERICHOST | 1 << 20))
ROW(gethostbyname, resolver, is_loopback(gethostbyname("localhost")))
ROW(gethostbyname2, resolver, is_loopback(gethostbyname2("localhost", AF_INET)))
ROW(gethostbyaddr, resolver, is_loopback(gethostbyaddr(address(), 4, AF_INET)))
ROW(gethostbyname_r, resolver,
    filled(gethostbyname_r("localhost", &host, buffer, sizeof buffer, &result, &host_error)))
ROW(gethostbyname_r, resolver,
    filled(gethostbyname_r("localhost", &host, buffer, 1, &result, &host_error)))
ROW(gethostbyname2_r, resolver,
    filled(gethostbyname2_r("localhost", AF_INET, &host, buffer, sizeof buffer, &result,
                            &host_error)))
ROW(gethostbyaddr_r, resolver,
    filled(gethostbyaddr_r(address(), 4, AF_INET, &host, buffer, sizeof buffer, &result,
                           &host_error)))
