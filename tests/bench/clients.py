"""How each client is asked to fetch a piece of work, and how what it got is counted.

A client is a name, a test whether it is here, the command line for a piece of work, and a count of what came: (bodies,
bytes) of answers with status 200. Counts come from the client's own reports, or from its files with -d.
"""
import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from typing import Optional

from measure import BenchError, read_text
from servers import ADDRESS, DOMAIN, SIZES

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 280  # seconds: no client may give up before the bench does


@dataclass
class Work:
    """What is to be fetched: count targets that go through hosts in turn."""

    count: int
    hosts: int
    workers: int
    path: str = "/page"
    port: int = 0
    trust: str = "small"  # small, bundle, directory
    stores: object = None
    files: bool = False
    by_line: bool = False  # the yardstick shares lines out, not hosts
    extra: tuple = ()      # more of pfetch's options
    form: str = "text"     # pfetch's reports
    shared: bool = False   # hosts have one certificate together
    folder: str = ""
    lists: dict = field(default_factory=dict)

    @property
    def size(self):
        return SIZES[self.path]

    @property
    def out(self):
        return os.path.join(self.folder, "bodies")

    def store(self):
        path = getattr(self.stores, self.trust)
        if path is None:
            raise BenchError("there is no system trust store to copy")
        return path

    def environment(self):
        """The system's store: a hashed directory beside a file that doesn't help, or a bundle beside an empty one."""
        if self.trust == "small":
            return {}
        if self.trust == "directory":
            return {"SSL_CERT_FILE": self.stores.other, "SSL_CERT_DIR": self.store()}
        empty = os.path.join(self.folder, "empty")
        os.makedirs(empty, exist_ok=True)
        return {"SSL_CERT_FILE": self.store(), "SSL_CERT_DIR": empty}

    def name(self, line):
        return f"{'s' if self.shared else 'h'}{line % self.hosts}.{DOMAIN}"

    def list_file(self, kind, text_of):
        """A list in a client's form; written once."""
        if kind not in self.lists:
            path = os.path.join(self.folder, f"list-{kind}")
            with open(path, "w", encoding="ascii") as out:
                for line in range(self.count):
                    out.write(text_of(line))
            self.lists[kind] = path
        return self.lists[kind]

    def urls(self):
        return self.list_file("urls", lambda n: f"https://{self.name(n)}:{self.port}{self.path}\n")


@dataclass
class Client:
    name: str
    binary: Optional[str]
    command: object  # (client, work) -> argv
    counted: object  # (work, out, err) -> (bodies, bytes)
    mode: str = ""
    distinct: bool = True  # can be told where any name leads
    slow: int = 1          # fetches a list so many times shorter in the expensive rows

    def argv(self, work):
        return self.command(self, work)


def counted_files(work, _out, _err):
    sizes = [entry.stat().st_size for entry in os.scandir(work.out)]
    return len(sizes), sum(sizes)


def counted_words(work, out, _err):
    """The last line "ok N bytes N failed N" of the bench's own clients."""
    found = re.search(r"^ok (\d+) bytes (\d+) failed 0$", read_text(out), re.M)
    if not found:
        return 0, 0
    if work.files and counted_files(work, out, _err) != (int(found[1]), int(found[2])):
        return 0, 0
    return int(found[1]), int(found[2])


def counted_lines(out, status, length):
    bodies = total = 0
    with open(out, encoding="ascii", errors="replace") as lines:
        for line in lines:
            fields = line.split()
            if len(fields) > length and fields[status] == "200":
                bodies, total = bodies + 1, total + int(fields[length])
    return bodies, total


def pfetch_argv(client, work):
    argv = [client.binary, "--workers", str(work.workers), "-f", work.form,
            "--resolve", f"*:{work.port}:{ADDRESS}",
            "--timeout", str(PATIENCE), "--connect-timeout", str(PATIENCE), "--max-time", str(PATIENCE),
            *client.mode.split(), *work.extra]
    if work.trust == "small":
        argv += ["--cacert", work.store()]
    if work.files:
        argv += ["-d", work.out]
    return [*argv, "-i", work.urls()]


def pfetch_counted(work, out, err):
    """Every report is looked at; with -f none there is the summary."""
    if work.form == "text":
        return counted_lines(out, 0, 1)
    if work.form == "json":
        bodies = total = 0
        with open(out, encoding="ascii", errors="replace") as lines:
            for line in lines:
                length = re.search(r'"bytes": ?(\d+)', line)
                if '"error": null' in line.replace('":null', '": null') and length:
                    bodies, total = bodies + 1, total + int(length[1])
        return bodies, total
    found = re.search(r"(\d+) targets?: (\d+) ok.*?(\d+) bytes", read_text(err))
    return (int(found[2]), int(found[3])) if found else (0, 0)


def curl_argv(client, work):
    def entry(line):
        body = os.path.join(work.out, str(line)) if work.files else "/dev/null"
        return f'url = "https://{work.name(line)}:{work.port}{work.path}"\noutput = "{body}"\n'

    argv = [client.binary, "-q", "-sS", "-w", "%{http_code} %{size_download}\\n",
            "--resolve", f"*:{work.port}:{ADDRESS}", "-K", work.list_file("curl", entry)]
    argv += ["--capath" if work.trust == "directory" else "--cacert", work.store()]
    if work.trust == "directory":
        argv += ["--cacert", work.stores.other]
    return argv if work.count == 1 else [*argv, "-Z", "--parallel-max", str(work.workers)]


def go_argv(client, work):
    return [client.binary, "-a", f"{ADDRESS}:{work.port}", "-w", str(work.workers),
            *(["-c", work.store()] if work.trust == "small" else []),
            *(["-d", work.out] if work.files else []), work.urls()]


def bare_argv(client, work):
    listed = work.list_file("bare", lambda n: f"{work.name(n)} {work.path}\n")
    return [client.binary, "-a", f"{ADDRESS}:{work.port}", "-w", str(work.workers), *client.mode.split(),
            *(["-l"] if work.by_line else []), *(["-c", work.store()] if work.trust == "small" else []),
            *(["-d", work.out] if work.files else []), listed]


def python_argv(client, work):
    return [client.binary, os.path.join(HERE, "pool.py"), ADDRESS, str(work.port), str(work.workers), client.mode,
            work.store() if work.trust == "small" else "-", work.urls()]


def addresses(work):
    """The list for those that can't be told where names lead; no two lines alike, since wget2 takes each once."""
    return work.list_file("addresses",
                          lambda n: f"https://127.0.0.{n % work.hosts + 1}:{work.port}{work.path}?{n}\n")


def wget2_argv(client, work):
    return [client.binary, "--no-config", "-q", f"--ca-certificate={work.store()}", "--ca-directory=none",
            "--no-hsts", "--no-ocsp", "--no-http2", "--tries=1",
            f"--max-threads={work.workers}", "-P", work.out, "-i", addresses(work)]


def aria2_argv(client, work):
    def entry(line):
        return (f"https://127.0.0.{line % work.hosts + 1}:{work.port}{work.path}\n"
                f"  dir={work.out}\n  out={line}\n")

    return [client.binary, "--no-conf", "-q", f"--ca-certificate={work.store()}", "--check-certificate=true",
            "-x", "1", "-s", "1", "-j", str(work.workers), "--file-allocation=none", "--disable-ipv6",
            "-i", work.list_file("aria2", entry)]


def here(name):
    return shutil.which(name)


def all_clients(pfetch, built):
    """Every client by name; built: the folder with bare and gofetch, or None in their place."""
    bare, gofetch = built.get("bare"), built.get("gofetch")
    plain = [
        ("pfetch", pfetch, pfetch_argv, pfetch_counted, "-m process"),
        ("pfetch-affinity", pfetch, pfetch_argv, pfetch_counted, "-m process --dispatch affinity"),
        ("pfetch-thread", pfetch, pfetch_argv, pfetch_counted, "-m thread"),
        ("pfetch-serial", pfetch, pfetch_argv, pfetch_counted, "-m serial"),
        ("curl", here("curl"), curl_argv, lambda w, o, _e: counted_lines(o, 0, 1), ""),
        ("go", gofetch, go_argv, counted_words, ""),
        ("bare", bare, bare_argv, counted_words, ""),
        ("bare-thread", bare, bare_argv, counted_words, "-t"),
    ]
    clients = [Client(*row) for row in plain]
    for mode in ("process", "thread"):
        name = "python" if mode == "process" else "python-thread"
        clients.append(Client(name, sys.executable, python_argv, counted_words, mode, slow=5))
    clients.append(Client("wget2", here("wget2"), wget2_argv, counted_files, distinct=False))
    clients.append(Client("aria2c", here("aria2c"), aria2_argv, counted_files, distinct=False))
    return {c.name: c for c in clients}
