"""What a model shall not forget, beside the model's own file."""

from pathlib import Path

from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.runtime.policy_model import PolicyModel


def load_nominal(model_file: Path, model: PolicyModel) -> NominalSet | None:
    """The nominal set of a model: MODEL_nominal.safetensors beside MODEL.safetensors.

    None where there is no such file. Raises ValueError where it belongs to another model or is
    broken, OSError.
    """
    path = model_file.with_name(f"{model_file.stem}_nominal.safetensors")
    if not path.exists():
        return None
    spec = model.spec
    nominal = NominalSet.load(path, spec.features, spec.hidden, spec.shapes())
    if nominal.fingerprint != model.fingerprint:
        raise ValueError(f"{path} belongs to model {nominal.fingerprint[:12]!r}, not this one")
    return nominal
