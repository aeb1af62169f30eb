/* Settings of streams on pipes, which the standard ones are meanwhile. */
#ifndef TESTS_HOOK_ROWS_STREAMS_H
#define TESTS_HOOK_ROWS_STREAMS_H

#include "rows.h"

extern const struct setting reading, writing;

#endif
