"""Targets: where they come from, what is one, and what is not."""
import hashlib
import os
import pty
import subprocess

from harness import Case, kind


class Sources(Case):
    def test_operands_come_before_standard_input(self):
        result = self.json("one.test", "two.test", lines=["three.test"])
        self.assertEqual(sorted(r["target"] for r in result.reports), ["one.test", "two.test"])

    def test_operands_come_before_a_file(self):
        path = self.write("list", "two.test\n")
        for args in (["-i", path, "one.test"], ["one.test", "--input=" + path], ["-i", self.path("nothing"), "one.test"]):
            self.assertEqual([r["target"] for r in self.json(*args).reports], ["one.test"])

    def test_a_file(self):
        path = self.write("list", "one.test\ntwo.test\n")
        for option in (["-i", path], ["--input=" + path]):
            self.assertEqual(self.json(*option).kinds, ["ok", "ok"])

    def test_a_dash_is_standard_input(self):
        self.assertEqual(self.json("-i", "-", lines=["one.test"]).kinds, ["ok"])

    def test_a_file_that_is_not_there(self):
        self.assertUsage("-i", self.path("nothing"), saying="nothing")

    def test_a_directory_is_no_list(self):
        result = self.run_with("-i", self.dir)
        self.assertEqual((result.status, result.out), (2, b""), result)
        self.assertIn(self.dir, result.err)

    def test_a_terminal_is_no_list(self):
        main, side = pty.openpty()
        try:
            process = self.start(stdin=side)
            result = self.finish(process)
            self.assertEqual(result.status, 2, result)
            self.assertEqual(len(result.err.splitlines()), 1, result)
        finally:
            os.close(main)
            os.close(side)

    def test_standard_input_closed(self):
        process = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *self.command("-f", "json")], capture_output=True,
                                 timeout=60, check=False)
        self.assertIn(process.returncode, (0, 2))
        self.assertEqual(process.stdout, b"")


class Lines(Case):
    def test_trimmed_skipped_and_numbered(self):
        data = b"  one.test \r\n\n# a comment\n\t two.test\t\n   \n#three\nhttps://four.test/ok\r\nfive.test"
        result = self.json(data=data)
        got = sorted((r["index"], r["target"]) for r in result.reports)
        self.assertEqual(got, [(1, "one.test"), (2, "two.test"), (3, "https://four.test/ok"), (4, "five.test")])

    def test_only_blank_lines(self):
        self.assertEqual(self.json(data=b"\n\r\n  \n# x\n").reports, [])

    def test_duplicates_are_targets_of_their_own(self):
        result = self.json(lines=["same.test"] * 50)
        self.assertEqual(sorted(r["index"] for r in result.reports), list(range(1, 51)))

    def test_port_and_path(self):
        lines = ["one.test:8443", "two.test", "https://three.test:444/text/x", "https://four.test?q"]
        result = self.json("--path", "/text/p", "--order", "input", lines=lines)
        self.assertEqual([r["url"] for r in result.reports],
                         ["https://one.test:8443/text/p", "https://two.test/text/p", "https://three.test:444/text/x",
                          "https://four.test/?q"])
        hosts = {e["host"] for e in self.origin.events("request")}
        self.assertLessEqual({"one.test:8443", "two.test", "three.test:444", "four.test"}, hosts)

    def test_clear_text_only_when_spelled_out(self):
        result = self.run_with(*self.trust(), "--connect-to", ":80:127.0.0.1:%d" % self.origin.http, "-f", "json",
                               "http://clear.test/ok", "HTTP://clear.test/text/x", base=False)
        self.assertEqual([(r["status"], r["tls"]) for r in result.reports], [(200, None)] * 2, result)

    def test_addresses(self):
        port = self.origin.https
        targets = ["127.0.0.1:%d" % port, "https://127.0.0.1:%d/ok" % port]
        if self.origin.ipv6:
            targets += ["[::1]:%d" % port, "https://[::1]:%d/ok" % port]
        result = self.run_with(*self.trust(), "-f", "json", *targets, base=False)
        self.assertEqual(result.kinds, ["ok"] * len(targets), result)
        self.assertEqual({r["remote_ip"] for r in result.reports}, {"127.0.0.1", "::1"} if self.origin.ipv6
                         else {"127.0.0.1"})
        self.assertEqual({r["remote_port"] for r in result.reports}, {port})
        self.assertTrue(all(e["sni"] is None for e in self.origin.events("request") if "127.0.0.1" in e["host"]))

    def test_international_names(self):
        result = self.json("--order", "input", lines=["bücher.test", "BÜCHER.test", "faß.test", "例え.test"])
        self.assertEqual([r["url"] for r in result.reports],
                         ["https://xn--bcher-kva.test/", "https://xn--bcher-kva.test/", "https://xn--fa-hia.test/",
                          "https://xn--r8jz45g.test/"])
        self.assertEqual(result.reports[0]["target"], "bücher.test")
        self.assertIn("xn--bcher-kva.test", {e["sni"] for e in self.origin.events("request")})

    def test_schemes_and_hosts_in_any_case(self):
        self.assertEqual(self.fetch("HTTPS://Upper.TEST/text/X")["url"], "https://upper.test/text/X")

    def test_a_fragment_is_not_sent(self):
        self.assertKind(self.fetch("https://fragment.test/ok#part"), "ok")
        self.assertIn("GET /ok HTTP/1.1", {e["line"] for e in self.origin.events("request")})


BAD = [
    "host:0", "host:65536", "host:99999999999999999999", "host:-1", "host:8x", "a b", "https://a b/", "ftp://a.test/",
    "file:///etc/passwd", "gopher://a.test", "https://user@a.test/", "https://user:secret@a.test/", "https://", "https:///x",
    "https://:443/", ":443", "[::1", "[::1]x", "[::g]:443", "[127.0.0.1]", "https://[::1%25lo]/", "a..b.test", ".a.test",
    "x" * 64 + ".test", ".".join(["x" * 60] * 5), "https://a.test:/x:y:z@b/", "javascript:alert(1)", "-i", "http:/a.test",
    b"nul\0.test", b"bell\x07.test", b"esc\x1b[31m.test", b"https://a.test/\x01", b"del\x7f.test", b"\xff\xfe.test",
    b"\xc3.test", "https://a.test/\t/x", "256.1.1.1", "1.2.3", "https://a.test\\b/", "a_b c", "<a.test>", "a.test|b",
    "xn--a.test", "https://999999999999/",
]
# What curl and browsers make of these differs; one report each is all that is promised.
EITHER = {"[127.0.0.1]", "1.2.3", "256.1.1.1", "https://999999999999/", "xn--a.test", "a.test|b", "<a.test>",
          "https://a.test:/x:y:z@b/", "https://[::1%25lo]/", "-i", "https://a.test\\b/"}


class Bad(Case):
    def test_each_bad_line_is_reported_and_the_run_goes_on(self):
        lines = []
        for bad in BAD:
            lines += [bad, "good.test"]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-t", 5, lines=lines)
                reports = {r["index"]: r for r in result.reports}
                self.assertEqual(sorted(reports), list(range(1, len(lines) + 1)))
                for at, line in enumerate(lines, 1):
                    if line == "good.test":
                        self.assertKind(reports[at], "ok")
                    elif line not in EITHER:
                        self.assertEqual((line, kind(reports[at])), (line, "invalid-target"))
                        self.assertEqual((reports[at]["attempts"], reports[at]["worker"], reports[at]["status"]),
                                         (0, None, None))
                self.assertEqual(result.status, 1)

    def test_userinfo_is_not_shown_as_fetched(self):
        report = self.fetch("https://user:secret@a.test/")
        self.assertKind(report, "invalid-target")
        self.assertNotIn("secret", report["error"]["message"])

    def test_long_lines(self):
        fits = "https://a.test/text/" + "y" * (8192 - 20)
        over = "https://a.test/text/" + "y" * (8193 - 20)
        huge = "z" * 3_000_000
        result = self.json(lines=[fits, over, huge, "good.test"])
        reports = sorted(result.reports, key=lambda r: r["index"])
        self.assertEqual([kind(r) for r in reports], ["ok", "invalid-target", "invalid-target", "ok"])
        self.assertEqual(reports[0]["target"], fits)
        self.assertEqual(reports[1]["target"], over[:256] + "…")
        self.assertEqual(reports[2]["target"], "z" * 256 + "…")

    def test_a_long_line_without_newline_at_the_end(self):
        result = self.json(data=b"good.test\n" + b"q" * 100_000)
        self.assertEqual(result.kinds, ["ok", "invalid-target"])

    def test_a_long_comment_is_skipped(self):
        result = self.json(data=b"#" + b"q" * 100_000 + b"\ngood.test\n")
        self.assertEqual(result.kinds, ["ok"])
        self.assertEqual(result.report["index"], 1)

    def test_binary_rubbish(self):
        data = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(3000))
        lines = [x for x in data.split(b"\n") if x.strip(b" \t\r") and not x.strip(b" \t\r").startswith(b"#")]
        result = self.json("-t", 2, data=data)
        self.assertEqual(sorted(r["index"] for r in result.reports), list(range(1, len(lines) + 1)))


class Shard(Case):
    @staticmethod
    def shard_of(host, count):
        return 1 + int.from_bytes(hashlib.sha256(host.encode()).digest()[:8], "big") % count

    def test_the_promised_hash(self):
        lines = ["host%d.test" % i for i in range(60)] + ["HOST1.test.", "https://host2.test:444/ok", "bücher.test",
                                                          "[::1]:%d" % 1, "bad host"]
        hosts = lines[:60] + ["host1.test", "host2.test", "xn--bcher-kva.test", "::1", "bad host"]
        seen = []
        for shard in (1, 2, 3):
            result = self.run_with("--shard", "%d/3" % shard, "--dry-run", lines=lines)
            want = [line for line, host in zip(lines, hosts) if self.shard_of(host, 3) == shard]
            self.assertEqual(result.out.decode().splitlines(), want)
            seen += want
        self.assertEqual(sorted(seen), sorted(lines))

    def test_index_is_that_of_the_whole_list(self):
        lines = ["host%d.test" % i for i in range(30)]
        for shard in (1, 2):
            for r in self.json("--shard", "%d/2" % shard, lines=lines).reports:
                self.assertEqual(lines[r["index"] - 1], r["target"])
                self.assertEqual(self.shard_of(r["target"], 2), shard)

    def test_bad_shards(self):
        for bad in ("0/3", "4/3", "1/0", "x/3", "1", "1/", "/3", "-1/3", "1/3x"):
            self.assertUsage("--shard", bad, lines=["a.test"])
