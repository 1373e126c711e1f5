"""-L: where it leads, what is refused on the way, what does not follow."""
import os
import shutil
import subprocess
from urllib.parse import quote

from harness import Case, environment, kind, once, reply, script


def to(target, code=302, extra=""):
    return "https://a.test/%sredirect/%d?to=%s" % (extra, code, quote(target, safe=""))


class Redirects(Case):
    def toward(self):
        return ["--connect-to", ":443:127.0.0.1:%d" % self.origin.https, "--connect-to", ":80:127.0.0.1:%d" % self.origin.http]

    def test_off_by_default(self):
        report = self.fetch(to("/ok"))
        self.assertEqual((report["status"], report["redirects"], kind(report)), (302, [], "ok"))

    def test_each_code(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for code in (301, 302, 303, 307, 308):
                    report = self.fetch(to("/text/there", code), "-L", "-m", mode)
                    self.assertEqual((report["status"], report["url"]), (200, "https://a.test/text/there"), code)
                    self.assertEqual(report["redirects"], ["https://a.test/text/there"])

    def test_codes_that_are_no_redirects(self):
        for code in (300, 304, 305, 306, 399):
            report = self.fetch(to("/ok", code), "-L")
            self.assertEqual((report["status"], report["redirects"]), (code, []))

    def test_without_location(self):
        report = self.fetch("https://a.test/redirect/302", "-L")
        self.assertEqual((report["status"], report["redirects"]), (302, []))

    def test_references(self):
        """RFC 3986, section 5, from https://a.test/redirect/302."""
        for reference, url in (
                ("/ok", "https://a.test/ok"), ("ok", "https://a.test/redirect/ok"), ("../ok", "https://a.test/ok"),
                ("../../../ok", "https://a.test/ok"), ("./ok", "https://a.test/redirect/ok"), ("?x=y", "https://a.test/redirect/302?x=y"),
                ("//b.test/ok", "https://b.test/ok"), ("https://b.test/ok", "https://b.test/ok"),
                ("https://b.test:443/ok", "https://b.test/ok"), ("HTTPS://B.test/ok", "https://b.test/ok"),
                ("https://b.test", "https://b.test/"), ("https://b.test?q", "https://b.test/?q"), ("/a/./b/../ok", "https://a.test/a/ok"),
                ("/ok#frag", "https://a.test/ok"), ("https://bücher.test/ok", "https://xn--bcher-kva.test/ok"),
                ("  /ok  ", "https://a.test/ok"), ("/ok?a=/../b", "https://a.test/ok?a=/../b")):
            report = self.fetch(to(reference), "-L", "--max-redirs", 1)
            self.assertEqual((reference, report["redirects"][:1]), (reference, [url]))

    @once
    def test_where_curl_goes(self):
        """RFC 3986, section 5.4, and what the web writes beside it: the same URL as curl's, but for fragments."""
        references = ["g:h"] + (
            "g ./g g/ /g //g ?y g?y g#s g?y#s ;x g;x g;x?y#s . ./ .. ../ ../g ../.. ../../ ../../g ../../../g ../../../../g /./g /../g g. .g g.. "
            "..g ./../g ./g/. g/./h g/../h g;x=1/./y g;x=1/../y g?y/./x g?y/../x g#s/./x g#s/../x //h.test/ //h.test https://h.test "
            "https://h.test:/ https://h.test:8443/x /a%2e%2e/b /%2e%2e/b /\u00fc ?\u00fc /%zz https://[::1]/ https://127.0.0.1/ https://h.test./ /a//b "
            "//h.test//x").split(" ") + ["/a b", "g h?i j"]
        if not shutil.which("curl"):
            self.skipTest("no curl here")
        urls, command = [to(r) for r in references], ["curl", "-s", "-g", "--http1.1", "-k", "--noproxy", "*", *self.toward()]
        for url in urls:
            command += ["-o", os.devnull, url]
        theirs = subprocess.run([*command, "-w", "%{redirect_url}\n"], stdout=subprocess.PIPE, env=environment(), check=True, timeout=120)
        result = self.json("-L", "--max-redirs", 1, "--order", "input", "-t", 5, "--connect-to", "::127.0.0.1:%d" % self.origin.https, lines=urls)
        for reference, known, report in zip(references, theirs.stdout.decode().splitlines(), result.reports, strict=True):
            if reference == "g:h":
                self.assertKind(report, "denied")
            else:
                self.assertEqual((reference, report["redirects"][:1]), (reference, [known.partition("#")[0]]))

    def test_a_space_in_a_location(self):
        report = self.fetch(to("/text/a b"), "-L")
        self.assertIn(kind(report), ("ok", "http"))
        for line in (e["line"] for e in self.origin.events("request")):
            self.assertEqual(line.count(" "), 2)

    def test_locations_that_inject(self):
        self.origin.events_clear()
        for location in ("/ok\tX-Evil: 1", "/ok\x01", "https://b.test:99999/", "https://user:pw@b.test/", "https://", "https://b c/"):
            self.fetch(to(location), "-L")
        for event in self.origin.events("request"):
            self.assertNotIn("x-evil", [name.lower() for name, _ in event["headers"]])
            self.assertFalse(event["host"].startswith("user"))

    def test_locations_that_are_refused(self):
        """The manual says which, and why: where curl goes on it guesses, or differs from other clients."""
        for location, words in (("https:///x", "no host"), ("///x", "no host"), ("//", "no host"), ("https:/x", "no host"), ("https:x", "no host"),
                                ("https://b.test:0/", "port '0'"), ("https://b.test:65536/", "port '65536'"),
                                ("https://127.1/", "IPv4"), ("https://0x7f000001/", "IPv4"), ("https://[::1", "']'"),
                                ("https://u:p@b.test/", "user")):
            with self.subTest(location=location):
                report = self.fetch("https://a.test" + reply(["HTTP/1.1 302 Found", "Location: " + location, "Content-Length: 0"]), "-L")
                self.assertEqual((kind(report), report["status"], report["redirects"]), ("http", 302, []))
                self.assertIn("bad Location: ", report["error"]["message"])
                self.assertIn(words, report["error"]["message"])

    def test_the_length_of_a_location(self):
        for length, want in ((8191, "ok"), (65000, "ok"), (65536, "http"), (200000, "http")):
            path = script(("send", b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /"), ("repeat", length, b"y"), ("send", b"\r\n\r\n"), "keep")
            report = self.fetch("https://a.test" + path, "-L")
            self.assertEqual((length, kind(report)), (length, want), report["error"])
            if want == "http":
                self.assertIn("longer than 65536", report["error"]["message"])

    def test_limits(self):
        self.assertEqual(self.fetch("https://a.test/loop/10", "-L")["status"], 200)
        report = self.fetch("https://a.test/loop/11", "-L")
        self.assertKind(report, "too-many-redirects")
        self.assertEqual(len(report["redirects"]), 10)
        self.assertKind(self.fetch("https://a.test/loop/1", "-L", "--max-redirs", 0), "too-many-redirects")
        self.assertKind(self.fetch("https://a.test/loop/30", "-L", "--max-redirs", 30), "ok")

    def test_from_https_to_http(self):
        report = self.fetch(to("http://a.test/ok"), "-L")
        self.assertKind(report, "denied")
        self.assertNotIn("http://", report["url"])
        report = self.fetch(to("http://a.test/ok"), "-L", "--allow-downgrade")
        self.assertEqual((kind(report), report["url"], report["tls"]), ("ok", "http://a.test/ok", None))

    def test_from_http_to_https(self):
        report = self.fetch("http://a.test/redirect/301?to=https%3A%2F%2Fa.test%2Fok", "-L")
        self.assertEqual((kind(report), report["url"]), ("ok", "https://a.test/ok"))

    def test_other_schemes(self):
        for location in ("ftp://a.test/", "file:///etc/passwd", "javascript:alert(1)", "data:text/plain,x", "gopher://a.test/"):
            report = self.fetch(to(location), "-L")
            self.assertEqual((location, kind(report)), (location, "denied"))

    def test_every_hop_is_verified(self):
        report = self.fetch(to("https://expired.test/ok"), "-L")
        self.assertKind(report, "certificate", "tls")
        self.assertEqual(report["url"], "https://expired.test/ok")

    def test_secrets_do_not_follow_to_another_origin(self):
        for target in ("https://b.test/text/there", "https://a.test:444/text/there", "http://a.test/text/there", "https://a.test./text/there"):
            self.origin.events_clear()
            self.fetch(to(target), "-L", "--allow-downgrade", "-H", "Authorization: Bearer x", "-H", "Cookie: a=b",
                       "-H", "X-Mine: y", "--connect-to", "a.test:444:127.0.0.1:%d" % self.origin.https)
            first, second = self.origin.events("request")
            names = [n.lower() for n, _ in first["headers"]]
            self.assertIn("authorization", names)
            self.assertIn("cookie", names)
            names = [n.lower() for n, _ in second["headers"]]
            self.assertNotIn("authorization", names)
            self.assertNotIn("cookie", names)
            self.assertIn("x-mine", names)

    def test_secrets_follow_within_the_origin(self):
        self.origin.events_clear()
        self.fetch(to("/text/there"), "-L", "-H", "Authorization: Bearer x")
        for event in self.origin.events("request"):
            self.assertIn(["Authorization", "Bearer x"], event["headers"])

    def test_cookies_of_servers_are_not_kept(self):
        self.origin.events_clear()
        self.fetch("https://a.test/cookie/a=b/redirect/302?to=/ok", "-L")
        self.assertNotIn("cookie", [n.lower() for n, _ in self.origin.events("request")[-1]["headers"]])

    def test_the_body_is_the_last_one_s(self):
        result = self.run_with("-f", "body", "-L", to("/text/there"))
        self.assertEqual(result.out, b"there")

    def test_a_large_body_on_the_way(self):
        report = self.fetch("https://a.test/header/Location/%2Fok/status/302/bytes/30000000", "-L", "--max-time", 30)
        self.assertEqual((report["status"], kind(report)), (200, "ok"))

    def test_a_body_that_breaks_the_rules(self):
        """What can't be told where it ends is not followed, as with curl; one that is only cut short is."""
        chunked = ["Transfer-Encoding: chunked"]
        for head, body, want in ((chunked, b"xyz\r\n", ("http", 302)), (chunked, b"3\r\nhello\r\n", ("http", 302)),
                                 (["Content-Length: 5", "Content-Length: 7"], b"hello", ("http", None)),
                                 (["Transfer-Encoding: cow"], b"", ("http", None)), (["Content-Length: 50"], b"hello", ("ok", 200)),
                                 (chunked, b"5\r\nhel", ("ok", 200)), ([], b"hello", ("ok", 200))):
            with self.subTest(head=head, body=body):
                self.origin.events_clear()
                report = self.fetch("https://a.test" + reply(["HTTP/1.1 302 Found", "Location: /text/there", *head], body), "-L")
                self.assertEqual((kind(report), report["status"]), want, report["error"])
                self.assertEqual(len(self.origin.events("request")), 2 if want[0] == "ok" else 1)
                self.assertEqual(report["redirects"], ["https://a.test/text/there"] if want[0] == "ok" else [])
                if want[1] == 302: # the last response's, though its body broke
                    self.assertIn(["Location", "/text/there"], report["headers"])

    def test_two_locations(self):
        report = self.fetch("https://a.test/header/Location/%2Fok/header/Location/%2Ftext%2Fx/status/302", "-L")
        self.assertIn(kind(report), ("ok", "http"))
        self.assertLessEqual(len(report["redirects"]), 1)

    def test_an_empty_location_before_another(self):
        report = self.fetch("https://a.test" + reply(["HTTP/1.1 302 Found", "Location:", "Location: /text/there", "Content-Length: 0"]), "-L")
        self.assertEqual((kind(report), report["status"], report["redirects"]), ("ok", 200, ["https://a.test/text/there"]))

    def test_a_redirect_to_where_nobody_answers(self):
        """What is reported is the last try's: the response before it is told by the list of redirects alone."""
        gone = "https://a.test:1/gone"
        report = self.fetch("https://a.test" + reply(["HTTP/1.1 302 Found", "Location: " + gone, "Content-Length: 0"]), "-L",
                            "--resolve", "a.test:1:127.0.0.1", "--connect-to", "a.test:1:127.0.0.1:1")
        self.assertEqual((kind(report), report["status"], report["url"], report["redirects"], report["headers"]),
                         ("connect", None, gone, [gone], []))
