/* The chat over HTTP, as its page uses it, with the simulator and with providers that misbehave. */
import http from 'node:http';
import { once } from 'node:events';
import net from 'node:net';
import { spawnSync } from 'node:child_process';
import { is, ok, pause, start, stop, test, until } from '../tap.mjs';

const [CHAT, SIMULATOR] = process.argv.slice(2);
let base = '';

const post = (id, body, options = {}) =>
    fetch(`${base}conversations/${id}/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...options,
    });

/* Hands each event on as it comes. */
async function* events(body) {
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of body) {
        text += decoder.decode(bytes, { stream: true });
        for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
            const [, name, data] = /^event: (\w+)\ndata: ([^\n]*)$/.exec(text.slice(0, end)) ?? [];
            if (name) yield { name, data: JSON.parse(data) };
        }
    }
}

/* Asks and reads to the end. */
async function ask(id, text) {
    const seen = { text: '', tokens: 0, end: null };
    const answer = await post(id, { text });
    seen.status = answer.status;
    for await (const { name, data } of events(answer.body)) {
        if (name === 'token') {
            seen.text += data.text;
            seen.tokens++;
        } else seen.end = { name, ...data };
    }
    return seen;
}

async function history(id) {
    const answer = await fetch(`${base}conversations/${id}`);
    return answer.status === 404 ? null : (await answer.json()).messages;
}

async function figures() {
    const answer = await fetch(`${base}stats`);
    for await (const { data } of events(answer.body)) return data;
}

async function conversation() {
    is(await history('conversation-1'), null, 'a conversation nobody began is not known');
    const first = await ask('conversation-1', 'Explain "quotes" \\ and é😀 in 30 tokens');
    is(first.status, 200, 'a question is answered');
    is(first.end?.name, 'done', 'to its end');
    is(first.tokens, 30, 'token by token');
    ok(first.end.first_token_ms >= 20, 'which says when the first came', first.end);
    const second = await ask('conversation-1', 'Go on in 12 tokens');
    const kept = await history('conversation-1');
    is(kept.map((message) => message.role).join(), 'user,assistant,user,assistant', 'all is kept');
    is(kept[0].text, 'Explain "quotes" \\ and é😀 in 30 tokens', 'the question as it was asked');
    is(kept[1].text, first.text, 'the answer as it was sent');
    is(kept[3].text, second.text, 'and the next');
    const gone = await fetch(`${base}conversations/conversation-1`, { method: 'DELETE' });
    is(gone.status, 204, 'it can be deleted');
    is(await history('conversation-1'), null, 'and is forgotten');
    is((await fetch(`${base}conversations/conversation-1`, { method: 'DELETE' })).status, 204,
       'twice is no error');
}

async function refusals() {
    const refused = async (name, status, id, body, options) => {
        const answer = await post(id, body, options);
        const text = await answer.text();
        ok(answer.status === status && JSON.parse(text).error.message.length > 10,
           `refused: ${name}`, { status: answer.status, text });
    };
    await refused('a name of 7 letters', 400, 'a'.repeat(7), { text: 'x' });
    await refused('a name of 65', 400, 'a'.repeat(65), { text: 'x' });
    await refused('a name with a dot', 400, 'abcdefg.h', { text: 'x' });
    await refused('no JSON', 400, 'abcdefgh', 'text');
    await refused('JSON without a text', 400, 'abcdefgh', {});
    await refused('a text of spaces', 400, 'abcdefgh', { text: ' \n\t' });
    await refused('another type of content', 415, 'abcdefgh', { text: 'x' },
                  { headers: { 'content-type': 'text/plain' } });
    await refused('bytes that are not UTF-8', 400, 'abcdefgh', undefined,
                  { body: Buffer.from('7b2274657874223a22ff227d', 'hex') });
    await refused('a message of more than 128 KiB', 413, 'abcdefgh',
                  { text: 'x'.repeat((128 << 10) + 1) });
    is(await history('abcdefgh'), null, 'nothing of it is kept');
    is((await ask('a'.repeat(64), `In 5 tokens: ${'x'.repeat((128 << 10) - 13)}`)).end?.name, 'done',
       'a message of 128 KiB and a name of 64 are fine');
    is((await ask('a'.repeat(8), 'In 5 tokens')).end?.name, 'done', 'so is a name of 8');
    is((await fetch(`${base}nothing.js`)).status, 404, 'refused: a file that is not there');
}

async function page() {
    const index = await fetch(base);
    is(index.headers.get('content-type'), 'text/html; charset=utf-8', 'the page is served');
    for (const [, path] of (await index.text()).matchAll(/(?:href|src)="(\/[^"]+)"/g)) {
        const file = await fetch(new URL(path, base));
        ok(file.status === 200 && (await file.arrayBuffer()).byteLength > 100, `so is ${path}`);
        const again = await fetch(new URL(path, base), {
            headers: { 'if-none-match': file.headers.get('etag') },
        });
        is(again.status, 304, `${path} is not sent twice`);
    }
}

async function leaving() {
    const leaver = new AbortController();
    const answer = await post('leaving-1', { text: 'A story in 2000 tokens' },
                              { signal: leaver.signal });
    let text = '';
    const reading = (async () => {
        for await (const { data } of events(answer.body)) text += data.text ?? '';
    })().catch(() => {});
    await until(() => text.length > 40);
    is((await figures()).conversations, 1, 'an answer under way is counted');
    const twice = await post('leaving-1', { text: 'Me too' });
    is(twice.status, 409, 'a second question at a time is refused');
    leaver.abort();
    await reading;
    ok(await until(async () => (await figures()).conversations === 0),
       'the answer ends when its reader leaves');
    const kept = await history('leaving-1');
    ok(kept?.length === 2 && kept[1].text.startsWith(text), 'what was sent of it is kept', kept);
    const next = await ask('leaving-1', 'Go on in 10 tokens');
    is(next.end?.name, 'done', 'the conversation can go on');

    const deleted = await post('leaving-2', { text: 'A story in 2000 tokens' });
    const broken = (async () => {
        for await (const { data } of events(deleted.body)) text = data;
    })().then(() => 'ended', () => 'broke');
    await pause(100);
    is((await fetch(`${base}conversations/leaving-2`, { method: 'DELETE' })).status, 204,
       'a conversation can be deleted while it is answered');
    is(await broken, 'ended', 'which ends the answer');
    is(text.message, 'The model could not answer: the conversation was deleted', 'and says so');
    ok(await until(async () => (await figures()).conversations === 0), 'and the call to the model');
    is(await history('leaving-2'), null, 'nothing of it comes back');
}

/* A model that says nothing more cannot be stopped at its next token. */
async function silence() {
    const sim = await start(SIMULATOR, ['--port', '0', '--first-token-ms', '5', '--fault-rate', '1',
                                        '--tokens-per-second', '500', '--faults', 'stall']);
    const chat = await start(CHAT, ['--port', '0', '--simulator', sim.address]);
    base = chat.address;
    const answer = await post('silence-1', { text: 'A story in 20 tokens' });
    let tokens = 0;
    const broken = (async () => {
        for await (const { name } of events(answer.body)) tokens += name === 'token';
    })().then(() => 'ended', () => 'broke');
    ok(await until(() => tokens === 10), 'a model falls silent in the middle', tokens);
    is((await fetch(`${base}conversations/silence-1`, { method: 'DELETE' })).status, 204,
       'its conversation can be deleted');
    is(await broken, 'broke', 'which breaks the answer off');
    ok(await until(async () => (await figures()).conversations === 0), 'and the call');
    is(await stop(chat), 0, 'the chat ends then');
    await stop(sim);
}

/* The model takes its time, so that all can have come before the first is answered. */
async function many() {
    const sim = await start(SIMULATOR, ['--port', '0', '--first-token-ms', '6000',
                                        '--tokens-per-second', '1000']);
    const chat = await start(CHAT, ['--port', '0', '--simulator', sim.address]);
    base = chat.address;
    const all = Promise.all(Array.from({ length: 300 }, (_, i) =>
        ask(`many-conversation-${i}`, `Visitor ${i} asks for 40 tokens`)));
    const during = await until(async () => {
        const now = await figures();
        return now.conversations === 300 && now;
    });
    ok(during, 'three hundred are answered at once');
    is(during?.threads, 1, 'by one thread');
    const answers = await all;
    ok(answers.every((answer) => answer.end?.name === 'done' && answer.tokens === 40), 'each whole',
       answers.find((answer) => answer.end?.name !== 'done' || answer.tokens !== 40));
    await stop(chat);
    await stop(sim);
}

/* A provider of the test's own: what it does with a request. */
async function provider(behave) {
    const server = http.createServer((request, response) => {
        request.resume();
        request.on('end', () => behave(response, request));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { server, url: `http://127.0.0.1:${server.address().port}/v1` };
}

async function failing(name, words, behave) {
    const { server, url } = await provider(behave);
    const chat = await start(CHAT, ['--port', '0'], { OPENAI_BASE_URL: url, OPENAI_API_KEY: 'k' });
    base = chat.address;
    const answer = await ask('failing-1', 'Hello');
    ok(answer.end?.name === 'failed' && answer.end.message.includes(words), `told why: ${name}`,
       answer);
    is(await history('failing-1'), null, `and nothing is kept: ${name}`);
    is((await figures()).provider, 'openai-compatible', `the strip names no simulator: ${name}`);
    await stop(chat);
    server.closeAllConnections();
    server.close();
}

async function failures() {
    await failing('a refused key', 'no such key', (response) => {
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end('{"error":{"message":"no such key"}}');
    });
    await failing('no JSON', 'malformed', (response) => response.end('data: {oh\n\n'));
    await failing('an end too early', 'before it was complete', (response) =>
        response.end('data: {"choices":[{"delta":{"content":"Hal"}}]}\n\n'));
    await failing('a broken connection', 'could not answer', (response) => {
        response.write('data: {"choices":[{"delta":{"content":"Hal"}}]}\n\n');
        setTimeout(() => response.destroy(), 20);
    });
    await failing('too long an answer', 'longer than 1 MiB', (response) => {
        const piece = `data: {"choices":[{"delta":{"content":"${'x'.repeat(1 << 16)}"}}]}\n\n`;
        for (let i = 0; i < 20; i++) response.write(piece);
    });
    const chat = await start(CHAT, ['--port', '0', '--simulator', 'http://127.0.0.1:9/v1']);
    base = chat.address;
    const answer = await ask('failing-2', 'Hello');
    ok(answer.end?.message.includes('127.0.0.1'), 'told why: nobody is there', answer);
    await stop(chat);
}

async function ending(sim) {
    const busy = spawnSync(CHAT, ['--port', new URL(base).port, '--simulator', sim.address],
                           { timeout: 5000 });
    ok(busy.status === 1 && /listening on '127.0.0.1:\d+'.*in use/i.test(busy.stderr.toString()),
       'a port that is taken is said', busy.stderr.toString());
    const nobody = spawnSync(CHAT, ['--port', '0'], {
        timeout: 5000, env: { ...process.env, OPENAI_API_KEY: '', OPENAI_BASE_URL: '' },
    });
    ok(nobody.status === 2 && nobody.stderr.includes('OPENAI_API_KEY'), 'so is a missing provider');
    const odd = spawnSync(CHAT, ['--port', '70000'], { timeout: 5000 });
    ok(odd.status === 2 && odd.stderr.includes('--port'), 'and a port that is none');
}

await test(150, async () => {
    const sim = await start(SIMULATOR, ['--port', '0', '--first-token-ms', '20',
                                        '--tokens-per-second', '200']);
    const chat = await start(CHAT, ['--port', '0', '--simulator', sim.address]);
    base = chat.address;
    await conversation();
    await refusals();
    await page();
    await leaving();
    await ending(sim);
    const last = ask('last-words', 'Say farewell in 100 tokens').catch((error) => error);
    await pause(100);
    is(await stop(chat), 0, 'TERM ends the chat');
    is((await last).end?.name, 'done', 'after the answers under way');
    const socket = net.connect(new URL(base).port, '127.0.0.1');
    ok((await once(socket, 'error').catch((error) => error)) !== undefined, 'nothing listens then');
    await stop(sim);
    await many();
    await silence();
    await failures();
});
