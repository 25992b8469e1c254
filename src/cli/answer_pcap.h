/* Packets of an answer as a capture file on standard output. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/pkt.h"

struct answer_pcap;
struct run_dir;
struct run_files;

/* 'files' or 'dir' describe the interfaces that packets name; both NULL: only their
 * link types are known. */
int answer_pcap_new(struct answer_pcap **ret, bool pcapng, const struct run_files *files,
		    struct run_dir *dir, struct err *err);

/* The same into a file ('-': standard output), in an enum sink_format. */
int answer_pcap_open(struct answer_pcap **ret, const char *path, int format,
		     const struct run_files *files, struct run_dir *dir, struct err *err);
void answer_pcap_free(struct answer_pcap *a); /* NULL is fine */
int answer_pcap_add(struct answer_pcap *a, const struct pkt *p, struct err *err);

/* Also without packets the output is a valid file. */
int answer_pcap_end(struct answer_pcap *a, struct err *err);
