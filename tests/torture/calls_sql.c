/* Plain libpq, whose system calls fail. */
#include <libpq-fe.h>

#include "calls.h"

enum {
    ROWS = 100
};

static const char *where;

static int query(PGconn *connection)
{
    PGresult *result =
        PQexec(connection, "SELECT n, repeat('x', n) FROM generate_series(1, 100) n");
    int outcome = may_fail() ? 0 : -1;
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        outcome = PQntuples(result) == ROWS ? 0 : -1;
        for (int row = 0; outcome == 0 && row < ROWS; row++)
            outcome = PQgetlength(result, row, 1) == row + 1 ? 0 : -1;
    }
    PQclear(result);
    return outcome;
}

static int connect_and_query(void *unused)
{
    (void)unused;
    PGconn *connection = PQconnectdb(where);
    int outcome = may_fail() ? 0 : -1;
    if (PQstatus(connection) == CONNECTION_OK)
        outcome = query(connection);
    PQfinish(connection);
    return outcome;
}

static int query_twice(void *unused)
{
    (void)unused;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, connect_and_query, (int){ 0 });
    weft_go(&scope, connect_and_query, (int){ 1 });
    return weft_scope_wait(&scope);
}

int main(void)
{
    where = server_address("TEST_POSTGRESQL");
    try_calls(query_twice);
    return done_testing();
}
