"""Put Swagger UI beside the function that serves it, from the locked package.

Standard library only, because the setup runs it. The package holds the files of npm's
``swagger-ui-dist`` of the same version, which would take npm to build.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "flask_swagger_ui"
TARGET = ROOT / "functions" / "get_openapi" / "swagger_ui"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "LICENSE", "VERSION")


def place(environment: Path, target: Path = TARGET) -> None:
    """Make a folder hold exactly the files of an environment's package."""
    [source] = environment.glob(f"lib/python3*/site-packages/{PACKAGE}/dist")
    target.mkdir(exist_ok=True)
    for old in set(target.iterdir()) - {target / name for name in FILES}:
        old.unlink()
    for name in FILES:
        content, path = (source / name).read_bytes(), target / name
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
