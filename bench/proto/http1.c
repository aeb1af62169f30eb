/* ns to parse a request head: into fields, with its framing decided and its host checked. */
#include "proto/http1.h"
#include "bench.h"
#include "request.h"

static void parse(int64_t count)
{
    struct weft__http1_field fields[100];
    struct weft__http1_head head;

    for (int64_t i = 0; i < count; i++) {
        weft__http1_request_init(&head, NULL, fields, 100);
        if (weft__http1_head_parse(&head, bench_request, BENCH_REQUEST) != WEFT__HTTP1_DONE ||
            head.field_count != BENCH_FIELDS)
            abort();
    }
}

int main(void)
{
    bench_report("head", bench_measure(parse, 400000));
    return 0;
}
