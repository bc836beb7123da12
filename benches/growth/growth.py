#!/usr/bin/env python3
"""CPU time per packet and memory of Pegel against the number of sources, targets and stations and the size of packets.

  benches/growth/growth.py                 builds, measures, writes results.md, results.json and the plots beside itself

Takes about five minutes. Standard library only; the traffic comes from examples/generate.rs by seed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]
from plot import figure  # noqa: E402
from rig import TARGET, add_binaries, find_binaries, machine, machine_line  # noqa: E402

NETWORKS = ["--network", "203.0.113.0/24", "--network", "172.16.0.0/12", "--network", "2001:db8:10::/48"]
GOAL = ("goal: 64 MiB", 64.0)


def hosts(rate):
    """As many conversations as this number of hosts has, at `rate` packets a second of capture time."""
    return lambda number: f"bench_conversations={number * 100 // 85}@{rate}"


def counted(model):
    return lambda number: f"{model}={number}"


# Name, title, axis, the generator's model for a number, numbers, packets for a number.
AXES = [
    ("hosts", "Cost against the number of hosts, at 100,000 packets/s", "hosts with conversations, mixed traffic of 680 octets on average",
     hosts(100_000), [10**n for n in range(2, 6)], lambda n: 3_000_000),
    ("hosts_1m", "Cost against the number of hosts, at a million packets/s",
     "hosts with conversations, mixed traffic of 680 octets on average", hosts(1_000_000), [10**n for n in range(2, 6)],
     lambda n: 3_000_000),
    ("sources", "Cost against the number of sources", "distinct source addresses, one target, 60 octets", counted("bench_sources"),
     [10**n for n in range(3, 8)], lambda n: max(5_000_000, n)),
    ("targets", "Cost against the number of targets", "distinct target addresses, 2,000 sources, 60 octets", counted("bench_targets"),
     [10**n for n in range(7)], lambda n: 5_000_000),
    ("stations", "Cost against the number of stations", "distinct source MAC addresses, one target, 60 octets", counted("bench_macs"),
     [10**n for n in range(2, 8)], lambda n: max(5_000_000, n)),
    ("size", "Cost against the size of packets", "octets of the Ethernet frame (UDP, 2,000 sources, one target)", counted("bench_size"),
     [60, 128, 256, 512, 1024, 1500], lambda n: 2_000_000 if n < 1000 else 1_000_000),
]
KINDS = [("bench_syn", 5_000_000), ("bench_mixed", 5_000_000), ("bench_dns_amp", 1_000_000)]
MODES = ["detectors on", "detectors off"]
# The share of the time that goes into copying the file from the page cache.
READING = "only reading the file (dd)"


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command):
    """CPU time (user and system) in seconds and peak memory in KiB of one process."""
    null = os.open(os.devnull, os.O_RDWR)
    pid = os.posix_spawnp(command[0], command, dict(os.environ, PEGEL_CONFIG="/dev/null"), file_actions=[
        (os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)])
    os.close(null)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"growth.py: {' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def measure(options, work, profile, packets, configs):
    """One capture, replayed with each configuration alternately."""
    capture = str(work / "capture.pcap")
    subprocess.run([options.generate, profile, str(packets), capture], check=True, stdout=subprocess.DEVNULL)
    found = {mode: {"ns": [], "kib": []} for mode in configs}
    for number in range(options.runs):
        # The first run may be slower: alternate.
        for mode in list(configs) if number % 2 == 0 else list(reversed(configs)):
            command = [options.pegel, "replay", "--format", "json", *NETWORKS, "--config", configs[mode], capture]
            seconds, kib = run(command)
            found[mode]["ns"].append(seconds * 1e9 / packets)
            found[mode]["kib"].append(kib)
    reading = [run(["dd", f"if={capture}", "of=/dev/null", "bs=256K"])[0] * 1e9 / packets for _ in range(options.runs)]
    os.unlink(capture)
    row = {"profile": profile, "packets": packets, READING: [statistics.median(reading), min(reading), max(reading)]}
    for mode, those in found.items():
        ns, kib = those["ns"], those["kib"]
        row[mode] = {"ns": [statistics.median(ns), min(ns), max(ns)], "kib": [statistics.median(kib), min(kib), max(kib)]}
    say(f"{profile}: " + ", ".join(f"{mode} {row[mode]['ns'][0]:.0f} ns, {row[mode]['kib'][0] / 1024:.1f} MiB" for mode in configs))
    return row


def live(options):
    """CPU time with one and two workers, live: only if the binary has `capture.workers` and the live rig is available."""
    known = subprocess.run([options.pegel, "print-config", "--sample"], capture_output=True, text=True).stdout
    if "workers =" not in known:
        return "This build has no `capture.workers`."
    if os.geteuid() != 0:
        return "Live figures need root."
    with tempfile.TemporaryDirectory() as work:
        variants = []
        for workers in (1, 2):
            config = Path(work) / f"workers-{workers}.toml"
            config.write_text(f'[capture]\nsource = "afpacket"\nworkers = {workers}\n')
            variants += ["--variant", f"{workers} workers={config}"]
        out = f"{work}/live"
        command = [sys.executable, str(HERE.parent / "live/live.py"), "--pegel", options.pegel, "--only", "cpu", "--patterns",
                   "syn_random,udp_64k", "--rounds", "3", "--seconds", "3", "--receivers", "ring,workers", "--receiver-cores",
                   "0,1", "--out", out, *variants]
        done = subprocess.run(command, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            return "The live measurement failed."
        sections = Path(f"{out}.md").read_text().split("\n## ")[1:]
        return "\n".join(f"### {section}" for section in sections)


def page(result):
    yield "# Growth"
    yield ""
    yield f"Machine: {machine_line(result['machine'])}. {result['version']}."
    yield (f"Command: `benches/growth/growth.py`; `pegel replay --format json {' '.join(NETWORKS)}`, CPU time of the process "
           f"(user and system) a packet and its peak memory: median of {result['runs']} runs, least to most in brackets. "
           f"Times are those of one day's machine; what counts is how they change along a column. "
           f"What was done is in `README.md`.")
    heads = "| packets |" + "".join(f" CPU, {mode} | peak memory, {mode} |" for mode in MODES) + f" {READING} |"

    def cells(row):
        for mode in MODES:
            ns, kib = row[mode]["ns"], row[mode]["kib"]
            yield f" {ns[0]:.0f} ns ({ns[1]:.0f} to {ns[2]:.0f}) | {kib[0] / 1024:.1f} MiB |"
        yield f" {row[READING][0]:.0f} ns |"

    for name, title, axis, _, _, _ in AXES:
        yield ""
        yield f"## {title}"
        yield ""
        yield f"![{title}]({name}.svg)"
        yield ""
        yield f"| {axis} {heads}"
        yield "|" + "---|" * (3 + 2 * len(MODES))
        for row in result["axes"][name]:
            yield f"| {row['number']:,} | {row['packets']:,} |" + "".join(cells(row))
    yield ""
    yield "## Kinds of traffic"
    yield ""
    yield f"| profile {heads}"
    yield "|" + "---|" * (3 + 2 * len(MODES))
    for row in result["kinds"]:
        yield f"| {row['profile']} | {row['packets']:,} |" + "".join(cells(row))
    if result["live"]:
        yield ""
        yield "## Workers, live"
        yield ""
        yield result["live"].strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binaries(parser)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--axes", type=lambda text: text.split(","), default=[axis[0] for axis in AXES])
    parser.add_argument("--no-live", action="store_true", help="leave out one and two workers over a veth pair")
    parser.add_argument("--captures", default=str(TARGET.parent / "bench"), metavar="DIR", help="for a capture at a time, 2.5 GB at most")
    parser.add_argument("--out", default=str(HERE), metavar="DIR")
    options = parser.parse_args()
    find_binaries(options)
    out = Path(options.out)
    Path(options.captures).mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.captures) as work:
        work = Path(work)
        detectors = subprocess.run([options.pegel, "list", "detectors"], capture_output=True, text=True, check=True).stdout
        names = [line.split()[0] for line in detectors.splitlines() if line and line.split()[0].islower()]
        silent = work / "silent.toml"
        silent.write_text("".join(f"[detect.{name}]\nenabled = false\n" for name in names))
        subprocess.run([options.pegel, "check-config", silent], check=True, stdout=subprocess.DEVNULL)
        configs = dict(zip(MODES, ["/dev/null", str(silent)]))
        version = subprocess.run([options.pegel, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        result = {"machine": machine(), "version": version, "runs": options.runs, "axes": {}, "kinds": [], "live": None}
        for name, title, axis, profile, numbers, packets in AXES:
            if name not in options.axes:
                continue
            rows = []
            for number in numbers:
                row = measure(options, work, profile(number), packets(number), configs)
                rows.append({"number": number, **row})
            result["axes"][name] = rows
            ns = [(mode, [row[mode]["ns"] for row in rows]) for mode in MODES]
            ns.append((READING, [row[READING] for row in rows]))
            mib = [(mode, [[kib / 1024 for kib in row[mode]["kib"]] for row in rows]) for mode in MODES]
            (out / f"{name}.svg").write_text(figure(title, axis, numbers, [
                ("CPU time", "nanoseconds a packet", ns, None), ("Peak resident memory", "MiB", mib, GOAL)]))
        if options.axes == [axis[0] for axis in AXES]:
            result["kinds"] = [measure(options, work, profile, packets, configs) for profile, packets in KINDS]
            result["live"] = None if options.no_live else live(options)
            (out / "results.json").write_text(json.dumps(result, indent=1) + "\n")
            (out / "results.md").write_text("\n".join(page(result)) + "\n")
    say(f"took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
