/* The same request by llhttp, its callbacks noting where target, names and values lie. */
#include "bench.h"

#include <llhttp.h>

#include "request.h"

struct slice {
    const char *data;
    size_t length;
};

struct message {
    struct slice target;
    struct slice names[100];
    struct slice values[100];
    size_t fields;
    int complete;
};

static int on_target(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    message->target = (struct slice){ at, length };
    return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    message->names[message->fields] = (struct slice){ at, length };
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
    struct message *message = parser->data;
    message->values[message->fields] = (struct slice){ at, length };
    return 0;
}

static int on_value_complete(llhttp_t *parser)
{
    struct message *message = parser->data;
    message->fields++;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct message *message = parser->data;
    message->complete = 1;
    return 0;
}

static llhttp_settings_t settings;

static void parse(int64_t count)
{
    struct message message;
    llhttp_t parser;

    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &message;
    for (int64_t i = 0; i < count; i++) {
        message.fields = 0;
        message.complete = 0;
        if (llhttp_execute(&parser, bench_request, BENCH_REQUEST) != HPE_OK || !message.complete ||
            message.fields != BENCH_FIELDS)
            abort();
    }
}

int main(void)
{
    llhttp_settings_init(&settings);
    settings.on_url = on_target;
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_value_complete;
    settings.on_message_complete = on_message_complete;
    bench_report("head", bench_measure(parse, 400000));
    return 0;
}
