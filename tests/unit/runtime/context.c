/* What a fiber keeps over a switch: registers, errno, and a stack as deep as promised. */
#include <stdlib.h>

#include "runtime.h"

/* Enough values alive over the call that all registers a callee must keep are in use. */
FIBER(keep_registers)
{
    long a = *(int *)argument;
    long b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13, g = a * 17, h = a * 19;
    double x = (double)a * 0.5, y = (double)a * 0.25, z = (double)a * 0.125;
    for (int i = 0; i < 5; i++) {
        must(weft_yield() == 0, "yield");
        a += 1, b += 2, c += 3, d += 4, e += 5, f += 6, g += 7, h += 8;
        x += 0.5, y += 0.25, z += 0.125;
    }
    long n = *(int *)argument;
    bool right = a == n + 5 && b == 3 * n + 10 && c == 5 * n + 15 && d == 7 * n + 20 &&
                 e == 11 * n + 25 && f == 13 * n + 30 && g == 17 * n + 35 && h == 19 * n + 40 &&
                 x == (double)n * 0.5 + 2.5 && y == (double)n * 0.25 + 1.25 &&
                 z == (double)n * 0.125 + 0.625;
    return right ? 1 : 0;
}

FIBER(registers)
{
    int right = 0;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_result result = { 0 };
    for (int i = 0; i < 50; i++)
        weft_go(&scope, keep_registers, (int){ i });
    while (weft_scope_next(&scope, &result) == 1)
        right += result.value;
    is_int(right, 50, "every fiber keeps what it holds in registers");
    return 0;
}

FIBER(keep_errno)
{
    int mine = *(int *)argument;
    errno = mine;
    for (int i = 0; i < 5; i++) {
        must(weft_yield() == 0, "yield");
        must(errno == mine, "errno %d holds over a yield", mine);
        must(weft_sleep(WEFT_MILLISECOND) == 0, "sleep");
        must(errno == mine, "errno %d holds over a sleep", mine);
    }
    return 0;
}

FIBER(errno_of_each)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    errno = EXDEV;
    for (int i = 1; i < 30; i++)
        weft_go(&scope, keep_errno, (int){ i });
    is_int(errno, EXDEV, "starting tasks leaves errno");
    is_int(weft_scope_wait(&scope), 0, "every fiber keeps its errno");
    is_int(errno, EXDEV, "and so does who waited for them");
    return 0;
}

static size_t descend(size_t bytes)
{
    volatile char room[1024];
    room[0] = (char)bytes;
    room[sizeof(room) - 1] = room[0];
    size_t below = bytes > sizeof(room) ? descend(bytes - sizeof(room)) : 0;
    return below + sizeof(room) + (size_t)(room[0] - room[sizeof(room) - 1]);
}

FIBER(use_stack)
{
    size_t wanted = *(size_t *)argument;
    must(weft_yield() == 0, "yield");
    return descend(wanted) >= wanted ? 0 : -1;
}

FIBER(deep)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 20; i++)
        weft_go(&scope, use_stack, (size_t){ 160 * 1024 });
    is_int(weft_scope_wait(&scope), 0, "160 KiB fit on a stack of 256 KiB, with all frames around");
    return 0;
}

FIBER(deeper)
{
    must(descend((size_t)4 << 20) > 0, "deep");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    weft_go(&scope, use_stack, (size_t){ (size_t)4 << 20 });
    is_int(weft_scope_wait(&scope), 0, "4 MiB fit on a stack of 8 MiB");
    return 0;
}

FIBER(print)
{
    char text[2048];
    int number = *(int *)argument;
    int length = snprintf(text, sizeof(text), "%d %Lf %.300f", number, (long double)number, 0.1);
    must(weft_yield() == 0, "yield");
    return length > 300 && atoi(text) == number ? 0 : -1;
}

FIBER(library_calls)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 0; i < 20; i++)
        weft_go(&scope, print, (int){ i });
    is_int(weft_scope_wait(&scope), 0, "the C library finds its stack aligned");
    return 0;
}

int main(void)
{
    struct weft_options large = { .stack_size = (size_t)8 << 20, .virtual_clock = true };
    in_runtime(registers);
    in_runtime(errno_of_each);
    in_runtime(deep);
    must(weft_run_with(&large, deeper, NULL) == 0, "deeper");
    in_runtime(library_calls);
    return done_testing();
}
