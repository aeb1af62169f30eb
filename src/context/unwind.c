/* The stack of a parked context; see unwind.h. */
#include "context/unwind.h"

#include <execinfo.h>
#include <stdint.h>
#include <string.h>

static size_t only_place(const struct weft__context *context, void **addresses, size_t limit)
{
    if (limit == 0)
        return 0;
    addresses[0] = context->ip;
    return 1;
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

struct capture {
    struct weft__context back; /* who asked */
    struct weft__context spent;
    void **addresses;
    int limit;
    int count;
};

static _Thread_local struct capture *asked;

/* Entered by a jump with a return address below it that is the parked one: never returns. */
__attribute__((force_align_arg_pointer, noinline, used)) static void capture(void)
{
    struct capture *mine = asked;
    mine->count = backtrace(mine->addresses, mine->limit);
    weft__context_switch(&mine->spent, &mine->back);
    __builtin_unreachable();
}

size_t weft__context_backtrace(const struct weft__context *context, size_t room, void **addresses,
                               size_t limit)
{
    enum {
        SKIPPED = 1, /* capture() itself */
        RED_ZONE = 128
    };
    if (room < WEFT__UNWIND_ROOM || limit == 0)
        return only_place(context, addresses, limit);
    backtrace(addresses, 1); /* its first call loads the unwinder, which takes a deep stack */
    struct capture mine = { .addresses = addresses, .limit = (int)limit };
    struct weft__context visit = *context;
    uintptr_t *sp = context->sp;
    char kept[RED_ZONE]; /* a parked leaf function may have its locals there */
    memcpy(kept, (char *)sp - RED_ZONE, RED_ZONE);
    sp[-1] = (uintptr_t)context->ip;
    visit.sp = sp - 1;
    visit.ip = (void *)capture;
    asked = &mine;
    weft__context_switch(&mine.back, &visit);
    asked = NULL;
    memcpy((char *)sp - RED_ZONE, kept, RED_ZONE);
    size_t count = mine.count > SKIPPED ? (size_t)mine.count - SKIPPED : 0;
    for (size_t i = 0; i < count; i++)
        addresses[i] = addresses[i + SKIPPED];
    return count;
}

#else

size_t weft__context_backtrace(const struct weft__context *context, size_t room, void **addresses,
                               size_t limit)
{
    (void)room;
    return only_place(context, addresses, limit);
}

#endif
