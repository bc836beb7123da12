#!/usr/bin/env bash
# Compares the instructions per packet of each stage, counted by callgrind, with the committed baseline. The result does not
# depend on the speed or load of the machine. See benches/README.md.
#
#   benches/instructions.sh            compare; fails if a stage needs 3 % more or fewer
#   benches/instructions.sh --renew    write benches/instructions.txt; explain why in the commit
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
baseline=benches/instructions.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

command -v valgrind >/dev/null || { echo "instructions.sh: needs valgrind" >&2; exit 1; }
cargo build --release --locked --quiet --example generate --example stages

count() { # count STAGE FILE: instructions of the whole process
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$target/release/examples/stages" "$1" "$2" 2>&1 >/dev/null |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# Enough packets for several ticks of each.
for row in bench_syn:200000 bench_mixed:250000 bench_dns_amp:100000; do
    profile=${row%:*} packets=${row#*:}
    "$target/release/examples/generate" "$profile" "$packets" "$work/capture" >/dev/null
    head -c 24 "$work/capture" >"$work/empty"
    before=0
    for stage in read parse tally tick; do
        # The cost that a stage adds to the previous one, without the cost of starting the process.
        whole=$(($(count "$stage" "$work/capture") - $(count "$stage" "$work/empty")))
        awk -v name="$profile $stage" -v n=$((whole - before)) -v packets="$packets" \
            'BEGIN { printf "%-20s %8.1f\n", name, n / packets }'
        before=$whole
    done
done | tee "$work/now"

if [ "${1:-}" = --renew ]; then
    {
        echo "# Instructions per packet, by benches/instructions.sh --renew with $(rustc --version | cut -d' ' -f1-2) on $(uname -m)."
        cat "$work/now"
    } >"$baseline"
    exit
fi

# A stage that is a small part of the whole may change by 0.25 % of the whole.
awk -v limit=3 '
    /^#/ { next }
    FNR == NR { base[$1 " " $2] = $3; sum[$1] += $3; next }
    {
        key = $1 " " $2
        if (!(key in base)) { print "not in the baseline: " key; bad = 1; next }
        change = $3 - base[key]
        allowed = base[key] * limit / 100
        if (allowed < sum[$1] / 400) allowed = sum[$1] / 400
        if (change > allowed || change < -allowed) {
            printf "%s: %.1f instructions per packet, the baseline has %.1f (%+.1f %%)\n", key, $3, base[key], change * 100 / base[key]
            bad = 1
        }
    }
    END {
        if (bad) print "If this is intended: benches/instructions.sh --renew, and explain why in the commit."
        exit bad
    }' "$baseline" "$work/now"
echo "within 3 % of the baseline"
