/* Between the two halves of 'trawl info': reading and writing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "analyse/an_info.h"
#include "base/buf.h"
#include "base/json.h"
#include "capture/src.h"
#include "net/digest.h"

/* One file that has been read to its end. */
struct info_file {
	const char *path;
	const struct src *src;
	struct src_meta meta;
	struct an_info an;
	bool hashed;
	struct digest_texts hash;
};

/* "pcapng", "pcap (nanoseconds)": what the file is, for people. */
const char *info_format(const struct info_file *f);

/* A list with a label in front of each line; times in UTC or local time. */
void info_text(struct buf *b, const struct info_file *f, bool utc);

/* One line per file under a header: only what is one value. */
void info_csv_header(struct buf *b);
void info_csv(struct buf *b, const struct info_file *f);

/* An object with everything; times are epoch seconds as text with nine
 * decimals, so that no reader rounds them. */
void info_json(struct json *j, const struct info_file *f);
