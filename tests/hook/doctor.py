#!/usr/bin/env python3
"""Test `weft doctor`: doctor.py WEFT GUEST."""
import os
import re
import subprocess
import sys
import tempfile

count = failures = 0


def ok(condition, what, detail=''):
    global count, failures
    count += 1
    print(f'{"" if condition else "not "}ok {count} - {what}')
    if not condition:
        failures += 1
        print('\n'.join(f'#   {line}' for line in str(detail).splitlines()))


def run(*command, **environment):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **environment})


def has(report, pattern, what):
    ok(re.search(pattern, report, re.MULTILINE), what, report)


def report_tests(weft, guest):
    got = run(weft, 'doctor', guest, 'all')
    ok(got.returncode == 3, "the exit status is the program's", got)
    ok(got.stdout == 'done 0 alone\n', 'so is its output; its children are not recorded', got)
    has(got.stderr, r'^ +11 +[\d.]+ ms +[\d.]+ ms +usleep +main of ', 'eleven naps parked')
    has(got.stderr, r'^ +1 .* read +fetch of ', 'a read parked, and who made it is told')
    has(got.stderr, r'^ +1 .* past the hooks +nanosleep .*nap_past_hooks',
        'a nap went past the hooks')
    has(got.stderr, r'^ +1 .* computed +- .*compute', 'a function computed')
    has(got.stderr, r'^  the program itself: nanosleep$', 'its system call instruction is found')
    has(got.stderr, r'^verdict: some calls went past the hooks', 'the verdict says so')


def quiet_tests(weft, guest):
    got = run(weft, 'doctor', '--threshold', '10000', guest)
    has(got.stderr, r'^held the thread for 10000 ms or longer: 0 times$', 'a threshold of one\'s own')
    has(got.stderr, r'^verdict: whatever waited was parked, and nothing held the thread$',
        'a good program gets a good verdict')
    got = run(weft, 'doctor', '--threshold', 'off', guest)
    has(got.stderr, r'^held the thread: not watched$', 'no threshold')
    has(got.stderr, r'^verdict: none, ', 'is no verdict')
    got = run(weft, 'doctor', '/bin/true')
    ok('system calls of their own' not in got.stderr, 'the C library is not accused', got.stderr)
    got = run(weft, 'doctor', guest, 'nap', WEFT_HOOKS='-time')
    has(got.stderr, r'^parked: 0 times', 'hooks that are off park nothing')
    has(got.stderr, r'past the hooks +clock_nanosleep', 'and what they let through is told')


def end_tests(weft, guest):
    got = run(weft, 'doctor', guest, '_exit')
    ok(got.returncode == 5, '_exit', got)
    has(got.stderr, r'^ +10 .* usleep', 'what was recorded before is told')
    got = run(weft, 'doctor', guest, 'kill')
    ok(got.returncode == 128 + 9, 'SIGKILL', got)
    has(got.stderr, r'^weft doctor: .* was ended by Killed$', 'is told')
    has(got.stderr, r'^ +10 .* usleep', 'and so is what was recorded before')


def use_tests(weft, guest):
    ok(run(weft, 'doctor', '--help').returncode == 0, 'help')
    got = run(weft, 'doctor')
    ok(got.returncode == 2 and got.stderr.startswith('usage: '), 'no program', got)
    got = run(weft, 'doctor', '--nothing', 'x', guest)
    ok(got.returncode == 2 and got.stderr.startswith('usage: '), 'no such option', got)
    got = run(weft, 'doctor', 'no-such-program')
    ok(got.returncode == 127 and got.stderr == "weft doctor: no program 'no-such-program' in PATH\n",
       'no such program: one line', got)
    got = run(weft, 'doctor', '--threshold', 'long', guest)
    ok(got.returncode == 126 and 'WEFT_WATCHDOG' in got.stderr, 'no such threshold', got)
    with tempfile.TemporaryDirectory() as folder:
        got = run(weft, 'doctor', '-o', f'{folder}/report', guest, TMPDIR=folder)
        text = open(f'{folder}/report', encoding='utf-8').read()
        ok(got.stderr == '' and got.returncode == 3, 'into a file', got)
        has(text, r'^verdict: ', 'the whole report')
        ok(os.listdir(folder) == ['report'], 'nothing else is left', os.listdir(folder))
        got = run(weft, 'doctor', '-o', f'{folder}/no/report', guest)
        ok(got.returncode == 3 and 'weft doctor: ' in got.stderr, 'a file that can\'t be made', got)


def main(weft, guest):
    report_tests(weft, guest)
    quiet_tests(weft, guest)
    end_tests(weft, guest)
    use_tests(weft, guest)
    print(f'1..{count}')
    return failures > 0


sys.exit(main(*sys.argv[1:]))
