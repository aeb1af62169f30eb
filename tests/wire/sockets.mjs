/* WebSockets as npm's `ws` speaks them. Started with the server program's path. */
import { once } from 'node:events';
import { ok, is, skipAll, start, stop, test } from './tap.mjs';

let WebSocket;
try {
    ({ WebSocket } = await import('ws'));
} catch {
    skipAll("npm package 'ws' is missing: run npm ci in tests/");
}

const server = await start(process.argv[2], []);

function open(path, options = {}, protocols = []) {
    return new WebSocket(`ws://127.0.0.1:${server.address}${path}`, protocols, options);
}

/** Messages as they come; close: { code, reason }. */
async function ready(socket) {
    const inbox = [];
    let wake = () => {};
    socket.on('message', (data, binary) => (inbox.push({ data, binary }), wake()));
    socket.closed = new Promise((resolve) => {
        socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    socket.next = async () => {
        while (!inbox.length) await new Promise((resolve) => (wake = resolve));
        return inbox.shift();
    };
    await once(socket, 'open');
    return socket;
}

async function echoes() {
    for (const [path, options, extension] of [
        ['/plain', {}, ''],
        ['/run', { perMessageDeflate: false }, ''],
        ['/echo', {}, 'permessage-deflate'],
        ['/alone', {}, 'permessage-deflate'],
        ['/together', { perMessageDeflate: { threshold: 0 } }, 'permessage-deflate'],
        [
            '/windows',
            { perMessageDeflate: { threshold: 0, clientMaxWindowBits: 10, serverMaxWindowBits: 12 } },
            'permessage-deflate',
        ],
    ]) {
        const socket = await ready(open(path, options));
        is(socket.extensions, extension, `${path}: extensions`);
        let same = true;
        for (const size of [0, 1, 125, 126, 4096, 65535, 65536, 300_000]) {
            const text = 'κόσμε {"a": [1, 2]} '.repeat(size / 16 + 1).slice(0, size);
            socket.send(text);
            const first = await socket.next();
            const bytes = Buffer.from(text).fill(size & 255, 0, Math.min(8, size));
            socket.send(bytes);
            const second = await socket.next();
            same &&= !first.binary && String(first.data) === text;
            same &&= second.binary && bytes.equals(second.data);
        }
        ok(same, `${path}: texts and bytes come back as they were`);
        socket.send('frag', { fin: false });
        socket.send('ment', { fin: true });
        is(String((await socket.next()).data), 'fragment', `${path}: fragments are one message`);
        socket.ping('are you there');
        is(String((await once(socket, 'pong'))[0]), 'are you there', `${path}: a ping is answered`);
        socket.close(3210, 'enough');
        is((await socket.closed).code, 3210, `${path}: the close is answered with its code`);
    }
}

async function refusals() {
    for (const [path, options, status] of [
        ['/nowhere', {}, 404],
        ['/origin', { origin: 'https://elsewhere.example' }, 403],
        ['/echo', { protocolVersion: 8 }, 426],
    ]) {
        const socket = open(path, options);
        socket.on('error', () => {});
        const [, response] = await once(socket, 'unexpected-response');
        is(response.statusCode, status, `${path} refuses with ${status}`);
        response.resume();
        socket.terminate();
    }
    const chosen = await ready(open('/state', {}, ['v0.weft', 'v1.weft']));
    is(chosen.protocol, 'v1.weft', 'a subprotocol is agreed on');
    chosen.terminate();
    const large = await ready(open('/small', { perMessageDeflate: false }));
    large.send('x'.repeat(1001));
    is((await large.closed).code, 1009, 'too large a message is refused');
}

async function broadcast() {
    const sockets = await Promise.all(
        Array.from({ length: 50 }, (_, i) => ready(open('/hub', { perMessageDeflate: i % 2 === 0 }))),
    );
    const text = 'to everybody '.repeat(100);
    sockets[0].send(text);
    const heard = await Promise.all(sockets.map((socket) => socket.next()));
    ok(heard.every(({ data }) => String(data) === text), '50 clients hear a broadcast, half of them compressed');
    for (const socket of sockets) socket.terminate();
}

await test(60, async () => {
    await echoes();
    await refusals();
    await broadcast();
    const left = await Promise.all([ready(open('/echo')), ready(open('/run'))]);
    left[1].send('x');
    await left[1].next();
    const status = stop(server);
    is((await left[0].closed).code, 1001, 'a client is told that the server stops');
    is((await left[1].closed).code, 1001, 'so is one of a blocking function');
    is(await status, 0, 'and the server ends');
});
