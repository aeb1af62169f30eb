#include "base/slice.h"

#include <locale.h>

#include "tap.h"

static void test_compare(void)
{
    struct weft__slice none = { NULL, 0 };

    ok(weft__slice_equal(none, WEFT__SLICE("")), "nothing equals the empty slice");
    ok(weft__slice_is(WEFT__SLICE("abc"), "abc"), "the same bytes are equal");
    ok(!weft__slice_is(WEFT__SLICE("abc"), "abd"), "one byte differs");
    ok(!weft__slice_is(WEFT__SLICE("abc"), "abcd"), "a prefix is not equal");
    ok(!weft__slice_is(WEFT__SLICE("a\0b"), "a"), "a NUL is a byte like others");
    ok(weft__slice_is_case(WEFT__SLICE("Content-LENGTH"), "content-length"), "ASCII case");
    ok(!weft__slice_is_case(WEFT__SLICE("a@"), "a`"), "@ and ` are 32 apart and differ");
    ok(!weft__slice_is_case(WEFT__SLICE("[x"), "{x"), "[ and { are 32 apart and differ");
    ok(!weft__slice_is_case(WEFT__SLICE("\xc9"), "\xe9"), "no case beyond ASCII");
    ok(weft__slice_starts(WEFT__SLICE("http://"), "http:"), "a prefix");
    ok(!weft__slice_starts(WEFT__SLICE("ht"), "http:"), "too short for the prefix");
    is_int(weft__slice_find(WEFT__SLICE("abcb"), 'b'), 1, "the first of two");
    is_int(weft__slice_find(WEFT__SLICE("abcb"), 'x'), 4, "absent: the length");
    is_int(weft__slice_find(none, 'x'), 0, "absent in nothing");
    ok(weft__slice_is(weft__slice_trim(WEFT__SLICE(" \t a b\t ")), "a b"), "blanks trimmed");
    ok(weft__slice_is(weft__slice_trim(WEFT__SLICE(" \t ")), ""), "only blanks");
    ok(weft__slice_is(weft__slice_trim(WEFT__SLICE("\na\n")), "\na\n"), "line ends are kept");
}

/* The pieces joined by bars. */
static const char *pieces(struct weft__slice text, bool list)
{
    static char out[128];
    size_t length = 0;
    struct weft__slice piece;

    while (list ? weft__slice_list(&text, &piece) : weft__slice_split(&text, ',', &piece)) {
        if (piece.length)
            memcpy(out + length, piece.data, piece.length);
        length += piece.length;
        out[length++] = '|';
    }
    out[length] = 0;
    return out;
}

static void test_split(void)
{
    is_str(pieces(WEFT__SLICE("a,b,c"), false), "a|b|c|", "three pieces");
    is_str(pieces(WEFT__SLICE(",a,"), false), "|a||", "empty pieces at both ends");
    is_str(pieces(WEFT__SLICE(""), false), "|", "an empty text is one empty piece");
    is_str(pieces((struct weft__slice){ NULL, 0 }, false), "", "no text has none");
    is_str(pieces(WEFT__SLICE(" a , ,b,,\tc "), true), "a|b|c|", "a list is trimmed");
    is_str(pieces(WEFT__SLICE("a=\"x,y\", b"), true), "a=\"x,y\"|b|", "quoted commas stay");
    is_str(pieces(WEFT__SLICE("\"a\\\",b\",c"), true), "\"a\\\",b\"|c|", "quoted quotes too");
    is_str(pieces(WEFT__SLICE("\"a\\"), true), "\"a\\|", "an open quote ends with the text");
    ok(weft__slice_list_has(WEFT__SLICE("a, Upgrade"), "upgrade"), "a list has a token");
    ok(!weft__slice_list_has(WEFT__SLICE("a, upgraded"), "upgrade"), "but not part of one");
}

static void check_number(int (*parse)(struct weft__slice, uint64_t *), const char *text,
                         int expected_errno, uint64_t expected)
{
    uint64_t value = 77;

    errno = 0;
    int result = parse(weft__slice_string(text), &value);
    is_int(errno, expected_errno, "'%s' gives the right errno", text);
    ok(result == (expected_errno ? -1 : 0) && value == (expected_errno ? 77 : expected),
       "'%s' gives the right value", text);
}

static void test_numbers(void)
{
    check_number(weft__parse_decimal, "0", 0, 0);
    check_number(weft__parse_decimal, "007", 0, 7);
    check_number(weft__parse_decimal, "18446744073709551615", 0, UINT64_MAX);
    check_number(weft__parse_decimal, "18446744073709551616", ERANGE, 0);
    check_number(weft__parse_decimal, "99999999999999999999999999", ERANGE, 0);
    check_number(weft__parse_decimal, "99999999999999999999999999x", EINVAL, 0);
    check_number(weft__parse_decimal, "", EINVAL, 0);
    check_number(weft__parse_decimal, " 1", EINVAL, 0);
    check_number(weft__parse_decimal, "1 ", EINVAL, 0);
    check_number(weft__parse_decimal, "+1", EINVAL, 0);
    check_number(weft__parse_decimal, "-1", EINVAL, 0);
    check_number(weft__parse_decimal, "1a", EINVAL, 0);
    check_number(weft__parse_decimal, "1,000", EINVAL, 0);
    check_number(weft__parse_hex, "fF09", 0, 0xff09);
    check_number(weft__parse_hex, "ffffffffffffffff", 0, UINT64_MAX);
    check_number(weft__parse_hex, "10000000000000000", ERANGE, 0);
    check_number(weft__parse_hex, "0x1", EINVAL, 0);
    check_number(weft__parse_hex, "g", EINVAL, 0);
}

int main(void)
{
    setlocale(LC_ALL, "");
    test_compare();
    test_split();
    test_numbers();
    return done_testing();
}
