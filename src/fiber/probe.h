#ifndef WEFT_FIBER_PROBE_H
#define WEFT_FIBER_PROBE_H

/*
 * Static tracepoints (USDT) of provider "weft": each is one nop and a note in the library that
 * tells bpftrace, perf or SystemTap where it is and where its arguments are.
 *
 *      spawn   task, fiber, function     a task starts
 *      switch  from, to                  fibers; 0 stands for the loop
 *      park    fiber, wait, object       enum weft__wait, and what is waited for
 *      wake    fiber, result             0, or a negative errno
 *      cancel  fiber, error              an errno reaches one level of a fiber
 */
#if WEFT_WITH_PROBES
#include <sys/sdt.h>
#define WEFT__PROBE2(name, a, b) DTRACE_PROBE2(weft, name, a, b)
#define WEFT__PROBE3(name, a, b, c) DTRACE_PROBE3(weft, name, a, b, c)
#else
#define WEFT__PROBE2(name, a, b) ((void)(a), (void)(b))
#define WEFT__PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
