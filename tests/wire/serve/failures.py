#!/usr/bin/env python3
"""Workers that die, hang, grow and fail to start: failures.py WEFT APP SANITIZER."""
import os
import re
import resource
import signal
import socket
import sys
import time

from serving import (Service, children, descriptors, done, load, ok, open_stream, read_to_end,
                     wait_for)

WEFT, APP, SANITIZED = sys.argv[1:]
CLIENTS = 16


def ask(port, path):
    """A request whose answer nobody waits for."""
    client = socket.create_connection(('127.0.0.1', port), timeout=60)
    client.sendall(f'GET {path} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
    return client


def killed_under_load():
    with Service(WEFT, '-n2', APP) as service:
        with load(service.port, CLIENTS, '/sleep?ms=20') as clients:
            wait_for(lambda: all(client.answered for client in clients))
            victim, other = service.workers()
            os.kill(victim, signal.SIGKILL)
            told = service.wait_log(rf'pid {victim}\) was ended by signal 9 \(Killed\); another')
            wait_for(lambda: len(service.workers()) == 2)
            marks = [client.answered for client in clients]
            wait_for(lambda: all(client.answered > mark + 20
                                 for client, mark in zip(clients, marks)))
        failed = [client.failed for client in clients]
        ok(told and other in service.workers() and victim not in service.workers(),
           'a killed worker is replaced', service.log)
        ok(0 < sum(failed) <= CLIENTS and max(failed) <= 1,
           f'only what it had under way fails: {sum(failed)} of {CLIENTS} connections once',
           [client.errors for client in clients])
        ok(service.end() == 0, 'and the service ends in order')


def stuck(path, words, what):
    with Service(WEFT, '-n2', '--health-check-timeout', '2', APP) as service:
        before = service.workers()
        client = ask(service.port, path)
        ok(service.wait_log('has not turned its loop for .* ms; this is what it does'), what,
           service.log)
        ok(service.wait_log('another is started'), '    it is killed', service.log)
        ok(re.search(words, service.log), '    its stack is told first', service.log)
        ok(re.search(r'pid \d+: .*app\.so', service.log), '    of the application, too',
           service.log)
        read_to_end(client)
        wait_for(lambda: len(service.workers()) == 2 and service.workers() != before)
        ok(len(set(before) & set(service.workers())) == 1 and service.get()[0] == 200,
           '    and replaced; the other one stays', service.workers())
        ok(service.end() == 0, '    and the service ends', service.log)


def stuck_thread():
    """In a process of several loops the one that is stuck is told."""
    with Service(WEFT, '--threaded', '-n3', '--health-check-timeout', '2', APP) as service:
        client = ask(service.port, '/spin')
        ok(service.wait_log('another is started') and 'spinner' in service.log,
           'a stuck loop among several is the one that is told', service.log)
        read_to_end(client)
        ok(wait_for(lambda: service.get()[0] == 200), '    and its process is replaced')


def asleep():
    """The whole machine, or the parent alone, was stopped: nobody is to blame."""
    with Service(WEFT, '-n2', '--health-check-timeout', '1', APP) as service:
        before = service.workers()
        for pid in [service.pid, *before]:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(2.5)
        for pid in [*before, service.pid]:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.5)
        ok(service.get()[0] == 200 and service.workers() == before,
           'workers that were stopped together with the parent are not replaced', service.log)


def fuse():
    with Service(WEFT, '-n2', APP, environment={'APP_START': 'crash'}, wait=False) as service:
        status = service.ended()
        last = service.log.strip().splitlines()[-1]
        ok(status == 1 and re.match(
            r'weft serve: 7 failures within 60 s, 6 are borne: giving up. The last: worker \d '
            r'\(pid \d+\) was ended by signal 9 \(Killed\)', last),
           'a crash loop trips the fuse, and says so', service.log)
        pauses = [int(ms) for ms in re.findall(r'started in (\d+) ms', service.log)]
        ok(len(pauses) >= 6 and max(pauses) > 2 * min(pauses), 'the pauses grow', pauses)
    with Service(WEFT, '-n1', '--failures', '2', APP) as service:
        for _ in range(3):
            wait_for(lambda: service.workers() or service.process.poll() is not None)
            wait_for(lambda: served(service) or service.process.poll() is not None)
            if service.process.poll() is None:
                read_to_end(ask(service.port, '/exit'))
        ok(service.ended() == 1 and
           re.search(r'3 failures within 60 s, 2 are borne.*ended by itself with status 7',
                     service.log), '--failures 2', service.log)
    with Service(WEFT, '-n2', '--start-timeout', '1', '--failures', '1', APP,
                 environment={'APP_START': 'hang'}, wait=False) as service:
        ok(service.ended() == 1 and re.search(r'was not ready within 1000 ms', service.log) and
           re.search(r'pid \d+: .*app\.so', service.log),
           'a worker that hangs at its start is told, and counts', service.log)


def served(service):
    try:
        return service.get(timeout=5)[0] == 200
    except OSError:
        return False


def memory():
    with Service(WEFT, '-n1', '--memory-limit', '150', APP) as service:
        before = service.workers()
        with load(service.port, 4) as clients:
            stream, first = open_stream(service.port, '/stream?n=20&ms=100')
            service.get('/leak?mib=200')
            ok(service.wait_log(r'MiB in memory, the limit is 150 MiB: it is replaced'),
               'a worker above the limit of memory is replaced', service.log)
            wait_for(lambda: before[0] not in children(service.pid))
        whole, cut = read_to_end(stream, first)
        ok(not cut and whole.endswith(b'done\n\r\n0\r\n\r\n') and
           not sum(client.failed for client in clients),
           '    gracefully: nothing fails', [client.errors for client in clients])
        ok(service.get()[0] == 200 and service.workers() != before, '    by another one')


def out_of_descriptors():
    def tight():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    with Service(WEFT, '-n1', APP, preexec_fn=tight) as service:
        held = [socket.create_connection(('127.0.0.1', service.port)) for _ in range(100)]
        ok(service.wait_log(r'accepting pauses.*Too many open files \(raise .ulimit -n.\)'),
           'no descriptor left: a clear message', service.log)
        held[0].sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        ok(b'hello' in held[0].recv(4096), '    connections that are open are served')
        for client in held:
            client.close()
        ok(service.get()[0] == 200, '    and new ones as soon as there is room')
        ok(service.log.count('accepting pauses') < 3, '    the message does not flood the log',
           service.log)
        ok(service.end() == 0, '    and it ends', service.log)


def no_leak():
    """After some deaths the parent has what it had before."""
    with Service(WEFT, '-n2', '--failures', '100', APP) as service:
        before = len(descriptors(service.pid))
        for turn in range(8):
            victim = service.workers()[turn % 2]
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda gone=victim: gone not in children(service.pid))
            wait_for(lambda: len(service.workers()) == 2)
        ok(wait_for(lambda: len(descriptors(service.pid)) == before) and
           'Z' not in children(service.pid).values(),
           'deaths leave neither descriptors nor zombies', descriptors(service.pid))


def orphans():
    """The parent is killed: workers end gracefully, and those that can't are ended."""
    with Service(WEFT, '-n3', '--graceful-stop', '2', APP) as service:
        workers = service.workers()
        stuck_ones = [ask(service.port, '/spin'), ask(service.port, '/block')]
        service.wait_log('asleep in')
        client, first = open_stream(service.port, '/stream?n=8&ms=100')
        service.process.kill()
        whole, _ = read_to_end(client, first)
        ok(whole.endswith(b'done\n\r\n0\r\n\r\n'), 'an orphan finishes its stream', whole)
        ok(wait_for(lambda: not any(alive(pid) for pid in workers), 30),
           'no worker outlives a killed parent, not even one that spins or sleeps',
           [pid for pid in workers if alive(pid)])
        for each in stuck_ones:
            each.close()


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def leaks_in_workers():
    """Under AddressSanitizer a worker that ends looks for what it has leaked: status 23."""
    with Service(WEFT, '-n2', APP) as service:
        with load(service.port, 4):
            wait_for(lambda: False, 0.5)
        service.send(signal.SIGHUP)
        service.wait_log('ready, generation 2:')
        wait_for(lambda: len(children(service.pid)) == 2)
        ok(service.end() == 0 and 'status' not in service.log, 'workers leak nothing', service.log)


def main():
    killed_under_load()
    stuck('/spin', r'spin_for_ever|app\.so', 'a worker that spins is noticed')
    stuck('/block', r'nanosleep|app\.so', 'a worker that sleeps past the hooks is noticed')
    stuck_thread()
    asleep()
    fuse()
    memory()
    out_of_descriptors()
    no_leak()
    orphans()
    leaks_in_workers()
    done()


main()
