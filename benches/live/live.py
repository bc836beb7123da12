#!/usr/bin/env python3
"""Compares Pegel with other receivers on the same veth pair: see README.md in this folder.

  benches/live/live.py                     everything, about 20 minutes
  benches/live/live.py --quick             a first look, about 5 minutes
  benches/live/live.py --only cpu,loss     some measurements
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from rig import (  # noqa: E402
    HOST, NETWORK, PEGEL_PORT, ROOT, Bed, Count, FastNetMon, Others, Pegel, Sender, Tcpdump, Trouble, cpu_ns, cpu_ticks,
    machine, machine_line, memory, stolen,
)

MEASUREMENTS = ["cpu", "loss", "ceiling", "delay", "scrape"]
# The name of a pattern for the sender, and its description.
PATTERNS = {
    "syn_random": ("syn_random", "SYN flood, each packet from another source, 60 octets, one target"),
    "udp_one": ("udp_one", "one UDP flow, 500 octets"),
    "udp_64k": ("targets", "UDP to 65,534 hosts in turn, 60 octets"),
}
LIMIT = 300  # packets per second and host: the limit of Pegel's syn_flood, also configured for FastNetMon
CARPET_RATE_PER_HOST = 50  # below every limit of a single host


def say(text):
    print(text, file=sys.stderr, flush=True)


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "all": values}


def receivers(bed, options):
    """What is measured, in the order of the table."""
    pegel_more = options.pegel_arg
    found = [Count(bed), Tcpdump(bed), Pegel(bed, options.pegel, "Pegel", options.pegel_config, pegel_more)]
    for variant in options.variant:
        name, _, config = variant.partition("=")
        found.append(Pegel(bed, options.pegel, name, config, pegel_more))
    found += [FastNetMon(bed, "FastNetMon", {}),
              FastNetMon(bed, "FastNetMon without connection tracking", {"enable_connection_tracking": "off"})]
    chosen = [r for r in found if not options.receivers or any(word in r.name for word in options.receivers)]
    for receiver in chosen:
        if receiver.why_not:
            say(f"skipped: {receiver.name}: {receiver.why_not}")
    return [receiver for receiver in chosen if not receiver.why_not]


def flood(bed, receiver, pattern, rate, seconds):
    """CPU time, loss and memory of one receiver during one flood."""
    receiver.start()
    try:
        at_start, steal, arrived = memory(receiver.pid), stolen(), bed.arrived()
        sender = Sender(bed, pattern, rate, seconds)
        sender.wait_for_first()
        edge = min(1.0, seconds / 4)
        time.sleep(edge)
        others = Others(bed, receiver.pid)
        began, cpu, ticks, packets = time.monotonic_ns(), cpu_ns(receiver.pid), cpu_ticks(receiver.pid), sender.sent
        time.sleep(seconds - 2 * edge)
        cpu, packets, took = cpu_ns(receiver.pid) - cpu, sender.sent - packets, time.monotonic_ns() - began
        others = others.share()
        ticks = [after - before for after, before in zip(cpu_ticks(receiver.pid), ticks)]
        sent = sender.finish()
        steal = [after - before for after, before in zip(stolen(), steal)]
        counts = receiver.counts_while_running()
        after = memory(receiver.pid)
        said = receiver.stop()
        counts = counts or receiver.counts_of(said)
    except BaseException:
        receiver.kill()
        raise
    return {
        "cpu_ns_per_packet": cpu / packets if packets else None,
        "core_share": cpu / took,
        "system_share": ticks[1] / sum(ticks) if sum(ticks) else None,
        "sent": sent["sent"],
        "rate": sent["rate"],
        "longest_gap_ms": sent["longest_gap_ms"],
        "lost_before_receiver": sent["sent"] - (bed.arrived() - arrived),
        "offered": counts["offered"],
        "dropped": counts["dropped"],
        "counted_by": counts["by"],
        "others_share": others,
        "stolen_share": steal[0] / steal[1] if steal[1] else 0.0,
        "memory_at_start": at_start,
        "memory_after": after,
        "sender": sender.command,
    }


def measure_cpu(bed, all_receivers, options):
    """CPU time per packet at a moderate rate, in rounds, so that changes of the machine's load affect all receivers."""
    result = {"rate": options.rate, "rounds": options.rounds, "patterns": {}}
    for name in options.patterns:
        runs = {receiver.name: [] for receiver in all_receivers}
        for number in range(options.rounds):
            # The first receiver may be slower: rotate the order.
            turn = number % len(all_receivers)
            for receiver in all_receivers[turn:] + all_receivers[:turn]:
                run = flood(bed, receiver, PATTERNS[name][0], options.rate, options.seconds)
                runs[receiver.name].append(run)
                say(f"cpu {name} {number + 1}/{options.rounds} {receiver.name}: {run['cpu_ns_per_packet']:.0f} ns, "
                    f"{run['dropped']} of {run['sent']} dropped")
        result["patterns"][name] = {
            who: {"cpu_ns_per_packet": spread([run["cpu_ns_per_packet"] for run in those]),
                  "dropped": sum(run["dropped"] for run in those), "sent": sum(run["sent"] for run in those), "runs": those}
            for who, those in runs.items()
        }
    return result


def measure_loss(bed, all_receivers, options):
    """Loss and memory under a flood that may exceed the capacity of a receiver."""
    result = {}
    for receiver in all_receivers:
        run = flood(bed, receiver, "syn_random", options.loss_rate, options.seconds)
        run["loss"] = run["dropped"] / max(1, run["offered"])
        result[receiver.name] = run
        say(f"loss {receiver.name}: {run['loss']:.2%} at {run['rate']:.0f}/s, peak {run['memory_after']['peak_kib'] / 1024:.1f} MiB")
    return {"asked": options.loss_rate, "receivers": result}


def measure_ceiling(bed, all_receivers, options):
    """The highest rate without a single drop, by bisection."""
    result, most_seen = {}, 0
    for receiver in all_receivers:
        steps = []

        def passes(rate, expected):
            """Rate and share of a core where nothing was dropped, with the sender near what is expected of it. It gets
            three chances: what the hypervisor took from either core is not the receiver's fault."""
            slow = None
            for _ in range(3):
                run = flood(bed, receiver, "syn_random", rate, 3)
                steps.append({"asked": rate, "rate": run["rate"], "dropped": run["dropped"], "core_share": run["core_share"],
                              "others_share": run["others_share"], "stolen_share": run["stolen_share"]})
                say(f"ceiling {receiver.name}: {run['rate']:.0f}/s, {run['dropped']} dropped")
                if run["dropped"] == 0:
                    slow = max(slow or (0, 0), (run["rate"], run["core_share"]))
                    if run["rate"] >= 0.9 * min(rate, max(expected, *(step["rate"] for step in steps))):
                        return slow
            # Whether it drops at the full rate is not known if it did so once; else the sender was slow each time.
            return None if any(step["asked"] == rate and step["dropped"] for step in steps) else slow

        low, high = 0, options.most_rate
        best = passes(high, most_seen)
        most_seen = max([most_seen, *(step["rate"] for step in steps)])
        bounded = best is not None
        if not bounded:
            # The sender may not have reached the requested rate.
            high = min(high, max(step["rate"] for step in steps if step["dropped"]))
            low = high / 16
            for _ in range(options.ceiling_steps):
                middle = (low * high) ** 0.5
                reached = passes(middle, middle)
                if reached is not None:
                    low, best = middle, max(best or reached, reached)
                else:
                    high = middle
        rate, share = best or (None, None)
        result[receiver.name] = {"rate": rate, "core_share": share, "senders_limit": bounded, "steps": steps}
    return {"pattern": "syn_random", "seconds": 3, "receivers": result}


def one_delay(bed, receiver, pattern, rate, network, target, guard):
    """Seconds from the first packet until the incident is visible from outside, or None."""
    time.sleep(random.random())
    size = receiver.size_of_incidents()
    sender = Sender(bed, pattern, rate, guard + 5, network)
    sender.wait_for_first()
    found, end = None, time.monotonic() + guard
    while found is None and time.monotonic() < end:
        time.sleep(0.001)
        if (now := receiver.size_of_incidents()) != size:
            seen, size = time.time_ns(), now
            found = receiver.incident(target)
    first = sender.first_ns
    sender.stop()
    if found is None:
        return None
    found["delay"] = (found.get("at_ns", seen) - first) / 1e9
    return found


def measure_delay(bed, options):
    """Delay from the first packet to the open incident. Each repetition attacks another host, so that one process is enough."""
    pegels = [r for r in receivers(bed, options) if isinstance(r, Pegel)]
    limit = {"threshold_pps": LIMIT}
    others = [
        FastNetMon(bed, "FastNetMon", limit),
        FastNetMon(bed, "FastNetMon without connection tracking", {**limit, "enable_connection_tracking": "off"}),
        FastNetMon(bed, "FastNetMon, averages of 1 s",
                   {**limit, "average_calculation_time": 1, "speed_calculation_delay": 1}),
    ]
    others = [r for r in others if not r.why_not and (not options.receivers or any(w in r.name for w in options.receivers))]
    kinds = [
        ("5 times the limit", "syn_random", 5 * LIMIT, 30),
        ("1.25 times the limit", "syn_random", LIMIT * 5 // 4, 40),
        ("carpet", "carpet", 254 * CARPET_RATE_PER_HOST, 12),
    ]
    result = {}
    for number, (kind, pattern, rate, guard) in enumerate(kinds):
        result[kind] = {"pattern": pattern, "rate": rate, "receivers": {}}
        for receiver in pegels + others:
            receiver.start()
            found, missed = [], 0
            try:
                # A process that has just started has no history to compare with.
                time.sleep(2)
                for turn in range(options.repetitions):
                    place = number * 64 + turn
                    network = f"10.99.{place}.0/24"
                    target = f"10.99.{place}.1" if pattern == "syn_random" else None
                    one = one_delay(bed, receiver, pattern, rate, network, target, guard)
                    if one is None:
                        missed += 1
                        # Further repetitions would not be detected either.
                        if missed >= 2 and not found:
                            break
                    else:
                        found.append(one)
                        say(f"delay {kind} {receiver.name}: {one['delay']:.3f} s")
                command = receiver.command
                receiver.stop()
            except BaseException:
                receiver.kill()
                raise
            row = {"found": len(found), "missed": missed, "guard": guard, "command": command}
            if found:
                row["delay"] = spread([one["delay"] for one in found])
            if found and "packet_time" in found[0]:
                row["packet_time"] = spread([one["packet_time"] for one in found])
                row["vectors"] = sorted({one["vector"] for one in found})
            if not found:
                say(f"delay {kind} {receiver.name}: nothing within {guard} s, {missed} times")
            result[kind]["receivers"][receiver.name] = row
    return result


def measure_scrape(bed, options):
    """The duration of a scrape of /metrics at the highest rate of the sender."""
    result = {}
    for receiver in receivers(bed, options):
        if not isinstance(receiver, Pegel):
            continue
        for name in ("syn_random", "udp_64k"):
            receiver.start()
            try:
                sender = Sender(bed, PATTERNS[name][0], 0, 6)
                sender.wait_for_first()
                took, failed, size = [], 0, 0
                end = time.monotonic() + 5
                while time.monotonic() < end:
                    try:
                        page, seconds = bed.get(PEGEL_PORT, "/metrics")
                        took.append(seconds)
                        size = len(page)
                    except OSError:
                        failed += 1
                    time.sleep(0.05)
                sent = sender.finish()
                counts = receiver.finish()
            except BaseException:
                receiver.kill()
                raise
            took.sort()
            row = {"scrapes": len(took), "failed": failed, "median": took[len(took) // 2], "most": took[-1],
                   "octets": size, "rate": sent["rate"], "dropped": counts["dropped"], "offered": counts["offered"]}
            result[f"{receiver.name}, {name}"] = row
            say(f"scrape {receiver.name} {name}: median {row['median'] * 1e3:.1f} ms, most {row['most'] * 1e3:.1f} ms")
    return result


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def disturbed(runs):
    """One line on the share of the receiver's core that other processes used, if it was measured."""
    shares = [run["others_share"] for run in runs if "others_share" in run]
    if shares:
        yield ""
        yield (f"Others, the hypervisor included, had {statistics.median(shares):.0%} of the receiver's core (median of "
               f"{len(shares)} runs; {max(shares):.0%} at most).")


def mib(kib):
    return f"{kib / 1024:.1f}"


def page(result):
    """The result as Markdown."""
    yield "# Live, over a veth pair"
    yield ""
    yield f"Machine: {machine_line(result['machine'])}."
    yield "Versions: " + "; ".join(f"{name}: {version}" for name, version in result["versions"].items()) + "."
    yield f"Command: `{result['command']}`, engine of the sender: {result['engine']}. How each figure comes about: `benches/live/README.md`."
    if "cpu" in result:
        cpu = result["cpu"]
        for name, those in cpu["patterns"].items():
            yield ""
            yield f"## CPU time per packet: {PATTERNS[name][1]}, {cpu['rate']:,} packets/s"
            yield ""
            base = those.get(Count.name, {}).get("cpu_ns_per_packet", {}).get("median")
            rows = []
            for who, row in those.items():
                ns, runs = row["cpu_ns_per_packet"], row["runs"]
                shares = [run["system_share"] for run in runs if run["system_share"] is not None]
                rows.append([who, f"{ns['median']:.0f} ns", f"{ns['least']:.0f} to {ns['most']:.0f}",
                             f"{ns['median'] / base:.1f}" if base else "", f"{statistics.mean(shares):.0%}" if shares else "",
                             f"{row['dropped']:,} of {row['sent']:,}"])
            yield from table(["receiver", "median", f"of {cpu['rounds']} rounds", "times the ring", "in the kernel", "dropped"], rows)
            yield from disturbed([run for row in those.values() for run in row["runs"]])
    if "loss" in result:
        loss = result["loss"]
        yield ""
        yield f"## Loss and memory: SYN flood from constantly changing sources, {loss['asked']:,} packets/s requested from the sender"
        yield ""
        rows = [[who, f"{run['rate']:,.0f}/s", f"{run['loss']:.2%}", mib(run["memory_at_start"]["rss_kib"]),
                 mib(run["memory_after"]["peak_kib"]), mib(run["memory_after"]["anonymous_kib"]), run["counted_by"]]
                for who, run in loss["receivers"].items()]
        yield from table(["receiver", "really sent", "lost", "resident at start, MiB", "most, MiB", "not file nor ring, MiB",
                          "loss told by"], rows)
        yield from disturbed(list(loss["receivers"].values()))
    if "ceiling" in result:
        yield ""
        yield "## Highest rate without a drop: the same flood, 3 s"
        yield ""
        rows = []
        for who, row in result["ceiling"]["receivers"].items():
            rate = f"{row['rate']:,.0f}/s" if row["rate"] else "none found"
            rows.append([who, f"at least {rate}, the sender's limit" if row["senders_limit"] else rate,
                         f"{row['core_share']:.0%}" if row["rate"] else "", str(len(row["steps"]))])
        yield from table(["receiver", "rate", "share of a core at that rate", "steps"], rows)
        yield ""
        yield "Where a core is busy all the time, the receiver falls behind, and lives off its buffer for these seconds."
        yield from disturbed([step for row in result["ceiling"]["receivers"].values() for step in row["steps"]])
    if "delay" in result:
        yield ""
        yield f"## First packet to open incident (limit {LIMIT} packets/s for all)"
        for kind, told in result["delay"].items():
            yield ""
            what = (f"UDP from ever new sources evenly to the 254 hosts of a /24, {CARPET_RATE_PER_HOST} packets/s each"
                    if kind == "carpet" else f"SYN flood at {kind}")
            yield f"{what}, {told['rate']:,} packets/s:"
            yield ""
            rows = []
            for who, row in told["receivers"].items():
                if row["found"]:
                    delay, inner = row["delay"], row.get("packet_time")
                    rows.append([who, f"{delay['median']:.2f} s", f"{delay['least']:.2f} to {delay['most']:.2f}",
                                 f"{inner['median']:.2f} s" if inner else "", f"{row['found']} of {row['found'] + row['missed']}"])
                else:
                    rows.append([who, f"none within {row['guard']} s", "", "", f"0 of {row['missed']}"])
            yield from table(["receiver", "median", "least to most", "in packet time, by itself", "found"], rows)
    if "scrape" in result:
        yield ""
        yield "## A scrape of /metrics while the sender sends as fast as it can"
        yield ""
        rows = [[who, f"{row['rate']:,.0f}/s", f"{row['dropped'] / max(1, row['offered']):.1%}", str(row["scrapes"]),
                 f"{row['median'] * 1e3:.1f} ms", f"{row['most'] * 1e3:.1f} ms", str(row["failed"])]
                for who, row in result["scrape"].items()]
        yield from table(["receiver, flood", "sent", "lost", "scrapes", "median", "most", "failed"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pegel", default=str(ROOT / "target/release/pegel"), metavar="PATH", help="the binary to measure")
    parser.add_argument("--pegel-config", metavar="FILE", help="configuration of the receiver called Pegel")
    parser.add_argument("--pegel-arg", action="append", default=[], metavar="WORD", help="one more word for `pegel run`")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME=FILE",
                        help="measure Pegel with this configuration as well, under this name; repeatable")
    parser.add_argument("--receivers", type=lambda text: text.split(","), help="only those whose names contain one of these")
    parser.add_argument("--only", type=lambda text: text.split(","), default=MEASUREMENTS, help=",".join(MEASUREMENTS))
    parser.add_argument("--patterns", type=lambda text: text.split(","), default=list(PATTERNS), help=",".join(PATTERNS))
    parser.add_argument("--rate", type=int, default=200_000, help="packets/s for CPU time")
    parser.add_argument("--loss-rate", type=int, default=800_000, help="packets/s for loss")
    parser.add_argument("--most-rate", type=int, default=1_500_000, help="where the search for the highest rate begins")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--repetitions", type=int, default=7, help="floods for each delay, at most 60")
    parser.add_argument("--ceiling-steps", type=int, default=5)
    parser.add_argument("--sender-core", type=int, default=0)
    parser.add_argument("--receiver-cores", default="1", help="as taskset -c takes them")
    parser.add_argument("--keep", action="store_true", help="keep other measurements that are in PREFIX.json already")
    parser.add_argument("--quick", action="store_true", help="one pattern, 2 rounds of 3 s, 3 repetitions, 3 steps")
    parser.add_argument("--out", default=str(ROOT / "target/bench/live"), metavar="PREFIX", help="writes PREFIX.json and PREFIX.md")
    options = parser.parse_args()
    if options.quick:
        options.patterns, options.rounds, options.seconds = ["syn_random"], 2, 3.0
        options.repetitions, options.ceiling_steps = 3, 3
    unknown = [word for word in options.only if word not in MEASUREMENTS]
    unknown += [word for word in options.patterns if word not in PATTERNS]
    if unknown or not 1 <= options.repetitions <= 60:
        parser.error(f"unknown: {', '.join(unknown)}" if unknown else "--repetitions must be 1 to 60")
    if os.geteuid() != 0:
        say("live.py needs root: it makes network namespaces")
        return 1
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]
    result = {"machine": machine(), "network": NETWORK, "host": HOST,
              "command": " ".join(Path(word).name if "/" in word else word for word in words)}
    try:
        with Bed(options.sender_core, options.receiver_cores) as bed:
            all_receivers = receivers(bed, options)
            result["engine"] = bed.engine
            result["versions"] = {r.name: r.version for r in all_receivers}
            steps = {
                "cpu": lambda: measure_cpu(bed, all_receivers, options),
                "loss": lambda: measure_loss(bed, all_receivers, options),
                "ceiling": lambda: measure_ceiling(bed, all_receivers, options),
                "delay": lambda: measure_delay(bed, options),
                "scrape": lambda: measure_scrape(bed, options),
            }
            out = Path(options.out)
            out.parent.mkdir(parents=True, exist_ok=True)
            if options.keep and Path(f"{out}.json").exists():
                before = json.loads(Path(f"{out}.json").read_text())
                result = {**before, **result, "command": f"{before['command']}, then {result['command']}"}
            for name in MEASUREMENTS:
                if name in options.only:
                    began = time.monotonic()
                    result[name] = steps[name]()
                    result["commands"] = {r.name: r.command for r in all_receivers if r.command}
                    say(f"{name} took {time.monotonic() - began:.0f} s")
                    # Keep the results if the next measurement fails.
                    Path(f"{out}.json").write_text(json.dumps(result, indent=1) + "\n")
                    Path(f"{out}.md").write_text("\n".join(page(result)) + "\n")
    except Trouble as trouble:
        say(f"live.py: {trouble}")
        return 1
    except KeyboardInterrupt:
        say("live.py: interrupted")
        return 130
    print("\n".join(page(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
