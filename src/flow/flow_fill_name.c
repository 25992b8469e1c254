/* Columns that derive from many others: straight from the record, which is quicker, by
 * the same functions as flow_derive_id.c. */
#include "flow/flow_rows_impl.h"

#include "flow/flow_id.h"
#include "net/app.h"
#include "net/community.h"

static void fill_uuids(struct flow_rows *r, struct col *c, size_t n)
{
	size_t k;

	for (k = 0; k < n; k++) {
		flow_uuid(r->row[k].t, r->row[k].i, c->v.id[k]);
		col_mark(c, k);
	}
}

static struct val_str tracking(struct flow_rows *r, const struct flow_row *row, size_t k,
			       bool with_link)
{
	struct flow_identity f;

	flow_identity_init(&f, row->t, row->i);
	return flow_hex64(r->derive->text[k].tracking[with_link],
			  flow_identity_tracking(&f, with_link));
}

static struct val_str community(struct flow_rows *r, size_t k)
{
	const struct flow_row *row = &r->row[k];
	struct addr a = flow_end_addr(row, 0), b = flow_end_addr(row, 1);
	uint16_t x = flow_end_port(row, 0), y = flow_end_port(row, 1);
	char *text = r->derive->text[k].community;

	if (row->icmp) {
		x = row->icmp->type;
		y = row->icmp->code;
	}
	community_id(&a, &b, row->hot->key.proto, x, y, text);
	return flow_text(text);
}

static uint8_t last_layer(const struct flow_row *row)
{
	const struct flow_path *p = &row->t->paths[row->cold->path];

	return row->cold->path && p->n ? p->layer[p->n - 1] : LAYER_NONE;
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

	return app ? app_name(app) : layer_name(last_layer(row));
}

static const char *application_source(const struct flow_row *row)
{
	return flow_app_source(row->cold->app, row->cold->app ? APP_NONE : port_app(row));
}

bool flow_is_name(enum flow_field f)
{
	return f == FLOW_uuid || f == FLOW_tracking_id || f == FLOW_l3_tracking_id ||
	       f == FLOW_community_id || f == FLOW_application || f == FLOW_application_source ||
	       f == FLOW_protocol;
}

void flow_fill_name(struct flow_rows *r, enum flow_field f, struct col *c, size_t n)
{
	switch (f) {
	case FLOW_uuid:
		fill_uuids(r, c, n);
		break;
	case FLOW_tracking_id:
		FLOW_FILL(str, true, tracking(r, row, k, true));
		break;
	case FLOW_l3_tracking_id:
		FLOW_FILL(str, true, tracking(r, row, k, false));
		break;
	case FLOW_community_id:
		FLOW_FILL(str, flow_is_ip(row) && !(row->hot->flags & FLOW_ONE_PORT),
			  community(r, k));
		break;
	case FLOW_application:
		FLOW_FILL(str, true, flow_text(application(row)));
		break;
	case FLOW_application_source:
		FLOW_FILL(str, true, flow_text(application_source(row)));
		break;
	case FLOW_protocol:
		FLOW_FILL(str, last_layer(row), flow_text(layer_name(last_layer(row))));
		break;
	default:
		break;
	}
}
