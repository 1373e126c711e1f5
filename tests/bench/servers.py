"""What the clients fetch from: an authority with root, intermediate and leaves (P-256, made with openssl), an nginx
pinned to one core, and the late server. All on loopback, in a folder of the bench's own, ended by their ids."""
import glob
import os
import select
import shutil
import socket
import subprocess
import time

from measure import BenchError, await_rest, cpu_of, read_text

PAGE = 20000
BULK = 100 * 1000 * 1000
DOMAIN = "bench.test"
ADDRESS = "127.0.0.1"

EXTENSIONS = {
    "root": "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
            "subjectKeyIdentifier=hash\n",
    "middle": "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
              "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
    "leaf": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
            f"subjectAltName=DNS:*.{DOMAIN}," + ",".join(f"IP:127.0.0.{n}" for n in range(1, 11)) + "\n",
}

NGINX = """
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
daemon off;
events {{ worker_connections {connections}; multi_accept on; }}
http {{
    access_log off;
    client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
    default_type application/octet-stream;
    open_file_cache max=100 inactive=600s;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    server_tokens off;
    server_names_hash_max_size 16384;
    server_names_hash_bucket_size 128;
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096 default_server;
        {listen}
        ssl_certificate {folder}/chain.pem;
        {same}
    }}
    {own}
}}
"""
SAME = """ssl_certificate_key {folder}/leaf.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_buffer_size 16k;
        root {folder}/pages;
        location = /tiny {{ return 200 "{tiny}"; }}"""
OWN = """
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name h{number}.{domain};
        ssl_certificate {folder}/leaves/{number}.pem;
        {same}
    }}"""
OWN_OF_NGINX, OWN_OF_LATE = 2000, 4096  # how many hosts have a certificate of their own, from h0 on
TINY = "small\\n"
SIZES = {"/page": PAGE, "/bulk": BULK, "/tiny": 6}


def openssl(*arguments, given=None):
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=False)
    if done.returncode != 0:
        raise BenchError("openssl " + arguments[0] + ": " + done.stderr.decode(errors="replace").strip())
    return done.stdout


def sign(folder, name, issuer):
    """A key and a certificate; issuer None: signed by itself."""
    key, cert, request = (os.path.join(folder, name + end) for end in (".key", ".pem", ".csr"))
    extensions = os.path.join(folder, name + ".ext")
    with open(extensions, "w", encoding="ascii") as file:
        file.write(EXTENSIONS[name])
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    openssl("req", "-new", "-key", key, "-subj", f"/O=pfetch bench/CN=Bench {name}", "-out", request)
    signer = ["-signkey", key] if issuer is None else [
        "-CA", os.path.join(folder, issuer + ".pem"), "-CAkey", os.path.join(folder, issuer + ".key"),
        "-CAcreateserial"]
    openssl("x509", "-req", "-in", request, "-days", "30", "-sha256", "-extfile", extensions, "-out", cert, *signer)


class Trust:
    """Trust stores: the root alone, and copies of the system's bundle and hashed directory with the root added;
    other is a file with one of the system's roots, which is of no use here."""

    def __init__(self, folder):
        self.small = os.path.join(folder, "root.pem")
        self.bundle = self.directory = self.other = None
        system = "/etc/ssl/certs/ca-certificates.crt"
        if not os.path.exists(system):
            return
        root = read_text(self.small)
        self.bundle = os.path.join(folder, "bundle.pem")
        with open(self.bundle, "w", encoding="ascii") as out:
            out.write(read_text(system) + root)
        self.directory = os.path.join(folder, "hashed")
        os.mkdir(self.directory)
        for number, cert in enumerate(glob.glob("/etc/ssl/certs/*.pem")):
            shutil.copyfile(cert, os.path.join(self.directory, f"{number:03}.pem"))
        self.other = os.path.join(self.directory, "000.pem")
        shutil.copyfile(self.small, os.path.join(self.directory, "bench.pem"))
        openssl("rehash", self.directory)


def authority_make(folder, leaves):
    """Root, intermediate, a leaf for any host, and with the program leaves one for each of h0, h1 …"""
    sign(folder, "root", None)
    sign(folder, "middle", "root")
    sign(folder, "leaf", "middle")
    with open(os.path.join(folder, "chain.pem"), "w", encoding="ascii") as chain:
        for name in ("leaf", "middle"):
            chain.write(read_text(os.path.join(folder, name + ".pem")))
    own = os.path.join(folder, "leaves")
    os.mkdir(own)
    subprocess.run([leaves, *(os.path.join(folder, name) for name in ("leaf.pem", "middle.pem", "middle.key")),
                    str(OWN_OF_LATE), DOMAIN, own], check=True)


def pinned(core, argv):
    return argv if core is None else ["taskset", "-c", str(core), *argv]


def free_port():
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


class Nginx:
    """On 127.0.0.1 to .10, so that clients that can't be told where a name leads have hosts to go to."""

    def __init__(self, folder, core):
        self.port = free_port()
        pages = os.path.join(folder, "pages")
        os.makedirs(pages)
        os.makedirs(os.path.join(folder, "tmp"))
        block = os.urandom(1000)
        for name in ("/page", "/bulk"):
            with open(pages + name, "wb") as page:
                for _ in range(SIZES[name] // len(block)):
                    page.write(block)
        config = os.path.join(folder, "nginx.conf")
        files = min(65536, os.sysconf("SC_OPEN_MAX"))
        more = "\n        ".join(f"listen 127.0.0.{n}:{self.port} ssl;" for n in range(2, 11))
        with open(config, "w", encoding="ascii") as out:
            same = SAME.format(folder=folder, tiny=TINY)
            own = "".join(OWN.format(folder=folder, port=self.port, number=number, domain=DOMAIN, same=same)
                          for number in range(OWN_OF_NGINX))
            out.write(NGINX.format(folder=folder, port=self.port, listen=more, files=files, same=same, own=own,
                                   connections=min(16384, files - 64)))
        os.chmod(folder, 0o755)
        log = os.path.join(folder, "nginx.err")
        with open(log, "wb") as err:
            self.process = subprocess.Popen(pinned(core, ["nginx", "-p", folder, "-c", config]),
                                            stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        self.worker = None
        try:
            self.await_worker(log)
        except BaseException:
            self.stop()
            raise

    def await_worker(self, log):
        for _ in range(3000):  # with some thousand certificates it takes seconds
            if self.process.poll() is not None:
                raise BenchError("nginx did not start: " + read_text(log).strip())
            found = read_text(f"/proc/{self.process.pid}/task/{self.process.pid}/children").split()
            if found:
                self.worker = int(found[0])
                break
            time.sleep(0.02)
        if self.worker is None:
            raise BenchError("nginx has no worker")

    def cpu(self):
        return cpu_of(self.worker)

    def await_rest(self):
        await_rest(self.worker)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Late:
    """tests/bench/late; see there for what it is told and tells."""

    def __init__(self, program, folder, core):
        self.process = subprocess.Popen(
            pinned(core, [program, os.path.join(folder, "chain.pem"), os.path.join(folder, "leaf.key"), str(PAGE),
                          os.path.join(folder, "leaves")]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.port = int(self.told("PORT"))

    def tell(self, command):
        self.process.stdin.write(command.encode() + b"\n")

    def told(self, word, limit=10):
        """The number of the next line, which must start with that word and come within limit seconds."""
        if not select.select([self.process.stdout], [], [], limit)[0]:
            raise BenchError(f"the late server did not say {word} within {limit} s")
        line = self.process.stdout.readline().decode().split()
        if len(line) != 2 or line[0] != word:
            raise BenchError(f"the late server said {line} for {word}")
        return float(line[1])

    def cpu(self):
        return cpu_of(self.process.pid)

    def await_rest(self):
        await_rest(self.process.pid)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
