"""Servers that stall, dribble, flood, lie and bomb: each is one report that says what was wrong, nothing is
delivered as whole, and the next target of the same worker gets its own answer."""
import gzip
import os
import zlib

from harness import Case, children, kind, memory_kb, modes, once, pattern, reply, sanitized, script

OK = "HTTP/1.1 200 OK"
CHUNKED = [OK, "Transfer-Encoding: chunked"]
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
EMPTY_MEMBER = gzip.compress(b"", mtime=0)


def head(*lines):
    return ("send", "\r\n".join((OK,) + lines) + "\r\n")


def moved(location, *more):
    return reply(["HTTP/1.1 302 Found", "Location: " + location, "Content-Length: 0", *more])


def coded(coding, body):
    return reply([OK, "Content-Encoding: " + coding, "Content-Length: %d" % len(body)], body)


def corrupted(data):
    """Its middle overwritten."""
    at = len(data) // 2
    return data[:at] + b"\xff" * 16 + data[at + 16:]


def noise(length):
    """Bytes that can't be packed."""
    out, state = bytearray(), 1
    for _ in range(length):
        state = state * 1103515245 + 12345 & 0x7fffffff
        out.append(state >> 16 & 255)
    return bytes(out)


# name: (path, kind, phase, words of the message). With --compressed -L --max-redirs 5 --max-size 1M.
QUICK = {
    # No answer, or half of one.
    "the end at once": (script("close"), "truncated", "headers", ["before any response"]),
    "FIN without close_notify at once": (script("abrupt"), "truncated", "headers", []),
    "RST at once": (script("reset"), "truncated", "headers", []),
    "RST in the head": (script(head("A: b"), ("wait", 20), "reset"), "truncated", "headers", []),
    "RST behind the head": (script(head("Content-Length: 9", ""), ("wait", 20), "reset"), "truncated", "body", []),
    "RST in a chunk": (reply(CHUNKED, b"9\r\nabc", ("wait", 20), "reset"), "truncated", "body", []),
    "the end in the status line": (script(("send", "HTTP/1.1 20"), "close"), "truncated", "headers", ["11 bytes"]),
    "the end in a field": (script(("send", OK + "\r\nContent-Le"), "close"), "truncated", "headers", []),
    "the end before the empty line": (script(head("A: b"), "close"), "truncated", "headers", []),
    "the end behind an interim response": (script(("send", "HTTP/1.1 100 Continue\r\n\r\n"), "close"), "truncated", "headers", []),
    # No close_notify, by framing.
    "no close_notify, length reached": (reply([OK, "Content-Length: 5"], b"hello", "abrupt"), "ok", None, 5),
    "no close_notify, length not reached": (reply([OK, "Content-Length: 6"], b"hello", "abrupt"), "truncated", "body", ["5 of 6"]),
    "no close_notify behind the last chunk": (reply(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", "abrupt"), "ok", None, 5),
    "no close_notify before the last chunk": (reply(CHUNKED, b"5\r\nhello\r\n", "abrupt"), "truncated", "body", ["last chunk"]),
    "no close_notify in the trailers": (reply(CHUNKED, b"5\r\nhello\r\n0\r\nA: b\r\n", "abrupt"), "truncated", "body", ["trailers"]),
    "no close_notify where only it tells the end": (reply([OK], b"hello", "abrupt"), "truncated", "body", ["proper close"]),
    "no close_notify, nothing came": (reply([OK], b"", "abrupt"), "truncated", "body", []),
    # Beneath TLS.
    "a forged record in the body": (script(head("Content-Length: 9", "", "abc"), ("wait", 20), ("raw", b"\x17\x03\x03\x00\x20" + b"x" * 32), "await"),
                                    "truncated", "body", ["TLS"]),
    "a forged alert in the body": (script(head("Content-Length: 9", "", "abc"), ("wait", 20), ("raw", b"\x15\x03\x03\x00\x02\x02\x28"), "await"),
                                   "truncated", "body", ["TLS"]),
    "clear text in the body": (script(head("Content-Length: 9", "", "abc"), ("wait", 20), ("raw", EVIL), "await"), "truncated", "body", ["TLS"]),
    "a forged close_notify": (script(head("", "abc"), ("wait", 20), ("raw", b"\x15\x03\x03\x00\x02\x01\x00"), "await"), "truncated", "body", []),
    "a record of 65,535 bytes": (script(head("", "abc"), ("wait", 20), ("raw", b"\x17\x03\x03\xff\xff" + b"x" * 100), "await"), "truncated", "body", ["TLS"]),
    "records of nothing": (script(head("", "abc"), ("wait", 20), ("raw", b"\x17\x03\x03\x00\x00" * 100), "await"), "truncated", "body", []),
    # Another protocol.
    "HTTP/2 frames": (reply(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d"), "http", "headers", ["another protocol"]),
    "HTTP/2's preface": (reply("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http", "headers", ["another protocol"]),
    "HTTP/0.9": (reply("<html>hello</html>\n"), "http", "headers", ["HTTP/0.9"]),
    "SSH": (reply("SSH-2.0-OpenSSH_9.2\r\n"), "http", "headers", ["another protocol"]),
    "SMTP": (reply("220 mail.test ESMTP\r\n"), "http", "headers", ["another protocol"]),
    "a request": (reply("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "http", "headers", ["another protocol"]),
    "TLS in TLS": (reply(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "http", "headers", ["another protocol"]),
    "a blank in front": (reply(" HTTP/1.1 200 OK\r\n\r\n"), "http", "headers", []),
    "an empty line in front": (reply("\r\nHTTP/1.1 200 OK\r\n\r\n"), "http", "headers", []),
    "UTF-16": (reply("HTTP/1.1 200 OK\r\n\r\n".encode("utf-16")), "http", "headers", []),
    # Floods.
    "a head of 256 KiB": (script(("send", OK + "\r\nA: "), ("repeat", 262120, "x"), ("send", "\r\n\r\n"), "close"), "ok", None, 0),
    "a head of 256 KiB and a byte": (script(("send", OK + "\r\nA: "), ("repeat", 262121, "x"), ("send", "\r\n\r\n"), "close"), "http", "headers",
                                     ["larger than 262144"]),
    "a status line without end": (script(("send", OK), ("repeat", 400000, "x")), "http", "headers", ["larger than"]),
    "a field without end": (script(head("A: "), ("repeat", 400000, "x")), "http", "headers", ["larger than"]),
    "a fold without end": (script(head("A: b"), ("repeat", 200000, " x\r\n")), "http", "headers", ["larger than"]),
    "fields without end": (script(head(), ("repeat", 100000, "A: b\r\n")), "http", "headers", ["more than 1000 fields"]),
    "a thousand fields": ("/fields/998/ok", "ok", None, 3),
    "a thousand and one fields": ("/fields/999/ok", "http", "headers", ["more than 1000 fields"]),
    "interim responses without end": (script(("repeat", 100000, "HTTP/1.1 100 Continue\r\n\r\n")), "http", "headers", ["more than 32 interim"]),
    "thirty-two interim responses": ("/hints/32/ok", "ok", None, 3),
    "thirty-three interim responses": ("/hints/33/ok", "http", "headers", ["more than 32 interim"]),
    "interim responses with large heads": (script(("repeat", 40, "HTTP/1.1 103 X\r\nA: " + "x" * 5000 + "\r\n\r\n")), "http", "headers", ["interim"]),
    "an interim response with a body": (reply("HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\nhello" + OK + "\r\n\r\n"), "http", "headers", []),
    "NULs without end": (script(("repeat", 400000, b"\0")), "http", "headers", []),
    "line ends without end": (script(("repeat", 400000, "\r\n")), "http", "headers", []),
    "a body without end": (script(head(""), ("zeros", 20000000)), "too-large", "body", ["1048576"]),
    "chunks without end": (script(("send", "\r\n".join(CHUNKED) + "\r\n\r\n"), ("repeat", 3000000, "1\r\nx\r\n")), "too-large", "body", []),
    "chunk extensions without end": (reply(CHUNKED, b"5;", ("repeat", 100000, "x")), "http", "body", ["extensions are larger than 16 KiB"]),
    "a little extension with each chunk": (reply(CHUNKED, b"", ("repeat", 5000, "1;abc=d\r\nx\r\n")), "http", "body", ["extensions"]),
    "blanks behind a size without end": (reply(CHUNKED, b"5", ("repeat", 100000, " ")), "http", "body", ["extensions"]),
    "zeros before a size without end": (reply(CHUNKED, b"", ("repeat", 100000, "0")), "http", "body", ["16 digits"]),
    "trailers without end": (reply(CHUNKED, b"0\r\n", ("repeat", 100000, "A: b\r\n")), "http", "body", ["more than 100 trailer"]),
    "a trailer without end": (reply(CHUNKED, b"0\r\nA: ", ("repeat", 100000, "x")), "http", "body", ["trailers are larger than 64 KiB"]),
    "a length of a hundred gigabytes": (reply([OK, "Content-Length: 100000000000"], b"x"), "too-large", "body", []),
    "a chunk of 2^62 bytes": (reply(CHUNKED, b"4000000000000000\r\nx"), "truncated", "body", []),
    # Two readings.
    "chunk size 2^64": (reply(CHUNKED, b"10000000000000000\r\nx"), "http", "body", ["63 bits"]),
    "chunk size 2^64 and 5": (reply(CHUNKED, b"10000000000000005\r\nhello\r\n0\r\n\r\n"), "http", "body", ["63 bits"]),
    "chunk size with a sign": (reply(CHUNKED, b"+5\r\nhello\r\n0\r\n\r\n"), "http", "body", ["no hex number"]),
    "chunk size below nothing": (reply(CHUNKED, b"-1\r\nhello\r\n0\r\n\r\n"), "http", "body", ["no hex number"]),
    "chunk size with 0x": (reply(CHUNKED, b"0x5\r\nhello\r\n0\r\n\r\n"), "http", "body", ["chunk size"]),
    "chunk size behind a blank": (reply(CHUNKED, b" 5\r\nhello\r\n0\r\n\r\n"), "http", "body", ["no hex number"]),
    "chunk size and words": (reply(CHUNKED, b"5 five\r\nhello\r\n0\r\n\r\n"), "http", "body", ["neither its line end"]),
    "an empty chunk size": (reply(CHUNKED, b"\r\nhello\r\n0\r\n\r\n"), "http", "body", ["no hex number"]),
    "a chunk a byte too long": (reply(CHUNKED, b"5\r\nhello!\r\n0\r\n\r\n"), "http", "body", ["not of the size"]),
    "a chunk a byte too short": (reply(CHUNKED, b"5\r\nhell\r\n0\r\n\r\n"), "http", "body", ["not of the size"]),
    "no line end behind a chunk": (reply(CHUNKED, b"5\r\nhello0\r\n\r\n"), "http", "body", ["not of the size"]),
    "CR alone behind a size": (reply(CHUNKED, b"5\rhello\r\n0\r\n\r\n"), "http", "body", ["CR without LF"]),
    "CR in an extension": (reply(CHUNKED, b"5;a\rb\r\nhello\r\n0\r\n\r\n"), "http", "body", ["CR without LF"]),
    "no last line end": (reply(CHUNKED, b"5\r\nhello\r\n0\r\n"), "truncated", "body", ["trailers"]),
    "half the last line end": (reply(CHUNKED, b"5\r\nhello\r\n0\r\n\r"), "truncated", "body", []),
    "a trailer that is none": (reply(CHUNKED, b"0\r\nrubbish\r\n\r\n"), "http", "body", ["without a colon"]),
    "a trailer with a blank before its colon": (reply(CHUNKED, b"0\r\nA : b\r\n\r\n"), "http", "body", ["blank before the colon"]),
    "two lengths": (reply([OK, "Content-Length: 5", "Content-Length: 7"], b"hello.."), "http", "headers", ["given twice: 5, 7"]),
    "two lengths in a list": (reply([OK, "Content-Length: 5, 7"], b"hello.."), "http", "headers", ["given twice: 5, 7"]),
    "a signed length": (reply([OK, "Content-Length: +5"], b"hello"), "http", "headers", ["+5"]),
    "a negative length": (reply([OK, "Content-Length: -5"], b"hello"), "http", "headers", ["-5"]),
    "a length of 2^64 and 5": (reply([OK, "Content-Length: 18446744073709551621"], b"hello"), "http", "headers", ["too large"]),
    "a length behind a vertical tab": (reply([OK, "Content-Length: \x0b5"], b"hello"), "http", "headers", ["no number"]),
    "a length a byte too long": (reply([OK, "Content-Length: 6"], b"hello"), "truncated", "body", ["5 of 6"]),
    "a length a byte too short": (reply([OK, "Content-Length: 4"], b"hello", "keep"), "ok", None, 4),
    "a length and chunks": (reply([OK, "Content-Length: 3", "Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n", "keep"), "ok", None, 5),
    "chunked twice": (reply([OK, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n"), "http", "headers", ["given twice"]),
    "chunked, and then not": (reply([OK, "Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n"), "http", "headers", ["last coding"]),
    "chunked, misspelled": (reply([OK, "Transfer-Encoding: xchunked"], b"0\r\n\r\n"), "http", "headers", ["xchunked"]),
    "chunked behind a vertical tab": (reply([OK, "Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n"), "http", "headers", ["not asked for"]),
    "chunked with a parameter": (reply([OK, "Transfer-Encoding: chunked;q=1"], b"0\r\n\r\n"), "http", "headers", ["not asked for"]),
    "chunked, quoted": (reply([OK, 'Transfer-Encoding: "chunked"'], b"0\r\n\r\n"), "http", "headers", ["not asked for"]),
    "a blank before a colon": (reply([OK, "Transfer-Encoding : chunked"], b"0\r\n\r\n"), "http", "headers", ["blank before the colon"]),
    "a field in the first line's fold": (reply(OK + "\r\n Content-Length: 5\r\n\r\n", b"hello"), "http", "headers", ["starts with a blank"]),
    "CR CR LF": (reply(OK + "\r\r\nContent-Length: 5\r\n\r\n", b"hello"), "http", "headers", ["CR without LF"]),
    "CR alone ends a field": (reply([OK, "A: b\rContent-Length: 5"], b"hello"), "http", "headers", ["CR without LF"]),
    "NUL in a name": (reply([OK, "Content-\0Length: 5"], b"hello"), "http", "headers", ["NUL"]),
    "NUL in the status line": (reply(["HTTP/1.1 200 O\0K", "Content-Length: 5"], b"hello"), "http", "headers", ["NUL"]),
    "101": (reply(["HTTP/1.1 101 Switching Protocols", "Upgrade: x"], b"zzz"), "http", "headers", ["no upgrade"]),
    "204 with a length and a body": (reply(["HTTP/1.1 204 No", "Content-Length: 5"], b"hello", "keep"), "ok", None, 0),
    "304 with chunks": (reply(["HTTP/1.1 304 Not", "Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n\r\n", "keep"), "ok", None, 0),
    # Poison: bytes that would answer the next target on this connection.
    "a second response behind the body": (reply([OK, "Content-Length: 5"], b"hello" + EVIL, "keep"), "ok", None, 5),
    "a second response behind the chunks": (reply(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n" + EVIL, "keep"), "ok", None, 5),
    "a second response behind 204": (reply(["HTTP/1.1 204 No"], EVIL, "keep"), "ok", None, 0),
    "a second response behind a redirect": (
        reply(["HTTP/1.1 302 Found", "Location: /bytes/7", "Content-Length: 2"], b"no" + EVIL, "keep"), "ok", None, 7),
    "a single line end behind the body": (reply([OK, "Content-Length: 5"], b"hello\r\n", "keep"), "ok", None, 5),
    # Codings.
    "a gzip bomb": ("/gzip/zeros/30000000", "too-large", "body", ["1048576"]),
    "a gzip bomb in gzip": ("/gzip/gzip/zeros/30000000", "too-large", "body", []),
    "a bomb of three codings": ("/zstd/br/gzip/zeros/30000000", "too-large", "body", []),
    "a deflate bomb": ("/deflate/zeros/30000000", "too-large", "body", []),
    "a br bomb": ("/br/zeros/30000000", "too-large", "body", []),
    "a zstd bomb": ("/zstd/zeros/30000000", "too-large", "body", []),
    "a zstd window of 64 MiB": ("/zstdwide/bytes/20000000", "http", "body", ["8 MiB"]),
    "empty gzip members": (reply([OK, "Content-Encoding: gzip"], b"", ("repeat", 20000, EMPTY_MEMBER), "close"), "ok", None, 0),
    "empty zstd frames": (reply([OK, "Content-Encoding: zstd"], b"", ("repeat", 20000, b"\x50\x2a\x4d\x18\0\0\0\0"), "close"), "ok", None, 0),
    "gzip that goes bad half-way": (coded("gzip", corrupted(gzip.compress(noise(2000), mtime=0))), "http", "body", ["gzip stream is broken"]),
    "deflate that goes bad half-way": (coded("deflate", corrupted(zlib.compress(noise(2000)))), "http", "body", ["deflate stream is broken"]),
    "gzip cut short": ("/gzip/cutcoded/9/bytes/50000", "http", "body", ["not complete"]),
    "br cut short": ("/br/cutcoded/9/bytes/50000", "http", "body", ["not complete"]),
    "zstd cut short": ("/zstd/cutcoded/9/bytes/50000", "http", "body", ["not complete"]),
    "gzip with rubbish behind it": ("/gzip/junk/20/bytes/50000", "http", "body", ["behind its end"]),
    "zstd with rubbish behind it": ("/zstd/junk/20/bytes/50000", "http", "body", ["zstd"]),
    "twenty codings": (coded(",".join(["gzip"] * 20), gzip.compress(b"x", mtime=0)), "http", "body", ["content codings"]),
    "a coding that nobody knows": (coded("rot13", b"x"), "http", "body", ["rot13"]),
    "gzip in the length of its text": (reply([OK, "Content-Encoding: gzip", "Content-Length: 500"], gzip.compress(b"x" * 500, mtime=0)),
                                       "truncated", "body", []),
    # Redirects.
    "redirects in a circle": (moved("?send:HTTP/1.1%20302%20F%0D%0ALocation:%20/loop/9%0D%0AContent-Length:%200%0D%0A%0D%0A"),
                              "too-many-redirects", "headers", ["5"]),
    "a redirect to file:": (moved("file:///etc/passwd"), "denied", "headers", ["file"]),
    "a redirect to ftp:": (moved("ftp://a.test/x"), "denied", "headers", ["ftp"]),
    "a redirect to javascript:": (moved("javascript:alert(1)"), "denied", "headers", ["javascript"]),
    "a redirect to data:": (moved("data:text/plain,x"), "denied", "headers", ["data"]),
    "a redirect to clear text": (moved("http://a.test/ok"), "denied", "headers", ["--allow-downgrade"]),
    "a redirect with a password": (moved("https://user:secret@a.test/ok"), "http", "headers", ["bad Location"]),
    "a redirect to port 0": (moved("https://a.test:0/ok"), "http", "headers", ["bad Location"]),
    "a redirect to port 99999": (moved("https://a.test:99999/ok"), "http", "headers", ["bad Location"]),
    "a redirect to no host": (moved("https:///ok"), "http", "headers", ["bad Location"]),
    "a redirect to a host with a blank": (moved("https://a b.test/ok"), "http", "headers", ["bad Location"]),
    "a redirect to a host with a NUL, encoded": (moved("https://a%00b.test/ok"), "http", "headers", ["bad Location"]),
    "a redirect of 100 KB": (script(("send", "HTTP/1.1 302 F\r\nLocation: /"), ("repeat", 100000, "x"), ("send", "\r\n\r\n"), "close"), "http", "headers", ["65536"]),
    "a redirect with CR": (moved("/ok\rX: y"), "http", "headers", ["CR without LF"]),
    "a redirect with NUL": (moved("/ok\0"), "http", "headers", ["NUL"]),
    "a redirect that injects": (moved("/text/%0D%0AX-Evil:%20y"), "ok", None, None),
    "a redirect with control bytes": (moved("/text/\x01\x1b[2J"), "http", "headers", ["control byte 0x01"]),
    "a redirect without Location": (reply(["HTTP/1.1 302 Found", "Content-Length: 2"], b"ok"), "ok", None, 2),
    "a redirect whose body breaks off": (reply(["HTTP/1.1 302 Found", "Location: /bytes/7", "Content-Length: 50"], b"x", "abrupt"), "ok", None, 7),
    "a redirect whose chunks are none": (reply(["HTTP/1.1 302 Found", "Location: /bytes/7", "Transfer-Encoding: chunked"], b"zz"), "http", "body", ["chunk"]),
}

# Stalls: in which phase, with -t 2 --max-time 5. Those marked are run in serial mode, too.
SLOW = {
    "no answer": ("https://s1.test" + script("await"), "headers", True),
    "half a head, then nothing": ("https://s2.test" + script(head("A: b"), "await"), "headers", False),
    "half a body, then nothing": ("https://s3.test/stall/5/bytes/9", "body", False),
    "a head byte by byte": ("https://s4.test" + script(("drip", 30, OK + "\r\nA: " + "x" * 600)), "headers", False),
    "a body byte by byte": ("https://s5.test/drip/1/30/bytes/1000", "body", True),
    "chunks byte by byte": ("https://s6.test/drip/1/30/chunked/1/bytes/1000", "body", False),
    "interim responses, one a moment": ("https://s7.test" + script(*[("send", "HTTP/1.1 100 C\r\n\r\n"), ("wait", 400)] * 20), "headers", False),
    "a handshake that never begins": ("silent.test", "tls", False),
    "half a ServerHello": ("halfhello.test", "tls", False),
    "nothing behind the handshake": ("silentafter.test", "headers", False),
}

# Around the handshake; None where either end may be first.
TLS = {
    "close": ("tls", ["closed"]), "reset": ("tls", []), "plain": ("tls", ["does not speak TLS"]), "garbage": ("tls", []),
    "ssh": ("tls", ["does not speak TLS"]), "http2": ("tls", []), "alert": ("tls", ["handshake failure"]), "warnings": ("tls", []),
    "emptyrecords": ("tls", []), "cipherspecs": ("tls", []), "hugehello": ("tls", []), "nocommon": ("tls", []), "tls10": ("tls", []),
    "tls11": ("tls", []), "toomuch": ("tls", ["excessive message size"]), "hugersa": ("tls", []), "tls12-brokender": ("tls", []),
    "deep": ("ok", []), "manysent": ("ok", []), "manynames": ("ok", []), "circle": ("certificate", []), "dribble": ("ok", []),
    "resetafter": ("truncated", []), "closeafter": ("truncated", []), "abruptafter": ("truncated", []),
    "ticketflood": ("truncated", ["without end"]), "keyupdates": ("truncated", []), "keyrequests": (None, []), "renegotiate": (None, []),
}

class Quick(Case):
    def test_each_and_the_next_target_of_the_same_worker(self):
        lines = []
        for i, name in enumerate(QUICK):
            lines += ["https://q%d.test%s" % (i, QUICK[name][0]), "https://q%d.test/bytes/3000/q%d" % (i, i)]
        self.assertLess(max(map(len, lines)), 8192)
        out = self.path("out")
        result = self.json("-w", 6, "--dispatch", "affinity", "--order", "input", "-t", 30, "--compressed", "-L",
                           "--max-redirs", 5, "--max-size", "1M", "-d", out, lines=lines, timeout=300)
        self.assertEqual(len(result.reports), len(lines), result.err)
        for i, name in enumerate(QUICK):
            with self.subTest(behaviour=name):
                bad, good = result.reports[2 * i:2 * i + 2]
                self.check(bad, *QUICK[name][1:])
                self.assertEqual((kind(good), good["worker"]), ("ok", bad["worker"]))
                with open(os.path.join(out, good["file"]), "rb") as f:
                    self.assertEqual(f.read(), pattern(3000, "q%d" % i))

    def check(self, report, want, phase, words):
        self.assertEqual(kind(report), want, report["error"])
        if want == "ok":
            self.assertIsNotNone(report["file"])
            self.assertIn(report["bytes"], (words, report["bytes"] if words is None else words))
            return
        self.assertIsNone(report["file"], "delivered as whole")
        self.assertEqual(report["error"]["phase"], phase, report["error"])
        for word in words:
            self.assertIn(word, report["error"]["message"])

    @once
    def test_in_clear_text(self):
        """The same without TLS, where FIN is as clean an end as there is."""
        clean = {"no close_notify where only it tells the end", "no close_notify, nothing came", "a redirect to clear text"}
        names = [n for n in QUICK if "raw:" not in QUICK[n][0]]
        lines = ["http://q%d.test%s" % (i, QUICK[n][0]) for i, n in enumerate(names)]
        result = self.run_with("-f", "json", "-w", 6, "--order", "input", "-t", 30, "--compressed", "-L", "--max-redirs", 5, "--max-size", "1M",
                               "-d", self.path("clear"), "--connect-to", "::127.0.0.1:%d" % self.origin.http, base=False, lines=lines)
        self.assertEqual(len(result.reports), len(lines), result.err)
        for name, report in zip(names, result.reports):
            with self.subTest(behaviour=name):
                if name in clean:
                    self.assertKind(report, "ok")
                else:
                    self.check(report, *QUICK[name][1:])

    def test_a_response_that_ends_at_each_of_its_bytes(self):
        whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n"
        lines = ["https://e.test" + script(("send", whole[:n]), ending) for n in range(len(whole) + 1) for ending in ("close", "abrupt")]
        result = self.json("-w", 4, "-t", 30, "--order", "input", lines=lines)
        self.assertEqual(result.kinds, ["truncated"] * (len(lines) - 2) + ["ok"] * 2)


class Slow(Case):
    def test_each(self):
        names = [n for n in SLOW if self.mode != "serial" or SLOW[n][2]]
        lines = [line for n in names for line in (SLOW[n][0], "https://good.test/bytes/3000")]
        result = self.json("-w", len(SLOW), "--order", "input", "-t", 2, "--max-time", 5, lines=lines)
        for name, bad, good in zip(names, result.reports[::2], result.reports[1::2]):
            with self.subTest(behaviour=name):
                self.assertKind(bad, "timeout", SLOW[name][1])
                self.assertKind(good, "ok")


class Tls(Case):
    def test_each_and_the_next_target_of_the_same_worker(self):
        lines = [line for n in TLS for line in (n + ".test", "https://good.test/bytes/3000")]
        result = self.json("-w", 1, "--order", "input", "-t", 30, lines=lines, timeout=300)
        self.assertEqual(len(result.reports), len(lines), result.err)
        for name, bad, good in zip(TLS, result.reports[::2], result.reports[1::2]):
            with self.subTest(behaviour=name):
                want, words = TLS[name]
                self.assertIn(kind(bad), (want,) if want else ("ok", "tls", "truncated"), bad["error"])
                for word in words:
                    self.assertIn(word, bad["error"]["message"])
                self.assertEqual((kind(good), good["bytes"]), ("ok", 3000))


@modes("process", "serial")
class Bounded(Case):
    FLOODS = ["/script?send:HTTP/1.1%20200%20OK%0D%0A;repeat:300000:A:%20bbbbbbbbbbbbbbbbbbbbbbbbbbbbb%0D%0A", "/script?repeat:3000000:%0D%0A",
              "/script?send:HTTP/1.1%20200%20;repeat:9000000:x", "/bytes/40000000"]
    BOMBS = ["/gzip/zeros/30000000", "/gzip/gzip/zeros/30000000", "/br/zeros/30000000", "/zstd/zeros/30000000", "/zstdwide/bytes/20000000"]

    def peak(self, *args):
        """The most memory of a process that has fetched these, in KB."""
        process = self.start("-f", "none", "-w", "1", "-t", "30", *args, "https://z.test/stall/5/bytes/9")
        self.wait_until(lambda: any("stall" in e.get("line", "") for e in self.origin.events("request")), "the last fetch", 60)
        pids = children(process.pid) or [process.pid]
        peak = max(memory_kb(pid, "VmHWM") for pid in pids)
        self.origin.events_clear()
        process.terminate()
        self.finish(process)
        return peak

    def test_in_bounded_memory(self):
        if sanitized():
            self.skipTest("figures say nothing here")
        self.assertLess(self.peak(*["https://a.test" + p for p in self.FLOODS]), 50000)
        self.assertLess(self.peak("--compressed", "--max-size", "25M", *["https://a.test" + p for p in self.BOMBS]), 60000)


class Escaped(Case):
    def test_names_in_messages_are_escaped(self):
        for path in ("/script?send:%1B[2J%07bad%0D%0A%0D%0A", "/script?send:HTTP/1.1%20200%20OK%0D%0A%1B]0;x%07:%20y%0D%0A%0D%0A",
                     "/header/X/%C2%9B31m/ok", "/script?send:HTTP/1.1%20200%20OK%0D%0AX:%20%1B[2J%07%E2%80%A8%FF%0D%0A%0D%0A;close",
                     "/script?send:HTTP/1.1%20200%20%1B[2J%07%E2%80%A8%FF%0D%0AContent-Length:%200%0D%0A%0D%0A",
                     "/script?send:HTTP/1.1%20302%20F%0D%0ALocation:%20ftp://%1B[2J%07%E2%80%A8%FF/%0D%0A%0D%0A;close",
                     "/script?send:HTTP/1.1%20200%20F%0D%0AContent-Encoding:%20%1B[2J%07%E2%80%A8%FF%0D%0A%0D%0Ax;close",
                     "/cookie/%1B[2J%07=%E2%80%A8;%20path=/ok"):
            for form in ("text", "json", "body"):
                result = self.run_with("-v", "-L", "--compressed", "-f", form, "https://a.test" + path)
                said = result.out + result.err_bytes
                self.assertNotIn(b"\x1b", said)
                self.assertNotIn(b"\x07", said)
                for odd in "\x9b\u2028":
                    self.assertNotIn(odd, said.decode("utf-8"), (path, form))
                self.assertIn(kind(self.fetch("https://a.test" + path)), ("ok", "http"))
