/* Sends frames as fast as asked for: the load of capture tests and benchmarks.
 *
 *	pktsend INTERFACE COUNT SIZE PPS [FLOWS]
 *
 * COUNT frames of SIZE bytes (Ethernet, IPv4, UDP; no FCS) go out by an AF_PACKET
 * socket, past the queueing discipline; PPS 0: without a pause.  The 8 bytes behind
 * the UDP header number the frames from 0, big-endian; the source port is 1024 plus that
 * modulo FLOWS (1), the destination port 9.  Says how many were sent, and the time taken:
 *
 *	sent 100000 in 0.398 s
 *
 * What the kernel refuses for want of buffers is offered again: all are sent. */
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <arpa/inet.h>

#define BATCH          64
#define SIZE_MIN       60
#define SIZE_MAX_FRAME 65536
#define HEADERS        42 /* Ethernet 14, IPv4 20, UDP 8 */

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* RFC 1071 */
static uint16_t checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* 10.0.0.1 to 10.0.0.2, from 02:00:00:00:00:01 to 02:00:00:00:00:02 */
static void make(uint8_t *f, size_t size)
{
	static const uint8_t head[] = {0x02, 0,    0,    0, 0, 2, 0x02, 0, 0, 0, 0,  1,
				       0x08, 0x00, 0x45, 0, 0, 0, 0,    0, 0, 0, 64, 17,
				       0,    0,    10,   0, 0, 1, 10,   0, 0, 2};

	memset(f, 0, size);
	memcpy(f, head, sizeof(head));
	put16(f + 16, (uint16_t)(size - 14));
	put16(f + 24, checksum(f + 14, 20));
	put16(f + 36, 9);
	put16(f + 38, (uint16_t)(size - 34));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Where the next batch may go out. */
static void pace(double start, uint64_t sent, double pps)
{
	struct timespec t = {0};
	double ahead = pps > 0 ? start + (double)sent / pps - now() : 0;

	if (ahead <= 0)
		return;
	t.tv_sec = (time_t)ahead;
	t.tv_nsec = (long)((ahead - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

static int open_socket(const char *ifname)
{
	struct sockaddr_ll sa = {.sll_family = AF_PACKET};
	int one = 1, size = 8 << 20;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	sa.sll_ifindex = (int)if_nametoindex(ifname);
	if (fd < 0 || !sa.sll_ifindex || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		fprintf(stderr, "pktsend: cannot send on '%s': %s\n", ifname, strerror(errno));
		exit(1);
	}
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}

int main(int argc, char **argv)
{
	static uint8_t frames[BATCH][SIZE_MAX_FRAME];
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];
	uint64_t count, sent = 0, flows;
	size_t size;
	double pps, start;
	int fd;

	if (argc < 5) {
		fprintf(stderr, "usage: pktsend INTERFACE COUNT SIZE PPS [FLOWS]\n");
		return 2;
	}
	count = strtoull(argv[2], NULL, 10);
	size = strtoul(argv[3], NULL, 10);
	pps = strtod(argv[4], NULL);
	flows = argc > 5 ? strtoull(argv[5], NULL, 10) : 1;
	if (size < SIZE_MIN || size > SIZE_MAX_FRAME || !flows || flows > 60000) {
		fprintf(stderr, "pktsend: sizes are %d to %d, flows 1 to 60000\n", SIZE_MIN,
			SIZE_MAX_FRAME);
		return 2;
	}
	fd = open_socket(argv[1]);
	for (size_t i = 0; i < BATCH; i++) {
		make(frames[i], size);
		iov[i] = (struct iovec){.iov_base = frames[i], .iov_len = size};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	start = now();
	while (sent < count) {
		unsigned n = count - sent < BATCH ? (unsigned)(count - sent) : BATCH;
		int r;

		for (unsigned i = 0; i < n; i++) {
			uint64_t number = sent + i;

			put16(frames[i] + 34, (uint16_t)(1024 + number % flows));
			for (int k = 0; k < 8; k++)
				frames[i][HEADERS + k] = (uint8_t)(number >> (56 - 8 * k));
		}
		pace(start, sent, pps);
		r = sendmmsg(fd, msgs, n, 0);
		if (r < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) {
			fprintf(stderr, "pktsend: %s\n", strerror(errno));
			return 1;
		}
		sent += r > 0 ? (uint64_t)r : 0;
	}
	printf("sent %" PRIu64 " in %.3f s\n", sent, now() - start);
	return 0;
}
