"""The page of a verdict that made no version, put beside the versions in the model repository, where the console of every host reads it:
`verdicts/MODEL/JOB/ROUND/`. The newest stay."""

import re
from typing import Final

from contracts.files import Folder
from contracts.ids import checked_name
from contracts.repository import ModelRepository
from retrain.registry.publish import mounted

NEWEST: Final = 50
"""Jobs of a model: pages have 2 MB at most."""
MAX_BYTES: Final = 16 << 20
CURVE: Final = "curve.png"
_PAGE: Final = re.compile(r"(package/)?[A-Za-z0-9][\w-]{0,63}\.html", re.ASCII)


def keep(repository: ModelRepository, model: str, job_id: str, number: int, folder: Folder, page: str) -> str:
    """Copy a page, and the training curve beside it, from a round's `folder`; its path in the repository, "" where the folder has no such page. Doing it
    again changes nothing. Raises StoreError."""
    if not _PAGE.fullmatch(page):
        return ""
    parent, _, name = page.rpartition("/")
    sizes = folder.sizes(parent)
    if not 0 < sizes.get(name, 0) <= MAX_BYTES:
        return ""
    mounted(repository, model)
    target, root = Folder(repository.url), f"verdicts/{checked_name('model', model)}"
    for file in (CURVE, name):
        if 0 < sizes.get(file, 0) <= MAX_BYTES:
            target.write(f"{root}/{job_id}/{number}/{file}", folder.read(f"{parent}/{file}" if parent else file))
    for old in target.names(root)[:-NEWEST]:  # ids sort by time
        target.remove(f"{root}/{old}")
    return f"{root}/{job_id}/{number}/{name}"
