#!/usr/bin/env python3
"""Run a test against a real server on a free loopback port, and stop the server afterwards.

usage: with_server.py nginx|postgresql|redis PROGRAM [ARGUMENT...]

The program learns of it by the environment: TEST_HTTP, TEST_HTTPS and TEST_CA; TEST_POSTGRESQL (a
connection string); TEST_REDIS (a port). Everything lives in a folder that is removed at the end.
"""
import glob
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 30  # s until a server answers

FILES = 64


def skip(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)


def program(name, *folders):
    found = shutil.which(name, path=os.pathsep.join([os.environ['PATH'], '/usr/sbin', *folders]))
    if not found:
        skip(f'{name} is not installed')
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=1).close()
        return True
    except OSError:
        return False


def wait_for(server, port, log, words):
    """Until it can be reached, and has said so itself if WORDS are given."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        if words in pathlib.Path(log).read_text(errors='replace') and answers(port):
            return
        time.sleep(0.05)
    sys.exit(f'Bail out! {server.args[0]} does not answer:\n' +
             pathlib.Path(log).read_text(errors='replace')[-2000:])


def start(command, folder, port, words='', **options):
    log = f'{folder}/log'
    with open(log, 'wb') as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder,
                                  stdin=subprocess.DEVNULL, start_new_session=True, **options)
    wait_for(server, port, log, words)
    return server


def contents(number):
    """What file NUMBER holds; the tests compute the same."""
    size = 1 + number * number * 20
    state, out = number * 2654435761 + 12345 & 0xffffffff, bytearray(size)
    for i in range(size):
        state = state * 1664525 + 1013904223 & 0xffffffff
        out[i] = state >> 24
    return bytes(out)


NGINX = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{http} backlog=4096;
        listen 127.0.0.1:{https} ssl backlog=4096;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        root {folder}/files;
    }}
}}
"""


def nginx(folder):
    binary = program('nginx')
    ports = {'http': free_port(), 'https': free_port()}
    subprocess.run([program('openssl'), 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
                    '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
                    '-keyout', f'{folder}/key.pem', '-out', f'{folder}/certificate.pem'],
                   check=True, capture_output=True)
    os.mkdir(f'{folder}/files')
    for number in range(FILES):
        pathlib.Path(f'{folder}/files/{number}').write_bytes(contents(number))
    user = 'user root;' if os.geteuid() == 0 else ''
    configuration = NGINX.format(folder=folder, user=user, **ports)
    pathlib.Path(f'{folder}/nginx.conf').write_text(configuration)
    server = start([binary, '-p', folder, '-c', f'{folder}/nginx.conf', '-e',
                    f'{folder}/error.log'], folder, ports['http'])
    return server, signal.SIGTERM, {'TEST_HTTP': f'http://127.0.0.1:{ports["http"]}',
                                    'TEST_HTTPS': f'https://127.0.0.1:{ports["https"]}',
                                    'TEST_CA': f'{folder}/certificate.pem'}


def unprivileged():
    """Options for a program that refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ('postgres', 'nobody'):
        try:
            account = pwd.getpwnam(name)
            return {'user': account.pw_uid, 'group': account.pw_gid, 'extra_groups': []}
        except KeyError:
            continue
    skip('there is no user to run PostgreSQL as')


def postgresql(folder):
    binaries = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
    initdb = program('initdb', *binaries)
    postgres = program('postgres', *binaries)
    port, who = free_port(), unprivileged()
    if who:
        os.chown(folder, who['user'], who['group'])
    environment = {**os.environ, 'LC_ALL': 'C'}
    subprocess.run([initdb, '-D', f'{folder}/data', '-U', 'test', '-A', 'trust', '--no-sync',
                    '-E', 'UTF8'], check=True, capture_output=True, cwd=folder, env=environment,
                   **who)
    server = start([postgres, '-D', f'{folder}/data', '-p', str(port), '-h', '127.0.0.1', '-k',
                    folder, '-c', 'max_connections=230', '-c', 'fsync=off', '-c',
                    'shared_buffers=16MB'], folder, port,
                   'database system is ready to accept connections', env=environment, **who)
    return server, signal.SIGINT, {
        'TEST_POSTGRESQL': f'host=127.0.0.1 port={port} user=test dbname=postgres'}


def redis(folder):
    port = free_port()
    server = start([program('redis-server'), '--port', str(port), '--bind', '127.0.0.1', '--save',
                    '', '--appendonly', 'no', '--dir', folder], folder, port)
    return server, signal.SIGTERM, {'TEST_REDIS': str(port)}


def stop(server, number):
    server.send_signal(number)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def main(name, *command):
    servers = {'nginx': nginx, 'postgresql': postgresql, 'redis': redis}
    if name not in servers or not command:
        sys.exit(__doc__)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = tempfile.mkdtemp(prefix='weft-test-')
    os.chmod(folder, 0o755)
    server = None
    # A test that is stopped must not leave its server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        server, number, environment = servers[name](folder)
        status = subprocess.run(command, env={**os.environ, **environment}, check=False).returncode
    finally:
        if server:
            stop(server, number)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(status if status >= 0 else 1)


if __name__ == '__main__':
    main(*sys.argv[1:])
