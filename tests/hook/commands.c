/* 1,000 commands by hiredis' blocking interface, 100 connections on one thread. */
#include <hiredis/hiredis.h>

#include "crowd.h"

enum {
    CLIENTS = 100,
    SETS = 5,
    SIZE = 3000
};

static int port, good, commands;
static char first_failure[256];

static redisReply *command(redisContext *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    commands++;
    if ((!reply || reply->type == REDIS_REPLY_ERROR) && !first_failure[0])
        snprintf(first_failure, sizeof first_failure, "%s: %s", format,
                 reply ? reply->str : context->errstr);
    return reply;
}

static void fill(char *value, int client, int round)
{
    for (int i = 0; i < SIZE; i++)
        value[i] = (char)(client * 31 + round * 7 + i * i);
}

static bool set_and_get(redisContext *context, int client, int round)
{
    char value[SIZE];
    fill(value, client, round);
    freeReplyObject(command(context, "SET key:%d %b", client, value, (size_t)SIZE));
    redisReply *reply = command(context, "GET key:%d", client);
    bool same = reply && reply->type == REDIS_REPLY_STRING && reply->len == SIZE &&
                memcmp(reply->str, value, SIZE) == 0;
    freeReplyObject(reply);
    return same;
}

static int talk(void *argument)
{
    int client = *(int *)argument;
    redisContext *context = redisConnect("127.0.0.1", port);
    must(context && !context->err, "a connection: %s", context ? context->errstr : "no memory");
    bool all = true;
    for (int round = 0; round < SETS; round++)
        all &= set_and_get(context, client, round);
    crowd_enter();
    redisReply *reply = command(context, "BLPOP queue:%d 60", client);
    crowd_leave();
    char expected[32];
    snprintf(expected, sizeof expected, "for %d", client);
    all &= reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
           strcmp(reply->element[1]->str, expected) == 0;
    freeReplyObject(reply);
    good += all;
    redisFree(context);
    return 0;
}

/* Pushes only once all the others wait. */
FIBER(push_all)
{
    redisContext *context = redisConnect("127.0.0.1", port);
    must(context && !context->err, "a connection");
    while (crowd_inside < CLIENTS)
        usleep(1000);
    for (int i = CLIENTS - 1; i >= 0; i--) {
        char item[32];
        snprintf(item, sizeof item, "for %d", i);
        freeReplyObject(command(context, "RPUSH queue:%d %s", i, item));
    }
    redisFree(context);
    return 0;
}

FIBER(all)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < CLIENTS; i++)
        weft_go(&scope, talk, (int){ i });
    weft_go(&scope, push_all, NOTHING);
    ok(thread_count() == 1, "one thread");
    return weft_scope_wait(&scope);
}

int main(void)
{
    port = atoi(server_address("TEST_REDIS"));
    in_runtime(all);
    if (first_failure[0])
        diag("%s", first_failure);
    is_int(good, CLIENTS, "each of 100 clients got its own bytes");
    ok(commands >= 1000, "%d commands", commands);
    is_int(crowd_most, CLIENTS, "all waited at once");
    return done_testing();
}
