import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[2] / "docs" / "liquid_networks.md"


def test_example_of_the_documentation_runs_and_learns():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert names["loss"].item() < 0.1 * names["windows"].var().item()
    assert names["finite"]
    streamed, window = names["predicted"], names["network"](names["windows"][:1, :-1])[0]
    np.testing.assert_allclose(streamed, window[0, -1].detach().numpy(), atol=1e-5)
