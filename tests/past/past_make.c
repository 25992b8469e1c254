/* Makes a folder of captures, of frames put together at random: finished ones of two
 * shards with small segments, and one whose writer was killed.
 *
 *	past_make DIR */
#include <errno.h>

#include "../unit/prune_make.h"
#include "../unit/run_make.h"
#include "../unit/store_make.h"

#define START  INT64_C(1790000000000000000)
#define FRAMES 1200

static void add_frame(FILE *f, int64_t ts)
{
	struct out o = {.n = 0};
	uint8_t h[16];

	put_frame(&o, LINKTYPE_ETHERNET);
	le32_store(h, (uint32_t)(ts / 1000000000));
	le32_store(h + 4, (uint32_t)(ts % 1000000000));
	le32_store(h + 8, (uint32_t)o.n);
	le32_store(h + 12, (uint32_t)o.n);
	fwrite(h, sizeof(h), 1, f);
	fwrite(o.b, o.n, 1, f);
}

static void make_run(const char *dir, const char *name, struct make o)
{
	char path[512], spec[512];
	struct maker m;
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "%s.pcap", dir);
	f = cap_open(path);
	for (i = 0; i < FRAMES; i++)
		add_frame(f, START + i * INT64_C(3000001) + (rnd(9) ? 0 : rnd(50000000)));
	fclose(f);
	snprintf(spec, sizeof(spec), "local:%s", dir);
	o.spec = spec;
	o.capture = name;
	o.path = path;
	o.raw_limit = UINT64_MAX;
	make_store(&m, &o, NULL);
	unlink(path);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	make_run(argv[1], "finished", (struct make){.shards = 2, .segment_size = 20000});
	make_run(argv[1], "killed", (struct make){.kill = true, .segment_size = 50000});
	return 0;
}
