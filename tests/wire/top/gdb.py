#!/usr/bin/env python3
"""Test gdb's `weft ps` and `weft bt`, live and on a core file: gdb.py GDB SCRIPT SUBJECT."""
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile

GDB, SCRIPT, SUBJECT = map(os.path.abspath, sys.argv[1:])
count = failures = 0


def ok(condition, what, detail=''):
    global count, failures
    count += 1
    print(f'{"" if condition else "not "}ok {count} - {what}')
    if not condition:
        failures += 1
        print('#   ' + str(detail).replace('\n', '\n#   '))


def gdb(*arguments):
    """What the commands print, errors included."""
    command = [GDB, '-q', '-nx', '-batch', '-iex', 'set debuginfod enabled off']
    environment = {name: value for name, value in os.environ.items() if name != 'LD_PRELOAD'}
    result = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60,
                            check=False, stdin=subprocess.DEVNULL, env=environment)
    return result.stdout + result.stderr


def commands(*lines):
    return [word for line in (f'source {SCRIPT}', *lines) for word in ('-ex', line)]


def number_of(listing, name):
    return re.search(rf'^ +(\d+) +{name}', listing, re.M)[1]


def frames(text):
    """The functions of a backtrace, innermost first."""
    return re.findall(r'^#\d+ +(?:0x[0-9a-f]+ in )?([\w.]+) \(', text, re.M)


def look(target, where):
    listing = gdb(*target, *commands('weft ps'))
    ok(re.search(r'^loop main, thread \d+, 4 tasks$', listing, re.M), f'{where}: the loop', listing)
    ok(re.search(r'^ +1 root: tree, waits for descriptor 0\n +2   a "quoted" \? \?\[2J name: sleeper, sleeps\n'
                 r' +3   the parent: parent, waits for scope 0x[0-9a-f]+\n'
                 r' +4     the reader: reader, waits for descriptor \d+$', listing, re.M),
       f'{where}: its tasks as a tree', listing)
    number = number_of(listing, 'the reader')
    text = gdb(*target, *commands(f'weft bt {number}', 'bt'))
    names = frames(text)
    ok('weft__park' in names and 'reader' in names and 'weft__context_entry' in names and
       names.index('weft__park') < names.index('reader') < names.index('weft__context_entry'),
       f'{where}: the stack of a parked task', text)
    after = names[names.index('weft__context_entry') + 1:]
    ok('main' in after and 'reader' not in after, f'{where}: the thread\'s own is as before', text)
    text = gdb(*target, *commands('weft bt 99', 'weft bt x', 'weft ps 1'))
    ok('there is no task 99' in text, f'{where}: a task that is not there', text)
    text = gdb(*target, *commands('weft bt x'))
    ok('usage: weft bt NUMBER' in text, f'{where}: no number', text)


def core_of(subject, folder):
    """What the kernel writes when the program is aborted; None if it writes none, or elsewhere."""
    subject.send_signal(signal.SIGABRT)
    subject.wait(20)
    cores = list(pathlib.Path(folder).glob('core*'))
    return cores[0] if cores and cores[0].stat().st_size else None


def main():
    with tempfile.TemporaryDirectory() as folder, \
            subprocess.Popen([SUBJECT, 'tree'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             cwd=folder, preexec_fn=allow_core) as subject:
        subject.stdout.readline()
        live = ['-p', str(subject.pid)]
        if 'ptrace: Operation not permitted' in gdb(*live):
            print('# processes may not be traced here')
        else:
            look(live, 'live')
        core = core_of(subject, folder)
        if core is None:
            print('# no core files are written here')
        else:
            look([SUBJECT, str(core)], 'core')
    print(f'1..{count}' if count else '1..0 # SKIP neither tracing nor core files')
    return failures > 0


def allow_core():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


sys.exit(main())
