"""What curl's own tests have a server say (their numbers in front), and what must come of it; the replies are
retold, not copied. Where pfetch refuses what curl takes, the manual says so ("Where pfetch is stricter than curl")."""
import gzip
import os
import zlib

from harness import Case, kind, reply, script

OK = "HTTP/1.1 200 OK"
FUNKY = ["HTTP/1.1 200 funky chunky!", "Server: fakeit/0.9 fakeitbad/1.0", "Transfer-Encoding: chunked", "Connection: mooo"]
ABC = b"a" * 64 + b"b" * 48 + b"c" * 33
CHUNKS = b"40\r\n" + b"a" * 64 + b"\r\n30\r\n" + b"b" * 48 + b"\r\n21;heresatest=moooo\r\n" + b"c" * 33 + b"\r\n"
LINES = b"line 1\n line 2\n  line 3\n"


def raw_deflate(data):
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


def gzip_with(flags, extra, data):
    """A gzip member with the optional parts of its header (RFC 1952 2.3)."""
    return b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff" + extra + gzip.compress(data, mtime=0)[10:]


def coded(coding, body, status=OK):
    return reply([status, "Content-Encoding: " + coding, "Content-Length: %d" % len(body)], body)


def whole(status=200, body=b""):
    return ("ok", status, body)


def bad(named, *words):
    return (named, words)


# name: (the path that makes the origin say it, what comes of it)
PLAIN = {
    "1 a plain answer": (reply([OK, "Date: Tue, 09 Nov 2010 14:49:00 GMT", "Server: test-server/fake", "Content-Length: 6",
                                "Connection: close", "Funny-head: yesyes"], b"-foo-\n"), whole(200, b"-foo-\n")),
    "30 no byte in answer": (script("close"), bad("truncated", "before any response")),
    "31 cookies of all kinds": (reply([OK, "Content-Length: 4", "Set-Cookie: blankdomain=sure; domain=; path=/",
                                       "Set-Cookie: =;;;=", "Set-Cookie:", "Set-Cookie: nodomainnovalue",
                                       "Set-Cookie: a=b; expires=Fri Feb 2 11:56:27 GMT 2035", "Set-Cookie: \x01\x02=\x7f"],
                                      b"boo\n"), whole(200, b"boo\n")),
    "34 chunks": (reply(FUNKY, CHUNKS + b"0\r\n\r\n"), whole(200, ABC)),
    "36 a chunk's size that is none": (reply(FUNKY, b"2\r\na\n\r\nILLEGAL\r\nbbbbbb\r\n"), bad("http", "chunk size")),
    "37 a connection that only ends": (script("abrupt"), bad("truncated")),
    "47 HTTP/1.0": (reply(["HTTP/1.0 200 OK", "Content-Length: 6"], b"-foo-\n"), whole(200, b"-foo-\n")),
    "57 blanks behind a value": (reply([OK, "Funny-head: yesyes", "Content-Type: text/html; charset=ISO-8859-4   "]), whole()),
    "66 HTTP/0.9": (reply("silly content and no head\n"), bad("http", "HTTP/0.9")),
    "93 a body of one byte": (reply([OK, "Content-Length: 1"], b"x"), whole(200, b"x")),
    "151 a redirect that is not followed": (reply(["HTTP/1.1 302 OK swsclose", "Location: /away", "Content-Length: 22"],
                                                  b"This is the contents.\n"), whole(302, b"This is the contents.\n")),
    "178 a negative length": (reply(["HTTP/1.1 200 OK swsclose", "Content-Length: -6"], b"moooooooooooo\n"),
                              bad("http", "Content-Length", "-6")),
    "207 chunks that break off": (reply(FUNKY, b"41\r\n" + b"a" * 64 + b"\n"), bad("truncated", "last chunk")),
    "218 a length of nothing": (reply([OK, "Content-Length: 0"]), whole()),
    "246 a long reason": (reply(["HTTP/1.1 200 " + "word " * 300, "Content-Length: 2"], b"ok"), whole(200, b"ok")),
    "249 304 with a length": (reply(["HTTP/1.1 304 Not Modified", "Content-Length: 677777", "Connection: close"]), whole(304)),
    "262 NUL in a field": (reply([OK, "X-A: b\0c", "Content-Length: 2"], b"ok"), bad("http", "NUL")),
    "266 a trailer": (reply(FUNKY[:3] + ["Trailer: chunky-trailer"], CHUNKS + b"0\r\nchunky-trailer: header data\r\n\r\n"),
                      whole(200, ABC)),
    "282 no reason and no fields": (reply("HTTP/1.1 200\r\n\r\n"), whole()),
    "306 HTTP/0.9 in TLS": (reply("No headers at all, just data swsclose\n\nLet's get\n\na little\n"), bad("http", "HTTP/0.9")),
    "319 an unknown transfer coding": (reply([OK, "Transfer-Encoding: foobar"], LINES), bad("http", "foobar")),
    "357 417, and then nothing": (reply(["HTTP/1.1 417 BAD swsbounce", "Content-Length: 0"]), whole(417)),
    "376 a length not reached": (reply([OK, "Content-Length: 75", "Connection: close"], b"-foo-\n"),
                                 bad("truncated", "6 of 75")),
    "387 a hundred transfer codings": (reply([OK, "Content-Length: 6", "Transfer-Encoding: " + ",".join(["gzip"] * 100)], b"-foo-\n"),
                                       bad("http", "Transfer-Encoding", "gzip")),
    "394 rubbish for a length": (reply([OK, "Content-Length: crap"], b"-foo-\n"), bad("http", "Content-Length", "crap")),
    "395 a length beyond all range": (reply([OK, "Content-Length: 36893488147419103232"], b"-foo-\n"),
                                      bad("http", "Content-Length is too large")),
    "398 HTTP/1.1 in another case": (reply(["Http/1.1 200 OK", "Content-Length: 2"], b"ok"), bad("http")),
    "415 a control byte, then a negative length": (reply([OK, "\x01: x", "Content-Length: -6"], b"moooo"), bad("http", "no token")),
    "418 a transfer coding nine times": (reply([OK, "Content-Length: 6"] + ["Transfer-Encoding: gzip"] * 9, b"-foo-\n"),
                                         bad("http", "not asked for: gzip")),
    "457 chunks": (reply(FUNKY, CHUNKS + b"0\r\n\r\n"), whole(200, ABC)),
    "497 a head beyond all bounds": (script(("send", OK + "\r\n"), ("repeat", 1750, "Repeat-this-Header: " + "x" * 150 + "\n"), "close"),
                                     bad("http", "more than 1000 fields")),
    "498 a head beyond 256 KiB": (script(("send", OK + "\r\n"), ("repeat", 900, "A: " + "x" * 400 + "\n"), "close"),
                                  bad("http", "larger than 262144")),
    "1033 102 first": (reply("HTTP/1.1 102 unexpected huh?!\r\n\r\n" + OK + "\r\nContent-Length: 6\r\n\r\n", b"-foo-\n"),
                       whole(200, b"-foo-\n")),
    "1115 104 first": (reply("HTTP/1.1 104 Experiment\r\nServer: x\r\n\r\n" + OK + "\r\nContent-Length: 0\r\n\r\n"), whole()),
    "1122 a transfer coding, unasked for": (reply([OK, "Transfer-Encoding: gzip", "Content-Length: 44"], gzip.compress(LINES, mtime=0)),
                                            bad("http", "not asked for: gzip")),
    "1172 HTTP/0.9": (reply("-foo- swsclose\n"), bad("http", "HTTP/0.9")),
    "1266 a single byte": (reply("o"), bad("http")),
    "1267 a start that goes wrong late": (reply("HTTPr\n"), bad("http")),
    "1268 only a part of the version": (reply("HTTP/1."), bad("truncated", "middle of the head")),
    "1274 folded fields": (reply([OK, "Server: test-server/", " fake", " folded", "Content-Length: 6", "Connection:" + " " * 46,
                                  "   close"], b"-foo-\n"), whole(200, b"-foo-\n")),
    "1417 trailers without CR": (reply("\n".join(FUNKY) + "\n\n", CHUNKS.replace(b"\r\n", b"\n") + b"0\nchunky-trailer: data\n\n"),
                                 whole(200, ABC)),
    "1429 four digits": (reply(["HTTP/1.1 1234 OK", "Content-Length: 6"], b"-foo-\n"), bad("http", "three digits", "1234")),
    "1430 a negative status": (reply(["HTTP/1.1 -12 OK", "Content-Length: 6"], b"-foo-\n"), bad("http", "three digits")),
    "1431 one digit": (reply(["HTTP/1.1 2 OK", "Content-Length: 6"], b"-foo-\n"), bad("http", "three digits")),
    "1432 a hundred digits": (reply(["HTTP/1.1 " + "0123456789" * 10 + " OK", "Content-Length: 6"], b"-foo-\n"),
                              bad("http", "three digits")),
    "1433 a long version": (reply(["HTTP/1.0" + "123456789" * 11 + " 200 OK", "Content-Length: 6"], b"-foo-\n"), bad("http", "version")),
    "1480 only 100, then bytes": (reply("HTTP/1.1 100 Continue\r\nFoo: Bar\r\n\r\n", b"Data\nData\nData\n"), bad("http")),
    "1493 identity and chunked": (reply(["HTTP/1.1 200 funky", "Transfer-Encoding: identity, chunked"],
                                        CHUNKS + b"0\r\nchunky-trailer: data\r\nanother-header: yes\r\n\r\n"), whole(200, ABC)),
    "1546 chunked is not the last": (reply([OK, "Transfer-Encoding: chunked, gzip"], b"0\r\n\r\n"), bad("http", "not the last coding")),
    "1700 101, unasked for": (reply(["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: h2c"], b"\0\0\0\4"),
                              bad("http", "no upgrade")),
    "HTTP/2 spelled as HTTP/1": (reply(["HTTP/2 200", "Content-Length: 2"], b"ok"), bad("http", "HTTP/2")),
    "HTTP/3.0": (reply(["HTTP/3.0 200 OK", "Content-Length: 2"], b"ok"), bad("http", "HTTP/3")),
    "two lengths": (reply([OK, "Content-Length: 5", "Content-Length: 7"], b"hello.."), bad("http", "Content-Length given twice: 5, 7")),
    "the same length twice": (reply([OK, "Content-Length: 5", "Content-Length: 5"], b"hello"), whole(200, b"hello")),
    "a field without a colon": (reply([OK, "no colon", "Content-Length: 2"], b"ok"), bad("http", "without a colon", "no colon")),
    "a field before its colon ends": (reply([OK, "X-A : b", "Content-Length: 2"], b"ok"), bad("http", "blank before the colon")),
    "a length under HTTP/1.0 kept alive": (reply(["HTTP/1.0 200 OK", "Connection: keep-alive", "Content-Length: 2"], b"ok"),
                                           whole(200, b"ok")),
    "205 with a body": (reply(["HTTP/1.1 205 Reset", "Content-Length: 2"], b"ok"), whole(205, b"ok")),
    "600": (reply(["HTTP/1.1 600 Odd", "Content-Length: 2"], b"ok"), whole(600, b"ok")),
    "999": (reply(["HTTP/1.1 999 Odd", "Content-Length: 2"], b"ok"), whole(999, b"ok")),
    "99": (reply(["HTTP/1.1 99 Low", "Content-Length: 2"], b"ok"), bad("http", "three digits")),
    "1000": (reply(["HTTP/1.1 1000 High", "Content-Length: 2"], b"ok"), bad("http", "three digits")),
    "an interim response with a body": (reply("HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nhello" + OK + "\r\n\r\n"), bad("http")),
    "chunks' sizes of 2^64": (reply(FUNKY, b"10000000000000000\r\nx"), bad("http", "63 bits")),
    "chunks' sizes of 2^63": (reply(FUNKY, b"8000000000000000\r\nx"), bad("http", "63 bits")),
    "a gzip that is not undone": (coded("gzip", gzip.compress(LINES, mtime=0)), whole(200, gzip.compress(LINES, mtime=0))),
}

# With --compressed.
CODED = {
    "220 gzip": (coded("gzip", gzip.compress(LINES, mtime=0)), whole(200, LINES)),
    "221 gzip with extra field, name and comment": (
        coded("gzip", gzip_with(0x1c, b"\x04\0abcd" + b"laa.txt\0" + b"c" * 1500 + b"\0", LINES)), whole(200, LINES)),
    "222 deflate": (coded("deflate", zlib.compress(LINES)), whole(200, LINES)),
    "223 deflate, its head cut off": (coded("deflate", zlib.compress(LINES * 9)[3:]), bad("http", "deflate stream is broken")),
    "224 gzip with a name": (coded("gzip", gzip_with(0x08, b"laa.txt\0", LINES)), whole(200, LINES)),
    "230 deflate, identity, gzip": (coded("deflate, identity, gzip", gzip.compress(zlib.compress(LINES), mtime=0)), whole(200, LINES)),
    "232 raw deflate": (coded("deflate", raw_deflate(LINES)), whole(200, LINES)),
    "314 br": ("/br/bytes/24/x", whole(200, None)),
    "315 br, broken": (coded("br", b"\xff\xfe\xfd nonsense"), bad("http", "br stream is broken")),
    "396 gzip, a byte short": (coded("gzip", gzip.compress(LINES, mtime=0)[:-1]), bad("http", "not complete")),
    "397 gzip, wrong checksum": (coded("gzip", gzip.compress(LINES, mtime=0)[:-8] + b"\0\0\0\0" + gzip.compress(LINES, mtime=0)[-4:]),
                                 bad("http", "gzip stream is broken")),
    "gzip, wrong length at its end": (coded("gzip", gzip.compress(LINES, mtime=0)[:-1] + b"\1"), bad("http", "gzip stream is broken")),
    "gzip of two members": (coded("gzip", gzip.compress(LINES, mtime=0) * 2), whole(200, LINES * 2)),
    "gzip, then zeros": (coded("gzip", gzip.compress(LINES, mtime=0) + b"\0" * 8), bad("http", "behind its end")),
    "gzip, then half a member": (coded("gzip", gzip.compress(LINES, mtime=0) + b"\x1f\x8b"), bad("http", "not complete")),
    "x-gzip": (coded("x-gzip", gzip.compress(LINES, mtime=0)), whole(200, LINES)),
    "GZip": (coded("GZip", gzip.compress(LINES, mtime=0)), whole(200, LINES)),
    "identity": (coded("identity", LINES), whole(200, LINES)),
    "none": (coded("none", LINES), whole(200, LINES)),
    "an empty Content-Encoding": (coded("", LINES), whole(200, LINES)),
    "an unknown coding": (coded("frobnicate", LINES), bad("http", "unknown content coding: frobnicate")),
    "a known and an unknown one": (coded("rot13, gzip", gzip.compress(LINES, mtime=0)), bad("http", "rot13")),
    "an unknown one of nothing": (coded("frobnicate", b""), whole()),
    "gzip of nothing": (coded("gzip", b""), whole()),
    "gzip and 204": (reply(["HTTP/1.1 204 No", "Content-Encoding: gzip"]), whole(204)),
    "gzip and 304": (reply(["HTTP/1.1 304 Not", "Content-Encoding: gzip", "Content-Length: 99"]), whole(304)),
    "gzip that is text": (coded("gzip", LINES), bad("http", "gzip stream is broken")),
    "deflate, then more": (coded("deflate", zlib.compress(LINES) + b"x"), bad("http", "behind its end")),
    "deflate with a dictionary": (coded("deflate", b"\x78\xbb\x00\x00\x00\x01\x00"), bad("http", "dictionary")),
    "zstd that is text": (coded("zstd", LINES), bad("http", "zstd")),
    "zstd, skippable frames only": (coded("zstd", b"\x50\x2a\x4d\x18\x03\0\0\0abc" * 2), whole()),
    "zstd, skippable frame cut": (coded("zstd", b"\x50\x2a\x4d\x18\x09\0\0\0abc"), bad("http", "not complete")),
    "twenty codings": (coded(", ".join(["gzip"] * 20), gzip.compress(LINES, mtime=0)), bad("http", "content codings")),
    "codings in two fields": (reply([OK, "Content-Encoding: deflate", "Content-Encoding: gzip"],
                                    gzip.compress(zlib.compress(LINES), mtime=0)), whole(200, LINES)),
    "a list of codings without end": (script(("send", OK + "\r\nContent-Encoding: a"), ("repeat", 9000, ",a"),
                                             ("send", "\r\n\r\nx"), "close"), bad("http", "Content-Encoding is too long")),
    "a coding called by no name": (coded("gzip;q=1", gzip.compress(LINES, mtime=0)), bad("http", "unknown content coding")),
}

# With --max-size 143.
BOUNDED = {
    "457 a chunked body that is too large": (reply(FUNKY, CHUNKS + b"0\r\n\r\n"), bad("too-large", "143")),
    "293 a length that is too large": (reply([OK, "Content-Length: 144"], b"x" * 144), bad("too-large", "143")),
    "292 just as large": (reply([OK, "Content-Length: 143"], b"x" * 143), whole(200, b"x" * 143)),
    "393 a length beyond all range": (reply([OK, "Content-Length: 36893488147419103232"], b"-foo-"), bad("http", "too large")),
}

# With --fail.
FAILING = {
    "24 404": (reply(["HTTP/1.1 404 BAD BOY swsclose", "Content-Length: 5"], b"boom\n"), bad("http-status", "404")),
    "152 401": (reply(["HTTP/1.1 401 No", "Content-Length: 5"], b"boom\n"), bad("http-status", "401")),
    "a redirect is no failure": (reply(["HTTP/1.1 302 Found", "Location: /x", "Content-Length: 2"], b"ok"), whole(302, b"ok")),
}


class Vectors(Case):
    def go(self, table, *args):
        names = list(table)
        lines = ["https://c%d.test%s" % (i, table[n][0]) for i, n in enumerate(names)]
        self.assertLess(max(map(len, lines)), 8192)
        out = self.path("out")
        result = self.json("-w", 4, "-t", 20, "-d", out, *args, lines=lines)
        self.assertEqual(len(result.reports), len(names), result.err)
        for report in result.reports:
            name = names[report["index"] - 1]
            with self.subTest(case=name):
                self.check(report, table[name][1], out)

    def check(self, report, want, out):
        self.assertEqual(kind(report), want[0], report["error"])
        if want[0] != "ok":
            for word in want[1]:
                self.assertIn(word, report["error"]["message"])
            self.assertFalse(report["file"], "a broken body was delivered as whole")
            return
        self.assertEqual(report["status"], want[1])
        with open(os.path.join(out, report["file"]), "rb") as f:
            body = f.read()
        self.assertEqual(len(body), report["bytes"])
        if want[2] is not None:
            self.assertEqual(body, want[2])

    def test_plain(self):
        self.go(PLAIN)

    def test_compressed(self):
        self.go(CODED, "--compressed")

    def test_max_size(self):
        self.go(BOUNDED, "--max-size", 143)

    def test_fail(self):
        self.go(FAILING, "--fail")

    def test_1479_what_follows_on_a_kept_connection_is_held_to_the_same(self):
        first = reply([OK, "Content-Length: 5"], b"Data\n", "read", ("send", b"Data\r\nData\r\n"), "close")
        result = self.json("-w", 1, "--order", "input", "https://k.test" + first, "https://k.test/ok",
                           "https://k.test/ok")
        self.assertEqual(result.kinds, ["ok", "http", "ok"])
        self.assertEqual([r["reused"] for r in result.reports], [False, True, False])
