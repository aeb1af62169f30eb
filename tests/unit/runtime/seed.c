/* A seed shuffles every scheduling choice, reproducibly, and no meaning depends on it. */
#include "runtime.h"

enum {
    SEEDS = 200
};

static int run_seeded(uint64_t seed, int (*function)(void *), void *argument)
{
    struct weft_options options = { .virtual_clock = true, .seed = seed };
    return weft_run_with(&options, function, argument);
}

struct order {
    char text[64];
    size_t length;
};

struct letter {
    struct order *order;
    char letter;
};

FIBER(write_letter)
{
    struct letter *mine = argument;
    for (int i = 0; i < 3; i++) {
        must(weft_yield() == 0, "yield");
        mine->order->text[mine->order->length++] = mine->letter;
    }
    return 0;
}

FIBER(write_all)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (char letter = 'a'; letter <= 'f'; letter++)
        weft_go(&scope, write_letter, (struct letter){ argument, letter });
    return weft_scope_wait(&scope);
}

static void reproducible(void)
{
    struct order first = { 0 };
    int different = 0;
    int same = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct order once = { 0 };
        struct order twice = { 0 };
        must(run_seeded(seed, write_all, &once) == 0, "seed %llu", (unsigned long long)seed);
        must(run_seeded(seed, write_all, &twice) == 0, "seed %llu", (unsigned long long)seed);
        same += strcmp(once.text, twice.text) == 0;
        if (seed == 1)
            first = once;
        different += strcmp(once.text, first.text) != 0;
    }
    is_int(same, 20, "one seed gives one order");
    ok(different >= 15, "different seeds give different ones");
    diag("%s", first.text);

    struct order plain = { 0 };
    must(run_virtual(write_all, &plain) == 0, "plain");
    is_str(plain.text, "abcdefabcdefabcdef", "without a seed it is first in, first out");
}

/** A shop: cooks make dishes, waiters carry them past a narrow door, guests may give up. */
struct shop {
    struct weft_semaphore door;
    struct weft_channel *dishes;
    int cooked;
    int served;
    int in_the_door;
    int most_in_the_door;
    int gave_up;
    int guests;
    bool wrong;
};

FIBER(cook)
{
    struct shop *shop = *(struct shop **)argument;
    for (int i = 0; i < 10; i++) {
        if (weft_sleep(WEFT_MILLISECOND) < 0)
            return -1;
        if (weft_channel_send(shop->dishes, &i) < 0)
            return -1;
        shop->cooked++;
    }
    return 0;
}

FIBER(eat)
{
    struct shop *shop = *(struct shop **)argument;
    int dish = -1;
    WEFT_TIMEOUT_AS(patience, 8 * WEFT_MILLISECOND);
    shop->guests++;
    if (weft_semaphore_acquire(&shop->door) < 0) {
        shop->wrong |= !weft_timeout_expired(&patience);
        shop->gave_up++;
        return 0;
    }
    shop->in_the_door++;
    if (shop->in_the_door > shop->most_in_the_door)
        shop->most_in_the_door = shop->in_the_door;
    if (weft_channel_receive(shop->dishes, &dish) == 0) {
        shop->served++;
        (void)weft_sleep(3 * WEFT_MILLISECOND);
    } else {
        shop->gave_up++;
    }
    shop->in_the_door--;
    weft_semaphore_release(&shop->door);
    return 0;
}

FIBER(watchman)
{
    (void)park_forever(NULL);
    WEFT_SHIELD(WEFT_SECOND);
    if (weft_sleep(WEFT_MILLISECOND) < 0)
        ((struct shop *)*(struct shop **)argument)->wrong = true;
    return 0;
}

FIBER(open_shop)
{
    struct shop *shop = argument;
    WEFT_AUTO(weft_scope) struct weft_scope guests = { .limit = 12 };
    WEFT_AUTO(weft_scope) struct weft_scope cooks = { 0 };
    weft_go_transient(&guests, watchman, (struct shop *){ shop });
    for (int i = 0; i < 4; i++)
        weft_go(&cooks, cook, (struct shop *){ shop });
    for (int i = 0; i < 40; i++)
        weft_go(&guests, eat, (struct shop *){ shop });
    if (weft_scope_wait(&guests) < 0)
        return -1;
    weft_scope_cancel(&cooks);
    shop->wrong |= weft_scope_wait(&cooks) == 0 && shop->cooked < 40;
    return (int)weft_channel_count(shop->dishes);
}

static void keeps_its_meaning(void)
{
    int right = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct shop shop = { .door.permits = 3, .dishes = weft_channel_new(sizeof(int), 2) };
        int left = run_seeded(seed, open_shop, &shop);
        bool good = left >= 0 && !shop.wrong && shop.guests == 40 && shop.in_the_door == 0 &&
                    shop.door.permits == 3 && shop.most_in_the_door <= 3 &&
                    shop.served + shop.gave_up == 40 && shop.served + left == shop.cooked;
        weft_channel_free(shop.dishes);
        right += good;
        if (!good)
            diag("seed %llu: left %d cooked %d served %d gave up %d guests %d permits %lld",
                 (unsigned long long)seed, left, shop.cooked, shop.served, shop.gave_up,
                 shop.guests, (long long)shop.door.permits);
    }
    is_int(right, SEEDS, "under %d seeds no permit, message, guest or child is lost", SEEDS);
}

int main(void)
{
    reproducible();
    keeps_its_meaning();
    return done_testing();
}
