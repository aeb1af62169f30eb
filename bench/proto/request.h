/* The request both parsers are given: what a browser sends for a page, 600 bytes. */
#ifndef WEFT_BENCH_PROTO_REQUEST_H
#define WEFT_BENCH_PROTO_REQUEST_H

static const char bench_request[] =
    "GET /articles/2026/streaming?page=2&sort=newest HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://www.example.com/articles\r\n"
    "Cookie: session=8c1f0a4b7e2d9c35; theme=dark; last=2026-11-20T10:00:00Z\r\n"
    "Connection: keep-alive\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "If-None-Match: \"5f2a-61c\"\r\n"
    "Priority: u=0, i\r\n"
    "\r\n";

enum {
    BENCH_REQUEST = sizeof bench_request - 1,
    BENCH_FIELDS = 14
};

#endif
