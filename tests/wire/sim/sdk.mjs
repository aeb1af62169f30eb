/* The simulator, used by the official client of the provider whose protocol it speaks. */
import { once } from 'node:events';
import http from 'node:http';
import { is, ok, pause, skipAll, start, stop, test, until } from '../tap.mjs';

const { default: OpenAI } = await import('openai').catch(() =>
    skipAll('the openai package is not installed (npm ci in tests/)'));
const SIMULATOR = process.argv[2];
const QUICK = ['--port', '0', '--first-token-ms', '5', '--tokens-per-second', '2000'];
const QUESTION = [{ role: 'user', content: 'Explain how a loom works' }];

const client = ({ address }, options = {}) =>
    new OpenAI({ baseURL: address, apiKey: 'any', maxRetries: 0, ...options });

const ask = (openai, options = {}, settings = {}) =>
    openai.chat.completions.create({ model: 'weft-sim', messages: QUESTION, ...options }, settings);

/* The error that a promise fails with. */
const errorOf = (promise) => promise.then((value) => value, (error) => error);

async function gather(stream) {
    const seen = { text: '', pieces: 0, roles: [], reasons: [], usage: [], ids: new Set() };
    for await (const chunk of stream) {
        const choice = chunk.choices[0];
        seen.ids.add(chunk.id);
        seen.usage.push(chunk.usage);
        if (choice?.delta.role) seen.roles.push(choice.delta.role);
        if (choice?.delta.content) seen.pieces++;
        seen.text += choice?.delta.content ?? '';
        if (choice?.finish_reason) seen.reasons.push(choice.finish_reason);
    }
    return seen;
}

async function answers(openai) {
    const { data: whole, response } = await ask(openai).withResponse();
    is(whole.object, 'chat.completion', 'an answer in one piece is a chat.completion');
    is(whole.choices[0].message.role, 'assistant', 'it is the assistant that speaks');
    ok(whole.choices[0].message.content.includes('how a loom works'),
       'the answer is about the question', whole.choices[0].message.content);
    is(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens,
       'usage adds up');
    ok(/^req_[0-9a-f]{32}$/.test(response.headers.get('x-request-id')), 'a request has an id');
    ok(Number(response.headers.get('openai-processing-ms')) >= 5, 'and says how long it took');

    const seen = await gather(await ask(openai, { stream: true }));
    is(seen.text, whole.choices[0].message.content, 'the stream gives the same answer');
    is(seen.pieces, whole.usage.completion_tokens, 'a token a piece');
    is(seen.roles.join(), 'assistant', 'the role comes once');
    is(seen.reasons.join(), 'stop', 'the end says why');
    is(seen.ids.size, 1, 'all chunks have one id');
    ok(seen.usage.every((usage) => usage === undefined), 'usage is not sent unasked');

    const counted = await gather(await ask(openai, {
        stream: true, stream_options: { include_usage: true },
    }));
    is(counted.usage.at(-1)?.completion_tokens, whole.usage.completion_tokens,
       'usage comes with the last chunk');
    ok(counted.usage.slice(0, -1).every((usage) => usage === null), 'and is null before');
}

async function choices(openai) {
    const short = await ask(openai, { max_completion_tokens: 7 });
    is(short.choices[0].finish_reason, 'length', 'an answer that had to end says so');
    is(short.usage.completion_tokens, 7, 'and has as many tokens as were allowed');
    const messages = [{ role: 'user', content: 'Tell me about wool in 23 tokens.' }];
    const wished = await ask(openai, { messages });
    is(wished.usage.completion_tokens, 23, 'a wish for a length is heard');
    is(wished.choices[0].finish_reason, 'stop', 'which is no cut');
    const parts = [{ role: 'user', content: [{ type: 'text', text: 'What is a <shuttle> "é😀"?' }] }];
    const odd = await ask(openai, { messages: parts });
    ok(odd.choices[0].message.content.includes('shuttle é😀'), 'content may come in parts',
       odd.choices[0].message.content);
    const code = [{ role: 'user', content: 'Show me quicksort in C' }];
    ok(/```c\n[^]*```/.test((await ask(openai, { messages: code })).choices[0].message.content),
       'a question about code is answered with a code block');
    const models = await openai.models.list();
    is(models.data.map((model) => model.id).join(), 'weft-sim', 'the models are listed');
    is((await openai.models.retrieve('weft-sim')).object, 'model', 'one can be asked for');
}

/* What comes back when a body of a size is announced and not sent: a status, or nothing. */
async function announce(base, size) {
    const request = http.request(`${base}/chat/completions`, {
        method: 'POST', headers: { 'content-length': size },
    });
    request.on('error', () => {});
    request.flushHeaders();
    const answer = await Promise.race([once(request, 'response'), pause(500)]);
    request.destroy();
    return answer ? answer[0].statusCode : 'waits';
}

async function refusals(openai) {
    const cases = [
        ['an unknown model', { model: 'gpt-0' }, OpenAI.NotFoundError, 'model', 'model_not_found'],
        ['no messages', { messages: [] }, OpenAI.BadRequestError, 'messages'],
        ['messages that are none', { messages: 'x' }, OpenAI.BadRequestError, 'messages'],
        ['an unknown role', { messages: [...QUESTION, { role: 'king', content: '' }] },
         OpenAI.BadRequestError, 'messages[1].role'],
        ['content that is a number', { messages: [{ role: 'user', content: 5 }] },
         OpenAI.BadRequestError, 'messages[0].content'],
        ['a limit of nothing', { max_tokens: 0 }, OpenAI.BadRequestError, 'max_tokens'],
        ['two answers at once', { n: 2 }, OpenAI.BadRequestError, 'n'],
        ['a stream of maybe', { stream: 'maybe' }, OpenAI.BadRequestError, 'stream'],
        ['options of no stream', { stream_options: {} }, OpenAI.BadRequestError, 'stream_options'],
    ];
    for (const [name, options, kind, param, code = null] of cases) {
        const error = await errorOf(ask(openai, options));
        ok(error instanceof kind && error.param === param && error.code === code,
           `refused: ${name}`, error);
    }
    const lost = await errorOf(openai.embeddings.create({ model: 'x', input: 'y' }));
    ok(lost instanceof OpenAI.NotFoundError && lost.code === 'unknown_url', 'refused: another path',
       lost);
    const raw = async (body) => {
        const answer = await fetch(`${openai.baseURL}/chat/completions`, { method: 'POST', body });
        return { status: answer.status, error: (await answer.json()).error };
    };
    is((await raw('{"model":')).status, 400, 'refused: JSON that ends early');
    is((await raw(`{"model":"weft-sim","x":${'['.repeat(100_000)}`)).status, 400,
       'refused: JSON as deep as its length');
    is((await raw('7')).error?.type, 'invalid_request_error', 'refused: a number');
    is(await announce(openai.baseURL, 4 << 20), 'waits', 'a body of 4 MiB is waited for');
    is(await announce(openai.baseURL, (4 << 20) + 1), 413, 'refused: a byte more');
}

async function keys() {
    const sim = await start(SIMULATOR, [...QUICK, '--require-key', 'right']);
    const wrong = await errorOf(ask(client(sim, { apiKey: 'wrong' })));
    ok(wrong instanceof OpenAI.AuthenticationError && wrong.code === 'invalid_api_key',
       'a wrong key is refused', wrong);
    is((await fetch(`${sim.address}/models`)).status, 401, 'so is none');
    ok((await ask(client(sim, { apiKey: 'right' }))).id, 'the right one is not');
    await stop(sim);
}

async function faults() {
    const broken = (kind) =>
        start(SIMULATOR, [...QUICK, '--fault-rate', '1', '--faults', kind]);
    let sim = await broken('429');
    const busy = await errorOf(ask(client(sim)));
    ok(busy instanceof OpenAI.RateLimitError && busy.headers.get('retry-after') === '1',
       'too many requests: told when to come again', busy);
    await stop(sim);
    sim = await broken('500');
    ok(await errorOf(ask(client(sim))) instanceof OpenAI.InternalServerError, 'a failing model');
    await stop(sim);
    sim = await broken('cut');
    const began = await ask(client(sim), { stream: true });
    const cut = await errorOf(gather(began));
    ok(cut instanceof Error, 'a stream that is cut is an error', cut);
    await stop(sim);
    sim = await broken('stall');
    const stalled = await ask(client(sim), { stream: true });
    let pieces = 0;
    const silent = (async () => {
        for await (const chunk of stalled) pieces += chunk.choices[0]?.delta.content ? 1 : 0;
    })().catch((error) => error);
    await until(() => pieces > 5);
    await pause(300);
    const before = pieces;
    await pause(300);
    is(pieces, before, 'a stream that stalls says nothing more');
    stalled.controller.abort();
    await silent;
    is(await stop(sim), 0, 'and the simulator still ends at once');
    sim = await start(SIMULATOR, [...QUICK, '--fault-rate', '0.25', '--faults', '500', '--seed', '7']);
    const patient = client(sim, { maxRetries: 6 });
    const all = await Promise.all(Array.from({ length: 12 }, () => errorOf(ask(patient))));
    ok(all.every((answer) => answer.choices), 'retries get through a fault in four',
       all.filter((answer) => !answer.choices));
    await stop(sim);
}

/* Timing is not judged but where a wait is the promise: nothing comes before it is due. */
async function pace() {
    const sim = await start(SIMULATOR, ['--port', '0', '--first-token-ms', '200', '--jitter', '0',
                                        '--tokens-per-second', '100', '--tokens', '30']);
    const openai = client(sim);
    const begun = performance.now();
    let first = 0;
    for await (const chunk of await ask(openai, { stream: true }))
        if (chunk.choices[0]?.delta.content && !first) first = performance.now() - begun;
    ok(first >= 199, 'the first token is not early', first);
    ok(performance.now() - begun >= 200 + 29 * 10 - 2, 'nor is the last');
    const controller = new AbortController();
    const stream = await ask(openai, { stream: true }, { signal: controller.signal });
    setTimeout(() => controller.abort(), 250);
    const seen = await gather(stream).catch((error) => error);
    ok(seen instanceof Error || seen.pieces < 30, 'an answer can be given up', seen);
    is(await stop(sim, 'SIGINT'), 0, 'INT ends the simulator');
}

async function sameAgain() {
    const texts = [];
    for (const seed of ['5', '5', '6']) {
        const sim = await start(SIMULATOR, [...QUICK, '--seed', seed, '--model', 'a', '--model', 'b']);
        texts.push((await ask(client(sim), { model: 'b' })).choices[0].message.content);
        await stop(sim);
    }
    is(texts[0], texts[1], 'the same seed gives the same answer');
    ok(texts[0] !== texts[2], 'another seed another one', texts[2]);
}

await test(100, async () => {
    const sim = await start(SIMULATOR, QUICK);
    const openai = client(sim);
    await answers(openai);
    await choices(openai);
    await refusals(openai);
    is(await stop(sim), 0, 'TERM ends the simulator');
    await keys();
    await faults();
    await pace();
    await sameAgain();
});
