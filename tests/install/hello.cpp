/* The same in C++17: the headers are fit for it, and an argument is any plain struct. */
#include <cstdio>
#include <weft/weft.h>

struct greeting {
    int number;
};

static int order[3];
static int arrived;

static int greet(void *argument)
{
    auto *self = static_cast<greeting *>(argument);
    weft_sleep((3 - self->number) * 10 * WEFT_MILLISECOND);
    order[arrived++] = self->number;
    return 0;
}

static int greet_all(void *)
{
    WEFT_AUTO(weft_scope) weft_scope scope{};
    for (int i = 0; i < 3; i++) {
        weft_go(&scope, greet, greeting{ i });
    }
    return weft_scope_wait(&scope);
}

int main()
{
    if (weft_run(greet_all, nullptr) < 0) {
        std::perror("weft_run");
        return 1;
    }
    std::printf("%d%d%d\n", order[0], order[1], order[2]);
}
