#include "proto/accept.h"

/* "0", "0.25", "1.000": at most three digits behind the point. -1: none of that. */
static int parse_quality(struct weft__slice text)
{
    if (text.length == 0 || text.length > 5 || (text.data[0] != '0' && text.data[0] != '1')) {
        return -1;
    }
    int value = (text.data[0] - '0') * 1000;
    if (text.length > 1 && text.data[1] != '.') {
        return -1;
    }
    int weight = 100;
    for (size_t i = 2; i < text.length; i++, weight /= 10) {
        if (!weft__is_digit(text.data[i])) {
            return -1;
        }
        value += (text.data[i] - '0') * weight;
    }
    return value <= 1000 ? value : -1;
}

/* The quality among the parameters behind a token; 1000 if there is none. */
static int quality_of(struct weft__slice parameters)
{
    struct weft__slice parameter;
    while (weft__slice_split(&parameters, ';', &parameter)) {
        parameter = weft__slice_trim(parameter);
        if (parameter.length >= 2 && weft__lower(parameter.data[0]) == 'q' &&
            parameter.data[1] == '=') {
            return parse_quality(weft__slice(parameter.data + 2, parameter.length - 2));
        }
    }
    return 1000;
}

int weft__accept_quality(struct weft__slice list, const char *token)
{
    struct weft__slice piece;
    while (weft__slice_list(&list, &piece)) {
        size_t length = weft__slice_find(piece, ';');
        if (!weft__slice_is_case(weft__slice_trim(weft__slice(piece.data, length)), token)) {
            continue;
        }
        return length == piece.length
                   ? 1000
                   : quality_of(weft__slice(piece.data + length + 1, piece.length - length - 1));
    }
    return -1;
}
