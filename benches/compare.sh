#!/usr/bin/env bash
# Compares pegel replay with an empty libpcap loop on the same captures: see benches/README.md.
#   benches/compare.sh [FILE…]      PAIRS=11  BENCH_DIR=target/bench  NETWORKS="172.16.0.0/12 2001:db8:10::/48"
set -euo pipefail
cd "$(dirname "$0")/.."

pairs=${PAIRS:-11}
target=${CARGO_TARGET_DIR:-target}
captures=${BENCH_DIR:-$target/bench}
# Our networks; unknown unless given.
networks=${NETWORKS:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in cc python3 cargo; do
    command -v "$tool" >/dev/null || { echo "compare.sh: needs $tool" >&2; exit 1; }
done

cat >"$work/loop.c" <<'END'
#include <pcap/pcap.h>
#include <stdio.h>

static void count(u_char *counter, const struct pcap_pkthdr *header, const u_char *bytes) {
    (void)header;
    (void)bytes;
    ++*(unsigned long *)counter;
}

int main(int argc, char **argv) {
    char error[PCAP_ERRBUF_SIZE];
    unsigned long packets = 0;
    pcap_t *capture = argc == 2 ? pcap_open_offline_with_tstamp_precision(argv[1], PCAP_TSTAMP_PRECISION_NANO, error) : NULL;
    if (capture == NULL || pcap_loop(capture, -1, count, (u_char *)&packets) == -1) {
        fprintf(stderr, "loop: cannot read %s\n", argc == 2 ? argv[1] : "nothing");
        return 1;
    }
    pcap_close(capture);
    printf("%lu\n", packets);
    return 0;
}
END
cc -O2 -o "$work/loop" "$work/loop.c" -lpcap || { echo "compare.sh: needs libpcap-dev" >&2; exit 1; }

cargo build --release --locked --quiet --bin pegel --example generate

files=("$@")
if [ $# -eq 0 ]; then
    mkdir -p "$captures"
    for row in bench_syn:5000000 bench_mixed:5000000 bench_conversations=10000:5000000 bench_dns_amp:1000000; do
        file="$captures/${row%:*}-${row#*:}.pcap"
        if [ ! -s "$file" ]; then
            "$target/release/examples/generate" "${row%:*}" "${row#*:}" "$work/capture" >/dev/null
            mv "$work/capture" "$file"
        fi
        files+=("$file")
    done
fi

python3 - "$pairs" "$work/loop" "$target/release/pegel" "$networks" "${files[@]}" <<'END'
import os, statistics, subprocess, sys

pairs, loop, pegel, networks, files = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4].split(), sys.argv[5:]
environment = dict(os.environ, PEGEL_CONFIG="/dev/null")


def run(command):
    """User and system time in seconds, and peak memory in KiB, of one process."""
    null = os.open(os.devnull, os.O_RDWR)
    pid = os.posix_spawnp(command[0], command, environment, file_actions=[
        (os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)])
    os.close(null)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"compare.sh: {' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def spread(times, packets):
    times = sorted(time * 1e9 / packets for time in times)
    return f"{times[0]:7.1f} {statistics.median(times):7.1f} {times[-1]:7.1f}"


print(f"CPU time in ns per packet (minimum, median, maximum) of {pairs} pairs of runs")
print(f"{'capture':28} {'packets':>9}  {'libpcap loop':^23}  {'pegel replay':^23}  {'ratio':>5}  {'peak MiB':>8}")
for file in files:
    packets = int(subprocess.run([loop, file], check=True, capture_output=True).stdout)
    theirs, ours, ratios, memory = [], [], [], 0
    known = [word for network in networks for word in ("--network", network)]
    replay = [pegel, "replay", "--format", "json", *known, file]
    run(replay)
    for pair in range(pairs):
        # The first run of a pair may be slower: alternate.
        order = [[loop, file], replay] if pair % 2 == 0 else [replay, [loop, file]]
        times = {command[0]: run(command) for command in order}
        theirs.append(times[loop][0])
        ours.append(times[pegel][0])
        ratios.append(times[pegel][0] / times[loop][0])
        memory = max(memory, times[pegel][1])
    print(f"{os.path.basename(file):28} {packets:9}  {spread(theirs, packets)}  {spread(ours, packets)}"
          f"  {statistics.median(ratios):5.2f}  {memory / 1024:8.1f}", flush=True)
END
