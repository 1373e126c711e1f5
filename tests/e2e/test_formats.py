"""Text, JSON, bodies and nothing; the summary; -o, -q, -v, --hash."""
import datetime
import re

from harness import Case, KINDS, pattern, sha256

FIELDS = {
    "schema": int, "index": int, "started": str, "target": str, "url": (str, type(None)), "status": (int, type(None)),
    "http_version": (str, type(None)), "bytes": int, "error": (dict, type(None)), "redirects": list, "attempts": int,
    "worker": (int, type(None)), "reused": bool, "remote_ip": (str, type(None)), "remote_port": (int, type(None)),
    "tls": (dict, type(None)), "time": dict, "headers": list,
}
TIMES = {"queue", "dns", "connect", "tls", "first_byte", "total"}


class Text(Case):
    def test_fields(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "--order", "input", "https://a.test/bytes/123", "expired.test", "no port:x")
                lines = result.out.decode().splitlines()
                self.assertEqual(len(lines), 3, result)
                self.assertRegex(lines[0], r"\A200\t123\t\d+\.\d{3}\thttps://a\.test/bytes/123\tok\Z")
                self.assertRegex(lines[1], r"\A-\t0\t\d+\.\d{3}\texpired\.test\tcertificate: .+\Z")
                self.assertRegex(lines[2], r"\A-\t0\t\d+\.\d{3}\tno port:x\tinvalid-target: .+\Z")
                self.assertEqual(result.status, 1)

    def test_text_is_the_default(self):
        self.assertEqual(len(self.run_with("https://a.test/ok").out.split(b"\t")), 5)

    def test_an_error_status_is_an_answer(self):
        result = self.run_with("https://a.test/status/404")
        self.assertTrue(result.out.startswith(b"404\t"), result)
        self.assertTrue(result.out.endswith(b"\tok\n"), result)
        self.assertEqual(result.status, 0)

    def test_control_bytes_are_escaped(self):
        result = self.run_with(data=b"bad\x1b[31m\ttab\xff\x7f\xc2\x9b.test\n")
        line = result.out.rstrip(b"\n")
        self.assertEqual(line.count(b"\t"), 4, result)
        self.assertEqual([b for b in line if (b < 32 and b != 9) or b == 127], [])
        line.decode("utf-8")

    def test_a_hostile_message_is_escaped(self):
        result = self.run_with("https://a.test/script?send:HTTP/1.1%2020%1B]0;x%07%0D%0A%0D%0A")
        self.assertNotIn(b"\x1b", result.out + result.err_bytes)


class Json(Case):
    def check_fields(self, report):
        for name, kinds in FIELDS.items():
            self.assertIn(name, report)
            self.assertIsInstance(report[name], kinds, name)
        self.assertEqual(report["schema"], 1)
        self.assertEqual(set(report["time"]), TIMES)
        self.assertTrue(all(isinstance(v, (int, float)) and v >= 0 for v in report["time"].values()), report)
        self.assertRegex(report["started"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
        if report["error"]:
            self.assertEqual(set(report["error"]), {"kind", "phase", "message"})
            self.assertIn(report["error"]["kind"], KINDS)

    def test_a_whole_report(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                before = datetime.datetime.now(datetime.timezone.utc)
                report = self.fetch("https://a.test/header/X-One/1/header/x-one/2/bytes/1000", "-m", mode)
                self.check_fields(report)
                self.assertEqual((report["index"], report["target"], report["url"], report["status"], report["bytes"]),
                                 (1, report["target"], "https://a.test/header/X-One/1/header/x-one/2/bytes/1000", 200, 1000))
                self.assertEqual((report["http_version"], report["error"], report["redirects"], report["attempts"]),
                                 ("1.1", None, [], 1))
                self.assertEqual((report["worker"], report["reused"], report["remote_ip"], report["remote_port"]),
                                 (1, False, "127.0.0.1", self.origin.https))
                self.assertEqual(report["headers"], [["Server", "origin"], ["X-One", "1"], ["x-one", "2"],
                                                     ["Content-Length", "1000"]])
                self.assertEqual(report["tls"]["version"], "TLSv1.3")
                self.assertRegex(report["tls"]["cipher"], r"\ATLS_\w+\Z")
                self.assertIs(report["tls"]["resumed"], False)
                started = datetime.datetime.fromisoformat(report["started"].replace("Z", "+00:00"))
                self.assertLess(abs((started - before).total_seconds()), 60)
                times = report["time"]
                self.assertLessEqual(max(times["dns"], times["connect"], times["tls"], times["first_byte"]),
                                     times["total"] + 0.001)

    def test_a_failure_and_a_bad_line(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                failed, bad = self.json("-m", mode, "--order", "input", "untrusted.test", "a b").reports
                self.check_fields(failed)
                self.check_fields(bad)
                self.assertKind(failed, "certificate", "tls")
                self.assertEqual((failed["status"], failed["attempts"]), (None, 1))
                self.assertEqual((bad["url"], bad["tls"], bad["remote_ip"], bad["worker"], bad["error"]["phase"]),
                                 (None, None, None, None, None))

    def test_targets_that_are_not_utf8(self):
        result = self.json(data=b"\xff\xfe\xc0\xaf.test\nb\xc3\xbccher.test\n\xed\xa0\x80.test\n")
        self.assertEqual(len(result.reports), 3)
        result.out.decode("utf-8")

    def test_header_values_of_any_byte(self):
        report = self.fetch("https://a.test/header/X-Odd/caf%e9%22%5c/ok")
        name, value = report["headers"][1]
        self.assertEqual(name, "X-Odd")
        self.assertTrue(value.startswith("caf") and value.endswith('"\\'), value)

    def test_certificate(self):
        report = self.fetch("https://twonames.test/ok")
        cert = report["tls"]["cert"]
        self.assertEqual(set(cert), {"sha256", "subject", "issuer", "names", "not_before", "not_after"})
        self.assertRegex(cert["sha256"], r"\A[0-9a-f]{64}\Z")
        self.assertEqual(sorted(n.split(":")[-1] for n in cert["names"]), ["other.example", "twonames.test"])
        self.assertIn("twonames.test", cert["subject"])
        self.assertIn("Intermediate", cert["issuer"])
        self.assertLess(cert["not_before"], cert["not_after"])

    def test_certificate_of_a_failure(self):
        report = self.fetch("https://expired.test/")
        self.assertKind(report, "certificate")
        self.assertIsNotNone(report["tls"])
        self.assertIn("expired.test", report["tls"]["cert"]["subject"])
        self.assertLess(report["tls"]["cert"]["not_after"], datetime.datetime.utcnow().isoformat())

    def test_hash(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                report = self.fetch("https://a.test/chunked/777/bytes/100000/h", "--hash", "sha256", "-m", mode)
                self.assertEqual(report["sha256"], sha256(pattern(100000, "h")))
        self.assertNotIn("sha256", self.fetch("https://a.test/ok"))
        self.assertUsage("--hash", "md4", "a.test")

    def test_hash_of_nothing(self):
        self.assertEqual(self.fetch("https://a.test/empty", "--hash", "sha256")["sha256"], sha256(b""))


class Body(Case):
    def test_bodies_byte_for_byte(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for path, want in (("empty", b""), ("bytes/1", pattern(1)), ("bytes/65537", pattern(65537)),
                                   ("chunked/1000/bytes/1048576", pattern(1 << 20)),
                                   ("chunked/1000/bytes/1048577", pattern((1 << 20) + 1)),
                                   ("eof/bytes/3000000", pattern(3000000)), ("status/404/text/gone", b"gone")):
                    result = self.run_with("-m", mode, "-f", "body", "https://a.test/" + path)
                    self.assertEqual((result.status, len(result.out)), (0, len(want)), (path, result.err))
                    self.assertTrue(result.out == want, path)

    def test_failures_go_to_standard_error(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-f", "body", "-q", "https://a.test/text/x", "https://expired.test/",
                                       "https://a.test/text/y")
                self.assertEqual((result.status, result.out), (1, b"xy"), result)
                self.assertIn("expired.test", result.err)
                self.assertIn("certificate", result.err)

    def test_a_small_body_only_whole(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-f", "body", "https://a.test/truncate/500/bytes/1000",
                                       "https://a.test/text/x")
                self.assertEqual((result.status, result.out), (1, b"x"), result)
                self.assertIn("truncated", result.err)

    def test_a_large_body_stays_as_far_as_it_came(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-f", "body", "--retry", 3,
                                       "https://a.test/truncate/5000000/bytes/9000000")
                self.assertEqual(result.status, 1, result.err)
                self.assertTrue(pattern(5000000).startswith(result.out))
                self.assertGreater(len(result.out), 1 << 20)
                self.assertIn("truncated", result.err)

    def test_none(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-f", "none", "https://a.test/bytes/100000", "expired.test")
                self.assertEqual((result.status, result.out), (1, b""), result)

    def test_two_hundred_megabytes(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-f", "body", "-o", self.path("big"), "https://a.test/bytes/200000000/big")
                result = self.finish(process)
                self.assertEqual(result.status, 0, result)
                with open(self.path("big"), "rb") as f:
                    same = f.read() == pattern(200000000, "big")
                self.assertTrue(same)


class Around(Case):
    def test_summary(self):
        result = self.run_with("-f", "none", "https://a.test/bytes/1000", "expired.test", "a b", "c d")
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 1, result)
        for part in (r"\b4 targets\b", r"\b1 ok\b", r"\bcertificate\b", r"\binvalid-target\b", r"\b1000\b|\b1\.0"):
            self.assertRegex(lines[0], part)

    def test_quiet(self):
        result = self.run_with("-q", "-f", "json", "https://a.test/ok")
        self.assertEqual(result.err, "")
        self.assertEqual(len(result.reports), 1)

    def test_verbose_says_the_steps(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-v", "-m", mode, "-f", "none", "https://a.test/ok")
                self.assertGreaterEqual(len(result.err.splitlines()), 4, result)
                self.assertIn("127.0.0.1", result.err)
                self.assertIn("TLSv1.3", result.err)

    def test_output_file(self):
        for form in ("text", "json", "body"):
            path = self.path(form)
            result = self.run_with("-f", form, "-o", path, "https://a.test/text/x")
            self.assertEqual((result.status, result.out), (0, b""), result)
            direct = self.run_with("-f", form, "https://a.test/text/x")
            self.assertEqual(len(self.read(form).splitlines()), len(direct.out.splitlines()))

    def test_output_file_is_replaced(self):
        path = self.write("out", b"old\n" * 1000)
        self.run_with("-f", "body", "-o", path, "https://a.test/text/new")
        self.assertEqual(self.read("out"), b"new")

    def test_output_file_that_cannot_be(self):
        self.assertUsage("-o", self.path("no/such/dir/file"), "a.test", saying="no/such/dir", statuses=(2, 3))

    def test_unknown_format(self):
        self.assertUsage("-f", "xml", "a.test", saying="json")

    def test_no_progress_without_a_terminal(self):
        result = self.run_with("-f", "none", "https://a.test/delay/500/ok")
        self.assertNotIn("\r", result.err)

    def test_progress_when_asked_for(self):
        result = self.run_with("--progress", "-f", "none", "https://a.test/delay/1500/ok", "https://a.test/ok")
        self.assertRegex(result.err, r"(?m)^pfetch: \d/~?\d targets? done, 0 failed, \d in flight")
