"""examples/slurm-array.sh on a Slurm of the test's own: munged, slurmctld and slurmd as plain programs on 127.0.0.1.

Not among the tests of `make check` (./scripts/check slurm): it takes packages that start services."""
import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import ARGS, PFETCH, SLOW, TOP, Case, children, end_tree, environment, once

PATH = "/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
TARGETS, PARTS = 400, 4
RECIPE = os.path.join(TOP, "examples", "slurm-array.sh")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@once
class Slurm(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        missing = [p for p in PROGRAMS if not shutil.which(p, path=PATH)]
        if missing:
            raise unittest.SkipTest("not installed: " + " ".join(missing))
        if not os.path.ismount("/sys/fs/cgroup"):
            raise unittest.SkipTest("no cgroups at /sys/fs/cgroup: slurmd does not start without")
        try:
            socket.getaddrinfo(socket.gethostname(), None)
        except OSError:
            raise unittest.SkipTest("this machine's own name has no address: slurmctld does not start without") from None

    def setUp(self):
        super().setUp()
        # Past the first ones all wait at a gate, which opens for one worker more than there are.
        self.list = self.write("list", "".join("https://h%d.test%s/text/%d\n" % (
            i % 60, "" if i < 180 else "/gate/%d/%s" % (2 * PARTS + 1, self.id()[-30:]), i) for i in range(TARGETS)))
        for name in ("munge", "state", "spool", "results"):
            os.mkdir(self.path(name), 0o700 if name == "munge" else 0o755)
        self.env = environment({"PATH": PATH, "SLURM_CONF": self.path("slurm.conf"), "HOME": self.dir,
                                "PFETCH": PFETCH, "TMPDIR": self.tmp})
        for _ in range(3):
            if self.cluster_start():
                return
        self.fail("Slurm does not start:\n" + "".join(
            "== %s\n%s\n" % (n, self.read(n)[-1500:].decode("utf-8", "replace"))
            for n in ("munged.log", "slurmctld.log", "slurmd.log") if os.path.exists(self.path(n))))

    # The cluster: one node, which is this machine

    def cluster_start(self):
        munge = self.path("munge/")
        with open(munge + "key", "wb") as f:
            f.write(os.urandom(128))
        os.chmod(munge + "key", 0o600)
        host, me = socket.gethostname().split(".")[0], getpass.getuser()
        ctld, node = free_ports(2)
        self.write("slurm.conf", "\n".join([
            "ClusterName=pfetch", "SlurmctldHost=%s(127.0.0.1)" % host, "SlurmctldPort=%d" % ctld, "SlurmdPort=%d" % node,
            "AuthType=auth/munge", "AuthInfo=socket=%ssocket" % munge, "CredType=cred/munge",
            "SlurmUser=" + me, "SlurmdUser=" + me, "StateSaveLocation=" + self.path("state"),
            "SlurmdSpoolDir=" + self.path("spool"), "SlurmctldPidFile=" + self.path("slurmctld.pid"),
            "SlurmdPidFile=" + self.path("slurmd.pid"), "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none",
            "SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU", "SlurmdParameters=config_overrides",
            "SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1", "MpiDefault=none",
            "JobAcctGatherType=jobacct_gather/none", "AccountingStorageType=accounting_storage/none",
            "ReturnToService=2", "KillWait=5", "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny",
            "NodeName=node NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=%d State=UNKNOWN" % (host, node, PARTS),
            "PartitionName=all Nodes=node Default=YES MaxTime=INFINITE State=UP", ""]))
        started = [
            self.daemon("munged", "--foreground", "--force", "--key-file=" + munge + "key", "--socket=" + munge + "socket",
                        "--pid-file=" + munge + "pid", "--seed-file=" + munge + "seed", "--log-file=" + munge + "log"),
            self.daemon("slurmctld", "-D", "-c", "-f", self.path("slurm.conf")),
            self.daemon("slurmd", "-D", "-N", "node", "-f", self.path("slurm.conf"))]
        end = time.monotonic() + 40 * SLOW
        while time.monotonic() < end and all(p.poll() is None for p in started):
            try:
                if self.slurm("sinfo", "-h", "-o", "%t").stdout.strip() in ("idle", "mix"):
                    return True
            except subprocess.CalledProcessError:
                pass
            time.sleep(0.2)
        for process in started:
            end_tree(process)
        return False

    def daemon(self, name, *args):
        log = open(self.path(name + ".log"), "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen([shutil.which(name, path=PATH), *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=self.env, start_new_session=True)
        self.addCleanup(end_tree, process)
        return process

    def slurm(self, *args, env=None):
        return subprocess.run(args, env={**self.env, **(env or {})}, capture_output=True, text=True, timeout=60 * SLOW,
                              check=True, cwd=self.path("results"))

    # The recipe

    def submit(self, array, *args, env=None):
        said = self.slurm("sbatch", "--parsable", "--array=" + array, RECIPE, self.list, self.path("results"), *ARGS,
                          *self.trust(), *self.toward(), "-w", "2", "-q", "-t", "100", "--max-time", "200", *args, env=env).stdout
        return said.strip().split(";")[0]

    def gate_open(self):
        gate = self.list_gate()
        self.run_with("-w", 2 * PARTS + 1, "-f", "none", "-t", 60, *("https://h%d.test%s" % (i, gate) for i in range(2 * PARTS + 1)))
        self.origin.events_clear()

    def list_gate(self):
        return self.read("list").decode().split()[-1].partition(".test")[2]

    def wait_for(self, job):
        self.wait_until(lambda: not self.slurm("squeue", "-h", "-j", job).stdout.strip(), "the job has ended", 180)

    def states(self, job):
        """The end of each task, by its number."""
        found = {}
        for record in self.slurm("scontrol", "-o", "show", "job", job).stdout.splitlines():
            fields = dict(f.split("=", 1) for f in record.split() if "=" in f)
            found[int(fields["ArrayTaskId"])] = fields["JobState"]
        return found

    def done(self, part, parts=PARTS):
        try:
            with open(self.path("results/%d-of-%d.journal" % (part, parts)), "rb") as f:
                return sum(not line.startswith(b"#") for line in f)
        except OSError:
            return 0

    def pids_of(self, part):
        """The pfetch of a part, its workers left out."""
        found = []
        for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    words = f.read().decode("utf-8", "replace").split("\0")
            except OSError:
                continue
            if "%d/%d" % (part, PARTS) in words and self.list in words and children(pid):
                found.append(pid)
        return found

    def check_merged(self):
        """Merged by the two commands that the script names, the parts are the list, once each, and answered."""
        with open(RECIPE, encoding="utf-8") as f:
            commands = [x[1:].strip().replace("DIR", "results") for x in f if x.startswith(("#     tac", "#     cat"))]
        self.assertEqual(len(commands), 2)
        for command in commands:
            subprocess.run(["sh", "-ec", command], cwd=self.dir, check=True, timeout=30 * SLOW)
        reports = [json.loads(x) for x in self.read("reports.jsonl").splitlines()]
        lines = self.read("list").decode().splitlines()
        self.assertEqual(sorted(r["index"] for r in reports), list(range(1, TARGETS + 1)))
        for r in reports:
            self.assertEqual((r["target"], r["status"]), (lines[r["index"] - 1], 200), r)
        self.assertEqual(sum(not x.startswith(b"#") for x in self.read("journal").splitlines()), TARGETS)
        rest = self.run_with("--joblog", self.path("journal"), "--resume", "--dry-run", "-i", self.list)
        self.assertEqual((rest.status, rest.out), (0, b""), rest)

    def test_an_array_killed_half_way_and_resumed(self):
        job = self.submit("1-%d" % PARTS)
        self.wait_until(lambda: all(self.done(i) > 10 for i in range(1, PARTS + 1)), "all parts are at work", 120)
        # One task is cancelled (TERM), one is killed outright, as when its node fails.
        self.slurm("scancel", job + "_2")
        for pid in self.pids_of(3):
            os.kill(pid, signal.SIGKILL)
        self.wait_until(lambda: not self.pids_of(2) and not self.pids_of(3), "both have ended", 60)
        self.gate_open()
        self.wait_for(job)
        states = self.states(job)
        self.assertEqual({i: s for i, s in states.items() if s == "COMPLETED"}, {1: "COMPLETED", 4: "COMPLETED"}, states)
        self.assertEqual(states[2], "CANCELLED")
        before = {i: self.done(i) for i in range(1, PARTS + 1)}
        self.assertLess(sum(before.values()), TARGETS)
        self.origin.events_clear()
        again = self.submit("2,3", env={"SHARDS": str(PARTS)})
        self.wait_for(again)
        self.assertEqual(set(self.states(again).values()), {"COMPLETED"})
        self.assertEqual(len(self.origin.events("request")), TARGETS - sum(before.values()), "done work was done again")
        self.check_merged()

    def test_the_whole_array_cancelled_and_submitted_again(self):
        job = self.submit("1-%d" % PARTS)
        self.wait_until(lambda: sum(self.done(i) for i in range(1, PARTS + 1)) > 20, "the array is at work", 120)
        self.slurm("scancel", job)
        self.wait_for(job)
        self.gate_open()
        self.assertLess(sum(self.done(i) for i in range(1, PARTS + 1)), TARGETS)
        job = self.submit("1-%d" % PARTS)
        self.wait_for(job)
        self.assertEqual(set(self.states(job).values()), {"COMPLETED"})
        self.check_merged()


@once
class Script(Case):
    """What the script says without a Slurm around it."""

    def run_script(self, *args, **env):
        return subprocess.run([RECIPE, *args], env=environment({"PFETCH": PFETCH, **env}),
                              capture_output=True, text=True, timeout=60 * SLOW, cwd=self.dir, check=False)

    def test_usage(self):
        result = self.run_script("list", SLURM_ARRAY_TASK_COUNT="2", SLURM_ARRAY_TASK_ID="1")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("sbatch --array=1-N", result.stderr)

    def test_another_cut_is_refused(self):
        """Without SHARDS, an array of fewer tasks would cut the list otherwise, and lose some of it."""
        self.write("list", "no target\n")
        first = self.run_script("list", "out", "-q", SLURM_ARRAY_TASK_COUNT="1", SLURM_ARRAY_TASK_ID="1")
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        self.assertEqual(len(self.read("out/1-of-1.jsonl").splitlines()), 1)
        for count in ("2", "11"):
            other = self.run_script("list", "out", "-q", SLURM_ARRAY_TASK_COUNT=count, SLURM_ARRAY_TASK_ID="1")
            self.assertEqual(other.returncode, 2)
            self.assertIn("SHARDS", other.stderr)
        again = self.run_script("list", "out", "-q", SLURM_ARRAY_TASK_COUNT="1", SLURM_ARRAY_TASK_ID="1")
        self.assertEqual((again.returncode, len(self.read("out/1-of-1.jsonl").splitlines())), (0, 1))
