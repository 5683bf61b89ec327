"""One run of the demo: start the stack, record it, end it, score what was recorded."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.runtime.policy_model import PolicyModel, load_policy
from liquid_adapt_ros.sim.scenario import Scenario
from liquid_adapt_ros.tools.demo.belt_speed import belt_speed
from liquid_adapt_ros.tools.demo.domain import domain_environment, free_domain
from liquid_adapt_ros.tools.demo.figure import draw_report
from liquid_adapt_ros.tools.demo.lifecycle_client import ACTIVATE, CONFIGURE, LifecycleClient
from liquid_adapt_ros.tools.demo.live import TABLE_PERIOD_S, LiveView
from liquid_adapt_ros.tools.demo.recorder import Recorder
from liquid_adapt_ros.tools.demo.recording import Recording
from liquid_adapt_ros.tools.demo.report import Report, RunConditions, make_report
from liquid_adapt_ros.tools.demo.score import applied_updates, score
from liquid_adapt_ros.tools.demo.stack_processes import NodeProcess, StackProcesses
from liquid_adapt_ros.tools.stack import SIMULATOR, STACK, model_parameters, parameter_file

REPORT_NAME, PICTURE_NAME = "report.json", "report.png"
# What each step of the start may take.
START_TIMEOUT_S = 120.0
# All nodes see all topics this long after the recorder does.
DISCOVERY_S = 0.5
# The run is given up when it takes this many times its duration.
SLOWEST = 3.0


class StackError(RuntimeError):
    """The stack could not be started or did not last."""


@dataclass(frozen=True)
class RunSettings:
    """One run.

    Attributes:
        seed: of the simulated episode.
        duration_s: simulated time.
        scenario_file: the YAML file of the scenario.
        rate_hz: of fused_state and policy_action.
        models: folder with conveyor_policy.safetensors and conveyor_encoder.onnx.
        out: folder for report, picture and the nodes' logs.
        headless: plain lines instead of the live table.
    """

    seed: int
    duration_s: float
    scenario_file: Path
    rate_hz: float
    models: Path
    out: Path
    headless: bool

    @property
    def policy_file(self) -> Path:
        """The weights that the nodes start with."""
        return self.models / "conveyor_policy.safetensors"


def run(settings: RunSettings) -> Report:
    """Run the stack once and write report.json and report.png into settings.out.

    Raises:
        StackError: the stack did not come up or stopped sending; names the node and its log.
        WeightFormatError, OSError, ConfigError: the model or the scenario can't be used.
    """
    scenario = Scenario.load(settings.scenario_file)
    model = load_policy(settings.policy_file)
    conditions = RunConditions(
        scenario=scenario.name,
        change_s=tuple(c.at_s for c in scenario.changes if c.at_s < settings.duration_s),
        seed=settings.seed,
        duration_s=settings.duration_s,
        rate_hz=settings.rate_hz,
    )
    for name in (REPORT_NAME, PICTURE_NAME):  # of an earlier run
        (settings.out / name).unlink(missing_ok=True)
    with free_domain() as domain, Recorder(domain) as recorder:
        logs = settings.out / "logs"
        with StackProcesses(logs, domain_environment(domain)) as stack:
            _start(settings, stack, recorder)
            cpu_percent, node_failures = _watch(settings, stack, recorder)
        recording = recorder.recording
    return _evaluate(settings, conditions, model, recording, cpu_percent, node_failures)


def _start(settings: RunSettings, stack: StackProcesses, recorder: Recorder) -> None:
    """Start all nodes at once; simulated time begins when all are ready and know each other.

    Until then the simulator waits unconfigured, so that every run begins at its first tick.
    """
    overrides = model_parameters(settings.models)
    overrides["sensor_fusion"] |= {"rate_hz": settings.rate_hz}
    overrides["conveyor_sim"] = {
        "seed": settings.seed,
        "scenario": settings.scenario_file,
        "autostart": False,
    }
    for node in STACK:
        stack.start(node, parameter_file(), overrides[node.name])
    simulator = recorder.lifecycle_of(SIMULATOR.name)
    _wait(stack, recorder, "the simulator", simulator.is_ready)
    _lead(stack, recorder, simulator, CONFIGURE)
    _wait(stack, recorder, "a node", recorder.hears_every_node)
    recorder.listen(DISCOVERY_S)
    _lead(stack, recorder, simulator, ACTIVATE)
    simulator.close()
    _wait(stack, recorder, "the simulator", lambda: recorder.recording.time_s > 0.0)


def _lead(
    stack: StackProcesses, recorder: Recorder, simulator: LifecycleClient, transition: int
) -> None:
    simulator.request(transition)
    _wait(stack, recorder, "the simulator", simulator.is_answered)
    if not simulator.succeeded():
        raise StackError(f"the simulator refused to start; see {stack.log_folder}")


def _wait(stack: StackProcesses, recorder: Recorder, what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not ready():
        if ended := stack.ended():
            raise StackError(_obituary(ended[0]))
        if time.monotonic() > deadline:
            raise StackError(
                f"{what} was not ready within {START_TIMEOUT_S:.0f} s; see {stack.log_folder}"
            )
        recorder.listen(0.05)


def _watch(
    settings: RunSettings, stack: StackProcesses, recorder: Recorder
) -> tuple[dict[str, float], list[str]]:
    """Record until the run's end; returns processor shares [%] and what went wrong."""
    started_s, cpu_before_s = time.monotonic(), _cpu_s(stack)
    failures: list[str] = []
    with LiveView(settings.duration_s, settings.headless) as view:
        while recorder.recording.time_s < settings.duration_s and not failures:
            recorder.listen(TABLE_PERIOD_S)
            view.update(recorder.recording)
            failures = [_obituary(ended) for ended in stack.ended()]
            if time.monotonic() - started_s > SLOWEST * settings.duration_s:
                failures.append(f"the run took more than {SLOWEST:g} times its duration")
    elapsed_s = time.monotonic() - started_s
    cpu_percent = {
        name: 100.0 * max(0.0, used_s - cpu_before_s[name]) / elapsed_s
        for name, used_s in _cpu_s(stack).items()
    }
    return cpu_percent, failures


def _cpu_s(stack: StackProcesses) -> dict[str, float]:
    own = psutil.Process().cpu_times()
    return {**stack.cpu_s(), "demo": own.user + own.system}


def _obituary(ended: NodeProcess) -> str:
    return (
        f"{ended.node.name} ended with exit code {ended.process.returncode}; the end of "
        f"{ended.log}:\n{ended.last_words()}"
    )


def _evaluate(
    settings: RunSettings,
    conditions: RunConditions,
    model: PolicyModel,
    recording: Recording,
    cpu_percent: dict[str, float],
    node_failures: list[str],
) -> Report:
    errors = score(recording, StreamingPolicy(model.spec, model.params, model.norm))
    report = make_report(conditions, recording, errors, cpu_percent, node_failures)
    report.write(settings.out / REPORT_NAME)
    update_s = [time_s for time_s, _ in applied_updates(recording.actions)]
    draw_report(report, errors, belt_speed(recording), update_s, settings.out / PICTURE_NAME)
    return report
