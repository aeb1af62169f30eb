// Boost.Fiber doing what bench/weft/fiber.c does. Stacks are pooled and fibers dispatched at once,
// its fastest form. Its buffered_channel holds one less than its capacity, so 2 is one message.
#include <boost/fiber/all.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <vector>

namespace fibers = boost::fibers;

static std::int64_t cpu()
{
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return std::int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

template <typename Run> static void measure(const char *metric, std::int64_t count, Run run)
{
    std::vector<double> batches;
    run(count / 4);
    for (int i = 0; i < 7; i++) {
        auto start = cpu();
        run(count);
        batches.push_back(double(cpu() - start) / double(count));
    }
    std::sort(batches.begin(), batches.end());
    std::printf("%s %.2f\n", metric, batches[batches.size() / 2]);
}

static void create_join(std::int64_t count)
{
    static fibers::pooled_fixedsize_stack stacks(16 * 1024);
    for (std::int64_t i = 0; i < count; i++)
        fibers::fiber(fibers::launch::dispatch, std::allocator_arg, stacks, [] {}).join();
}

static void yield(std::int64_t count)
{
    auto half = [count] {
        for (std::int64_t i = 0; i < count / 2; i++)
            boost::this_fiber::yield();
    };
    fibers::fiber one(half);
    fibers::fiber other(half);
    one.join();
    other.join();
}

static void channel(std::int64_t count, std::size_t capacity)
{
    fibers::buffered_channel<std::int64_t> queue(capacity);
    fibers::fiber sender([&] {
        for (std::int64_t i = 0; i < count; i++)
            queue.push(i);
    });
    for (std::int64_t i = 0; i < count; i++)
        if (queue.value_pop() != i)
            std::abort();
    sender.join();
}

int main()
{
    measure("create_join", 200000, create_join);
    measure("yield", 1000000, yield);
    measure("channel_handover", 300000, [](std::int64_t count) { channel(count, 2); });
    measure("channel_buffered", 300000, [](std::int64_t count) { channel(count, 64); });
}
