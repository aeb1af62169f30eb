/*
 * A small crowd under a thousand orders: the same fibers, shuffled by one seed after another.
 *
 * WEFT_SEEDS=N tries N seeds in place of a thousand, WEFT_FIRST_SEED=S begins with S: so a failing
 * one is tried again by itself.
 */
#ifndef TESTS_SEEDS_H
#define TESTS_SEEDS_H

#include <stdlib.h>

#include "crowd.h"

static unsigned long seed_number(const char *name, unsigned long usual)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : usual;
}

/** Run ROOT with each seed. It returns 0 if all was as it has to be. */
static void try_seeds(int (*root)(void *))
{
    unsigned long count = seed_number("WEFT_SEEDS", UNDER_TSAN ? 20 : 1000);
    unsigned long first = seed_number("WEFT_FIRST_SEED", 1);
    int before = open_descriptors();
    for (unsigned long seed = first; seed < first + count; seed++) {
        struct weft_options options = { .seed = seed };
        int result = weft_run_with(&options, root, NULL);
        must(result == 0, "all is exact; again by WEFT_FIRST_SEED=%lu WEFT_SEEDS=1", seed);
    }
    is_int(open_descriptors(), before, "%lu seeds from %lu on: exact, no descriptor is left", count,
           first);
}

#endif
