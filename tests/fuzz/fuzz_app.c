/* Application recognition.  Input: IP protocol, two ports (big-endian), payload.
 *
 * Invariants: the answer is a known application, the same whether or not names
 * are asked for, in both directions, and wherever the bytes stand in memory;
 * names are printable and inside the payload. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/app.h"
#include "net/app_rec.h"

#define HEAD 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_text(const uint8_t *p, uint32_t n)
{
	while (n--) {
		check(*p > 0x20 && *p < 0x7f);
		p++;
	}
}

static void check_info(const struct app_info *info, const uint8_t *p, uint32_t len)
{
	check(!info->name == !info->name_len);
	if (!info->name)
		return;
	check(info->name >= p && info->name_len <= len &&
	      (uint32_t)(info->name - p) <= len - info->name_len);
	check_text(info->name, info->name_len);
}

/* What a sealed packet may hold, which no fuzzer can seal itself. */
static void check_hello(const uint8_t *p, uint32_t len)
{
	struct app_info info = {0};
	struct quic_hello h;
	bool google;

	for (google = false;; google = true) {
		h.nframes = 0;
		quic_hello_add(&h, cur_at(p, len), google);
		quic_hello_add(&h, cur_at(p, len / 2), google);
		check(h.nframes <= QUIC_FRAMES_MAX);
		if (quic_hello_name(&h, &info))
			check_info(&info, h.bytes, sizeof(h.bytes));
		else
			check(!info.name);
		if (google)
			break;
		info = (struct app_info){0};
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct app_info info, moved_info;
	char name[APP_NAME_SIZE];
	uint16_t sport, dport;
	const uint8_t *p;
	uint8_t *moved;
	enum app app;
	uint32_t len;

	if (size < HEAD)
		return 0;
	sport = be16_load(data + 1);
	dport = be16_load(data + 3);
	p = data + HEAD;
	len = (uint32_t)(size - HEAD);

	app = app_from_payload(data[0], sport, dport, p, len, &info);
	check(app < APP_MAX);
	check(!app == !*app_name(app));
	check(app_from_payload(data[0], sport, dport, p, len, NULL) == app);
	check(app_from_payload(data[0], dport, sport, p, len, NULL) == app);
	check_info(&info, p, len);
	check(!info.quic_version || app == APP_QUIC);
	check(app_from_port(data[0], sport, dport) == app_from_port(data[0], dport, sport));

	moved = malloc(len + 1);
	check(moved != NULL);
	memcpy(moved + 1, p, len);
	check(app_from_payload(data[0], sport, dport, moved + 1, len, &moved_info) == app);
	check(moved_info.name_len == info.name_len && moved_info.quic_version == info.quic_version);
	free(moved);

	check(app_quic_name(p, len, name) == strlen(name));
	check_text((const uint8_t *)name, (uint32_t)strlen(name));
	check_hello(p, len);
	return 0;
}
