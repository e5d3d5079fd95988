"""What is read: repositories, their files and refs."""

import json
import re
from typing import Any
from urllib.parse import parse_qs

from .requests import READER, WRITER, Requests


class Reading(Requests):
    """Answers that change nothing."""

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
