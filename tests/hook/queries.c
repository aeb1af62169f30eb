/* 200 queries that each take half a second, by plain libpq on one thread. */
#include <libpq-fe.h>

#include "crowd.h"

enum {
    QUERIES = 200
};

static const char *where;
static int connected, good, most_threads;
static char first_failure[256];

static void note(const char *problem)
{
    if (!first_failure[0])
        snprintf(first_failure, sizeof first_failure, "%s", problem);
}

static int query(void *argument)
{
    int number = *(int *)argument;
    char expected[64];
    snprintf(expected, sizeof expected, "answer %d", number);
    const char *values[] = { expected };
    PGconn *connection = PQconnectdb(where);
    if (PQstatus(connection) != CONNECTION_OK)
        note(PQerrorMessage(connection));
    connected++;
    while (connected < QUERIES) /* nobody asks before all are connected */
        usleep(1000);
    crowd_enter();
    PGresult *result =
        PQexecParams(connection, "SELECT pg_sleep(0.5), $1::text", 1, NULL, values, NULL, NULL, 0);
    crowd_leave();
    if (PQresultStatus(result) == PGRES_TUPLES_OK &&
        strcmp(PQgetvalue(result, 0, 1), expected) == 0)
        good++;
    else
        note(PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    return 0;
}

FIBER(query_all)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    for (int i = 0; i < QUERIES; i++)
        must(weft_go(&scope, query, (int){ i }), "query %d was started", i);
    most_threads = thread_count();
    return weft_scope_wait(&scope);
}

FIBER(cancelled)
{
    PGconn *connection = PQconnectdb(where);
    must(PQstatus(connection) == CONNECTION_OK, "a connection");
    int64_t began = weft_now();
    {
        WEFT_TIMEOUT(100 * WEFT_MILLISECOND);
        PGresult *result = PQexec(connection, "SELECT pg_sleep(30)");
        ok(PQresultStatus(result) == PGRES_FATAL_ERROR, "a query under WEFT_TIMEOUT fails: %s",
           PQerrorMessage(connection));
        PQclear(result);
    }
    ok(weft_now() - began < 2 * WEFT_SECOND, "in time");
    PQfinish(connection);
    return 0;
}

int main(void)
{
    alarm(110);
    where = server_address("TEST_POSTGRESQL");
    int before = open_descriptors();
    int64_t began = weft_now();
    in_runtime(query_all);
    double took = (double)(weft_now() - began) / WEFT_SECOND;
    if (first_failure[0])
        diag("%s", first_failure);
    is_int(good, QUERIES, "200 queries of half a second, each with its own answer");
    is_int(crowd_most, QUERIES, "all at once");
    ok(took < QUERIES * 0.5 / 4, "in %.1f s instead of 100", took);
    is_int(most_threads, 1, "on one thread");
    in_runtime(cancelled);
    is_int(open_descriptors(), before, "no descriptor is left behind");
    return done_testing();
}
