/* The same as weft/client.c by undici: its own package if it is there, else Node's fetch, which is
 * made of it. usage: node fetch.mjs URL COUNT */
const [url, count] = [process.argv[2], Number(process.argv[3])];
let get = async () => (await fetch(url)).arrayBuffer();
try {
    const { Agent, request } = await import('undici');
    const dispatcher = new Agent({ connections: 100, pipelining: 1 });
    get = async () => (await request(url, { dispatcher })).body.arrayBuffer();
} catch {
    process.stderr.write('undici is not installed: fetch\n');
}

async function batch(left) {
    const work = async () => {
        while (left-- > 0) {
            if ((await get()).byteLength === 0) throw new Error('an empty answer');
        }
    };
    await Promise.all(Array.from({ length: 100 }, work));
}

await batch(count / 10);
const start = process.cpuUsage();
await batch(count);
const used = process.cpuUsage(start);
console.log(`client_get ${((used.user + used.system) * 1000) / count}`);
process.exit(0);
