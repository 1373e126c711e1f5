"""examples/ssh-parallel.sh on three hosts that are addresses of loopback, behind an sshd of the test's own."""
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from harness import ARGS, PFETCH, SLOW, TOP, WRAP, Case, end_session, end_tree, environment, once, session_pids

HOSTS = {"alpha": "127.0.0.2", "beta": "127.0.0.3", "gamma": "127.0.0.4"}
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
TARGETS = 300


def command_of(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


@once
class Ssh(Case):
    def setUp(self):
        super().setUp()
        missing = [p for p in ("ssh", "ssh-keygen", "parallel") if not shutil.which(p)] + ([] if SSHD else ["sshd"])
        if missing:
            self.skipTest("not installed: " + " ".join(missing))
        self.there, self.scratch = self.path("there"), self.path("scratch")
        os.mkdir(self.scratch)
        # Past the first ones all wait at a gate, which opens for one worker more than there are, and then stays open:
        # each test has its own.
        self.gate = "/gate/7/" + self.id()[-30:]
        self.list = self.write("list", "".join(
            "https://h%d.test%s/text/%d\n" % (i % 60, "" if i < 120 else self.gate, i) for i in range(TARGETS)))
        self.sshd_start()

    # A server with keys, port, files and a home of its own (whoever runs this has files there that a shell reads
    # first). Root's needs /run/sshd, anybody else's lets only them in.

    def sshd_start(self):
        os.chmod(self.dir, 0o700 if os.getuid() else 0o755)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(name)], check=True)
        shutil.copy(self.path("user.pub"), self.path("authorized"))
        if os.getuid() == 0 and not os.path.isdir("/run/sshd"):
            os.mkdir("/run/sshd", 0o755)
            self.addCleanup(os.rmdir, "/run/sshd")
        for _ in range(5):
            with socket.socket() as s:
                s.bind(("127.0.0.2", 0))
                port = s.getsockname()[1]
            log = open(self.path("sshd.log"), "wb")
            self.addCleanup(log.close)
            self.write("sshd_config", "\n".join([
                "Port %d" % port, *("ListenAddress " + a for a in HOSTS.values()), "HostKey " + self.path("host"),
                "AuthorizedKeysFile " + self.path("authorized"), "PidFile none", "StrictModes no", "UsePAM no",
                "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
                "SetEnv HOME=" + self.dir, "PrintMotd no", "PrintLastLog no", "MaxStartups 50", "LogLevel VERBOSE", ""]))
            sshd = subprocess.Popen([SSHD, "-D", "-e", "-f", self.path("sshd_config")], stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, start_new_session=True)
            self.addCleanup(end_tree, sshd)
            end = time.monotonic() + 10 * SLOW
            while time.monotonic() < end and sshd.poll() is None and b"listening on 127.0.0.4" not in self.read("sshd.log"):
                time.sleep(0.02)
            if sshd.poll() is None:
                break
        else:
            self.fail("sshd does not start: %r" % self.read("sshd.log"))
        key = self.read("host.pub").decode().split()
        self.write("known", "".join("[%s]:%d %s %s\n" % (a, port, key[0], key[1]) for a in HOSTS.values()))
        self.write("ssh_config", "".join(
            "Host %s\n  HostName %s\n" % pair for pair in HOSTS.items()) + "\n".join([
                "Host *", "  User " + getpass.getuser(), "  Port %d" % port, "  IdentityFile " + self.path("user"),
                "  IdentitiesOnly yes", "  UserKnownHostsFile " + self.path("known"), "  StrictHostKeyChecking yes",
                "  BatchMode yes", "  LogLevel ERROR", ""]))

    # The recipe

    def recipe(self, *hosts, args=()):
        env = environment({"SSH": "ssh -F " + self.path("ssh_config"), "PFETCH": " ".join(WRAP + [PFETCH, *ARGS]),
                           "THERE": self.there, "TMPDIR": self.scratch, "HOME": self.dir})
        process = subprocess.Popen(
            [os.path.join(TOP, "examples", "ssh-parallel.sh"), self.list, self.path("run"), *hosts, "--", *self.trust(),
             *self.toward(), "-w", "2", "-t", "200", "--max-time", "300", *args],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(end_session, process)
        return process

    def ended(self, process):
        out, err = process.communicate(timeout=300 * SLOW)
        return process.returncode, (out + err).decode("utf-8", "replace")

    def running(self, shard=None):
        """The pids of the runs over there: parents only, by the part that they do."""
        found = []
        for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
            words = command_of(pid)
            if words[:1] == [PFETCH] and "--shard" in words and self.origin.path("ca.pem") in words:
                part = words[words.index("--shard") + 1]
                if shard in (None, part) and command_of(self.parent(pid))[:1] != [PFETCH]:
                    found.append(pid)
        return found

    @staticmethod
    def parent(pid):
        try:
            with open("/proc/%d/stat" % pid, "rb") as f:
                return int(f.read().rpartition(b")")[2].split()[1])
        except OSError:
            return 0

    def done(self, shard):
        """The lines of a part's journal over there."""
        try:
            with open(os.path.join(self.there, shard.replace("/", "-of-"), "journal"), "rb") as f:
                return sum(not line.startswith(b"#") for line in f)
        except OSError:
            return 0

    def at_work(self, process, count):
        """Waits until each part has so many targets done."""
        def all_are():
            if process.poll() is not None:
                self.fail("ended early: %s" % (self.ended(process),))
            time.sleep(0.1)
            return all(self.done("%d/3" % i) > count for i in (1, 2, 3))

        self.wait_until(all_are, "all parts are at work", 240)

    def gate_open(self):
        self.run_with("-w", 7, "-f", "none", "-t", 60, *("https://h%d.test%s/text/x" % (i, self.gate) for i in range(7)))

    def check_merged(self, count=TARGETS):
        self.assertEqual(os.listdir(self.scratch), [])
        reports = [json.loads(line) for line in self.read("run/reports.jsonl").splitlines()]
        lines = self.read("list").decode().splitlines()
        self.assertEqual(sorted(r["index"] for r in reports), list(range(1, count + 1)))
        for r in reports:
            self.assertEqual((r["target"], r["status"]), (lines[r["index"] - 1], 200))
        journal = [x for x in self.read("run/journal").splitlines() if not x.startswith(b"#")]
        self.assertEqual(len(journal), count)
        rest = self.run_with("--joblog", self.path("run/journal"), "--resume", "--dry-run", "-i", self.list)
        self.assertEqual((rest.status, rest.out), (0, b""), rest)

    def test_two_parts_killed_half_way_and_resumed(self):
        process = self.recipe(*HOSTS)
        self.at_work(process, 10)
        # One machine dies; of another one only the connection.
        for pid in self.running("1/3"):
            os.kill(pid, signal.SIGKILL)

        def clients():  # one look may miss it while the first machine's processes end
            return [p for p in session_pids(process.pid)
                    if command_of(p)[:1] == ["ssh"] and "2/3" in " ".join(command_of(p))]

        try:
            self.wait_until(lambda: len(clients()) == 1, "the client of the second machine is there", 10)
        except AssertionError as error:
            there = [" ".join(command_of(p))[:200] for p in session_pids(process.pid)]
            done = [self.done("%d/3" % i) for i in (1, 2, 3)]
            self.fail("%s; %d of them; the session has %r; lines done %r" % (error, len(clients()), there, done))
        os.kill(clients()[0], signal.SIGKILL)
        self.wait_until(lambda: not self.running("1/3") and not self.running("2/3"), "both have ended", 60)
        self.gate_open()
        status, said = self.ended(process)
        self.assertNotEqual(status, 0, said)
        self.assertIn("run the same command again", said)
        before = {i: self.done("%d/3" % i) for i in (1, 2, 3)}
        total = sum(before.values())
        self.assertLess(total, TARGETS)
        self.origin.events_clear()
        status, said = self.ended(self.recipe(*HOSTS))
        self.assertEqual(status, 0, said)
        self.assertEqual(len(self.origin.events("request")), TARGETS - total, "done work was done again")
        self.check_merged()

    def test_interrupted_here_and_resumed(self):
        process = self.recipe(*HOSTS)
        self.at_work(process, 5)
        os.killpg(process.pid, signal.SIGINT)
        self.ended(process)
        self.wait_until(lambda: not self.running(), "no run is left over there", 60)
        self.assertLess(sum(self.done("%d/3" % i) for i in (1, 2, 3)), TARGETS)
        self.gate_open()
        status, said = self.ended(self.recipe(*HOSTS))
        self.assertEqual(status, 0, said)
        self.check_merged()

    def test_a_host_twice_and_options_with_quotes(self):
        self.list = self.write("list", "a.test\nb.test\nc.test\nd.test\n")
        status, said = self.ended(self.recipe("alpha", "alpha", args=["-H", "X-Said: it's a \"test\" $HOME"]))
        self.assertEqual(status, 0, said)
        self.check_merged(4)
        sent = [dict(e["headers"])["X-Said"] for e in self.origin.events("request")[-4:]]
        self.assertEqual(sent, ["it's a \"test\" $HOME"] * 4)

    def test_a_host_that_cannot_be_reached(self):
        status, said = self.ended(self.recipe("alpha", "nowhere.invalid"))
        self.assertNotEqual(status, 0, said)
        self.assertIn("nowhere.invalid", said)

    def test_usage(self):
        for args in ([], ["list"], ["list", "dir"], ["list", "dir", "--", "-w", "3"]):
            result = subprocess.run([os.path.join(TOP, "examples", "ssh-parallel.sh"), *args], capture_output=True,
                                    text=True, cwd=self.dir, timeout=30 * SLOW, check=False)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn("LIST DIR HOST", result.stderr)
