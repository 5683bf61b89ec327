"""Write one launcher per console script of setup.cfg: SETUP_CFG OUTPUT_FOLDER PYTHON.

CMakeLists.txt calls this at configure time and installs what it wrote. The interpreter is named in
full, so that `ros2 run` starts a node in the environment that built the package (its torch, its
ONNX Runtime) and not in whichever python3 comes first.
"""

import configparser
import sys
from pathlib import Path

LAUNCHER = """\
#!{python}
import sys

from {module} import {function}

if __name__ == "__main__":
    sys.exit({function}())
"""


def console_scripts(setup_cfg: Path) -> dict[str, tuple[str, str]]:
    """Return executable name -> (module, function) from [options.entry_points]."""
    parser = configparser.ConfigParser()
    parser.read_string(setup_cfg.read_text(encoding="utf-8"))
    scripts = {}
    for line in parser["options.entry_points"]["console_scripts"].split("\n"):
        if line.strip():
            name, target = (part.strip() for part in line.split("="))
            scripts[name] = tuple(target.split(":"))
    return scripts


def main() -> None:
    """Write the launchers and print their names, one a line."""
    setup_cfg, output, python = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    output.mkdir(parents=True, exist_ok=True)
    for name, (module, function) in console_scripts(setup_cfg).items():
        launcher = output / name
        launcher.write_text(
            LAUNCHER.format(python=python, module=module, function=function), encoding="utf-8"
        )
        launcher.chmod(0o755)
        print(name)


if __name__ == "__main__":
    main()
