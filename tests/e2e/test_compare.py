"""--compare: rows, modes and sweeps, what is counted, memory as others see it, pictures, and the end by a signal."""
import json
import os
import resource
import shutil
import signal
import subprocess
import unittest
import xml.dom.minidom

from harness import Case, children, environment, once, sanitized, session_pids

FIELDS = ["mode", "workers", "rounds", "ok", "failed", "user", "sys", "real", "speedup", "pss", "rss", "spread"]


def rollup(pid, field):
    try:
        with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as f:
            return sum(int(line.split()[1]) * 1024 for line in f if line.startswith(field + ":"))
    except OSError:
        return 0


@once
class Compare(Case):
    def rows(self, *args, **more):
        result = self.run_with("--compare", "-f", "json", *args, **more)
        return result, [json.loads(line) for line in result.out.decode().splitlines()]

    def test_rows(self):
        self.origin.events_clear()
        result, rows = self.rows("-w", 3, lines=["https://h%d.test/bytes/1000" % i for i in range(20)])
        self.assertEqual(result.status, 0, result)
        self.assertEqual([(r["mode"], r["workers"]) for r in rows], [("serial", 1), ("thread", 3), ("process", 3)])
        for row in rows:
            self.assertEqual(list(row), FIELDS)
            self.assertEqual((row["ok"], row["failed"], row["rounds"]), (20, 0, 1))
            self.assertGreater(row["pss"], 500000)
            self.assertGreater(row["rss"], row["pss"])
            self.assertGreater(row["real"], 0)
            self.assertEqual(set(row["spread"]), {"user", "sys", "real", "pss", "rss"})
            self.assertEqual(row["spread"]["real"], [row["real"]] * 2)
            self.assertAlmostEqual(row["speedup"], rows[0]["real"] / row["real"], 2)
        self.assertEqual(rows[0]["speedup"], 1)
        self.assertEqual(len(self.origin.events("request")), 60)

    def test_sweep_and_modes(self):
        _, rows = self.rows("-w", "1,2,4", "-m", "process,thread", "https://a.test/ok")
        self.assertEqual([(r["mode"], r["workers"]) for r in rows],
                         [("thread", 1), ("thread", 2), ("thread", 4), ("process", 1), ("process", 2), ("process", 4)])
        self.assertEqual([r["speedup"] for r in rows], [None] * 6)

    def test_rounds_take_turns(self):
        self.origin.events_clear()
        result, rows = self.rows("-m", "serial,thread", "-w", 1, "--compare-rounds", 3, "--no-keepalive", "https://a.test/ok")
        self.assertEqual([r["rounds"] for r in rows], [3, 3], result)
        for row in rows:
            least, greatest = row["spread"]["real"]
            self.assertTrue(least <= row["real"] <= greatest, row)
        self.assertEqual(len(self.origin.events("request")), 6)

    def test_failures_are_counted(self):
        result, rows = self.rows("-w", 2, lines=["https://a.test/ok", "expired.test", "a b"])
        self.assertEqual([(r["ok"], r["failed"]) for r in rows], [(1, 2)] * 3)
        self.assertEqual(result.status, 1)
        self.assertEqual(self.rows("--exit-zero", "-m", "serial", "expired.test")[0].status, 0)

    def test_differing_counts_are_flagged(self):
        self.origin.events_clear()
        result, rows = self.rows("-m", "serial,thread", "-w", 1, "--fail", "https://a.test/flaky/1/500/compare/ok")
        self.assertIn("did not fetch the same", result.err)
        self.assertEqual(sorted(r["ok"] for r in rows), [0, 1])

    def test_table(self):
        result = self.run_with("--compare", "-w", 2, "https://a.test/bytes/100")
        lines = result.out.decode().splitlines()
        self.assertEqual(lines[0].split()[:2], ["mode", "workers"])
        self.assertEqual([line.split()[:4] for line in lines[1:4]],
                         [["serial", "1", "1", "0"], ["thread", "2", "1", "0"], ["process", "2", "1", "0"]])
        self.assertIn("PSS", lines[0])
        self.assertIn("PSS counts what they share once", lines[5])

    def test_the_list_is_read_once_and_used_for_each(self):
        for given in ("file", "pipe"):
            lines = "".join("https://h%d.test/ok\n" % i for i in range(30))
            path = self.write("list", lines)
            args, data = (["-i", path], b"") if given == "file" else ([], lines.encode())
            _, rows = self.rows("-w", 2, *args, data=data)
            self.assertEqual([r["ok"] for r in rows], [30] * 3)
        with open(path, "rb") as f:
            _, rows = self.rows("-w", 2, stdin=f, data=None)
        self.assertEqual([r["ok"] for r in rows], [30] * 3)

    def test_options_that_can_be_read_only_once(self):
        read, write = os.pipe()
        os.write(write, b"header = \"X-Seen: yes\"\n")
        os.close(write)
        self.origin.events_clear()
        _, rows = self.rows("-w", 2, "--config", "/dev/fd/%d" % read, "https://a.test/ok", pass_fds=(read,))
        os.close(read)
        self.assertEqual([r["ok"] for r in rows], [1] * 3)
        seen = [dict(e["headers"]).get("X-Seen") for e in self.origin.events("request")]
        self.assertEqual(seen, ["yes"] * 3)

    def test_output_and_picture(self):
        out = self.path("table")
        result = self.run_with("--compare", "-o", out, "https://a.test/ok")
        self.assertEqual(result.out, b"")
        self.assertEqual(len(self.read("table").splitlines()), 6)
        self.origin.events_clear()
        self.assertEqual(self.run_with("--compare", "-o", self.path("no/table"), "https://a.test/ok").status, 3)
        if shutil.which("gnuplot"):
            self.assertEqual(self.run_with("--compare", "--plot", self.path("no/p.svg"), "https://a.test/ok").status, 3)
        self.assertEqual(self.origin.events("request"), [])

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_plot(self):
        result = self.run_with("--compare", "-w", "1,2", "--plot", self.path("p.svg"), "https://a.test/ok")
        self.assertEqual(result.status, 0, result)
        text = " ".join(node.toxml() for node in xml.dom.minidom.parse(self.path("p.svg")).getElementsByTagName("text"))
        for word in ("serial", "thread", "process", "workers"):
            self.assertIn(word, text)

    def test_plot_without_gnuplot(self):
        self.assertUsage("--compare", "--plot", self.path("p.svg"), "https://a.test/ok", saying="apt-get install gnuplot",
                         env={"PATH": self.dir})
        self.assertFalse(os.path.exists(self.path("p.svg")))

    def test_usage(self):
        for args in (["--warc", self.path("w")], ["-d", self.path("d")], ["--joblog", self.path("j")], ["--dry-run"],
                     ["-f", "body"], ["-w", "1,x"], ["-w", "0"], ["--compare-rounds", "0"]):
            self.assertUsage("--compare", *args, "a.test")
        self.assertEqual(os.listdir(self.dir), ["tmp"])


def named(pid):
    try:
        with open("/proc/%s/comm" % pid, encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return ""


def others(own):
    """Other programs of this name."""
    return [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in own and named(p) == "pfetch"]


@once
class Measure(Case):
    def held(self, mode, *more):
        """A comparison whose fetches hang, and its run with all workers at it."""
        self.origin.events_clear()
        process = self.start("--compare", "-f", "json", "-m", mode, "-w", 4, *more, "-t", 20,
                             *["https://h%d.test/delay/1500/text/x" % i for i in range(4)])
        self.wait_until(lambda: len(self.origin.events("request")) == 4, "four requests")
        return process, children(process.pid)[0]

    def compare_memory(self, *more):
        process, run = self.held("process", *more)
        pids = [run] + children(run)
        own = pids + [process.pid]
        beside = others(own)
        pss, rss = (sum(rollup(p, field) for p in pids) for field in ("Pss", "Rss"))
        row = json.loads(self.finish(process).out)
        self.assertEqual(len(pids), 5)
        self.assertAlmostEqual(row["rss"] / rss, 1, delta=0.05)
        beside += others(own)
        # another test's runs map the same libraries, and take their share of them, now or when the row was measured
        self.assertAlmostEqual(row["pss"] / pss, 1, delta=0.5 if beside else 0.15)

    @unittest.skipIf(sanitized(), "memory is not its own")
    @unittest.skipIf(os.geteuid(), "needs root, to look at confined processes")
    def test_memory_is_what_others_see(self):
        self.compare_memory()

    @unittest.skipIf(sanitized(), "memory is not its own")
    def test_the_measurer_takes_no_share(self):
        """What it maps of the libraries would be taken off the run's PSS."""
        process, _ = self.held("thread")
        shared = {}
        with open("/proc/%d/smaps" % process.pid, encoding="ascii", errors="replace") as f:
            for line in f:
                if "-" in line.split()[0]:
                    name = line.split()[-1]
                elif line.startswith(("Rss:", "Anonymous:")):
                    sign = 1 if line.startswith("Rss:") else -1
                    shared[name] = shared.get(name, 0) + sign * int(line.split()[1])
        self.finish(process)
        self.assertEqual([kb for name, kb in shared.items() if "libcrypto" in name and kb > 100], [], shared)

    @unittest.skipIf(os.geteuid() or sanitized(), "needs root, to become somebody else")
    def test_memory_of_confined_workers_as_a_plain_user(self):
        """Confined workers hide their memory from a parent without privileges: it must have looked before."""
        rows = {}
        for user in (0, 65534):
            os.chown(self.tmp, user, -1)
            options = dict(user=user, group=user, extra_groups=[]) if user else {}
            result = self.run_with("--compare", "-f", "json", "-m", "process", "-w", 6,
                                   *["https://h%d.test/delay/200/text/x" % i for i in range(6)], **options)
            self.assertEqual(result.status, 0, result)
            rows[user] = json.loads(result.out)
        self.assertGreater(rows[65534]["rss"], 0.8 * rows[0]["rss"])
        self.assertGreater(rows[65534]["pss"], 0.8 * rows[0]["pss"])

    @unittest.skipIf(sanitized(), "time is not its own")
    def test_time_is_what_others_see(self):
        lines = "".join("https://h%d.test/bytes/1000\n" % (i % 50) for i in range(600)).encode()
        path = self.write("list", lines)
        args = ["--no-keepalive", "-m", "process", "-w", 2, "-i", path]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(self.command("-f", "none", *args), env=environment({"TMPDIR": self.tmp}), check=True,
                       stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        row = json.loads(self.run_with("--compare", "-f", "json", *args).out)
        self.assertEqual(row["ok"], 600)
        self.assertTrue(0.6 < (row["user"] + row["sys"]) / cpu < 1.6, (row, cpu))

    def test_an_interrupt_ends_it_all(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process, _ = self.held(mode) if mode == "process" else (self.start(
                    "--compare", "-m", mode, "https://a.test/stall/5/bytes/9"), None)
                self.wait_until(lambda: children(process.pid), "a run")
                process.send_signal(signal.SIGINT)
                result = self.finish(process)
                self.assertEqual((result.status, result.out), (130, b""), result)
                self.wait_until(lambda: not session_pids(process.pid), "no process left")

    def test_status(self):
        process, _ = self.held("thread")
        process.send_signal(signal.SIGUSR1)
        result = self.finish(process)
        self.assertEqual(result.status, 0, result)
        self.assertIn("4 in flight", result.err)
