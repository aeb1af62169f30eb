#!/usr/bin/env python3
"""New generations under load, and what keeps the old one: renewal.py WEFT APP SANITIZER."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

from serving import Service, children, done, load, ok, open_stream, read_to_end, wait_for

WEFT, APP, SANITIZED = sys.argv[1:]
TURNS = 50 if SANITIZED == 'none' else 10


def renew(service, turn):
    service.send(signal.SIGHUP)
    return service.wait_log(f'ready, generation {turn + 2}:', 30)


def turns(service):
    return sum(bool(renew(service, turn)) for turn in range(TURNS))


def under_wrk(*arguments):
    with Service(WEFT, *arguments, APP) as service:
        wrk = subprocess.Popen(['wrk', '-t1', '-c16', '-d120', f'http://127.0.0.1:{service.port}/'],
                               stdout=subprocess.PIPE, text=True)
        wait_for(lambda: service.get('/')[0] == 200)
        finished = turns(service)
        wrk.send_signal(signal.SIGINT)
        text = wrk.communicate(timeout=60)[0]
        answered = re.search(r'(\d+) requests in', text)
        ok(finished == TURNS and answered and int(answered[1]) > TURNS and
           'Socket errors' not in text and 'Non-2xx' not in text,
           f'{" ".join(arguments)}: {TURNS} generations under wrk, no request fails', text)
        ok(wait_for(lambda: len(children(service.pid)) == 2), '    and the old ones are gone',
           children(service.pid))
        ok(service.end() == 0, '    and the service ends', service.log[-2000:])


def under_clients():
    """Connections that are kept, and requests that take a while: each answer is whole."""
    with Service(WEFT, '-n2', APP) as service:
        with load(service.port, 8) as quick, load(service.port, 8, '/sleep?ms=30') as slow, \
                load(service.port, 4, keep=False) as fresh:
            finished = turns(service)
        clients = [*quick, *slow, *fresh]
        failed = sum(client.failed for client in clients)
        ok(finished == TURNS and failed == 0 and all(client.answered for client in clients),
           f'{TURNS} generations under clients that keep connections and clients that do not: '
           f'{sum(client.answered for client in clients)} answers, none fails',
           [error for client in clients for error in client.errors][:5])


def streams_go_on():
    with Service(WEFT, '-n2', APP) as service:
        client, first = open_stream(service.port, '/stream?n=15&ms=100')
        old = service.workers()
        renew(service, 0)
        ok(not set(old) & set(pid for pid in service.workers() if pid not in old) and
           any(pid in service.workers() for pid in old),
           'an old worker lives on with its stream')
        whole, cut = read_to_end(client, first)
        ok(not cut and whole.endswith(b'done\n\r\n0\r\n\r\n'), 'which is finished', whole)
        ok(wait_for(lambda: not set(old) & set(children(service.pid))), 'then it is gone')


def failing():
    """A new generation that can't serve, in several ways; the old one does not notice."""
    with Service(WEFT, '-n2', '--start-timeout', '2', APP, environment={
            'APP_START': f'file:{(flag := pathlib.Path(f"/tmp/weft-fail-{os.getpid()}"))}',
    }) as service:
        old = service.workers()
        with load(service.port, 4) as clients:
            flag.write_text('')
            service.send(signal.SIGHUP)
            told = service.wait_log("can't serve, the old one stays: .*the app was told to fail")
            flag.unlink()
            ok(told and service.get()[0] == 200, 'a generation that fails leaves the old one be',
               service.log)
            wait_for(lambda: service.workers() == old)
            ok(service.workers() == old, '    it is the same processes', service.workers())
            ok(renew(service, 0), '    and the next one that can takes over', service.log)
        ok(sum(client.failed for client in clients) == 0, '    no request fails',
           [client.errors for client in clients])
        ok(service.end() == 0, '    and it ends', service.log)


def reload():
    """The shared object is built anew: taken up by --reload, whole."""
    with Service(WEFT, '-n1', APP) as scratch:
        folder = scratch.path
        app = folder / 'app.so'
        shutil.copy(APP, app)
        with Service(WEFT, '-n2', '--reload', app) as service:
            fresh = folder / 'fresh.so'
            shutil.copy(APP, fresh)
            with load(service.port, 4) as clients:
                os.replace(fresh, app)
                ok(service.wait_log('has changed') and service.wait_log('ready, generation 2:'),
                   '--reload: a new file is taken up', service.log)
                broken = folder / 'broken.so'
                broken.write_text('no object')
                os.replace(broken, app)
                ok(service.wait_log('the old one stays') and service.get()[0] == 200,
                   '    one that is broken is not', service.log)
            ok(sum(client.failed for client in clients) == 0, '    no request fails',
               [client.errors for client in clients])
        shutil.copy(APP, app)
        with Service(WEFT, '-n2', '--preload', app) as service:
            shutil.copy(APP, fresh)
            os.replace(fresh, app)
            ok(renew(service, 0) and service.get()[0] == 200 and
               wait_for(lambda: len(children(service.pid)) == 2) and
               app.stat().st_ino in mapped(service.workers()[0], app),
               '--preload: HUP loads the new file in the parent', service.log)


def mapped(pid, path):
    """The inodes of a file's mappings in a process."""
    lines = pathlib.Path(f'/proc/{pid}/maps').read_text().splitlines()
    return {int(line.split()[4]) for line in lines if str(path) in line}


def crowd():
    """Many signals at once are as one or two; nothing is lost meanwhile."""
    with Service(WEFT, '-n2', APP) as service:
        with load(service.port, 4) as clients:
            for _ in range(20):
                service.send(signal.SIGHUP)
            service.wait_log('ready, generation 2:')
            ok(wait_for(lambda: len(children(service.pid)) == 2), 'a burst of HUPs calms down',
               service.log)
        ok(sum(client.failed for client in clients) == 0, '    no request fails',
           [client.errors for client in clients])


def main():
    under_wrk('-n2')
    under_wrk('-n2', '--reuse-port')
    under_wrk('--hybrid', '--forks=2', '--threads=2')
    under_clients()
    streams_go_on()
    failing()
    reload()
    crowd()
    done()


main()
