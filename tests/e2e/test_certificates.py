"""Some seventy kinds of certificates and chains: which are accepted, how a refusal is worded, and that curl
comes to the same verdict. The kinds are the words of tests/origin/authority.c."""
import shutil
import subprocess

from harness import Case, environment, kind, once

YES = ("ok", ())


def no(*words):
    return ("certificate", words)


# The first label says the kind; a name in full where it needs one.
KINDS = {
    # What is right, if at times odd.
    "good": YES, "byroot": YES, "rootsent": YES, "reversed": YES, "unrelated": YES, "twice": YES, "manysent": YES, "deep": YES,
    "crossexpired": YES, "crossroot": YES, "rsaissuer": YES, "pssissuer": YES, "permitting": YES, "networkname": YES,
    "rsa": YES, "rsapss": YES, "bigrsa": YES, "p384": YES, "p521": YES, "ed25519": YES, "ed448": YES, "tls12-rsa": YES,
    "twonames": YES, "manynames": YES, "upper": YES, "wildcard.wild.test": YES, "wildcard-my_one.wild.test": YES, "xn--bcher-kva.test": YES,
    "negative": YES, "noend": YES, "nousage": YES, "keyagreement": YES, "caleaf": YES,
    # Time.
    "expired": no("certificate has expired", "depth 0"), "notyet": no("not yet valid", "depth 0"),
    "badtime": no("format error in certificate's notBefore field", "depth 0"),
    "expiredissuer": no("certificate has expired", "depth 1: CN=Old Intermediate"), "tls12-expired": no("expired"),
    # Trust.
    "selfsigned": no("self-signed certificate", "depth 0"), "untrusted": no("unable to get local issuer certificate"),
    "nochain": no("unable to get local issuer certificate", "depth 0"), "crossother": no("unable to get local issuer", "depth 1"),
    "circle": no("unable to get local issuer certificate", "of Two"),
    # Who may sign.
    "notca": no("invalid CA certificate", "depth 1: CN=No Authority"), "nosign": no("invalid CA certificate", "depth 1"),
    "oldissuer": no("invalid CA certificate", "depth 1: CN=Old Form"), "shortpath": no("path length constraint exceeded", "depth 2"),
    "clientsissuer": no("unsuitable certificate purpose", "depth 1"), "constrained": no("permitted subtree violation", "depth 0"),
    "excluding": no("excluded subtree violation"), "network": no("permitted subtree violation"),
    # What it may be used for.
    "clientonly": no("unsuitable certificate purpose", "depth 0"), "anyusage": no("unsuitable certificate purpose"),
    "crlsignonly": no("unsuitable certificate purpose"), "critical": no("unhandled critical extension", "depth 0"),
    # Signatures.
    "badsignature": no("certificate signature failure", "depth 0"), "sha1": no("too weak", "depth 0"), "md5": no("too weak"),
    "sha1issuer": no("too weak", "depth 1"), "weakrsa": no("EE certificate key too weak"), "tls12-rsa512": no("key too weak"),
    # Names.
    "wrongname": no("hostname mismatch", "wrongname.test is asked for, the certificate is for other.example"),
    "nosan": no("hostname mismatch", "for no host (its common name nosan.test does not count)"), "oldform": no("for no host"),
    "iponly": no("for 127.0.0.1"), "dnsip": no("hostname mismatch"), "urionly": no("for no host"), "mailonly": no("for no host"),
    "nulname": no("for no host"), "emptyname": no("for no host"), "utf8name": no("for no host"), "dotname": no("for dotname.test."),
    "widewildcard": no("for *"), "tldwildcard": no("for *.test"), "midwildcard": no("hostname mismatch"),
    "wildcard-my_one.a.wild.test": no("hostname mismatch", "depth 0"), "wildcard-my_one.test": no("for *.wild.test"),
    "wildcard.test": no("hostname mismatch"), "wildcard.a.wild.test": no("hostname mismatch"),
    "innerwildcard.x.test": no("hostname mismatch"), "doublewildcard.x.test": no("hostname mismatch"),
    "partwildcard.sub.test": no("hostname mismatch"), "xn--bcher-idnwildcard-kva.sub.test": no("hostname mismatch"),
    # Encodings.
    "brokennames": no("extensions are malformed", "depth 0"), "twosans": no("extensions are malformed"),
    # Beyond what TLS takes: no verdict on the certificate.
    "toomuch": ("tls", ("excessive message size",)), "hugersa": ("tls", ("modulus too large",)), "tls12-brokender": ("tls", ()),
}

# Where curl comes to another verdict: it falls back on the common name, overlooks a dot at a name's end, and
# calls by another name what OpenSSL has no verdict for.
CURL = {"nosan": "ok", "urionly": "ok", "mailonly": "ok", "oldform": "ok", "dotname": "ok", "badsignature": "tls", "brokennames": "tls",
        "twosans": "tls"}
CURL_CODES = {"0": "ok", "60": "certificate", "35": "tls"}


def host(name):
    return name if "." in name else name + ".test"


class Verdicts(Case):
    def test_each(self):
        lines = [host(n) for n in KINDS]
        result = self.json("-w", 4, "-t", 30, "--order", "input", lines=lines)
        self.assertEqual(len(result.reports), len(lines), result.err)
        for name, report in zip(KINDS, result.reports):
            with self.subTest(kind=name):
                self.check(report, *KINDS[name])

    def check(self, report, want, words):
        self.assertEqual(kind(report), want, report["error"])
        if want == "ok":
            self.assertEqual((report["status"], report["tls"]["cert"]["issuer"][:3]), (200, "CN="))
            return
        self.assertEqual((report["error"]["phase"], report["status"], report["bytes"]), ("tls", None, 0))
        for word in words:
            self.assertIn(word, report["error"]["message"])
        if want == "certificate":
            self.assertRegex(report["error"]["message"], r"\(depth \d")
            self.assertRegex(report["tls"]["cert"]["sha256"], r"\A[0-9a-f]{64}\Z")

    def test_nobody_who_is_refused_hears_a_request(self):
        refused = [host(n) for n in KINDS if KINDS[n][0] != "ok"]
        self.origin.events_clear()
        self.json("-w", 4, "-t", 30, lines=refused)
        self.assertEqual(self.origin.events("request"), [])

    def test_insecure_takes_them_all(self):
        names = [n for n in KINDS if KINDS[n][0] == "certificate"]
        result = self.json("-k", "-w", 4, "-t", 30, "--order", "input", lines=[host(n) for n in names])
        for name, report in zip(names, result.reports):
            with self.subTest(kind=name):
                self.assertKind(report, "ok")
                self.assertRegex(report["tls"]["cert"]["sha256"], r"\A[0-9a-f]{64}\Z")

    @once
    def test_curl_agrees(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed")
        urls = [a for n in KINDS for a in ("-o", "/dev/null", "https://%s/ok" % host(n))]
        run = subprocess.run(["curl", "-q", "-s", *self.trust(), *self.toward(), "-w", "%{url} %{exitcode}\n", *urls],
                             capture_output=True, env=environment(), timeout=120, check=False)
        got = dict(line.rsplit(" ", 1) for line in run.stdout.decode().splitlines())
        if not got or not all(v.isdigit() for v in got.values()):
            self.skipTest("this curl does not tell the exit code of each URL")
        verdicts = {n: CURL_CODES.get(got["https://%s/ok" % host(n)]) for n in KINDS}
        self.assertEqual(verdicts, {n: CURL.get(n, KINDS[n][0]) for n in KINDS})


class Addresses(Case):
    """A certificate for an address, in an extra port's behaviour, since an address has no SNI."""

    WORDS = {"ipright": YES, "ipnames": no("IP address mismatch"), "ipwildcard": no("IP address mismatch"), "ipwrong": no("127.0.0.9, ::2"),
             "ipmapped": no("IP address mismatch"), "good": YES, "wrongname": no("for other.example"), "expired": no("has expired")}
    origin_args = tuple(a for w in WORDS for a in ("--extra", w))

    def test_each(self):
        names = [(w, a) for w in self.WORDS for a in ("127.0.0.1", "[::1]") if self.origin.ipv6 or a[0] != "["]
        lines = ["https://%s:%d/ok" % (a, self.origin.port("EXTRA_" + w)) for w, a in names]
        result = self.run_with(*self.trust(), "-f", "json", "--order", "input", base=False, lines=lines)
        for (word, address), report in zip(names, result.reports):
            with self.subTest(kind=word, address=address):
                self.assertEqual(kind(report), self.WORDS[word][0], report["error"])
                for part in self.WORDS[word][1]:
                    self.assertIn(part, report["error"]["message"])


class Stores(Case):
    """What the user trusts need not be a root, as in curl; and nothing else is trusted then."""

    def trust(self):
        return []

    def test_an_intermediate_and_a_leaf(self):
        for store, name, want in (("intermediate.pem", "good", "ok"), ("intermediate.pem", "nochain", "ok"),
                                  ("intermediate.pem", "byroot", "certificate"), ("other.pem", "untrusted", "ok"),
                                  ("other.pem", "crossother", "ok"), ("other.pem", "good", "certificate")):
            report = self.fetch(name + ".test", "--cacert", self.origin.path(store))
            self.assertEqual((store, name, kind(report)), (store, name, want), report["error"])
        leaf = self.fetch("https://localhost:%d/ok" % self.origin.https, "--cacert", self.origin.path("server.pem"))
        self.assertKind(leaf, "ok")
