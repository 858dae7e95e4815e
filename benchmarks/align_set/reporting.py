"""What became of a set: whether all runs ended the same, how right, how fast, with what memory."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd

from pianoalign_lib.common.files import write_text

WRONG_S = 0.1
RESULTS = Path("results") / "robustness"


def report(folder: Path, outs: list[Path]) -> None:
    """Write a row for each run of a set, and one for each kind of pair in it.

    Parameters
    ----------
    folder
        The set.
    outs
        The results of its runs, beside which :func:`~.running.run` wrote what it measured; all are
        compared with the first.
    """
    runs = []
    for out in outs:
        told = json.loads(out.with_suffix(".run.json").read_text())
        same = [_without_seconds(out) == _without_seconds(outs[0]), _files(out) == _files(outs[0])]
        runs.append({"set": folder.name} | told | {"same_summary": same[0], "same_files": same[1]})
    _update(RESULTS / "align_set.csv", pd.DataFrame(runs), ["set", "run"])
    kinds = _outcomes(folder, outs[0])
    kinds.insert(0, "set", folder.name)
    _update(RESULTS / "align_set_kinds.csv", kinds, ["set"])
    print(pd.DataFrame(runs).T.to_string(), kinds.to_string(index=False), sep="\n\n")


def _outcomes(folder: Path, out: Path) -> pd.DataFrame:
    """Return by kind the pairs of each status, and how right the notes called aligned are."""
    made = pd.read_csv(folder / "made.csv", dtype={"name": str}, keep_default_na=False)
    summary = pd.read_csv(out / "summary.csv", dtype={"name": str}, keep_default_na=False)
    both = made.merge(summary[["name", "status"]], on="name", validate="one_to_one")
    both["kind"] = both["kind"].where(both["damage"] == "", "damaged: " + both["damage"])
    both[["sure", "wrong"]] = [
        _sure_and_wrong(folder, out, *row) for row in both[["name", "status"]].to_numpy()
    ]
    counts = pd.crosstab(both["kind"], both["status"])
    counts = counts.reindex(columns=["aligned", "doubtful", "failed", "not run"], fill_value=0)
    table = counts.join(both.groupby("kind")[["notes", "sure", "wrong"]].sum())
    table.insert(0, "pairs", both.groupby("kind").size())
    return table.reset_index()


def _sure_and_wrong(folder: Path, out: Path, name: str, status: str) -> tuple[int, int]:
    if status not in ("aligned", "doubtful"):
        return 0, 0
    found = pd.read_csv(out / f"{name}.csv")
    true = pd.read_csv(folder / "in" / f"{name}.true.csv")
    if len(found) != len(true) or (found["pitch"] != true["pitch"]).any():
        raise ValueError(f"{name}: other notes than were made")
    sure = found["status"] == "aligned"
    wrong = sure & ((found["onset_s"] - true["onset_s"]).abs() > WRONG_S)
    return int(sure.sum()), int(wrong.sum())


def _without_seconds(out: Path) -> str:
    with (out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return json.dumps(rows)


def _files(out: Path) -> tuple[list[str], bytes]:
    """Return the names of all results, and the manifest, which has their hashes."""
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*"))
    return names, (out / "manifest.json").read_bytes()


def _update(path: Path, rows: pd.DataFrame, keys: list[str]) -> None:
    """Put rows into a table in place of those with the same keys."""
    if path.exists():
        old = pd.read_csv(path)
        mine = pd.MultiIndex.from_frame(rows[keys].astype(str))
        rows = pd.concat([old[~pd.MultiIndex.from_frame(old[keys].astype(str)).isin(mine)], rows])
    write_text(path, rows.to_csv(index=False, lineterminator="\n"))
