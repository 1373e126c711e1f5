"""Every wait is bounded, and by the right limit."""
import fcntl
import time

from harness import Case, reply


class Timeouts(Case):
    def timed(self, *args, least, most, **more):
        start = time.monotonic()
        report = self.fetch(*args, **more)
        took = time.monotonic() - start
        self.assertGreaterEqual(took, least)
        if most:
            self.assertLess(took, most + 20, "far over the limit")
        return report

    def test_silence_at_each_phase(self):
        silent = (("silent.test", "tls"), ("halfhello.test", "tls"), ("silentafter.test", "headers"),
                  ("https://a.test/script?wait:20000", "headers"), ("https://a.test/script?send:HTTP/1.1;wait:20000", "headers"),
                  ("https://a.test/stall/5/bytes/10", "body"), ("https://a.test/chunked/5/stall/5/bytes/10", "body"),
                  ("https://a.test/eof/stall/5/bytes/10", "body"))
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                start = time.monotonic()
                result = self.json("-m", mode, "-w", 8, "-t", 1.5, lines=[target for target, _ in silent])
                took = time.monotonic() - start
                self.assertGreaterEqual(took, 1.5 * (8 if mode == "serial" else 1))
                self.assertEqual(len(result.reports), 8, result)
                for report in result.reports:
                    self.assertKind(report, "timeout", dict(silent)[report["target"]])
                    self.assertGreaterEqual(report["time"]["total"], 1.5)

    def test_a_drip_is_no_silence(self):
        report = self.fetch("https://a.test/drip/10/100/bytes/250", "-t", 2)
        self.assertKind(report, "ok")

    def test_max_time_ends_a_drip(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                report = self.timed("https://a.test/drip/1/50/bytes/10000", "-m", mode, "--max-time", 1.5, least=1.5, most=1.5)
                self.assertKind(report, "timeout", "body")

    def test_max_time_ends_a_dripping_head(self):
        report = self.timed("https://a.test/script?send:HTTP/1.1%20200%20OK%0D%0A;drip:50:" + "X" * 1000, "--max-time", 1.5,
                            least=1.5, most=1.5)
        self.assertKind(report, "timeout", "headers")

    def test_max_time_ends_what_comes_fast_and_is_nothing(self):
        """Bytes are there at each read, so that nothing waits; the coding makes nothing of them, so that nothing is delivered."""
        skipped = ("repeat", 10**9, b"\x50\x2a\x4d\x18\0\0\0\0" * 100)
        url = "https://a.test" + reply(["HTTP/1.1 200 OK", "Content-Encoding: zstd"], b"", skipped, "close")
        self.assertKind(self.fetch(url, "--compressed", "--max-time", 0.8), "timeout", "body")

    def test_max_time_holds_for_all_redirects_together(self):
        report = self.timed("https://a.test/delay/500/redirect/302?to=/delay/500/redirect/302%3Fto=/delay/500/ok", "-L",
                            "--max-time", 1.2, least=1.2, most=1.2)
        self.assertKind(report, "timeout")

    def test_max_time_excludes_retries(self):
        report = self.fetch("https://a.test/flaky/3/503/maxtime/delay/700/ok", "--retry", 3, "--retry-delay", 0.3,
                            "--max-time", 2.5)
        self.assertKind(report, "ok")
        self.assertEqual(report["attempts"], 4)

    def test_connect_timeout_bounds_the_handshake(self):
        report = self.timed("silent.test", "--connect-timeout", 0.4, "-t", 10, least=0.4, most=0.4)
        self.assertKind(report, "timeout", "tls")

    def test_connect_timeout_does_not_bound_the_rest(self):
        self.assertKind(self.fetch("https://a.test/delay/2500/ok", "--connect-timeout", 2), "ok")

    def test_a_slow_reader_costs_nobody_time(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-w", 4, "-t", 3, "--max-time", 4, "-f", "body",
                                     *["https://h%d.test/bytes/4000000/x" % i for i in range(6)])
                time.sleep(5)
                result = self.finish(process)
                self.assertEqual((result.status, len(result.out)), (0, 24000000), result.err)

    def test_a_slow_reader_costs_no_time_behind_a_server_that_pauses(self):
        # what has come goes out at each pause, and that has to wait for the reader
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-w", 1, "--max-time", 4, "-f", "body",
                                     "https://a.test/drip/32768/30/bytes/2000000")
                time.sleep(5.5)
                result = self.finish(process)
                self.assertEqual((result.status, len(result.out)), (0, 2000000), result.err)

    def test_who_does_not_read_the_steps_costs_no_time(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-w", 1, "-v", "-t", 20, "--max-time", 3, "-f", "json",
                                     *["https://h%d.test/ok" % i for i in range(40)])
                fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
                time.sleep(4.5)
                result = self.finish(process)
                self.assertEqual((result.status, len(result.reports)), (0, 40), result.err[-300:])

    def test_bad_numbers(self):
        for option in ("-t", "--connect-timeout", "--max-time", "--retry-delay"):
            for bad in ("x", "-1", "", "1s", "nan", "inf", "1e99"):
                self.assertUsage(option, bad, "a.test")
