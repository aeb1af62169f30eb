#include "base/buffer.h"

#include "tap.h"

static bool holds(const struct weft__buffer *buffer, const char *text)
{
    return weft__slice_is(weft__buffer_slice(buffer), text);
}

static void test_content(void)
{
    struct weft__buffer buffer;

    weft__buffer_init(&buffer, 1000);
    ok(holds(&buffer, ""), "empty at first");
    ok(weft__buffer_append(&buffer, "hello ", 6) == 0, "append");
    ok(weft__buffer_appendf(&buffer, "%s %d", "world", 7) == 0, "append formatted");
    ok(holds(&buffer, "hello world 7"), "both are there");
    weft__buffer_consume(&buffer, 6);
    ok(holds(&buffer, "world 7"), "the front is gone after consuming");
    weft__buffer_clear(&buffer);
    ok(holds(&buffer, ""), "nothing after clear");
    ok(weft__buffer_append(&buffer, NULL, 0) == 0 && holds(&buffer, ""), "append nothing");

    char *room = weft__buffer_reserve(&buffer, 4);
    must(room, "reserve");
    ok(weft__buffer_room(&buffer) >= 4, "reserved room is there");
    memcpy(room, "abcd", 4);
    weft__buffer_added(&buffer, 3);
    ok(holds(&buffer, "abc"), "only what was added counts");

    size_t length = 0;
    char *text = weft__buffer_take(&buffer, &length);
    is_str(text, "abc", "taken as a string");
    is_int(length, 3, "with its length");
    ok(holds(&buffer, "") && buffer.capacity == 0, "and the buffer is empty");
    free(text);
    text = weft__buffer_take(&buffer, NULL);
    is_str(text, "", "an empty one gives an empty string");
    free(text);
    weft__buffer_fini(&buffer);
    weft__buffer_fini(&buffer);
    ok(weft__buffer_append(&buffer, "x", 1) == 0, "usable after fini");
    weft__buffer_fini(&buffer);
}

static void test_limit(void)
{
    struct weft__buffer buffer;
    char block[600];

    memset(block, 'x', sizeof block);
    weft__buffer_init(&buffer, 600);
    ok(weft__buffer_append(&buffer, block, 600) == 0, "exactly the limit fits");
    errno = 0;
    ok(weft__buffer_append(&buffer, "y", 1) == -1 && errno == ENOBUFS, "one more does not");
    is_int(buffer.length, 600, "and nothing was added");
    errno = 0;
    ok(weft__buffer_appendf(&buffer, "%s", "y") == -1 && errno == ENOBUFS, "formatted neither");
    errno = 0;
    ok(!weft__buffer_reserve(&buffer, SIZE_MAX) && errno == ENOBUFS, "no overflow of sizes");
    weft__buffer_consume(&buffer, 1);
    ok(weft__buffer_append(&buffer, "z", 1) == 0, "consuming makes room again");
    is_int(weft__buffer_slice(&buffer).data[599], 'z', "behind the rest");
    is_int(buffer.capacity, 600, "memory stays within the limit");
    weft__buffer_fini(&buffer);

    weft__buffer_init(&buffer, 300);
    memset(block, 'q', 299);
    block[299] = 0;
    ok(weft__buffer_appendf(&buffer, "%s!", block) == 0, "long formatted text at the limit");
    is_int(buffer.length, 300, "counts no terminator");
    errno = 0;
    weft__buffer_clear(&buffer);
    ok(weft__buffer_appendf(&buffer, "%s!!", block) == -1 && errno == ENOBUFS, "one above");
    is_int(buffer.length, 0, "adds nothing");
    weft__buffer_fini(&buffer);

    weft__buffer_init(&buffer, 1);
    ok(weft__buffer_append(&buffer, "a", 1) == 0 && buffer.capacity == 1, "the smallest limit");
    weft__buffer_fini(&buffer);
}

/* A queue of bytes through a small buffer keeps order over many moves. */
static void test_stream(void)
{
    struct weft__buffer buffer;
    unsigned char in = 0, out = 0;
    bool same = true;

    weft__buffer_init(&buffer, 1024);
    for (int round = 0; round < 5000; round++) {
        for (int i = 0; i < round % 37 && buffer.length < 1024; i++) {
            char byte = (char)in++;
            must(weft__buffer_append(&buffer, &byte, 1) == 0, "append");
        }
        size_t count = buffer.length < (size_t)(round % 41) ? buffer.length : (size_t)(round % 41);
        for (size_t i = 0; i < count; i++)
            same &= (unsigned char)weft__buffer_slice(&buffer).data[i] == out++;
        weft__buffer_consume(&buffer, count);
    }
    ok(same && out > 0, "bytes come out in the order they went in");
    weft__buffer_fini(&buffer);
}

int main(void)
{
    test_content();
    test_limit();
    test_stream();
    return done_testing();
}
