/* What a model writes is text: never markup of the page, and the same however it is cut. */

import { equal, must, note, run } from './harness.js';
import { DONE } from './chat.js';

const HOSTILE = `<script>window.owned = 1</script> and <img src=x onerror="window.owned = 2">

\`<b>code</b>\` **<i>bold</i>** [link](javascript:window.owned=3) [fine](https://example.org/?a=1&b=<2>)

\`\`\`html
<script>window.owned = 4</script></code></pre><img src=x onerror=window.owned=5>
\`\`\`

- <svg onload=window.owned=6>
# <iframe src="//example.org">`;

/* Source, and the elements expected for it. */
const SHOWN = [
    ['one\ntwo\n\nthree', '<p>one\ntwo</p><p>three</p>'],
    [
        '**bold** *slanted* ***both*** __bold__ _slanted_',
        '<p><strong>bold</strong> <em>slanted</em> <strong><em>both</em></strong> <strong>bold</strong> <em>slanted</em></p>',
    ],
    [
        '**bold with `code` and *more***',
        '<p><strong>bold with <code>code</code> and <em>more</em></strong></p>',
    ],
    ['*a **b*** **c *d** e*', '<p><em>a <strong>b</strong></em> <strong>c *d</strong> e*</p>'],
    ['2 * 3 * 4 and snake_case_name and a*', '<p>2 * 3 * 4 and snake_case_name and a*</p>'],
    ['**never closed', '<p>**never closed</p>'],
    ['`never closed', '<p>`never closed</p>'],
    ['`a ** b` and ``c ` d``', '<p><code>a ** b</code> and <code>c ` d</code></p>'],
    ['\\*not slanted\\* \\`', '<p>*not slanted* `</p>'],
    [
        '- one\n- two\n  more\n\n- three\n\nafter',
        '<ul><li>one</li><li>two\nmore</li><li>three</li></ul><p>after</p>',
    ],
    [
        '3. three\n4. four\n   - inner\n5. five',
        '<ol start="3"><li>three</li><li>four<ul><li>inner</li></ul></li><li>five</li></ol>',
    ],
    ['- a\n\n  second paragraph\n- b', '<ul><li>a<p>second paragraph</p></li><li>b</li></ul>'],
    ['# One\n### Three #\ntext', '<h3>One</h3><h5>Three #</h5><p>text</p>'],
    ['> quoted\n> *more*\n\nafter', '<blockquote><p>quoted\n<em>more</em></p></blockquote><p>after</p>'],
    ['above\n\n---\nbelow', '<p>above</p><hr><p>below</p>'],
    [
        '```c\nint a;\n\n  b * c * d;\n```\nafter',
        '<pre tabindex="0" data-language="c"><code>int a;\n\n  b * c * d;</code></pre><p>after</p>',
    ],
    ['~~~\n```\n~~~', '<pre tabindex="0" data-language=""><code>```</code></pre>'],
    ['````\n```\nx\n````', '<pre tabindex="0" data-language=""><code>```\nx</code></pre>'],
    ['```\nnever closed', '<pre tabindex="0" data-language=""><code>never closed</code></pre>'],
    [
        '1. a\n   ```sh\n   ls\n     -l\n   ```\n2. b',
        '<ol><li>a<pre tabindex="0" data-language="sh"><code>ls\n  -l</code></pre></li><li>b</li></ol>',
    ],
    [
        '[text](https://example.org/) [no](ftp://x)',
        '<p><a href="https://example.org/" rel="noopener noreferrer" target="_blank">text</a> [no](ftp://x)</p>',
    ],
    ['line one\r\nline two\r\n\r\n- item\r\n', '<p>line one\nline two</p><ul><li>item</li></ul>'],
    ['-', '<p>-</p>'],
    ['1.', '<p>1.</p>'],
    ['', ''],
];

/* Runs in the page: the elements for a text that arrives in the given pieces. */
async function show(pieces) {
    const { Markdown } = await import('/markdown.js');
    const box = document.createElement('div');
    const markdown = new Markdown(box);
    for (const piece of pieces) {
        markdown.append(piece);
        markdown.flush();
    }
    markdown.finish();
    return box.innerHTML.replace(/<\/?span>/g, '');
}

function cut(text, random) {
    const pieces = [];
    for (let at = 0; at < text.length;) {
        const end = at + 1 + Math.floor(random() * 6);
        pieces.push(text.slice(at, end));
        at = end;
    }
    return pieces;
}

function generator(seed) {
    return () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

await run([
    [
        'markup in an answer is shown as text and does nothing',
        async (chat) => {
            await chat.open();
            await chat.answerNext([
                ...HOSTILE.match(/[\s\S]{1,7}/g).map((text) => ['token', { text }]),
                DONE,
            ]);
            await chat.ask('<script>window.owned = 7</script><img src=x onerror=window.owned=8>');
            await chat.finished();
            const text = await chat.text();
            for (const part of [
                '<script>window.owned = 1</script>',
                '<img src=x onerror="window.owned = 2">',
                '<svg onload=window.owned=6>',
                '<iframe src="//example.org">',
                '[link](javascript:window.owned=3)',
            ])
                must(text.includes(part), `${part} is shown`);
            must((await chat.questions.last().textContent()).startsWith('<script>'), 'the question is shown');
            equal(
                await chat.page.locator('article :is(script, img, svg, iframe, b, i)').count(),
                0,
                'elements made from text',
            );
            equal(
                await chat.page.locator('article a').count(),
                0,
                'links made from anything but plain http addresses',
            );
            equal(await chat.page.evaluate(() => window.owned), undefined, 'scripts run');
        },
    ],
    [
        'titles are text too',
        async (chat) => {
            await chat.open();
            await chat.answerNext([['token', { text: 'Yes.' }], DONE]);
            await chat.ask('<b>title</b>');
            await chat.finished();
            equal(await chat.rows.first().locator('.name').textContent(), '<b>title</b>', 'name in the list');
            await chat.page.reload();
            equal(
                await chat.rows.first().locator('.name').textContent(),
                '<b>title</b>',
                'name in the list after a reload',
            );
        },
        { noisy: true },
    ],
    [
        'Markdown becomes the elements it means',
        async (chat) => {
            await chat.open();
            for (const [source, expected] of SHOWN)
                equal(await chat.page.evaluate(show, [source]), expected, JSON.stringify(source));
        },
    ],
    [
        'every way to cut a text gives the same elements',
        async (chat) => {
            await chat.open();
            const seed = Number(process.env.WEFT_SEED ?? Date.now() % 2 ** 31);
            note(`WEFT_SEED=${seed}`);
            const random = generator(seed);
            for (const [source] of [...SHOWN, [HOSTILE], [SHOWN.map(([text]) => text).join('\n\n')]]) {
                const expected = await chat.page.evaluate(show, [source]);
                equal(
                    await chat.page.evaluate(show, [...source]),
                    expected,
                    `one by one: ${JSON.stringify(source)}`,
                );
                for (let round = 0; round < 10; round++)
                    equal(
                        await chat.page.evaluate(show, cut(source, random)),
                        expected,
                        JSON.stringify(source),
                    );
            }
        },
    ],
    [
        'an unfinished answer shows what is sure and hides marks that may yet mean something',
        async (chat) => {
            await chat.open();
            const shown = await chat.page.evaluate(async () => {
                const { Markdown } = await import('/markdown.js');
                const result = [];
                for (const text of ['some **bo', 'a `co', '``', '- ', '```c', 'done\n#']) {
                    const box = document.createElement('div');
                    const markdown = new Markdown(box);
                    markdown.append(text);
                    markdown.flush();
                    result.push(box.innerHTML.replace(/<\/?span>/g, ''));
                }
                return result;
            });
            equal(
                shown.join(' | '),
                '<p>some <strong>bo</strong></p> | <p>a <code>co</code></p> |  |  |  | <p>done</p>',
                'elements',
            );
        },
    ],
    [
        'hostile nesting is bounded and stays text',
        async (chat) => {
            await chat.open();
            for (const [source, most] of [
                ['*a **b '.repeat(2000), 14],
                [Array.from({ length: 200 }, (_, depth) => `${' '.repeat(depth * 2)}- x`).join('\n'), 14],
                ['`'.repeat(7999), 4],
                ['[['.repeat(4000), 4],
            ]) {
                const { depth, text } = await chat.page.evaluate(async (text) => {
                    const { Markdown } = await import('/markdown.js');
                    const box = document.createElement('div');
                    const markdown = new Markdown(box);
                    markdown.append(text);
                    markdown.finish();
                    let depth = 0;
                    for (const leaf of box.querySelectorAll('*')) {
                        let level = 0;
                        for (let node = leaf; node !== box; node = node.parentNode) level++;
                        depth = Math.max(depth, level);
                    }
                    return { depth, text: box.textContent };
                }, source);
                must(depth <= most, `${source.slice(0, 12)}... is ${depth} elements deep`);
                equal(
                    text.match(/[abx]/g)?.length,
                    source.match(/[abx]/g)?.length,
                    `letters of ${source.slice(0, 12)}...`,
                );
            }
        },
    ],
    [
        'the event stream is read alike however it is cut',
        async (chat) => {
            await chat.open();
            const outcome = await chat.page.evaluate(async () => {
                const { EventParser } = await import('/events.js');
                const stream =
                    ': ping\n\nevent: token\ndata: {"a":1}\n\nevent:x\r\ndata: one\r\ndata:two\r\rdata\n\nevent: empty\n\nid: 7\ndata: 🧵\n\n';
                const whole = JSON.stringify(new EventParser().feed(stream));
                const wrong = [];
                for (let size = 1; size < 9; size++) {
                    const parser = new EventParser();
                    const events = [];
                    for (let at = 0; at < stream.length; at += size)
                        events.push(...parser.feed(stream.slice(at, at + size)));
                    if (JSON.stringify(events) !== whole) wrong.push(size);
                }
                return { whole, wrong: wrong.join() };
            });
            equal(
                outcome.whole,
                '[{"name":"token","data":"{\\"a\\":1}"},{"name":"x","data":"one\\ntwo"},{"name":"message","data":""},{"name":"message","data":"🧵"}]',
                'events',
            );
            equal(outcome.wrong, '', 'sizes of pieces that gave something else');
        },
    ],
    [
        'an event that never ends is given up at the limit',
        async (chat) => {
            await chat.open();
            const outcome = await chat.page.evaluate(async () => {
                const { EventParser, LINE_LIMIT } = await import('/events.js');
                const fits = new EventParser().feed(`data: ${'x'.repeat(LINE_LIMIT - 7)}\n\n`).length;
                const names = [
                    ['x'.repeat(LINE_LIMIT + 1)],
                    Array(5).fill(`data: ${'x'.repeat(LINE_LIMIT / 4)}\n`),
                ].map((pieces) => {
                    try {
                        const parser = new EventParser();
                        pieces.forEach((piece) => parser.feed(piece));
                        return 'taken';
                    } catch (error) {
                        return error.name;
                    }
                });
                return [fits, ...names].join();
            });
            equal(outcome, '1,RangeError,RangeError', 'at the limit, a line beyond it, many lines beyond it');
        },
    ],
]);
