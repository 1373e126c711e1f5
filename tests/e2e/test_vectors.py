"""What curl's own tests have a server say (their numbers in front), and what must come of it; the replies are
retold, not copied. Where pfetch refuses what curl takes, the manual says so ("Where pfetch is stricter than curl")."""
import gzip
import os
import shutil
import subprocess
import zlib

from harness import Case, environment, kind, once, reply, script

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

def chunks(*pieces, head=(OK, "Transfer-Encoding: chunked")):
    return reply(list(head), b"".join(pieces))


H5, H0, H = b"5\r\nhello\r\n", b"0\r\n\r\n", "Content-Length: 5"

# What parsers are tried with (the responses of llhttp, http-parser and picohttpparser, retold) and what comes next to it.
PARSED = {
    # The status line.
    "no body and no fields": (reply("HTTP/1.1 404 Not Found\r\n\r\n"), whole(404)),
    "301 without a phrase": (reply(["HTTP/1.1 301", "Content-Length: 0"]), whole(301)),
    "a phrase of 8-bit bytes": (reply(["HTTP/1.1 200 oh\xf6\xff", H], b"hello"), whole(200, b"hello")),
    "a phrase of control bytes": (reply(["HTTP/1.1 200 a\x01\x7fb", H], b"hello"), whole(200, b"hello")),
    "a phrase with NUL": (reply(["HTTP/1.1 200 a\0b", H], b"hello"), bad("http", "NUL")),
    "a phrase with CR": (reply(["HTTP/1.1 200 a\rb", H], b"hello"), bad("http", "CR without LF")),
    "two blanks before the status": (reply(["HTTP/1.1  200 OK", H], b"hello"), whole(200, b"hello")),
    "a tab before the status": (reply(["HTTP/1.1\t200 OK", H], b"hello"), bad("http")),
    "a tab behind the status": (reply(["HTTP/1.1 200\tOK", H], b"hello"), bad("http", "three digits")),
    "a phrase at the status": (reply(["HTTP/1.1 200OK", H], b"hello"), bad("http", "three digits")),
    "a sign": (reply(["HTTP/1.1 +20 OK", H], b"hello"), bad("http", "three digits")),
    "2e2": (reply(["HTTP/1.1 2e2 OK", H], b"hello"), bad("http", "three digits")),
    "000": (reply(["HTTP/1.1 000 OK", H], b"hello"), bad("http", "three digits")),
    "no status": (reply(["HTTP/1.1", H], b"hello"), bad("http")),
    "a version and a blank": (reply(["HTTP/1.1 ", H], b"hello"), bad("http")),
    "HTTP/1": (reply(["HTTP/1 200 OK", H], b"hello"), bad("http")), "HTTP/1.": (reply(["HTTP/1. 200 OK", H], b"hello"), bad("http")),
    "HTTP/1.2": (reply(["HTTP/1.2 200 OK", H], b"hello"), bad("http", "version")),
    "HTTP/01.1": (reply(["HTTP/01.1 200 OK", H], b"hello"), bad("http")), "HTTP/1.01": (reply(["HTTP/1.01 200 OK", H], b"hello"), bad("http")),
    "HTTP/0.9 with a head": (reply(["HTTP/0.9 200 OK", H], b"hello"), bad("http", "HTTP/0")),
    "HTTP /1.1": (reply(["HTTP /1.1 200 OK", H], b"hello"), bad("http")), "HTTPS/1.1": (reply(["HTTPS/1.1 200 OK", H], b"hello"), bad("http")),
    "ICY 200": (reply(["ICY 200 OK", H], b"hello"), bad("http")), "RTSP/1.0": (reply(["RTSP/1.0 200 OK", H], b"hello"), bad("http")),
    "a blank first": (reply([" HTTP/1.1 200 OK", H], b"hello"), bad("http")), "a line end first": (reply(["", OK, H], b"hello"), bad("http")),
    "NUL first": (reply(["\0HTTP/1.1 200 OK", H], b"hello"), bad("http")),
    "a byte order mark first": (reply(["\xef\xbb\xbfHTTP/1.1 200 OK", H], b"hello"), bad("http")),
    "the status line folded": (reply("HTTP/1.1 200\r\n OK\r\nContent-Length: 5\r\n\r\n", b"hello"), bad("http", "starts with a blank")),
    # Line ends.
    "CR alone": (reply("HTTP/1.1 200 OK\rContent-Length: 5\r\r", b"hello"), bad("truncated")),
    "CR alone, then LF": (reply("HTTP/1.1 200 OK\rContent-Length: 5\r\n\r\n", b"hello"), bad("http", "CR without LF")),
    "CR CR LF": (reply("HTTP/1.1 200 OK\r\r\nContent-Length: 5\r\n\r\n", b"hello"), bad("http", "CR without LF")),
    "LF CR LF": (reply("HTTP/1.1 200 OK\nContent-Length: 5\n\r\n", b"hello"), whole(200, b"hello")),
    "CRLF and a bare LF": (reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\n", b"hello"), whole(200, b"hello")),
    "a head that ends with CR": (reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r"), bad("truncated", "middle of the head")),
    # Fields.
    "a field without a value": (reply([OK, "X-Empty:", H], b"hello"), whole(200, b"hello")),
    "a field of blanks": (reply([OK, "X-Empty: \t ", H], b"hello"), whole(200, b"hello")),
    "a colon alone": (reply([OK, ":", H], b"hello"), bad("http", "without a name")),
    "a name of all that names may hold": (reply([OK, "!#$%&'*+-.^_`|~09azAZ: x", H], b"hello"), whole(200, b"hello")),
    "a name with underscores": (reply([OK, "DCLK_imp: v7;x;114750856;0-0;0", H], b"hello"), whole(200, b"hello")),
    "an 8-bit name": (reply([OK, "X-\xe9: x", H], b"hello"), bad("http", "no token")),
    "a blank in a name": (reply([OK, "Foo Bar: x", H], b"hello"), bad("http", "no token")),
    "a tab before a colon": (reply([OK, "X-A\t: x", H], b"hello"), bad("http", "blank before the colon")),
    "NUL in a name": (reply([OK, "X-\0A: x", H], b"hello"), bad("http", "NUL")),
    "an 8-bit value": (reply([OK, "X-A: R\xe9p \xff\x80", H], b"hello"), whole(200, b"hello")),
    "a value with colons": (reply([OK, "X-A: a: b:: c", H], b"hello"), whole(200, b"hello")),
    "an odd name for Connection": (reply([OK, "Cneonction: close", "nnCoection: close", H], b"hello"), whole(200, b"hello")),
    "a length with more in its name": (reply([OK, "Content-Length-X: 42", H], b"hello"), whole(200, b"hello")),
    "a length with more in its name, and chunks": (chunks(H5, H0, head=(OK, "Content-Length-X: 0", "Transfer-Encoding: chunked")),
                                                   whole(200, b"hello")),
    "an upgrade that is only offered": (reply([OK, "Connection: upgrade", "Upgrade: h2c", H], b"hello"), whole(200, b"hello")),
    "a fold with a tab": (reply([OK, "X-A: a", "\tb", "\t c", H], b"hello"), whole(200, b"hello")),
    "a fold of nothing": (reply([OK, "X-A: a", " ", "\t", H], b"hello"), whole(200, b"hello")),
    "a fold without a colon before it": (reply([OK, " a", H], b"hello"), bad("http", "starts with a blank")),
    "a fold with CR": (reply([OK, "X-A: a", " b\rc", H], b"hello"), bad("http", "CR without LF")),
    # Lengths.
    "a length in the next line": (reply([OK, "Content-Length:", " 5"], b"hello"), whole(200, b"hello")),
    "a length over two lines": (reply([OK, "Content-Length: 5", " 0"], b"hello"), bad("http", "no number: 5 0")),
    "two numbers": (reply([OK, "Content-Length: 4 2"], b"hello"), bad("http", "no number")),
    "a fraction": (reply([OK, "Content-Length: 5.0"], b"hello"), bad("http", "no number")),
    "5;5": (reply([OK, "Content-Length: 5;5"], b"hello"), bad("http", "no number")),
    "a comma behind": (reply([OK, "Content-Length: 5,"], b"hello"), bad("http", "empty")),
    "a comma before": (reply([OK, "Content-Length: ,5"], b"hello"), bad("http", "empty")),
    "5, 5, 5 and 5": (reply([OK, "Content-Length: 5, 5 ,5", "content-length:5"], b"hello"), whole(200, b"hello")),
    "5 and 05": (reply([OK, "Content-Length: 5, 05"], b"hello"), whole(200, b"hello")),
    "5 and 6 in two fields of lists": (reply([OK, "Content-Length: 5, 5", "Content-Length: 5, 6"], b"hello"), bad("http", "given twice: 5, 6")),
    "an empty second length": (reply([OK, "Content-Length: 5", "Content-Length:"], b"hello"), bad("http", "empty")),
    "vertical tab": (reply([OK, "Content-Length: \x0b5"], b"hello"), bad("http", "no number")),
    "full-width digits": (reply([OK, "Content-Length: \xef\xbc\x95"], b"hello"), bad("http", "no number")),
    "the largest length": (reply([OK, "Content-Length: 9223372036854775807"], b"hello"), bad("truncated", "5 of 9223372036854775807")),
    "one more": (reply([OK, "Content-Length: 9223372036854775808"], b"hello"), bad("http", "too large")),
    "one byte too few": (reply([OK, "Content-Length: 6"], b"hello"), bad("truncated", "5 of 6")),
    "more than the length": (reply([OK, "Content-Length: 4"], b"hello"), whole(200, b"hell")),
    "a length of 204": (reply(["HTTP/1.1 204 No", "Content-Length: 5"], b"hello"), whole(204)),
    "chunks of 204": (chunks(H5, H0, head=("HTTP/1.1 204 No", "Transfer-Encoding: chunked")), whole(204)),
    "chunks of 304": (chunks(H5, H0, head=("HTTP/1.1 304 Not", "Transfer-Encoding: chunked")), whole(304)),
    "two lengths of 304": (reply(["HTTP/1.1 304 Not", "Content-Length: 5", "Content-Length: 7"]), whole(304)),
    "199": (reply("HTTP/1.1 199 Odd\r\nX: y\r\n\r\n" + OK + "\r\n" + H + "\r\n\r\n", b"hello"), whole(200, b"hello")),
    "100 twice": (reply(("HTTP/1.1 100 Continue\r\n\r\n") * 2 + OK + "\r\n" + H + "\r\n\r\n", b"hello"), whole(200, b"hello")),
    "100 with chunked": (reply("HTTP/1.1 100 C\r\nTransfer-Encoding: chunked\r\n\r\n" + OK + "\r\n" + H + "\r\n\r\n", b"hello"), whole(200, b"hello")),
    "keep-alive without a length": (reply([OK, "Connection: keep-alive"], b"hello"), whole(200, b"hello")),
    # Transfer codings.
    "identity": (reply([OK, "Transfer-Encoding: identity"], b"hello"), whole(200, b"hello")),
    "identity and a length": (reply([OK, "Transfer-Encoding: identity", H], b"hello and"), whole(200, b"hello and")),
    "identity and a bad length": (reply([OK, "Transfer-Encoding: identity", "Content-Length: x"], b"hello"), whole(200, b"hello")),
    "chunked, identity": (chunks(H5, H0, head=(OK, "Transfer-Encoding: chunked, identity")), bad("http", "not the last")),
    "gzip, chunked": (chunks(H5, H0, head=(OK, "Transfer-Encoding: gzip, chunked")), bad("http", "not asked for: gzip")),
    "gzip and chunked in two fields": (chunks(H5, H0, head=(OK, "Transfer-Encoding: gzip", "Transfer-Encoding: chunked")), bad("http", "not asked for")),
    "chunked and gzip in two fields": (chunks(H5, H0, head=(OK, "Transfer-Encoding: chunked", "Transfer-Encoding: gzip")), bad("http", "not the last")),
    "chunked in two fields": (chunks(H5, H0, head=(OK, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")), bad("http", "chunked given twice")),
    "deflate": (reply([OK, "Transfer-Encoding: deflate"], b"hello"), bad("http", "not asked for: deflate")),
    "chunkedchunked": (chunks(H5, H0, head=(OK, "Transfer-Encoding: chunkedchunked")), bad("http", "not asked for")),
    "xchunked": (chunks(H5, H0, head=(OK, "Transfer-Encoding: xchunked")), bad("http", "not asked for")),
    "chunke": (chunks(H5, H0, head=(OK, "Transfer-Encoding: chunke")), bad("http", "not asked for")),
    "chunked;q=1": (chunks(H5, H0, head=(OK, "Transfer-Encoding: chunked;q=1")), bad("http", "not asked for")),
    "chunked in quotes": (chunks(H5, H0, head=(OK, 'Transfer-Encoding: "chunked"')), bad("http", "not asked for")),
    "chunked\\v": (chunks(H5, H0, head=(OK, "Transfer-Encoding: \x0bchunked")), bad("http", "not asked for")),
    "chunked in the next line": (chunks(H5, H0, head=(OK, "Transfer-Encoding:", " chunked")), whole(200, b"hello")),
    "chunked and a comma": (chunks(H5, H0, head=(OK, "Transfer-Encoding: , chunked ,")), whole(200, b"hello")),
    "commas alone": (reply([OK, "Transfer-Encoding: ,"], b"hello"), bad("http", "Transfer-Encoding is empty")),
    "an empty transfer coding": (reply([OK, "Transfer-Encoding:", H], b"hello"), bad("http", "Transfer-Encoding is empty")),
    "a bad length beside chunks": (chunks(H5, H0, head=(OK, "Transfer-Encoding: chunked", "Content-Length: x")), whole(200, b"hello")),
    # Chunks.
    "a chunk of 2^0 digits": (chunks(b"0000000000000005\r\nhello\r\n", H0), whole(200, b"hello")),
    "seventeen digits": (chunks(b"00000000000000005\r\nhello\r\n", H0), bad("http", "16 digits")),
    "blanks behind a size": (chunks(b"5 \t\r\nhello\r\n0  \r\n\r\n"), whole(200, b"hello")),
    "a blank before a size": (chunks(b" 5\r\nhello\r\n", H0), bad("http", "no hex number")),
    "a size, a blank, a digit": (chunks(b"5 0\r\nhello\r\n", H0), bad("http")), "5_0": (chunks(b"5_0\r\nhello\r\n", H0), bad("http")),
    "5h": (chunks(b"5h\r\nhello\r\n", H0), bad("http")), "5,": (chunks(b"5,\r\nhello\r\n", H0), bad("http")),
    "0x0 at the end": (chunks(H5, b"0x0\r\n\r\n"), bad("http")), "-0 at the end": (chunks(H5, b"-0\r\n\r\n"), bad("http")),
    "extensions of all kinds": (chunks(b"5;ilovew3;somuchlove=aretheseparametersfor;another=withvalue\r\nhello\r\n", b"6;blahblah;blah\r\n world\r\n0\r\n\r\n"),
                                whole(200, b"hello world")),
    "extensions in quotes": (chunks(b"5;ilovew3=\"I \\\"love\\\"; \\extensions\";a=\"b\"\r\nhello\r\n", H0), whole(200, b"hello")),
    "an extension of nothing": (chunks(b"5;\r\nhello\r\n0;\r\n\r\n"), whole(200, b"hello")),
    "blanks around an extension": (chunks(b"5 ; a = b\r\nhello\r\n", H0), whole(200, b"hello")),
    "NUL in an extension": (chunks(b"5;\0\r\nhello\r\n", H0), bad("http", "NUL")),
    "CR in an extension": (chunks(b"5;a\rb\r\nhello\r\n", H0), bad("http", "CR without LF")),
    "CR CR LF behind a size": (chunks(b"5\r\r\nhello\r\n", H0), bad("http", "CR without LF")),
    "bytes without CRLF behind": (chunks(b"5\r\nhello0\r\n\r\n"), bad("http", "not of the size")),
    "bytes with LF behind": (chunks(b"5\r\nhello\n", H0), bad("http", "not of the size")),
    "bytes with CR behind": (chunks(b"5\r\nhello\r0\r\n\r\n"), bad("http", "CR without LF")),
    "bytes with two line ends behind": (chunks(b"5\r\nhello\r\n\r\n", H0), bad("http", "no hex number")),
    "bare LFs throughout": (chunks(b"5\nhello\n0\n\n"), whole(200, b"hello")),
    "a byte a chunk": (chunks(b"".join(b"1\r\n%c\r\n" % c for c in b"hello" * 40), H0), whole(200, b"hello" * 40)),
    "no chunk but the last": (chunks(H0), whole()), "no chunk at all": (chunks(), bad("truncated", "before the last chunk")),
    "the last chunk and CR": (chunks(H5, b"0\r\n\r"), bad("truncated")),
    "a trailer that is none": (chunks(H5, b"0\r\nnonsense\r\n\r\n"), bad("http", "without a colon")),
    "a trailer with a blank": (chunks(H5, b"0\r\nVary : x\r\n\r\n"), bad("http", "blank before the colon")),
    "a folded trailer": (chunks(H5, b"0\r\nX: y\r\n z\r\n\r\n"), whole(200, b"hello")),
    "a length among the trailers": (chunks(H5, b"0\r\nContent-Length: 3\r\nTransfer-Encoding: cow\r\n\r\n"), whole(200, b"hello")),
    "NUL in a trailer": (chunks(H5, b"0\r\nX: \0\r\n\r\n"), bad("http", "NUL")),
    "a hundred trailers": (chunks(H5, b"0\r\n" + b"A: b\r\n" * 100 + b"\r\n"), whole(200, b"hello")),
    "a hundred and one": (chunks(H5, b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n"), bad("http", "100 trailer fields")),
}

# What is left of the connection: the first response, and whether the next target may be asked over it.
KEPT = {
    "HTTP/1.1 says nothing": ([OK, H], b"hello", True), "keep-alive": ([OK, "Connection: keep-alive", H], b"hello", True),
    "close": ([OK, "Connection: close", H], b"hello", False), "CLOSE": ([OK, "connection: CLOSE", H], b"hello", False),
    "keep-alive, close": ([OK, "Connection: keep-alive, close", H], b"hello", False),
    "close in a second field": ([OK, "Connection: keep-alive", "Connection: close", H], b"hello", False),
    "close in the next line": ([OK, "Connection:", " close", H], b"hello", False),
    "closed": ([OK, "Connection: closed", H], b"hello", True), "no Connection": ([OK, "Cneonction: close", H], b"hello", True),
    "HTTP/1.0 says nothing": (["HTTP/1.0 200 OK", H], b"hello", False),
    "HTTP/1.0 keep-alive": (["HTTP/1.0 200 OK", "Connection: Keep-Alive", H], b"hello", True),
    "HTTP/1.0 keep-alive, close": (["HTTP/1.0 200 OK", "Connection: keep-alive, close", H], b"hello", False),
    "HTTP/1.0 keep-alive with chunks": (["HTTP/1.0 200 OK", "Connection: keep-alive", "Transfer-Encoding: chunked"], H5 + H0, False),
    "a length beside chunks": ([OK, H, "Transfer-Encoding: chunked"], H5 + H0, False),
    "304 with a length": (["HTTP/1.1 304 Not", H], b"", True), "204 with a length": (["HTTP/1.1 204 No", H], b"", False),
    "204 with chunks": (["HTTP/1.1 204 No", "Transfer-Encoding: chunked"], b"", False),
    "a line end behind the body": ([OK, H], b"hello\r\n", False), "a byte behind the chunks": ([OK, "Transfer-Encoding: chunked"], H5 + H0 + b"\n", False),
    "lengths that agree": ([OK, H, H], b"hello", True), "trailers": ([OK, "Transfer-Encoding: chunked"], H5 + b"0\r\nX: y\r\n\r\n", True),
}

# Where curl 7.88 fails, or takes a line that is folded for an empty one.
NOT_CURL = {"a length in the next line", "chunked in the next line", "a bad length beside chunks", "identity and a bad length"}

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

    def test_parsed(self):
        self.go(PARSED)

    @once
    def test_what_is_taken_is_what_curl_takes(self):
        """Whoever is refused is refused for a reason that the manual gives; but of who isn't, curl gets the same."""
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        for table in (PLAIN, PARSED):
            for name, (path, want) in table.items():
                if want[0] != "ok" or name in NOT_CURL:
                    continue
                run = subprocess.run(["curl", "-q", "-sS", "--http1.1", "-m", "60", "-w", "%{http_code}", *self.trust(), *self.toward(),
                                      "-o", self.path("body"), "https://a.test" + path], capture_output=True, env=environment(), check=False)
                with self.subTest(case=name):
                    self.assertEqual((run.returncode, run.stdout), (0, b"%d" % want[1]), run.stderr)
                    self.assertEqual(self.read("body") if os.path.exists(self.path("body")) else b"", want[2])
                if os.path.exists(self.path("body")):
                    os.unlink(self.path("body"))

    def test_kept(self):
        for name, (head, body, kept) in KEPT.items():
            with self.subTest(case=name):
                result = self.json("-w", 1, "--order", "input", "https://k.test" + reply(head, body, "keep"), "https://k.test/ok")
                self.assertEqual([(kind(r), r["reused"]) for r in result.reports], [("ok", False), ("ok", kept)], result.err)

    def test_fields_as_they_came(self):
        """What is no UTF-8 becomes U+FFFD; blanks around a value are none of it; a fold is a blank."""
        report = self.fetch("https://a.test" + reply([OK, "X-A: R\xe9p", "x-b:", "X-C: \t a b\t", "X-D: a", " \t b", "  ", "X-E: \x01\x7f", H], b"hello"))
        self.assertEqual(report["headers"], [["X-A", "R\ufffdp"], ["x-b", ""], ["X-C", "a b"], ["X-D", "a b"], ["X-E", "\x01\x7f"],
                                             ["Content-Length", "5"]])

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
