"""A strict reader of WARC/1.1 (ISO 28500) as pfetch writes it: every length, digest, header, order and join is checked.

    python3 warc_reader.py FILE...     says what is in it, or what is wrong with it

read(path) returns the records of a file, warcinfo first; exchanges(path…) the pairs of request and response. Both
raise Broken with the place. A torn record at the end is broken like any other.
"""
import base64
import datetime
import hashlib
import os
import re
import sys
import zlib

ONCE_OR_MORE = {"warc-concurrent-to", "warc-protocol"}
KNOWN = ONCE_OR_MORE | {
    "warc-type", "warc-record-id", "warc-date", "content-length", "content-type", "warc-block-digest", "warc-payload-digest",
    "warc-target-uri", "warc-ip-address", "warc-cipher-suite", "warc-truncated", "warc-warcinfo-id", "warc-filename"}
ID = re.compile(r"<urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}>\Z")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\Z")
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class Broken(Exception):
    """The file is no WARC as it should be."""


def sha1(data):
    return "sha1:" + base64.b32encode(hashlib.sha1(data).digest()).decode()


class Record:
    def __init__(self, headers, block, where):
        self.headers, self.block, self.where = headers, block, where

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name):
        found = self.all(name)
        return found[0] if found else None

    @property
    def type(self):
        return self.get("WARC-Type")

    @property
    def head(self):
        """The head of the HTTP message, without the empty line."""
        return self.block.partition(b"\r\n\r\n")[0]

    @property
    def rest(self):
        """All behind the head, as it was on the wire."""
        return self.block.partition(b"\r\n\r\n")[2]

    def field(self, name):
        """An HTTP field's value, or None."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower().encode():
                return value.strip().decode("latin-1")
        return None

    @property
    def status(self):
        return int(self.head.split(b" ")[1])

    @property
    def payload(self):
        """The body without its chunks, but still coded."""
        chunked = (self.field("Transfer-Encoding") or "").lower() == "chunked"
        return unchunk(self.rest) if chunked else self.rest


def unchunk(data):
    """As far as there are chunks; what is cut in the middle counts as far as it came."""
    out, at = b"", 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return out
        size = int(data[at:end].split(b";")[0], 16)
        out += data[end + 2:end + 2 + size]
        at = end + 2 + size + 2
        if size == 0 or at > len(data):
            return out


def parse_record(data, where):
    """One record at the start of `data`: (record, bytes used)."""
    if not data.startswith(b"WARC/1.1\r\n"):
        raise Broken("%s: no WARC/1.1 line: %r" % (where, data[:20]))
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise Broken("%s: the header does not end" % where)
    headers = []
    for line in data[:end].split(b"\r\n")[1:]:
        name, colon, value = line.partition(b": ")
        if not colon or not TOKEN.match(name) or b"\n" in line or b"\r" in line or b"\0" in line or value != value.strip():
            raise Broken("%s: a bad header line %r" % (where, line))
        headers.append((name.decode(), value.decode("utf-8")))
    record = Record(headers, b"", where)
    length = record.get("Content-Length") or ""
    if not re.match(r"\d+\Z", length):
        raise Broken("%s: Content-Length %r" % (where, length))
    start, stop = end + 4, end + 4 + int(length)
    if data[stop:stop + 4] != b"\r\n\r\n":
        raise Broken("%s: no two line ends behind the block" % where)
    record.block = data[start:stop]
    check_record(record)
    return record, stop + 4


def check_record(r):
    names = [n.lower() for n, _ in r.headers]
    for name in set(names):
        if name not in KNOWN:
            raise Broken("%s: unknown header %s" % (r.where, name))
        if names.count(name) > 1 and name not in ONCE_OR_MORE:
            raise Broken("%s: %s stands twice" % (r.where, name))
    for name in ("WARC-Type", "WARC-Record-ID", "WARC-Date", "Content-Length", "Content-Type", "WARC-Block-Digest"):
        if r.get(name) is None:
            raise Broken("%s: no %s" % (r.where, name))
    if not ID.match(r.get("WARC-Record-ID")):
        raise Broken("%s: WARC-Record-ID %s" % (r.where, r.get("WARC-Record-ID")))
    if not DATE.match(r.get("WARC-Date")):
        raise Broken("%s: WARC-Date %s" % (r.where, r.get("WARC-Date")))
    datetime.datetime.strptime(r.get("WARC-Date")[:19], "%Y-%m-%dT%H:%M:%S")
    if r.get("WARC-Block-Digest") != sha1(r.block):
        raise Broken("%s: the block's digest is another" % r.where)
    if r.get("WARC-Truncated") not in (None, "length", "time", "disconnect", "unspecified"):
        raise Broken("%s: WARC-Truncated %s" % (r.where, r.get("WARC-Truncated")))
    checks = {"warcinfo": check_warcinfo, "request": check_request, "response": check_response}
    if r.type not in checks:
        raise Broken("%s: a record of type %s" % (r.where, r.type))
    checks[r.type](r)


def check_warcinfo(r):
    if r.get("Content-Type") != "application/warc-fields":
        raise Broken("%s: warcinfo of type %s" % (r.where, r.get("Content-Type")))
    fields = dict(line.split(": ", 1) for line in r.block.decode().split("\r\n") if line)
    if not fields["software"].startswith("pfetch/") or not r.block.endswith(b"\r\n"):
        raise Broken("%s: warcinfo says %r" % (r.where, r.block))


def check_exchange(r, message):
    if r.get("Content-Type") != "application/http;msgtype=" + message:
        raise Broken("%s: %s of type %s" % (r.where, message, r.get("Content-Type")))
    uri = r.get("WARC-Target-URI")
    if not uri or not re.match(r"https?://[!-;=?-~]+\Z", uri):
        raise Broken("%s: WARC-Target-URI %r" % (r.where, uri))
    secure = uri.startswith("https:")
    protocols = r.all("WARC-Protocol")
    if not re.match(r"http/1\.[01]\Z", protocols[0]) or len(protocols) != 1 + secure:
        raise Broken("%s: WARC-Protocol %s of %s" % (r.where, protocols, uri))
    if secure and not (re.match(r"tls/1\.[23]\Z", protocols[1]) and r.get("WARC-Cipher-Suite")):
        raise Broken("%s: TLS without its protocol or cipher" % r.where)
    if not secure and r.get("WARC-Cipher-Suite"):
        raise Broken("%s: a cipher in clear text" % r.where)
    if not r.get("WARC-IP-Address"):
        raise Broken("%s: no address" % r.where)
    if b"\r\n\r\n" not in r.block:
        raise Broken("%s: a message without an end of its head" % r.where)


def check_request(r):
    check_exchange(r, "request")
    if not re.match(rb"GET \S+ HTTP/1\.1\r\n(?s:.*)\r\n\r\n\Z", r.block) or r.rest:
        raise Broken("%s: this is no request: %r" % (r.where, r.block[:100]))


def check_response(r):
    check_exchange(r, "response")
    if not re.match(rb"HTTP/1\.[01] \d\d\d", r.block):
        raise Broken("%s: this is no response: %r" % (r.where, r.block[:100]))
    digest = r.get("WARC-Payload-Digest")
    if digest is None and r.get("WARC-Truncated") is None:
        raise Broken("%s: a whole response without a digest of its payload" % r.where)
    if digest is not None and digest != sha1(r.payload):
        raise Broken("%s: the payload's digest is another" % r.where)


def pieces(path):
    """(bytes, where) of each record; a gzip member each where the file is compressed."""
    with open(path, "rb") as f:
        data = f.read()
    name = os.path.basename(path)
    if not path.endswith(".gz"):
        at = 0
        while at < len(data):
            where = "%s at %d" % (name, at)
            record, used = parse_record(data[at:], where)
            yield record
            at += used
        return
    while data:
        where = "%s, %d bytes before its end" % (name, len(data))
        d = zlib.decompressobj(31)
        try:
            plain = d.decompress(data)
        except zlib.error as error:
            raise Broken("%s: %s" % (where, error)) from error
        if not d.eof:
            raise Broken("%s: a torn member" % where)
        record, used = parse_record(plain, where)
        if used != len(plain):
            raise Broken("%s: a member of more than one record" % where)
        yield record
        data = d.unused_data


def read(path):
    """The records of a file."""
    records = list(pieces(path))
    if not records or records[0].type != "warcinfo":
        raise Broken("%s: does not begin with a warcinfo" % path)
    if records[0].get("WARC-Filename") != os.path.basename(path):
        raise Broken("%s: is called %s in its warcinfo" % (path, records[0].get("WARC-Filename")))
    ids = [r.get("WARC-Record-ID") for r in records]
    if len(set(ids)) != len(ids):
        raise Broken("%s: an identifier stands twice" % path)
    rest = records[1:]
    if [r.type for r in rest] != ["request", "response"] * (len(rest) // 2):
        raise Broken("%s: not pairs of request and response: %s" % (path, [r.type for r in rest]))
    for request, response in zip(rest[::2], rest[1::2]):
        check_pair(records[0], request, response)
    return records


def check_pair(info, request, response):
    if (request.all("WARC-Concurrent-To") != [response.get("WARC-Record-ID")]
            or response.all("WARC-Concurrent-To") != [request.get("WARC-Record-ID")]):
        raise Broken("%s: request and response are not joined" % request.where)
    for name in ("WARC-Date", "WARC-Target-URI", "WARC-IP-Address", "WARC-Protocol", "WARC-Cipher-Suite"):
        if request.all(name) != response.all(name):
            raise Broken("%s: request and response differ in %s" % (request.where, name))
    for record in (request, response):
        if record.get("WARC-Warcinfo-ID") != info.get("WARC-Record-ID"):
            raise Broken("%s: belongs to another warcinfo" % record.where)


def exchanges(*paths):
    """All (request, response) of these files."""
    pairs = []
    for path in paths:
        rest = read(path)[1:]
        pairs += zip(rest[::2], rest[1::2])
    return pairs


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for one in read(name):
            print("%-10s %8d  %s" % (one.type, len(one.block), one.get("WARC-Target-URI") or ""))
