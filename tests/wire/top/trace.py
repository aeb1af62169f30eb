#!/usr/bin/env python3
"""Test the bpftrace scripts against the probes of the library: trace.py READELF LIBRARY PROGRAM SCRIPT..."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

READELF, LIBRARY, PROGRAM = sys.argv[1], *map(os.path.abspath, sys.argv[2:4])
SCRIPTS = [pathlib.Path(path) for path in sys.argv[4:]]
REFUSED = re.compile(r'RLIMIT_MEMLOCK|not permitted|Permission|Error finding location|'
                     r'needs to be run as root|tracefs|BTF|No probes to attach', re.I)
count = failures = 0


def ok(condition, what, detail='', skip=''):
    global count, failures
    count += 1
    print(f'{"" if condition else "not "}ok {count} - {what}{" # SKIP " + skip if skip else ""}')
    if not condition:
        failures += 1
        print('#   ' + str(detail).replace('\n', '\n#   '))


def run(*command):
    environment = {name: value for name, value in os.environ.items() if name != 'LD_PRELOAD'}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                            stdin=subprocess.DEVNULL, env=environment)
    return result.returncode, result.stdout + result.stderr


def probes():
    """The probes that the library's notes name: how many arguments each has at least."""
    found = {}
    notes = run(READELF, '-nW', LIBRARY)[1]
    for name, arguments in re.findall(r'Provider: weft\s+Name: (\w+)\s.*?Arguments: ?([^\n]*)',
                                      notes, re.S):
        found[name] = min(found.get(name, 99), len(arguments.split()))
    return found


def uses(text):
    """The probes of a script: which of their arguments it takes, as the count that it needs."""
    plain = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    for name, rest in re.findall(r'usdt:\*:weft:(\w+)(.*?\n\})', plain, re.S):
        yield name, 1 + max((int(number) for number in re.findall(r'\barg(\d)', rest)), default=-1)


def check_names(script, known):
    used = list(uses(script.read_text(encoding='utf-8')))
    ok(used, f'{script.name} has probes')
    for name, wanted in used:
        ok(known.get(name, -1) >= wanted, f'{script.name}: weft:{name} has {wanted} arguments',
           f'the library has {known}')


def check_run(script, bpftrace, folder):
    """On a program that it starts, if the kernel lets anybody trace here."""
    bound = pathlib.Path(folder, script.name)
    bound.write_text(script.read_text(encoding='utf-8').replace('usdt:*:', f'usdt:{LIBRARY}:'),
                     encoding='utf-8')
    what = f'{script.name} tells what it has seen'
    if not bpftrace:
        ok(True, what, skip='bpftrace is not installed')
        return
    status, said = run(bpftrace, '-d', str(bound))
    ok(status == 0, f'{script.name} compiles', said[-2000:])
    status, said = run(bpftrace, '-c', PROGRAM, str(bound))
    refusal = REFUSED.search(said)
    if status and refusal:
        ok(True, what, skip=f'bpftrace may not trace here: {refusal[0]}')
    else:
        ok(status == 0 and re.search(r'^@\w+\[', said, re.M), what, said)


def main():
    known = probes()
    ok({'spawn', 'switch', 'park', 'wake', 'cancel'} <= set(known), 'the library has its probes',
       known)
    bpftrace = shutil.which('bpftrace')
    with tempfile.TemporaryDirectory() as folder:
        for script in SCRIPTS:
            check_names(script, known)
            check_run(script, bpftrace, folder)
    print(f'1..{count}')
    sys.exit(failures > 0)


main()
