import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adaptation.md"


@pytest.fixture(scope="module")
def examples():
    """What comes of each."""
    codes = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    results = [{} for _ in codes]
    for code, names in zip(codes, results, strict=True):
        exec(compile(code, str(PAGE), "exec"), names)
    return results


def test_first_example_runs_and_learns(examples):
    names = examples[0]
    assert names["engine"].gain > 0.5
    for name, value in names["engine"].params.items():
        np.testing.assert_array_equal(names["flying"][name], value)


def test_example_of_a_log_says_what_the_page_says(examples):
    """To a factor of 1.5: training in float32 differs from machine to machine."""
    error = examples[1]["error"]
    said = re.search(
        r"in rad/s: (\S+) and (\S+) before the load, (\S+) and (\S+) after", PAGE.read_text()
    )
    spans = error[4500:6000], error[6050:]
    measured = np.concatenate([np.sqrt(np.square(span).mean(0)) for span in spans])
    np.testing.assert_array_less(
        np.abs(np.log(measured / np.array(said.groups(), float))), np.log(1.5)
    )
