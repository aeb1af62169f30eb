/* Stands behind the hooks in the order of loading: a resolver whose server takes its time. */
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Atomic int slow_names_asked;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    struct timespec time = { 0, 10 * 1000 * 1000 };
    (void)node, (void)service, (void)hints, (void)result;
    slow_names_asked++;
    syscall(SYS_nanosleep, &time, NULL);
    return EAI_AGAIN;
}
