#!/usr/bin/env python3
"""A folder of files: what is served, how, and what never is: folder.py WEFT APP SANITIZER."""
import ctypes
import email.utils
import errno
import hashlib
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time

from serving import Service, children, done, ok, wait_for

WEFT, APP, SANITIZED = sys.argv[1:]
LARGE = 24 << 20


def ask(service, target, *headers, method='GET'):
    """Status, header fields and body of a hand-written request."""
    with socket.create_connection(('127.0.0.1', service.port), timeout=60) as client:
        lines = [f'{method} {target} HTTP/1.1', 'Host: a', 'Connection: close', *headers]
        client.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1'))
        answer = b''
        while True:
            try:
                piece = client.recv(1 << 20)
            except ConnectionResetError:
                break
            if not piece:
                break
            answer += piece
    head, _, body = answer.partition(b'\r\n\r\n')
    status, *fields = head.decode('latin-1').split('\r\n')
    names = dict(field.split(': ', 1) for field in fields)
    return int(status.split()[1]), names, body


def make(folder):
    site = folder / 'site'
    (site / 'docs').mkdir(parents=True)
    (site / '.git').mkdir()
    (site / '.well-known').mkdir()
    (site / 'empty').mkdir()
    for name, text in [('index.html', '<h1>home</h1>'), ('style.css', 'a{}'), ('data.json', '{}'),
                       ('page.JS', '1'), ('docs/index.html', 'docs'), ('a b.txt', 'blank'),
                       ('.git/config', 'secret'), ('.env', 'secret'), ('nothing', ''),
                       ('.well-known/here', 'open'), ('ünï.txt', 'wide'), ('digits', '0123456789'),
                       ('closed.txt', 'closed'), ('docs/a:b', 'x')]:
        (site / name).write_text(text)
    (site / 'docs/a:d').mkdir()
    (folder / 'outside.txt').write_text('outside')
    (folder / 'site-2').mkdir()
    (folder / 'site-2' / 'x.txt').write_text('neighbour')
    (site / 'out').symlink_to('../outside.txt')
    (site / 'absolute').symlink_to(folder / 'outside.txt')
    (site / 'up').symlink_to('..')
    (site / 'in').symlink_to('docs/index.html')
    os.mkfifo(site / 'fifo')
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(site / 'socket'))
    data = os.urandom(1 << 20) * (LARGE >> 20)
    (site / 'large.bin').write_bytes(data)
    return site, data


def contents(service):
    for target, kind, text in [
            ('/', 'text/html; charset=utf-8', '<h1>home</h1>'),
            ('/index.html', 'text/html; charset=utf-8', '<h1>home</h1>'),
            ('/style.css', 'text/css; charset=utf-8', 'a{}'),
            ('/data.json', 'application/json', '{}'),
            ('/page.JS', 'text/javascript; charset=utf-8', '1'),
            ('/nothing', 'application/octet-stream', ''), ('/docs/', 'text/html; charset=utf-8', 'docs'),
            ('/a%20b.txt', 'text/plain; charset=utf-8', 'blank'),
            ('/%C3%BCn%C3%AF.txt', 'text/plain; charset=utf-8', 'wide'),
            ('/in', 'application/octet-stream', 'docs'),
            ('/docs/../style.css', 'text/css; charset=utf-8', 'a{}'),
            ('//style.css', 'text/css; charset=utf-8', 'a{}'),
            ('/style.css?v=1', 'text/css; charset=utf-8', 'a{}'),
            ('/.well-known/here', 'application/octet-stream', 'open')]:
        status, names, body = ask(service, target)
        ok((status, names.get('content-type'), body.decode()) == (200, kind, text) and
           int(names['content-length']) == len(body) and names['accept-ranges'] == 'bytes' and
           names['cache-control'] == 'no-cache' and names['etag'].startswith('"'),
           f'GET {target}', (status, names, body))
    status, names, body = ask(service, '/style.css', method='HEAD')
    ok(status == 200 and names['content-length'] == '3' and body == b'', 'HEAD', names)
    status, names, _ = ask(service, '/style.css', 'Content-Length: 1\r\n\r\nx', method='POST')
    ok(status == 405 and names['allow'] == 'GET, HEAD', 'POST', names)
    for target, where in [('/docs', './docs/'), ('/docs?a=b', './docs/?a=b'),
                          ('//docs', './docs/'), ('/docs/a:d', './a:d/'),
                          ('/empty/../docs', './docs/')]:
        status, names, _ = ask(service, target)
        ok(status == 301 and names['location'] == where, f'{target}: to its slash, on this host',
           names)


def hidden(service):
    for target in ['/missing', '/.git/config', '/.env', '/%2egit/config', '/.git/', '/empty/',
                   '/../outside.txt', '/%2e%2e/outside.txt', '/..%2foutside.txt',
                   '/docs/../../outside.txt', '/..%5coutside.txt', '/out', '/absolute',
                   '/up/outside.txt', '/up/', '/up/site/style.css', '/fifo', '/socket',
                   '/style.css/', '/style.css/x', '/style.css%00', '/style.css%00.html',
                   '/../site-2/x.txt', '/%c0%ae%c0%ae/outside.txt', '/.well-knownx', '/%',
                   '/' + 'a' * 300, '/' + 'a/' * 2000, '/proc/self/environ',
                   '/docs/..%00/']:
        status, _, body = ask(service, target)
        safe = status in (301, 404) or (status in (200, 400) and b'home' in body + b'home')
        ok(safe and b'outside' not in body and b'secret' not in body and b'neighbour' not in body
           and (status != 200), f'not served: {target[:40]}', (status, body[:200]))


def conditions(service, site):
    _, names, _ = ask(service, '/digits')
    etag, modified = names['etag'], names['last-modified']
    earlier = email.utils.formatdate(site.joinpath('digits').stat().st_mtime - 10, usegmt=True)
    later = email.utils.formatdate(site.joinpath('digits').stat().st_mtime + 10, usegmt=True)
    for headers, wanted in [
            ([f'If-None-Match: {etag}'], 304), ([f'If-None-Match: "x", W/{etag}'], 304),
            (['If-None-Match: *'], 304), (['If-None-Match: "x"'], 200),
            ([f'If-Modified-Since: {modified}'], 304), ([f'If-Modified-Since: {later}'], 304),
            ([f'If-Modified-Since: {earlier}'], 200), (['If-Modified-Since: yesterday'], 200),
            (['If-None-Match: "x"', f'If-Modified-Since: {later}'], 200),
            ([f'If-Match: {etag}'], 200), (['If-Match: "x"'], 412), ([f'If-Match: W/{etag}'], 412),
            (['If-Match: *'], 200), ([f'If-Unmodified-Since: {earlier}'], 412),
            ([f'If-Unmodified-Since: {modified}'], 200)]:
        status, names, body = ask(service, '/digits', *headers)
        ok(status == wanted and body == (b'0123456789' if wanted == 200 else b''),
           f'{", ".join(headers)}: {wanted}'.replace(etag, 'ETAG'), (status, names, body))
    for field, wanted, text in [
            ('bytes=0-3', 206, '0123'), ('bytes=4-', 206, '456789'), ('bytes=-3', 206, '789'),
            ('bytes=0-0', 206, '0'), ('bytes=9-100', 206, '9'), ('bytes=-100', 206, '0123456789'),
            ('Bytes=2-3', 206, '23'), ('bytes=10-', 416, ''), ('bytes=-0', 416, ''),
            ('bytes=5-4', 200, '0123456789'), ('bytes=0-1,3-4', 200, '0123456789'),
            ('lines=1-2', 200, '0123456789'), ('bytes=a-b', 200, '0123456789'),
            ('bytes=', 200, '0123456789'), ('bytes=-', 200, '0123456789'),
            ('bytes=0-99999999999999999999999', 200, '0123456789')]:
        status, names, body = ask(service, '/digits', f'Range: {field}')
        ok((status, body.decode()) == (wanted, text) and
           (wanted == 200 or names['content-range'].endswith('/10')), f'Range: {field}: {wanted}',
           (status, names, body))
    for condition, wanted in [(etag, 206), ('"x"', 200), (modified, 206), (earlier, 200),
                              ('W/' + etag, 200)]:
        status, _, _ = ask(service, '/digits', 'Range: bytes=0-1', f'If-Range: {condition}')
        ok(status == wanted, f'If-Range: {condition}: {wanted}'.replace(etag, 'ETAG'), status)
    status, names, _ = ask(service, '/digits', 'Range: bytes=0-1', method='HEAD')
    ok(status == 200 and names['content-length'] == '10', 'a range is for GET alone', names)
    status, _, body = ask(service, '/nothing', 'Range: bytes=0-')
    ok(status == 416, 'an empty file has no range', (status, body))
    site.joinpath('digits').write_text('9876543210')
    os.utime(site / 'digits', (time.time() + 5, time.time() + 5))
    ok(ask(service, '/digits', f'If-None-Match: {etag}')[0] == 200, 'what has changed is sent')


def large(service, data, site):
    _, names, body = ask(service, '/large.bin')
    ok(hashlib.sha256(body).digest() == hashlib.sha256(data).digest(), 'a large file is whole',
       names)
    _, _, body = ask(service, '/large.bin', 'Range: bytes=1000003-9000009')
    ok(body == data[1000003:9000010], 'and a large part of it', len(body))
    before = memory(service)
    slow = socket.create_connection(('127.0.0.1', service.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(b'GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n')
    got = slow.recv(100)
    ok(all(ask(service, '/style.css')[0] == 200 for _ in range(20)) and got,
       'a client that does not read holds nobody up')
    ok(SANITIZED != 'none' or memory(service) - before < 4 << 20, 'and costs no memory',
       (before, memory(service)))
    slow.close()
    site.joinpath('shrinks').write_bytes(data)
    slow = socket.create_connection(('127.0.0.1', service.port))
    slow.sendall(b'GET /shrinks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    first = slow.recv(4096)
    os.truncate(site / 'shrinks', 1000)
    total = len(first)
    while True:
        try:
            piece = slow.recv(1 << 20)
        except ConnectionResetError:
            break
        if not piece:
            break
        total += len(piece)
    ok(total < LARGE and ask(service, '/style.css')[0] == 200,
       'a file that shrinks meanwhile is cut short, not filled up', total)
    arguments = [part for name in ('large.bin', 'style.css', 'large.bin')
                 for part in ('-o', '/dev/null', f'http://127.0.0.1:{service.port}/{name}')]
    keep = subprocess.run(['curl', '-sS', '-w', '%{http_code} %{num_connects}\n', *arguments],
                          capture_output=True, text=True, check=False)
    ok(keep.stdout == '200 1\n200 0\n200 0\n', 'a connection is kept behind a file', keep)


def over_http2(service, data):
    """On the clear port, where the socket carries the frames of many streams."""
    if os.environ.get('HTTP2') == 'no':
        return
    url = f'http://127.0.0.1:{service.port}/large.bin'
    curl = ['curl', '-sS', '--max-time', '60', '--http2-prior-knowledge']
    got = subprocess.run([*curl, url], capture_output=True, check=False)
    ok(got.stdout == data, 'HTTP/2: a large file is whole', got.stderr)
    got = subprocess.run([*curl, '-r', '1000003-9000009', url], capture_output=True, check=False)
    ok(got.stdout == data[1000003:9000010], '    and a large part of it', got.stderr)
    got = subprocess.run([*curl, '-I', url], capture_output=True, text=True, check=False)
    ok(got.stdout.startswith('HTTP/2 200') and f'content-length: {LARGE}' in got.stdout,
       '    and its head', got)


def memory(service):
    total = 0
    for pid in service.workers():
        total += int(pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]) * 4096
    return total


def sealed(folder, site, data):
    """Over TLS, where sendfile can't be used; sessions go on in any worker."""
    made = subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj',
                           '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days',
                           '2', '-keyout', folder / 'key.pem', '-out', folder / 'cert.pem'],
                          capture_output=True, check=False)
    if made.returncode != 0:
        return
    with Service(WEFT, '-n3', '-h', 'localhost', '--certificate', folder / 'cert.pem', '--key',
                 folder / 'key.pem', site) as service:
        got = subprocess.run(['curl', '-sS', '--cacert', folder / 'cert.pem',
                              f'https://localhost:{service.port}/large.bin'],
                             capture_output=True, check=False)
        ok(got.stdout == data, 'TLS: a large file is whole', got.stderr)
        ticket = folder / 'ticket'
        reused = []
        for turn in range(12):
            place = ['-sess_out', ticket] if turn == 0 else ['-sess_in', ticket]
            shown = subprocess.run(
                ['openssl', 's_client', '-connect', f'localhost:{service.port}', '-tls1_2', *place],
                input='', capture_output=True, text=True, check=False).stdout
            reused.append('Reused' in shown)
        ok(not reused[0] and all(reused[1:]), '    a session of one worker goes on in the others',
           reused)
        ok(service.end() == 0, '    and it ends', service.log)


def without_openat2():
    """As on a kernel before 5.6: a filter says that there is no such call."""
    libc = ctypes.CDLL(None, use_errno=True)
    allow, missing = 0x7fff0000, 0x00050000 | errno.ENOSYS
    code = b''.join(struct.pack('<HBBI', *each) for each in [
        (0x20, 0, 0, 0), (0x15, 0, 1, 437), (0x06, 0, 0, missing), (0x06, 0, 0, allow)])
    text = ctypes.create_string_buffer(code, len(code))
    program = struct.pack('<HxxxxxxQ', 4, ctypes.addressof(text))
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, program, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'seccomp')


def old_kernel(site):
    try:
        service = Service(WEFT, '-n1', site, preexec_fn=without_openat2)
    except subprocess.SubprocessError:
        return  # filters are not allowed here
    with service:
        hidden(service)
        texts = [ask(service, target)[2] for target in ('/', '/docs/', '/style.css')]
        ok(texts == [b'<h1>home</h1>', b'docs', b'a{}'], 'without openat2(2) files are served',
           texts)
        ok(ask(service, '/in')[0] == 404, '    but no links, not even those that stay inside')
        ok(service.end() == 0, '    and it ends', service.log)


def want_of_descriptors(site):
    """A worker without descriptors answers 500, and works on."""
    def tight():
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    with Service(WEFT, '-n1', site, preexec_fn=tight) as service:
        held = [socket.create_connection(('127.0.0.1', service.port)) for _ in range(60)]
        for client in held[:10]:
            client.sendall(b'GET /style.css HTTP/1.1\r\nHost: a\r\n\r\n')
        statuses = {client.recv(4096).split()[1] for client in held[:10]}
        ok(statuses <= {b'200', b'500'} and statuses, 'no descriptor for the file: 500', statuses)
        for client in held:
            client.close()
        ok(wait_for(lambda: ask(service, '/style.css')[0] == 200), '    and it works on')
        ok(service.end() == 0 and not children(service.pid), '    and ends', service.log)


def main():
    with tempfile.TemporaryDirectory(prefix='weft-folder-') as name:
        folder = pathlib.Path(name)
        site, data = make(folder)
        with Service(WEFT, '-n2', site) as service:
            contents(service)
            hidden(service)
            conditions(service, site)
            large(service, data, site)
            over_http2(service, data)
            ok(service.end() == 0, 'it ends', service.log)
        sealed(folder, site, data)
        old_kernel(site)
        want_of_descriptors(site)
    done()


main()
