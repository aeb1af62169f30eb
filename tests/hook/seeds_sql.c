/* Plain libpq under a thousand orders of its fibers. */
#include <libpq-fe.h>

#include "seeds.h"

enum {
    CONNECTIONS = 4,
    QUERIES = 5
};

static PGconn *connections[CONNECTIONS];

/* Each fiber counts on a connection of its own, which has seen all seeds before. */
static int count(void *argument)
{
    PGconn *connection = connections[*(int *)argument];
    for (int i = 0; i < QUERIES; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        const char *values[] = { text };
        PGresult *result = PQexecParams(
            connection, "SELECT n, repeat('x', n * 100) FROM generate_series(1, $1::int + 3) n", 1,
            NULL, values, NULL, NULL, 0);
        bool right = PQntuples(result) == i + 3;
        for (int row = 0; right && row < i + 3; row++)
            right = PQgetlength(result, row, 1) == (row + 1) * 100;
        if (!right)
            diag("%s", PQerrorMessage(connection));
        PQclear(result);
        if (!right)
            return -1;
    }
    return 0;
}

FIBER(count_all)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < CONNECTIONS; i++)
        weft_go(&scope, count, (int){ i });
    return weft_scope_wait(&scope);
}

int main(void)
{
    alarm(140);
    const char *where = server_address("TEST_POSTGRESQL");
    for (int i = 0; i < CONNECTIONS; i++) {
        connections[i] = PQconnectdb(where);
        must(PQstatus(connections[i]) == CONNECTION_OK, "a connection");
    }
    try_seeds(count_all);
    for (int i = 0; i < CONNECTIONS; i++)
        PQfinish(connections[i]);
    return done_testing();
}
