"""Static files as production serves them: hashed names, compressed, each stylesheet in one piece."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

_IMPORT = re.compile(r'@import url\("([^"]+)"\) layer\((\w+)\);')


def in_one_piece(name: str, read: Callable[[str], str]) -> str:
    """Return a stylesheet with what it imports in the place of the imports. `read` returns a file by its name below /static/."""
    folder = PurePosixPath(name).parent
    return _IMPORT.sub(lambda found: f"@layer {found[2]} {{\n{read(str(folder / found[1])).strip()}\n}}", read(name))


class Storage(CompressedManifestStaticFilesStorage):
    """What `collectstatic` writes. Fifty small stylesheets are pleasant to write, and one is quick to load."""

    def post_process(self, paths: Mapping[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Put the stylesheets together from their sources, then go on as ever."""
        whole = {}
        for name in paths:
            if not dry_run and name.endswith(".css") and _IMPORT.search(_source(paths, name)):
                Path(self.path(name)).write_text(in_one_piece(name, lambda part: _source(paths, part)))
                whole[name] = (self, name)  # is hashed as written here, not as in its source
        yield from super().post_process({**paths, **whole}, dry_run, **options)


def _source(paths: Mapping[str, Any], name: str) -> str:
    storage, path = paths[name]
    with storage.open(path) as file:
        content: bytes = file.read()
    return content.decode()
