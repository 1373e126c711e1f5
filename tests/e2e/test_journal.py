"""--joblog, --resume, --resume-failed: what the journal says done is done, and is not done again."""
import os
import random
import time

from harness import Case, kind, once, pattern, session_pids


class Journal(Case):
    def setUp(self):
        super().setUp()
        self.log = self.path("journal")

    def run_log(self, *args, resume="--resume", **more):
        return self.json("--joblog", self.log, *([resume] if resume else []), *args, **more)

    def test_a_line_a_target(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.log = self.path("journal-" + mode)
                self.run_log("-m", mode, resume=None, lines=["https://a.test/ok", "expired.test", "bad line"])
                lines = [x for x in self.read("journal-" + mode).splitlines() if not x.startswith(b"#")]
                self.assertEqual(len(lines), 3)

    def test_resume_skips_what_is_done(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.log = self.path("journal-" + mode)
                first = ["https://h%d.test/ok" % i for i in range(20)]
                self.assertEqual(len(self.run_log("-m", mode, lines=first).reports), 20)
                again = self.run_log("-m", mode, lines=first + ["https://new.test/ok"])
                self.assertEqual([r["target"] for r in again.reports], ["https://new.test/ok"])
                self.assertEqual(again.report["index"], 21)

    def test_failed_ones(self):
        lines = ["https://a.test/ok", "expired.test", "https://a.test/status/404", "bad line", "https://127.0.0.1:1/"]
        self.assertEqual(len(self.run_log(lines=lines).reports), 5)
        self.assertEqual(self.run_log(lines=lines).reports, [])
        again = self.run_log(resume="--resume-failed", lines=lines)
        self.assertEqual(sorted(r["target"] for r in again.reports), ["bad line", "expired.test", "https://127.0.0.1:1/"]
                         if "https://127.0.0.1:1/" in [r["target"] for r in again.reports] else ["bad line", "expired.test"])

    def test_by_target_and_occurrence_not_by_line(self):
        self.run_log(lines=["https://a.test/ok", "https://b.test/ok", "https://a.test/ok"])
        again = self.run_log(lines=["https://x.test/ok", "https://b.test/ok", "https://a.test/ok", "https://a.test/ok", "https://a.test/ok"])
        self.assertEqual(sorted(r["target"] for r in again.reports), ["https://a.test/ok", "https://x.test/ok"])

    def test_merged_with_cat(self):
        lines = ["https://h%d.test/ok" % i for i in range(40)]
        logs = []
        for shard in (1, 2, 3):
            self.log = self.path("shard%d" % shard)
            logs.append(self.log)
            self.run_log("--shard", "%d/3" % shard, lines=lines)
        self.log = self.path("all")
        with open(self.log, "wb") as out:
            for log in logs:
                with open(log, "rb") as f:
                    out.write(f.read())
        self.assertEqual(self.run_log(lines=lines).reports, [])

    @once
    def test_two_runs_at_once(self):
        """The second one is told so before it has read, and not after, when it would do again what the first did."""
        lines = ["https://h%d.test/ok" % i for i in range(5)]
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        first = self.start("-f", "none", "--joblog", self.log, "--resume", "-o", fifo, *lines)
        self.wait_until(lambda: os.path.exists(self.log), "the journal is open")
        time.sleep(0.5)
        for resume in ("--resume", "--resume-failed", None):
            second = self.run_log(resume=resume, lines=lines)
            self.assertEqual((second.status, second.out), (2, b""), second)
            self.assertEqual(second.err, "pfetch: %s: another process writes this journal; wait for its end, or write another name\n" % self.log)
        self.assertIsNone(first.poll(), "it waits for a reader of its output")
        with open(fifo, "rb"):
            self.assertEqual(self.finish(first).status, 0)
        self.assertEqual(self.run_log(lines=lines).reports, [])
        done = [x.split(b"\t")[7].decode() for x in self.read("journal").splitlines() if x[:1] != b"#"]
        self.assertEqual(sorted(done), lines)

    def test_a_torn_tail_is_cut(self):
        lines = ["https://h%d.test/ok" % i for i in range(10)]
        self.run_log(lines=lines)
        whole = self.read("journal")
        for cut in (2, 5, 20):
            self.write("journal", whole[:-cut])
            again = self.run_log(lines=lines)
            self.assertEqual(len(again.reports), 1, cut)
            self.assertEqual(self.run_log(lines=lines).reports, [])

    def test_a_damaged_line_does_not_count(self):
        lines = ["https://h%d.test/ok" % i for i in range(10)]
        self.run_log(lines=lines)
        data = self.read("journal").replace(b"h5.test", b"h6.test", 1)
        self.write("journal", data)
        again = self.run_log(lines=lines)
        self.assertIn("https://h5.test/ok", [r["target"] for r in again.reports])
        self.assertIn("journal", again.err)

    def test_a_file_that_is_no_journal(self):
        for data in (b"precious\n", b"a\tb\tc\n" * 10, b"\0" * 100, b"precious"):
            path = self.write("other", data)
            for resume in ("--resume", "--resume-failed"):
                self.assertUsage("--joblog", path, resume, "https://a.test/ok", saying="other")
                self.assertEqual(self.read("other"), data)

    def test_cancelled_is_not_journalled(self):
        process = self.start("-w", 2, "-t", 60, "-f", "json", "--joblog", self.log)
        process.stdin.write(b"https://a.test/ok\nhttps://b.test/stall/5/bytes/9\n")
        process.stdin.flush()
        process.stdout.readline()
        process.terminate()
        self.finish(process)
        again = self.run_log("-t", "0.5", lines=["https://a.test/ok", "https://b.test/stall/5/bytes/9"])
        self.assertEqual([r["target"] for r in again.reports], ["https://b.test/stall/5/bytes/9"])

    def test_into_the_same_directory(self):
        out = self.path("out")
        lines = ["https://h%d.test/bytes/%d/x%d" % (i, i * 1000, i) for i in range(30)]
        self.run_log("-d", out, lines=lines[:10])
        before = {n: os.stat(os.path.join(out, n)).st_mtime_ns for n in os.listdir(out)}
        result = self.run_log("-d", out, lines=lines)
        self.assertEqual(len(result.reports), 20)
        self.assertEqual(len(os.listdir(out)), 30)
        for name, stamp in before.items():
            self.assertEqual(os.stat(os.path.join(out, name)).st_mtime_ns, stamp)

    @once
    def test_killed_again_and_again_and_resumed(self):
        """Killed at any moment of its work: in the end each target is done, and none twice. PFETCH_KILLS=100: on a list of 5,000."""
        def size(i):
            return 100 + (i * 37) % 20000

        def journalled():
            return [x for x in self.read("journal").split(b"\n")[:-1] if x[:1] != b"#"] if os.path.exists(self.log) else []

        kills = int(os.environ.get("PFETCH_KILLS", "20"))
        count = 50 * kills
        lines = ["https://h%d.test/bytes/%d/k%d" % (i % 30, size(i), i) for i in range(count)]
        path, out = self.write("list", "\n".join(lines) + "\n"), self.path("out")
        rng = random.Random(11)
        for _ in range(kills):
            with open(os.devnull, "wb") as null:
                process = self.start("-w", 8, "-f", "json", "-i", path, "-d", out, "--joblog", self.log, "--resume", stdout=null)
            until = len(journalled()) + rng.choice((0, 0, 1, 5, 20, 40))
            self.wait_until(lambda p=process, n=until: len(journalled()) >= n or p.poll() is not None, "work is done")
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
            process.wait()
            self.wait_until(lambda p=process: not session_pids(p.pid), "no process is left")
        result = self.run_log("-w", 8, "-i", path, "-d", out, "-q")
        self.assertEqual(result.status, 0, result)
        self.assertEqual(self.run_log("-i", path, "-d", out).reports, [])
        targets = [x.split(b"\t")[7].decode() for x in journalled()]
        self.assertEqual(len(targets), count)
        self.assertEqual(sorted(targets), sorted(lines))
        names = os.listdir(out)
        self.assertEqual(len(names), count, "temporary names are left, or bodies are missing")
        bodies = {}
        for name in names:
            with open(os.path.join(out, name), "rb") as f:
                data = f.read()
            bodies[data[17:32].split()[0].decode()] = data
        for i in range(count):
            self.assertTrue(bodies["k%d" % i] == pattern(size(i), "k%d" % i), i)

    def test_output_is_appended_to(self):
        lines = ["https://h%d.test/ok" % i for i in range(10)]
        out = self.path("reports")
        self.run_with("-f", "json", "-o", out, "--joblog", self.log, "--resume", lines=lines[:5])
        with open(out, "ab") as f:
            f.write(b'{"torn":')
        self.run_with("-f", "json", "-o", out, "--joblog", self.log, "--resume", lines=lines)
        import json
        reports = [json.loads(x) for x in self.read("reports").splitlines()]
        self.assertEqual(sorted(r["target"] for r in reports), sorted(lines))

    def test_sync(self):
        self.assertEqual(self.run_log("--sync", "-d", self.path("out"), lines=["https://a.test/ok"]).kinds, ["ok"])

    def test_kinds_survive(self):
        first = self.run_log(lines=["expired.test", "https://a.test/ok"])
        self.assertEqual(sorted(kind(r) for r in first.reports), ["certificate", "ok"])


class Full(Case):
    """Outputs that fail: exit 3, the file named, nothing journalled that isn't written."""

    def test_a_full_disk(self):
        for form in ("text", "json", "body"):
            for mode in self.each_mode():
                with self.subTest(mode=mode):
                    process = self.start("-m", mode, "-f", form, "-w", 4, "-o", "/dev/full")
                    result = self.finish(process, b"https://a.test/bytes/3000000\n" * 20)
                    self.assertEqual(result.status, 3, result)
                    self.assertIn("/dev/full", result.err)

    def test_a_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            result = self.finish(self.start("-f", "json", stdout=full), b"https://a.test/ok\n" * 5)
        self.assertEqual(result.status, 3, result)
        self.assertIn("standard output", result.err)

    def test_a_full_journal(self):
        result = self.finish(self.start("-f", "json", "--joblog", "/dev/full"), b"https://a.test/ok\n" * 5)
        self.assertIn(result.status, (2, 3), result)
        self.assertIn("/dev/full", result.err)
