/* HTTP/2 of a library that was built without WebSockets. */
#include "http/h2.h"

const bool weft__h2_sockets = false;
