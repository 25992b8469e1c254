/* The words of pcap-filter(7), as libpcap's scanner cuts them.  For src/filter
 * only: libpcap says what is wrong with an expression, but not where. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ftok_kind {
	FTOK_WORD,    /* a name: of a host, port, protocol, frame type, ... */
	FTOK_KEYWORD, /* of the language; also "and", "or", "not" */
	FTOK_NUMBER,
	FTOK_ADDRESS,
	FTOK_OP,
	FTOK_BAD, /* what the language has no use for: one character */
};

struct ftok {
	enum ftok_kind kind;
	uint32_t off, len; /* bytes of the text */
};

/* Cuts the next word from 'text' at '*pos', which moves behind it.  False at
 * the end. */
bool ftok_next(const char *text, size_t *pos, struct ftok *ret);

bool ftok_is(const char *text, const struct ftok *t, const char *word);

/* The character, counted from 1, at which byte 'off' of a UTF-8 text lies. */
unsigned text_column(const char *text, size_t off);
