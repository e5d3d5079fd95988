"""A Hub of one's own on a free port, as far as publishing and loading datasets and models speaks to it.

Repositories with commits, tags and privacy; tokens that may write, read or nothing; pre-upload, LFS uploads
with verification, commits in NDJSON with their parent checked; tree, paths, refs and downloads. It can be
told to fail: see `Fault`. The Xet protocol is not spoken: run its clients with `HF_HUB_DISABLE_XET=1`.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

WRITER, READER = "hf_" + "writer" * 4, "hf_" + "reader" * 4
"""Tokens: of `me`, who may write, and of somebody who may read public repositories only."""
LFS_FROM = 10 * 1024 * 1024
LICENCES = {"apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc0-1.0"}


@dataclass
class Fault:
    """Something that goes wrong at requests whose `METHOD /path` matches."""

    at: str
    status: int | None = None
    """Answer with this and nothing else."""
    cut: int | None = None
    """Close the connection after so many bytes of the request's body."""
    lost: bool = False
    """Do what was asked, then close the connection without an answer."""
    before: Callable[[], object] | None = None
    """Called before the request is handled."""
    times: int | None = None
    """How often; always when left out."""


@dataclass
class File:
    """A file of a commit."""

    content: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    def info(self, path: str) -> dict[str, Any]:
        info: dict[str, Any] = {"type": "file", "path": path, "size": len(self.content), "oid": self.blob}
        if self.lfs:
            info["lfs"] = {"oid": self.sha256, "size": len(self.content), "pointerSize": 130}
        return info


@dataclass
class Repo:
    """A repository of a dataset or a model."""

    private: bool
    commits: list[tuple[str, dict[str, File], str]] = field(default_factory=list)
    """(sha, files, message), the newest last."""
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, File], message: str) -> str:
        content = json.dumps([message, len(self.commits), {p: f.blob for p, f in sorted(files.items())}])
        sha = hashlib.sha1(content.encode()).hexdigest()
        self.commits.append((sha, files, message))
        return sha

    @property
    def head(self) -> str:
        return self.commits[-1][0]

    def at(self, revision: str) -> tuple[str, dict[str, File]] | None:
        wanted = self.head if revision in ("main", "HEAD") else self.tags.get(revision, revision)
        return next(((sha, files) for sha, files, _ in self.commits if sha == wanted), None)


class HubServer:
    """Runs for the time of a `with`."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        """Datasets by id, and models as `models/` and id: the Hub keeps the two apart."""
        self.uploads: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        """`METHOD /path` of every request."""
        self.lock = threading.RLock()

    def __enter__(self) -> Self:
        hub = self

        class Handler(_Handler):
            server_state = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, repo: str, files: dict[str, bytes] | None = None, *, private: bool = True) -> Repo:
        """Make a repository as somebody else would."""
        made = Repo(private)
        listed = {path: File(content, False) for path, content in (files or {}).items()}
        made.commit({".gitattributes": File(b"*.parquet filter=lfs\n", False), **listed}, "initial commit")
        self.repos[repo] = made
        return made


class _Handler(BaseHTTPRequestHandler):
    server_state: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _handle(self) -> None:
        hub = self.server_state
        parts = urlsplit(self.path)
        path, self.query = unquote(parts.path), parse_qs(parts.query)
        line = f"{self.command} {path}"
        with hub.lock:
            hub.requests.append(line)
            fault = next((one for one in hub.faults if one.times != 0 and re.search(one.at, line)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
        length = int(self.headers.get("Content-Length") or 0)
        if fault is not None and fault.cut is not None:
            self.rfile.read(min(length, fault.cut))
            self._hang_up()
            return
        self.body = self.rfile.read(length)
        if fault is not None and fault.before is not None:
            fault.before()
        if fault is not None and fault.status is not None:
            self._error(fault.status, "as told")
            return
        self.silent = fault is not None and fault.lost
        with hub.lock:
            for pattern, answer in _ROUTES:
                if match := re.fullmatch(pattern, line):
                    found = match.groupdict()
                    if "kind" in found and not (found.pop("kind") or "").startswith("datasets"):
                        found["repo"] = f"models/{found['repo']}"
                    answer(self, **found)
                    break
            else:
                self._error(404, f"unknown route {line}")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _send(self, status: int, content: bytes, headers: dict[str, str], length: int | None = None) -> None:
        if getattr(self, "silent", False):
            self._hang_up()
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, message: str, code: str | None = None) -> None:
        headers = {"Content-Type": "application/json", "X-Error-Message": message}
        if code:
            headers["X-Error-Code"] = code
        self._send(status, json.dumps({"error": message}).encode(), headers)

    # -- who may do what -----------------------------------------------------------------------

    def _token(self) -> str | None:
        said = self.headers.get("Authorization", "")
        return said.removeprefix("Bearer ") or None

    def _may_write(self) -> bool:
        token = self._token()
        if token not in (WRITER, READER):
            self._error(401, "Invalid credentials in Authorization header")
            return False
        if token == READER:
            self._error(403, "You don't have the rights")
            return False
        return True

    def _repo(self, repo: str) -> Repo | None:
        token = self._token()
        if token is not None and token not in (WRITER, READER):
            self._error(401, "Invalid credentials in Authorization header")
            return None
        found = self.server_state.repos.get(repo)
        if found is None or (found.private and token != WRITER):
            self._error(404 if token else 401, "Repository not found", "RepoNotFound")
            return None
        return found

    def _at(self, repo: str, revision: str) -> tuple[str, dict[str, File]] | None:
        found = self._repo(repo)
        if found is None:
            return None
        files = found.at(revision)
        if files is None:
            self._error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return files

    # -- reading -------------------------------------------------------------------------------

    def whoami(self) -> None:
        if self._token() in (WRITER, READER):
            self._json({"type": "user", "name": "me", "orgs": [], "auth": {"type": "access_token"}})
        else:
            self._error(401, "Invalid credentials in Authorization header")

    def info(self, repo: str, revision: str = "main") -> None:
        if (at := self._at(repo, revision)) is not None:
            sha, files = at
            siblings = [{"rfilename": path} for path in sorted(files)]
            private = self.server_state.repos[repo].private
            about = {
                "id": repo.removeprefix("models/"),
                "_id": "0" * 24,
                "author": repo.split("/")[-2],
                "sha": sha,
                "gated": False,
            }
            self._json({**about, "private": private, "disabled": False, "tags": [], "siblings": siblings})

    def refs(self, repo: str) -> None:
        if (found := self._repo(repo)) is not None:
            tags = [
                {"name": name, "ref": f"refs/tags/{name}", "targetCommit": sha}
                for name, sha in found.tags.items()
            ]
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": found.head}
            self._json({"branches": [main], "converts": [], "tags": tags})

    def tree(self, repo: str, revision: str, path: str | None = None) -> None:
        if (at := self._at(repo, revision)) is None:
            return
        _, files = at
        path = path or ""
        start = f"{path.strip('/')}/" if path.strip("/") else ""
        inside = {name: file for name, file in files.items() if name.startswith(start)}
        if start and not inside:
            self._error(404, f"{path} does not exist", "EntryNotFound")
            return
        folders = {
            start + "/".join(rest[:depth])
            for rest in (name.removeprefix(start).split("/") for name in inside)
            for depth in range(1, len(rest))
        }
        rows = [{"type": "directory", "path": one, "size": 0, "oid": "0" * 40} for one in sorted(folders)]
        rows += [file.info(name) for name, file in sorted(inside.items())]
        if self.query.get("recursive", ["false"])[0].lower() not in ("true", "1"):
            rows = [row for row in rows if "/" not in row["path"].removeprefix(start)]
        self._json(rows)

    def paths(self, repo: str, revision: str) -> None:
        if (at := self._at(repo, revision)) is None:
            return
        _, files = at
        if "json" in self.headers.get("Content-Type", ""):
            wanted = json.loads(self.body)["paths"]
        else:
            wanted = parse_qs(self.body.decode())["paths"]
        rows: list[dict[str, Any]] = []
        for path in [wanted] if isinstance(wanted, str) else wanted:
            if path in files:
                rows.append(files[path].info(path))
            elif any(name.startswith(f"{path}/") for name in files):
                rows.append({"type": "directory", "path": path, "size": 0, "oid": "0" * 40})
        self._json(rows)

    def resolve(self, repo: str, revision: str, path: str) -> None:
        if (at := self._at(repo, revision)) is None:
            return
        sha, files = at
        if path not in files:
            self._error(404, "Entry not found", "EntryNotFound")
            return
        file = files[path]
        headers = {
            "ETag": f'"{file.sha256 if file.lfs else file.blob}"',
            "X-Repo-Commit": sha,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        if file.lfs:
            headers |= {"X-Linked-ETag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content))}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and self.command == "GET":
            first, last = int(asked[1]), int(asked[2] or len(file.content) - 1)
            part = file.content[first : last + 1]
            headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(file.content)}"
            self._send(206, part, headers)
        else:
            self._send(200, file.content, headers)

    # -- writing -------------------------------------------------------------------------------

    def create(self) -> None:
        if not self._may_write():
            return
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        kind = asked.get("type") or "model"
        repo = name if kind == "dataset" else f"models/{name}"
        if name.split("/")[0] != "me":
            self._error(403, f"You don't have the rights to create a {kind} under this namespace")
        elif repo in self.server_state.repos:
            self._error(409, f"You already created this {kind} repo")
        else:
            self.server_state.add(repo, private=asked.get("visibility") == "private")
            self._json({"url": f"{self.server_state.url}/{_at_url(repo)}", "name": name})

    def validate(self) -> None:
        asked = json.loads(self.body)
        errors = card_errors(asked["content"], asked["repoType"])
        self._json({"errors": [{"message": one} for one in errors], "warnings": []}, 400 if errors else 200)

    def preupload(self, repo: str, revision: str) -> None:
        if not self._may_write() or (at := self._at(repo, revision)) is None:
            return
        _, files = at
        rows: list[dict[str, Any]] = []
        for asked in json.loads(self.body)["files"]:
            lfs = asked["path"].endswith((".parquet", ".safetensors")) or asked["size"] > LFS_FROM
            row = {"path": asked["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
            if (there := files.get(asked["path"])) is not None:
                row["oid"] = there.sha256 if there.lfs else there.blob
            rows.append(row)
        self._json({"files": rows})

    def batch(self, repo: str) -> None:
        if not self._may_write() or self._repo(repo) is None:
            return
        url = self.server_state.url
        objects: list[dict[str, Any]] = []
        for asked in json.loads(self.body)["objects"]:
            one: dict[str, Any] = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.server_state.uploads:
                one["actions"] = {
                    "upload": {"href": f"{url}/lfs/upload/{asked['oid']}", "header": {}},
                    "verify": {"href": f"{url}/lfs/verify", "header": {}},
                }
            objects.append(one)
        self._json({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            self._error(400, "content does not match")
            return
        self.server_state.uploads[oid] = self.body
        self._json({})

    def verify(self) -> None:
        known = json.loads(self.body)["oid"] in self.server_state.uploads
        self._json({}, 200 if known else 404)

    def commit(self, repo: str, revision: str) -> None:
        if not self._may_write() or (found := self._repo(repo)) is None:
            return
        lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, found.head):
            self._error(412, "A commit has happened since. Please refresh and try again.")
            return
        files = dict(found.commits[-1][1])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]), False)
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.server_state.uploads:
                    self._error(400, f"LFS object {value['oid']} was not uploaded")
                    return
                files[value["path"]] = File(self.server_state.uploads[value["oid"]], True)
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        sha = found.commit(files, header["summary"])
        self._json({"commitUrl": f"{self.server_state.url}/{_at_url(repo)}/commit/{sha}", "commitOid": sha})

    def tag(self, repo: str, revision: str) -> None:
        if not self._may_write() or (found := self._repo(repo)) is None:
            return
        name = json.loads(self.body)["tag"]
        at = found.at(revision)
        if name in found.tags:
            self._error(409, "Tag reference exists already")
        elif at is None:
            self._error(404, "Invalid rev id", "RevisionNotFound")
        else:
            found.tags[name] = at[0]
            self._json({})


def _at_url(repo: str) -> str:
    return repo.removeprefix("models/") if repo.startswith("models/") else f"datasets/{repo}"


def card_errors(text: str, kind: str = "dataset") -> list[str]:
    """Say what the Hub would refuse of a card's metadata, as its documentation has it."""
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    if match is None:
        return ["no metadata"]
    try:
        data = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    errors = [] if data.get("license") in LICENCES else [f'"license" must be one of {sorted(LICENCES)}']
    if kind == "model":
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(data.get("base_model", "me/any"))):
            errors.append(f'"base_model" with value "{data["base_model"]}" is not valid. Use a model id')
        if data.get("base_model_relation", "adapter") not in ("adapter", "merge", "quantized", "finetune"):
            errors.append('"base_model_relation" is not known')
        return errors
    names = [one.get("config_name") for one in data.get("configs", [])]
    if len(set(names)) != len(names) or None in names:
        errors.append('"configs" need names of their own')
    for one in data.get("configs", []):
        if not all({"split", "path"} <= set(file) for file in one.get("data_files", [{}])):
            errors.append('"data_files" need a split and a path')
    sizes = data.get("size_categories")
    if not re.fullmatch(r"n<1K|1K<n<10K|10K<n<100K|100K<n<1M|n>1M", str(sizes)):
        errors.append('"size_categories" is not known')
    return errors


_NAME = r"(?P<repo>[\w.-]+/[\w.-]+)"
_ROUTES: list[tuple[str, Callable[..., None]]] = [
    (r"(?:GET|HEAD) /api/whoami-v2", _Handler.whoami),
    (rf"GET /api/(?P<kind>datasets|models)/{_NAME}", _Handler.info),
    (rf"GET /api/(?P<kind>datasets|models)/{_NAME}/revision/(?P<revision>[^/]+)", _Handler.info),
    (rf"GET /api/(?P<kind>datasets|models)/{_NAME}/refs", _Handler.refs),
    (rf"GET /api/(?P<kind>datasets|models)/{_NAME}/tree/(?P<revision>[^/]+)(?P<path>/.*)?", _Handler.tree),
    (rf"POST /api/(?P<kind>datasets|models)/{_NAME}/paths-info/(?P<revision>[^/]+)", _Handler.paths),
    (
        rf"(?:GET|HEAD) /(?P<kind>datasets/)?{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        _Handler.resolve,
    ),
    (r"POST /api/repos/create", _Handler.create),
    (r"POST /api/validate-yaml", _Handler.validate),
    (rf"POST /api/(?P<kind>datasets|models)/{_NAME}/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    (rf"POST /(?P<kind>datasets/)?{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    (r"PUT /lfs/upload/(?P<oid>\w+)", _Handler.upload),
    (r"POST /lfs/verify", _Handler.verify),
    (rf"POST /api/(?P<kind>datasets|models)/{_NAME}/commit/(?P<revision>[^/]+)", _Handler.commit),
    (rf"POST /api/(?P<kind>datasets|models)/{_NAME}/tag/(?P<revision>[^/]+)", _Handler.tag),
]
