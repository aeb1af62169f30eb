/*
 * The wide scans against the same classes written out byte by byte: every byte value, at every
 * place, in texts of every length up to several steps of the widest scan.
 */
#include "proto/http1_scan.h"

#include "tap.h"

enum {
    LONGEST = 70
};

static bool is_text(unsigned char byte)
{
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

static bool is_token(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", byte);
}

static bool is_target(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7f && byte != '#';
}

struct scan {
    const char *name;
    const char *(*wide)(const char *, const char *);
    bool (*belongs)(unsigned char);
};

/* Count texts of one length in which the scan stops elsewhere than the class says. */
static int wrong_stops(const struct scan *scan, size_t length)
{
    char *text = malloc(length + 1); /* nothing may be read behind it */
    int wrong = 0;

    must(text, "memory");
    for (size_t place = 0; place < length; place++) {
        memset(text, 'a', length);
        for (int byte = 0; byte < 256; byte++) {
            text[place] = (char)byte;
            size_t stop = (size_t)(scan->wide(text, text + length) - text);
            wrong += stop != (scan->belongs((unsigned char)byte) ? length : place);
        }
    }
    free(text);
    return wrong;
}

int main(void)
{
    static const struct scan scans[] = {
        { "text", weft__http1_text_end, is_text },
        { "token", weft__http1_token_end, is_token },
        { "target", weft__http1_target_end, is_target },
    };

    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++) {
        int wrong = 0;
        for (size_t length = 0; length <= LONGEST; length++)
            wrong += wrong_stops(&scans[i], length);
        is_int(wrong, 0, "%s ends where it should", scans[i].name);
        char two[] = "aaaaaaaaaaaaaaaaaaaaaaaa";
        two[5] = two[9] = '\r';
        is_int(scans[i].wide(two, two + 24) - two, 5, "%s ends at the first of two", scans[i].name);
    }
    return done_testing();
}
