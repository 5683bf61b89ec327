import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adaptation.md"


def test_example_of_the_documentation_runs_and_learns():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert names["engine"].gain > 0.5
    for name, value in names["engine"].params.items():
        np.testing.assert_array_equal(names["flying"][name], value)
