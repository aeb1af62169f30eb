/* Whatever fails is said in words, keeps what was written, and can be tried again. */

import { equal, must, run, until } from './harness.js';
import { DONE } from './chat.js';

async function failsThenWorks(chat, words, partial = '') {
    await chat.ask('A question that fails at first');
    await chat.alert.waitFor();
    must(
        (await chat.alert.textContent()).includes(words),
        `the page says: ${await chat.alert.textContent()}`,
    );
    equal(
        await chat.questions.last().textContent(),
        'A question that fails at first',
        'the question is kept',
    );
    equal(await chat.text(), partial, 'what had arrived is kept');
    equal(await chat.statusOf('A question that fails'), 'failed', 'mark in the list');
    await chat.retryButton.click();
    await chat.finished();
    must((await chat.text()).length > 20, 'the answer after the retry');
    equal(await chat.questions.count(), 1, 'questions shown after the retry');
    equal(await chat.answers.count(), 1, 'answers shown after the retry');
    equal(await chat.alert.count(), 0, 'alerts after the retry');
}

await run([
    [
        'the server cannot be reached',
        async (chat) => {
            await chat.open();
            await chat.page.route('**/messages', (route) => route.abort('connectionrefused'), { times: 1 });
            await failsThenWorks(chat, 'cannot be reached');
        },
        { noisy: true },
    ],
    [
        'the server refuses, with its own words',
        async (chat) => {
            await chat.open();
            await chat.page.route(
                '**/messages',
                (route) =>
                    route.fulfill({
                        status: 503,
                        contentType: 'application/json',
                        body: '{"error":{"message":"Too many conversations at the moment."}}',
                    }),
                { times: 1 },
            );
            await failsThenWorks(chat, 'Too many conversations at the moment.');
        },
        { noisy: true },
    ],
    [
        'something in between answers with a page of its own',
        async (chat) => {
            await chat.open();
            await chat.page.route(
                '**/messages',
                (route) =>
                    route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' }),
                { times: 1 },
            );
            await failsThenWorks(chat, '502');
        },
        { noisy: true },
    ],
    [
        'the model fails after some tokens',
        async (chat) => {
            await chat.open();
            await chat.answerNext([
                ['token', { text: 'A first ' }],
                ['token', { text: 'part' }],
                ['failed', { message: 'The model is overloaded.' }],
            ]);
            await failsThenWorks(chat, 'The model is overloaded.', 'A first part');
        },
    ],
    [
        'the stream ends too early',
        async (chat) => {
            await chat.open();
            await chat.answerNext([['token', { text: 'Half an ans' }]]);
            await failsThenWorks(chat, 'lost before the answer was complete', 'Half an ans');
        },
    ],
    [
        'the stream is not what it should be',
        async (chat) => {
            await chat.open();
            await chat.page.route(
                '**/messages',
                (route) =>
                    route.fulfill({
                        status: 200,
                        contentType: 'text/event-stream',
                        body: 'event: token\ndata: {"text":\n\n',
                    }),
                { times: 1 },
            );
            await failsThenWorks(chat, 'not JSON');
        },
    ],
    [
        'the device is offline',
        async (chat) => {
            await chat.open();
            await chat.page.context().setOffline(true);
            await chat.ask('Asked without a network');
            await chat.alert.waitFor();
            must((await chat.alert.textContent()).includes('offline'), 'the page says that it is offline');
            await chat.page.context().setOffline(false);
            await chat.retryButton.click();
            await chat.finished();
        },
        { noisy: true },
    ],
    [
        'a conversation fails alone',
        async (chat) => {
            await chat.open();
            await chat.ask('The one that works');
            await until(async () => (await chat.text()).length > 10, 'some text');
            await chat.page.keyboard.press('Alt+KeyN');
            await chat.answerNext([['failed', { message: 'Not today.' }]]);
            await chat.ask('The other that fails');
            await chat.alert.waitFor();
            await until(
                async () => (await chat.statusOf('The one that works')) === 'unread',
                'the other answer',
                60_000,
            );
        },
    ],
    [
        'a server that has forgotten the conversation is not passed over in silence',
        async (chat) => {
            await chat.page.route('**/stats', (route) =>
                route.fulfill({ status: 200, contentType: 'text/event-stream', body: ': ends at once\n\n' }),
            );
            await chat.open();
            await chat.answerNext([['token', { text: 'An answer of the former server.' }], DONE]);
            await chat.ask('Asked before the restart');
            await chat.finished();
            await chat.page.unroute('**/stats');
            await until(
                async () => (await chat.page.locator('[data-stat="threads"]').textContent()) === '1',
                'the figures',
            );
            equal(await chat.kept(), null, 'what the server knows');
            await chat.ask('Asked after the restart');
            await chat.page.getByText('no longer remembers the messages above').waitFor();
            await until(
                async () => (await chat.answers.count()) === 2 && (await chat.state()) === 'done',
                'the answer',
                60_000,
            );
            equal(
                (
                    await chat.page
                        .locator('#transcript > *')
                        .evaluateAll((all) => all.map((one) => one.className.split(' ').at(-1)))
                ).join(' '),
                'user assistant note user assistant',
                'order on the page',
            );
        },
        { noisy: true },
    ],
    [
        'a conversation the server no longer has says so after a reload',
        async (chat) => {
            await chat.open();
            await chat.answerNext([['token', { text: 'Gone soon.' }], DONE]);
            await chat.ask('Something to forget');
            await chat.finished();
            await chat.page.reload();
            await chat.page.getByText('no longer has the messages').waitFor();
            equal(await chat.statusOf('Something to forget'), 'idle', 'it is still listed');
        },
        { noisy: true },
    ],
    [
        'messages that cannot be fetched can be fetched again',
        async (chat) => {
            await chat.open();
            await chat.ask('Something to come back to');
            await chat.finished();
            await chat.page.route(/\/conversations\/[^/]+$/, (route) => route.abort('connectionrefused'), {
                times: 1,
            });
            await chat.page.reload();
            await chat.alert.waitFor();
            await chat.page.getByRole('button', { name: 'Try again' }).click();
            await chat.finished();
            equal(await chat.questions.first().textContent(), 'Something to come back to', 'question');
        },
        { noisy: true },
    ],
]);
