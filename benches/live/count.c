/* The least that a receiver can do: a TPACKET_V3 ring whose packets are counted and nothing else. What every other
 * receiver costs is to be read beside it.
 *
 *   count INTERFACE [MIB]
 *
 * Ends on SIGTERM or SIGINT and prints one line of JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { BLOCK = 256 << 10 };

static volatile sig_atomic_t stopped;
static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static void die(const char *what) {
    fprintf(stderr, "count: %s: %s\n", what, strerror(errno));
    exit(1);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: count INTERFACE [MIB]\n");
        return 2;
    }
    unsigned blocks = (unsigned)(argc > 2 ? atoi(argv[2]) : 8) * 4;
    /* No SA_RESTART: a signal must end the poll. */
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    int in = socket(AF_PACKET, SOCK_RAW, 0);
    if (in < 0) die("no packet socket");
    int version = TPACKET_V3;
    if (setsockopt(in, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0) die("TPACKET_V3");
    struct tpacket_req3 request = {.tp_block_size = BLOCK,
                                   .tp_block_nr = blocks,
                                   .tp_frame_size = 2048,
                                   .tp_frame_nr = BLOCK / 2048 * blocks,
                                   .tp_retire_blk_tov = 20};
    if (setsockopt(in, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0) die("PACKET_RX_RING");
    uint8_t *ring = mmap(NULL, (size_t)BLOCK * blocks, PROT_READ | PROT_WRITE, MAP_SHARED, in, 0);
    if (ring == MAP_FAILED) die("mmap");
    struct sockaddr_ll where = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(argv[1])};
    if (where.sll_ifindex == 0 || bind(in, (struct sockaddr *)&where, sizeof where) != 0) die(argv[1]);
    fprintf(stderr, "ready\n");

    uint64_t packets = 0, octets = 0;
    for (unsigned next = 0; !stopped;) {
        struct tpacket_block_desc *block = (void *)(ring + (size_t)next * BLOCK);
        if ((__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) {
            struct pollfd waiting = {in, POLLIN | POLLERR, 0};
            poll(&waiting, 1, 1000);
            continue;
        }
        const uint8_t *at = (uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;
        for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++) {
            const struct tpacket3_hdr *packet = (const void *)at;
            packets++;
            octets += packet->tp_len;
            at += packet->tp_next_offset;
        }
        __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        next = (next + 1) % blocks;
    }
    struct tpacket_stats_v3 kernel = {0};
    socklen_t size = sizeof kernel;
    getsockopt(in, SOL_PACKET, PACKET_STATISTICS, &kernel, &size);
    printf("{\"packets\": %llu, \"octets\": %llu, \"kernel_packets\": %u, \"dropped\": %u}\n", (unsigned long long)packets,
           (unsigned long long)octets, kernel.tp_packets, kernel.tp_drops);
    return 0;
}
