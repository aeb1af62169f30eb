/* The pool of stacks: pages of stacks that lie idle go back to the kernel, all of them in time. */
#include "tap.h"
#include <sys/mman.h>

#include "context/stack.h"

enum {
    COUNT = 1000,
    DEEP = 64 * 1024
};

static struct weft__stack *taken[COUNT];

/* Pages in memory that lie below a stack's block. */
static size_t resident(const struct weft__stack *stack)
{
    unsigned char pages[256];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t top = (uintptr_t)stack & ~(page - 1);
    size_t length = top - (uintptr_t)stack->low;
    must(length / page <= sizeof pages && mincore(stack->low, length, pages) == 0, "mincore");
    size_t count = 0;
    for (size_t i = 0; i < length / page; i++)
        count += pages[i] & 1;
    return count;
}

static size_t with_deep_pages(void)
{
    size_t count = 0;
    for (int i = 0; i < COUNT; i++)
        count += resident(taken[i]) > 0;
    return count;
}

int main(void)
{
    struct weft__stacks stacks;
    weft__stacks_init(&stacks, 256 * 1024, 512);
    for (int i = 0; i < COUNT; i++) {
        taken[i] = weft__stack_take(&stacks);
        must(taken[i], "a stack");
        memset((char *)taken[i] - DEEP, 1, DEEP);
    }
    for (int i = 0; i < COUNT; i++)
        weft__stack_give(&stacks, taken[i]);
    is_int(with_deep_pages(), COUNT, "a deep stack holds its pages when it is given back");
    for (int i = 0; i < 100; i++)
        weft__stacks_trim(&stacks);
    size_t left = with_deep_pages();
    ok(left > 0 && left <= 64, "trimming goes on until only the warm ones (%zu) hold pages", left);

    size_t mapped = stacks.mapped;
    for (int i = 0; i < COUNT; i++) {
        taken[i] = weft__stack_take(&stacks);
        must(taken[i], "a stack");
        memset((char *)taken[i] - DEEP, 2, DEEP);
    }
    is_int(stacks.mapped, mapped, "trimmed stacks are used again before new ones are mapped");
    for (int i = 0; i < COUNT; i++)
        weft__stack_give(&stacks, taken[i]);
    weft__stacks_fini(&stacks);
    return done_testing();
}
