/*
 * Weft: plain blocking C, ten thousand of it on one thread.
 *
 * Inside a fiber, read(2), poll(2), nanosleep(2), getaddrinfo(3), pthread_mutex_lock(3) and every
 * library built on such calls park the fiber, not the thread. This header brings in the whole
 * runtime; each part can be included alone.
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include <weft/base.h>
#include <weft/channel.h>
#include <weft/error.h>
#include <weft/inspect.h>
#include <weft/local.h>
#include <weft/offload.h>
#include <weft/run.h>
#include <weft/scope.h>
#include <weft/sync.h>
#include <weft/task.h>
#include <weft/time.h>
#include <weft/watch.h>

#endif
