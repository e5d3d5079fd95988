"""A Hub of one's own on a free port, as far as publishing and loading datasets and models speaks to it.

Repositories with commits, tags and privacy; tokens that may write, read or nothing; pre-upload, LFS uploads
in one piece or in parts with verification, commits in NDJSON with their parent checked; tree, paths, refs and
downloads. It can be told to fail: see `Fault`. The Xet protocol is not spoken: run its clients with
`HF_HUB_DISABLE_XET=1`.
"""

from .repository import File, Repo, card_errors
from .requests import READER, WRITER
from .server import Fault, HubServer

__all__ = ["READER", "WRITER", "Fault", "File", "HubServer", "Repo", "card_errors"]
