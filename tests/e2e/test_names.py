"""Names: the resolver under its deadline, several addresses, --resolve, --connect-to, -4 and -6."""
import os
import time

from harness import Case, kind

ZONE = """
one.test A 127.0.0.1
many.test A 127.0.0.1 127.0.0.2 127.0.0.3
second.test A 127.0.0.99 127.0.0.2
both.test A 127.0.0.1
both.test AAAA ::1
six.test AAAA ::1
alias.test CNAME one.test
loop.test CNAME loop2.test
loop2.test CNAME loop.test
gone.test NXDOMAIN
empty.test TXT x
broken.test SERVFAIL
refused.test REFUSED
mute.test SILENCE
late.test DELAY 300
late.test A 127.0.0.1
cut.test TRUNCATE
cut.test A 127.0.0.2
odd.test GARBAGE
forged.test WRONGID
forged.test A 127.0.0.1
forged2.test WRONGQUESTION
forged2.test A 127.0.0.1
often.test FLAKY 1
often.test A 127.0.0.1
halfmute.test A 127.0.0.1
*.wild.test A 127.0.0.1
"""


class Names(Case):
    @classmethod
    def make_origin_args(cls):
        path = os.path.join(cls.class_dir, "zone")
        with open(path, "w", encoding="ascii") as f:
            f.write(ZONE)
        return ["--dns", path]

    def toward(self):
        return ["--dns-servers", "127.0.0.1:%d" % self.origin.port("DNS")]

    def url(self, name, path="/ok"):
        return "https://%s:%d%s" % (name, self.origin.https, path)

    def asked(self):
        return [e["detail"] for e in self.origin.events("dns")]

    def test_answers(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name, ip in (("one.test", "127.0.0.1"), ("alias.test", "127.0.0.1"), ("cut.test", "127.0.0.2"),
                                 ("x.wild.test", "127.0.0.1"), ("late.test", "127.0.0.1")):
                    report = self.fetch(self.url(name), "-m", mode)
                    self.assertEqual((name, kind(report), report["remote_ip"]), (name, "ok", ip))
                    self.assertGreaterEqual(report["time"]["dns"], 0.25 if name == "late.test" else 0)

    def test_failures(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name in ("gone.test", "unknown.test", "empty.test", "broken.test", "refused.test", "loop.test"):
                    report = self.fetch(self.url(name), "-m", mode, "-t", 5)
                    self.assertEqual((name, kind(report), report["error"]["phase"]), (name, "dns", "dns"))
                    self.assertEqual((report["remote_ip"], report["status"]), (None, None))

    def test_silence(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name in ("mute.test", "forged.test", "odd.test"):
                    start = time.monotonic()
                    report = self.fetch(self.url(name), "-m", mode, "-t", 0.6, "--connect-timeout", 0.8)
                    self.assertIn(kind(report), ("timeout", "dns"), report)
                    self.assertEqual(report["error"]["phase"], "dns")
                    self.assertLess(time.monotonic() - start, 25)

    def test_what_is_retried(self):
        for name, tries in (("gone.test", 1), ("unknown.test", 1), ("broken.test", 3)):
            report = self.fetch(self.url(name), "--retry", 2, "--retry-delay", 0.05, "-t", 2)
            self.assertEqual((name, kind(report), report["attempts"]), (name, "dns", tries))

    def test_a_lost_question_is_asked_again(self):
        self.assertKind(self.fetch(self.url("often.test"), "-t", 20, "--connect-timeout", 30), "ok")

    def test_an_answer_to_another_question_is_none(self):
        report = self.fetch(self.url("forged2.test"), "-t", 1, "--connect-timeout", 1.5)
        self.assertNotEqual(kind(report), "ok")

    def test_the_next_address_when_one_refuses(self):
        """Nobody listens on 127.0.0.99."""
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                report = self.fetch(self.url("second.test"), "-m", mode)
                self.assertEqual((kind(report), report["remote_ip"]), ("ok", "127.0.0.2"))

    def test_families(self):
        if not self.origin.ipv6:
            self.skipTest("no IPv6 here")
        self.assertEqual(self.fetch(self.url("both.test"), "-4")["remote_ip"], "127.0.0.1")
        self.assertEqual(self.fetch(self.url("both.test"), "-6")["remote_ip"], "::1")
        self.assertEqual(self.fetch(self.url("six.test"))["remote_ip"], "::1")
        self.assertKind(self.fetch(self.url("six.test"), "-4"), "dns")
        self.assertKind(self.fetch(self.url("one.test"), "-6"), "dns")
        self.assertIn(self.fetch(self.url("both.test"))["remote_ip"], ("127.0.0.1", "::1"))

    def test_literals_ask_nobody(self):
        self.origin.events_clear()
        self.assertKind(self.fetch(self.url("127.0.0.1")), "ok")
        self.assertEqual(self.asked(), [])

    def test_localhost_is_answered_from_hosts(self):
        self.assertKind(self.fetch(self.url("localhost")), "ok")

    def test_resolve(self):
        port = self.origin.https
        for value, target in (("x.test:%d:127.0.0.2" % port, "x.test"), ("X.test:%d:127.0.0.2" % port, "x.TEST"),
                              ("*:%d:127.0.0.2" % port, "any.test")):
            report = self.fetch(self.url(target), "--resolve", value)
            self.assertEqual((value, kind(report), report["remote_ip"]), (value, "ok", "127.0.0.2"))
        report = self.fetch(self.url("x.test"), "--resolve", "x.test:%d:127.0.0.99,127.0.0.3" % port)
        self.assertEqual(report["remote_ip"], "127.0.0.3")
        report = self.fetch(self.url("x.test"), "--resolve", "x.test:%d:127.0.0.99" % (port + 1))
        self.assertKind(report, "dns")
        if self.origin.ipv6:
            self.assertEqual(self.fetch(self.url("x.test"), "--resolve", "x.test:%d:[::1]" % port)["remote_ip"], "::1")

    def test_connect_to(self):
        port = self.origin.https
        for value in ("a.test:443:127.0.0.2:%d" % port, "::127.0.0.2:%d" % port, "a.test::127.0.0.2:%d" % port, ":443:127.0.0.2:%d" % port):
            report = self.fetch("https://a.test/ok", "--connect-to", value)
            self.assertEqual((value, kind(report), report["remote_ip"], report["remote_port"]), (value, "ok", "127.0.0.2", port))
        report = self.fetch("https://a.test/ok", "--connect-to", "a.test:443:one.test:%d" % port)
        self.assertKind(report, "ok")
        self.assertEqual([e["sni"] for e in self.origin.events("request")][-1], "a.test")

    def test_bad_values(self):
        for bad in ("x", "x.test", "x.test:443", "x.test:443:", "x.test:0:127.0.0.1", "x.test:443:nonsense.test:1:2", "x:99999:127.0.0.1"):
            self.assertUsage("--resolve", bad, "a.test")
        for bad in ("x", "a:b", "a:1:b", "a:99999:b:1"):
            self.assertUsage("--connect-to", bad, "a.test")
        for bad in ("", "x.test", "127.0.0.1:0", "127.0.0.1:99999", "1.2.3", "[::1"):
            self.assertUsage("--dns-servers", bad, "a.test")

    def test_several_servers(self):
        args = ["--dns-servers", "127.0.0.1:1,127.0.0.1:%d" % self.origin.port("DNS")]
        report = self.run_with(*self.trust(), "-f", "json", *args, self.url("one.test"), base=False).report
        self.assertKind(report, "ok")

    def test_a_thousand_names(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                lines = [self.url("n%d.wild.test" % i) for i in range(300)]
                result = self.json("-m", mode, "-w", 8, lines=lines)
                self.assertEqual(result.kinds, ["ok"] * 300, result.err)

    def test_trailing_dot(self):
        self.assertKind(self.fetch(self.url("one.test.")), "ok")
