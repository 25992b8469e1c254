/* Columns: identity, application, time. */
#include "flow/flow_rows_impl.h"

#include <netinet/in.h>
#include <string.h>

#include "net/app.h"

static struct val_str community(struct flow_rows *r, size_t k)
{
	const struct flow_row *row = &r->row[k];
	struct addr a = flow_end_addr(row, 0), b = flow_end_addr(row, 1);
	char *text = r->text[k].community;
	uint16_t x = flow_end_port(row, 0), y = flow_end_port(row, 1);

	if (row->icmp) {
		x = row->icmp->type;
		y = row->icmp->code;
	}
	community_id(&a, &b, row->hot->key.proto, x, y, text);
	return flow_str(text);
}

/* Without DEC_PORTS there is nothing to hash ports from: a tool that sees the
 * packet has none either. */
static bool has_community(const struct flow_row *row)
{
	return flow_is_ip(row) && !(row->hot->flags & FLOW_ONE_PORT);
}

static struct val_str hex64(char *to, uint64_t v)
{
	static const char hex[] = "0123456789abcdef";
	int i;

	for (i = 0; i < 16; i++)
		to[i] = hex[v >> (60 - 4 * i) & 15];
	return (struct val_str){to, 16};
}

static unsigned port_app(const struct flow_row *row)
{
	if (!(row->hot->flags & FLOW_PORTS))
		return APP_NONE;
	return app_from_port(row->hot->key.proto, flow_end_port(row, 0), flow_end_port(row, 1));
}

static const char *application(const struct flow_row *row)
{
	unsigned app = row->cold->app ? row->cold->app : port_app(row);

	return app ? app_name(app) : layer_name(row->last_layer);
}

static const char *application_source(const struct flow_row *row)
{
	return row->cold->app ? "payload" : port_app(row) ? "port" : "layer";
}

static struct val_str server_name(struct flow_rows *r, size_t k)
{
	const struct flow_more *m = r->row[k].more;

	memcpy(r->text[k].name, m->name, m->name_len);
	return (struct val_str){r->text[k].name, m->name_len};
}

static const char *iface_name(const struct flow_rows *r, const struct flow_row *row)
{
	return r->env.iface_name ? r->env.iface_name(r->env.arg, row->hot->key.iface) : NULL;
}

static const char *finish_name(const struct flow_row *row)
{
	static const char *const names[] = {
		[FLOW_NOT_FINISHED] = "NOT_FINISHED",
		[FLOW_TIMEOUT] = "TIMEOUT",
		[FLOW_TCP_FIN] = "TCP_FIN",
		[FLOW_TCP_RST] = "TCP_RST",
	};

	return names[row->hot->finish];
}

static void fill_uuids(struct flow_rows *r, struct col *c, size_t n, bool parent)
{
	size_t k;

	for (k = 0; k < n; k++) {
		const struct flow_row *row = &r->row[k];

		const uint8_t *p = parent ? flow_parent(row->t, row->i) : NULL;

		if (parent && !p)
			continue;
		if (parent)
			memcpy(c->v.id[k], p, 16);
		else
			flow_uuid(row->t, row->i, c->v.id[k]);
		col_mark(c, k);
	}
}

static int64_t duration(const struct flow_row *row)
{
	uint64_t ns = flow_span(row->cold->start, row->hot->last);

	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

static bool fill_app(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_application:
		FLOW_FILL(str, true, flow_str(application(row)));
		return true;
	case FLOW_application_source:
		FLOW_FILL(str, true, flow_str(application_source(row)));
		return true;
	case FLOW_server_name:
		FLOW_FILL(str, row->more && row->more->name, server_name(r, k));
		return true;
	case FLOW_quic_version:
		FLOW_FILL(u64, row->more && row->more->quic_version, row->more->quic_version);
		return true;
	case FLOW_protocol:
		FLOW_FILL(str, row->last_layer, flow_str(layer_name(row->last_layer)));
		return true;
	default:
		return false;
	}
}

bool flow_fill_id(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_uuid:
	case FLOW_parent_uuid:
		fill_uuids(r, c, n, f == FLOW_parent_uuid);
		return true;
	case FLOW_tracking_id:
		FLOW_FILL(str, true,
			  hex64(r->text[k].tracking[0], flow_tracking_id(row->t, row->i, true)));
		return true;
	case FLOW_l3_tracking_id:
		FLOW_FILL(str, true,
			  hex64(r->text[k].tracking[1], flow_tracking_id(row->t, row->i, false)));
		return true;
	case FLOW_community_id:
		FLOW_FILL(str, has_community(row), community(r, k));
		return true;
	case FLOW_interface:
		FLOW_FILL(str, iface_name(r, row), flow_str(iface_name(r, row)));
		return true;
	case FLOW_node_tid:
	case FLOW_capture_id:
		return true; /* files have none */
	case FLOW_start:
	case FLOW_metric_start:
	case FLOW_last_update_start: /* the only version of a row covers all */
		FLOW_FILL(i64, true, row->cold->start);
		return true;
	case FLOW_last:
	case FLOW_metric_last:
	case FLOW_last_update_last:
		FLOW_FILL(i64, true, row->hot->last);
		return true;
	case FLOW_duration_ns:
		FLOW_FILL(i64, true, duration(row));
		return true;
	case FLOW_finish:
		FLOW_FILL(str, true, flow_str(finish_name(row)));
		return true;
	default:
		return fill_app(r, f, c, n);
	}
}
