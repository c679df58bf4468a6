"""The transformers script for llmcli forward."""

from llmcli.models.architectures import Kind, choose_kind
from llmcli.models.starters import GENERATE, choose_model
from llmcli.spec import ModelSpec
from llmcli.tasks.show_code.load import load_lines, local_config

_FORWARD = """
# Input
input_text = {text}
input_ids = tokenizer(input_text, return_tensors="pt")["input_ids"].to(model.device)

# Forward pass
with torch.no_grad():
    outputs = model(input_ids)

# Decoding
predicted_ids = outputs.logits.argmax(-1)
predicted_text = tokenizer.decode(predicted_ids{cut}[0])

print(predicted_text)
"""


def forward_code(model: ModelSpec, text: str) -> str:
    """A script that runs one forward pass and decodes the argmax of the logits.

    Raises ModelUnsuitable where the command would. A model that is not on this machine is assumed
    to be causal.
    """
    model = choose_model(model, GENERATE)
    config = local_config(model)
    kinds: tuple[Kind, ...] = ("causal", "masked")
    kind = "causal" if config is None else choose_kind(model.model_id, config, kinds)
    is_masked = kind == "masked"
    auto_class = "AutoModelForMaskedLM" if is_masked else "AutoModelForCausalLM"
    return load_lines(model, auto_class) + _FORWARD.format(
        text=repr(text), cut="" if is_masked else "[:, :-1]"
    )
