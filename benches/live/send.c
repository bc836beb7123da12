/* Sends floods out of one interface at a steady rate, from one core, past the queueing discipline.
 *
 *   send INTERFACE PATTERN RATE SECONDS [--network A.B.C.D/LEN] [--size OCTETS] [--seed N] [--core N] [--shared FILE]
 *        [--engine socket|xdp]
 *
 * Patterns: syn_random  SYN of 60 octets, each from another address and port, to the first host of the network
 *           udp_one     one UDP flow of frames of 500 octets to that host
 *           targets     UDP of 60 octets from 16 addresses to every host of the network in turn
 *           carpet      as targets, each packet from another address and port
 *           macs        SYN of 60 octets, each with another source MAC address, to the first host of the network
 *
 * The engine `socket` hands frames to the kernel through a packet socket, some 0.8 million a second. `xdp` has the kernel
 * run a small program over frames of its own and redirect them into the interface, two to three times as many; the other
 * end of the veth pair must have GRO on. There, what is "in turn" above is drawn at random, --seed does nothing, and the
 * program keeps the pace by dropping frames that come too early.
 *
 * RATE 0 is as fast as it goes. Prints one line of JSON. --shared is a file of 16 octets that holds the number of packets
 * handed to the kernel so far and the CLOCK_REALTIME of the first one in ns, to be mapped by whoever measures. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <math.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef PACKET_QDISC_BYPASS
#define PACKET_QDISC_BYPASS 20
#endif
#ifndef BPF_F_TEST_XDP_LIVE_FRAMES
#define BPF_F_TEST_XDP_LIVE_FRAMES (1U << 1)
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

/* Sum of octets as the machine loads 16 bits, which RFC 1071 allows as long as all are loaded alike. */
static uint32_t native_sum(const uint8_t *at, int length) {
    uint32_t sum = 0;
    for (int i = 0; i + 1 < length; i += 2) {
        uint16_t word;
        memcpy(&word, at + i, 2);
        sum += word;
    }
    return sum;
}

/* A program that draws what the pattern varies, mends the checksums and redirects the frame to the interface. */
struct program {
    struct bpf_insn code[96];
    int length;
};

static void emit(struct program *program, uint8_t op, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
    program->code[program->length++] = (struct bpf_insn){op, to, from, offset, value};
}

enum { R0, R1, R2, SHARED = 6, DATA = 7, SUM = 8, DRAWN = 9 };

/* What the program keeps: packets sent, and when the next one is due, in 256ths of a nanosecond of CLOCK_MONOTONIC. */
struct kept {
    volatile uint64_t sent, due;
};

/* 32 random bits under a mask, with some bits set, into 4 octets of the frame. */
static void emit_draw(struct program *p, int offset, uint32_t mask, uint32_t set) {
    emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32);
    emit(p, BPF_ALU | BPF_MOV | BPF_X, DRAWN, R0, 0, 0);
    emit(p, BPF_ALU | BPF_AND | BPF_K, DRAWN, 0, 0, (int32_t)mask);
    emit(p, BPF_ALU | BPF_OR | BPF_K, DRAWN, 0, 0, (int32_t)set);
    emit(p, BPF_STX | BPF_MEM | BPF_W, DATA, DRAWN, (int16_t)offset, 0);
}

static void emit_sum_of_drawn(struct program *p) {
    emit(p, BPF_ALU | BPF_MOV | BPF_X, R1, DRAWN, 0, 0);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, R1, 0, 0, 16);
    emit(p, BPF_ALU | BPF_ADD | BPF_X, SUM, R1, 0, 0);
    emit(p, BPF_ALU | BPF_MOV | BPF_X, R1, DRAWN, 0, 0);
    emit(p, BPF_ALU | BPF_AND | BPF_K, R1, 0, 0, 0xffff);
    emit(p, BPF_ALU | BPF_ADD | BPF_X, SUM, R1, 0, 0);
}

static void emit_checksum(struct program *p, int offset, uint32_t rest) {
    emit(p, BPF_ALU | BPF_MOV | BPF_X, R1, SUM, 0, 0);
    emit(p, BPF_ALU | BPF_ADD | BPF_K, R1, 0, 0, (int32_t)rest);
    for (int twice = 0; twice < 2; twice++) {
        emit(p, BPF_ALU | BPF_MOV | BPF_X, R2, R1, 0, 0);
        emit(p, BPF_ALU | BPF_RSH | BPF_K, R2, 0, 0, 16);
        emit(p, BPF_ALU | BPF_AND | BPF_K, R1, 0, 0, 0xffff);
        emit(p, BPF_ALU | BPF_ADD | BPF_X, R1, R2, 0, 0);
    }
    emit(p, BPF_ALU | BPF_XOR | BPF_K, R1, 0, 0, 0xffff);
    emit(p, BPF_STX | BPF_MEM | BPF_H, DATA, R1, (int16_t)offset, 0);
}

/* Loads the program for a pattern; `frame` is what it starts from, with addresses but without checksums. */
static int load(enum pattern pattern, const uint8_t *frame, int length, uint32_t host_bits, int interface, double rate,
                struct kept **kept) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = sizeof **kept;
    attributes.max_entries = 1;
    attributes.map_flags = BPF_F_MMAPABLE;
    int map = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
    if (map < 0) die("cannot make a BPF map");
    *kept = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    if (*kept == MAP_FAILED) die("cannot map the BPF map");

    struct program program = {.length = 0}, *p = &program;
    int source = pattern == SYN_RANDOM || pattern == CARPET, target = pattern == TARGETS || pattern == CARPET;
    int tcp = frame[23] == 6;
    uint32_t fixed = 0, pseudo = 0;
    uint8_t plain[IP];
    memcpy(plain, frame + ETHER, IP);
    memset(plain + 10, 0, 2);
    if (source) memset(plain + 12, 0, 4);
    if (target) memset(plain + 16, 0, 4);
    fixed = native_sum(plain, IP);
    uint8_t head[4] = {0, frame[23], (uint8_t)(length >> 8), (uint8_t)length};
    pseudo = native_sum(plain + 12, 8) + native_sum(head, 4);
    uint8_t l4[LARGEST + 1] = {0};
    memcpy(l4, frame + ETHER + IP, (size_t)length);
    memset(l4 + (tcp ? 16 : 6), 0, 2);
    if (source) memset(l4, 0, 2);
    pseudo += native_sum(l4, length + length % 2);
    /* Folded once, so that it fits beside what is drawn. */
    pseudo = (pseudo >> 16) + (pseudo & 0xffff);

    emit(p, BPF_LDX | BPF_MEM | BPF_W, DATA, R1, 0, 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R2, R1, 4, 0);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_X, R0, DATA, 0, 0);
    emit(p, BPF_ALU64 | BPF_ADD | BPF_K, R0, 0, 0, 60);
    emit(p, BPF_JMP | BPF_JLE | BPF_X, R0, R2, 2, 0);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, 0);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    emit(p, BPF_LD | BPF_DW | BPF_IMM, SHARED, BPF_PSEUDO_MAP_VALUE, 0, map);
    emit(p, 0, 0, 0, 0, 0);
    emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns);
    emit(p, BPF_ALU64 | BPF_LSH | BPF_K, R0, 0, 0, 8);
    emit(p, BPF_LDX | BPF_MEM | BPF_DW, R1, SHARED, 8, 0);
    emit(p, BPF_JMP | BPF_JLE | BPF_X, R1, R0, 2, 0);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, XDP_DROP);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    emit(p, BPF_ALU64 | BPF_ADD | BPF_K, R1, 0, 0, rate > 0 ? (int32_t)(256e9 / rate) : 0);
    emit(p, BPF_STX | BPF_MEM | BPF_DW, SHARED, R1, 8, 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_DW, R1, SHARED, 0, 0);
    emit(p, BPF_ALU64 | BPF_ADD | BPF_K, R1, 0, 0, 1);
    emit(p, BPF_STX | BPF_MEM | BPF_DW, SHARED, R1, 0, 0);
    emit(p, BPF_ALU | BPF_MOV | BPF_K, SUM, 0, 0, 0);
    if (pattern == MACS) emit_draw(p, 8, 0xffffffff, 0);
    if (source) {
        /* The first octet is one of 16 to 31 and 48 to 63. */
        emit_draw(p, 26, ntohl(0x2fffffff), ntohl(0x10000000));
        emit_sum_of_drawn(p);
    }
    if (target) {
        uint32_t address;
        memcpy(&address, frame + 30, 4);
        uint32_t mask = htonl(host_bits >= 32 ? 0xffffffff : (1u << host_bits) - 1);
        emit_draw(p, 30, mask, address & ~mask);
        emit_sum_of_drawn(p);
    }
    emit_checksum(p, 24, fixed);
    if (source) {
        emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32);
        emit(p, BPF_ALU | BPF_MOV | BPF_X, DRAWN, R0, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, DRAWN, 0, 0, 0xffff);
        emit(p, BPF_ALU | BPF_OR | BPF_K, DRAWN, 0, 0, ntohs(1024));
        emit(p, BPF_STX | BPF_MEM | BPF_H, DATA, DRAWN, 34, 0);
        emit_sum_of_drawn(p);
    }
    emit_checksum(p, ETHER + IP + (tcp ? 16 : 6), pseudo);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R1, 0, 0, interface);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R2, 0, 0, 0);
    emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

    static char log[1 << 16];
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_XDP;
    attributes.insns = (uint64_t)(uintptr_t)p->code;
    attributes.insn_cnt = (uint32_t)p->length;
    attributes.license = (uint64_t)(uintptr_t)"Dual MIT/GPL";
    attributes.log_buf = (uint64_t)(uintptr_t)log;
    attributes.log_size = sizeof log;
    attributes.log_level = 1;
    int loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
    if (loaded < 0) {
        fprintf(stderr, "%s", log);
        die("cannot load the XDP program");
    }
    return loaded;
}

/* Has the kernel send `count` frames; false where it did not. */
static int play(int program, const uint8_t *frame, int size, unsigned count) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.test.prog_fd = (uint32_t)program;
    attributes.test.data_in = (uint64_t)(uintptr_t)frame;
    attributes.test.data_size_in = (uint32_t)size;
    attributes.test.repeat = count;
    attributes.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    return syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof attributes) == 0;
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
    int size = pattern == UDP_ONE ? 500 : 60, core = -1, xdp = 0;
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
        } else if (strcmp(argv[i], "--engine") == 0) {
            xdp = strcmp(argv[i + 1], "xdp") == 0;
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

    int program = -1;
    struct kept *kept = NULL;
    if (xdp) {
        put32(frames[0] + 26, 0xc6120001);
        put32(frames[0] + 30, first);
        put16(frames[0] + ETHER + IP, 40000);
        if (rate > 0 && rate < 1000) {
            fprintf(stderr, "send: the engine xdp is for 1000 packets a second and more\n");
            return 2;
        }
        program = load(pattern, frames[0], length, bits, where.sll_ifindex, rate, &kept);
    }

    uint64_t count = 0, failed = 0, gap_most = 0;
    uint64_t begin = now(CLOCK_MONOTONIC), end = begin + (uint64_t)(seconds * 1e9), last = begin;
    if (xdp) {
        /* The kernel plays until a signal comes; another process tells how far it is. */
        struct itimerval timer = {.it_value = {(time_t)seconds, (suseconds_t)(fmod(seconds, 1.0) * 1e6)}};
        pid_t teller = fork();
        if (teller < 0) die("fork");
        if (teller == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;; usleep(500)) shared[0] = kept->sent;
        }
        signal(SIGALRM, stop);
        setitimer(ITIMER_REAL, &timer, NULL);
        shared[1] = now(CLOCK_REALTIME);
        kept->due = begin << 8;
        while (!stopped) {
            if (!play(program, frames[0], size, 1u << 30)) {
                if (errno != EINTR && errno != EAGAIN) {
                    kill(teller, SIGKILL);
                    die("the kernel does not play frames");
                }
                failed += errno == EAGAIN;
            }
        }
        kill(teller, SIGKILL);
        waitpid(teller, NULL, 0);
        shared[0] = count = kept->sent;
    }
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
    char gap[32] = "null"; /* The other engine cannot tell. */
    if (!xdp) snprintf(gap, sizeof gap, "%.2f", (double)gap_most / 1e6);
    printf("{\"pattern\": \"%s\", \"engine\": \"%s\", \"asked\": %.0f, \"sent\": %llu, \"refused_calls\": %llu, \"seconds\": %.6f, "
           "\"rate\": %.0f, \"first_ns\": %llu, \"longest_gap_ms\": %s}\n",
           names[pattern], xdp ? "xdp" : "socket", rate, (unsigned long long)count, (unsigned long long)failed, took, (double)count / took,
           (unsigned long long)shared[1], gap);
    return 0;
}
