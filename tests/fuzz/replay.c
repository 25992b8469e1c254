/* Runs a fuzz target over files, and over the files of folders, without
 * libFuzzer: so the corpus is part of every build's tests.  Each input is given
 * whole and cut at every length up to CUT_MAX, in a buffer of exactly its size
 * so that the sanitizers see a read past its end.
 *
 *	replay_X FILE|FOLDER...
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CUT_MAX   512         /* bytes; longer prefixes are left to the fuzzer */
#define INPUT_MAX (16u << 20) /* bytes; larger files are refused */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_exact(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		return -ENOMEM;
	if (size)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	return 0;
}

static int replay_file(const char *path, size_t size)
{
	uint8_t *data;
	FILE *f;
	size_t n;
	int r = 0;

	if (size > INPUT_MAX)
		return -EFBIG;
	f = fopen(path, "rb");
	if (!f)
		return -errno;
	data = malloc(size ? size : 1);
	if (!data) {
		fclose(f);
		return -ENOMEM;
	}
	n = fread(data, 1, size, f);
	fclose(f);

	for (size_t i = 0; !r && i < n && i <= CUT_MAX; i++)
		r = run_exact(data, i);
	if (!r)
		r = run_exact(data, n);
	free(data);
	return r;
}

/* Returns the number of inputs run, or -errno. */
static int replay_path(const char *path)
{
	struct dirent **names;
	struct stat st;
	int total = 0;
	int r, n;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode)) {
		r = replay_file(path, (size_t)st.st_size);
		return r < 0 ? r : 1;
	}

	n = scandir(path, &names, NULL, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		char sub[4096];

		if (names[i]->d_name[0] != '.' && total >= 0) {
			r = snprintf(sub, sizeof(sub), "%s/%s", path, names[i]->d_name);
			r = r < (int)sizeof(sub) ? replay_path(sub) : -ENAMETOOLONG;
			total = r < 0 ? r : total + r;
		}
		free(names[i]);
	}
	free(names);
	return total;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int r = replay_path(argv[i]);

		if (r < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
			return 1;
		}
		total += r;
	}
	printf("%d inputs\n", total);
	if (!total) { /* a corpus that was lost must not look like a success */
		fprintf(stderr, "no input given\n");
		return 1;
	}
	return 0;
}
