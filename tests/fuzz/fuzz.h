#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* A target: aborts when something that must hold for all bytes does not. libFuzzer's entry point.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
