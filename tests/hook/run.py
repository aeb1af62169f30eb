#!/usr/bin/env python3
"""Test `weft run`: run.py WEFT GUEST."""
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

count = failures = 0


def ok(condition, what, detail=''):
    global count, failures
    count += 1
    print(f'{"" if condition else "not "}ok {count} - {what}')
    if not condition:
        failures += 1
        print(f'#   {detail}')


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          **options)


def says(result, output, what):
    ok(result.returncode == 0 and result.stdout == output, what, result)


def refused(result, status, words, what):
    ok(result.returncode == status and words in result.stderr and
       result.stderr.startswith('weft run: '), what, result)


def guest_tests(weft, guest):
    says(run(guest, 'where'), 'outside\n', 'by itself the guest is in no fiber')
    says(run(weft, 'run', guest, 'where'), 'in a fiber\n', 'its main is a fiber')
    for how in ('return', 'exit'):
        for status in (0, 3, 255):
            got = run(weft, 'run', guest, how, str(status)).returncode
            ok(got == status, f'{how} {status} is the exit status', got)
    got = run(weft, 'run', guest, 'kill').returncode
    ok(got == -signal.SIGTERM, 'so is a signal', got)
    says(run(weft, 'run', guest, 'stack'), 'deep\n', '4 MiB of stack, as a main has')
    says(run(weft, 'run', guest, 'threads'), '6\n', 'its threads are joined')
    says(run(weft, 'run', guest, 'fork'), 'child\n', 'it forks')
    says(run(weft, 'run', guest, 'fork-return'), 'parent child 33\n',
         "a child's return from main is its exit")


def signal_tests(weft, guest):
    same(weft, 'handlers end its calls, or jump out of them', guest, 'signals')
    same(weft, 'python: handlers, alarms, timeouts', sys.executable, '-c', PYTHON_SIGNALS)
    same(weft, 'a shell and its traps', 'bash', '-c',
         'trap "echo one" USR1; trap "echo end" EXIT; (sleep .1; kill -USR1 $$) & '
         'read -t 5 line < <(sleep .3; echo late); wait; echo $line')
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen([weft, 'run', 'sleep', '60'])
        while open(f'/proc/{process.pid}/wchan', encoding='ascii').read() in ('', '0') or \
                pathlib.Path(f'/proc/{process.pid}/comm').read_text() != 'sleep\n':
            time.sleep(0.01)
        process.send_signal(number)
        ok(process.wait(60) == -number, f'it ends by {number.name}')


def environment_tests(weft, guest):
    environment = {**os.environ, 'MARK': 'x'}
    bare = run(guest, 'environment', env=environment).stdout
    says(run(weft, 'run', guest, 'environment', env=environment), bare,
         'the environment is as without')
    with tempfile.TemporaryDirectory() as folder:
        other = f'{folder}/other.so'
        found = run('gcc', '-shared', '-o', other, '-x', 'c', '/dev/null')
        if found.returncode == 0:
            environment['LD_PRELOAD'] = other
            bare = run(guest, 'environment', env=environment).stdout
            got = run(weft, 'run', guest, 'environment', env=environment).stdout
            ok(sorted(got.split('\n')) == sorted(bare.split('\n')),
               'another preloaded library stays', got)
    got = run(weft, 'run', 'sh', '-c', f'{guest} where')
    says(got, 'outside\n', 'programs that it starts run as ever')


def refusal_tests(weft, guest):
    refused(run(weft, 'run', 'no-such-program-at-all'), 127, 'no program', 'not in PATH')
    refused(run(weft, 'run', './no/such'), 127, 'No such file', 'no such file')
    refused(run(weft, 'run', '/etc/passwd'), 127, 'not an executable', 'no executable file')
    ok(run(weft, 'run').returncode == 2, 'no program: usage')
    with tempfile.TemporaryDirectory() as folder:
        static = f'{folder}/static'
        if run('gcc', '-static', '-o', static, '-x', 'c', '-',
               input='int main(void) { return 0; }').returncode == 0:
            refused(run(weft, 'run', static), 126, 'statically linked', 'a static program')
        copy = f'{folder}/setuid'
        shutil.copy(guest, copy)
        os.chmod(copy, 0o755 | stat.S_ISUID)
        refused(run(weft, 'run', copy), 126, 'is setuid', 'a setuid program')
        script = pathlib.Path(f'{folder}/script')
        script.write_text('#!/bin/sh\nexit 9\n')
        script.chmod(0o755)
        ok(run(weft, 'run', str(script)).returncode == 9, 'a script runs')
        script.write_text(f'#!{copy}\n')
        refused(run(weft, 'run', str(script)), 126, 'is setuid', 'a script of a setuid program')
        script.write_text('echo\n')
        refused(run(weft, 'run', str(script)), 126, 'neither', 'a script without interpreter')
        foreign = bytearray(pathlib.Path(guest).read_bytes())
        foreign[18] = 3  # e_machine: i386
        pathlib.Path(copy).write_bytes(foreign)
        os.chmod(copy, 0o755)
        refused(run(weft, 'run', copy), 126, 'another machine', 'a program of another machine')


def same(weft, what, *command, **options):
    bare = run(*command, **options)
    hooked = run(weft, 'run', *command, **options)
    ok(bare.stdout == hooked.stdout and bare.returncode == hooked.returncode, what,
       (bare, hooked))


PYTHON = """
import socket, subprocess, threading, time, queue, select, http.server, urllib.request
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(len(urllib.request.urlopen('http://127.0.0.1:%d/' % server.server_port).read()) > 0)
server.shutdown()
a, b = socket.socketpair()
a.settimeout(0.05)
try:
    a.recv(1)
except TimeoutError:
    print('timed out')
b.sendall(b'x' * 10)
print(a.recv(20), select.select([a], [], [], 0.01)[0])
items = queue.Queue(2)
def produce():
    for i in range(50):
        items.put(i)
thread = threading.Thread(target=produce)
thread.start()
print(sum(items.get() for _ in range(50)))
thread.join()
print(subprocess.run(['cat'], input=b'through a pipe', capture_output=True).stdout)
"""


PYTHON_SIGNALS = """
import os, select, signal, time
class Late(Exception):
    pass
def late(number, frame):
    raise Late
signal.signal(signal.SIGALRM, late)
ends = os.pipe()
for wait in (lambda: os.read(ends[0], 1), lambda: time.sleep(50), signal.pause,
             lambda: select.select([ends[0]], [], [])):
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        wait()
    except Late:
        print('late')
count = 0
def note(number, frame):
    global count
    count += 1
signal.signal(signal.SIGALRM, note)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
began = time.monotonic()
time.sleep(0.2)
signal.setitimer(signal.ITIMER_REAL, 0)
print(count > 0, time.monotonic() - began >= 0.2)
"""


def program_tests(weft):
    same(weft, 'sort and its pipes', 'sort', '-rn', input='\n'.join(map(str, range(30000))))
    same(weft, 'a shell pipeline', 'bash', '-c', 'for i in 1 2 3; do echo $i | cat; done | wc -l')
    same(weft, 'python: sockets, threads, subprocesses', sys.executable, '-c', PYTHON)
    same(weft, 'dd', 'dd', 'if=/dev/zero', 'bs=64k', 'count=16', 'status=none')


def main(weft, guest):
    guest_tests(weft, guest)
    environment_tests(weft, guest)
    refusal_tests(weft, guest)
    program_tests(weft)
    signal_tests(weft, guest)
    print(f'1..{count}')
    sys.exit(failures > 0)


main(*sys.argv[1:])
