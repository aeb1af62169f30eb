#!/usr/bin/env python3
"""Unmodified programs under `weft run` behave as without it: programs.py WEFT SECTION.

Each command runs bare and under Weft, each time in a fresh folder. Exit status, standard output,
standard error and every file that is left must be the same, byte for byte.
"""
import hashlib
import http.server
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import with_server

PATIENCE = 60

count = failures = 0
weft = os.path.abspath(sys.argv[1])


def ok(condition, what, detail=''):
    global count, failures
    count += 1
    print(f'{"" if condition else "not "}ok {count} - {what}', flush=True)
    if not condition:
        failures += 1
        print('#   ' + str(detail)[:1500].replace('\n', '\n#   '), flush=True)


def have(*names):
    """False, with the reason in the report, if a program is not installed."""
    global count
    for name in names:
        if not shutil.which(name, path=os.environ['PATH'] + ':/usr/sbin:/sbin'):
            count += 1
            print(f'ok {count} - # SKIP {name} is not installed')
            return False
    return True


def tree(folder):
    """Every file below a folder: its name, and what is in it."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob('*')):
        if path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def once(command, feed, clean, files):
    with tempfile.TemporaryDirectory(prefix='weft-programs-') as folder:
        for name, data in (files or {}).items():
            pathlib.Path(folder, name).write_bytes(data)
        done = subprocess.run(command, input=feed, capture_output=True, cwd=folder, check=False,
                              timeout=PATIENCE, env={**os.environ, 'LC_ALL': 'C', 'HOME': folder})
        output, errors = (text.replace(folder.encode(), b'FOLDER')
                          for text in (done.stdout, done.stderr))
        for pattern, stand_in in clean:
            output, errors = (re.sub(pattern, stand_in, text) for text in (output, errors))
        return done.returncode, output, errors, tree(folder)


def same(what, *command, feed=None, clean=(), files=None, status=0):
    """CLEAN: what differs from run to run by its nature, as (pattern, stand-in)."""
    try:
        bare = once(command, feed, clean, files)
        hooked = once([weft, 'run', *command], feed, clean, files)
    except subprocess.TimeoutExpired as late:
        ok(False, what, f'no end: {late.cmd}')
        return
    parts = ('status', 'output', 'errors', 'files')
    differs = [name for name, one, two in zip(parts, bare, hooked) if one != two]
    ok(not differs and (status is None or bare[0] == status), what,
       f'differs: {differs}\nbare: {bare}\nhooked: {hooked}')


BIG = os.urandom(1 << 20)


# --- clients over HTTP

def web():
    folder = tempfile.mkdtemp(prefix='weft-test-')
    os.chmod(folder, 0o755)
    server, number, where = with_server.nginx(folder)
    try:
        plain, secure, authority = where['TEST_HTTP'], where['TEST_HTTPS'], where['TEST_CA']
        big = pathlib.Path(folder, 'files', 'big')
        big.write_bytes(BIG * 8)
        pathlib.Path(folder, 'files', 'index.html').write_text(
            ''.join(f'<a href="/{i}">{i}</a>\n' for i in range(20)))
        if have('curl'):
            curl = ('curl', '-sS', '--cacert', authority)
            same('curl: a file', *curl, f'{plain}/63')
            same('curl: a file over TLS', *curl, f'{secure}/63')
            same('curl: eight megabytes over TLS to a file', *curl, '-o', 'got', f'{secure}/big')
            same('curl: a range, then the rest', *curl, '-r', '1000-4000000', '-o', 'a',
                 f'{plain}/big', '--next', *curl[1:], '-r', '4000001-', '-o', 'b', f'{plain}/big')
            same('curl: sixty-four files in parallel', *curl, '-Z', '--parallel-max', '16', '-o',
                 'file#1', f'{plain}/[0-63]', clean=[(rb'(?s)DL%.*', b'')])
            same('curl: a rate limit', *curl, '--limit-rate', '4M', '-o', 'got', f'{plain}/big')
            same('curl: nobody listens', *curl, f'http://127.0.0.1:{with_server.free_port()}/',
                 status=7, clean=[(rb'port \d+|after \d+ ms', b'')])
            same('curl: a name that is none', *curl, 'http://no.such.host.invalid/', status=6)
            same('curl: an authority it does not know', 'curl', '-sS', f'{secure}/1', status=60)
            same('curl: 404', *curl, '-f', f'{plain}/none', status=22)
        if have('wget'):
            clean = [(rb'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\([\d.,]+ [KMG]?B/s\)|in [\d.]+s|'
                      rb'[\d.]+[KMG]?=?[\d.]*m?s?|\s+', b'')]
            same('wget: a file', 'wget', '-q', f'{plain}/63')
            same('wget: over TLS', 'wget', '-q', f'--ca-certificate={authority}', f'{secure}/big')
            same('wget: a page and all it links to', 'wget', '-q', '-r', '-nH', f'{plain}/')
            same('wget: what it says', 'wget', '-nv', f'{plain}/5', clean=clean)
            same('wget: 404', 'wget', '-q', f'{plain}/none', status=8)
        if have('openssl'):
            port = secure.rsplit(':', 1)[1]
            request = b'GET /5 HTTP/1.0\r\n\r\n'
            same('openssl s_client: a request', 'openssl', 's_client', '-quiet', '-ign_eof',
                 '-CAfile', authority, '-connect', f'127.0.0.1:{port}', feed=request,
                 clean=[(rb'Date: .*', b'')])
    finally:
        with_server.stop(server, number)
        shutil.rmtree(folder, ignore_errors=True)


# --- databases

TABLE = ''.join(f'{i}\tname {i}\t{i * i}\n' for i in range(10000)).encode()

SQL = b"""
create temp table t (id int, name text, square bigint);
copy t from stdin;
""" + TABLE + b"""\\.
select count(*), sum(square) from t;
copy (select * from t order by id desc) to stdout;
select * from t where id < 5;
begin; insert into t values (-1, null, 0); rollback;
select count(*) from t;
select 1/0;
selekt;
select pg_sleep(0.05);
\\d t
"""


def postgresql():
    folder = tempfile.mkdtemp(prefix='weft-test-')
    os.chmod(folder, 0o755)
    server, number, where = with_server.postgresql(folder)
    try:
        if have('psql'):
            at = where['TEST_POSTGRESQL']
            same('psql: ten thousand rows in and out, errors, a transaction', 'psql', '-X', at,
                 feed=SQL, clean=[(rb'pg_temp_\d+', b'pg_temp')])
            same('psql: one command', 'psql', '-X', '-At', '-c', 'select version()', at)
            same('psql: no server', 'psql', '-X', 'host=127.0.0.1 port=1', '-c', 'select 1',
                 status=2)
            same('psql: stop at the first error', 'psql', '-X', '-v', 'ON_ERROR_STOP=1', at,
                 feed=b'select 1; selekt; select 2;', status=3)
        if have('pg_dump'):
            same('pg_dump', 'pg_dump', '--schema-only', '-d', at,
                 clean=[(rb'\\(un)?restrict .*', b'')])
    finally:
        with_server.stop(server, number)
        shutil.rmtree(folder, ignore_errors=True)


def redis():
    folder = tempfile.mkdtemp(prefix='weft-test-')
    server, number, where = with_server.redis(folder)
    try:
        if have('redis-cli'):
            cli = ('redis-cli', '-p', where['TEST_REDIS'])
            same('redis-cli: commands from a script', *cli,
                 feed=b'flushall\n' + b''.join(b'set key:%d %d\n' % (i, i) for i in range(500)) +
                 b'mget key:1 key:2 key:3\ndbsize\nlpush l a b c\nlrange l 0 -1\nnonsense\n')
            same('redis-cli: a value from standard input', *cli, '-x', 'set', 'big', feed=BIG)
            same('redis-cli: and back', *cli, 'get', 'big')
            protocol = b''.join(b'*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\nx\r\n' % (len(k), k)
                                for k in (b'p:%d' % i for i in range(20000)))
            same('redis-cli: twenty thousand commands by --pipe', *cli, '--pipe', feed=protocol)
            same('redis-cli: a list that is waited for', *cli, 'blpop', 'none', '0.1')
            same('redis-cli: nobody listens', 'redis-cli', '-p', '1', 'ping', status=1)
    finally:
        with_server.stop(server, number)
        shutil.rmtree(folder, ignore_errors=True)


# --- programs by themselves

SHELL = r"""
set -u
trap 'echo left' EXIT
trap 'echo caught' USR1
echo one two three | tr ' ' '\n' | while read -r word; do echo "<$word>"; done
for i in $(seq 1 20); do (echo "$i" | cat | cat) ; done | sort -n | paste -sd,
cat <<TEXT | wc -l
a
b
TEXT
diff <(seq 1 5) <(seq 1 6) ; echo "diff: $?"
sleep 0.1 & pid=$!
wait $pid; echo "waited: $?"
(exit 7) & wait $!; echo "status: $?"
kill -USR1 $$
if read -r -t 0.05 line < <(sleep 1); then echo "read $line"; else echo "timed out: $?"; fi
mkfifo pipe; (echo through > pipe) & cat pipe; wait
coproc CAT { cat; }; echo hello >&"${CAT[1]}"; read -r answer <&"${CAT[0]}"; echo "$answer"
exec {fd}>&"${CAT[1]}"; eval "exec ${CAT[1]}>&-"; exec {fd}>&-; wait
for n in 1 2 3 4 5; do sleep 0.0$n & done; wait; jobs | wc -l
yes | head -n 100000 | wc -l
exit 3
"""

PYTHON = r"""
import asyncio, concurrent.futures, hashlib, http.server, os, queue, select, selectors, signal
import socket, sqlite3, ssl, subprocess, sys, tempfile, threading, time, urllib.request

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'x' * 200000)

server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = 'http://127.0.0.1:%d/' % server.server_port
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(len(urllib.request.urlopen(url).read()) for _ in range(3)),
          sum(pool.map(lambda _: len(urllib.request.urlopen(url).read()), range(20))))
server.shutdown()

a, b = socket.socketpair()
a.settimeout(0.05)
try: a.recv(1)
except TimeoutError: print('timed out')
b.sendall(b'x' * 10); print(a.recv(20), select.select([a], [], [], 0.01)[0])
b.close(); print(a.recv(1))

items, results = queue.Queue(2), []
def produce(n):
    for i in range(50): items.put(n * 100 + i)
threads = [threading.Thread(target=produce, args=(n,)) for n in range(4)]
[t.start() for t in threads]
print(sum(items.get() for _ in range(200)))
[t.join() for t in threads]

lock, turns = threading.Condition(), []
def take_turns(me):
    for _ in range(20):
        with lock:
            while len(turns) % 2 != me: lock.wait()
            turns.append(me); lock.notify_all()
threads = [threading.Thread(target=take_turns, args=(n,)) for n in (0, 1)]
[t.start() for t in threads]; [t.join() for t in threads]
print(turns == [0, 1] * 20)

print(subprocess.run(['cat'], input=b'through a pipe' * 20000, capture_output=True).stdout[-4:])
print(subprocess.run('exit 9', shell=True).returncode,
      subprocess.run(['sleep', '0'], timeout=5).returncode)
try: subprocess.run(['sleep', '5'], timeout=0.05)
except subprocess.TimeoutExpired: print('killed')
children = [subprocess.Popen(['sh', '-c', f'sleep 0.0{n}; exit {n}']) for n in range(5)]
print([child.wait() for child in children])

async def talk():
    async def serve(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper()); await writer.drain()
        writer.close()
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    async def ask(n):
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        writer.write(b'line %d\n' % n); line = await reader.readline(); writer.close()
        return line
    answers = await asyncio.gather(*(ask(n) for n in range(50)))
    server.close()
    process = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)
    return len(set(answers)), (await process.communicate(b'again'))[0]
print(asyncio.run(talk()))

seen = []
signal.signal(signal.SIGALRM, lambda *_: seen.append('alarm'))
signal.setitimer(signal.ITIMER_REAL, 0.02); time.sleep(0.1); print(seen)
signal.signal(signal.SIGUSR1, lambda *_: seen.append('usr1'))
os.kill(os.getpid(), signal.SIGUSR1); time.sleep(0.01); print(seen)
r, w = os.pipe(); pid = os.fork()
if pid == 0: os.write(w, b'child'); os._exit(4)
print(os.read(r, 10), os.waitpid(pid, 0)[1] >> 8)

db = sqlite3.connect('data.db')
db.execute('create table t (n)'); db.executemany('insert into t values (?)', ((i,) for i in range(5000)))
db.commit(); print(db.execute('select sum(n) from t').fetchone()); db.close()
print(hashlib.sha256(b'x' * 100000).hexdigest()[:16], ssl.OPENSSL_VERSION_INFO[0] >= 3)
print(socket.getaddrinfo('localhost', 80, socket.AF_INET, socket.SOCK_STREAM)[0][4])
"""

SQLITE = b'create table t (n integer primary key, text);\n' + b''.join(
    b"insert into t values (%d, 'row %d');\n" % (i, i) for i in range(200)) + b"""
select count(*), sum(n) from t; begin; delete from t; rollback; select count(*) from t;
.mode csv
select * from t where n < 3; selekt; pragma integrity_check;
"""


def local():
    if have('bash'):
        same('bash: pipelines, processes, traps, jobs, FIFOs, a coprocess', 'bash', '-c', SHELL,
             status=3)
    same('python3: sockets, threads, processes, asyncio, signals, SQLite', sys.executable, '-c',
         PYTHON)
    if have('sqlite3'):
        same('sqlite3: a script', 'sqlite3', 'data.db', feed=SQLITE, status=None,
             clean=[(rb'\(\d+\)', b'')])
        concurrent_writers()
    if have('perl'):
        same('perl: a pipe, a child, a socket', 'perl', '-MIO::Socket::INET', '-e', r'''
            open(my $sort, "|-", "sort -n") or die; print $sort "$_\n" for reverse 1..50;
            close $sort; my $pid = fork; if (!$pid) { exit 5 } waitpid $pid, 0; print $? >> 8, "\n";
            my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
            if (!fork) { my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:" . $l->sockport);
                         print $s "hello\n"; exit 0 }
            print scalar readline($l->accept); wait; print select(undef, undef, undef, 0.02), "\n"''')
    if have('make'):
        same('make -j', 'make', '-s', '-j', '4', 'all', files={'Makefile': b'''
all: $(foreach n,1 2 3 4 5 6 7 8 9,out$(n))
\tcat $^ > all
out%:
\tsleep 0.01; echo $* > $@
'''})
    same('tar and gzip', 'sh', '-c', 'tar cf - big | gzip -1n | gunzip | tar xf - -O | cksum',
         files={'big': BIG})
    same('dd', 'dd', 'if=big', 'of=copy', 'bs=7k', 'status=none', files={'big': BIG})
    same('sort of what comes by a pipe', 'sort', '-rn',
         feed='\n'.join(map(str, range(30000))).encode())
    if have('rsync'):
        same('rsync', 'rsync', '-a', 'big', 'copy/', files={'big': BIG})
    if have('node'):
        same('node: timers, a child, a server and a client', 'node', '-e', r'''
            const http = require('http'), { execFile } = require('child_process');
            setTimeout(() => console.log('later'), 20);
            execFile('echo', ['child'], (_, out) => { process.stdout.write(out);
              const server = http.createServer((_, answer) => answer.end('x'.repeat(1e6)))
                .listen(0, '127.0.0.1', () => http.get({ port: server.address().port }, (got) => {
                  let size = 0; got.on('data', (d) => size += d.length);
                  got.on('end', () => setTimeout(() => { console.log(size); server.close(); }, 40));
                })); });''')


def concurrent_writers():
    """A bare and a hooked process write one database, and lock each other out."""
    with tempfile.TemporaryDirectory() as folder:
        database = f'{folder}/shared.db'
        subprocess.run(['sqlite3', database, 'create table t (who, n)'], check=True)
        script = ".timeout 30000\n" + ''.join(
            "insert into t values ('{who}', %d);\n" % i for i in range(100))
        running = [subprocess.Popen([*prefix, 'sqlite3', database], stdin=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
                   for prefix in ([], [weft, 'run'])]
        for who, process in zip(('bare', 'hooked'), running):
            process.stdin.write(script.format(who=who))
            process.stdin.close()
        errors = [process.stderr.read() for process in running]
        status = [process.wait(PATIENCE) for process in running]
        rows = subprocess.run(['sqlite3', database, 'select who, count(*) from t group by who'],
                              capture_output=True, text=True, check=False).stdout
        ok(status == [0, 0] and rows == 'bare|100\nhooked|100\n',
           'sqlite3: two writers, one of them hooked, lose nothing', (status, errors, rows))


# --- servers and their clients

def git():
    if not have('git'):
        return
    with tempfile.TemporaryDirectory() as folder:
        who = {'GIT_AUTHOR_NAME': 'a', 'GIT_AUTHOR_EMAIL': 'a@b', 'GIT_COMMITTER_NAME': 'a',
               'GIT_COMMITTER_EMAIL': 'a@b', 'GIT_AUTHOR_DATE': '2026-01-01T00:00:00Z',
               'GIT_COMMITTER_DATE': '2026-01-01T00:00:00Z', 'GIT_CONFIG_NOSYSTEM': '1',
               'GIT_TERMINAL_PROMPT': '0', 'GIT_CONFIG_COUNT': '1',
               'GIT_CONFIG_KEY_0': 'safe.directory', 'GIT_CONFIG_VALUE_0': '*'}
        os.environ.update(who)
        work = f'{folder}/work'
        subprocess.run(['git', 'init', '-q', '-b', 'main', work], check=True)
        for i in range(40):
            pathlib.Path(work, f'file{i}').write_bytes(BIG[i * 1000:(i + 9) * 2000])
            subprocess.run(['git', '-C', work, 'add', '.'], check=True)
            subprocess.run(['git', '-C', work, 'commit', '-qm', f'commit {i}'], check=True)
        bare = f'{folder}/bare.git'
        subprocess.run(['git', 'clone', '-q', '--bare', work, bare], check=True)
        subprocess.run(['git', '-C', bare, 'update-server-info'], check=True)
        served = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), lambda *a: http.server.SimpleHTTPRequestHandler(*a, directory=folder))
        http.server.SimpleHTTPRequestHandler.log_message = lambda *_: None
        threading.Thread(target=served.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{served.server_port}/bare.git'
        digest = ('cd copy && git log --format=%H | cksum && git ls-files -s | cksum && '
                  'git fsck --strict 2>&1')
        same('git clone over HTTP', 'sh', '-c', f'git clone -q {url} copy && {digest} && rm -rf .git')
        same('git clone by its own protocol', 'sh', '-c',
             f'git clone -q file://{bare} copy && {digest} && rm -rf .git')
        same('git: commits, a branch, a merge, a push', 'sh', '-c', f'''
            git clone -q file://{bare} copy && git init -q --bare target && cd copy &&
            git checkout -qb side && echo side > side && git add side && git commit -qm side &&
            git checkout -q main && echo more > more && git add more && git commit -qm more &&
            git merge -q --no-edit side && git push -q ../target main &&
            git -C ../target log --format=%H | cksum && git gc -q && git fsck 2>&1;
            cd .. && rm -rf copy target''')
        served.shutdown()


SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile {folder}/pid
AuthorizedKeysFile {folder}/authorized
StrictModes no
PasswordAuthentication no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


def ssh():
    if not have('sshd', 'ssh', 'ssh-keygen'):
        return
    sshd = shutil.which('sshd', path='/usr/sbin:/usr/bin')
    folder = tempfile.mkdtemp(prefix='weft-test-')
    os.makedirs('/run/sshd', exist_ok=True)
    port = with_server.free_port()
    for name in ('host', 'user'):
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', f'{folder}/{name}'],
                       check=True)
    shutil.copy(f'{folder}/user.pub', f'{folder}/authorized')
    pathlib.Path(folder, 'sshd').write_text(SSHD.format(port=port, folder=folder))
    server = with_server.start([sshd, '-D', '-e', '-f', f'{folder}/sshd'], folder, port)
    try:
        options = ['-F', '/dev/null', '-i', f'{folder}/user', '-o', 'StrictHostKeyChecking=no', '-o',
                   'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'BatchMode=yes']
        login = ('ssh', *options, '-p', str(port), '127.0.0.1')
        same('ssh: a command', *login, 'echo hello; echo error >&2')
        same('ssh: its exit status', *login, 'exit 42', status=42)
        same('ssh: a megabyte there and back', *login, 'cat', feed=BIG)
        same('ssh: a pipeline', *login, 'sort -n | tail -n 3',
             feed='\n'.join(map(str, range(20000))).encode())
        same('ssh: nobody to let in', 'ssh', *options[:2], *options[4:], '-p', str(port),
             'nobody@127.0.0.1', 'true', status=255)
        if have('scp', 'sftp'):
            same('scp: there and back', 'sh', '-c',
                 f'scp -q {" ".join(options)} -P {port} big 127.0.0.1:{folder}/there && '
                 f'scp -q {" ".join(options)} -P {port} 127.0.0.1:{folder}/there back',
                 files={'big': BIG})
            same('sftp: a batch', 'sftp', '-q', *options, '-P', str(port), '-b', '-', '127.0.0.1',
                 feed=f'get {folder}/there\nls {folder}/there\n'.encode())
    finally:
        with_server.stop(server, signal.SIGTERM)
        shutil.rmtree(folder, ignore_errors=True)


def answer_once(listener, data):
    """Take one connection at a time: all it says, then DATA back."""
    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                got = b''
                while chunk := peer.recv(65536):
                    got += chunk
                peer.sendall(hashlib.sha256(got).hexdigest().encode() + data)
    threading.Thread(target=serve, daemon=True).start()


def network():
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port = str(listener.getsockname()[1])
        answer_once(listener, BIG)
        if have('ncat'):
            same('ncat: a megabyte each way', 'ncat', '127.0.0.1', port, feed=BIG)
            same('ncat: nobody listens', 'ncat', '127.0.0.1', '1', status=1)
            served('ncat: it listens', ['ncat', '-l', '127.0.0.1'], lambda at: [at])
    if have('openssl'):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                            'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
                            '/CN=localhost', '-keyout', f'{folder}/key', '-out',
                            f'{folder}/certificate'], check=True, capture_output=True)
            secure_server(folder)


def served(what, command, place):
    """A hooked server, and a bare client that sends to it."""
    port = with_server.free_port()
    server = subprocess.Popen([weft, 'run', *command, *place(str(port))], stdout=subprocess.PIPE,
                              stdin=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                peer = socket.create_connection(('127.0.0.1', port), timeout=5)
                break
            except OSError:
                threading.Event().wait(0.05)
        with peer:
            peer.sendall(BIG)
            peer.shutdown(socket.SHUT_WR)
            got = server.stdout.read()
        ok(got == BIG and server.wait(PATIENCE) == 0, what, (len(got), server.returncode))
    finally:
        server.kill()
        server.wait()


def secure_server(folder):
    port = with_server.free_port()
    server = subprocess.Popen([weft, 'run', 'openssl', 's_server', '-quiet', '-www', '-accept',
                               f'127.0.0.1:{port}', '-cert', f'{folder}/certificate', '-key',
                               f'{folder}/key'], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, stdin=subprocess.PIPE)
    try:
        answers = []
        for _ in range(5):
            for _ in range(100):
                done = subprocess.run(['curl', '-sSk', f'https://127.0.0.1:{port}/'],
                                      capture_output=True, check=False, timeout=PATIENCE)
                if done.returncode != 7:
                    break
                threading.Event().wait(0.05)
            answers.append((done.returncode, b'TLSv1.3' in done.stdout))
        ok(answers == [(0, True)] * 5, 'openssl s_server: five pages', answers)
    finally:
        server.kill()
        server.wait()


def main():
    sections = {'web': web, 'postgresql': postgresql, 'redis': redis, 'local': local, 'git': git,
                'ssh': ssh, 'network': network}
    sections[sys.argv[2]]()
    print(f'1..{count}')
    sys.exit(failures > 0)


main()
