#!/usr/bin/env python3
"""Lets Pegel run live for an hour, with everything on, under a mix of honest traffic, attacks and evasions.

  benches/soak/soak.py --minutes 60 --out DIR      (root; about as long as it says)

Two namespaces with a veth pair. Store, evidence, log, JSON lines, a hook, a webhook and a syslog server are on, a page is open, and
metrics are scraped. Every two minutes an attack of another kind begins. Each must become one incident of its vector at its target, and
nothing else may be paged. At the end the counters must equal the kernel's, and memory, descriptors and threads must be flat.
Writes soak.json, soak.md and soak.svg. Standard library only.
"""

import argparse
import ctypes
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

CYCLE, SAMPLE = 120, 10
CLONE_NEWNET = 0x40000000
LISTEN = ("127.0.0.1", 7343)
# Model of the generator, packets or sessions a second, vectors that name it.
ATTACKS = [
    ("syn_flood", 20000, {"syn_flood"}),
    ("udp_flood", 20000, {"udp_flood"}),
    ("dns_amplification", 8000, {"dns_amplification"}),
    ("icmp_flood", 15000, {"icmp_flood"}),
    ("ack_flood", 20000, {"ack_flood"}),
    ("ntp_amplification", 8000, {"ntp_amplification"}),
    ("rst_flood", 15000, {"rst_flood"}),
    ("fragment_flood", 10000, {"fragment_flood", "udp_flood"}),
    ("gre_flood", 15000, {"gre_flood"}),
    ("memcached_amplification", 8000, {"memcached_amplification"}),
    ("syn_ack_flood", 15000, {"syn_ack_flood"}),
    ("quic_flood", 10000, {"quic_flood", "udp_flood"}),
]
# Bursts shorter than a second, as evasions of averages; every third cycle instead of a steady attack.
BURST = "burst = { on = 0.4, off = 1.6 }\n"
HONEST = [("web_server", "203.0.113.200", 30), ("browser", "203.0.113.201", 10), ("dns_server", "203.0.113.202", 200)]


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, **options).stdout


def target(cycle):
    return f"203.0.113.{10 + cycle % 180}"


def scenario(cycle):
    parts = [f'[[part]]\nmodel = "{model}"\nto = 75.0\nrate = {rate}.0\ntarget = "{host}"\n' for model, host, rate in HONEST]
    model, rate, _ = ATTACKS[cycle % len(ATTACKS)]
    burst = BURST if cycle % 3 == 2 else ""
    parts.append(f'[[part]]\nmodel = "{model}"\nfrom = 15.0\nto = 45.0\nrate = {rate}.0\ntarget = "{target(cycle)}"\n{burst}')
    return f"seed = {cycle + 1}\n" + "".join(parts)


class Webhook(http.server.BaseHTTPRequestHandler):
    bodies = []

    def do_POST(self):
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def in_namespace(name):
    """Lets this thread open sockets in a namespace; they stay there."""
    with open(f"/var/run/netns/{name}") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {name}")


def get(path, timeout=20):
    with socket.create_connection(LISTEN, timeout) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while part := stream.recv(1 << 16):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole, body = whole + body[:int(size, 16)], body[int(size, 16) + 2:]
        body = whole
    return body.decode()


def watch(stop, seen):
    """An open page: the stream of events, opened again when it ends."""
    while not stop.is_set():
        try:
            with socket.create_connection(LISTEN, 5) as stream:
                stream.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
                stream.settimeout(30)
                while not stop.is_set() and stream.recv(1 << 16):
                    seen[0] += 1
        except OSError:
            time.sleep(0.5)


def state(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    number = lambda name: int(re.search(rf"{name}:\s+(\d+)", status)[1])  # noqa: E731
    return {"rss_kib": number("VmRSS"), "threads": number("Threads"), "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def kernel(namespace):
    link = json.loads(run("ip", "-n", namespace, "-j", "-s", "link", "show", "dev", "vb"))[0]["stats64"]
    return link["rx"]["packets"] + link["tx"]["packets"]


def metric(page, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(rf"{name}[{{ ]", line))


def plot(samples):
    """Panels side by side, one for each figure, over the minutes."""
    width, height, left, top = 300, 220, 50, 50
    panels = [("Resident memory, MiB", lambda row: row["rss_kib"] / 1024), ("Helper, MiB", lambda row: row["helper_rss_kib"] / 1024),
              ("Descriptors", lambda row: row["descriptors"]), ("Threads", lambda row: row["threads"])]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width * len(panels)} {height}" font-size="11" '
           'font-family="Inter, Helvetica, Arial, sans-serif" fill="#52606d">', '<rect width="100%" height="100%" fill="#ffffff"/>']
    last = max(row["at"] for row in samples) or 1
    for number, (title, value) in enumerate(panels):
        x0, y0, w, h = number * width + left, height - 40, width - left - 15, height - 40 - top
        most = max(value(row) for row in samples) * 1.15
        out.append(f'<text x="{x0}" y="{top - 18}" font-size="13" fill="#1f2933">{title}</text>')
        for part in range(5):
            y, label = y0 - h * part / 4, most * part / 4
            out.append(f'<line x1="{x0}" y1="{y:.1f}" x2="{x0 + w}" y2="{y:.1f}" stroke="#e4e7eb"/>'
                       f'<text x="{x0 - 6}" y="{y + 4:.1f}" text-anchor="end">{label:.0f}</text>')
        for part in range(5):
            x = x0 + w * part / 4
            out.append(f'<text x="{x:.1f}" y="{y0 + 16}" text-anchor="middle">{last * part / 4 / 60:.0f}</text>')
        out.append(f'<text x="{x0 + w / 2}" y="{height - 6}" text-anchor="middle">minutes</text>')
        line = " ".join(f'{x0 + w * row["at"] / last:.1f},{y0 - h * value(row) / most:.1f}' for row in samples)
        out.append(f'<polyline points="{line}" fill="none" stroke="#1d6fb8" stroke-width="1.5"/>')
    return "\n".join(out) + "\n</svg>\n"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--out", type=Path, default=ROOT / "target" / "soak")
    options.add_argument("--pegel", type=Path, default=ROOT / "target/release/pegel")
    options.add_argument("--peer", type=Path, default=ROOT / "target/release/examples/peer")
    options = options.parse_args()
    if os.geteuid() != 0:
        sys.exit("soak.py: needs root, for network namespaces")
    options.out.mkdir(parents=True, exist_ok=True)
    a, b = f"soak-{os.getpid()}-a", f"soak-{os.getpid()}-b"
    work = Path(tempfile.mkdtemp(prefix="pegel-soak-"))
    processes = []
    try:
        for name in (a, b):
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "va", "netns", a, "type", "veth", "peer", "name", "vb", "netns", b)
        for name, side in ((a, "va"), (b, "vb")):
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", side, "up")
        in_namespace(b)
        webhook = http.server.ThreadingHTTPServer(("127.0.0.1", 8099), Webhook)
        threading.Thread(target=webhook.serve_forever, daemon=True).start()
        syslog = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        syslog.bind(("127.0.0.1", 5514))
        hook = work / "hook"
        hook.write_text(f"#!/bin/sh\necho \"$PEGEL_STAGE $PEGEL_ID\" >> {work}/hooks\n")
        hook.chmod(0o755)
        (work / "pegel.toml").write_text(
            'networks = ["203.0.113.0/24"]\n[incident]\nquiet_seconds = 10\n'
            f'[output]\nlog = true\njsonl = "{work}/incidents.jsonl"\nsyslog = "udp:127.0.0.1:5514"\n'
            '[[webhook]]\nname = "w"\nurl = "http://localhost:8099/"\nmin_severity = "info"\n'
            f'[[hook]]\nname = "h"\ncommand = ["{hook}"]\nmin_severity = "info"\n'
        )
        log = open(options.out / "pegel.log", "w")
        words = [options.pegel, "run", "-i", "vb", "--config", work / "pegel.toml", "--state-dir", work / "state"]
        before = kernel(b)
        pegel = subprocess.Popen(words, stderr=log, stdin=subprocess.DEVNULL)
        processes.append(pegel)
        for _ in range(600):
            try:
                if get("/readyz").strip() == "ready":
                    break
            except OSError:
                pass
            time.sleep(0.1)
        else:
            sys.exit(f"soak.py: Pegel is not ready; see {options.out}/pegel.log")
        at_start = kernel(b) - before
        helper = int(Path(f"/proc/{pegel.pid}/task/{pegel.pid}/children").read_text().split()[0])
        stop, seen, samples = threading.Event(), [0], []
        threading.Thread(target=watch, args=(stop, seen), daemon=True).start()
        start, cycles = time.monotonic(), max(1, int(options.minutes * 60 / CYCLE))
        for cycle in range(cycles):
            file = work / "scenario.toml"
            file.write_text(scenario(cycle))
            sender = subprocess.Popen(["ip", "netns", "exec", a, options.peer, "send", "va", file], stdout=subprocess.DEVNULL)
            processes.append(sender)
            end = start + (cycle + 1) * CYCLE
            while time.monotonic() < end:
                page = get("/metrics")
                get("/")
                samples.append({"at": round(time.monotonic() - start), **state(pegel.pid), "helper_rss_kib": state(helper)["rss_kib"],
                                "captured": metric(page, "pegel_capture_packets_total")})
                time.sleep(max(0.0, min(SAMPLE, end - time.monotonic())))
            sender.wait(60)
            processes.remove(sender)
            print(f"cycle {cycle + 1} of {cycles}: {samples[-1]}", file=sys.stderr, flush=True)
        # What is under way: the last ticks and changes.
        time.sleep(3)
        page = get("/metrics")
        counted = {
            "kernel": kernel(b) - before, "at_start": at_start,
            "captured": int(metric(page, "pegel_capture_packets_total")),
            "dropped": int(metric(page, "pegel_capture_dropped_packets_total")),
            "output_dropped": int(metric(page, "pegel_output_dropped_events_total")),
            "store_dropped": int(metric(page, "pegel_store_dropped_entries_total")),
            "coverage": metric(page, "pegel_capture_coverage_ratio"),
        }
        stop.set()
        pegel.terminate()
        code = pegel.wait(30)
        lines = [json.loads(line) for line in (work / "incidents.jsonl").read_text().splitlines()]
        hooks = (work / "hooks").read_text().split("\n") if (work / "hooks").exists() else []
        result = report(options, cycles, lines, hooks, counted, samples, seen[0], code)
        (options.out / "soak.json").write_text(json.dumps(result, indent=1))
        (options.out / "soak.md").write_text(result["page"])
        (options.out / "soak.svg").write_text(plot(samples))
        print(result["page"])
        sys.exit(0 if not result["wrong"] else 1)
    finally:
        for process in processes:
            process.kill()
        for name in (a, b):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        shutil.rmtree(work, ignore_errors=True)


def report(options, cycles, lines, hooks, counted, samples, events, code):
    opened = [line for line in lines if line["change"] == "opened"]
    wrong = []
    expected = 0
    for cycle in range(cycles):
        model, _, vectors = ATTACKS[cycle % len(ATTACKS)]
        here = [line for line in opened if line["target"].get("address") == target(cycle)]
        expected += 1
        if len(here) != 1:
            wrong.append(f"cycle {cycle + 1}, {model} at {target(cycle)}: {len(here)} incidents")
        elif here[0]["vector"] not in vectors:
            wrong.append(f"cycle {cycle + 1}, {model}: named {here[0]['vector']}")
    targets = {target(cycle) for cycle in range(cycles)}
    for line in opened:
        if line["target"].get("address") not in targets:
            wrong.append(f"unexpected: {line['vector']} at {line['target']}")
    closed = sum(line["change"] == "closed" for line in lines)
    runs = sum(line.startswith("open ") for line in hooks)
    posted = sum(body.get("change") == "opened" or body.get("stage") == "open" for body in Webhook.bodies)
    if closed != len(opened):
        wrong.append(f"{len(opened)} incidents opened, {closed} closed")
    if runs != len(opened):
        wrong.append(f"the hook ran {runs} times for {len(opened)} incidents")
    if counted["kernel"] - counted["at_start"] > counted["captured"] or counted["captured"] > counted["kernel"]:
        wrong.append(f"the kernel counted {counted['kernel']} packets, {counted['at_start']} before the start, Pegel {counted['captured']}")
    for name in ("dropped", "output_dropped", "store_dropped"):
        if counted[name]:
            wrong.append(f"{name}: {counted[name]}")
    if code != 0:
        wrong.append(f"exit code {code}")
    # Flat: the last quarter against the second one; the first fills tables and caches.
    quarter = max(1, len(samples) // 4)
    growth = {}
    for key in ("rss_kib", "helper_rss_kib", "threads", "descriptors"):
        second, last = [max(row[key] for row in part) for part in (samples[quarter:2 * quarter], samples[-quarter:])]
        growth[key] = last - second
    if growth["rss_kib"] > 4096 or growth["helper_rss_kib"] > 2048 or growth["threads"] > 0 or growth["descriptors"] > 8:
        wrong.append(f"not flat: {growth}")
    page = f"""# Soak

{cycles * CYCLE // 60} minutes, {cycles} attacks ({", ".join(model for model, _, _ in ATTACKS[:cycles])}), every third in bursts.

| | |
|---|---|
| incidents opened, closed | {len(opened)}, {closed} (expected {expected}) |
| hook runs at opening, posts of openings | {runs}, {posted} |
| packets: kernel, Pegel, lost | {counted["kernel"]}, {counted["captured"]}, {counted["dropped"]} ({counted["at_start"]} before Pegel was ready) |
| dropped by outputs, by the store | {counted["output_dropped"]}, {counted["store_dropped"]} |
| resident memory, most; growth from the second to the last quarter | {max(row["rss_kib"] for row in samples) / 1024:.1f} MiB; {growth["rss_kib"] / 1024:+.1f} MiB |
| the same of the helper | {max(row["helper_rss_kib"] for row in samples) / 1024:.1f} MiB; {growth["helper_rss_kib"] / 1024:+.1f} MiB |
| descriptors, threads, most; growth | {max(row["descriptors"] for row in samples)}, {max(row["threads"] for row in samples)}; {growth["descriptors"]:+d}, {growth["threads"]:+d} |
| parts of the event stream that an open page received | {events} |

{"Nothing was wrong." if not wrong else "Wrong:" + "".join(f"{chr(10)}- {what}" for what in wrong)}
"""
    return {"page": page, "wrong": wrong, "counted": counted, "growth": growth, "samples": samples}


if __name__ == "__main__":
    main()
