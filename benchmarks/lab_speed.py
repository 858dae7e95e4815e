"""How long one waits in JupyterLab: for the first sound, and for a picture after a slider's move.

    python -m benchmarks.lab_speed [--times 10]

`make lab` is run where this stands, and driven by a Chromium without a window (see
``tools/lab_browser.py``). Notebooks are not saved. Each median is of as many times as asked for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pianoalign_lib.common.config import project_root
from tools.lab_browser import READY, chromium, finished, open_notebook, run_all, serving

PICTURE = ".widget-image[src^=blob]"
LAST_PICTURE = "(selector) => [...document.querySelectorAll(selector)].at(-1)?.src"
SLIDER_PX = 20
Seconds = dict[str, list[float]]


class Watch:
    """A stopwatch whose times are kept by what they are of."""

    def __init__(self) -> None:
        self.seconds: Seconds = {}
        self._since = time.perf_counter()

    def start(self) -> None:
        """Begin to count."""
        self._since = time.perf_counter()

    def stop(self, what: str) -> None:
        """Note the time since the last start."""
        seconds = time.perf_counter() - self._since
        self.seconds.setdefault(what, []).append(seconds)
        print(f"{what}: {seconds:.2f} s", file=sys.stderr)


@contextmanager
def lab() -> Iterator[str]:
    """Run `make lab`, with settings of its own, and yield the address."""
    with (
        tempfile.TemporaryDirectory() as own,
        serving(["make", "lab"], project_root(), Path(own)) as address,
    ):
        yield address


def first_sound(browser: Any, address: str, watch: Watch) -> None:
    """Open notebook 0, run its cells, and press *Play* in its first player."""
    watch.stop("make lab: the server answers")
    page = open_notebook(browser, address, "00_start_here")
    watch.stop("make lab: notebook 0 is open, its kernel ready")
    run_all(page)
    player = page.frame_locator("iframe").first
    player.locator(READY).wait_for()
    player.locator("[data-is=play]").click()
    element = player.locator("[data-is=seek]").element_handle()
    element.owner_frame().wait_for_function("(seek) => seek.value > 0", arg=element)
    watch.stop("make lab: the first sound of notebook 0")
    finished(page)
    page.context.close()


def first_picture(browser: Any, address: str, watch: Watch) -> Any:
    """Open notebook 7 and run its cells; return its page."""
    page = open_notebook(browser, address, "07_explore")
    watch.start()
    run_all(page)
    page.locator(READY).first.wait_for()
    watch.stop("notebook 7: from its run to the first picture, the player's")
    page.locator(f"{PICTURE} >> visible=true").first.wait_for()
    watch.stop("notebook 7: from its run to the picture of all errors")
    page.locator(READY).nth(1).wait_for()
    finished(page)
    watch.stop("notebook 7: from its run to the end")
    return page


def moved_slider(page: Any, watch: Watch, times: int) -> None:
    """Move the first slider of notebook 7, and wait for the picture of errors to change."""
    handle = page.locator(".noUi-handle").first
    handle.scroll_into_view_if_needed()
    for each in range(times):
        box, before = handle.bounding_box(), page.evaluate(LAST_PICTURE, PICTURE)
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + SLIDER_PX * (-1) ** each, y)
        watch.start()
        page.mouse.up()
        page.wait_for_function(
            f"([selector, before]) => ({LAST_PICTURE})(selector) !== before", arg=[PICTURE, before]
        )
        watch.stop("notebook 7: from a slider's move to the new picture")


def recomputation(watch: Watch, times: int) -> None:
    """Move the same slider without a browser."""
    from pianoalign_lib.explore.explorer import Explorer
    from pianoalign_lib.explore.loosen import Loosen

    explorer = Explorer()
    loosen = Loosen(explorer.corpus.value, explorer.recording.value, start_s=10.0)
    for each in range(times):
        watch.start()
        loosen.note_ms.value = 60 + 10 * (each % 2)
        watch.stop("the same without a browser: localizer and CRNN on ten seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=10)
    times, watch = parser.parse_args().times, Watch()
    with chromium() as browser:
        for each in range(times):
            watch.start()
            with lab() as address:
                first_sound(browser, address, watch)
                page = first_picture(browser, address, watch)
                if each == times - 1:
                    moved_slider(page, watch, times)
                page.context.close()
    recomputation(watch, times)
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; median (least, most) of {times}, s"
    )
    for what, found in watch.seconds.items():
        print(f"{what:60s} {statistics.median(found):6.2f} ({min(found):.2f}, {max(found):.2f})")


if __name__ == "__main__":
    main()
