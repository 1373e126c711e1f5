"""The pool: the same list in each mode, dispatch, replaced workers, one report a target."""
import collections
import os

from harness import FULL, Case, MODES, POOLS, children, kind, modes, once

MIXED = [
    ("https://a{i}.test/bytes/{n}", "ok"), ("https://b.test/status/404", "ok"), ("expired.test", "certificate"),
    ("https://c.test/truncate/5/bytes/10", "truncated"), ("bad line {i}", "invalid-target"),
    ("https://d.test/chunked/7/bytes/{n}", "ok"), ("reset-{i}.test", "tls"), ("plain.test", "tls"),
    ("https://e.test/script?send:HTTP/1.1%20abc%0D%0A%0D%0A", "http"), ("https://f.test/delay/5/ok", "ok"),
    ("https://same.test/ok", "ok"), ("https://same.test/ok", "ok"), ("https://127.0.0.1:1/", "connect"),
]


def mixed(count):
    lines, want = [], []
    for i in range(count):
        form, outcome = MIXED[i % len(MIXED)]
        lines.append(form.format(i=i, n=i * 17 % 3000))
        want.append(outcome)
    return lines, want


class Pool(Case):
    def toward(self):
        return ["--connect-to", ":443:127.0.0.1:%d" % self.origin.https]

    def test_the_same_list_in_each_mode(self):
        lines, want = mixed(1000)
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for workers in (1, 3, 64) if mode != "serial" else (1,):
                    result = self.json("-m", mode, "-w", workers, lines=lines, timeout=300)
                    reports = sorted(result.reports, key=lambda r: r["index"])
                    self.assertEqual([r["index"] for r in reports], list(range(1, 1001)))
                    self.assertEqual([r["target"] for r in reports], lines)
                    wrong = [(r["target"], kind(r), w) for r, w in zip(reports, want) if kind(r) != w]
                    self.assertEqual(wrong, [], (mode, workers))
                    self.assertTrue(all(r["worker"] is None or 1 <= r["worker"] <= workers for r in reports))

    def test_every_worker_works(self):
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                lines = ["https://h%d.test/gate/6/w%s/text/x" % (i, mode) for i in range(6)]
                result = self.json("-m", mode, "-w", 6, lines=lines)
                self.assertEqual(result.kinds, ["ok"] * 6, result)
                self.assertEqual({r["worker"] for r in result.reports}, set(range(1, 7)))

    def test_round_robin(self):
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                lines = ["https://h%d.test/ok" % i for i in range(400)]
                result = self.json("-m", mode, "-w", 4, lines=lines)
                counts = collections.Counter(r["worker"] for r in result.reports)
                self.assertEqual(set(counts), {1, 2, 3, 4})
                self.assertGreater(min(counts.values()), 20, counts)

    def test_no_target_waits_behind_a_slow_one(self):
        """One target holds its worker until the last of the list is fetched: the others must get past it."""
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                lines = ["https://slow.test/gate/2/past%s/text/x" % mode] + ["https://h%d.test/ok" % i for i in range(100)]
                lines += ["https://last.test/gate/2/past%s/text/x" % mode]
                result = self.json("-m", mode, "-w", 2, "-t", 30, lines=lines)
                self.assertEqual(result.kinds, ["ok"] * 102, result.err)

    @once
    def test_affinity_in_order_with_workers_that_leave(self):
        """Who waits for the place of one that leaves is the only one."""
        lines = ["http://h%d.test/delay/5/text/%d" % (i % 9, i) for i in range(60)]
        result = self.run_with("-w", 4, "-f", "body", "--dispatch", "affinity", "--max-tasks-per-worker", 1, "--connect-to",
                               "::127.0.0.1:%d" % self.origin.http, base=False, lines=lines, timeout=60)
        self.assertEqual((result.status, result.out), (0, b"".join(b"%d" % i for i in range(60))), result)

    def test_affinity(self):
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                lines = ["https://h%d.test/ok" % (i % 20) for i in range(400)]
                result = self.json("-m", mode, "-w", 5, "--dispatch", "affinity", lines=lines)
                where = collections.defaultdict(set)
                for r in result.reports:
                    where[r["target"]].add(r["worker"])
                self.assertEqual(len(result.reports), 400)
                self.assertTrue(all(len(w) == 1 for w in where.values()), where)
                self.assertGreater(len(set.union(*where.values())), 1)

    def test_keepalive_within_a_worker(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.origin.events_clear()
                result = self.json("-m", mode, "-w", 1, "--order", "input", lines=["https://k.test/ok"] * 20)
                self.assertEqual([r["reused"] for r in result.reports], [False] + [True] * 19)
                self.assertEqual(len({e["conn"] for e in self.origin.events("request")}), 1)

    @modes("thread")
    def test_threads_share_connections_and_sessions(self):
        """Which of them fetches from a host doesn't matter: there is one connection, and one session."""
        for path, reused, resumed in (("delay/5/ok", True, False), ("delay/5/close/ok", False, True)):
            lines = ["https://h%d.test/%s" % (i % 3, path) for i in range(60)]
            # With fewer workers than hosts no worker can keep one for itself; and with slow answers none can do all.
            result = self.json("-w", 2, "--per-host", 1, lines=lines)
            self.assertEqual(result.kinds, ["ok"] * 60)
            by_host = [[r for r in result.reports if "//h%d." % host in r["target"]] for host in range(3)]
            self.assertGreater(max(len({r["worker"] for r in reports}) for reports in by_host), 1)
            for reports in by_host:
                self.assertEqual(sum(not r["reused"] for r in reports), 1 if reused else 20, reports)
                self.assertEqual(sum(r["tls"]["resumed"] for r in reports), 19 if resumed else 0, reports)

    def test_connections_end_as_tls_wants(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.origin.events_clear()
                self.assertEqual(self.json("-m", mode, "-w", 3, lines=["https://h%d.test/ok" % (i % 3) for i in range(12)]).kinds, ["ok"] * 12)
                opened = len(self.origin.events("open"))
                self.wait_until(lambda: len(self.origin.events("end")) == opened, "the end of all connections")
                self.assertEqual({e.get("detail") for e in self.origin.events("end")}, {"close_notify"})

    def test_no_keepalive(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.origin.events_clear()
                result = self.json("-m", mode, "-w", 1, "--no-keepalive", lines=["https://k.test/ok"] * 5)
                self.assertEqual([r["reused"] for r in result.reports], [False] * 5)
                self.assertEqual(len({e["conn"] for e in self.origin.events("request")}), 5)

    @once
    def test_a_leaving_worker_is_not_idle(self):
        """Its host's next target waits for the one that takes its place."""
        lines = ["https://h%d.test/ok" % (i % 3) for i in range(60)]
        for args in (["--order", "input"], ["--rate", "1000/s"]):
            result = self.json("-m", "process", "-w", 2, "--dispatch", "affinity", "--max-tasks-per-worker", 2, *args, lines=lines, timeout=60)
            self.assertEqual(result.kinds, ["ok"] * 60)

    @once
    def test_workers_go_when_the_list_ends(self):
        """Those that no target is left for; while more may come, all stay."""
        process = self.start("-m", "process", "-w", 4, "-t", 60, "-f", "json")
        process.stdin.write("".join("https://h%d.test/gate/4/all/text/x\n" % i for i in range(4)).encode())
        process.stdin.write(b"https://last.test/stall/5/bytes/9\n")
        process.stdin.flush()
        self.wait_until(lambda: len(self.origin.events("request")) >= 5, "five requests")
        self.assertEqual(len(children(process.pid)), 4)
        process.stdin.close()
        process.stdin = None
        self.wait_until(lambda: len(children(process.pid)) == 1, "one worker")
        process.terminate()
        self.finish(process)

    @once
    def test_max_tasks_per_worker(self):
        result = self.json("-m", "process", "-w", 2, "--max-tasks-per-worker", 3, lines=["https://k.test/ok"] * 40)
        self.assertEqual(result.kinds, ["ok"] * 40)
        fresh = [r for r in result.reports if not r["reused"]]
        self.assertGreaterEqual(len(fresh), 13)

    def test_one_target_of_many_workers(self):
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                self.assertEqual(self.json("-m", mode, "-w", 200, lines=["https://a.test/ok"]).kinds, ["ok"])

    @modes("process", "thread")
    def test_default_workers(self):
        lines = ["https://h%d.test/gate/5/default/text/x" % i for i in range(5)]
        self.assertEqual(self.json("-t", 60, lines=lines).kinds, ["ok"] * 5)

    @once
    def test_the_default_mode_is_process(self):
        process = self.start("-f", "none", "https://a.test/gate/2/never/text/x", "-t", "50")
        self.wait_until(lambda: children(process.pid), "a worker process")
        process.terminate()
        self.finish(process)

    def policies(self, policy):
        """The scheduling policies of pfetch, started with that one, and of its first worker."""
        process = self.start("-f", "none", "https://a.test/gate/2/policy-%d/text/x" % policy, "-t", "50",
                             preexec_fn=lambda: os.sched_setscheduler(0, policy, os.sched_param(0)))
        self.wait_until(lambda: children(process.pid), "a worker process")
        found = [os.sched_getscheduler(pid) for pid in (process.pid, children(process.pid)[0])]
        process.terminate()
        self.finish(process)
        return found

    @once
    def test_it_runs_as_a_batch_process(self):
        self.assertEqual(self.policies(os.SCHED_OTHER), [os.SCHED_BATCH] * 2)

    @once
    def test_a_policy_that_was_chosen_for_it_stays(self):
        self.assertEqual(self.policies(os.SCHED_IDLE), [os.SCHED_IDLE] * 2)

    @once
    def test_bad_numbers(self):
        for bad in ("0", "-1", "x", "4097", "1.5", "", "99999999999999999999"):
            self.assertUsage("-w", bad, "a.test")
        self.assertUsage("-m", "fibers", "a.test", saying="thread")
        self.assertUsage("--dispatch", "random", "a.test", saying="affinity")

    @once
    def test_modes_agree(self):
        lines, _ = mixed(130)
        seen = {}
        for mode in MODES:
            reports = sorted(self.json("-m", mode, "-w", 5, lines=lines).reports, key=lambda r: r["index"])
            seen[mode] = [(r["target"], r["url"], r["status"], r["bytes"], kind(r), r["attempts"]) for r in reports]
        self.assertEqual(len(set(map(str, seen.values()))), 1)


class Long(Case):
    def test_a_long_list(self):
        lines = []
        count = 20000 if FULL else 4000
        for i in range(count):
            lines.append(("https://h%d.test/status/%d" % (i % 50, (200, 404, 503)[i % 3])) if i % 10 else "bad line %d" % i)
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-w", 16, lines=lines, timeout=400)
                self.assertEqual(sorted(r["index"] for r in result.reports), list(range(1, count + 1)))
                self.assertEqual(collections.Counter(map(kind, result.reports)), {"ok": count * 9 // 10, "invalid-target": count // 10})
