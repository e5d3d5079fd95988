"""What is written: repositories, uploads, commits, tags."""

import base64
import hashlib
import json
from typing import Any

from .repository import File, card_errors
from .requests import Requests

LFS_FROM = 10 * 1024 * 1024


class Writing(Requests):
    """Answers to who may write."""

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
                    "upload": self._upload_of(asked["oid"], asked["size"]),
                    "verify": {"href": f"{url}/lfs/verify", "header": {}},
                }
            objects.append(one)
        self._json({"transfer": "basic", "objects": objects})

    def _upload_of(self, oid: str, size: int) -> dict[str, Any]:
        hub = self.server_state
        if hub.part_size is None or size <= hub.part_size:
            return {"href": f"{hub.url}/lfs/upload/{oid}", "header": {}}
        numbers = range(1, -(-size // hub.part_size) + 1)
        parts = {f"{number:05}": f"{hub.url}/lfs/part/{oid}/{number}" for number in numbers}
        return {
            "href": f"{hub.url}/lfs/complete/{oid}",
            "header": {"chunk_size": str(hub.part_size), **parts},
        }

    def part(self, oid: str, number: str) -> None:
        self.server_state.parts[oid, int(number)] = self.body
        self._send(200, b"", {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})

    def complete(self, oid: str) -> None:
        asked = [(one["partNumber"], one["etag"].strip('"')) for one in json.loads(self.body)["parts"]]
        parts = [self.server_state.parts[oid, number] for number, _ in sorted(asked)]
        if [hashlib.md5(one).hexdigest() for one in parts] != [tag for _, tag in sorted(asked)]:
            self._error(400, "a part does not match")
            return
        self.body = b"".join(parts)
        self.upload(oid)

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
