#!/usr/bin/env python3
"""A service's life: how it starts, what it refuses, how it ends: life.py WEFT APP SANITIZER."""
import os
import re
import signal
import socket
import subprocess
import sys
import time

from serving import (Service, children, descriptors, done, ok, open_stream, read_to_end, wait_for)

WEFT, APP, SANITIZED = sys.argv[1:]


def unprivileged_start():
    with open('/proc/sys/net/ipv4/ip_unprivileged_port_start', encoding='utf-8') as file:
        return int(file.read())


def refused(status, words, what, *arguments, environment=None, **options):
    result = subprocess.run([WEFT, 'serve', *arguments], capture_output=True, text=True,
                            timeout=60, check=False, env={**os.environ, **(environment or {})},
                            **options)
    last = result.stderr.strip().splitlines()[-1:] or ['']
    ok(result.returncode == status and last[0].startswith('weft serve: ') and
       re.search(words, last[0]), what, result.stderr)


def refusals(folder):
    refused(1, 'nothing.so: No such file', 'an application that is not there', 'nothing.so')
    plain = folder / 'plain.so'
    plain.write_text('no object')
    refused(1, r'plain.so.*-fPIC -shared', 'a file that is no shared object', '-p0', plain)
    source = folder / 'empty.c'
    source.write_text('int nothing;\n')
    empty = folder / 'empty.so'
    if subprocess.run(['cc', '-shared', '-fPIC', source, '-o', empty], check=False).returncode == 0:
        refused(1, "no symbol 'weft_app' .*-fPIC -shared", 'an object without weft_app', '-p0',
                empty)
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        address = f'127.0.0.1:{taken.getsockname()[1]}'
        refused(1, f"listening on '{address}': Address already in use .*choose another port",
                'a port that is taken', '-b', address, APP)
    refused(1, 'no-such.pem.*No such file', 'a certificate that is not there', '-p0',
            '--certificate', 'no-such.pem', APP)
    refused(1, "plain.so'.*PEM is wanted", 'a certificate that is none', '-p0', '--certificate',
            plain, APP)
    refused(1, "the app's database is not there", 'what an application says when it cannot start',
            '-p0', APP, environment={'APP_START': 'fail'})
    refused(1, "the app's database is not there", 'the same when it is loaded in the parent',
            '-p0', '--preload', APP, environment={'APP_START': 'fail'})
    refused(1, 'descriptor 1: .*not listen|descriptor 1: .*[Ss]ocket', 'a descriptor that does '
            'not listen', '-b', 'fd:1', APP)
    if os.geteuid() == 0 and unprivileged_start() > 80:
        try:
            refused(1, 'Permission denied .ports below 1024 need root', 'a privileged port', '-b',
                    '127.0.0.1:80', APP, preexec_fn=lambda: os.setuid(65534))
        except (PermissionError, subprocess.SubprocessError):
            pass  # nobody may not look into the build's folder
    for words, arguments in [('what is to be served', []), ('one application', [APP, APP]),
                             ('--count wants', ['-n', '0', APP]),
                             ('--count wants a whole', ['-n', '1.5', APP]),
                             ('--port wants', ['-p', '65536', APP]),
                             ('--key stands', ['--key', 'a', APP]),
                             ('--forks and --threads', ['--forks', '2', APP]),
                             ('leave them out', ['-b', '*:0', '-p', '1', APP]),
                             ('weft serve --help', ['--nonsense', APP]),
                             ('--reload is for', ['--reload', '/']),
                             ('http:// or https://', ['-b', 'ftp://a:1', APP])]:
        refused(2, words, f'usage: {" ".join(map(os.path.basename, arguments)) or "nothing"}',
                *arguments)
    help_text = subprocess.run([WEFT, 'serve', '--help'], capture_output=True, text=True,
                               check=False)
    ok(help_text.returncode == 0 and '--graceful-stop' in help_text.stdout, '--help')


def kinds():
    for arguments, processes, threads in [(['-n3'], 3, 1), (['--threaded', '-n3'], 1, 3),
                                          (['--hybrid', '--forks=2', '--threads=2'], 2, 2),
                                          (['-n2', '--reuse-port'], 2, 1),
                                          (['-n2', '--preload'], 2, 1)]:
        with Service(WEFT, *arguments, APP) as service:
            loops = set()
            wait_for(lambda: loops.add(service.get('/who')[1]) or
                     len(loops) == processes * threads)
            ok(len(service.workers()) == processes and
               len({loop.split()[0] for loop in loops}) == processes and
               len(loops) == processes * threads,
               f'{" ".join(arguments)}: {processes} processes of {threads}, and all serve',
               loops)
            ok(service.end() == 0, '    and end', service.log)
    with Service(WEFT, APP) as service:
        ok(len(service.workers()) == len(os.sched_getaffinity(0)),
           'as many workers as CPUs by default')
    with Service(WEFT, '-n2', '--preload', APP, environment={'APP_RUN': '1'}) as service:
        ok(service.get()[0] == 200 and len(service.workers()) == 2,
           'a runtime that has run in the parent does its children no harm', service.log)
        ok(service.end() == 0, '    and they end', service.log)


def listeners(folder):
    path = folder / 'socket'
    with Service(WEFT, '-n2', '-b', f'unix:{path}', '-b', '127.0.0.1:0', '-b',
                 'http://127.0.0.1:0/', APP, port=None) as service:
        ports = list(map(int, re.findall(r'listening on 127.0.0.1:(\d+)', service.log)))
        got = [subprocess.run(['curl', '-sS', *where], capture_output=True, text=True,
                              check=False).stdout
               for where in (['--unix-socket', path, 'http://a/'],
                             *[[f'http://127.0.0.1:{port}/'] for port in ports])]
        ok(len(ports) == 2 and got == ['hello\n'] * 3, 'three listeners, one a Unix socket', got)
        ok(service.end() == 0 and not path.exists(), 'its path goes with the service')
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        held.listen()
        os.set_inheritable(held.fileno(), True)
        with Service(WEFT, '-b', f'fd:{held.fileno()}', APP, port=None,
                     pass_fds=[held.fileno()]) as service:
            got = subprocess.run(['curl', '-sS', f'http://127.0.0.1:{held.getsockname()[1]}/'],
                                 capture_output=True, text=True, check=False)
            ok(got.stdout == 'hello\n', 'a socket that was inherited', got)


def hold(port, count):
    """Connections that stay, by the worker that has them."""
    held = {}
    for _ in range(count):
        client = socket.create_connection(('127.0.0.1', port), timeout=60)
        client.sendall(b'GET /who HTTP/1.1\r\nHost: a\r\n\r\n')
        pid = int(client.recv(4096).rpartition(b'\r\n\r\n')[2].split()[0])
        held.setdefault(pid, []).append(client)
    return held


def share():
    with Service(WEFT, '-n4', APP) as service:
        held = hold(service.port, 400)
        counts = [len(clients) for clients in held.values()]
        ok(len(counts) == 4 and min(counts) >= 50 and max(counts) <= 200,
           f'four workers share 400 connections: {counts}')
    with Service(WEFT, '-n2', APP) as service:
        late = service.workers()[0]
        os.kill(late, signal.SIGSTOP)
        held = hold(service.port, 200)
        os.kill(late, signal.SIGCONT)
        again = hold(service.port, 100)
        got = len(again.get(late, []))
        ok(len(held) == 1 and got >= 55,
           f'a worker with fewer connections catches up: it gets {got} of the next 100')


def titles():
    with Service(WEFT, '-n2', APP) as service:
        def show():
            return subprocess.run(['ps', '-o', 'args=', '-p',
                                   ','.join(map(str, [service.pid, *service.workers()]))],
                                  capture_output=True, text=True, check=False).stdout
        shown = wait_for(lambda: (lambda text: text if re.search(r'parent of 2, generation 1', text)
                                  and text.count('(C=') == 2 else None)(show()))
        ok(shown and re.search(r'app.so: worker 0 \(C=\d+ R=\d+/\d+ L=\d+%\)', shown),
           '`ps` shows who is who', show())


def endings():
    with Service(WEFT, '-n2', APP) as service:
        client, first = open_stream(service.port, '/stream?n=8&ms=100')
        service.send(signal.SIGTERM)
        whole, cut = read_to_end(client, first)
        ok(not cut and whole.endswith(b'done\n\r\n0\r\n\r\n'),
           'TERM: a streamed response is finished', whole)
        ok(service.ended() == 0, 'then the service ends', service.log)
    with Service(WEFT, '-n2', APP) as service:
        client, _ = open_stream(service.port, '/stream?n=100&ms=100')
        os.kill(service.workers()[0], signal.SIGSTOP)
        os.kill(service.workers()[1], signal.SIGSTOP)
        early = [socket.create_connection(('127.0.0.1', service.port)) for _ in range(20)]
        for each in early:
            each.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        service.send(signal.SIGTERM)
        service.wait_log('end gracefully')
        for pid in service.workers():
            os.kill(pid, signal.SIGCONT)
        answers = [read_to_end(each)[0] for each in early]
        ok(all(answer.endswith(b'hello\n') for answer in answers),
           'who has connected before the end is served', answers[:3])
        ok(wait_for(lambda: refuses(service.port)), 'who comes later is refused')
        ok(service.end() == 0, 'and the service ends', service.log)
        client.close()
    for number in (signal.SIGINT, signal.SIGTERM):
        with Service(WEFT, '-n2', APP) as service:
            ok(service.end(number) == 0, f'{number.name} ends it')
    with Service(WEFT, '-n2', '--graceful-stop', '1', APP) as service:
        client, first = open_stream(service.port, '/stream?n=1000&ms=100')
        began = time.monotonic()
        status = service.end()
        took = time.monotonic() - began
        whole, _ = read_to_end(client, first)
        ok(status == 0 and took >= 0.9 and not whole.endswith(b'0\r\n\r\n'),
           f'what does not end is cut after the deadline ({took:.1f} s)', service.log)
    with Service(WEFT, '-n2', '--graceful-stop', '0', APP) as service:
        client, first = open_stream(service.port, '/stream?n=1000&ms=100')
        ok(service.end() == 0, '--graceful-stop 0 waits for nothing', service.log)
        client.close()
    with Service(WEFT, '-n2', '--graceful-stop', '1', '--health-check-timeout', '3600',
                 APP) as service:
        open_stream_only(service.port, '/spin')
        wait_for(lambda: busy(service))
        ok(service.end() == 0 and 'did not end in time and was killed' in service.log,
           'a loop that does not turn is killed after the deadline', service.log)
    with Service(WEFT, '-n2', '--graceful-stop', '3600', APP) as service:
        client, first = open_stream(service.port, '/stream?n=1000&ms=100')
        service.send(signal.SIGTERM)
        service.wait_log('end gracefully')
        ok(service.end() == 0 and 'are killed' in service.log,
           'a second signal ends all at once', service.log)
        client.close()


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def open_stream_only(port, path):
    client = socket.create_connection(('127.0.0.1', port), timeout=60)
    client.sendall(f'GET {path} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
    return client


def refuses(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def busy(service):
    def ticks(pid):
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return int(file.read().rpartition(')')[2].split()[11])
    return any(ticks(pid) > 20 for pid in service.workers())


def group():
    """Ctrl-C in a terminal: every process gets it, and the responses are finished all the same."""
    with Service(WEFT, '-n2', APP, start_new_session=True) as service:
        client, first = open_stream(service.port, '/stream?n=5&ms=100')
        os.killpg(service.pid, signal.SIGINT)
        whole, _ = read_to_end(client, first)
        ok(whole.endswith(b'done\n\r\n0\r\n\r\n') and service.ended() == 0,
           'a signal to the whole group counts once', service.log)


def inheritance():
    """SIGCHLD ignored by who started us; descriptors that are not ours."""
    with Service(WEFT, '-n2', APP, preexec_fn=lambda: signal.signal(signal.SIGCHLD,
                                                                    signal.SIG_IGN)) as service:
        ok(service.get()[0] == 200 and service.end() == 0, 'SIGCHLD may come ignored', service.log)
    with Service(WEFT, '-n2', APP) as service:
        before = descriptors(service.pid)
        for turn in range(3):
            service.send(signal.SIGHUP)
            service.wait_log(f'ready, generation {turn + 2}')
        wait_for(lambda: len(children(service.pid)) == 2)
        after = descriptors(service.pid)
        ok(len(after) == len(before), 'generations leave no descriptor behind', (before, after))
        ok(set(children(service.pid).values()) <= {'S', 'R', 'D'}, 'and no zombie',
           children(service.pid))
        theirs = [descriptors(pid) for pid in service.workers()]
        sockets = [sum('socket:' in what for what in each.values()) for each in theirs]
        ok(max(sockets) <= 4, 'workers have their own sockets alone: the listener, their copy of '
           'it, the parent, `weft top`', theirs)
        workers = service.workers()
        service.process.kill()
        gone = wait_for(lambda: not any(alive(pid) for pid in workers))
        ok(workers and gone, 'workers end when the parent is killed', workers)


def main():
    with Service(WEFT, '-n1', APP) as service:
        folder = service.path
        ok(service.get() == (200, 'hello\n'), 'it serves', service.log)
        refusals(folder)
        listeners(folder)
    kinds()
    share()
    titles()
    endings()
    group()
    inheritance()
    done()


main()
