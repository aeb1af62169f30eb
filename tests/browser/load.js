/* The page comes up whole, from its own server alone, and shows the server's figures live. */

import { equal, must, run, until } from './harness.js';

await run([
    [
        'the page loads and is ready to be typed into',
        async (chat) => {
            await chat.open();
            equal(await chat.page.title(), 'Weft chat', 'title');
            equal(
                await chat.field.evaluate((field) => field === document.activeElement),
                true,
                'the message field has the focus',
            );
            await chat.page.getByRole('heading', { name: 'What is on your mind?' }).waitFor();
            equal(await chat.rows.count(), 1, 'conversations');
        },
    ],
    [
        'every file has its content type',
        async (chat) => {
            const types = {
                '/': 'text/html',
                '/chat.css': 'text/css',
                '/chat.js': 'text/javascript',
                '/favicon.svg': 'image/svg+xml',
            };
            for (const [path, type] of Object.entries(types)) {
                const response = await fetch(new URL(path, chat.url));
                equal(response.status, 200, path);
                equal(response.headers.get('content-type').split(';')[0], type, `content type of ${path}`);
            }
            equal(
                (await fetch(new URL('/no-such-file.js', chat.url))).status,
                404,
                'a file that does not exist',
            );
        },
    ],
    [
        'no element may be made from text: the policy forbids it',
        async (chat) => {
            await chat.open();
            const outcome = await chat.page.evaluate(() => {
                try {
                    document.createElement('div').innerHTML = '<b>x</b>';
                    return 'allowed';
                } catch (error) {
                    return error.name;
                }
            });
            equal(outcome, 'TypeError', 'innerHTML');
        },
        { noisy: true },
    ],
    [
        'the live strip shows one thread and moves',
        async (chat) => {
            await chat.open();
            const stat = (name) => chat.page.locator(`[data-stat="${name}"]`).textContent();
            await until(async () => (await stat('threads')) === '1', 'threads to be 1');
            must(/^[\d,.]+ [MG]B$/.test(await stat('memory')), `memory reads ${await stat('memory')}`);
            must(/^\d{1,3}%$/.test(await stat('load')), `load reads ${await stat('load')}`);
            must(Number((await stat('fibers')).replaceAll(',', '')) >= 1, 'at least one fiber');
            await chat.ask('Explain how a fiber waits');
            await until(
                async () => Number((await stat('conversations')).replaceAll(',', '')) >= 1,
                'a conversation in flight',
            );
            await until(
                async () => Number((await stat('rate')).replaceAll(',', '')) > 0,
                'tokens a second above 0',
            );
            await chat.finished();
            equal(await stat('threads'), '1', 'threads after an answer');
        },
    ],
    [
        'the strip says when it has lost the server, and comes back',
        async (chat) => {
            let refused = 0;
            await chat.page.route(
                '**/stats',
                (route) => {
                    refused++;
                    return route.abort('connectionrefused');
                },
                { times: 2 },
            );
            await chat.open();
            await until(
                async () => (await chat.page.locator('#offline').textContent()).includes('reconnecting'),
                'the notice',
            );
            await until(
                async () => (await chat.page.locator('[data-stat="threads"]').textContent()) === '1',
                'the figures',
            );
            equal(await chat.page.locator('#offline').textContent(), '', 'the notice afterwards');
            equal(refused, 2, 'refused connections');
        },
        { noisy: true },
    ],
]);
