/* Sends floods out of one interface at a steady rate, from one core, past the queueing discipline.
 *
 *   send INTERFACE PATTERN RATE SECONDS [--network A.B.C.D/LEN] [--size OCTETS] [--seed N] [--core N] [--shared FILE]
 *
 * Patterns: syn_random  SYN of 60 octets, each from another address and port, to the first host of the network
 *           udp_one     one UDP flow of frames of 500 octets to that host
 *           targets     UDP of 60 octets from 16 addresses to every host of the network in turn
 *           carpet      as targets, each packet from another address and port
 *           macs        SYN of 60 octets, each with another source MAC address, to the first host of the network
 *
 * RATE 0 is as fast as it goes. Prints one line of JSON. --shared is a file of 16 octets that holds the number of packets
 * handed to the kernel so far and the CLOCK_REALTIME of the first one in ns, to be mapped by whoever measures. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef PACKET_QDISC_BYPASS
#define PACKET_QDISC_BYPASS 20
#endif

enum { BATCH = 64, LARGEST = 1514, ETHER = 14, IP = 20 };
enum pattern { SYN_RANDOM, UDP_ONE, TARGETS, CARPET, MACS };
static const char *const names[] = {"syn_random", "udp_one", "targets", "carpet", "macs"};

static volatile sig_atomic_t stopped;
static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static void die(const char *what) {
    fprintf(stderr, "send: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t state;
static uint64_t draw(void) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dull;
}

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t halves(uint32_t word) { return (word >> 16) + (word & 0xffff); }

static uint16_t fold(uint32_t sum) {
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)(sum + (sum >> 16));
}

/* A unicast address that is in nobody's private range: 16.0.0.0 to 111.255.255.255. */
static uint32_t stranger(uint64_t random) {
    uint32_t low = (uint32_t)random;
    return (16 + (low >> 24) % 96) << 24 | (low & 0xffffff);
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: send INTERFACE PATTERN RATE SECONDS [options], see the source\n");
        return 2;
    }
    enum pattern pattern = 0;
    while (pattern <= MACS && strcmp(names[pattern], argv[2]) != 0) pattern++;
    if (pattern > MACS) {
        fprintf(stderr, "send: no pattern %s\n", argv[2]);
        return 2;
    }
    double rate = atof(argv[3]), seconds = atof(argv[4]);
    uint32_t network = 0x0a630000, bits = 16;
    int size = pattern == UDP_ONE ? 500 : 60, core = -1;
    uint64_t seed = 1;
    const char *shared_name = NULL;
    for (int i = 5; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--network") == 0) {
            char text[32];
            unsigned length = 32;
            struct in_addr address;
            if (sscanf(argv[i + 1], "%31[0-9.]/%u", text, &length) < 1 || !inet_aton(text, &address) || length > 32) {
                fprintf(stderr, "send: %s is no network\n", argv[i + 1]);
                return 2;
            }
            network = ntohl(address.s_addr);
            bits = 32 - length;
        } else if (strcmp(argv[i], "--size") == 0) {
            size = atoi(argv[i + 1]);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[i + 1], NULL, 0);
        } else if (strcmp(argv[i], "--core") == 0) {
            core = atoi(argv[i + 1]);
        } else if (strcmp(argv[i], "--shared") == 0) {
            shared_name = argv[i + 1];
        } else {
            fprintf(stderr, "send: no option %s\n", argv[i]);
            return 2;
        }
    }
    if (size < 60 || size > LARGEST) {
        fprintf(stderr, "send: the size must be 60 to %d\n", LARGEST);
        return 2;
    }
    state = seed * 0x9e3779b97f4a7c15ull + 1;
    if (core >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(core, &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) die("cannot stay on the core");
    }
    signal(SIGTERM, stop);
    signal(SIGINT, stop);

    uint64_t own[2] = {0, 0};
    volatile uint64_t *shared = own;
    if (shared_name != NULL) {
        int file = open(shared_name, O_RDWR | O_CREAT, 0600);
        if (file < 0 || ftruncate(file, sizeof own) != 0) die(shared_name);
        void *map = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (map == MAP_FAILED) die(shared_name);
        shared = map;
        shared[0] = shared[1] = 0;
    }

    int out = socket(AF_PACKET, SOCK_RAW, 0);
    if (out < 0) die("no packet socket");
    struct sockaddr_ll where = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(argv[1])};
    if (where.sll_ifindex == 0 || bind(out, (struct sockaddr *)&where, sizeof where) != 0) die(argv[1]);
    int on = 1;
    if (setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) die("PACKET_QDISC_BYPASS");

    /* Everything that stays the same, with the sums of it. */
    static uint8_t frames[BATCH][LARGEST];
    static struct iovec vectors[BATCH];
    static struct mmsghdr messages[BATCH];
    int tcp = pattern == SYN_RANDOM || pattern == MACS;
    /* Octets after the IP header, without padding. */
    int length = tcp ? 20 : size - ETHER - IP;
    uint32_t ip_sum = 0x4500 + (uint32_t)(IP + length) + (64u << 8 | (tcp ? 6 : 17));
    uint32_t payload_sum = 0;
    for (int i = 0; i < BATCH; i++) {
        uint8_t *frame = frames[i];
        /* Not the address of the receiving interface: like on a mirror port, its stack does not want them. */
        memcpy(frame, "\x02\x00\x00\x00\x63\x07\x02\x00\x00\x00\x63\x01\x08\x00\x45\x00", 16);
        put16(frame + 16, (uint32_t)(IP + length));
        frame[22] = 64;
        frame[23] = tcp ? 6 : 17;
        uint8_t *l4 = frame + ETHER + IP;
        if (tcp) {
            put16(l4 + 2, 80);
            put16(l4 + 12, 0x5002);
            put16(l4 + 14, 512);
        } else {
            put16(l4 + 2, 5000);
            put16(l4 + 4, (uint32_t)length);
            payload_sum = 0;
            for (int at = 8; at < length; at++) {
                l4[at] = (uint8_t)(at * 31);
                payload_sum += at % 2 ? l4[at] : (uint32_t)l4[at] << 8;
            }
        }
        vectors[i] = (struct iovec){frame, (size_t)size};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    uint32_t l4_sum = tcp ? 6u + 20 + 80 + 0x5002 + 512 : 17u + 2u * (uint32_t)length + 5000 + payload_sum;
    uint32_t first = bits == 0 ? network : network + 1;
    uint64_t hosts = bits < 2 ? 1 : (1ull << bits) - 2;

    uint64_t count = 0, failed = 0, gap_most = 0;
    uint64_t begin = now(CLOCK_MONOTONIC), end = begin + (uint64_t)(seconds * 1e9), last = begin;
    while (!stopped) {
        uint64_t time = now(CLOCK_MONOTONIC);
        if (time >= end) break;
        uint64_t due = rate > 0 ? (uint64_t)((double)(time - begin) * rate / 1e9) + 1 : count + BATCH;
        if (due <= count) {
            /* Bursts of about a millisecond, or single packets at low rates. */
            double wait = 1e9 / rate;
            uint64_t next = begin + (uint64_t)((double)count * 1e9 / rate);
            if (wait < 1e6) next = time + 1000000 - (time - begin) % 1000000;
            if (next > end) next = end;
            if (next > time + 200000) {
                struct timespec until = {(time_t)((next - 60000) / 1000000000u), (long)((next - 60000) % 1000000000u)};
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            }
            while (now(CLOCK_MONOTONIC) < next && !stopped) {
            }
            continue;
        }
        if (count > 0 && time - last > gap_most) gap_most = time - last;
        last = time;
        int batch = due - count < BATCH ? (int)(due - count) : BATCH;
        for (int i = 0; i < batch; i++) {
            uint8_t *frame = frames[i];
            uint64_t number = count + (uint64_t)i, random = draw();
            uint32_t source = 0xc6120001 + (uint32_t)(number & 15), target = first;
            uint32_t port = 40000 + (uint32_t)(number & 15), sequence = 0;
            if (pattern == SYN_RANDOM || pattern == CARPET) {
                source = stranger(random);
                port = 1024 | (uint32_t)(random >> 48);
            } else if (pattern == UDP_ONE) {
                source = 0xc6120001;
                port = 40000;
            } else if (pattern == MACS) {
                /* An odd factor: 2^32 different addresses before one comes again. */
                put32(frame + 8, (uint32_t)number * 0x9e3779b1u);
                frame[6] = 0x06;
            }
            if (pattern == TARGETS || pattern == CARPET) target = network + 1 + (uint32_t)(number * 40503 % hosts);
            if (tcp) sequence = (uint32_t)(random >> 24);
            uint32_t id = (uint32_t)number & 0xffff, ends = halves(source) + halves(target);
            put16(frame + 18, id);
            put32(frame + 26, source);
            put32(frame + 30, target);
            put16(frame + 24, (uint16_t)~fold(ip_sum + id + ends));
            uint8_t *l4 = frame + ETHER + IP;
            put16(l4, port);
            uint16_t checksum = (uint16_t)~fold(l4_sum + ends + port + halves(sequence));
            if (tcp) {
                put32(l4 + 4, sequence);
                put16(l4 + 16, checksum);
            } else {
                put16(l4 + 6, checksum == 0 ? 0xffff : checksum);
            }
        }
        if (count == 0) shared[1] = now(CLOCK_REALTIME);
        int sent = sendmmsg(out, messages, (unsigned)batch, 0);
        if (sent > 0) {
            count += (uint64_t)sent;
            shared[0] = count;
        } else if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR) {
            failed++;
        } else {
            die("sendmmsg");
        }
    }
    double took = (double)(now(CLOCK_MONOTONIC) - begin) / 1e9;
    printf("{\"pattern\": \"%s\", \"asked\": %.0f, \"sent\": %llu, \"refused_calls\": %llu, \"seconds\": %.6f, "
           "\"rate\": %.0f, \"first_ns\": %llu, \"longest_gap_ms\": %.2f}\n",
           names[pattern], rate, (unsigned long long)count, (unsigned long long)failed, took, (double)count / took,
           (unsigned long long)shared[1], (double)gap_most / 1e6);
    return 0;
}
