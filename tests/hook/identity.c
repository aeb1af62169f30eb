/*
 * What a fiber has of its own, and what it shares with its thread: errno, h_errno, buffers of the C
 * library, locale, floating point. Each claim of the guide's table is one here.
 */
#include "hook.h"

#include <arpa/inet.h>
#include <fenv.h>
#include <locale.h>
#include <netdb.h>
#include <stdlib.h>
#include <time.h>

/* Run STEP as another fiber while this one is parked in the middle of its own doings. */
static void meanwhile(int (*step)(void *))
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(weft_go(&scope, step, NOTHING) && weft_scope_wait(&scope) == 0, "another fiber");
}

FIBER(disturb)
{
    usleep(100);
    errno = EDOM;
    char text[] = "x:y";
    strtok(text, ":");
    struct tm other = { .tm_year = 1 };
    time_t then = mktime(&other);
    localtime(&then);
    inet_ntoa((struct in_addr){ 0x04030201 });
    strerror(99999);
    return 0;
}

FIBER(own)
{
    pthread_t thread = pthread_self();
    errno = ERANGE;
    meanwhile(disturb);
    is_int(errno, ERANGE, "errno is the fiber's");
    ok(pthread_equal(thread, pthread_self()), "pthread_self() is the thread's, and stays");
    return 0;
}

/* --- the C library's own buffers: one a thread */

FIBER(buffers)
{
    struct in_addr address = { htonl(INADDR_LOOPBACK) };
    char *text = inet_ntoa(address);
    must(strcmp(text, "127.0.0.1") == 0, "an address");
    meanwhile(disturb);
    ok(strcmp(text, "1.2.3.4") == 0, "inet_ntoa(): another fiber's call fills the same buffer");
    char buffer[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address, buffer, sizeof buffer);
    meanwhile(disturb);
    ok(strcmp(buffer, "127.0.0.1") == 0, "inet_ntop() has the caller's");

    char line[] = "a:b:c", *state;
    strtok(line, ":");
    meanwhile(disturb);
    char *rest = strtok(NULL, ":");
    ok(!rest || strcmp(rest, "b") != 0, "strtok(): another fiber's line goes on");
    char again[] = "a:b:c";
    strtok_r(again, ":", &state);
    meanwhile(disturb);
    ok(strcmp(strtok_r(NULL, ":", &state), "b") == 0, "strtok_r() has the caller's state");

    time_t now = 1000000000;
    struct tm *shared = localtime(&now), mine;
    must(shared->tm_year > 90, "a year");
    meanwhile(disturb);
    ok(shared->tm_year < 90, "localtime(): another fiber's call fills the same buffer");
    localtime_r(&now, &mine);
    meanwhile(disturb);
    ok(mine.tm_year > 90, "localtime_r() has the caller's");
    const char *message = strerror(ENOENT);
    meanwhile(disturb);
    ok(strcmp(message, strerror(ENOENT)) == 0, "strerror() of a known number is constant");
    return 0;
}

/* --- look-ups answer by the fiber's own record */

FIBER(look_up_other)
{
    return gethostbyname("127.0.0.9") ? 0 : -1;
}

FIBER(hosts)
{
    const struct hostent *host = gethostbyname("127.0.0.5");
    must(host, "a numeric name");
    char before[4];
    memcpy(before, host->h_addr_list[0], 4);
    meanwhile(look_up_other);
    ok(memcmp(before, host->h_addr_list[0], 4) == 0,
       "gethostbyname() answers in a record of the fiber's own");
    return 0;
}

/* --- locale: the thread's, as set by uselocale(); the fiber that sets it sets it for all */

static locale_t c_locale;

FIBER(set_locale)
{
    uselocale(c_locale);
    usleep(100);
    return 0;
}

FIBER(locales)
{
    c_locale = newlocale(LC_ALL_MASK, "C", NULL);
    must(c_locale, "a locale");
    locale_t before = uselocale(NULL);
    meanwhile(set_locale);
    ok(uselocale(NULL) == c_locale && before != c_locale,
       "uselocale() is the thread's: set it back before you park");
    uselocale(before);
    freelocale(c_locale);
    return 0;
}

/* --- floating point: the thread's */

FIBER(round_up)
{
    fesetround(FE_UPWARD);
    usleep(100);
    return 0;
}

FIBER(rounding)
{
    int before = fegetround();
    meanwhile(round_up);
    ok(fegetround() == FE_UPWARD, "the rounding mode is the thread's: set it back before you park");
    fesetround(before);
    return 0;
}

/* Values in registers are the fiber's, of course. */
FIBER(compute)
{
    double sum = 0;
    for (int i = 1; i <= 100; i++) {
        sum += 1.0 / i;
        weft_yield();
    }
    return sum > 5.18 && sum < 5.19 ? 0 : -1;
}

FIBER(registers)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 10; i++)
        weft_go(&scope, compute, NOTHING);
    is_int(weft_scope_wait(&scope), 0, "floating-point values survive a thousand switches");
    return 0;
}

/* --- variables: thread-local ones are shared, Weft's local ones are not */

static _Thread_local int counter;

FIBER(count)
{
    counter++;
    return 0;
}

FIBER(variables)
{
    counter = 1;
    meanwhile(count);
    is_int(counter, 2, "_Thread_local variables are the thread's");
    return 0;
}

int main(void)
{
    in_runtime(own);
    in_runtime(buffers);
    in_runtime(hosts);
    in_runtime(locales);
    in_runtime(rounding);
    in_runtime(registers);
    in_runtime(variables);
    return done_testing();
}
