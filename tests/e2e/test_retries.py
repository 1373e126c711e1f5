"""--retry: what is tried again, how often, when; and that a waiting retry holds no worker."""
import time

from harness import Case, POOLS, kind, once


class Retries(Case):
    def test_statuses(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for code in (408, 429, 500, 502, 503, 504):
                    report = self.fetch("https://a.test/flaky/2/%d/%s%d/text/x" % (code, mode, code), "-m", mode, "--retry", 3,
                                        "--retry-delay", 0.05)
                    self.assertEqual((code, report["status"], report["attempts"]), (code, 200, 3))

    def test_statuses_that_stay(self):
        for code in (400, 401, 403, 404, 410, 501, 505):
            report = self.fetch("https://a.test/status/%d" % code, "--retry", 3, "--retry-delay", 0.05)
            self.assertEqual((report["status"], report["attempts"]), (code, 1))

    def test_no_retry_by_default(self):
        report = self.fetch("https://a.test/flaky/1/503/once/text/x")
        self.assertEqual((report["status"], report["attempts"]), (503, 1))

    def test_the_last_answer_counts(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-f", "body", "--retry", 2, "--retry-delay", 0.05, "https://a.test/status/503/text/no")
                self.assertEqual((result.status, result.out), (0, b"no"), result)
                self.assertEqual(self.fetch("https://a.test/status/503", "--retry", 2, "--retry-delay", 0.05)["attempts"], 3)

    def test_with_fail(self):
        report = self.fetch("https://a.test/status/503", "--fail", "--retry", 1, "--retry-delay", 0.05)
        self.assertEqual((kind(report), report["status"], report["attempts"]), ("http-status", 503, 2))
        report = self.fetch("https://a.test/flaky/1/503/fail/text/x", "--fail", "--retry", 1, "--retry-delay", 0.05)
        self.assertEqual((kind(report), report["attempts"]), ("ok", 2))

    def test_failures_that_may_pass(self):
        for target, outcome, tries in (("https://127.0.0.1:1/", "connect", 3), ("silent.test", "timeout", 3),
                                       ("https://a.test/truncate/1/bytes/9", "truncated", 1), ("plain.test", "tls", 1),
                                       ("expired.test", "certificate", 1), ("a b", "invalid-target", 0)):
            report = self.run_with(*self.trust(), "--connect-to", ":443:127.0.0.1:%d" % self.origin.https, "-f", "json",
                                   "-t", 1.5, "--retry", 2, "--retry-delay", 0.05, target, base=False).report
            self.assertEqual((target, kind(report), report["attempts"]), (target, outcome, tries))

    def test_backoff_grows(self):
        self.origin.events_clear()
        self.fetch("https://a.test/status/503", "--retry", 3, "--retry-delay", 0.4)
        at = [e["t"] for e in self.origin.events("request")]
        gaps = [b - a for a, b in zip(at, at[1:])]
        self.assertEqual(len(gaps), 3)
        self.assertGreaterEqual(gaps[0], 0.15)
        self.assertGreater(gaps[2], gaps[0])

    def test_retry_after_in_seconds(self):
        self.origin.events_clear()
        report = self.fetch("https://s.test/retryafter/2/flaky/1/503/seconds/text/x", "--retry", 1, "--retry-delay", 0.05)
        self.assertEqual(report["attempts"], 2)
        at = [e["t"] for e in self.origin.events("request")]
        self.assertGreaterEqual(at[1] - at[0], 2)

    def test_retry_after_a_date(self):
        """The second request is not before the date, however late the first one came."""
        self.origin.events_clear()
        # the log tells the time since boot
        date, behind = int(time.time()) + 3, time.time() - time.monotonic()
        text = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(date)).replace(" ", "%20")
        report = self.fetch("https://d.test/retryafter/%s/flaky/1/503/date/text/x" % text, "--retry", 1, "--retry-delay", 0.05)
        self.assertEqual(report["attempts"], 2)
        at = [e["t"] for e in self.origin.events("request")]
        self.assertGreaterEqual(at[1] + behind, date - 0.05)

    def test_retry_after_that_is_none(self):
        for value in ("-5", "soon", "99999999999999999999999", "", "1e9", "Wed, 99 Foo 2020 99:99:99 GMT".replace(" ", "%20"), "0"):
            if value.startswith("999"):
                continue
            start = time.monotonic()
            report = self.fetch("https://t%d.test/retryafter/%s/flaky/1/503/odd%s/text/x" % (len(value), value, value[:3]),
                                "--retry", 1, "--retry-delay", 0.05)
            self.assertEqual((value, report["attempts"]), (value, 2))
            self.assertLess(time.monotonic() - start, 30)

    def test_a_waiting_retry_holds_no_worker(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                lines = ["https://w%d.test/flaky/1/503/wait%s%d/text/x" % (i, mode, i) for i in range(8)]
                lines += ["https://o%d.test/ok" % i for i in range(8)]
                start = time.monotonic()
                result = self.json("-m", mode, "-w", 1, "--retry", 1, "--retry-delay", 6, lines=lines)
                self.assertEqual(result.kinds, ["ok"] * 16)
                self.assertLess(time.monotonic() - start, 8 * 6 / 2)
                done = [r["index"] for r in result.reports]
                self.assertLess(done.index(16), done.index(1))

    def test_one_report_and_one_body_for_all_tries(self):
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                lines = ["https://h%d.test/flaky/%d/502/b%s%d/text/x%d." % (i % 5, i % 3, mode, i, i) for i in range(60)]
                result = self.run_with("-m", mode, "-w", 8, "-f", "body", "--retry", 2, "--retry-delay", 0.05, lines=lines)
                self.assertEqual(result.out.decode(), "".join("x%d." % i for i in range(60)))

    def test_a_dead_kept_connection_costs_no_attempt(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                lines = ["https://k.test/script?send:HTTP/1.1%20200%20OK%0D%0AContent-Length:%202%0D%0A%0D%0Aok;close", "https://k.test/ok"]
                result = self.json("-m", mode, "-w", 1, "--order", "input", lines=lines)
                self.assertEqual([(kind(r), r["attempts"]) for r in result.reports], [("ok", 1), ("ok", 1)])

    @once
    def test_bad_numbers(self):
        for bad in ("-1", "x", "1.5"):
            self.assertUsage("--retry", bad, "a.test")
