"""Fetch what the player is made of from the npm registry, by version and hash, with its licence.

``python -m tools.vendor_player`` needs npm and a network; run it after changing VERSION and
INTEGRITY (``npm view wavesurfer.js dist.integrity`` says the latter). With ``--check`` it only says
whether the files in the library are those of the package.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, VERSION = "wavesurfer.js", "8.0.1"
INTEGRITY = (
    "sha512-h0OnRWSVTqIYLSw3/IVrBtsun/xw9L5u4FA3bjfSDTFMX/xs"
    "wVWS1JwK4fFu3ulmxRUSHg8zQORl6zENG983eg=="
)
FILES = {
    "dist/wavesurfer.min.js": "wavesurfer.min.js",
    "dist/plugins/regions.min.js": "regions.min.js",
    "dist/plugins/timeline.min.js": "timeline.min.js",
    "LICENSE": "LICENSE",
}
FOLDER = Path(__file__).resolve().parents[1] / "pianoalign_lib" / "player" / "vendored"


def fetched() -> dict[str, bytes]:
    """Return the files by their names in the library, from a package whose hash is right."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).iterdir()
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != INTEGRITY:
            raise SystemExit(f"{PACKAGE} {VERSION}: sha512-{digest}, and not the one written here")
        with tarfile.open(archive) as opened:
            return {
                name: opened.extractfile(f"package/{inside}").read()  # type: ignore[union-attr]
                for inside, name in FILES.items()
            }


def main() -> int:
    """Write the files, or compare them."""
    files = fetched()
    if "--check" in sys.argv[1:]:
        wrong = [name for name, data in files.items() if (FOLDER / name).read_bytes() != data]
        print(f"differ: {', '.join(wrong)}" if wrong else f"as in {PACKAGE} {VERSION}")
        return bool(wrong)
    for name, data in files.items():
        (FOLDER / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
