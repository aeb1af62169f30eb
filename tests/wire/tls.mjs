/* TLS in the server, as Node's, curl's and OpenSSL's clients see it. Started with the program. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import WebSocket from 'ws';
import { is, ok, pause, skipAll, start, stop, test, until } from './tap.mjs';

const program = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), 'weft-tls-'));
const at = (name) => join(folder, name);

function openssl(...args) {
    return execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
}

/* An authority, and certificates that it has signed. */
function makeAuthority(name) {
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
            '-days', '2', '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`);
}

function makeCertificate(file, subject, names, authority = 'authority') {
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
            '-subj', subject, '-keyout', `${file}.key`, '-out', `${file}.csr`);
    writeFileSync(at(`${file}.ext`), `subjectAltName=${names}\n`);
    openssl('x509', '-req', '-in', `${file}.csr`, '-CA', `${authority}.pem`, '-CAkey',
            `${authority}.key`, '-CAcreateserial', '-days', '2', '-extfile', `${file}.ext`, '-out',
            `${file}.pem`);
}

function get(port, path, options = {}) {
    return new Promise((resolve, reject) => {
        const request = https.request({
            host: '127.0.0.1', port, path, agent: false, servername: 'localhost',
            ca: readFileSync(at('authority.pem')), method: options.body ? 'POST' : 'GET', ...options,
        }, (answer) => {
            const chunks = [];
            const socket = answer.socket;
            const seen = {
                subject: socket.getPeerCertificate().subject?.CN,
                protocol: socket.getProtocol(),
                reused: socket.isSessionReused(),
                alpn: socket.alpnProtocol,
            };
            answer.on('data', (chunk) => chunks.push(chunk));
            answer.on('error', reject);
            answer.on('end', () => resolve({ ...seen, status: answer.statusCode,
                                             text: Buffer.concat(chunks).toString() }));
        });
        request.on('error', reject);
        request.end(options.body);
    });
}

const failing = (promise) => promise.then(() => null, (error) => error);
const arguments1 = ['--certificate', at('one.pem'), '--key', at('one.key')];
const arguments2 = ['--certificate', at('two.pem'), '--key', at('two.key')];

async function basics() {
    const server = await start(program, arguments1);
    const port = Number(server.address);
    const page = await get(port, '/');
    is(page.text, 'Hello, world!\n', 'a page over TLS');
    is(page.protocol, 'TLSv1.3', 'version 1.3 by itself');
    is((await get(port, '/', { maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2', '1.2 if asked');
    ok(await failing(get(port, '/', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1',
                                      ciphers: 'DEFAULT@SECLEVEL=0' })), 'nothing older');
    ok(await failing(get(port, '/', { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' })),
       'no cipher without forward secrecy');
    is((await get(port, '/client')).text, 'https (nobody)\n', 'the handler sees the scheme');
    is((await get(port, '/', { ALPNProtocols: ['http/1.1'] })).alpn, 'http/1.1', 'ALPN: http/1.1');
    const refused = await failing(get(port, '/', { ALPNProtocols: ['smtp'] }));
    ok(/no application protocol/i.test(String(refused)), 'ALPN: nothing in common', refused);

    const big = await get(port, '/big?size=3000000');
    is(big.text.length, 3000000, 'three million bytes');
    const body = 'weft'.repeat(200000);
    is((await get(port, '/echo', { body })).text, body, 'an upload comes back');
    is((await get(port, '/pieces', { body })).text, body, 'both directions at a time');
    const events = await get(port, '/events?n=3&pause=1');
    is(events.text.split('\n\n').length, 4, 'events');

    const agent = new https.Agent({ keepAlive: true, maxSockets: 20,
                                    ca: readFileSync(at('authority.pem')) });
    const answers = await Promise.all(Array.from({ length: 500 }, (_, i) =>
        get(port, `/?name=${i}`, { agent })));
    ok(answers.every((answer, i) => answer.text === `Hello, ${i}!\n`),
       'five hundred requests over twenty connections');
    agent.destroy();
    is(await stop(server, 'SIGKILL'), null, 'the server ran until it was stopped');
}

async function plainOnTheSamePort() {
    const speak = (port, text) => new Promise((resolve) => {
        let got = '';
        const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (bytes) => { got += bytes.toString('latin1'); });
        socket.on('close', () => resolve(got));
        socket.on('error', () => resolve(got));
    });
    const request = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    let server = await start(program, arguments1);
    const refused = await speak(Number(server.address), request);
    ok(refused.startsWith('HTTP/1.1 400 ') && refused.includes('https://'),
       'plain HTTP is told what to do', refused);
    const garbage = await speak(Number(server.address), '\x16\x03\x01\x00\x05hello');
    ok(!garbage.includes('HTTP'), 'what is neither is refused by an alert', garbage);
    is((await get(Number(server.address), '/')).status, 200, 'and others are served');
    await stop(server, 'SIGKILL');
    server = await start(program, [...arguments1, '--plain']);
    ok((await speak(Number(server.address), request)).endsWith('Hello, world!\n'),
       'with .plain one port serves both');
    is((await get(Number(server.address), '/')).status, 200, 'the other one, too');
    await stop(server, 'SIGKILL');
}

async function names() {
    const server = await start(program, [...arguments1, ...arguments2]);
    const port = Number(server.address);
    const subject = async (servername) =>
        (await get(port, '/', { servername, rejectUnauthorized: false })).subject;
    is(await subject('localhost'), 'one', 'the first one for its name');
    is(await subject('two.example'), 'two', 'the second one for its name');
    is(await subject('TWO.Example'), 'two', 'in any case');
    is(await subject('a.two.example'), 'two', 'and for a star');
    is(await subject('a.b.two.example'), 'one', 'which stands for one label');
    is(await subject('other.example'), 'one', 'the first for a name that none has');
    await stop(server, 'SIGKILL');
}

async function sessions() {
    const server = await start(program, [...arguments1, ...arguments2]);
    const port = Number(server.address);
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
        const options = { host: '127.0.0.1', port, servername: 'localhost', maxVersion: version,
                          ca: readFileSync(at('authority.pem')) };
        const session = await new Promise((resolve) => {
            const socket = tls.connect(options, () =>
                socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
            let ticket;
            socket.on('session', (bytes) => { ticket = bytes; });
            socket.on('data', () => {});
            socket.on('close', () => resolve(ticket));
        });
        ok((await get(port, '/', { session, maxVersion: version })).reused,
           `${version}: a session is resumed`);
    }
    await stop(server, 'SIGKILL');
}

async function clients() {
    const anna = { cert: readFileSync(at('anna.pem')), key: readFileSync(at('anna.key')) };
    const mallory = { cert: readFileSync(at('mallory.pem')), key: readFileSync(at('mallory.key')) };
    let server = await start(program, [...arguments1, '--authority', at('authority.pem')]);
    is((await get(Number(server.address), '/client', anna)).text, 'https O=Example,CN=anna\n',
       'a client is known by its certificate');
    ok(await failing(get(Number(server.address), '/client')), 'without one it is refused');
    ok(await failing(get(Number(server.address), '/client', mallory)),
       'as with one that somebody else has signed');
    await stop(server, 'SIGKILL');
    server = await start(program, [...arguments1, '--authority', at('authority.pem'), '--optional']);
    is((await get(Number(server.address), '/client')).text, 'https (nobody)\n',
       'optional: without one it is nobody');
    ok(await failing(get(Number(server.address), '/client', mallory)), 'a wrong one is refused');
    await stop(server, 'SIGKILL');
}

async function renewal() {
    for (const kind of ['pem', 'key']) {
        copyFileSync(at(`one.${kind}`), at(`live.${kind}`));
    }
    const server = await start(program, ['--certificate', at('live.pem'), '--key', at('live.key')]);
    const port = Number(server.address);
    const subject = async () => (await get(port, '/', { rejectUnauthorized: false })).subject;
    is(await subject(), 'one', 'the first certificate');
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    await get(port, '/', { agent });
    writeFileSync(at('live.pem'), 'no certificate at all\n');
    await pause(2100);
    is(await subject(), 'one', 'a broken file changes nothing');
    for (const kind of ['key', 'pem']) {
        copyFileSync(at(`two.${kind}`), at(`next.${kind}`));
        renameSync(at(`next.${kind}`), at(`live.${kind}`));
    }
    ok(await until(async () => await subject() === 'two'), 'a renewed one is taken up');
    is((await get(port, '/', { agent })).status, 200, 'an open connection goes on');
    agent.destroy();
    await stop(server, 'SIGKILL');
}

function complaint(args) {
    return new Promise((resolve) => {
        execFile(program, args, { timeout: 10_000 }, (error, _, stderr) =>
            resolve({ status: error?.code ?? 0, text: stderr }));
    });
}

async function mistakes() {
    let got = await complaint(['--certificate', at('none.pem')]);
    ok(got.status === 1 && got.text.includes('none.pem') && /No such file/.test(got.text),
       'a file that is not there is named', got);
    got = await complaint(['--certificate', at('one.ext')]);
    ok(got.status === 1 && got.text.includes('one.ext') && got.text.includes('PEM'),
       'so is one that is no certificate', got);
    got = await complaint(['--certificate', at('one.pem'), '--key', at('two.key')]);
    ok(got.status === 1 && got.text.includes('two.key'), "and another certificate's key", got);
    got = await complaint(['--certificate', at('one.pem'), '--key', at('one.key'), '--authority',
                           at('one.key')]);
    ok(got.status === 1 && got.text.includes('authority'), 'and an authority that is none', got);
}

/* A peer that says hello and falls silent, dies within a record, or closes without a goodbye. */
async function rudeness() {
    const server = await start(program, arguments1);
    const port = Number(server.address);
    const silent = net.connect(port, '127.0.0.1', () => silent.write(Buffer.from([0x16, 3, 1])));
    silent.on('error', () => {});
    for (let i = 0; i < 20; i++) {
        const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
            socket.write('POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');
            setTimeout(() => socket.destroy(), 5);
        });
        socket.on('error', () => {});
    }
    await pause(100);
    is((await get(port, '/')).status, 200, 'others are served meanwhile');
    silent.destroy();
    const goodbye = spawn('openssl', ['s_client', '-quiet', '-connect', `127.0.0.1:${port}`]);
    let text = '';
    goodbye.stdout.on('data', (bytes) => { text += bytes; });
    goodbye.stdin.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    const status = await new Promise((resolve) => goodbye.on('exit', resolve));
    ok(status === 0 && text.endsWith('Hello, world!\n'), 'openssl s_client: an answer, and a proper end',
       { status, text });
    await stop(server, 'SIGKILL');
}

/* WebSockets over TLS, when their server was built. */
async function sockets() {
    const server = await start(process.argv[3], [at('one.pem'), at('one.key')]);
    const port = Number(server.address);
    for (const perMessageDeflate of [false, true]) {
        const socket = new WebSocket(`wss://127.0.0.1:${port}/echo`,
                                     { ca: readFileSync(at('authority.pem')), perMessageDeflate });
        const messages = ['short', 'x'.repeat(70000), 'weft '.repeat(100000), '', 'last'];
        const got = [];
        await new Promise((resolve, reject) => {
            socket.on('open', () => messages.forEach((text) => socket.send(text)));
            socket.on('message', (bytes) => {
                got.push(bytes.toString());
                if (got.length === messages.length) socket.close(1000);
            });
            socket.on('close', (code) => resolve(code));
            socket.on('error', reject);
        });
        ok(got.every((text, i) => text === messages[i]) && got.length === messages.length,
           `WebSockets over TLS, ${perMessageDeflate ? '' : 'not '}compressed`,
           got.map((text) => text.length));
    }
    await stop(server, 'SIGKILL');
}

try {
    openssl('version');
} catch {
    rmSync(folder, { recursive: true });
    skipAll('openssl is not installed');
}
await test(90, async () => {
    makeAuthority('authority');
    makeAuthority('stranger');
    makeCertificate('one', '/CN=one', 'DNS:localhost,IP:127.0.0.1');
    makeCertificate('two', '/CN=two', 'DNS:two.example,DNS:*.two.example');
    makeCertificate('anna', '/CN=anna/O=Example', 'DNS:anna');
    makeCertificate('mallory', '/CN=mallory', 'DNS:mallory', 'stranger');
    try {
        await basics();
        await plainOnTheSamePort();
        await names();
        await sessions();
        await clients();
        await renewal();
        await mistakes();
        await rudeness();
        if (process.argv[3]) await sockets();
    } finally {
        rmSync(folder, { recursive: true });
    }
});
