"""Where a message ends, by RFC 9112 section 6.3, and what breaks it: bytes in, body or error out."""
from harness import Case, kind, reply, script

OK = "HTTP/1.1 200 OK"
CHUNKED = [OK, "Transfer-Encoding: chunked"]

# name: (head lines or raw head, body bytes, steps after, the body that is delivered or the error's kind)
CASES = {
    "length": ([OK, "Content-Length: 5"], b"hello", (), b"hello"),
    "length zero": ([OK, "Content-Length: 0"], b"", (), b""),
    "length with zeros in front": ([OK, "Content-Length: 0005"], b"hello", (), b"hello"),
    "length with blanks": ([OK, "Content-Length: \t 5  "], b"hello", (), b"hello"),
    "equal lengths in a list": ([OK, "Content-Length: 5, 5"], b"hello", (), b"hello"),
    "equal lengths in two fields": ([OK, "Content-Length: 5", "Content-Length: 5"], b"hello", (), b"hello"),
    "conflicting lengths": ([OK, "Content-Length: 5", "Content-Length: 7"], b"hello..", (), "http"),
    "conflicting lengths in a list": ([OK, "Content-Length: 5,7"], b"hello..", (), "http"),
    "signed length": ([OK, "Content-Length: +5"], b"hello", (), "http"),
    "negative length": ([OK, "Content-Length: -5"], b"hello", (), "http"),
    "empty length": ([OK, "Content-Length:"], b"hello", (), "http"),
    "hexadecimal length": ([OK, "Content-Length: 0x5"], b"hello", (), "http"),
    "length with a unit": ([OK, "Content-Length: 5 bytes"], b"hello", (), "http"),
    "overflowing length": ([OK, "Content-Length: 18446744073709551621"], b"hello", (), "http"),
    "length too long by far": ([OK, "Content-Length: " + "9" * 400], b"hello", (), "http"),
    "length not reached": ([OK, "Content-Length: 50"], b"hello", (), "truncated"),
    "length not reached, no close_notify": ([OK, "Content-Length: 50"], b"hello", ("abrupt",), "truncated"),
    "length not reached, reset": ([OK, "Content-Length: 50"], b"hello", (("wait", 50), "reset"), "truncated"),
    "length reached, no close_notify": ([OK, "Content-Length: 5"], b"hello", ("abrupt",), b"hello"),
    "until close": ([OK], b"hello", (), b"hello"),
    "until close, nothing": ([OK], b"", (), b""),
    "until close, no close_notify": ([OK], b"hello", ("abrupt",), "truncated"),
    "until close, reset": ([OK], b"hello", (("wait", 50), "reset"), "truncated"),
    "nothing at all": ("", b"", (), "truncated"),
    "nothing at all, no close_notify": ("", b"", ("abrupt",), "truncated"),
    "half a head": ("HTTP/1.1 200 OK\r\nContent-", b"", (), "truncated"),
    "chunked": (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", (), b"hello"),
    "chunked in capitals": ([OK, "TRANSFER-ENCODING: CHUNKED"], b"A\r\n0123456789\r\n0\r\n\r\n", (), b"0123456789"),
    "chunks with extensions": (CHUNKED, b"5;a=b;c=\"d;e\"\r\nhello\r\n0;x\r\n\r\n", (), b"hello"),
    "chunks with trailers": (CHUNKED, b"5\r\nhello\r\n0\r\nX-Trailer: y\r\nX-Two: z\r\n\r\n", (), b"hello"),
    "chunk size with zeros": (CHUNKED, b"0005\r\nhello\r\n000\r\n\r\n", (), b"hello"),
    "chunk size in capitals": (CHUNKED, b"00A\r\n0123456789\r\n0\r\n\r\n", (), b"0123456789"),
    "chunk without size": (CHUNKED, b"\r\nhello\r\n0\r\n\r\n", (), "http"),
    "chunk size that is none": (CHUNKED, b"xyz\r\nhello\r\n0\r\n\r\n", (), "http"),
    "chunk size signed": (CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n", (), "http"),
    "chunk size negative": (CHUNKED, b"-5\r\nhello\r\n0\r\n\r\n", (), "http"),
    "chunk size 0x": (CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n", (), "http"),
    "chunk size overflowing": (CHUNKED, b"10000000000000005\r\nhello\r\n0\r\n\r\n", (), "http"),
    "chunk longer than said": (CHUNKED, b"3\r\nhello\r\n0\r\n\r\n", (), "http"),
    "chunk shorter than said": (CHUNKED, b"50\r\nhello\r\n0\r\n\r\n", (), "truncated"),
    "chunks without the last": (CHUNKED, b"5\r\nhello\r\n", (), "truncated"),
    "chunks without the last line": (CHUNKED, b"5\r\nhello\r\n0\r\n", (), "truncated"),
    "chunk extension without end": (CHUNKED, b"5;" + b"x" * 6000, (("repeat", 5000, b"x" * 1000), "close"), "http"),
    "trailers without end": (CHUNKED, b"5\r\nhello\r\n0\r\n", (("repeat", 500000, b"X: y\r\n"), "close"), "http"),
    "chunked twice": ([OK, "Transfer-Encoding: chunked, chunked"], b"5\r\nhello\r\n0\r\n\r\n", (), "http"),
    "not chunked last": ([OK, "Transfer-Encoding: chunked, gzip"], b"5\r\nhello\r\n0\r\n\r\n", (), "http"),
    "unknown transfer coding": ([OK, "Transfer-Encoding: cow"], b"hello", (), "http"),
    "both length and chunked": ([OK, "Content-Length: 3", "Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n", (), b"hello"),
    "chunked under HTTP/1.0": (["HTTP/1.0 200 OK", "Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n", (), None),
    "HTTP/1.0": (["HTTP/1.0 200 OK"], b"hello", (), b"hello"),
    "204 with a length": (["HTTP/1.1 204 No Content", "Content-Length: 5"], b"", (), b""),
    "304 with a length": (["HTTP/1.1 304 Not Modified", "Content-Length: 5"], b"", (), b""),
    "100 first": ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok", (), b"ok"),
    "103 with fields first": ("HTTP/1.1 103 Early\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok", (), b"ok"),
    "101 unasked": (["HTTP/1.1 101 Switching Protocols", "Upgrade: x"], b"zzz", (), "http"),
    "interim responses without end": ("HTTP/1.1 100 Continue\r\n\r\n", b"", (("repeat", 100000, b"HTTP/1.1 100 Continue\r\n\r\n"), "close"), "http"),
    "only an interim response": ("HTTP/1.1 100 Continue\r\n\r\n", b"", (), "truncated"),
    "bare line feeds": ("HTTP/1.1 200 OK\nContent-Length: 5\n\n", b"hello", (), b"hello"),
    "folded field": ([OK, "X-Fold: a", "  b", "Content-Length: 5"], b"hello", (), b"hello"),
    "no reason phrase": (["HTTP/1.1 200", "Content-Length: 5"], b"hello", (), b"hello"),
    "odd reason phrase": (["HTTP/1.1 200 \xe9t\xe9 : (!", "Content-Length: 5"], b"hello", (), b"hello"),
    "empty reason phrase": (["HTTP/1.1 200 ", "Content-Length: 5"], b"hello", (), b"hello"),
    "bare carriage return": ([OK, "X-A: b\rc", "Content-Length: 5"], b"hello", (), "http"),
    "NUL in a field": ([OK, "X-A: b\0c", "Content-Length: 5"], b"hello", (), "http"),
    "blank before the colon": ([OK, "Content-Length : 5"], b"hello", (), "http"),
    "field without a name": ([OK, ": x", "Content-Length: 5"], b"hello", (), "http"),
    "field name that is no token": ([OK, "X(A: x", "Content-Length: 5"], b"hello", (), "http"),
    "field without a colon": ([OK, "nonsense", "Content-Length: 5"], b"hello", (), "http"),
    "first field folded": ("HTTP/1.1 200 OK\r\n X: y\r\nContent-Length: 5\r\n\r\n", b"hello", (), "http"),
    "status of two digits": (["HTTP/1.1 20 OK"], b"hello", (), "http"),
    "status of four digits": (["HTTP/1.1 2000 OK"], b"hello", (), "http"),
    "status 099": (["HTTP/1.1 099 OK"], b"hello", (), "http"),
    "status in letters": (["HTTP/1.1 abc OK"], b"hello", (), "http"),
    "no version": (["200 OK"], b"hello", (), "http"),
    "lower-case http": (["http/1.1 200 OK", "Content-Length: 5"], b"hello", (), "http"),
    "HTTP/2.0": (["HTTP/2.0 200 OK", "Content-Length: 5"], b"hello", (), "http"),
    "HTTP/1.10": (["HTTP/1.10 200 OK", "Content-Length: 5"], b"hello", (), "http"),
    "HTTP/0.9": ("<html>hello</html>\n", b"", (), "http"),
    "HTTP/2 preface": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d", b"", (), "http"),
    "SSH": ("SSH-2.0-OpenSSH_9.2\r\n", b"", (), "http"),
    "an empty line first": ("\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello", (), "http"),
    "head too long": (OK + "\r\n", b"", (("repeat", 300, b"X-A: " + b"y" * 1000 + b"\r\n"), ("send", b"\r\n"), "close"), "http"),
    "one field without end": (OK + "\r\nX-A: ", b"", (("repeat", 400, b"y" * 1000), "close"), "http"),
    "too many fields": (OK + "\r\n", b"", (("repeat", 1001, b"A: b\r\n"), ("send", b"\r\n"), "close"), "http"),
    "a thousand fields": (OK + "\r\n", b"", (("repeat", 999, b"A: b\r\n"), ("send", b"Content-Length: 2\r\n\r\nok"), "close"), b"ok"),
    "status line without end": ("HTTP/1.1 200 ", b"", (("repeat", 400, b"y" * 1000), "close"), "http"),
    "byte by byte": ("", b"", (("drip", 1, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), "close"), b"hello"),
}


class Framing(Case):
    def test_each(self):
        names = sorted(CASES)
        lines = ["https://c%d.test%s" % (i, reply(CASES[n][0], CASES[n][1], *CASES[n][2])) if CASES[n][0]
                 else "https://c%d.test%s" % (i, script(*(CASES[n][2] or ("close",)))) for i, n in enumerate(names)]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                out = self.path("out-" + mode)
                result = self.json("-m", mode, "-w", 4, "-t", 20, "-d", out, lines=lines)
                self.assertEqual(len(result.reports), len(names), result.err)
                for report in result.reports:
                    name = names[report["index"] - 1]
                    want = CASES[name][3]
                    with self.subTest(case=name):
                        if isinstance(want, str):
                            self.assertEqual(kind(report), want, report["error"])
                            self.assertFalse(report.get("file"))
                            self.assertIn(report["error"]["phase"], ("headers", "body"))
                        elif want is not None:
                            self.assertEqual(kind(report), "ok", report["error"])
                            with open(out + "/" + report["file"], "rb") as f:
                                self.assertEqual(f.read(), want)

    def test_the_rule_is_named(self):
        message = self.fetch("https://a.test" + reply(*CASES["conflicting lengths"][:2]))["error"]["message"]
        for part in ("Content-Length", "5", "7"):
            self.assertIn(part, message)


class Kept(Case):
    """What may go on on a connection, and what poisons it."""

    def two(self, first, mode):
        lines = ["https://k.test" + first, "https://k.test/text/second"]
        return self.run_with("-m", mode, "-w", 1, "-f", "json", "--order", "input", "-d", self.path("k-" + mode), lines=lines)

    def test_second_answers(self):
        good = ([OK, "Content-Length: 5"], b"hello")
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name, path, reused in (
                        ("plain", reply(*good, "keep"), True),
                        ("chunked", reply(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", "keep"), True),
                        ("204", reply(["HTTP/1.1 204 No Content"], b"", "keep"), True),
                        ("says close", reply([OK, "Content-Length: 5", "Connection: close"], b"hello", "keep"), False),
                        ("says Close among others", reply([OK, "Content-Length: 5", "Connection: x, Close"], b"hello", "keep"), False),
                        ("1.0", reply(["HTTP/1.0 200 OK", "Content-Length: 5"], b"hello", "keep"), False),
                        ("both length and chunked", reply([OK, "Content-Length: 3", "Transfer-Encoding: chunked"],
                                                          b"5\r\nhello\r\n0\r\n\r\n", "keep"), False),
                        ("bytes behind the end", reply([OK, "Content-Length: 5"],
                                                       b"helloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "keep"), False),
                        ("bytes behind the chunks", reply(CHUNKED, b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
                                                          "keep"), False),
                        ("a body behind 204", reply(["HTTP/1.1 204 No Content"],
                                                    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "keep"), False),
                        ("closed meanwhile", reply(*good, "close"), False)):
                    result = self.two(path, mode)
                    first, second = result.reports
                    with self.subTest(case=name):
                        self.assertIn(kind(first), ("ok", "http"))
                        self.assertEqual((kind(second), second["status"], second["bytes"]), ("ok", 200, 6), result.err)
                        self.assertEqual(second["reused"], reused)

    def test_we_say_close(self):
        """-H may say so, too: nothing is asked over a connection that we said would end, whatever the server makes of it."""
        for line, reused in (("Connection: close", False), ("connection: x, Close", False), ("Connection: keep-alive", True), ("X: close", True)):
            with self.subTest(line=line):
                lines = ["https://k.test" + reply([OK, "Content-Length: 5"], b"hello", "keep"), "https://k.test/ok"]
                result = self.json("-w", 1, "--order", "input", "-H", line, lines=lines)
                self.assertEqual([(kind(r), r["reused"]) for r in result.reports], [("ok", False), ("ok", reused)])

    def test_bytes_that_come_late_poison_too(self):
        path = reply([OK, "Content-Length: 5"], b"hello", ("wait", 100), ("send", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), "keep")
        lines = ["https://k.test" + path, "https://other.test/delay/400/ok", "https://k.test/text/second"]
        result = self.json("-w", 1, "--order", "input", lines=lines)
        self.assertEqual([r["bytes"] for r in result.reports], [5, 3, 6])
        self.assertEqual(result.reports[2]["reused"], False)


class Requests(Case):
    def test_what_is_sent(self):
        self.origin.events_clear()
        self.fetch("https://a.test/text/x?y=z")
        event = self.origin.events("request")[0]
        names = [n for n, _ in event["headers"]]
        self.assertEqual(event["line"], "GET /text/x?y=z HTTP/1.1")
        self.assertEqual(names[0], "Host")
        self.assertEqual(len(names), len(set(n.lower() for n in names)))
        headers = {n.lower(): v for n, v in event["headers"]}
        self.assertEqual(headers["host"], "a.test")
        self.assertRegex(headers["user-agent"], r"\Apfetch/\d")

    def test_header_option(self):
        self.origin.events_clear()
        self.fetch("https://a.test/ok", "-H", "X-One: 1", "-H", "Accept: text/html", "-H", "Host: other.test", "-A", "me/1.0")
        headers = {n.lower(): v for n, v in self.origin.events("request")[0]["headers"]}
        self.assertEqual((headers["x-one"], headers["accept"], headers["host"], headers["user-agent"]),
                         ("1", "text/html", "other.test", "me/1.0"))

    def test_header_values_that_inject(self):
        for bad in ("X: a\r\nY: b", "X: a\nb", "X: a\x01", "no colon", ": empty", "X Y: a"):
            self.assertUsage("-H", bad, "a.test")
        self.assertUsage("-A", "a\r\nb", "a.test")

    def test_fail(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for code in (400, 404, 500, 599):
                    result = self.run_with("-m", mode, "-f", "body", "--fail", "https://a.test/status/%d/text/x" % code)
                    self.assertEqual((result.status, result.out), (1, b""))
                self.assertKind(self.fetch("https://a.test/status/404", "--fail", "-m", mode), "http-status")
                self.assertEqual(self.fetch("https://a.test/status/399", "--fail", "-m", mode)["error"], None)

    def test_max_size(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for form in ("", "chunked/100/", "eof/"):
                    for size, limit, outcome in ((1000, "1000", "ok"), (1001, "1000", "too-large"), (2048, "2K", "ok"),
                                                 (2049, "2K", "too-large"), (1 << 20, "1M", "ok")):
                        report = self.fetch("https://a.test/%sbytes/%d" % (form, size), "--max-size", limit, "-m", mode)
                        self.assertEqual((form, size, kind(report)), (form, size, outcome))
        for bad in ("-1", "x", "1X", "99999999999999999999", "1.5M"):
            self.assertUsage("--max-size", bad, "a.test")

    def test_a_hundred_gigabytes_promised(self):
        report = self.fetch("https://a.test" + reply([OK, "Content-Length: 100000000000"], b"x", ("wait", 10), "close"), "--max-size", "1G")
        self.assertKind(report, "too-large")
