"""What an image installs before Keepsight itself: `python requirements.py EXTRA,EXTRA [PACKAGE …]` writes requirements.txt and pinned.txt.

It runs beside pyproject.toml. requirements.txt has the dependencies of the project, of those extras, and the packages named; pinned.txt is
constraints.txt, but for what a package for object stores decides: s3fs and gcsfs each want one release of fsspec, and s3fs python-dateutil 2, where the
environment of the tests has 4 because kubernetes 37.0.2 asks for 3 or later. The release before it does not.
"""

import sys
import tomllib
from pathlib import Path

OF_STORES = {"fsspec": "", "kubernetes": "kubernetes==37.0.1", "python-dateutil": ""}
"""What stands instead of a package's pin beside a package for stores: another, or none."""


def main(folder: Path, extras: str, *packages: str) -> None:
    """Write both files. Raises KeyError for an extra that does not exist."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in extras.split(",") for one in project["optional-dependencies"][extra]),
        *packages,
    ]
    (folder / "requirements.txt").write_text("".join(f"{one}\n" for one in wanted))
    known = (folder / "constraints.txt").read_text().splitlines()
    pinned = [OF_STORES.get(line.partition("==")[0], line) if packages else line for line in known]
    (folder / "pinned.txt").write_text("".join(f"{line}\n" for line in pinned if line))


if __name__ == "__main__":
    main(Path.cwd(), *sys.argv[1:])
