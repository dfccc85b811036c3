"""A small hub on this machine: as much of Hugging Face's API as its client asks for.

Repositories with commits, private ones, files in git and in LFS, and tokens. Never
reaches the network.
"""

import base64
import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import re
import threading
from urllib import parse

TOKENS = WRITES, READS = "hf_writes_0123456789", "hf_reads_0123456789"
_LFS_FROM = 10_000  # bytes


class Hub(http.server.ThreadingHTTPServer):
    """Serves `repositories`: by name whether private, and the files of each commit."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, dict] = {}
        self.objects: dict[str, bytes] = {}  # of LFS, by SHA-256
        self.asked: list[str] = []
        self.yaml: list[str] = []  # heads that were to be validated
        self.status = 0  # with which all is answered, if not 0

    def files(self, name: str) -> dict[str, bytes]:
        """The newest commit's."""
        return self.repositories[name]["commits"][-1][1]


@contextlib.contextmanager
def running():
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, args=[0.01])
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


def sha(name: str, number: int) -> str:
    """Of a repository's commit, counted from 1."""
    return hashlib.sha1(f"{name}{number}".encode()).hexdigest()


def environment(url: str, home: pathlib.Path, token: str | None = None) -> dict:
    """Variables by which a process of its own sees that hub and no other."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    settings = {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "no_proxy": "127.0.0.1",
    }
    return inherited | settings | ({"HF_TOKEN": token} if token else {})


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer()

    def do_HEAD(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def do_PUT(self):
        self._answer()

    def log_message(self, *args):
        pass

    def _answer(self) -> None:
        hub, path = self.server, parse.unquote(parse.urlsplit(self.path).path)
        hub.asked.append(f"{self.command} {path}")
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.role = {WRITES: "write", READS: "read"}.get(token)
        if hub.status:
            return self._send({"error": "no"}, hub.status)
        for method, pattern, answer in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method in (self.command, "*"):
                return answer(self, *match.groups())
        return self._send({"error": "no such path"}, 404)

    def _send(self, content, status: int = 200, **headers) -> None:
        is_bytes = isinstance(content, bytes)
        body = content if is_bytes else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, code: str | None = None) -> None:
        headers = {"X_Error_Code": code, "X_Error_Message": "refused"} if code else {}
        self._send({"error": "refused"}, status, **headers)

    def _found(self, name: str, revision: str | None):
        """(revision's hash, its files), or None when it has been refused."""
        repository = self.server.repositories.get(name)
        if repository is None or (repository["private"] and self.role is None):
            self._refuse(404 if self.role else 401, "RepoNotFound")
            return None
        commits = repository["commits"]
        for sha, files in commits:
            if revision == sha:
                return sha, files
        if revision in (None, "main"):
            return commits[-1]
        self._refuse(404, "RevisionNotFound")
        return None

    def may_write(self) -> bool:
        if self.role != "write":
            self._refuse(403 if self.role else 401)
        return self.role == "write"

    def create(self):
        if not self.may_write():
            return
        asked = json.loads(self.body)
        name = asked["name"]
        if asked.get("organization"):
            name = f"{asked['organization']}/{name}"
        url = f"{self.server.url}/{name}"
        if name in self.server.repositories:
            return self._send({"error": "exists", "url": url}, 409)
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        new = {"private": private, "commits": [("0" * 40, {})]}
        self.server.repositories[name] = new
        return self._send({"url": url})

    def preupload(self, name: str, revision: str):
        if self.may_write():
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["size"] >= _LFS_FROM else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(self.body)["files"]
            ]
            self._send({"files": files})

    def batch(self, name: str):
        if self.may_write():
            objects = [
                each | {"actions": {"upload": {"href": f"{self.server.url}/lfs/{oid}"}}}
                for each in json.loads(self.body)["objects"]
                if (oid := each["oid"])
            ]
            self._send({"transfer": "basic", "objects": objects})

    def put(self, oid: str):
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self._refuse(400)
        self.server.objects[oid] = self.body
        return self._send({})

    def validate(self):
        self.server.yaml.append(json.loads(self.body)["content"])
        self._send({"errors": [], "warnings": []})

    def commit(self, name: str, revision: str):
        if not self.may_write():
            return
        commits = self.server.repositories[name]["commits"]
        files = dict(commits[-1][1])
        for line in self.body.splitlines():
            kind, value = (json.loads(line)[key] for key in ("key", "value"))
            if kind == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif kind == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
            elif kind == "deletedFile":
                del files[value["path"]]
        commit = sha(name, len(commits))
        commits.append((commit, files))
        url = f"{self.server.url}/{name}/commit/{commit}"
        self._send({"commitUrl": url, "commitOid": commit, "success": True})

    def info(self, name: str, revision: str | None = None):
        if found := self._found(name, revision):
            sha, files = found
            siblings = [{"rfilename": path} for path in files]
            private = self.server.repositories[name]["private"]
            facts = {"id": name, "modelId": name, "sha": sha, "private": private}
            self._send(facts | {"siblings": siblings, "tags": []})

    def tree(self, name: str, revision: str):
        if found := self._found(name, revision):
            entries = [
                {
                    "type": "file",
                    "path": path,
                    "size": len(content),
                    "oid": _oid(content),
                }
                for path, content in found[1].items()
            ]
            self._send(entries)

    def resolve(self, name: str, revision: str, path: str):
        found = self._found(name, revision)
        if found is None:
            return None
        sha, files = found
        if path not in files:
            return self._refuse(404, "EntryNotFound")
        content = files[path]
        return self._send(content, X_Repo_Commit=sha, ETag=f'"{_oid(content)}"')


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


_NAME = "([^/]+/[^/]+)"
_ROUTES = (
    ("POST", "/api/repos/create", _Handler.create),
    ("POST", "/api/validate-yaml", _Handler.validate),
    ("POST", f"/api/models/{_NAME}/preupload/([^/]+)", _Handler.preupload),
    ("POST", f"/api/models/{_NAME}/commit/([^/]+)", _Handler.commit),
    ("POST", f"/{_NAME}[.]git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", "/lfs/([0-9a-f]{64})", _Handler.put),
    ("GET", f"/api/models/{_NAME}", _Handler.info),
    ("GET", f"/api/models/{_NAME}/revision/([^/]+)", _Handler.info),
    ("GET", f"/api/models/{_NAME}/tree/([^/]+)", _Handler.tree),
    ("*", f"/{_NAME}/resolve/([^/]+)/(.+)", _Handler.resolve),
)
