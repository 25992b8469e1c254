/* libpcap's compiler and interpreter, as tcpdump uses them on a file; for tests.  Apart, as
 * <pcap.h> and <linux/bpf.h> each have a struct bpf_insn of their own. */
#pragma once

#include <stdint.h>

struct libpcap;

/* NULL, with libpcap's words in 'msg', where it refuses. */
struct libpcap *libpcap_new(const char *expr, uint16_t linktype, char msg[static 256]);
void libpcap_free(struct libpcap *p); /* NULL is fine */

/* What pcap_offline_filter() says. */
uint32_t libpcap_run(const struct libpcap *p, const uint8_t *data, uint32_t caplen, uint32_t len);
