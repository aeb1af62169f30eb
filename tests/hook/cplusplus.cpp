/* The C++ standard library's own waiting, inside fibers: nobody told it of them. */
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <weft/weft.h>

using namespace std::chrono_literals;

static int count;
static int failures;

static void ok(bool holds, const char *what)
{
    std::printf("%sok %d - %s\n", holds ? "" : "not ", ++count, what);
    failures += !holds;
}

static int call(void *argument)
{
    auto *function = *static_cast<std::function<void()> **>(argument);
    (*function)();
    return 0;
}

/* Run a function in a fiber; it has parked or ended when this returns. */
static weft_task *go(weft_scope *scope, std::function<void()> *function)
{
    weft_task *task = weft_spawn(scope, call, &function, sizeof function);
    if (!task)
        std::abort();
    return task;
}

static void join(weft_task *task)
{
    if (weft_join(task, nullptr) < 0)
        std::abort();
}

/* The second of two fibers parks until the first one lets go. */
static void excludes(const char *what, const std::function<void()> &take,
                     const std::function<void()> &give)
{
    weft_scope scope{};
    bool got = false;
    take();
    std::function<void()> other = [&] {
        take();
        got = true;
        give();
    };
    weft_task *task = go(&scope, &other);
    bool parked = !got;
    give();
    join(task);
    weft_scope_wait(&scope);
    ok(parked && got, what);
}

static void mutexes()
{
    std::mutex plain;
    excludes(
        "std::mutex parks", [&] { plain.lock(); }, [&] { plain.unlock(); });
    std::recursive_mutex recursive;
    excludes(
        "std::recursive_mutex, locked twice, parks another fiber of the thread",
        [&] { recursive.lock(), recursive.lock(); },
        [&] { recursive.unlock(), recursive.unlock(); });
    std::timed_mutex timed;
    excludes(
        "std::timed_mutex parks", [&] { timed.lock(); }, [&] { timed.unlock(); });
    std::shared_mutex shared;
    excludes(
        "std::shared_mutex parks", [&] { shared.lock(); }, [&] { shared.unlock(); });

    weft_scope scope{};
    timed.lock();
    bool gave_up = false;
    std::function<void()> hasty = [&] { gave_up = !timed.try_lock_for(5ms); };
    join(go(&scope, &hasty));
    timed.unlock();
    ok(gave_up, "try_lock_for() gives up");

    std::mutex first, second;
    int done = 0;
    std::function<void()> ab = [&] {
        std::scoped_lock both(first, second);
        usleep(1000);
        done++;
    };
    std::function<void()> ba = [&] {
        std::scoped_lock both(second, first);
        usleep(1000);
        done++;
    };
    weft_task *one = go(&scope, &ab), *two = go(&scope, &ba);
    join(one);
    join(two);
    ok(done == 2, "std::scoped_lock of two, taken both ways round");
    weft_scope_wait(&scope);
}

static void conditions()
{
    weft_scope scope{};
    std::mutex mutex;
    std::condition_variable condition;
    std::condition_variable_any any;
    bool ready = false, late = false;
    int woken = 0;
    std::function<void()> waits = [&] {
        std::unique_lock lock(mutex);
        condition.wait(lock, [&] { return ready; });
        woken++;
    };
    std::function<void()> waits_any = [&] {
        std::unique_lock lock(mutex);
        any.wait(lock, [&] { return ready; });
        woken++;
    };
    std::function<void()> gives_up = [&] {
        std::unique_lock lock(mutex);
        late = !condition.wait_for(lock, 5ms, [] { return false; });
    };
    weft_task *tasks[] = { go(&scope, &waits), go(&scope, &waits_any), go(&scope, &gives_up) };
    ok(woken == 0, "std::condition_variable and _any park");
    std::thread([&] {
        std::lock_guard lock(mutex);
        ready = true;
        condition.notify_all();
        any.notify_all();
    }).join();
    for (weft_task *task : tasks)
        join(task);
    ok(woken == 2, "a thread's notify_all() wakes them");
    ok(late, "wait_for() gives up");
    weft_scope_wait(&scope);
}

static void futures()
{
    weft_scope scope{};
    std::promise<std::string> promise;
    std::string got;
    std::function<void()> waits = [&] { got = promise.get_future().get(); };
    weft_task *task = go(&scope, &waits);
    ok(got.empty(), "std::future::get() parks");
    std::thread([&] { promise.set_value("kept"); }).join();
    join(task);
    ok(got == "kept", "until a thread keeps the promise");

    std::atomic<bool> other{ false };
    std::function<void()> asks = [&] {
        auto answer = std::async(std::launch::async, [&] {
            while (!other)
                std::this_thread::sleep_for(1ms);
            return 42;
        });
        if (answer.get() == 42)
            got = "forty-two";
    };
    task = go(&scope, &asks);
    other = true; /* only because the fiber above has parked */
    join(task);
    ok(got == "forty-two", "std::async beside a fiber that waits for it");

    std::function<void()> fails = [&] {
        auto answer =
            std::async(std::launch::async, []() -> int { throw std::runtime_error("no"); });
        try {
            answer.get();
        } catch (const std::runtime_error &error) {
            got = error.what();
        }
    };
    join(go(&scope, &fails));
    ok(got == "no", "an exception comes through a future");
    weft_scope_wait(&scope);
}

/* --- once */

static std::atomic<int> made{ 0 };

struct slow {
    slow()
    {
        made++;
        usleep(5000); /* parks: another fiber comes by meanwhile */
        value = 7;
    }
    int value = 0;
};

static int local_value()
{
    static slow local;
    return local.value;
}

static int failing_local(bool fail)
{
    static int value = [&] {
        usleep(1000);
        if (fail)
            throw std::runtime_error("not yet");
        return 3;
    }();
    return value;
}

static void statics()
{
    weft_scope scope{};
    int sum = 0, before = 0;
    std::function<void()> uses = [&] { sum += local_value(); };
    std::vector<weft_task *> tasks;
    for (int i = 0; i < 5; i++)
        tasks.push_back(go(&scope, &uses));
    before = sum;
    std::thread thread([] { local_value(); });
    for (weft_task *task : tasks)
        join(task);
    thread.join();
    ok(before == 0 && sum == 35 && made == 1, "a static local is made once, and waited for");

    int failed = 0, value = 0;
    std::function<void()> fails = [&] {
        try {
            failing_local(true);
        } catch (const std::runtime_error &) {
            failed++;
        }
    };
    std::function<void()> succeeds = [&] { value = failing_local(false); };
    weft_task *one = go(&scope, &fails), *two = go(&scope, &succeeds);
    join(one);
    join(two);
    ok(failed == 1 && value == 3, "one whose initializer throws is made by the next fiber");

    std::once_flag flag;
    int runs = 0, after = 0;
    std::function<void()> once = [&] {
        try {
            std::call_once(flag, [&] {
                usleep(1000);
                if (++runs == 1)
                    throw std::runtime_error("again");
            });
            after++;
        } catch (const std::runtime_error &) {
        }
    };
    tasks.clear();
    for (int i = 0; i < 5; i++)
        tasks.push_back(go(&scope, &once));
    for (weft_task *task : tasks)
        join(task);
    ok(runs == 2 && after == 4, "std::call_once: a throw passes through, the next one tries");
    weft_scope_wait(&scope);
}

/* --- exceptions that are being handled belong to the fiber */

static void exceptions()
{
    weft_scope scope{};
    std::string first, second;
    int uncaught = -1;
    std::function<void()> catches = [&] {
        try {
            throw std::runtime_error("first");
        } catch (...) {
            usleep(2000); /* parks inside the catch block */
            try {
                throw;
            } catch (const std::exception &error) {
                first = error.what();
            }
        }
    };
    std::function<void()> too = [&] {
        uncaught = std::uncaught_exceptions() + (std::current_exception() ? 100 : 0);
        try {
            throw std::logic_error("second");
        } catch (...) {
            usleep(1000);
            try {
                std::rethrow_exception(std::current_exception());
            } catch (const std::exception &error) {
                second = error.what();
            }
        }
    };
    weft_task *one = go(&scope, &catches), *two = go(&scope, &too);
    ok(!std::current_exception(), "the creator handles none of them");
    join(two);
    join(one);
    ok(uncaught == 0, "nor does a new fiber");
    ok(first == "first", "a fiber rethrows its own exception");
    ok(second == "second", "and so does the other");

    struct parks_while_unwinding {
        ~parks_while_unwinding()
        {
            usleep(1000);
        }
    };
    int caught = 0;
    std::function<void()> unwinds = [&] {
        try {
            parks_while_unwinding guard;
            throw std::runtime_error("unwinding");
        } catch (const std::exception &) {
            caught++;
        }
    };
    std::vector<weft_task *> tasks;
    for (int i = 0; i < 10; i++)
        tasks.push_back(go(&scope, &unwinds));
    for (weft_task *task : tasks)
        join(task);
    ok(caught == 10, "destructors park in the middle of unwinding");
    weft_scope_wait(&scope);
}

/* A thread that lives until a fiber of this loop lets it end: joining must not hold the loop. */
static void threads()
{
    weft_scope scope{};
    std::atomic<bool> may_end{ false };
    bool joined = false;
    std::thread thread([&] {
        while (!may_end)
            std::this_thread::sleep_for(1ms);
    });
    std::function<void()> joins = [&] {
        thread.join();
        joined = true;
    };
    weft_task *task = go(&scope, &joins);
    bool parked = !joined;
    may_end = true;
    join(task);
    weft_scope_wait(&scope);
    ok(parked && joined, "std::thread::join() parks until the thread has ended");
}

/* Two at once, each by std::lock(), from either end: nobody is left behind. */
static void locked_together()
{
    std::timed_mutex one;
    std::recursive_timed_mutex two;
    weft_scope scope{};
    int done = 0;
    std::function<void()> forth = [&] {
        for (int i = 0; i < 20; i++) {
            std::lock(one, two);
            weft_yield();
            two.lock(); /* it is recursive */
            two.unlock();
            done++;
            one.unlock();
            two.unlock();
        }
    };
    std::function<void()> back = [&] {
        for (int i = 0; i < 20; i++) {
            std::lock(two, one);
            weft_yield();
            done++;
            two.unlock();
            one.unlock();
        }
    };
    std::vector<weft_task *> tasks = { go(&scope, &forth), go(&scope, &back), go(&scope, &forth) };
    for (weft_task *task : tasks)
        join(task);
    weft_scope_wait(&scope);
    ok(done == 60, "std::lock() of two, from either end");
}

static int root(void *)
{
    mutexes();
    conditions();
    futures();
    statics();
    exceptions();
    threads();
    locked_together();
    return 0;
}

int main()
{
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    alarm(60);
    if (weft_run(root, nullptr) < 0)
        return 1;
    std::printf("1..%d\n", count);
    return failures > 0;
}
