"""Which answer a request gets."""

from collections.abc import Callable
from typing import ClassVar

from .reading import Reading
from .writing import Writing

_NAME = r"(?P<repo>[\w.-]+/[\w.-]+)"


class Handler(Reading, Writing):
    """All that this Hub answers."""

    routes: ClassVar[list[tuple[str, Callable[..., None]]]] = [
        (r"(?:GET|HEAD) /api/whoami-v2", Reading.whoami),
        (rf"GET /api/(?P<kind>datasets|models)/{_NAME}", Reading.info),
        (rf"GET /api/(?P<kind>datasets|models)/{_NAME}/revision/(?P<revision>[^/]+)", Reading.info),
        (rf"GET /api/(?P<kind>datasets|models)/{_NAME}/refs", Reading.refs),
        (rf"GET /api/(?P<kind>datasets|models)/{_NAME}/tree/(?P<revision>[^/]+)(?P<path>/.*)?", Reading.tree),
        (rf"POST /api/(?P<kind>datasets|models)/{_NAME}/paths-info/(?P<revision>[^/]+)", Reading.paths),
        (
            rf"(?:GET|HEAD) /(?P<kind>datasets/)?{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
            Reading.resolve,
        ),
        (r"POST /api/repos/create", Writing.create),
        (r"POST /api/validate-yaml", Writing.validate),
        (rf"POST /api/(?P<kind>datasets|models)/{_NAME}/preupload/(?P<revision>[^/]+)", Writing.preupload),
        (rf"POST /(?P<kind>datasets/)?{_NAME}\.git/info/lfs/objects/batch", Writing.batch),
        (r"PUT /lfs/upload/(?P<oid>\w+)", Writing.upload),
        (r"PUT /lfs/part/(?P<oid>\w+)/(?P<number>\d+)", Writing.part),
        (r"POST /lfs/complete/(?P<oid>\w+)", Writing.complete),
        (r"POST /lfs/verify", Writing.verify),
        (rf"POST /api/(?P<kind>datasets|models)/{_NAME}/commit/(?P<revision>[^/]+)", Writing.commit),
        (rf"POST /api/(?P<kind>datasets|models)/{_NAME}/tag/(?P<revision>[^/]+)", Writing.tag),
    ]
