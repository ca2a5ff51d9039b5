"""Fill the cache of rocrate-validator with the contexts of RO-Crate, so that it needs no network.

``python crate_cache.py CACHE CONTEXT.jsonld ...``, run by the validator's own Python. Each file is a context as the
library ``rocrate`` ships it, under its own address; the validator takes it for the answer of that address.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import requests
from requests.adapters import BaseAdapter
from rocrate_validator.utils.http import HttpRequester
from urllib3 import HTTPResponse


class FromFiles(BaseAdapter):
    """Answers addresses with files, and nothing else."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        self.files = files

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        answer = requests.Response()
        content = self.files.get(str(request.url))
        answer.status_code = 404 if content is None else 200
        answer._content = content or b""
        answer.url, answer.request = str(request.url), request
        answer.headers["Content-Type"] = "application/ld+json"
        answer.raw = HTTPResponse(io.BytesIO(content or b""), answer.headers, answer.status_code, preload_content=False)
        return answer

    def close(self) -> None:
        pass


def main() -> None:
    cache, *contexts = sys.argv[1:]
    requester = HttpRequester.initialize_cache(cache_path=cache, cache_max_age=-1)
    files = {}
    for name in contexts:
        content = Path(name).read_bytes()
        files[json.loads(content)["@id"]] = content
    requester.session.mount("https://", FromFiles(files))
    for address in files:
        assert requester.get(address, headers={"Accept": "application/ld+json, application/json"}).status_code == 200


main()
