/* A page in Chromium speaks WebSocket with the test sockets. Started with the server's program. */

import { existsSync } from 'node:fs';
import { is, ok, skipAll, start, stop, test } from '../wire/tap.mjs';

const executablePath = process.env.WEFT_CHROMIUM ?? '/usr/bin/chromium';
const playwright = await import('playwright-core').catch(() => null);
if (!playwright) skipAll('playwright-core is not installed (npm ci in tests/)');
if (!existsSync(executablePath)) skipAll(`there is no ${executablePath} (Debian package chromium)`);

/* Runs in the page. */
async function talk(path) {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}${path}`);
    socket.binaryType = 'arraybuffer';
    const inbox = [];
    let wake = () => {};
    socket.onmessage = ({ data }) => (inbox.push(data), wake());
    const closed = new Promise((resolve) => {
        socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
    });
    const opened = await new Promise((resolve) => {
        socket.onopen = () => resolve(true);
        socket.onerror = () => resolve(false);
    });
    if (!opened) return { opened };
    const next = async () => {
        while (!inbox.length) await new Promise((resolve) => (wake = resolve));
        return inbox.shift();
    };
    let same = true;
    for (const size of [0, 5, 126, 70_000]) {
        const text = 'κόσμε 🧵 '.repeat(size / 8);
        socket.send(text);
        same &&= (await next()) === text;
        socket.send(new Uint8Array(size).fill(200));
        same &&= new Uint8Array(await next()).every((byte) => byte === 200);
    }
    socket.close(3456, 'done');
    return { opened, same, extensions: socket.extensions, ...(await closed) };
}

/* Runs in the page: how a socket that the server closes ends. */
function wait(path) {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}${path}`);
    return new Promise((resolve) => {
        socket.onopen = () => (document.title = 'open');
        socket.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
    });
}

const server = await start(process.argv[2], []);
const browser = await playwright.chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});

await test(120, async () => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address}/`);
    for (const path of ['/run', '/together', '/alone']) {
        const result = await page.evaluate(talk, path);
        ok(result.same, `${path}: everything comes back as it was`, result);
        ok(result.extensions.startsWith('permessage-deflate'), `${path}: compressed`, result);
        ok(result.wasClean && result.code === 3456, `${path}: closed cleanly`, result);
    }
    is((await page.evaluate(talk, '/origin')).opened, false, 'a page of a foreign origin is refused');
    const end = page.evaluate(wait, '/plain');
    await page.waitForFunction(() => document.title === 'open');
    const status = stop(server);
    const { code, wasClean } = await end;
    ok(code === 1001 && wasClean, 'the page is told that the server stops', { code, wasClean });
    is(await status, 0, 'and the server ends');
    await browser.close();
});
