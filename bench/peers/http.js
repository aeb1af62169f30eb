// Node's HTTP server: one answer.
const http = require('http');

const server = http.createServer((request, response) => {
    response.writeHead(200, {
        'content-type': 'text/plain; charset=utf-8',
        'content-length': 12,
    });
    response.end('Hello world\n');
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', 4096, () => console.log(`port ${server.address().port}`));
