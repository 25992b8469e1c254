/* Writes JSON (RFC 8259) onto a buf, value by value, without blanks.
 *
 *	struct json j = JSON_INIT(&buf);
 *	json_object(&j);
 *	json_key(&j, "Count");
 *	json_u64(&j, 3);
 *	json_object_end(&j);
 *
 * Commas come by themselves; that keys and values alternate is the caller's
 * affair.  Errors stick in the buf.  Integers are written as numbers of up to 20
 * digits: readers that keep numbers as doubles lose those above 2^53.
 *
 * Strings are UTF-8.  Each byte that is not part of valid UTF-8 becomes \ufffd;
 * control characters, DEL and C1 too, become \u00XX, so that no text from a
 * packet can drive the terminal that shows it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
	struct buf *buf; /* borrowed */
	bool comma;      /* the next key or value needs one before it */
};
#define JSON_INIT(buf) ((struct json){(buf), false})

void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);

void json_key(struct json *j, const char *key);
void json_str(struct json *j, const char *s); /* NULL: null */
void json_strn(struct json *j, const char *p, size_t n);
void json_u64(struct json *j, uint64_t v);
void json_i64(struct json *j, int64_t v);
void json_f64(struct json *j, double v); /* shortest exact form; null for NaN and infinities */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
void json_base64(struct json *j, const void *p, size_t n); /* RFC 4648, 4: with padding */

/* The string with its quotes, without any comma. */
void json_escape(struct buf *b, const char *p, size_t n);
