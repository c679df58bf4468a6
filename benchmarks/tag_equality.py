"""Compare `llmcli tag` with the token-classification pipeline of transformers.

    python benchmarks/tag_equality.py [--rows 500] [--seed 0] [--engine torch]

Three random models (a WordPiece BERT, a byte-level RoBERTa, a SentencePiece XLM-RoBERTa) tag random
sentences with names, punctuation, emoji and Chinese, one at a time in transformers, all together in
llmcli. Prints for each model and aggregation how many sentences have the same entities: label,
first and last character, and score within 1e-5. Exits with 1 unless all have.
"""

import argparse
import random
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForTokenClassification,
    BertTokenizer,
    RobertaConfig,
    RobertaForTokenClassification,
    RobertaTokenizer,
    XLMRobertaConfig,
    XLMRobertaForTokenClassification,
    XLMRobertaTokenizer,
    pipeline,
)

from llmcli.data.rows import Row
from llmcli.spec import WINDOWS, ModelSpec
from llmcli.spec.tasks import TagOptions
from llmcli.tasks.tag import load, tag

AGGREGATIONS = ("none", "simple", "first", "average", "max")
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-MISC")
WORDS = (
    *("Emma", "Woodhouse", "New", "York", "Paris", "U.S.", "don't", "said", "that", "the", "in"),
    *("café", "naïve", "Zürich", "3.5", "(maybe)", "“quoted”", "e-mail", "unbelievable", "is"),
    *(
        "😀",
        "👩‍👩‍👧",
        "❤️",
        "🇫🇷",
        "我明天",
        "要去",
        "看电影",
        "北京",
        "東京タワー",
        "한국어",
        "—",
        "...",
        "C++",
    ),
)
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
SHAPE = {**SIZES, "intermediate_size": 64, "max_position_embeddings": 514}


def sentences(count, seed):
    """Random sentences of up to 25 words, some of which stand close together."""
    draw = random.Random(seed)
    texts = []
    for _ in range(count):
        words = draw.choices(WORDS, k=draw.randint(1, 25))
        texts.append("".join(word + draw.choice((" ", " ", " ", ", ", "", "  ")) for word in words))
    return [text.strip() or "Emma" for text in texts]


def word_pieces(texts):
    """A tokenizer as BERT's."""
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    backend.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special)
    )
    return BertTokenizer(vocab=backend.get_vocab())


def byte_pieces(texts):
    """A tokenizer as RoBERTa's."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=special, initial_alphabet=alphabet)
    backend.train_from_iterator(texts, trainer)
    import json

    state = json.loads(backend.to_str())["model"]
    return RobertaTokenizer(vocab=state["vocab"], merges=[tuple(pair) for pair in state["merges"]])


def sentence_pieces(texts):
    """A tokenizer as XLM-RoBERTa's."""
    backend = Tokenizer(models.Unigram())
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=special, unk_token="<unk>")
    backend.train_from_iterator([text.replace("東", "") for text in texts], trainer)
    import json

    pieces = json.loads(backend.to_str())["model"]["vocab"]
    return XLMRobertaTokenizer(vocab=[tuple(piece) for piece in pieces])


def make_models(folder, labels=LABELS):
    """Save the three models, random and far from uniform; their folders by a name."""
    texts = sentences(200, 7)
    kinds = {
        "bert": (word_pieces, BertConfig, BertForTokenClassification),
        "roberta": (byte_pieces, RobertaConfig, RobertaForTokenClassification),
        "xlm-roberta": (sentence_pieces, XLMRobertaConfig, XLMRobertaForTokenClassification),
    }
    names = {"id2label": dict(enumerate(labels))}
    folders = {}
    for name, (make, config_class, model_class) in kinds.items():
        tokenizer = make(texts)
        torch.manual_seed(1)
        config = config_class(
            **SHAPE, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **names
        )
        model = model_class(config)
        for parameter in model.parameters():
            parameter.data.mul_(3.0)
        folders[name] = folder / name
        model.save_pretrained(folders[name])
        tokenizer.save_pretrained(folders[name])
    return folders


def theirs(folder, aggregation):
    """The pipeline of transformers as a function from a text to (label, start, end, score)."""
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tagger = pipeline(
        "token-classification",
        model=model,
        tokenizer=tokenizer,
        aggregation_strategy=aggregation,
        device="cpu",
    )

    def tagged(text):
        kind = "entity" if aggregation == "none" else "entity_group"
        return [(e[kind], e["start"], e["end"], float(e["score"])) for e in tagger(text)]

    return tagged


def ours(loaded, texts, aggregation):
    """What llmcli says of each text, in the same form."""
    rows = [Row(number, text) for number, text in enumerate(texts, 1)]
    for result in tag(loaded, rows, TagOptions(aggregation), WINDOWS):
        yield [(e.label, e.start, e.end, e.score) for e in result.entities]


def are_same(one, other):
    """Whether two lists of entities are equal, their scores within 1e-5."""
    return len(one) == len(other) and all(
        a[:3] == b[:3] and abs(a[3] - b[3]) < 1e-5 for a, b in zip(one, other, strict=True)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="torch")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    texts = sentences(options.rows, options.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, path in make_models(Path(folder)).items():
            loaded = load(ModelSpec(str(path), engine=options.engine))
            for aggregation in AGGREGATIONS:
                tagged = theirs(path, aggregation)
                results = ours(loaded, texts, aggregation)
                pairs = [(tagged(text), mine) for text, mine in zip(texts, results, strict=True)]
                same = sum(are_same(*pair) for pair in pairs)
                entities = sum(len(pair[0]) for pair in pairs)
                wrong += len(texts) - same
                print(
                    f"{name:12} {aggregation:8} {same} of {len(texts)} sentences the same, "
                    f"{entities:,} entities, engine {loaded.engine.name}"
                )
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
