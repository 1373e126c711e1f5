"""Real servers and proxies on loopback: each is started from a configuration written into a directory of the test's.

The life of one: Server(directory, site, origin) chooses ports, writes its files, starts its program and waits until all
its ports answer; stop() ends it and what it started. All serve the same site (site_make) at the ports `tls` (1.2 and
1.3), `tls12`, `tls13` and `client` (which demands a certificate), as far as they can; what a server can do beyond static
files is told by its attributes. A test asks missing() first.
"""
import http.server
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import SLOW, environment, pattern

TLS_PORTS = ("tls", "tls12", "tls13", "client")
LISTING = "".join("<p>Line %d of a page that compresses well.</p>\n" % i for i in range(900)).encode()


def program_find(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")


def port_free(address="127.0.0.1"):
    """A port that the kernel chose, and that nobody listens at."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def site_make(directory):
    """The files that all serve."""
    files = {"text.txt": b"A line of text.\n", "empty.txt": b"", "twenty.bin": pattern(20 << 10, "twenty"), "five.bin": pattern(5 << 20, "five"),
             "page.html": LISTING, "dir/index.html": b"<p>In the directory.</p>\n"}
    for name, data in files.items():
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
    return files


class Backend(http.server.SimpleHTTPRequestHandler):
    """The same site in clear text, in a thread of the test: what the terminators of TLS stand before."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/missing":
            self.send_response(404)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"Not\n")
            return
        if self.path != "/dynamic":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i in range(20):
            data = b"%d " % i * 500
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    @classmethod
    def start(cls, site):
        """Serves `site`; returns the port and what stops it."""

        def handler(*args):
            return cls(*args, directory=site)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

        def stop():
            server.shutdown()
            server.server_close()

        return server.server_address[1], stop


class Server:
    """One program that runs until stop(). The classes below say how it is configured."""

    program = None
    wanted = TLS_PORTS  # its ports
    keepalive = True
    resumes = True
    dynamic = True  # /dynamic comes in chunks
    codings = ()
    refuses = True  # what is too long for it, by itself; else a race of the backend's answer with the end of its connection
    paths = ("/text.txt", "/empty.txt", "/twenty.bin", "/five.bin", "/page.html", "/missing", "/dir")
    redirect = "/dir"
    scheme = "https"

    def __init__(self, directory, site, origin):
        self.dir, self.site, self.origin = directory, site, origin
        self.certificate, self.key = origin.path("server.pem"), origin.path("server.key")
        self.authority = origin.path("ca.pem")
        self.ports = {name: port_free() for name in self.wanted}
        self.cleanups = []
        self.process = None
        try:
            self.log = open(self.path("log"), "wb")
            self.cleanups.append(self.log.close)
            self.launch(self.configure())
        except BaseException:
            self.stop()
            raise

    @classmethod
    def missing(cls):
        """What keeps it from being tested here; None: nothing."""
        return None if program_find(cls.program) else "no %s here" % cls.program

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def combined(self):
        """Chain and key in one file, as some want it."""
        text = ""
        for name in (self.certificate, self.key):
            with open(name, encoding="ascii") as f:
                text += f.read()
        return self.write("combined.pem", text, 0o600)

    def backend(self):
        port, stop = Backend.start(self.site)
        self.cleanups.append(stop)
        return port

    def commands(self, argv):
        """The command lines to start; one, but for programs that have one port each."""
        return [argv]

    def launch(self, argv):
        self.processes = []
        for command in self.commands(argv):
            program = program_find(command[0])
            self.processes.append(subprocess.Popen([program, *command[1:]], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                                   start_new_session=True, cwd=self.site, env=environment({"PATH": os.environ.get("PATH", "")})))
        end = time.monotonic() + 20 * SLOW
        for port in self.ports.values():
            while not self.answers(port):
                if time.monotonic() > end or any(p.poll() is not None for p in self.processes):
                    with open(self.path("log"), encoding="utf-8", errors="replace") as f:
                        raise RuntimeError("%s did not start: %s" % (self.program, f.read()[-2000:]))
                time.sleep(0.02)

    @staticmethod
    def answers(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        for process in getattr(self, "processes", ()):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(3)
                except subprocess.TimeoutExpired:
                    pass
            try:
                os.killpg(process.pid, signal.SIGKILL)  # its session is its own
            except OSError:
                pass
            process.wait()
        for cleanup in reversed(self.cleanups):
            cleanup()
        self.cleanups = []

    def url(self, path, port="tls"):
        return "%s://localhost:%d%s" % (self.scheme, self.ports[port], path)


def cgi_write(server):
    return server.write("dynamic", "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n"
                        "i=0; while [ $i -lt 20 ]; do printf '%2000s\\n' $i; [ $i = 9 ] && sleep 0.1; i=$((i + 1)); done\n", 0o755)


class Nginx(Server):
    program = "nginx"
    brotli = "/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so"
    codings = ("gzip", "br") if os.path.exists(brotli) else ("gzip",)

    def configure(self):
        load = "load_module %s;" % self.brotli if "br" in self.codings else ""
        back = self.backend()
        settings = {"tls": "", "tls12": "ssl_protocols TLSv1.2;", "tls13": "ssl_protocols TLSv1.3;",
                    "client": "ssl_client_certificate %s; ssl_verify_client on;" % self.authority}
        blocks = "".join("""
    server {
        listen 127.0.0.1:%d ssl;
        %s
        root %s;
        location /dynamic { proxy_pass http://127.0.0.1:%d; proxy_http_version 1.1; }
    }""" % (self.ports[name], extra, self.site, back) for name, extra in settings.items())
        temp = "".join("%s_temp_path %s;" % (n, self.path(n)) for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return [self.program, "-p", self.dir, "-e", "stderr", "-c", self.write("nginx.conf", """%s
daemon off; pid nginx.pid; worker_processes 1; error_log stderr;
events { worker_connections 200; }
http {
    access_log off; %s
    types { text/html html; text/plain txt; }
    ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:1m;
    gzip on; %s%s
}
""" % (load, temp, self.certificate, self.key, "brotli on;" if load else "", blocks))]


class Apache(Server):
    program = "apache2"
    modules = "/usr/lib/apache2/modules"
    codings = ("gzip", "br")

    def configure(self):
        cgi_write(self)
        names = ("mpm_event", "authz_core", "ssl", "socache_shmcb", "mime", "dir", "deflate", "brotli", "filter", "cgi", "alias", "setenvif")
        load = "".join("LoadModule %s_module %s/mod_%s.so\n" % (n, self.modules, n) for n in names)
        settings = {"tls": "SSLProtocol -all +TLSv1.2 +TLSv1.3", "tls12": "SSLProtocol -all +TLSv1.2", "tls13": "SSLProtocol -all +TLSv1.3",
                    "client": "SSLProtocol -all +TLSv1.2 +TLSv1.3\nSSLVerifyClient require\nSSLCACertificateFile " + self.authority}
        hosts = "".join("Listen 127.0.0.1:%d\n<VirtualHost 127.0.0.1:%d>\nSSLEngine on\n%s\n</VirtualHost>\n"
                        % (self.ports[name], self.ports[name], extra) for name, extra in settings.items())
        user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
        return [self.program, "-DFOREGROUND", "-d", self.dir, "-f", self.write("apache.conf", """%s%s
ServerName localhost
PidFile %s
Mutex file:%s
DefaultRuntimeDir %s
ErrorLog /dev/stderr
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
KeepAlive On
MaxKeepAliveRequests 1000
DocumentRoot %s
DirectoryIndex index.html
TypesConfig /dev/null
AddType text/html html
AddType text/plain txt
AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/html
SSLCertificateFile %s
SSLCertificateKeyFile %s
SSLSessionCache shmcb:%s(51200)
ScriptAlias /dynamic %s
<Directory />
Require all granted
</Directory>
%s""" % (load, user, self.path("pid"), self.dir, self.dir, self.site, self.certificate, self.key, self.path("sessions"), self.path("dynamic"), hosts))]


class Lighttpd(Server):
    program = "lighttpd"
    codings = ("gzip",)

    def configure(self):
        cgi_write(self)
        settings = {"tls": "", "tls12": '"MinProtocol" => "TLSv1.2", "MaxProtocol" => "TLSv1.2"',
                    "tls13": '"MinProtocol" => "TLSv1.3"', "client": ""}
        blocks = ""
        for name, commands in settings.items():
            blocks += '$SERVER["socket"] == "127.0.0.1:%d" {\n ssl.engine = "enable"\n ssl.pemfile = "%s"\n ssl.privkey = "%s"\n' % (
                self.ports[name], self.certificate, self.key)
            if commands:
                blocks += " ssl.openssl.ssl-conf-cmd = (%s)\n" % commands
            if name == "client":
                blocks += ' ssl.verifyclient.activate = "enable"\n ssl.verifyclient.enforce = "enable"\n ssl.verifyclient.ca-file = "%s"\n' % self.authority
            blocks += "}\n"
        self.ports["clear"] = port_free()
        return [self.program, "-D", "-f", self.write("lighttpd.conf", """
server.modules = ("mod_indexfile", "mod_cgi", "mod_alias", "mod_openssl", "mod_deflate")
server.bind = "127.0.0.1"
server.port = %d
server.document-root = "%s"
server.stream-response-body = 1
server.max-keep-alive-requests = 1000
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html", ".txt" => "text/plain", "" => "application/octet-stream")
deflate.mimetypes = ("text/html")
deflate.allowed-encodings = ("gzip")
alias.url = ("/dynamic" => "%s")
$HTTP["url"] == "/dynamic" { cgi.assign = ("" => "") }
%s""" % (self.ports["clear"], self.site, self.path("dynamic"), blocks))]


class Haproxy(Server):
    program = "haproxy"
    codings = ("gzip",)

    def configure(self):
        pem = self.combined()
        settings = {"tls": "", "tls12": "ssl-max-ver TLSv1.2", "tls13": "ssl-min-ver TLSv1.3",
                    "client": "ca-file %s verify required" % self.authority}
        binds = "".join("    bind 127.0.0.1:%d ssl crt %s ssl-min-ver TLSv1.2 %s\n" % (self.ports[n], pem, extra) if n != "tls13" else
                        "    bind 127.0.0.1:%d ssl crt %s %s\n" % (self.ports[n], pem, extra) for n, extra in settings.items())
        return [self.program, "-db", "-f", self.write("haproxy.conf", """
global
    maxconn 200
defaults
    mode http
    timeout connect 10s
    timeout client 20s
    timeout server 20s
frontend front
%s    compression algo gzip
    compression type text/html
    default_backend back
backend back
    server one 127.0.0.1:%d
""" % (binds, self.backend()))]


class Hitch(Server):
    program = "hitch"
    refuses = False

    def configure(self):
        return None

    def commands(self, _):
        """A process each: by SNI it chooses among the certificates of all its frontends, and with them the settings."""
        versions = {"tls": "TLSv1.2 TLSv1.3", "tls12": "TLSv1.2", "tls13": "TLSv1.3", "client": "TLSv1.2 TLSv1.3"}
        user = 'user = "nobody"\ngroup = "nogroup"\n' if os.getuid() == 0 else ""
        back, pem, found = self.backend(), self.combined(), []
        for name, protocols in versions.items():
            verify = 'client-verify = required\nclient-verify-ca = "%s"\n' % self.authority if name == "client" else ""
            found.append([self.program, "--config=" + self.write("hitch.%s" % name, 'frontend = "[127.0.0.1]:%d"\nbackend = "[127.0.0.1]:%d"\n'
                          'pem-file = "%s"\ntls-protos = %s\nworkers = 1\ndaemon = off\n%s%s' % (self.ports[name], back, pem, protocols, verify, user))])
        return found


class Stunnel(Server):
    program = "stunnel4"
    refuses = False

    def configure(self):
        extra = {"tls": "sslVersionMin = TLSv1.2", "tls12": "sslVersion = TLSv1.2", "tls13": "sslVersion = TLSv1.3",
                 "client": "verifyChain = yes\nCAfile = " + self.authority}
        back = self.backend()
        services = "".join("[%s]\naccept = 127.0.0.1:%d\nconnect = 127.0.0.1:%d\ncert = %s\nkey = %s\n%s\n" % (
            n, self.ports[n], back, self.certificate, self.key, x) for n, x in extra.items())
        return [self.program, self.write("stunnel.conf", "foreground = yes\npid =\nsyslog = no\ndebug = 3\n" + services)]


class Caddy(Server):
    program = "caddy"
    codings = ("gzip", "zstd")

    def configure(self):
        extra = {"tls": "", "tls12": "protocols tls1.2 tls1.2", "tls13": "protocols tls1.3",
                 "client": "client_auth {\n mode require_and_verify\n trusted_ca_cert_file %s\n }" % self.authority}
        back = self.backend()
        sites = "".join("""https://localhost:%d {
    bind 127.0.0.1
    tls %s %s {
        %s
    }
    encode zstd gzip
    root * %s
    reverse_proxy /dynamic 127.0.0.1:%d
    file_server
}
""" % (self.ports[n], self.certificate, self.key, x, self.site, back) for n, x in extra.items())
        return ["env", "HOME=" + self.dir, "XDG_DATA_HOME=" + self.dir, "XDG_CONFIG_HOME=" + self.dir, program_find(self.program), "run",
                "--adapter", "caddyfile", "--config", self.write("Caddyfile", "{\n admin off\n auto_https off\n}\n" + sites)]


class H2o(Server):
    program = "h2o"
    codings = ("gzip", "br")

    def configure(self):
        versions = {"tls": ("TLSv1.2", "TLSv1.3"), "tls13": ("TLSv1.3", "TLSv1.3")}
        listens = "".join("listen:\n  host: 127.0.0.1\n  port: %d\n  ssl:\n    certificate-file: %s\n    key-file: %s\n"
                          "    minimum-version: %s\n    maximum-version: %s\n" % (self.ports[n], self.certificate, self.key, *v)
                          for n, v in versions.items())
        user = "user: nobody\n" if os.getuid() == 0 else ""
        return [self.program, "-m", "worker", "-c", self.write("h2o.conf", """%snum-threads: 2
%scompress: ON
hosts:
  default:
    paths:
      /dynamic:
        proxy.reverse.url: http://127.0.0.1:%d/dynamic
      /:
        file.dir: %s
""" % (user, listens, self.backend(), self.site))]

    wanted = ("tls", "tls13")  # its own TLS 1.3 takes no notice of maximum-version


class Node(Server):
    program = "node"
    codings = ("gzip", "br", "deflate")

    def configure(self):
        return [self.program, self.write("server.js", """
const fs = require('fs'), https = require('https'), path = require('path'), zlib = require('zlib');
const [site, certificate, key, authority, tls, tls12, tls13, client] = process.argv.slice(2);
const types = {'.html': 'text/html', '.txt': 'text/plain'};
function answer(request, response) {
    if (request.url === '/dynamic') {
        response.writeHead(200, {'Content-Type': 'text/plain', 'Trailer': 'X-After'});
        for (let i = 0; i < 20; i++)
            response.write(`${i} `.repeat(500));
        response.addTrailers({'X-After': 'yes'});
        return response.end();
    }
    const file = path.join(site, request.url);
    if (!fs.existsSync(file)) {
        response.writeHead(404);
        return response.end('Not here.\\n');
    }
    if (fs.statSync(file).isDirectory()) {
        if (!request.url.endsWith('/')) {
            response.writeHead(301, {'Location': request.url.split('/').pop() + '/'});
            return response.end();
        }
        return fs.createReadStream(path.join(file, 'index.html')).pipe(response);
    }
    const wanted = request.headers['accept-encoding'] || '', type = types[path.extname(file)] || 'application/octet-stream';
    const coders = {br: zlib.createBrotliCompress, gzip: zlib.createGzip, deflate: zlib.createDeflate};
    for (const name in coders)
        if (type === 'text/html' && wanted.includes(name)) {
            response.writeHead(200, {'Content-Type': type, 'Content-Encoding': name});
            return fs.createReadStream(file).pipe(coders[name]()).pipe(response);
        }
    response.writeHead(200, {'Content-Type': type, 'Content-Length': fs.statSync(file).size});
    fs.createReadStream(file).pipe(response);
}
const base = {cert: fs.readFileSync(certificate), key: fs.readFileSync(key), ca: fs.readFileSync(authority)};
for (const [port, more] of [[tls, {}], [tls12, {maxVersion: 'TLSv1.2'}], [tls13, {minVersion: 'TLSv1.3'}],
                            [client, {requestCert: true, rejectUnauthorized: true}]])
    https.createServer({...base, ...more}, answer).listen(Number(port), '127.0.0.1');
"""), self.site, self.certificate, self.key, self.authority, *[str(self.ports[n]) for n in TLS_PORTS]]


class Tomcat(Server):
    program = "java"
    wanted = ("tls", "tls12", "tls13")
    home = "/usr/share/tomcat10"
    codings = ("gzip",)
    dynamic = False

    @classmethod
    def missing(cls):
        return super().missing() or (None if os.path.isdir(cls.home) else "no tomcat10 here")

    def configure(self):
        for name in ("conf", "logs", "temp", "work", "webapps"):
            os.makedirs(self.path(name), exist_ok=True)
        hosts = {"tls": "TLSv1.2+TLSv1.3", "tls12": "TLSv1.2", "tls13": "TLSv1.3"}
        connectors = "".join("""<Connector address="127.0.0.1" port="%d" SSLEnabled="true" compression="on" maxThreads="8">
  <SSLHostConfig protocols="%s"><Certificate certificateFile="%s" certificateKeyFile="%s"/></SSLHostConfig></Connector>
""" % (self.ports[n], p, self.certificate, self.key) for n, p in hosts.items())
        self.write("conf/server.xml", """<Server port="-1"><Service name="s">%s<Engine name="e" defaultHost="localhost">
<Host name="localhost" appBase="webapps"><Context path="" docBase="%s"/></Host></Engine></Service></Server>""" % (connectors, self.site))
        with open("/etc/tomcat10/web.xml", encoding="utf-8") as f:
            self.write("conf/web.xml", f.read())
        return [self.program, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", self.home + "/bin/bootstrap.jar:" + self.home + "/bin/tomcat-juli.jar",
                "-Dcatalina.home=" + self.home, "-Dcatalina.base=" + self.dir, "-Djava.io.tmpdir=" + self.path("temp"),
                "org.apache.catalina.startup.Bootstrap", "start"]


class GnutlsServ(Server):
    """Answers every path with a page about the connection, then closes."""

    program = "gnutls-serv"
    keepalive = dynamic = False
    paths = ("/",)
    redirect = None

    def configure(self):
        return None

    def commands(self, _):
        priority = {"tls": "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3", "tls12": "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                    "tls13": "NORMAL:-VERS-ALL:+VERS-TLS1.3", "client": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}
        return [[self.program, "--http", "-q", "-p", str(self.ports[n]), "--x509certfile", self.certificate, "--x509keyfile", self.key,
                 "--priority", p, *(["--require-client-cert", "--verify-client-cert", "--x509cafile", self.authority] if n == "client" else ["-a"])]
                for n, p in priority.items()]


class SServer(Server):
    """openssl s_server -WWW: files in HTTP/1.0, ended by the end of the connection."""

    program = "openssl"
    keepalive = dynamic = False
    paths = ("/text.txt", "/twenty.bin", "/five.bin", "/page.html", "/missing")
    redirect = None
    how = "-WWW"

    def configure(self):
        return None

    def commands(self, _):
        extra = {"tls": [], "tls12": ["-tls1_2"], "tls13": ["-tls1_3"], "client": ["-Verify", "2", "-verify_return_error", "-CAfile", self.authority]}
        return [[self.program, "s_server", "-quiet", self.how, "-accept", "127.0.0.1:%d" % self.ports[n], "-cert", self.certificate,
                 "-cert_chain", self.certificate, "-key", self.key, *x] for n, x in extra.items()]


class SServerPage(SServer):
    """openssl s_server -www: a page about the connection."""

    how = "-www"
    paths = ("/",)


class SServerRaw(SServer):
    """openssl s_server -HTTP: the file is the whole response."""

    how = "-HTTP"
    paths = ("/raw.http",)

    def configure(self):
        with open(os.path.join(self.site, "raw.http"), "wb") as f:
            f.write(b"HTTP/1.1 200 All right\r\nContent-Length: 5\r\nX-Raw: yes\r\n\r\nwhole")


class PythonServer(Server):
    """python3 -m http.server: clear text, HTTP/1.0."""

    program = "python3"
    wanted = ("tls",)
    scheme = "http"
    keepalive = dynamic = resumes = False

    def configure(self):
        return [self.program, "-m", "http.server", "--bind", "127.0.0.1", "-d", self.site, str(self.ports["tls"])]


SERVERS = (Nginx, Apache, Lighttpd, Haproxy, Hitch, Stunnel, Caddy, H2o, Node, Tomcat, GnutlsServ, SServer, SServerPage, SServerRaw, PythonServer)


# Proxies: ports `proxy` (anybody may), `auth` (user:pass.word only) and `refuses` (no CONNECT but to port 1).


class Proxy(Server):
    wanted = ("proxy", "auth", "refuses")
    scheme = "http"

    def url(self, path="", port="proxy", user=""):
        return "http://%s127.0.0.1:%d%s" % (user, self.ports[port], path)


class Squid(Proxy):
    program = "squid"
    helper = "/usr/lib/squid/basic_ncsa_auth"

    @classmethod
    def missing(cls):
        return super().missing() or (None if os.path.exists(cls.helper) else "no %s here" % cls.helper)

    def configure(self):
        hashed = subprocess.run([program_find("openssl"), "passwd", "-apr1", "pass.word"], stdout=subprocess.PIPE, check=True).stdout.decode()
        return [self.program, "-N", "-f", self.write("squid.conf", """
http_port 127.0.0.1:%d name=proxy
http_port 127.0.0.1:%d name=auth
http_port 127.0.0.1:%d name=refuses
auth_param basic program %s %s
auth_param basic realm tests
acl at_auth myportname auth
acl at_refuses myportname refuses
acl known proxy_auth REQUIRED
acl tunnel method CONNECT
http_access deny at_refuses tunnel
http_access deny at_auth !known
http_access allow all
cache deny all
access_log none
cache_log %s
pid_filename none
netdb_filename none
pinger_enable off
coredump_dir %s
shutdown_lifetime 0 seconds
visible_hostname localhost
""" % (*[self.ports[n] for n in self.wanted], self.helper, self.write("passwd", "user:" + hashed), self.path("cache.log"), self.dir))]


class Tinyproxy(Proxy):
    program = "tinyproxy"

    def configure(self):
        return None

    def commands(self, _):
        extra = {"proxy": "", "auth": 'BasicAuth user pass.word\n', "refuses": "ConnectPort 1\n"}
        user = "User nobody\nGroup nogroup\n" if os.getuid() == 0 else ""
        return [[self.program, "-d", "-c", self.write(n, "Port %d\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 20\nMaxClients 50\nLogLevel Error\n%s%s"
                                                      % (self.ports[n], x, user))] for n, x in extra.items()]


class StunnelBefore(Stunnel):
    """TLS before another server's port: what makes an https:// proxy of it."""

    wanted = ("tls",)

    def __init__(self, directory, site, origin, port):
        self.behind = port
        super().__init__(directory, site, origin)

    def configure(self):
        return [self.program, self.write("before.conf", "foreground = yes\npid =\nsyslog = no\ndebug = 3\n[tls]\naccept = 127.0.0.1:%d\n"
                                         "connect = 127.0.0.1:%d\ncert = %s\nkey = %s\n" % (self.ports["tls"], self.behind, self.certificate, self.key))]


PROXIES = (Squid, Tinyproxy)
