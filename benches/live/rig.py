"""The environment of live measurements: two network namespaces with a veth pair, a sender, and receivers that are
started, measured and stopped one at a time. Standard library only; Linux, root, iproute2 and a C compiler."""

import atexit
import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NETWORK = "10.99.0.0/16"
HOST = "10.99.0.1"
PEGEL_PORT = 7343
FASTNETMON_CONF = Path("/etc/fastnetmon.conf")

libc = ctypes.CDLL(None, use_errno=True)


class Trouble(Exception):
    """An error that ends one measurement, with a message of one line."""


def die_with_parent():
    # PR_SET_PDEATHSIG: no sender may outlive the rig.
    libc.prctl(1, signal.SIGKILL)


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise Trouble(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Bed:
    """Two namespaces, `a` with interface va and `b` with vb, and a directory; all removed at the end, even after an error."""

    def __init__(self, sender_core=0, receiver_cores="1"):
        self.name = f"pegel-bench-{os.getpid()}"
        self.sender_core = sender_core
        self.receiver_cores = receiver_cores
        self.dir = Path(tempfile.mkdtemp(prefix="pegel-bench-"))
        self.made = False

    def __enter__(self):
        atexit.register(self.close)
        # A shell that starts it in the background makes it ignore ^C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(143))
        self._guard()
        for side in "ab":
            ip("netns", "add", self.ns(side))
            # No neighbour discovery: the only frames are the sender's.
            for switch in ("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"):
                subprocess.run(["ip", "netns", "exec", self.ns(side), "sysctl", "-qw", switch], capture_output=True)
            ip("-n", self.ns(side), "link", "set", "lo", "up")
        self.made = True
        ip("link", "add", "va", "netns", self.ns("a"), "type", "veth", "peer", "name", "vb", "netns", self.ns("b"))
        ip("-n", self.ns("a"), "link", "set", "va", "up")
        ip("-n", self.ns("b"), "link", "set", "vb", "up")
        for tool in ("send", "count"):
            compiler = shutil.which("cc") or shutil.which("gcc")
            if compiler is None:
                raise Trouble("needs a C compiler (cc)")
            subprocess.run([compiler, "-O2", "-Wall", "-o", self.dir / tool, HERE / f"{tool}.c", "-lm"],
                           check=True)
        self.engine = "socket"
        self._try_engine()
        return self

    def _try_engine(self):
        """The fast engine of the sender, where the kernel is recent enough (5.18) and accepts its frames."""
        value = ctypes.create_string_buffer(struct.pack("II", 0x2C, 1))  # ETHTOOL_SGRO
        request = lambda name: struct.pack("16sP16x", name, ctypes.addressof(value))
        try:
            with self.in_receiver_ns():
                link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with link:
                fcntl.ioctl(link, 0x8946, request(b"vb"))  # SIOCETHTOOL
            before = self.arrived()
            self.engine = "xdp"
            sent = Sender(self, "syn_random", 100_000, 0.2).finish()["sent"]
            arrived = self.arrived() - before
            if arrived < sent * 0.9:
                raise Trouble(f"{arrived} of {sent} frames arrived")
        except (OSError, Trouble) as error:
            self.engine = "socket"
            print(f"the sender keeps to packet sockets, which are slower: {error}", file=sys.stderr)

    def __exit__(self, *_):
        self.close()

    def _guard(self):
        """Cleans up if the rig is killed by a signal that it cannot catch."""
        script = (
            'while kill -0 "$1" 2>/dev/null; do sleep 2; done; ip netns del "$2" 2>/dev/null;'
            ' ip netns del "$3" 2>/dev/null; rm -rf "$4"'
        )
        words = ["sh", "-c", script, "guard", str(os.getpid()), self.ns("a"), self.ns("b"), str(self.dir)]
        subprocess.Popen(words, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)

    def close(self):
        for receiver in list(Receiver.running):
            receiver.kill()
        for side in "ab":
            subprocess.run(["ip", "netns", "del", self.ns(side)], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def ns(self, side):
        return f"{self.name}-{side}"

    def inside(self, side, words, **how):
        command = ["ip", "netns", "exec", self.ns(side), *map(str, words)]
        return subprocess.Popen(command, preexec_fn=die_with_parent, stdin=subprocess.DEVNULL, **how)

    @contextlib.contextmanager
    def in_receiver_ns(self):
        """Files and sockets opened inside belong to the receiver's namespace, even if they are used elsewhere later."""
        with open("/proc/self/ns/net") as home, open(f"/run/netns/{self.ns('b')}") as there:
            if libc.setns(there.fileno(), 0x40000000) != 0:
                raise Trouble(f"setns: {os.strerror(ctypes.get_errno())}")
            try:
                yield
            finally:
                libc.setns(home.fileno(), 0x40000000)

    def get(self, port, path, timeout=5.0):
        """Body of an HTTP response from 127.0.0.1 in the receiver's namespace, and the seconds that it took."""
        start = time.monotonic()
        with self.in_receiver_ns():
            link = socket.socket()
        with link:
            link.settimeout(timeout)
            link.connect(("127.0.0.1", port))
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while part := link.recv(1 << 16):
                answer += part
        return answer.partition(b"\r\n\r\n")[2].decode(), time.monotonic() - start

    def arrived(self):
        """Packets that the receiving interface has received so far."""
        return json.loads(ip("-n", self.ns("b"), "-s", "-j", "link", "show", "vb"))[0]["stats64"]["rx"]["packets"]


class Sender:
    """One flood. `sent` and `first_ns` can be read while it runs."""

    def __init__(self, bed, pattern, rate, seconds, network=NETWORK):
        shared = bed.dir / f"shared-{time.monotonic_ns()}"
        shared.write_bytes(bytes(16))
        seed = random.getrandbits(60)
        words = [bed.dir / "send", "va", pattern, rate, seconds, "--network", network, "--core", bed.sender_core,
                 "--seed", seed, "--shared", shared]
        # The other engine sends single packets at more exact times.
        engine = bed.engine if rate == 0 or rate >= 50_000 else "socket"
        words += ["--engine", engine]
        self.command = f"send va {pattern} {rate} {seconds} --network {network} --core {bed.sender_core} --engine {engine}"
        with open(shared, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 16)
        self.process = bed.inside("a", words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.guard = time.monotonic() + seconds + 20

    @property
    def sent(self):
        return struct.unpack_from("Q", self.map, 0)[0]

    @property
    def first_ns(self):
        return struct.unpack_from("Q", self.map, 8)[0]

    def wait_for_first(self):
        while self.sent == 0:
            if self.process.poll() is not None:
                raise Trouble(f"the sender ended: {self.process.stderr.read().strip()}")
            time.sleep(0.0005)

    def stop(self):
        self.process.terminate()
        return self.finish()

    def finish(self):
        try:
            out, err = self.process.communicate(timeout=max(1.0, self.guard - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Trouble("the sender hangs") from None
        if self.process.returncode != 0:
            raise Trouble(f"the sender failed: {err.strip()}")
        return json.loads(out)


def cpu_ns(pid):
    """CPU time of all threads of a process: to the nanosecond where the kernel keeps schedstat, else in clock ticks."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    except FileNotFoundError:
        raise Trouble("the receiver ended") from None
    return total or sum(cpu_ticks(pid)) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def cpu_ticks(pid):
    """User and system time in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def memory(pid):
    """Resident memory in KiB: now, the most so far, and of that now what is neither file nor ring."""
    text = Path(f"/proc/{pid}/status").read_text()
    field = lambda name: int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1])
    return {"rss_kib": field("VmRSS"), "peak_kib": field("VmHWM"), "anonymous_kib": field("RssAnon")}


def stolen():
    """Share-of-time counters of the machine: clock ticks that the hypervisor gave to others, and all ticks."""
    fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)


class Others:
    """Share of the receiver's cores that other processes and the hypervisor used: figures with a large share are unusable."""

    def __init__(self, bed, pid):
        self.pid, self.cores = pid, set()
        for part in bed.receiver_cores.split(","):
            first, _, last = part.partition("-")
            self.cores |= set(range(int(first), int(last or first) + 1))
        # The sender's core is busy on purpose.
        self.cores -= {bed.sender_core}
        self.began, self.busy, self.own = time.monotonic_ns(), self._busy(), cpu_ns(pid)

    def _busy(self):
        lines = [line.split() for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu")]
        ticks = sum(sum(map(int, f[1:4] + f[6:9])) for f in lines if f[0][3:] and int(f[0][3:]) in self.cores)
        return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def share(self):
        took = (time.monotonic_ns() - self.began) * max(1, len(self.cores))
        return max(0.0, (self._busy() - self.busy - (cpu_ns(self.pid) - self.own)) / took)


class Receiver:
    """A program on vb. `counts` is packets that the kernel offered it and those it lost, of this run."""

    running = []
    name = version = command = None
    why_not = None  # the missing requirement, if it cannot run

    def __init__(self, bed):
        self.bed = bed
        self.process = None

    def words(self):
        raise NotImplementedError

    def is_ready(self):
        return self.has_packet_socket()

    def start(self):
        words = [str(word) for word in self.words()]
        self.command = " ".join(words).replace(str(self.bed.dir), "DIR")
        self.log = open(self.bed.dir / "log", "w+")
        self.process = self.bed.inside("b", ["taskset", "-c", self.bed.receiver_cores, *words],
                                       stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=self.bed.dir)
        Receiver.running.append(self)
        guard = time.monotonic() + 20
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > guard:
                raise Trouble(f"{self.name} does not start: {self.read_log()[-600:]}")
            time.sleep(0.02)
        time.sleep(0.3)
        return self

    @property
    def pid(self):
        # `ip netns exec` and `taskset` replace themselves with the command.
        return self.process.pid

    def read_log(self):
        self.log.seek(0)
        return self.log.read().strip()

    def packet_inodes(self):
        try:
            lines = Path(f"/proc/{self.pid}/net/packet").read_text().splitlines()[1:]
        except OSError:
            return set()
        return {line.split()[-1] for line in lines}

    def has_packet_socket(self):
        return bool(self.packet_inodes())

    def stop(self):
        """Ends the program and returns its standard output."""
        self.process.send_signal(signal.SIGTERM)
        try:
            out, _ = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, _ = self.process.communicate()
        Receiver.running.remove(self)
        return out

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
            self.process.communicate()
        if self in Receiver.running:
            Receiver.running.remove(self)

    def counts_while_running(self):
        return None

    def counts_of(self, said):
        raise NotImplementedError

    def finish(self):
        """Counts of the run, and the end of the program."""
        counts = self.counts_while_running()
        said = self.stop()
        return counts or self.counts_of(said)


class Count(Receiver):
    name = "counting ring"
    version = "TPACKET_V3, 8 MiB"

    def words(self):
        return [self.bed.dir / "count", "vb", 8]

    def counts_of(self, said):
        told = json.loads(said)
        return {"offered": told["kernel_packets"], "dropped": told["dropped"], "by": "PACKET_STATISTICS"}


class Tcpdump(Receiver):
    name = "tcpdump"

    def __init__(self, bed):
        super().__init__(bed)
        if shutil.which("tcpdump") is None:
            self.why_not = "tcpdump is not installed (apt-get install tcpdump)"
            return
        told = subprocess.run(["tcpdump", "--version"], capture_output=True, text=True)
        self.version = (told.stdout or told.stderr).splitlines()[0].replace("tcpdump version ", "")

    def words(self):
        return ["tcpdump", "-n", "-i", "vb", "-w", "/dev/null"]

    def counts_of(self, said):
        log = self.read_log()
        received = re.search(r"(\d+) packets? received by filter", log)
        dropped = re.search(r"(\d+) packets? dropped by kernel", log)
        if not received or not dropped:
            raise Trouble(f"tcpdump told no figures: {log[-300:]}")
        return {"offered": int(received[1]), "dropped": int(dropped[1]), "by": "its own words at the end"}


class Pegel(Receiver):
    name = "Pegel"

    def __init__(self, bed, binary, name=None, config=None, more=()):
        super().__init__(bed)
        self.binary = Path(binary).resolve()
        self.name = name or self.name
        self.config = Path(config).resolve() if config else Path("/dev/null")
        self.more = list(more)
        self.networks = [NETWORK]
        if not self.binary.exists():
            self.why_not = f"no {binary} (cargo build --release)"
            return
        self.version = subprocess.run([self.binary, "--version"], capture_output=True, text=True).stdout.strip()

    def words(self):
        self.incidents_file = self.bed.dir / f"incidents-{time.monotonic_ns()}.jsonl"
        networks = [word for network in self.networks for word in ("--network", network)]
        return [self.binary, "run", "-i", "vb", *networks, "--config", self.config, "--jsonl", self.incidents_file,
                *self.more]

    def start(self):
        super().start()
        self.command = self.command.replace(str(self.binary), "pegel").replace(str(self.config), self.config.name)
        return self

    def is_ready(self):
        try:
            return self.bed.get(PEGEL_PORT, "/readyz")[0].strip() == "ready"
        except OSError:
            return False

    def metrics(self):
        return self.bed.get(PEGEL_PORT, "/metrics")[0]

    @staticmethod
    def metric(page, name, label=""):
        """Sum of the series of a metric whose labels contain `label`."""
        lines = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", page, re.M)
        return int(sum(float(value) for labels, value in lines if label in labels))

    def counts_while_running(self):
        last = None
        while True:
            page = self.metrics()
            seen = self.metric(page, "pegel_capture_packets_total")
            dropped = self.metric(page, "pegel_capture_dropped_packets_total")
            if (seen, dropped) == last:
                return {"offered": seen + dropped, "dropped": dropped, "by": "pegel_capture_dropped_packets_total"}
            last = seen, dropped
            time.sleep(0.4)

    def incident(self, target):
        """When it was opened about `target` (an address, or None for any), according to the incident."""
        with contextlib.suppress(FileNotFoundError):
            # The last line may be half written.
            whole, _, _ = self.incidents_file.read_text().rpartition("\n")
            for line in whole.splitlines():
                told = json.loads(line)
                if told.get("change") == "opened" and (target is None or f'"{target}"' in json.dumps(told["target"])):
                    return {"packet_time": told["detected_after_seconds"], "vector": told["vector"]}
        return None

    def size_of_incidents(self):
        try:
            return self.incidents_file.stat().st_size
        except FileNotFoundError:
            return 0


class FastNetMon(Receiver):
    """FastNetMon with the configuration of its package, but for paths, interface and what `changes` says."""

    def __init__(self, bed, name, changes):
        super().__init__(bed)
        self.name = name
        self.changes = changes
        self.networks = [NETWORK]
        if shutil.which("fastnetmon") is None or not FASTNETMON_CONF.exists():
            self.why_not = "fastnetmon is not installed (apt-get install fastnetmon, then disable its service)"
            return
        told = subprocess.run(["fastnetmon", "--version"], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)
        self.version = found[0] if found else "unknown"

    def words(self):
        directory = self.bed.dir / f"fastnetmon-{time.monotonic_ns()}"
        directory.mkdir()
        self.incidents_file = directory / "bans"
        script = directory / "notify.sh"
        # It gets the details of the attack on standard input.
        script.write_text(f'#!/bin/sh\necho "$(date +%s%N) $*" >> {self.incidents_file}\ncat > /dev/null\n')
        script.chmod(0o755)
        (directory / "networks").write_text("\n".join(self.networks) + "\n")
        (directory / "whitelist").write_text("")
        settings = {
            "interfaces": "vb",
            "mirror_afpacket": "on",
            "disable_usage_report": "on",
            "networks_list_path": directory / "networks",
            "white_list_path": directory / "whitelist",
            "notify_script_path": script,
            "pid_path": directory / "pid",
            "cli_stats_file_path": directory / "stats",
            "cli_stats_ipv6_file_path": directory / "stats6",
            **self.changes,
        }
        text = FASTNETMON_CONF.read_text()
        for key, value in settings.items():
            text, found = re.subn(rf"^{key}\s*=.*$", f"{key} = {value}", text, flags=re.M)
            if not found:
                text += f"\n{key} = {value}\n"
        (directory / "fastnetmon.conf").write_text(text)
        self.fastnetmon_log = directory / "log"
        return ["fastnetmon", "--configuration_file", directory / "fastnetmon.conf", "--log_file", self.fastnetmon_log]

    def start(self):
        super().start()
        self.command = re.sub(r"fastnetmon-\d+", "fastnetmon", self.command)
        if self.changes:
            self.command += "  # " + ", ".join(f"{key} = {value}" for key, value in self.changes.items())
        # It builds its tables before it checks the first rate.
        time.sleep(1.2)
        return self

    def counts_while_running(self):
        """It does not report its losses, but the kernel does: its sockets are read from outside."""
        time.sleep(0.5)
        ours = self.packet_inodes()
        offered = dropped = 0
        handle = libc.syscall(434, self.pid, 0)  # pidfd_open
        if handle < 0:
            raise Trouble("pidfd_open is not there (Linux 5.6 or later)")
        try:
            for number in os.listdir(f"/proc/{self.pid}/fd"):
                with contextlib.suppress(OSError):
                    link = os.readlink(f"/proc/{self.pid}/fd/{number}")
                    if link.startswith("socket:[") and link[8:-1] in ours:
                        copy = libc.syscall(438, handle, int(number), 0)  # pidfd_getfd
                        if copy < 0:
                            raise Trouble("pidfd_getfd is not allowed")
                        with socket.socket(fileno=copy) as packet_socket:
                            told = packet_socket.getsockopt(263, 6, 12)  # SOL_PACKET, PACKET_STATISTICS
                        packets, lost = struct.unpack_from("II", told)
                        offered += packets
                        dropped += lost
        finally:
            os.close(handle)
        return {"offered": offered, "dropped": dropped, "by": "PACKET_STATISTICS of its sockets, from outside"}

    def incident(self, target):
        with contextlib.suppress(FileNotFoundError):
            for line in self.incidents_file.read_text().splitlines():
                words = line.split()
                if len(words) >= 5 and words[4] == "ban" and target in (None, words[1]):
                    return {"at_ns": int(words[0])}
        return None

    size_of_incidents = Pegel.size_of_incidents


def machine():
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    total = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    system = Path("/etc/os-release")
    name = re.search(r'^PRETTY_NAME="?([^"\n]*)', system.read_text(), re.M) if system.exists() else None
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return {
        "cpu": cpu[1] if cpu else "unknown",
        "cores": os.cpu_count(),
        "virtual": bool(flags and " hypervisor" in flags[1]),
        "memory_mib": int(total[1]) // 1024,
        "kernel": f"{os.uname().sysname} {os.uname().release.split('-')[0]} {os.uname().machine}",
        "system": name[1] if name else "unknown",
        "python": sys.version.split()[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def machine_line(told):
    kind = ", virtual machine" if told["virtual"] else ""
    return (f"{told['cpu']}, {told['cores']} cores{kind}, {told['memory_mib']} MiB, {told['kernel']}, {told['system']}, "
            f"{told['date']}")


TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def add_binaries(parser):
    parser.add_argument("--pegel", metavar="PATH", help="a binary to measure instead of building one")
    parser.add_argument("--generate", metavar="PATH", help="the generator, likewise")


def find_binaries(options):
    """Builds what was not given, and makes both paths absolute."""
    if not (options.pegel and options.generate):
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--bin", "pegel", "--example", "generate"],
                       check=True, cwd=ROOT)
    options.pegel = os.path.abspath(options.pegel or TARGET / "pegel")
    options.generate = os.path.abspath(options.generate or TARGET / "examples/generate")
