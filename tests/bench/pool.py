"""A client of scripts/bench: the pools of Python's concurrent.futures with http.client, as many a script has them:
a task is a host, and makes its own TLS context and connection. Prints "ok N bytes N failed N".

    pool.py ADDRESS PORT WORKERS process|thread CAFILE|- LIST        LIST: a URL a line
"""
import concurrent.futures
import http.client
import socket
import ssl
import sys
from urllib.parse import urlsplit


class Connection(http.client.HTTPSConnection):
    """To the address of the bench, whatever the host is called."""

    where = None

    def connect(self):
        self.sock = self._context.wrap_socket(socket.create_connection(self.where, self.timeout),
                                              server_hostname=self.host)


def fetch(job):
    url, where, cafile = job
    parts = urlsplit(url)
    connection = Connection(parts.hostname, parts.port, timeout=120,
                            context=ssl.create_default_context(cafile=cafile))
    connection.where = where
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        length = 0
        while part := answer.read(65536):
            length += len(part)
        return length if answer.status == 200 else -1
    except (OSError, http.client.HTTPException):
        return -1
    finally:
        connection.close()


def main():
    address, port, workers, mode, cafile, path = sys.argv[1:]
    pool = {"process": concurrent.futures.ProcessPoolExecutor,
            "thread": concurrent.futures.ThreadPoolExecutor}[mode](int(workers))
    with open(path, encoding="ascii") as lines, pool:
        jobs = [(line.strip(), (address, int(port)), None if cafile == "-" else cafile) for line in lines]
        lengths = list(pool.map(fetch, jobs))
    good = [n for n in lengths if n >= 0]
    print("ok", len(good), "bytes", sum(good), "failed", len(lengths) - len(good))


if __name__ == "__main__":
    main()
