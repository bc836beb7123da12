#!/usr/bin/env python3
"""Resident memory while noise fills every table, and whether the attack within the noise is still detected.

  benches/memory.py                replays (no root needed), then live over a veth pair (root)

Each noise is played twice: with one distinct thing and with millions, at the same rate and for the same time. The
difference of the peaks is the growth. A SYN flood on one other host, five times its limit, runs in the middle of it and
must become an incident. Takes about two minutes. Standard library only.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "live"))
from rig import (  # noqa: E402
    Bed, Others, Pegel, Sender, Trouble, add_binaries, find_binaries, machine, machine_line, memory,
)

MOST_MIB, MOST_GROWTH_MIB = 64, 2
# Name, model, what is counted, number, seconds of a million packets each, attacked host, local networks.
NOISE = [
    ("spoofed sources", "bench_sources", "sources", 20_000_000, 20, "203.0.113.77", ["203.0.113.0/24"]),
    ("MAC addresses", "bench_macs", "sources", 10_000_000, 10, "203.0.113.77", ["203.0.113.0/24"]),
    ("targets in a /12", "bench_targets", "targets", 1_000_000, 10, "172.20.5.5", ["172.16.0.0/12"]),
]
# Name, pattern of the sender, network that it fills, local networks.
LIVE = [
    ("spoofed sources", "syn_random", "10.99.0.0/24", ["10.99.0.0/16"]),
    ("MAC addresses", "macs", "10.99.0.0/24", ["10.99.0.0/16"]),
    ("targets in a /12", "targets", "172.16.0.0/12", ["172.16.0.0/12", "10.99.0.0/16"]),
]
LIVE_VICTIM = "10.99.200.1"
LIVE_RATE, LIVE_SECONDS = 500_000, 10


def say(text):
    print(text, file=sys.stderr, flush=True)


def scenario(profile, word, number, seconds, victim):
    return f"""seed = 1
[[part]]
model = "{profile}"
to = {seconds}
rate = 1000000.0
{word} = {number}
[[part]]
model = "syn_flood"
from = {seconds * 0.4}
to = {seconds * 0.7}
rate = 1500.0
target = "{victim}"
"""


def replay(options, text, victim, networks):
    """Replays a scenario through a pipe; peak memory in KiB, and the incident about `victim`."""
    words = [word for network in networks for word in ("--network", network)]
    # An unnamed file: standard input is the capture.
    handle = os.memfd_create("scenario")
    os.write(handle, text.encode())
    os.set_inheritable(handle, True)
    source = subprocess.Popen([options.generate, f"/proc/self/fd/{handle}", "-"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, pass_fds=[handle])
    os.close(handle)
    command = [options.pegel, "replay", "--format", "json", *words, "--config", options.config, "-"]
    out = os.memfd_create("incidents")
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, source.stdout.fileno(), 0), (os.POSIX_SPAWN_DUP2, out, 1)])
    source.stdout.close()
    _, status, usage = os.wait4(pid, 0)
    if source.wait() != 0 or status != 0:
        sys.exit(f"memory.py: {' '.join(command)} failed")
    with os.fdopen(out, "rb") as file:
        file.seek(0)
        incidents = [json.loads(line) for line in file]
    found = [one for one in incidents if one["target"].get("address") == victim]
    return usage.ru_maxrss, found, len(incidents)


def replays(options):
    rows = []
    for name, profile, word, number, seconds, victim, networks in NOISE:
        few, _, _ = replay(options, scenario(profile, word, 1, seconds, victim), victim, networks)
        many, found, incidents = replay(options, scenario(profile, word, number, seconds, victim), victim, networks)
        row = {"noise": name, "distinct": number, "packets": seconds * 1_000_000, "one_mib": few / 1024, "mib": many / 1024,
               "growth_mib": (many - few) / 1024, "incidents": incidents, "found": len(found),
               "delay": found[0]["detected_after_seconds"] if found else None}
        say(f"replay, {name}: {row}")
        rows.append(row)
    return rows


def live(options):
    rows = []
    with Bed() as bed:
        for name, pattern, network, networks in LIVE:
            pegel = Pegel(bed, options.pegel, config=options.config)
            pegel.networks = networks
            pegel.start()
            try:
                time.sleep(1)
                before = memory(pegel.pid)
                others = Others(bed, pegel.pid)
                noise = Sender(bed, pattern, LIVE_RATE, LIVE_SECONDS, network)
                time.sleep(LIVE_SECONDS * 0.4)
                attack = Sender(bed, "syn_random", 1500, LIVE_SECONDS * 0.4, "10.99.200.0/24")
                attack.finish()
                sent = noise.finish()
                others = others.share()
                counts = pegel.counts_while_running()
                page = pegel.metrics()
                after = memory(pegel.pid)
                incident = pegel.incident(LIVE_VICTIM)
            finally:
                pegel.kill()
            tables = ["worker_hosts", "worker_details", "worker_stations", "hosts", "busy_hosts", "stations"]
            evicted = {t: pegel.metric(page, "pegel_table_evictions_total", f'table="{t}"') for t in tables}
            row = {"noise": name, "rate": sent["rate"], "packets": sent["sent"], "dropped": counts["dropped"], "others_share": others,
                   "start_mib": before["rss_kib"] / 1024, "mib": after["peak_kib"] / 1024,
                   "growth_mib": (after["peak_kib"] - before["rss_kib"]) / 1024, "anonymous_mib": after["anonymous_kib"] / 1024,
                   "found": incident is not None, "delay": incident and incident["packet_time"],
                   "evicted": {table: number for table, number in evicted.items() if number}}
            say(f"live, {name}: {row}")
            rows.append(row)
    return rows


def verdict(row):
    kept = row["mib"] <= MOST_MIB and row["growth_mib"] <= MOST_GROWTH_MIB and row["found"]
    return "yes" if kept else "**no**"


def found(row):
    return f"after {row['delay']:.2f} s" if row["found"] else "**not found**"


def page(result):
    yield "# Memory under noise"
    yield ""
    yield f"Machine: {machine_line(result['machine'])}. {result['version']}. Command: `benches/memory.py`."
    yield (f"Goal: at most {MOST_MIB} MiB resident, ring included; at most {MOST_GROWTH_MIB} MiB more than with one "
           "such thing (replay) or than at the start (live); the SYN flood on one other host is found.")
    yield ""
    yield "`pegel replay`, a million packets a second of packet time:"
    yield ""
    yield "| noise | distinct | packets | peak with one, MiB | peak, MiB | growth, MiB | flood found | goal kept |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in result["replay"]:
        yield (f"| {row['noise']} | {row['distinct']:,} | {row['packets']:,} | {row['one_mib']:.1f} | {row['mib']:.1f} "
               f"| {row['growth_mib']:.1f} | {found(row)} | {verdict(row)} |")
    yield ""
    if isinstance(result["live"], str):
        yield result["live"]
        return
    yield f"`pegel run` on a veth pair, {LIVE_SECONDS} s at {LIVE_RATE:,} packets/s asked of the sender:"
    yield ""
    yield ("| noise | packets | dropped | resident at start, MiB | peak, MiB | growth, MiB | not file nor ring, MiB "
           "| evicted | flood found | goal kept |")
    yield "|---|---|---|---|---|---|---|---|---|---|"
    others = max(row["others_share"] for row in result["live"])
    for row in result["live"]:
        evicted = ", ".join(f"{table} {number:,}" for table, number in row["evicted"].items()) or "nothing"
        yield (f"| {row['noise']} | {row['packets']:,} | {row['dropped']:,} | {row['start_mib']:.1f} | {row['mib']:.1f} "
               f"| {row['growth_mib']:.1f} | {row['anonymous_mib']:.1f} | {evicted} | {found(row)} | {verdict(row)} |")
    yield ""
    yield f"Others, the hypervisor included, had {others:.0%} of the receiver's core at most: what is dropped is theirs too."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_binaries(parser)
    parser.add_argument("--config", default="/dev/null", metavar="FILE", help="Pegel's configuration")
    parser.add_argument("--no-live", action="store_true")
    parser.add_argument("--out", default=str(HERE / "growth/memory"), metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    options = parser.parse_args()
    find_binaries(options)
    version = subprocess.run([options.pegel, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    result = {"machine": machine(), "version": version, "replay": replays(options)}
    if options.no_live:
        result["live"] = "Not measured live."
    elif os.geteuid() != 0:
        result["live"] = "Not measured live: needs root."
    else:
        try:
            result["live"] = live(options)
        except Trouble as trouble:
            result["live"] = f"Not measured live: {trouble}."
    Path(f"{options.out}.json").write_text(json.dumps(result, indent=1) + "\n")
    text = "\n".join(page(result)) + "\n"
    Path(f"{options.out}.md").write_text(text)
    print(text, end="")
    return 1 if "**no**" in text else 0


if __name__ == "__main__":
    sys.exit(main())
