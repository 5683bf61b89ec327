"""The demo: python -m liquid_adapt_ros.tools.demo

A robot works beside a conveyor, the conveyor changes, and the network learns to predict it again
while it works. Simulator, sensor fusion, inference and trainer run as separate processes; the
result is a sentence, a report and a picture below out/demo.
"""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.sim.config import ConfigError
from liquid_adapt_ros.tools.demo.report import Report
from liquid_adapt_ros.tools.demo.run import RunSettings, StackError, run
from liquid_adapt_ros.tools.demo.summary import summarise, write_summary
from liquid_adapt_ros.tools.stack import scenario_file
from liquid_adapt_ros.weights.codec import WeightFormatError

_EXIT_FAILED = 1
_EXIT_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the demo.

    Returns:
        0 if all went well; 1 if a node died, no weights were exchanged or a rate was missed by
        10 %; 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    # All as Ctrl-C: end the nodes first. SIGINT too, because a shell that starts the demo in the
    # background leaves it ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return _run_all(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except (StackError, ConfigError, WeightFormatError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return _EXIT_FAILED


def _run_all(options: argparse.Namespace) -> int:
    scenario = scenario_file(options.scenario)
    reports = []
    for seed in range(options.seed, options.seed + options.runs):
        out = options.out if options.runs == 1 else options.out / f"seed_{seed}"
        settings = RunSettings(
            seed=seed,
            duration_s=options.duration,
            scenario_file=scenario,
            rate_hz=options.rate,
            models=options.models,
            out=out,
            headless=options.headless or not sys.stdout.isatty(),
        )
        reports.append(run(settings))
        _tell(reports[-1], out)
    if options.runs > 1:
        summary = summarise(reports)
        write_summary(summary, options.out / "report.json")
        print(summary["sentence"])
    return _EXIT_FAILED if any(report.failures for report in reports) else 0


def _tell(report: Report, out: Path) -> None:
    for failure in report.failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    print(report.sentence)
    print(f"Report: {out / 'report.json'}, picture: {out / 'report.png'}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m liquid_adapt_ros.tools.demo",
        description=__doc__.split("\n", 2)[2],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--duration", type=_positive, default=80.0, help="simulated time of a run [s]")
    add("--seed", type=int, default=0, help="of the simulated episode")
    add("--scenario", default="demo", help="a name in config/scenarios/ or a YAML file")
    add("--rate", type=_positive, default=100.0, help="of fused_state and policy_action [Hz]")
    add("--runs", type=_count, default=1, help="this many runs, with seed, seed + 1, ...")
    add("--models", type=Path, default=share_folder() / "models", help="folder of the weights")
    add("--out", type=Path, default=Path("out/demo"), help="folder of the results")
    add("--headless", action="store_true", help="plain lines, as without a terminal")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
