"""What a worker may: seen from outside, in /proc. And what is said where the kernel can't do all of it."""
import ctypes
import errno
import os
import platform
import pwd
import shutil
import struct
import subprocess

from harness import ARGS, Case, children, end_session, once, sanitized

CAP_SETPCAP = 8


@__import__("unittest").skipIf("--sandbox" in ARGS, "the sandbox is off in this run")
@once
class Sandbox(Case):
    def held(self, *args, **more):
        process = self.start("-m", "process", "-w", 2, "-t", 60, "-f", "json", *args, **more)
        self.origin.events_clear()
        process.stdin.write(b"https://a.test/stall/5/bytes/9\nhttps://b.test/stall/5/bytes/9\n")
        process.stdin.flush()
        self.wait_until(lambda: len(self.origin.events("request")) >= 2, "two fetches in flight")
        return process

    def status(self, pid):
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)

    def test_a_confined_worker(self):
        version = self.run_with("--version", base=False).out.decode()
        process = self.held()
        for pid in children(process.pid):
            status = self.status(pid)
            self.assertEqual(status["NoNewPrivs"], "1")
            if "+seccomp" in version:
                self.assertEqual(status["Seccomp"], "2")
            for caps in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                self.assertEqual(int(status[caps], 16), 0, caps)
            with open("/proc/%d/limits" % pid, encoding="ascii") as f:
                limits = {line[:26].strip(): line[26:].split()[0] for line in f}
            for name in ("core file size", "processes", "file size", "locked memory", "msgqueue size", "realtime priority"):
                self.assertEqual(limits["Max " + name], "0", name)
            self.assertLessEqual(int(limits["Max open files"]), 256)
            if not sanitized():
                self.assertLess(int(limits["Max address space"]), 2 << 30)
        process.terminate()
        self.finish(process)

    def test_root_is_given_up(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        for args, name in (([], "nobody"), (["--user", "daemon"], "daemon")):
            process = self.held(*args, preexec_fn=lambda: os.setgroups([0, 4, 24]))
            want = pwd.getpwnam(name)
            for pid in children(process.pid):
                status = self.status(pid)
                self.assertEqual(status["Uid"].split(), [str(want.pw_uid)] * 4)
                self.assertEqual(status["Gid"].split(), [str(want.pw_gid)] * 4)
                self.assertLessEqual(set(status["Groups"].split()), {str(want.pw_gid)})
            parent = self.status(process.pid)
            self.assertEqual(parent["Uid"].split()[1], "0")
            self.assertNotEqual(int(parent["CapEff"], 16), 0)
            if int(parent["CapEff"], 16) >> CAP_SETPCAP & 1:
                self.assertEqual(int(parent["CapBnd"], 16), 0)  # dropped once for all workers
            process.terminate()
            self.finish(process)

    def test_capabilities_are_given_up_without_a_change_of_user(self):
        """By root that stays root, and by a plain user that was given some."""
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("needs root and setpriv")
        given = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_raw", "--ambient-caps=+net_raw"]
        for prefix, args in (([], ["--user", "root"]), (given, [])):
            with self.subTest(prefix=prefix):
                self.origin.events_clear()
                command = prefix + self.command("-m", "process", "-w", 1, "-t", 60, "-f", "json", *args, "https://a.test/stall/5/bytes/9")
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           start_new_session=True)
                self.addCleanup(end_session, process)
                self.wait_until(lambda: self.origin.events("request"), "a fetch in flight")
                self.assertNotEqual(int(self.status(process.pid)["CapEff"], 16), 0)
                for pid in children(process.pid):
                    status = self.status(pid)
                    for caps in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                        self.assertEqual(int(status[caps], 16), 0, caps)
                process.terminate()
                process.communicate(timeout=60)

    def test_off(self):
        process = self.held("--sandbox", "off")
        for pid in children(process.pid):
            self.assertEqual(self.status(pid)["Seccomp"], self.status(os.getpid())["Seccomp"])
        process.terminate()
        self.finish(process)

    def test_nobody_may_look_into_a_worker(self):
        """Not dumpable, of a plain user too: /proc/PID is root's then. (A change of user makes it so by itself.)"""
        prefix = []
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                self.skipTest("there is no setpriv")
            prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        command = prefix + self.command("-m", "process", "-w", 1, "-t", 60, "-f", "json", "https://a.test/stall/5/bytes/9")
        self.origin.events_clear()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        self.addCleanup(end_session, process)
        self.wait_until(lambda: self.origin.events("request"), "a fetch in flight")
        for pid in children(process.pid):
            self.assertEqual(os.stat("/proc/%d/fd" % pid).st_uid, 0)
        process.terminate()
        process.communicate(timeout=60)

    def test_outputs_stay_the_caller_s(self):
        self.json("-d", self.path("out"), "-o", self.path("reports"), "https://a.test/ok")
        for base, names, files in os.walk(self.path("out")):
            for name in names + files:
                self.assertEqual(os.stat(os.path.join(base, name)).st_uid, os.geteuid())
        self.assertEqual(os.stat(self.path("reports")).st_uid, os.geteuid())

    def test_require(self):
        result = self.json("-m", "process", "--sandbox", "require", "https://a.test/ok")
        self.assertIn(result.status, (0, 2))
        if result.status == 2:
            self.assertEqual(len(result.err.splitlines()), 1)
        else:
            self.assertEqual(result.kinds, ["ok"])

    def test_users(self):
        """Who workers become: a name or a number that there is, and only root may say."""
        if os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("unshare"):
            self.skipTest("needs root, setpriv and unshare")
        self.assertUsage("--user", "nosuchuser", "a.test", saying="there is no user nosuchuser")
        passwd = self.write("passwd", "root:x:0:0:root:/root:/bin/sh\n")
        switch = self.write("switch", "passwd: files\n")
        script = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/nsswitch.conf || exit 77; shift 2; exec "$@"'
        elsewhere = ["unshare", "-m", "sh", "-c", script, "sh", passwd, switch]
        plain = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for prefix, args, said in ((elsewhere, [], "there is no user nobody: say with --user who workers become"),
                                   (plain, ["--user", "daemon"], "--user: only root can become another user")):
            with self.subTest(said):
                process = subprocess.run(prefix + self.command(*args, "https://a.test/ok"), capture_output=True, stdin=subprocess.DEVNULL,
                                         timeout=60, check=False)
                if process.returncode in (1, 77) and any(w in process.stderr for w in (b"mount", b"unshare")):
                    self.skipTest("nothing can be mounted here")
                self.assertEqual((process.returncode, process.stdout), (2, b""), process.stderr)
                self.assertIn(said.encode(), process.stderr)

    def test_everything_works_confined(self):
        lines = ["https://a.test/gzip/bytes/100000", "expired.test", "https://[::1]:1/", "reset.test", "localhost", "no.invalid",
                 "tls12-rsa.test", "ed25519.test", "needcert.test", "ticketflood.test", "https://a.test/zstd/bytes/3000000"]
        result = self.json("-m", "process", "-w", 2, "--compressed", "-t", 5, lines=lines)
        from harness import kind
        self.assertNotIn("worker-died", [kind(r) for r in result.reports], result.err)


CALLS = {"x86_64": {"seccomp": 317, "landlock_create_ruleset": 444}, "aarch64": {"seccomp": 277, "landlock_create_ruleset": 444}}


def older_kernel(*calls):
    """To be called before exec: from now on the kernel doesn't know these calls."""
    numbers = [CALLS[platform.machine()][c] for c in calls]
    load, equal, give = 0x20, 0x15, 0x06
    code = [(load, 0, 0, 0)]
    for number in numbers:
        code += [(equal, 0, 1, number), (give, 0, 0, 0x00050000 | errno.ENOSYS)]
    code.append((give, 0, 0, 0x7fff0000))
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(filters)))
    libc = ctypes.CDLL(None)

    def install():
        libc.prctl(38, 1, 0, 0, 0)  # no_new_privs
        if libc.prctl(22, 2, program, 0, 0) != 0:
            os._exit(99)
    install.kept = filters
    return install


@__import__("unittest").skipIf("--sandbox" in ARGS or platform.machine() not in CALLS, "the sandbox is off, or the calls' numbers unknown")
@once
class OlderKernels(Case):
    CASES = ((["landlock_create_ruleset"], "landlock"), (["seccomp"], "seccomp"), (["landlock_create_ruleset", "seccomp"], "landlock, seccomp"))

    def setUp(self):
        super().setUp()
        here = self.run_with("--version", base=False).out.decode()
        if "not in this" in here:
            self.skipTest("something is missing already")

    def test_require_says_what_is_missing(self):
        for calls, missing in self.CASES:
            with self.subTest(missing):
                self.assertUsage("--sandbox", "require", "https://a.test/ok", preexec_fn=older_kernel(*calls),
                                 saying="this system can't confine workers as required, missing: %s\n" % missing)

    def test_auto_does_what_it_can_and_says_so_once_when_asked(self):
        for calls, missing in self.CASES:
            with self.subTest(missing):
                said = "the sandbox has to do without: %s\n" % missing
                lines = ["https://h%d.test/ok" % i for i in range(6)]
                quiet = self.json("-w", 3, lines=lines, preexec_fn=older_kernel(*calls))
                self.assertEqual((quiet.kinds, quiet.err.count("sandbox")), (["ok"] * 6, 0))
                told = self.json("-v", "-w", 3, lines=lines, preexec_fn=older_kernel(*calls))
                self.assertEqual((told.kinds, told.err.count(said)), (["ok"] * 6, 1), told.err)

    def test_the_version_tells(self):
        for calls, missing in self.CASES:
            here = self.run_with("--version", base=False, preexec_fn=older_kernel(*calls)).out.decode()
            for piece in missing.split(", "):
                self.assertIn("-%s(not in this kernel)" % piece, here)
