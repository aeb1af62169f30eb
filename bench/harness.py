"""What the suites share: running programs pinned and in turn, and reporting medians and ratios."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager

SERVER_CPU = 0
LOAD_CPU = 1
PROGRAM_TIMEOUT = 300  # s; a program that takes longer is stuck


class Program:
    """One contender: a name for the table, and the command that runs it."""

    def __init__(self, name, *command, environment=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.environment = environment or {}


class Samples:
    """Every value that each program reported, by program and metric."""

    def __init__(self):
        self.values = {}
        self.absent = set()
        self.failed = {}

    def add(self, program, metrics):
        for metric, value in metrics.items():
            self.values.setdefault((program, metric), []).append(value)

    def get(self, program, metric):
        return self.values.get((program, metric), [])


def pinned(cpu, command):
    """The command on one CPU where there are several; taskset refuses one that is not there."""
    if cpu in os.sched_getaffinity(0):
        return ["taskset", "-c", str(cpu), *command]
    return command


def parse(text):
    """Lines "metric value"; everything else is no result."""
    metrics = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 2:
            try:
                metrics[fields[0]] = float(fields[1])
            except ValueError:
                continue
    return metrics


def warn_if_busy():
    """CPU time leaves the neighbours' turns out, but not what they do to caches and wake-ups."""
    load = os.getloadavg()[0]
    if load > 1:
        print(f"bench/run: the machine is busy (load {load:.1f}): expect wider spreads",
              file=sys.stderr)


def progress(text):
    """Who is running, on a terminal only."""
    if sys.stderr.isatty():
        print(f"{text:<40}", end="\r", file=sys.stderr, flush=True)


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Bench:
    """The folder of built programs, and the ways to run them."""

    def __init__(self, folder, rounds):
        self.folder = folder
        self.rounds = rounds

    def path(self, name):
        return self.folder / name

    def present(self, program, samples):
        """A peer that was not built, because its library is not installed, is absent."""
        if os.access(program.command[0], os.X_OK):
            return True
        samples.absent.add(program.name)
        return False

    def turns(self, programs, once, rounds=None):
        """Calls once(program) for each in turn, round after round, and collects the metrics."""
        samples = Samples()
        present = [program for program in programs if self.present(program, samples)]
        for turn in range(rounds or self.rounds):
            for program in present:
                if program.name in samples.failed:
                    continue
                progress(f"  round {turn + 1}: {program.name}")
                try:
                    samples.add(program.name, once(program))
                except (OSError, subprocess.SubprocessError, RuntimeError) as error:
                    samples.failed[program.name] = str(error)
        progress("")
        return samples

    def once(self, program):
        """A program that measures itself and prints what it found."""
        result = subprocess.run(
            pinned(SERVER_CPU, program.command), env={**os.environ, **program.environment},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PROGRAM_TIMEOUT,
            text=True, check=False)
        metrics = parse(result.stdout)
        if result.returncode != 0:
            reason = result.stderr.strip().splitlines()[-1:] or ["no message"]
            raise RuntimeError(f"exit status {result.returncode}: {reason[0]}")
        return metrics

    @contextmanager
    def server(self, program):
        """A server that prints "port N" once it listens. Yields (process, port)."""
        with subprocess.Popen(
                pinned(SERVER_CPU, program.command), env={**os.environ, **program.environment},
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                port = parse(process.stdout.readline()).get("port")
                if port is None:
                    raise RuntimeError("the server did not say its port")
                yield process, int(port)
            finally:
                stop(process)

    def load(self, name, *arguments):
        """A load generator, on the other CPU; its metrics."""
        command = [str(self.path(name)), *map(str, arguments)]
        result = subprocess.run(
            pinned(LOAD_CPU, command), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            timeout=PROGRAM_TIMEOUT, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(result.stderr.strip() or f"{name} failed")
        time.sleep(0.1)  # lets the sockets of this run close before the next one's open
        return parse(result.stdout)


class Ratio:
    """The bar "Weft takes at most `limit` times what the peer takes"."""

    def __init__(self, limit):
        self.limit = limit
        self.text = f"<= {limit:g}"

    def holds(self, weft, peer):
        return weft <= self.limit * peer


class AtLeast:
    """The bar "Weft does at least `limit` times what the peer does"."""

    def __init__(self, limit):
        self.limit = limit
        self.text = f">= {limit:g}"

    def holds(self, weft, peer):
        return weft >= self.limit * peer


class Extra:
    """The bar "Weft takes at most `limit` more than the peer takes"."""

    def __init__(self, limit, unit):
        self.limit = limit
        self.text = f"<= +{limit:g} {unit}"

    def holds(self, weft, peer):
        return weft - peer <= self.limit


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}"


def spread(values):
    if not values:
        return "-"
    return f"{number(statistics.median(values))} ({number(min(values))}-{number(max(values))})"


class Report:
    """The lines of one suite: JSON objects as they come, or one table at the end."""

    HEAD = ["metric", "unit", "weft", "peer", "peer's", "ratio", "bar", "holds"]

    def __init__(self, suite, as_json=False):
        self.suite = suite
        self.as_json = as_json
        self.rows = []
        self.notes = []

    def compare(self, samples, metric, unit, peer, bar=None, weft="weft", peer_metric=None,
                title=None):
        """One line: Weft's metric against a peer's."""
        ours = samples.get(weft, metric)
        theirs = samples.get(peer, peer_metric or metric)
        for name in (weft, peer):
            if name in samples.failed:
                note = f"{name} failed: {samples.failed[name]}"
                if note not in self.notes:
                    self.notes.append(note)
        self.line(title or metric, unit, ours, theirs, peer, bar, peer in samples.absent)

    def line(self, metric, unit, ours, theirs, peer, bar, absent):
        weft = statistics.median(ours) if ours else None
        value = statistics.median(theirs) if theirs else None
        ratio = weft / value if weft is not None and value else None
        holds = None
        if bar is not None and weft is not None and value is not None:
            holds = bar.holds(weft, value)
        if self.as_json:
            print(json.dumps({
                "bench": self.suite, "metric": metric, "unit": unit, "weft": weft, "peer": value,
                "peer_name": peer, "ratio": ratio, "bar": bar.text if bar else None,
                "holds": holds}), flush=True)
            return
        verdict = {True: "yes", False: "NO", None: ""}[holds]
        if bar is not None and holds is None:
            verdict = "skipped" if absent else "no result"
        self.rows.append([
            metric, unit, spread(ours), peer, "skipped" if absent else spread(theirs),
            "-" if ratio is None else f"{ratio:.3f}", bar.text if bar else "", verdict])

    def print(self):
        for note in self.notes:
            print(f"bench/run: {self.suite}: {note}", file=sys.stderr)
        if self.as_json:
            return
        rows = [self.HEAD, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.HEAD))]
        print(f"{self.suite}: medians (least-most)")
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths)]
            print("  " + "  ".join(cells).rstrip())
        print(flush=True)
