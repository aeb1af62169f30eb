/* The clerk: what has to be done for many connections at a time, by one fiber. */
#include <stdio.h>
#include <time.h>

#include <weft/time.h>

#include "http/exchange.h"

#define SHORTEST_TICK (10 * WEFT_MILLISECOND)

static void end_idle(struct weft_http_server *server, int64_t now)
{
    int64_t limit = server->stopping ? server->options.stop_idle : server->options.idle_timeout;
    if (limit == WEFT_FOREVER) {
        return;
    }
    while (!weft__list_empty(&server->idle)) {
        struct weft__connection *first =
            weft__container_of(server->idle.next, struct weft__connection, node);
        if (now - first->idle_since < limit) {
            return;
        }
        weft__connection_expire(first);
    }
}

static void send_heartbeats(struct weft_http_server *server, int64_t now)
{
    weft__list_each(node, &server->beats) {
        weft__output_beat(weft__container_of(node, struct weft_http_stream, beat), now);
    }
}

static void tick_upgraded(struct weft_http_server *server, int64_t now)
{
    weft__list_each(node, &server->upgraded) {
        struct weft__upgraded *upgraded = weft__container_of(node, struct weft__upgraded, node);
        upgraded->operations->tick(upgraded, now);
    }
}

void weft__clerk_hurry(struct weft_http_server *server, int64_t interval)
{
    if (interval == WEFT_FOREVER) {
        return;
    }
    int64_t tick = interval / 4 > SHORTEST_TICK ? interval / 4 : SHORTEST_TICK;
    if (tick < server->tick) {
        server->tick = tick;
    }
}

int weft__clerk(void *argument)
{
    struct weft_http_server *server = *(struct weft_http_server **)argument;
    for (;;) {
        int waited = server->stats.connections > 0 ? weft_sleep(server->tick)
                                                   : weft_condition_wait(&server->opened);
        if (waited < 0) {
            return 0;
        }
        server->clock = weft_now();
        end_idle(server, server->clock);
        send_heartbeats(server, server->clock);
        tick_upgraded(server, server->clock);
    }
}

struct weft__slice weft__server_date(struct weft_http_server *server)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now); /* a few ns: no system call, no clock read */
    if (now.tv_sec != server->date_second) {
        static const char DAYS[] = "SunMonTueWedThuFriSat";
        static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        struct tm tm;
        gmtime_r(&now.tv_sec, &tm);
        server->date_second = now.tv_sec;
        server->date_length = (size_t)snprintf(
            server->date, sizeof(server->date), "date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
            DAYS + tm.tm_wday * 3, tm.tm_mday % 100, MONTHS + tm.tm_mon * 3,
            (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
    return weft__slice(server->date, server->date_length);
}
