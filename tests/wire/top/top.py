#!/usr/bin/env python3
"""Test `weft top`, `weft dump` and the socket they ask: top.py WEFT SUBJECT SANITIZER."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time

WEFT, SUBJECT, SANITIZED = sys.argv[1:]
count = failures = 0


def ok(condition, what, detail=''):
    global count, failures
    count += 1
    print(f'{"" if condition else "not "}ok {count} - {what}')
    if not condition:
        failures += 1
        print('#   ' + str(detail).replace('\n', '\n#   '))


def weft(*arguments, **options):
    return subprocess.run([WEFT, *map(str, arguments)], capture_output=True, text=True, timeout=30,
                          check=False, **options)


class Subject:
    """The program of a mode, ready to be looked into, until the end of the block."""

    def __init__(self, mode, inspect='1'):
        self.process = subprocess.Popen([SUBJECT, mode], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        env={**os.environ, 'WEFT_INSPECT': inspect,
                                             'WEFT_WATCHDOG': '10'})
        for _ in range(3 if mode == 'loops' else 1):
            self.process.stdout.readline()
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def refused(result, words, what):
    ok(result.returncode == 1 and words in result.stderr and
       re.match(r'weft (top|dump): [^\n]*\n$', result.stderr), what, result)


def ask(path, request, patience=10):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(patience)
        client.connect(str(path))
        client.sendall(request)
        answer = b''
        while True:
            try:
                piece = client.recv(65536)
            except ConnectionResetError:
                return answer
            if not piece:
                return answer
            answer += piece


def json_tests(subject):
    result = weft('top', '--json', subject.pid)
    ok(result.returncode == 0 and result.stderr == '', 'top --json prints and ends', result)
    answer = json.loads(result.stdout)
    ok(answer['process'] == subject.pid and len(answer['loops']) == 1, 'one loop of the process')
    loop = answer['loops'][0]
    ok(loop['stats']['backend'].startswith({'epoll': 'epoll', 'uring': 'io_uring'}.get(
        os.environ.get('WEFT_BACKEND'), '')), 'its backend', loop['stats'])
    tasks = {task['name']: task for task in loop['tree']['tasks']}
    ok(len(loop['tree']['tasks']) == loop['stats']['tasks'], 'every task is in the tree')
    reader, parent, root = tasks['the reader'], tasks['the parent'], tasks['root']
    ok(reader['parent'] == parent['id'] and parent['parent'] == root['id'] and
       root['parent'] is None, 'under its parent')
    ok(reader['state'] == 'parked' and reader['wait'] == 'descriptor' and
       reader['peer'] == 'a unix socket' and reader['function'] == 'reader' and
       reader['scope'] == 'nursery' and reader['depth'] == 2 and reader['parks'] == 1 and
       reader['age'] >= 0 and reader['outcome'] is None and reader['transient'] is False,
       'what one waits for', reader)
    ok(tasks['a "quoted" \t \033[2J name']['wait'] == 'timer', 'names are kept as they are')
    ok(tasks[f'looked in through {tasks_fd(tasks)}']['transient'], 'who answers is a task, too')
    stalls = loop['stalls']['stalls']
    ok(len(stalls) == 1 and stalls[0]['name'] == 'the holder' and stalls[0]['count'] == 1 and
       stalls[0]['function'] == 'hold' and stalls[0]['call'].endswith('nanosleep') and
       stalls[0]['longest'] >= 10_000_000 and
       any(frame.startswith('hold+') for frame in stalls[0]['stack']), 'where it was held', stalls)


def tasks_fd(tasks):
    return next(name.split()[-1] for name in tasks if name.startswith('looked in'))


def text_tests(subject):
    result = weft('top', subject.pid)
    ok(result.returncode == 0 and result.stderr == '', 'top prints once into a pipe', result)
    ok(re.search(rf'^process {subject.pid} \S+: \d+ descriptors$', result.stdout, re.M) and
       re.search(r'^loop main \(\w+\): load \d+ %, 5 tasks', result.stdout, re.M),
       'process and loop', result.stdout)
    ok(re.search(r'^parked +\d+ ms +1 +(?:\d+ +)?the reader: reader, waits for descriptor \d+ '
                 r'to a unix socket$', result.stdout, re.M), 'a task', result.stdout)
    ok(re.search(r'^held 1 times, up to \d+ ms, by the holder: hold, asleep in \w*nanosleep$',
                 result.stdout, re.M), 'a stall', result.stdout)
    ok('\033' not in result.stdout, 'a name commands no terminal')
    result = weft('dump', subject.pid)
    ok(result.returncode == 0 and 'the reader: reader+0, ' in result.stdout and
       '  scope nursery: 1 alive\n' in result.stdout, 'dump prints the tree', result)
    ok('\033' not in result.stdout, 'and commands no terminal')
    if SANITIZED == 'none' and os.uname().machine == 'x86_64':
        ok(re.search(r'#\d+ reader\+0x', result.stdout), 'with stacks', result.stdout)


def socket_tests(subject, folder):
    path = folder / 'weft' / f'{subject.pid}.sock'
    ok(stat.S_IMODE(path.stat().st_mode) == 0o600 and
       stat.S_IMODE(path.parent.stat().st_mode) == 0o700, 'the socket is its owner\'s alone')
    ok(ask(path, b'nonsense\n').startswith(b'error: '), 'what is not known is answered so')
    ok(ask(path, b'x' * 31) == b'', 'a request without an end is not')
    ok(ask(path, b'stats\n' + b'x' * 1000)[:1] == b'{', 'a second line is not looked at')
    began = time.monotonic()
    ok(ask(path, b'sta') == b'' and 2 < time.monotonic() - began < 9, 'who is slow is left')
    ok(ask(path, b'st') == b'' and json.loads(ask(path, b'stats\n')), 'and the next one served')


def user_tests(subject, folder):
    path = folder / 'weft' / f'{subject.pid}.sock'
    if os.geteuid() != 0:
        return
    other = {'user': 65534, 'group': 65534, 'extra_groups': []}
    refused(weft('top', subject.pid, **other), 'belongs to user 0', 'another user may not look in')
    folder.chmod(0o755)
    path.parent.chmod(0o755)
    path.chmod(0o666)
    refused(weft('top', subject.pid, **other), 'belongs to user 0', 'even with a key to the door')
    path.chmod(0o600)
    path.parent.chmod(0o700)
    folder.chmod(0o700)


def error_tests():
    with subprocess.Popen(['sleep', '30']) as stranger:
        refused(weft('top', stranger.pid), 'does not use Weft', 'a process without Weft')
        refused(weft('dump', stranger.pid), 'WEFT_INSPECT=1 weft run', 'is told how to get it')
        stranger.kill()
    refused(weft('top', stranger.pid), f'there is no process {stranger.pid}', 'one that has ended')
    refused(weft('top', '12x'), "'12x' is not the number of a process", 'no number')
    refused(weft('top', '0'), "'0' is not", 'zero')
    for arguments in (['top', '--nonsense'], ['dump', '1', '2'], ['top', '1', '2']):
        result = weft(*arguments)
        ok(result.returncode == 2 and result.stderr.startswith('usage: weft'),
           f'{arguments} is told how it is used', result)
    for command in 'top', 'dump':
        result = weft(command, '--help')
        ok(result.returncode == 0 and result.stdout.startswith(f'usage: weft {command}'),
           f'{command} --help')
    refused(weft('top'), 'WEFT_INSPECT=1', 'nothing to look into')
    with Subject('tree', '0') as subject:
        refused(weft('top', subject.pid), 'weft_options.inspect', 'one that does not want it')


def choice_tests():
    with Subject('tree') as first:
        ok(f'process {first.pid} ' in weft('top').stdout, 'the only one needs no number')
        with Subject('tree') as second:
            result = weft('dump')
            ok(result.returncode == 1 and str(first.pid) in result.stderr and
               str(second.pid) in result.stderr, 'of two the numbers are told', result)


def life_tests(folder):
    with Subject('held') as subject:
        began = time.monotonic()
        refused(weft('top', subject.pid), 'a fiber holds its loop', 'a held loop is told as such')
        ok(time.monotonic() - began < 10, 'in time')
    with Subject('loops') as subject:
        loops = json.loads(weft('top', '--json', subject.pid).stdout)['loops']
        ok(sorted(loop['stats']['name'] for loop in loops) == ['first', 'second', 'third'],
           'three loops are three in the answer', loops)
        ok(weft('dump', subject.pid).stdout.count('\n- root: until_told') == 3, 'and in a dump')
    with Subject('again') as subject:
        ok(weft('dump', subject.pid).returncode == 0, 'a later loop has the first one\'s place')
    with Subject('forked') as subject:
        subject.process.wait(20)
        refused(weft('top', subject.pid), 'there is no process', 'a fork\'s child is not its parent')
    ok(not list((folder / 'weft').iterdir()), 'no socket is left', list((folder / 'weft').iterdir()))
    stale = folder / 'weft' / '1.sock'
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(stale))
    refused(weft('top'), 'WEFT_INSPECT=1', 'a socket without a process is passed over')
    stale.unlink()


def folder_tests(folder):
    (folder / 'weft').chmod(0o755)
    with Subject('tree') as subject:
        refused(weft('top', subject.pid), 'weft_options.inspect', 'a folder open to others is not used')
    (folder / 'weft').chmod(0o700)


class Terminal:
    """`weft top PID` in a terminal of its own."""

    def __init__(self, pid, rows, columns):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen([WEFT, 'top', str(pid)], stdin=slave, stdout=slave,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('4H', rows, columns, 0, 0))

    def picture(self, patience=8):
        """One whole picture, from home to the clearing of the rest."""
        text, end = '', time.monotonic() + patience
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                text += os.read(self.master, 65536).decode()
            pictures = re.findall('\033\\[H(.*?)\033\\[J', text, re.S)
            if pictures:
                return pictures[-1]
        return text

    def lines(self):
        plain = re.sub('\033\\[[0-9;?]*[A-Za-z]', '', self.picture())
        return plain.split('\r\n')[:-1]


def live_tests():
    with Subject('tree') as subject:
        terminal = Terminal(subject.pid, 24, 60)
        lines = terminal.lines()
        ok(lines and lines[0].startswith(f'process {subject.pid}') and
           any('the reader' in line for line in lines), 'a terminal gets a picture', lines)
        ok(all(len(line) <= 60 for line in lines), 'as wide as it is', lines)
        lines = terminal.lines()
        ok('of a processor' in ''.join(lines) or len(lines[0]) == 60, 'and another one', lines)
        terminal.resize(4, 40)
        terminal.picture()
        lines = terminal.lines()
        ok(len(lines) <= 4 and all(len(line) <= 40 for line in lines), 'after a resize a smaller one',
           lines)
        os.write(terminal.master, b'q')
        ok(terminal.process.wait(10) == 0, 'q ends it')
        ok(termios.tcgetattr(terminal.slave) == terminal.before, 'and the terminal is as before')
        terminal = Terminal(subject.pid, 24, 80)
        terminal.picture()
    terminal.process.wait(10)
    ok(terminal.process.returncode == 0, 'the end of the process ends it, too')


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.environ['XDG_RUNTIME_DIR'] = name
        (folder / 'weft').mkdir(0o700)
        with Subject('tree') as subject:
            json_tests(subject)
            text_tests(subject)
            socket_tests(subject, folder)
            user_tests(subject, folder)
        error_tests()
        choice_tests()
        life_tests(folder)
        folder_tests(folder)
        live_tests()
    print(f'1..{count}')
    return failures > 0


sys.exit(main())
