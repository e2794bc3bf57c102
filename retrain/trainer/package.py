"""A finished version's files in the folder `package` of its job. The service publishes them and gives the version its number and date.

Here it is version "0", made at 0.0: who trains twice packages the same bytes.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from contracts import manifest as manifests
from contracts.files import Folder, sha256
from contracts.manifest import MANIFEST, FileEntry, Manifest
from retrain.request import PACKAGE

UNNUMBERED: Final = "0"


def write(folder: Folder, manifest: Manifest, files: Mapping[str, bytes]) -> tuple[Manifest, dict[str, str]]:
    """Write `files` and a manifest that names them into the job's folder; the manifest, and the SHA-256 of each. Raises StoreError."""
    entries = {name: FileEntry(sha256(content), len(content)) for name, content in files.items()}
    manifest = msgspec.structs.replace(manifest, version=UNNUMBERED, created_at=0.0, files=entries)
    whole = {**files, MANIFEST: manifests.encode(manifest)}
    for name, content in whole.items():
        folder.write(f"{PACKAGE}/{name}", content)
    return manifest, {name: sha256(content) for name, content in whole.items()}
