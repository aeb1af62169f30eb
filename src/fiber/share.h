#ifndef WEFT_FIBER_SHARE_H
#define WEFT_FIBER_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which fibers have the processor: the watchdog notes at each of its samples who runs. What was
 * seen is halved every WEFT__SHARE_WINDOW samples; a fiber that is not among those kept takes the
 * place of the one that was seen least.
 */

enum {
    WEFT__SHARE_FIBERS = 64,
    WEFT__SHARE_WINDOW = 256
};

struct weft__fiber;

struct weft__shares {
    unsigned samples;
    struct weft__share {
        const volatile struct weft__fiber *fiber;
        int64_t started; /* tells it from the next one at its place */
        unsigned seen;
    } most[WEFT__SHARE_FIBERS];
};

/** One more sample; FIBER is NULL when none ran. */
void weft__share_note(struct weft__shares *shares, const volatile struct weft__fiber *fiber,
                      int64_t started);

/** The loop has rested for long: nobody had the processor. */
void weft__share_reset(struct weft__shares *shares);

/** In percent of a processor; -1 when there is no sample yet. */
int weft__share_of(const struct weft__shares *shares, const struct weft__fiber *fiber,
                   int64_t started);

#endif
