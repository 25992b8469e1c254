/* Capabilities of this thread, as a bit per CAP_* number (linux/capability.h).
 * By system call: libraries for it read /proc, which trawl-opener cannot. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CAPS_BIT(cap) (UINT64_C(1) << (cap))

/* The permitted set; 0 where it cannot be read. */
uint64_t caps_permitted(void);

/* Makes 'mask', as far as it is permitted, effective, and nothing else. */
void caps_raise(uint64_t mask);
void caps_lower(void); /* nothing effective; keeps errno */

/* Gives up for good what is not in 'mask'; nothing is effective or inheritable
 * afterwards.  0 or -errno. */
int caps_limit(uint64_t mask);

/* Empties the bounding set, where CAP_SETPCAP is permitted, and the ambient set.
 * 0 or -errno; -EPERM: the bounding set stays as it is. */
int caps_unbind(void);

/* "CAP_NET_RAW and CAP_BPF" into 'ret', cut to fit; unknown ones by number.
 * Returns 'ret'. */
const char *caps_names(uint64_t mask, char *ret, size_t size);

/* Of the capabilities 'have' those that 'features' (enum priv_feature) make use
 * of: what is raised for them, and kept as long as they may be asked for. */
uint64_t caps_for(unsigned features, uint64_t have);

/* What 'features' lack where 'have' is permitted; 0: nothing. */
uint64_t caps_lacking(unsigned features, uint64_t have);
