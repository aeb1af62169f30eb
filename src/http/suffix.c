/* The public suffix list, as Debian keeps it up to date (libpsl). */
#include <libpsl.h>

#include "http/cookies.h"

bool weft__is_public_suffix(const char *domain)
{
    const psl_ctx_t *list = psl_builtin();
    return !list || psl_is_public_suffix(list, domain);
}
