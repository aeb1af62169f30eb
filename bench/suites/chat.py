"""Streaming conversations through the chat application: when each got its first token.

The chat has the first core, the simulator and the load share the second. The simulator answers
after FIRST_TOKEN_MS to the millisecond (no jitter) and then at TOKENS_PER_SECOND, so what is above
its own delay is the chat's and the load's doing.
"""

import json
import os
import subprocess
import time
from contextlib import contextmanager

from harness import LOAD_CPU, PROGRAM_TIMEOUT, SERVER_CPU, Ratio, pinned, progress, stop

FIRST_TOKEN_MS = 600
TOKENS_PER_SECOND = 20
TOKENS = 40
ROUNDS_MOST = 3  # each takes as long as the conversations do
LOADS = [(1000, 1000), (1000, 0), (4000, 1000), (4000, 500)]  # conversations, arrivals a second
POOLED = 200  # through 25 slots: eight rounds of answers


@contextmanager
def program(cpu, *command):
    """A server that prints its address first. Yields (process, address)."""
    with subprocess.Popen(pinned(cpu, [str(part) for part in command]), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError(f"{command[0]} did not start")
            yield process, address
        finally:
            stop(process)


def cpu_ms(process):
    with open(f"/proc/{process.pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


def measure(build, conversations, rate, *more):
    """One load on programs freshly started: its runs, and the chat's CPU time in ms."""
    simulator = program(
        LOAD_CPU, build / "apps/llm-sim/weft-llm-sim", "--port", 0, "--jitter", 0,
        "--first-token-ms", FIRST_TOKEN_MS, "--tokens-per-second", TOKENS_PER_SECOND)
    with simulator as (_, provider), program(
            SERVER_CPU, build / "apps/chat/weft-chat", "--port", 0, "--simulator", provider,
    ) as (chat, url):
        before = cpu_ms(chat)
        load = subprocess.run(
            pinned(LOAD_CPU, [str(build / "cli/weft"), "bench", "conversations", "--json",
                              "--url", url, "-n", str(conversations), "--rate", str(rate),
                              "--tokens", str(TOKENS), *map(str, more)]),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PROGRAM_TIMEOUT, text=True,
            check=False)
        if load.returncode not in (0, 1) or not load.stdout:
            raise RuntimeError(load.stderr.strip() or "the load failed")
        return json.loads(load.stdout)["runs"], cpu_ms(chat) - before


def alone(bench, report, conversations, rate):
    """Every visitor on a fiber: against the delay that the simulator itself has."""
    values = {name: [] for name in ("p50", "p99", "max", "failed", "threads", "cpu", "memory")}
    for turn in range(min(bench.rounds, ROUNDS_MOST)):
        progress(f"  round {turn + 1}: {conversations} conversations, {rate} a second")
        (run,), cpu = measure(bench.folder.parent, conversations, rate)
        for name in ("p50", "p99", "max"):
            values[name].append(run["first_token_ms"][name])
        values["failed"].append(run["failed"])
        values["threads"].append(run["server"]["threads"])
        server = run["server"]
        values["memory"].append(server["memory_bytes"] / max(server["conversations"], 1) / 1024)
        values["cpu"].append(cpu * 1000 / max(run["tokens"], 1))
    progress("")
    title = f"{conversations}_at_{rate or 'once'}"
    delay = [FIRST_TOKEN_MS]
    own = "its own delay"
    for name in ("p50", "p99", "max"):
        bar = Ratio(1.1) if name == "p99" and rate else None
        report.line(f"first_token_{name}_{title}", "ms", values[name], delay, own, bar, False)
    report.line(f"threads_{title}", "", values["threads"], [1], "one", Ratio(1), False)
    report.line(f"failed_{title}", "", values["failed"], [0], "none", Ratio(1), False)
    report.line(f"chat_cpu_{title}", "us/token", values["cpu"], [], "-", None, False)
    report.line(f"chat_memory_{title}", "KiB each", values["memory"], [], "-", None, False)


def pooled(bench, report):
    """The same visitors through a pool of 25 slots, each held for a whole answer."""
    (fibers, pool), _ = measure(bench.folder.parent, POOLED, 1000, "--pool", 25)
    for name in ("p50", "p99", "max"):
        report.line(f"first_token_{name}_{POOLED}", "ms", [fibers["first_token_ms"][name]],
                    [pool["first_token_ms"][name]], "pool of 25", None, False)


def run(bench, report):
    build = bench.folder.parent
    for name in ("apps/llm-sim/weft-llm-sim", "apps/chat/weft-chat", "cli/weft"):
        if not os.access(build / name, os.X_OK):
            report.notes.append(f"{name} is not built: skipped (run ninja in {build})")
            return
    try:
        for conversations, rate in LOADS:
            alone(bench, report, conversations, rate)
            time.sleep(0.2)
        pooled(bench, report)
    except (OSError, RuntimeError, subprocess.SubprocessError, ValueError) as error:
        report.notes.append(f"failed: {error}")
