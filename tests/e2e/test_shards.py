"""--shard against a computation of its own: what CLI and manual promise, byte by byte, on hostile lists too."""
import hashlib
import ipaddress
import json
import random
import re

from harness import Case, once

# Lines, and what is hashed of them: host as lower-case A-labels, no port, no trailing dot; literals as RFC 5952.
HOSTS = [
    ("example.org", "example.org"),
    ("EXAMPLE.org", "example.org"),
    ("example.org.", "example.org"),
    ("Example.Org.:8443", "example.org"),
    ("https://example.org", "example.org"),
    ("HTTPS://EXAMPLE.ORG.:443/Path?Query#Fragment", "example.org"),
    ("http://example.org:80/", "example.org"),
    ("  example.org\t", "example.org"),
    ("example.org\r", "example.org"),
    ("https://a.test/https://b.test/", "a.test"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER.example.", "xn--bcher-kva.example"),
    ("bu\u0308cher.example", "xn--bcher-kva.example"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("XN--BCHER-KVA.Example", "xn--bcher-kva.example"),
    ("https://faß.example:444/x", "xn--fa-hia.example"),
    ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ("ｅｘａｍｐｌｅ．ｏｒｇ", "example.org"),
    ("localhost", "localhost"),
    ("a_b.example", "a_b.example"),
    ("-a.example", "-a.example"),
    ("127.0.0.1", "127.0.0.1"),
    ("192.0.2.7:8443", "192.0.2.7"),
    ("https://192.0.2.7/", "192.0.2.7"),
    ("[::1]", "::1"),
    ("[::1]:443", "::1"),
    ("[0:0:0:0:0:0:0:1]", "::1"),
    ("[2001:DB8::00a1]:8443", "2001:db8::a1"),
    ("https://[2001:db8:0:0:1:0:0:1]/", "2001:db8::1:0:0:1"),
    ("[2001:0:0:1:0:0:0:1]", "2001:0:0:1::1"),
    ("[2001:db8:0:1:1:1:1:1]", "2001:db8:0:1:1:1:1:1"),
    ("[::]", "::"),
    ("[1::]", "1::"),
    ("[::ffff:192.0.2.1]", "::ffff:192.0.2.1"),
    ("[::FFFF:c000:0201]:8443", "::ffff:192.0.2.1"),
    ("[0:0:0:0:0:ffff:192.0.2.1]", "::ffff:192.0.2.1"),
    ("[::192.0.2.1]", "::c000:201"),
    ("[64:ff9b::192.0.2.33]", "64:ff9b::c000:221"),
]
# No targets: all their bytes, trimmed.
BAD = [
    b"bad host", b"  bad host \t\r", b"host:0", b"host:65536", b"ftp://example.org/", b"https://", b"https://u:p@example.org/",
    b"nul\0.example", b"\xff\xfe.example", b"a..example", b"[::1", b"[::g]", b"x" * 64 + b".example", b"BAD HOST",
    b"two\rlines", b"\xc2\xa0example.org\xc2\xa0 x",
]
LONG = [
    b"https://long.example/" + b"a" * 8200,
    b"long.example" + b" " * 9000 + b"x",
    b"y" * 100000 + b"  \t ",
    b" " * 9000 + b"z" * 8193 + b" " * 9000,
]
TRIMMED = b" \t\r"


def shard_of(key, count):
    return 1 + int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % count


@once
class Shards(Case):
    def parts(self, data, count, *args):
        """The reports of a dry run in each part: the printed lines."""
        return [self.run_with("--shard", "%d/%d" % (i, count), "--dry-run", *args, data=data).out.split(b"\n")[:-1]
                for i in range(1, count + 1)]

    def where(self, lines, count):
        """The part in which each line's report is, from reports with that index."""
        found = {}
        data = b"\n".join(lines) + b"\n"
        for i in range(1, count + 1):
            result = self.run_with("--shard", "%d/%d" % (i, count), "-f", "json", "-t", "2", "--retry", "0",
                                   "--deny", "0.0.0.0/0,::/0", "-w", "2", data=data)
            for report in result.reports:
                self.assertNotIn(report["index"], found)
                found[report["index"]] = i
        self.assertEqual(sorted(found), list(range(1, len(lines) + 1)))
        return [found[at] for at in range(1, len(lines) + 1)]

    def test_hosts(self):
        lines = [line.encode() for line, _ in HOSTS]
        for count in (2, 5):
            got = self.where(lines, count)
            for (line, key), part in zip(HOSTS, got):
                self.assertEqual((line, part), (line, shard_of(key.encode(), count)))

    def test_a_large_count_splits_by_the_whole_hash(self):
        """One host in 4,294,967,295 parts is in the one that the hash names, and in no other."""
        count = 4294967295
        for line, key in HOSTS[::3]:
            part = shard_of(key.encode(), count)
            for shard, want in ((part, 1), (part % count + 1, 0)):
                out = self.run_with("--dry-run", "--shard", "%d/%d" % (shard, count), data=line.encode() + b"\n").out
                self.assertEqual((line, out.count(b"\n")), (line, want))

    def test_lines_that_are_no_targets(self):
        got = self.where(BAD + LONG, 3)
        for line, part in zip(BAD + LONG, got):
            self.assertEqual((line[:40], part), (line[:40], shard_of(line.strip(TRIMMED), 3)))

    def test_addresses_at_random(self):
        """Python's own idea of RFC 5952 (which writes no mapped address in dots)."""
        rng = random.Random(5952)
        lines, keys = [], []
        for _ in range(400):
            groups = [rng.choice((0, 0, 0, 1, 0xdb8, rng.randrange(65536))) for _ in range(8)]
            address = ipaddress.IPv6Address(b"".join(g.to_bytes(2, "big") for g in groups))
            key = "::ffff:%s" % address.ipv4_mapped if address.ipv4_mapped else address.compressed
            text = address.exploded if rng.random() < 0.5 else address.compressed
            lines.append(("[%s]" % (text.upper() if rng.random() < 0.3 else text)).encode())
            keys.append(key.encode())
        parts = self.parts(b"\n".join(lines) + b"\n", 4)
        for part, printed in enumerate(parts, 1):
            self.assertEqual(printed, [l for l, k in zip(lines, keys) if shard_of(k, 4) == part])

    def test_the_union_is_the_list_once_each(self):
        rng = random.Random(7)
        lines = [b"https://h%d.test:%d/ok?%d" % (rng.randrange(300), rng.choice((443, 8443)), i) for i in range(1500)]
        lines += [b"h%d.test" % rng.randrange(300) for _ in range(200)] + BAD + [l.encode() for l, _ in HOSTS]
        rng.shuffle(lines)
        data = b"# a comment\n\n" + b"\n".join(lines)
        for count in (1, 2, 7, 64):
            printed = [line for part in self.parts(data, count) for line in part]
            self.assertEqual(len(printed), len(lines))
        seven = self.parts(data, 7)
        hosts = {}
        for part, printed in enumerate(seven):
            for line in printed:
                name = re.match(rb"(?:https://)?(h\d+\.test)", line)
                if name:
                    self.assertEqual(hosts.setdefault(name.group(1), part), part, "a host is on two machines")

    def test_reports_and_journals_of_shards_merge_with_cat(self):
        lines = [b"https://h%d.test/ok" % (i % 40) for i in range(200)] + [b"bad line"]
        data = b"\n".join(lines) + b"\n"
        reports = journals = b""
        for i in (1, 2, 3):
            self.run_with("--shard", "%d/3" % i, "-f", "json", "-o", self.path("out"), "--joblog", self.path("log"), data=data)
            reports += self.read("out")
            journals += self.read("log")
        merged = [json.loads(line) for line in reports.splitlines()]
        self.assertEqual(sorted(r["index"] for r in merged), list(range(1, len(lines) + 1)))
        for r in merged:
            self.assertEqual(r["target"].encode(), lines[r["index"] - 1])
        self.write("log", journals)
        again = self.run_with("--joblog", self.path("log"), "--resume", "--dry-run", data=data)
        self.assertEqual((again.status, again.out), (0, b""), again)

    def test_operands_are_sharded_too(self):
        operands = ["h%d.test" % i for i in range(20)]
        for i in (1, 2):
            out = self.run_with("--shard", "%d/2" % i, "--dry-run", *operands).out.decode().split()
            self.assertEqual(out, [h for h in operands if shard_of(h.encode(), 2) == i])
