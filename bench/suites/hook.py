"""Plain blocking calls inside a fiber: what the hook adds, and what an echo server costs."""

from harness import Extra, Program, Ratio

MILLISECONDS = 600  # short turns, so that fast and slow phases of the machine meet everyone


def ready_read(bench, report):
    """The bare call is timed by Weft's own program, between the hooked ones."""
    samples = bench.turns([Program("weft", bench.path("weft-read"))], bench.once)
    for kind in ("tcp", "unix"):
        report.line(f"read_{kind}", "ns", samples.get("weft", f"read_{kind}"),
                    samples.get("weft", f"read_{kind}_bare"), "bare call", Extra(15, "ns"), False)
    for name, reason in samples.failed.items():
        report.notes.append(f"{name} failed: {reason}")


def free_mutex(bench, report):
    """Lock and unlock, nobody else there; the C library's own are timed in between."""
    samples = bench.turns([Program("weft", bench.path("weft-lock"))], bench.once)
    for name, bar in (("mutex", Extra(2, "ns")), ("mutex_normal", Extra(2, "ns")),
                      ("mutex_recursive", None)):
        report.line(name, "ns", samples.get("weft", name), samples.get("weft", f"{name}_bare"),
                    "C library", bar, False)
    for name, reason in samples.failed.items():
        report.notes.append(f"{name} failed: {reason}")


def parking(bench, report):
    """Both sides are timed by one program, in turns."""
    samples = bench.turns([Program("weft", bench.path("weft-parked"))], bench.once)
    report.line("parked_read", "ns", samples.get("weft", "parked_read"),
                samples.get("weft", "parked_read_own"), "own call", Ratio(1.15), False)
    report.line("getaddrinfo_localhost", "us", samples.get("weft", "localhost"),
                samples.get("weft", "localhost_bare"), "bare call", Extra(25, "us"), False)
    for name, reason in samples.failed.items():
        report.notes.append(f"{name} failed: {reason}")


def watchdog(bench, report):
    """An echo server that is watched against one that is not; the difference is within the noise
    of single rounds, so there are many."""
    def once(program):
        with bench.server(program) as (process, port):
            return bench.load("echo-load", port, 100, MILLISECONDS, process.pid)

    samples = bench.turns([
        Program("weft", bench.path("weft-echo")),
        Program("unwatched", bench.path("weft-echo"), environment={"WEFT_WATCHDOG": "off"}),
    ], once, rounds=3 * bench.rounds)
    report.compare(samples, "echo_cpu", "ns", "unwatched", Ratio(1.01), title="echo_watched_cpu")


def echo(bench, report, connections):
    def once(program):
        with bench.server(program) as (process, port):
            return bench.load("echo-load", port, connections, MILLISECONDS, process.pid)

    def weft_on(backend):
        return Program(f"weft on {backend}", bench.path("weft-echo"),
                       environment={"WEFT_BACKEND": backend})

    samples = bench.turns([
        Program("weft", bench.path("weft-echo")),
        weft_on("epoll"),
        weft_on("uring"),
        Program("epoll by hand", bench.path("epoll-echo")),
        Program("go", bench.path("go-echo")),
        Program("st", bench.path("st-echo")),
    ], once)

    title = f"echo_{connections}_cpu"
    report.compare(samples, "echo_cpu", "ns", "epoll by hand", Ratio(1.1), title=title)
    report.compare(samples, "echo_cpu", "ns", "go", Ratio(0.7), title=title)
    report.compare(samples, "echo_cpu", "ns", "st", title=title)
    for backend in ("epoll", "uring"):
        report.compare(samples, "echo_cpu", "ns", "epoll by hand", weft=f"weft on {backend}",
                       title=f"{title}_on_{backend}")
    report.compare(samples, "echo_rate", "/s", "epoll by hand", title=f"echo_{connections}_rate")
    report.compare(samples, "echo_p99", "us", "epoll by hand", title=f"echo_{connections}_p99")


def run(bench, report):
    ready_read(bench, report)
    free_mutex(bench, report)
    parking(bench, report)
    watchdog(bench, report)
    for connections in (100, 1000):
        echo(bench, report, connections)
