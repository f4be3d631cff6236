# SPDX-License-Identifier: Apache-2.0
#
# The proxies of docs/behind-a-proxy.md, with the configurations that it prints.
#
# Each listens on a free port of loopback; `address` is "host:port". Its `edits`
# are pairs of texts: the second takes the place of the first, which must be in
# the configuration.
import os
import shutil
import socket
import subprocess
import tempfile

EXAMPLES = "server/examples/proxies"


def configuration(name, edits):
    with open(f"{EXAMPLES}/{name}", encoding="utf-8") as file:
        text = file.read()
    for before, after in edits:
        if before not in text:
            raise ValueError(f"{name} has no '{before}'")
        text = text.replace(before, after)
    return text


class Proxy:
    """A process that serves a socket which it inherits."""

    def __init__(self):
        self._folder = tempfile.mkdtemp()
        with socket.create_server(("127.0.0.1", 0)) as front:
            self.address = f"127.0.0.1:{front.getsockname()[1]}"
            arguments, environment = self.start(front.fileno())
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                arguments, env=environment, pass_fds=[front.fileno()])

    def file(self, name, text=""):
        path = os.path.join(self._folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def end(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self._folder)


class Haproxy(Proxy):

    def __init__(self, server, *edits):
        self._server, self._edits = server, edits
        super().__init__()

    def start(self, front):
        path = self.file("haproxy.cfg", configuration("haproxy.cfg", self._edits))
        return (["/usr/sbin/haproxy", "-db", "-q", "-f", path],
                {"PINION_FRONT": f"fd@{front}", "PINION_SERVER": self._server})


class Nginx(Proxy):
    """Around the configuration stands what Debian's nginx.conf has around it, and
    `limits`, directives of nginx's that the configuration leaves at their
    defaults."""

    def __init__(self, server, *edits, limits=""):
        self._server, self._edits, self._limits = server, edits, limits
        super().__init__()

    def start(self, front):
        self.file("pinion.conf", configuration("nginx.conf", [
            ("127.0.0.1:50051", self._server), ("127.0.0.1:8443", self.address), *self._edits]))
        temporary = "".join(f"{kind}_temp_path {self._folder}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        path = self.file("nginx.conf", f"""
            daemon off; worker_processes 1; pid {self._folder}/pid; error_log stderr crit;
            events {{ worker_connections 512; }}
            http {{ access_log off; {temporary} {self._limits} include pinion.conf; }}""")
        # As if an nginx before it had handed the socket on.
        return (["/usr/sbin/nginx", "-e", "stderr", "-p", self._folder, "-c", path],
                {"NGINX": f"{front};"})
