/* The files of with_server.py: what each holds, compared as it comes. */
#ifndef TESTS_SERVED_H
#define TESTS_SERVED_H

#include <curl/curl.h>

#include "crowd.h"

/** What is still to come of a file. Its bytes are those of a generator, the same as the server's.
 */
struct served {
    uint32_t state;
    size_t left;
    bool differs;
};

/** The file /NUMBER, from its start. */
static struct served served_file(unsigned number)
{
    return (struct served){ number * 2654435761u + 12345u, 1 + (size_t)number * number * 20,
                            false };
}

/** CURLOPT_WRITEFUNCTION, with a struct served as its data. */
static size_t served_compare(char *data, size_t one, size_t size, void *context)
{
    struct served *file = context;
    for (size_t i = 0; i < size * one; i++) {
        file->state = file->state * 1664525u + 1013904223u;
        file->differs |= file->left == 0 || (unsigned char)data[i] != file->state >> 24;
        file->left -= file->left > 0;
    }
    return size * one;
}

/** All of it has come, byte for byte. */
static bool served_whole(const struct served *file)
{
    return file->left == 0 && !file->differs;
}

#endif
