"""What reaches the server, and which server: with the options that curl has too, the same as curl sends and goes to.

A request is what the origin has logged of it; `User-Agent` tells the two apart and is left out. Without curl
the tests are skipped.
"""
import shutil
import subprocess
from urllib.parse import quote

from harness import Case, environment, kind, once

# What to give to -H, more than one divided by a line end. Where curl does another thing it stands in OTHERWISE.
HEADERS = [
    "X-One: 1", "X-One:1", "X-One:   1  ", "X-One: 1\nX-One: 2", "x-ONE: a: b:c", "X-One: \t1", "X-One: caf\u00e9",
    "X-Empty;", "X-Empty:", "X-Empty: ", "X-One: a;b", "X-One: a\nX-One:",
    "Accept: text/html", "ACCEPT: text/html", "Accept:", "Accept;", "Accept: a\nAccept: b", "Accept:\nAccept: b",
    "Host: other.test", "host: other.test", "Host: other.test:99", "Host:", "Host: a.test",
    "Connection: close", "Connection: keep-alive", "Connection:",
    "Authorization: Bearer x", "Cookie: a=b", "Cookie: a=b\nCookie: c=d", "Cookie:", "Referer: https://b.test/",
    "Accept-Encoding: gzip", "Accept-Encoding:", "Range: bytes=0-1", "If-None-Match: \"x\"", "TE: trailers", "Expect: 100-continue",
]

# With --compressed.
COMPRESSED = ["Accept-Encoding: br", "Accept-Encoding:", "X-One: 1"]

CONNECT_TO = [
    # the option's values, the target, where P is the origin's port and Q a port that nobody listens at
    (["a.test:443:127.0.0.2:P"], "https://a.test/ok"), (["a.test:443:127.0.0.2:P"], "https://A.TEST/ok"),
    (["a.test::127.0.0.2:P"], "https://a.test:77/ok"), ([":443:127.0.0.2:P"], "https://b.test/ok"),
    (["::127.0.0.2:P"], "https://b.test:99/ok"), (["a.test:443::P", "::127.0.0.3:"], "https://a.test/ok"),
    (["b.test:443:127.0.0.2:P", "a.test:443:127.0.0.3:P"], "https://a.test/ok"),
    (["a.test:443:127.0.0.2:P", "a.test:443:127.0.0.3:P"], "https://a.test/ok"),
    (["::127.0.0.2:P", "a.test:443:127.0.0.3:P"], "https://a.test/ok"),
    (["a.test:443:127.0.0.3:P", "::127.0.0.2:P"], "https://a.test/ok"),
    (["a.test:443::", "::127.0.0.2:P"], "https://a.test/ok"), (["A.test:443:127.0.0.2:P"], "https://a.test/ok"),
    (["a.test:443:localhost:P"], "https://a.test/ok"), (["a.test:443:[::1]:P"], "https://a.test/ok"),
    (["[::1]:443:127.0.0.2:P"], "https://[::1]/ok"), (["127.0.0.9:443:127.0.0.2:P"], "https://127.0.0.9/ok"),
    (["a.test:443:127.0.0.2:Q"], "https://a.test/ok"), (["a.test:443:127.0.0.2:P"], "https://a.test:443/ok"),
    (["a.test:80:127.0.0.2:H"], "http://a.test/ok"), (["a.test.:443:127.0.0.2:P", "::127.0.0.3:P"], "https://a.test./ok"),
]

RESOLVE = [
    (["a.test:P:127.0.0.2"], "https://a.test:P/ok"), (["A.TEST:P:127.0.0.2"], "https://a.test:P/ok"),
    (["a.test:P:127.0.0.2"], "https://A.TEST:P/ok"), (["*:P:127.0.0.2"], "https://any.test:P/ok"),
    (["a.test:P:127.0.0.2", "*:P:127.0.0.3"], "https://a.test:P/ok"), (["*:P:127.0.0.3", "a.test:P:127.0.0.2"], "https://a.test:P/ok"),
    (["a.test:P:127.0.0.99,127.0.0.2"], "https://a.test:P/ok"), (["a.test:P:[::1]"], "https://a.test:P/ok"),
    (["a.test:P:::1"], "https://a.test:P/ok"), (["a.test:P:[::2],127.0.0.2"], "https://a.test:P/ok"),
    (["a.test:P:127.0.0.2", "a.test:P:127.0.0.3"], "https://a.test:P/ok"), (["a.test:Q:127.0.0.2", "a.test:P:127.0.0.3"], "https://a.test:P/ok"),
    (["+a.test:P:127.0.0.2"], "https://a.test:P/ok"), (["a.test:P:127.0.0.2", "b.test:P:127.0.0.3"], "https://b.test:P/ok"),
    (["a.test:P:127.0.0.99"], "https://a.test:P/ok"), (["localhost:P:127.0.0.2"], "https://localhost:P/ok"),
    (["a.test:H:127.0.0.2"], "http://a.test:H/ok"),
]


@once
class Curl(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")

    def toward(self):
        return []

    def ports(self, text):
        return text.replace(":P", ":%d" % self.origin.https).replace(":Q", ":1").replace(":H", ":%d" % self.origin.http)

    def seen(self):
        """The requests so far: where they came to, whom they named, and what they said, but for who asked."""
        found = []
        for e in self.origin.events("request"):
            headers = sorted([n.lower(), v.strip().lower() if n.lower() == "host" else v.strip()] for n, v in e["headers"])
            found.append((e["local"], e["sni"], e["line"], [h for h in headers if h[0] != "user-agent"]))
        return found

    def both(self, args, url, more=()):
        """What the origin sees of curl, and of pfetch in each mode, and whether they were answered."""
        self.origin.events_clear()
        done = subprocess.run(["curl", "-q", "-s", "--http1.1", "-o", self.path("body"), *self.trust(), "--noproxy", "*", "-g", *args, *more, url],
                              capture_output=True, env=environment(), timeout=60, check=False)
        theirs = (done.returncode == 0, self.seen())
        for mode in ("process", "thread", "serial"):
            self.origin.events_clear()
            report = self.fetch(url, "-m", mode, "-t", 5, *args)
            yield mode, theirs, (kind(report) == "ok", self.seen())

    def same(self, args, url):
        for mode, theirs, ours in self.both(args, url):
            with self.subTest(args=args, url=url, mode=mode):
                self.assertEqual(ours, theirs)

    def test_headers(self):
        to = ["--connect-to", "::127.0.0.1:%d" % self.origin.https]
        for value in HEADERS:
            self.same([a for v in value.split("\n") for a in ("-H", v)] + to, "https://a.test/ok")

    def test_headers_and_codings(self):
        """The codings that are asked for by default are the build's; one's own are taken as they are."""
        to = ["--connect-to", "::127.0.0.1:%d" % self.origin.https, "--compressed"]
        for value in COMPRESSED:
            for mode, theirs, ours in self.both(["-H", value, *to], "https://a.test/ok"):
                with self.subTest(value=value, mode=mode):
                    if value.startswith("X-"):
                        theirs, ours = [[h for h in s[1][0][3] if h[0] != "accept-encoding"] for s in (theirs, ours)]
                    self.assertEqual(ours, theirs)

    def test_agents(self):
        for args in (["-A", "me/1.0"], ["-A", ""], ["-H", "User-Agent: x"], ["-H", "User-Agent:"], ["-H", "User-Agent;"],
                     ["-A", "me", "-H", "User-Agent: x"], ["-A", "caf\u00e9 (x; y)"]):
            self.origin.events_clear()
            to = ["--connect-to", "::127.0.0.1:%d" % self.origin.https]
            subprocess.run(["curl", "-q", "-s", "--http1.1", *self.trust(), *to, *args, "https://a.test/ok"], capture_output=True,
                           env=environment(), timeout=60, check=True)
            self.fetch("https://a.test/ok", *to, *args)
            theirs, ours = [[h for h in e["headers"] if h[0].lower() == "user-agent"] for e in self.origin.events("request")]
            self.assertEqual((args, ours), (args, theirs))

    def test_resolve(self):
        for values, url in RESOLVE:
            if self.origin.ipv6 or "::1" not in "".join(values):
                self.same([a for v in values for a in ("--resolve", self.ports(v))], self.ports(url))

    def test_connect_to(self):
        for values, url in CONNECT_TO:
            if self.origin.ipv6 or "::1" not in "".join(values):
                self.same([a for v in values for a in ("--connect-to", self.ports(v))], self.ports(url))

    def test_both_together(self):
        """Where --connect-to leads, --resolve says what address that has."""
        port = self.origin.https
        self.same(["--connect-to", "a.test:443:b.test:%d" % port, "--resolve", "b.test:%d:127.0.0.2" % port, "--resolve",
                   "a.test:443:127.0.0.3"], "https://a.test/ok")

    def test_paths(self):
        """What is sent of what was asked for: %-encodings as they stand, dots resolved, a fragment dropped."""
        to = ["--connect-to", "::127.0.0.1:%d" % self.origin.https]
        for path in ("", "?", "?a=b&c", "/?", "/a/../text/b", "/a/./b", "/%2e%2e/b", "/%41%7e", "/a%2fb", "/a//b", "//a", "/a;b=c", "/text/x#frag",
                     "/?x#y?z", "/~'()*,!$@:", "/[x]", "/%zz"):
            self.same(to, "https://a.test" + path)

    def test_bytes_that_no_url_holds(self):
        """curl sends them as they are, pfetch percent-encoded; what is meant is the same."""
        for path in ("/{x}", "/a|b", "/a^b", "/a\\b", "/a\"b", "/a`b", "/caf\u00e9", "/?caf\u00e9|"):
            for mode, theirs, ours in self.both(["--connect-to", "::127.0.0.1:%d" % self.origin.https], "https://a.test" + path):
                with self.subTest(path=path, mode=mode):
                    self.assertEqual([s[2].split()[1] for s in ours[1]], [quote(s[2].split()[1], safe="/?%").lower() for s in theirs[1]])
