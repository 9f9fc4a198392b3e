"""What the log and the notices decide without a browser: heights of rows, folds, the counter, which ends are shown."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.needs import skip
from tests.web.jobs.test_log_lines import DENO, SCRIPTS


@pytest.fixture(autouse=True)
def deno() -> None:
    if not DENO.is_file():
        skip("Deno is not in this environment; `make setup` installs it")


def run(script: str) -> Any:
    """The JSON that a script prints; S is the folder of our scripts."""
    environ = {**os.environ, "DENO_NO_UPDATE_CHECK": "1"}
    text = f"const S = {json.dumps(SCRIPTS.as_uri())};\nconst out = await (async () => {{{script}}})();\n"
    argv = (str(DENO), "eval", "--no-config", f"{text}console.log(JSON.stringify(out))")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_row_is_found_by_its_place_among_a_hundred_thousand() -> None:
    wrong = run("""
      const { RowHeights } = await import(S + "/row-heights.js");
      const rows = new RowHeights();
      const heights = Array.from({ length: 100000 }, (_, i) => 20 * (1 + (i * 7919) % 5));
      for (const height of heights) rows.push(height);
      for (const [i, height] of [[0, 40], [99999, 100], [256, 20], [5000, 60]]) rows.set(i, (heights[i] = height));
      rows.cut(90000);
      heights.length = 90000;
      const wrong = [];
      let top = 0;
      heights.forEach((height, i) => {
        const isRight = rows.top(i) === top && rows.at(top) === i && rows.at(top + height - 1) === i;
        if (i % 97 === 0 && !isRight) wrong.push(i);
        top += height;
      });
      return [wrong, rows.total === top, rows.at(-5), rows.at(top + 5), rows.count, new RowHeights().at(3)];
    """)
    assert wrong == [[], True, 0, 89_999, 90_000, 0]


def test_the_lines_of_steps_that_are_done_are_left_out_until_they_are_opened() -> None:
    found = run("""
      const { LogFolds } = await import(S + "/log-folds.js");
      const lines = [{ at: 0 }, { at: 5, host: "one" }, { at: 5 }, { at: 9, host: "two" }, { at: 9 }, { at: 12 }];
      const folds = new LogFolds();
      const seen = [folds.shown(lines)];
      folds.setDone([5], false);
      seen.push(folds.shown(lines), folds.shown(lines, 2));
      folds.toggle(5);
      seen.push(folds.shown(lines));
      folds.setDone([5, 9], true); // it ends while it is read
      seen.push(folds.shown(lines), folds.setDone([5, 9], false));
      folds.setAll([5, 9], false);
      seen.push(folds.shown(lines));
      return seen;
    """)
    every = [0, 1, 2, 3, 4, 5]
    assert found == [every, [0, 1, 3, 4, 5], [3, 4, 5], every, every, False, [0, 1, 3]]


def test_the_end_of_a_job_is_shown_once_and_only_if_it_was_seen_running() -> None:
    found = run("""
      globalThis.document = { addEventListener() {} };
      globalThis.localStorage ??= {};
      const { decide } = await import(S + "/ended.js");
      const jobs = { running: ["r"], ended: [{ id: "a" }, { id: "b" }, { id: "c" }, { id: "w" }] };
      return decide(["a", "b", "w"], ["b"], jobs, "w");
    """)
    assert found == {"shown": [{"id": "a"}], "seen": ["r"], "said": ["b", "a", "w"]}


def test_the_counter() -> None:
    assert run("""
      const { counted } = await import(S + "/log-search.js");
      return [counted("", 0, 0), counted("x", -1, 0), counted("x", 2, 17), counted("x", 999, 1110)];
    """) == ["", "No matches", "3 of 17", "1,000 of 1,110"]
