#!/usr/bin/env python3
"""The service manager's protocol, and looking in: manager.py WEFT APP SANITIZER."""
import json
import os
import signal
import socket
import subprocess
import sys

from serving import Service, done, load, ok, open_stream, wait_for

WEFT, APP, SANITIZED = sys.argv[1:]


class Manager:
    """The receiving end of NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(0.1)
        self.messages = []

    def heard(self, words, patience=30):
        def look():
            try:
                self.messages.append(self.socket.recv(65536).decode())
            except TimeoutError:
                pass
            return any(words in message.split('\n') for message in self.messages)
        found = wait_for(look, patience)
        return found


def activation():
    with socket.socket() as first, socket.socket() as second:
        for listener in (first, second):
            listener.bind(('127.0.0.1', 0))
            listener.listen()
        ports = [listener.getsockname()[1] for listener in (first, second)]
        waiting = socket.create_connection(('127.0.0.1', ports[0]))
        waiting.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        # The shell is what gets the number that LISTEN_PID has to be.
        script = (f'exec 3<&{first.fileno()} 4<&{second.fileno()}; LISTEN_PID=$$ LISTEN_FDS=2 '
                  f'exec "$@"')
        with Service(WEFT, '-n2', APP, command=['sh', '-c', script, 'sh'],
                     pass_fds=[first.fileno(), second.fileno()], close_fds=True) as service:
            got = waiting.recv(4096)
            ok(b'200 OK' in got, 'sockets of the manager: who came before us is served',
               service.log)
            texts = [subprocess.run(['curl', '-sS', f'http://127.0.0.1:{port}/'],
                                    capture_output=True, text=True, check=False).stdout
                     for port in ports]
            ok(texts == ['hello\n'] * 2 and 'service manager' in service.log,
               '    all of them, in place of --port', service.log)
            environment = [open(f'/proc/{pid}/environ', 'rb').read()
                           for pid in service.workers()]
            ok(not any(b'LISTEN_FDS' in each for each in environment),
               '    workers do not take them for theirs')
            service.send(signal.SIGHUP)
            service.wait_log('ready, generation 2:')
            ok(service.end() == 0, '    and it ends', service.log)
        ok(socket.create_connection(('127.0.0.1', ports[0])),
           '    the manager still has its sockets')
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        with Service(WEFT, '-n1', APP, pass_fds=[other.fileno()],
                     environment={'LISTEN_PID': '1', 'LISTEN_FDS': '1'}) as service:
            ok(service.get()[0] == 200, 'LISTEN_FDS for another process is left alone',
               service.log)


def notification(folder):
    for kind in ('path', 'abstract'):
        name = f'{folder}/notify-{kind}' if kind == 'path' else f'\0weft-test-{os.getpid()}'
        manager = Manager(name)
        with Service(WEFT, '-n2', APP, wait=False, environment={
                'NOTIFY_SOCKET': name.replace('\0', '@'), 'WATCHDOG_USEC': '400000',
                'APP_LATE': '300'}) as service:
            ok(manager.heard('READY=1') and 'READY=1' not in manager.messages[:-1],
               f'READY=1, {kind} socket', manager.messages)
            ok(service.get()[0] == 200 and len(service.workers()) == 2, '    once all serve')
            ok(any('STATUS=Generation 1 serves with 2 processes.' in each
                   for each in manager.messages), '    with a status', manager.messages)
            before = len(manager.messages)
            manager.heard('never', 1.5)
            beats = manager.messages[before:].count('WATCHDOG=1')
            ok(beats >= 4, f'    WATCHDOG=1 in half the time asked for: {beats} in 1.5 s',
               manager.messages)
            manager.messages.clear()
            service.send(signal.SIGHUP)
            ok(manager.heard('RELOADING=1') and
               any('MONOTONIC_USEC=' in each for each in manager.messages) and
               manager.heard('READY=1'), '    RELOADING=1, then READY=1', manager.messages)
            service.send(signal.SIGTERM)
            ok(manager.heard('STOPPING=1') and service.ended() == 0, '    STOPPING=1',
               manager.messages)
    with Service(WEFT, '-n1', APP, environment={'NOTIFY_SOCKET': '/nowhere/at/all'}) as service:
        ok(service.get()[0] == 200 and 'NOTIFY_SOCKET=/nowhere' in service.log,
           'a manager that is not there is no reason to stay away', service.log)


def top(service, *arguments):
    return subprocess.run([WEFT, 'top', *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, check=False,
                          env={**os.environ, 'XDG_RUNTIME_DIR': service.folder.name})


def looking_in():
    with Service(WEFT, '-n2', APP) as service:
        client, _ = open_stream(service.port, '/stream?n=1000&ms=50')
        with load(service.port, 4) as clients:
            wait_for(lambda: sum(each.answered for each in clients) > 200)
            told = wait_for(lambda: (lambda view: view if sum(
                each['requests'] for each in view['workers']) > 200 and sum(
                    each['connections'] for each in view['workers']) >= 5 else None)(
                        json.loads(top(service, '--json', service.pid).stdout)))
        ok(told and told['name'] == 'serve-app.so' and told['processes'] == 2 and
           sorted(each['process'] for each in told['workers']) == service.workers() and
           all(each['state'] == 'serving' and each['memory'] > 0 for each in told['workers']) and
           sum(each['active'] for each in told['workers']) >= 1,
           '`weft top --json` lists workers with their figures', told)
        idle = wait_for(lambda: (lambda view: view if max(
            each['load'] for each in view['workers']) < 50 else None)(
                json.loads(top(service, '--json', service.pid).stdout)))
        ok(idle, 'an idle worker has no load', idle)
        shown = top(service)
        ok('serve-app.so: generation 1, 2 processes' in shown.stdout and
           shown.stdout.count('serving') == 2, '`weft top` finds the parent by itself',
           shown.stdout + shown.stderr)
        inside = top(service, service.workers()[0])
        ok('worker 0' in inside.stdout, '    and looks into a worker', inside)
        dump = subprocess.run([WEFT, 'dump'], capture_output=True, text=True, check=False,
                              env={**os.environ, 'XDG_RUNTIME_DIR': service.folder.name})
        ok(dump.returncode == 1 and 'look into one of them' in dump.stderr,
           '    `weft dump` of the parent says where to look', dump)
        victim = service.workers()[0]
        os.kill(victim, signal.SIGKILL)
        service.wait_log('another is started')
        told = wait_for(lambda: (lambda view: view if len(view['workers']) == 2 else None)(
            json.loads(top(service, '--json', service.pid).stdout)))
        ok(told and told['failures'] == 1 and
           sorted(each['restarts'] for each in told['workers']) == [0, 1],
           '    restarts are counted', told)
        path = service.path / 'weft' / f'{service.pid}.sock'
        held = [hold(path) for _ in range(20)]
        ok(top(service, '--json', service.pid).returncode == 0 or
           wait_for(lambda: top(service, '--json', service.pid).returncode == 0),
           'clients that say nothing do not hold it up')
        for each in held:
            each.close()
        ok(ask(path, b'nonsense\n').startswith(b'error: '), 'another command is refused')
        ok(ask(path, b'x' * 100) == b'', 'and one that is too long')
        ok(service.get()[0] == 200 and service.end() == 0 and not path.exists(),
           'the socket goes with the service')
        client.close()
        ok(not list((service.path / 'weft').iterdir()), 'and those of its workers',
           list((service.path / 'weft').iterdir()))


def hold(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    return client


def ask(path, request):
    client = hold(path)
    client.settimeout(10)
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


def main():
    with Service(WEFT, '-n1', APP) as service:
        notification(service.path)
    activation()
    looking_in()
    done()


main()
