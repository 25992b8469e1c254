/* What is known of link types; see linktype.def. */
#pragma once

#include <stdint.h>

struct linktype {
	uint16_t number;   /* LINKTYPE_ value */
	const char *name;  /* as libpcap writes it, "EN10MB"; "" where it has none */
	const char *descr; /* "Ethernet" */
	/* In Wireshark and its tools: */
	uint16_t wtap;          /* number; 0: it does not read them */
	const char *wtap_name;  /* "ether" */
	const char *wtap_descr; /* "Ethernet" */
	uint8_t wtap_pseudo;    /* bytes at a frame's start that it does not count */
};

/* NULL: not known. */
const struct linktype *linktype_find(uint16_t number);

/* A name for people: the description, else "link type 300" written to 'buf'. */
#define LINKTYPE_TEXT_SIZE 24
const char *linktype_text(uint16_t number, char buf[LINKTYPE_TEXT_SIZE]);
