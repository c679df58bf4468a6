import pytest

from llmcli.models.architectures import context_length, kind_of, task_of


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "causal"),
        ({"model_type": "gpt2", "architectures": ["GPT2Model"]}, "causal"),
        ({"model_type": "gpt2"}, "causal"),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "causal"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "masked"),
        ({"model_type": "bert", "architectures": ["BertForPreTraining"]}, "masked"),
        ({"model_type": "bert"}, "masked"),
        ({"model_type": "bert", "architectures": ["BertModel"]}, "encoder"),
        ({"model_type": "bert", "is_decoder": True}, "causal"),
        ({"model_type": "bert", "architectures": ["BertForQuestionAnswering"]}, "reader"),
        ({"model_type": "gpt2", "architectures": ["GPT2ForSequenceClassification"]}, "classifier"),
        ({"model_type": "marian", "is_encoder_decoder": True}, "seq2seq"),
        ({"model_type": "xlnet", "architectures": ["XLNetLMHeadModel"]}, "other"),
        ({"model_type": "vit"}, "other"),
    ],
)
def test_the_kind_of_a_model(config, kind):
    assert kind_of(config) == kind


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"model_type": "gpt2", "n_positions": 1024}, 1024),
        ({"model_type": "bert", "max_position_embeddings": 512}, 512),
        (
            {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1},
            512,  # its positions begin at 2
        ),
        ({"model_type": "bloom"}, None),
    ],
)
def test_how_many_tokens_a_model_takes(config, length):
    assert context_length(config) == length


def test_a_roberta_takes_exactly_that_many(tmp_path):
    import torch
    from transformers import RobertaConfig, RobertaForMaskedLM

    config = RobertaConfig(
        vocab_size=9,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=12,
    )
    model = RobertaForMaskedLM(config)
    length = context_length(config.to_dict())
    assert model(torch.full((1, length), 5)).logits.shape == (1, length, 9)
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, length + 1), 5))


def test_the_task_of_a_model():
    assert task_of({"architectures": ["GPT2LMHeadModel"]}) == "text-generation"
    assert task_of({"architectures": ["MarianMTModel"]}) == "translation"
    assert task_of({"architectures": [None, "Strange"]}) == "feature-extraction"
    assert task_of({}) == "feature-extraction"
