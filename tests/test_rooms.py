"""The house: every import points down, as the rooms' docstrings say.

The library knows nothing outside of it; ``companion`` stands on it, and knows no study.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("pianoalign_lib", "companion")
PACKAGE, COMPANION = (ROOT / name for name in OURS)
BASE = {"common", "io"}
# What each room may import besides itself. A new room gets a line here and in its docstring.
MAY_IMPORT: dict[str, set[str]] = {
    "common": set(),
    "io": {"common"},
    "localizer": BASE,
    "player": BASE | {"localizer"},
    "alignment": BASE | {"localizer", "player"},
    "alignment_set": BASE | {"localizer", "player", "alignment"},
    "corpora": BASE,
    "crnn": BASE | {"corpora"},
    "methods": BASE | {"localizer", "corpora", "crnn"},
    "scoring": BASE,
    "explore": BASE | {"localizer", "player", "alignment", "corpora", "crnn", "methods", "scoring"},
    # Those of the companion:
    "comparison": BASE | {"scoring"},
    "reliability": BASE,
    "tables": BASE | {"corpora", "scoring"},
    "figures": BASE | {"localizer", "corpora", "scoring", "reliability", "tables"},
    "report": BASE
    | {"localizer", "corpora", "crnn", "methods", "scoring"}
    | {"comparison", "reliability", "tables", "figures"},
}
ROOMS = set(MAY_IMPORT)
# The package's own top: the version, and `align` on its first use; the program uses all rooms.
TOP = {"__init__", "__main__", "cli"}
TORCH_ROOMS = {"crnn"}
MODULE_ROOMS = {"comparison", "reliability"}  # too small for a folder
LIBRARY = sorted(PACKAGE.rglob("*.py"))
MODULES = [*LIBRARY, *sorted(COMPANION.rglob("*.py"))]
OUTSIDE = {"studies", "benchmarks", "tools", "training"}


def module_name(path: Path) -> str:
    """Return the dotted name below library or companion, a folder for its ``__init__``."""
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imports(source: str, name: str, is_package: bool = False) -> list[tuple[int, str]]:
    """Return (line, module below the package) of each import of our own, wherever it stands."""
    found = []
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = package[: len(package) - node.level + 1]
                module = ".".join([*base, *([module] if module else [])])
            elif module.split(".")[0] in OURS:
                module = module.partition(".")[2]
            else:
                continue
            # `from .. import scoring` imports a room by its name.
            targets = [module] if module else [alias.name for alias in node.names]
            found += [(node.lineno, target) for target in targets]
        elif isinstance(node, ast.Import):
            ours = [a.name for a in node.names if a.name.split(".")[0] in OURS]
            found += [(node.lineno, each.partition(".")[2]) for each in ours]
    return found


def complaint(name: str, line: int, target: str) -> str:
    """Return what is wrong with an import of `target` by module `name`; empty if nothing is."""
    room, other = name.split(".")[0], target.split(".")[0]
    if room in TOP or other == room or other in MAY_IMPORT.get(room, set()):
        return ""
    if other not in ROOMS:
        return f"{name}:{line} imports {target or 'the package'}, the top of the house: pass it in"
    if room in MAY_IMPORT[other]:
        common = sorted(MAY_IMPORT[room] & MAY_IMPORT[other])
        return (
            f"{name}:{line} imports {target}, which points up: '{other}' is built on '{room}'. "
            f"Move what both need into {' or '.join([room, *common])}, or this code into '{other}'"
        )
    return (
        f"{name}:{line} imports {target}: '{room}' may import {sorted(MAY_IMPORT[room])} only. "
        f"Move what it needs there, or this code into a room that may import '{other}'"
    )


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_point_down(path: Path) -> None:
    name = module_name(path)
    is_package = path.name == "__init__.py"
    found = imports(path.read_text(encoding="utf-8"), name, is_package)
    wrong = [text for line, target in found if (text := complaint(name, line, target))]
    assert not wrong, "\n".join(wrong)


def test_the_rules_themselves_have_no_circle() -> None:
    for room, below in MAY_IMPORT.items():
        for other in below:
            assert MAY_IMPORT[other] <= below, (room, other)


def test_an_arrow_upwards_is_found_and_told() -> None:
    source = "def f():\n    from ..methods.placing import prepare\n    from .. import scoring\n"
    found = imports(source, "io.audio")
    assert found == [(2, "methods.placing"), (3, "scoring")]
    text = complaint("io.audio", *found[0])
    assert "points up" in text and "'methods' is built on 'io'" in text
    assert "may import ['common', 'io'] only" in complaint("scoring.metrics", 1, "methods.predict")
    assert not complaint("methods.predict", 1, "io.notes")


def test_no_circle_between_modules() -> None:
    """Not even inside a room, and not by an import inside a function either."""
    names = {module_name(path) for path in MODULES}
    below: dict[str, set[str]] = {}
    for path in MODULES:
        name = module_name(path)
        source = path.read_text(encoding="utf-8")
        found = imports(source, name, path.name == "__init__.py")
        targets = set()
        for node_line, target in found:
            del node_line
            targets.add(target)
        # Library and companion have a program each, of one name.
        below.setdefault(name, set()).update((targets & names) - {name})
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail, name))
        if name in done:
            return
        for other in sorted(below[name]):
            visit(other, (*trail, name))
        done.add(name)

    for name in sorted(below):
        visit(name, ())


@pytest.mark.parametrize("room", sorted(ROOMS - MODULE_ROOMS))
def test_each_room_says_what_it_is_for(room: str) -> None:
    (file,) = (file for top in (PACKAGE, COMPANION) for file in top.glob(f"{room}/__init__.py"))
    text = ast.get_docstring(ast.parse(file.read_text())) or ""
    assert "May import" in text or "imports no other room" in text.lower(), room
    assert "enter" in text and "leave" in text, room


def test_nothing_between_a_stored_score_and_a_page_loads_torch() -> None:
    files = [path for path in LIBRARY if module_name(path).split(".")[0] in ("common", "scoring")]
    files += [path for path in MODULES if path.is_relative_to(COMPANION)]
    wanted = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    assert 'torch' not in sys.modules, name\n"
    )
    subprocess.run([sys.executable, "-c", code, *wanted], cwd=PACKAGE.parent, check=True)


def test_everything_fits_into_a_head() -> None:
    """No module over 260 lines, half of them under 140, no function over 60."""
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES)
    assert lengths[-1] <= 260
    assert lengths[len(lengths) // 2] < 140
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in LIBRARY) <= 13_500
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 60, f"{module_name(path)}:{node.lineno} {node.name}: {length}"


def test_torch_stays_in_its_rooms() -> None:
    for path in MODULES:
        name = module_name(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if any(each.split(".")[0] == "torch" for each in names):
                assert name.split(".")[0] in TORCH_ROOMS, name


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_library_and_companion_know_nothing_outside_of_them(path: Path) -> None:
    outside = OUTSIDE | ({"companion"} if path.is_relative_to(PACKAGE) else set())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.split(".")[0] not in outside, (
                f"{module_name(path)}:{node.lineno} imports {name}, which stands on it: move what "
                "it needs into the library"
            )
