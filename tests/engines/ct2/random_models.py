"""Random models of transformers, and what the conversion makes of them.

They are random in all their weights, biases and norms, and differ from the defaults in sizes,
activations and the epsilon of their norms, so that a setting that is ignored is noticed.
"""

import torch
from transformers import AutoConfig

from llmcli.engines.ct2.conversion_process import convert
from llmcli.engines.ct2.support import reason_against
from llmcli.models.checkpoint import Checkpoint, read_config

VOCABULARY = 50
TEXTS = [[5, 17, 33, 8, 49, 12, 7], [21, 3, 44], list(range(30, 48)) + list(range(45, 30, -1))]


def model_type(case):
    """The id of a parametrized case."""
    return case[0] if isinstance(case, tuple) else None


def randomize(model):
    """Give every weight its own random value; what is frozen follows from the settings."""
    generator = torch.Generator().manual_seed(7)
    for part, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        noise = torch.randn(parameter.shape, generator=generator)
        is_norm = "norm" in part.lower() or "ln_" in part
        gain = is_norm and part.endswith("weight")
        parameter.data = (1 + 0.3 * noise) if gain else 0.4 * noise
    for part, buffer in model.named_buffers():
        if part == "final_logits_bias":
            buffer.copy_(torch.randn(buffer.shape, generator=generator))
    return model.eval()


def convert_random(case, auto_class, folder, kind):
    """A random model of transformers, loaded from where it was saved, and the converted one.

    case: its type and its settings. auto_class: of transformers.
    """
    model_type, settings = case

    torch.manual_seed(0)
    config = AutoConfig.for_model(model_type, **{"vocab_size": VOCABULARY, **settings})
    randomize(auto_class.from_config(config)).save_pretrained(folder / "model")
    target = folder / "ct2"
    target.mkdir()
    checkpoint = Checkpoint("tiny", folder / "model", "local")
    assert reason_against(read_config(checkpoint), kind) is None
    convert(checkpoint, target, "float32")
    model = auto_class.from_pretrained(folder / "model", attn_implementation="eager").eval()
    return model, str(target)


def tokens(ids):
    return [str(one) for one in ids]


def resave(folder, change):
    """Rewrite the tensors of a saved model."""
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file(dict(change(tensors)), path, {"format": "pt"})


def convert_again(folder):
    target = folder.parent / "again"
    target.mkdir()
    convert(Checkpoint("tiny", folder, "local"), target, "float32")
    return str(target)
