/* How trawl starts trawl-opener: what both programs must agree on. */
#pragma once

#define OPENER_NAME "trawl-opener"
#define OPENER_FD   3 /* the socket; 0 to 2 are /dev/null, nothing else is open */
