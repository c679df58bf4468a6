"""Make what the starters begin from: data to train on, and small models cut from larger ones.

    python recipes/prepare.py tatoeba DATA_DIR OUT_DIR
    python recipes/prepare.py marian TEACHER TRAIN.jsonl OUT
    python recipes/prepare.py bert MODEL OUT --texts FILE...
    python recipes/prepare.py sentences DATA_DIR OUT_DIR

The same input gives the same output: whatever is drawn is drawn with --seed.
"""

import argparse
import hashlib
import json
import lzma
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer
from transformers import (
    AutoModel,
    BertTokenizer,
    GenerationConfig,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
)

Row = dict[str, Any]

# ------------------------------------------------------------------ tatoeba: sentence pairs

FILES = {"fr": "eng-fra.tsv.xz", "zh": "eng-cmn.tsv.xz"}
REPEATS = {"fr": 1, "zh": 3}  # there are six times fewer pairs of Chinese
HELD_OUT = 1000  # English sentences of each pair of languages
MIXED_DEV = 150  # rows of each direction in dev.jsonl


@dataclass(frozen=True, slots=True)
class Pair:
    english: str
    other: str
    language: str
    """Of the other one."""

    def keys(self) -> tuple[str, str]:
        return folded(self.english), folded(self.other)


def folded(text: str) -> str:
    """The text by which two sentences are the same one."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def hashed(text: str) -> float:
    """A number from 0 to 1 that depends on the folded text alone."""
    return int.from_bytes(hashlib.sha256(folded(text).encode()).digest()[:6], "big") / 2**48


def read_pairs(path: Path, language: str) -> list[Pair]:
    """The distinct pairs of a file of English, other and attribution, in its order."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        columns = (line.rstrip("\n").split("\t") for line in file)
        return list(dict.fromkeys(Pair(row[0], row[1], language) for row in columns))


def hold_out(
    pairs: list[Pair], is_chosen: Callable[[Pair], bool]
) -> tuple[dict[str, list[Row]], list[Pair]]:
    """Rows of each direction whose English is chosen, and the pairs that share no text with them.

    A foreign sentence may translate further English ones: these are references too, and so
    nothing of them stays either.
    """
    chosen = [pair for pair in pairs if is_chosen(pair)]
    others = {(pair.language, folded(pair.other)) for pair in chosen}
    kin = [pair for pair in pairs if (pair.language, folded(pair.other)) in others]
    rows = {}
    for language in FILES:
        there = [(pair.english, pair.other) for pair in chosen if pair.language == language]
        back = [(pair.other, pair.english) for pair in kin if pair.language == language]
        rows[f"en-{language}"] = by_source(there, "en", language)
        rows[f"{language}-en"] = by_source(back, language, "en")
    taken = {key for pair in chosen + kin for key in pair.keys()}
    return rows, [pair for pair in pairs if taken.isdisjoint(pair.keys())]


def by_source(pairs: list[tuple[str, str]], from_: str, to: str) -> list[Row]:
    """A row for each distinct source, with all its translations."""
    targets = defaultdict(list)
    for source, target in pairs:
        targets[source].append(target)
    return [
        {"source": source, "target": all_[0], "references": all_, "from": from_, "to": to}
        for source, all_ in targets.items()
    ]


def prepare_tatoeba(options: argparse.Namespace) -> None:
    draw = random.Random(options.seed)
    read = {code: read_pairs(options.data_dir / name, code) for code, name in FILES.items()}
    share = {code: HELD_OUT / len({p.english for p in pairs}) for code, pairs in read.items()}
    share = {code: round(fraction, 4) for code, fraction in share.items()}
    pairs = [pair for of_language in read.values() for pair in of_language]

    test, rest = hold_out(pairs, lambda pair: hashed(pair.english) < share[pair.language])
    # Counted from the other end, so that the sets of one language do not eat those of the other.
    dev, rest = hold_out(rest, lambda pair: hashed(pair.english) > 1 - share[pair.language])
    for name, sets in (("test", test), ("dev", dev)):
        for direction, rows in sets.items():
            write_rows(options.out_dir / f"{name}.{direction}.jsonl", rows)
    mixed = [row for rows in dev.values() for row in draw.sample(rows, min(MIXED_DEV, len(rows)))]
    draw.shuffle(mixed)
    write_rows(options.out_dir / "dev.jsonl", mixed)

    train = []
    for pair in rest:
        english, other, code = pair.english, pair.other, pair.language
        there = {"source": english, "target": other, "from": "en", "to": code}
        back = {"source": other, "target": english, "from": code, "to": "en"}
        train += [there, back] * REPEATS[code]
    draw.shuffle(train)
    write_rows(options.out_dir / "train.jsonl", train)
    print(f"pairs {Counter(p.language for p in pairs)}, left {Counter(p.language for p in rest)}")


def write_rows(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    part.replace(path)
    print(f"{path}: {len(rows)} rows")


# ------------------------------------------------------------------ marian: a small translator

LANGUAGES = ("en", "fr", "zh")
END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"
SPACES = "\u00a0\u202f\u2009\u3000"  # written without a rule in the data, and not to be learned
INVISIBLE = "\u200b\u00ad\ufeff"
# What names, prices and quotations may need, however rare it is in the data.
REQUIRED = "".join(map(chr, (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))))
REQUIRED += "ŒœŸ–—‘’“”…€，。！？：；、（）《》「」"
SPACE_MARK = "\u2581"  # SentencePiece's, before a word


def normalization_rules() -> str:
    """SentencePiece's rules: code points in hexadecimal, a tab, those that replace them.

    NFKC would make ASCII of the Chinese punctuation, in what the model writes too. So only the
    spaces are made one, full-width letters and digits narrow, and accents one with their letter.
    """
    rules = {char: " " for char in SPACES} | {char: "" for char in INVISIBLE}
    for code in range(0xFF10, 0xFF5B):
        if chr(code).isalnum():
            rules[chr(code)] = chr(code - 0xFEE0)
    for code in range(0xC0, 0x180):
        parts = unicodedata.normalize("NFD", chr(code))
        if parts != chr(code):
            rules[parts] = chr(code)
    points = {old: [" ".join(f"{ord(c):X}" for c in side) for side in (old, new)]
              for old, new in rules.items()}  # fmt: skip
    return "".join("\t".join(points[old]) + "\n" for old in sorted(rules))


def train_pieces(texts: Iterable[str], vocab: int, folder: Path) -> Path:
    """Train one SentencePiece model for all languages; the file is both spm files of a Marian."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = folder / "rules.tsv"
    rules.write_text(normalization_rules(), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sorted(set(texts))),
        model_prefix=str(folder / "source"),
        model_type="unigram",
        vocab_size=vocab - len(LANGUAGES) - 1,  # the languages and <pad> are not pieces
        character_coverage=0.99995,  # 0.9998 loses a character in one Chinese sentence of 15
        required_chars=REQUIRED,
        normalization_rule_tsv=str(rules),
        unk_id=1, eos_id=0, bos_id=-1, pad_id=-1,
        unk_piece=UNKNOWN, eos_piece=END,
        num_threads=1,  # the sums, and so the pieces, depend on the number
        minloglevel=1,
    )  # fmt: skip
    rules.unlink()
    (folder / "source.vocab").unlink()
    trained = folder / "source.model"
    model = sentencepiece_model_pb2.ModelProto.FromString(trained.read_bytes())
    model.trainer_spec.ClearField("model_prefix")  # paths of this machine
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    trained.unlink()
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))
    return folder / "source.spm"


class Pieces:
    """Which of the teacher's tokens stand for a new piece."""

    def __init__(self, teacher: str):
        tokenizer = MarianTokenizer.from_pretrained(teacher)
        self.vocab: dict[str, int] = tokenizer.get_vocab()
        self.spm = (tokenizer.spm_source, tokenizer.spm_target)

    def ids(self, piece: str) -> list[int]:
        """Its own token, or those of its parts: none where a part is unknown."""
        if piece in self.vocab:
            return [self.vocab[piece]]
        ways = [self._parts(spm, piece) for spm in self.spm]
        known = [[self.vocab[part] for part in way] for way in ways if self._knows(way)]
        return min(known, key=len, default=[])

    def _knows(self, parts: list[str]) -> bool:
        return all(part in self.vocab for part in parts)

    def _parts(self, spm: sentencepiece.SentencePieceProcessor, piece: str) -> list[str]:
        parts: list[str] = spm.encode(piece.replace(SPACE_MARK, " ").strip(), out_type=str)
        if parts and not piece.startswith(SPACE_MARK):  # the teacher's spm puts a space in front
            inner = parts[0].removeprefix(SPACE_MARK)
            parts = [inner, *parts[1:]] if inner in self.vocab else parts[1 - bool(inner) :]
        return parts


def new_rows(old: torch.Tensor, sources: list[list[int]]) -> torch.Tensor:
    """(V_old,D), the old tokens of each new one -> (V,D): their mean, noise where there is none."""
    made = torch.randn(len(sources), old.shape[1]) * old.std()  # (V,D)
    for row, ids in enumerate(sources):
        if ids:
            made[row] = old[ids].mean(dim=0)
    return made


def small_config(teacher: MarianConfig, options: argparse.Namespace) -> MarianConfig:
    pad = options.vocab - 1
    changed = {
        "encoder_layers": len(options.encoder_layers),
        "decoder_layers": len(options.decoder_layers),
        "vocab_size": options.vocab,
        "decoder_vocab_size": options.vocab,
        "pad_token_id": pad,
        "decoder_start_token_id": pad,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "forced_eos_token_id": 0,
        "max_position_embeddings": 512,
        "dropout": 0.1,
    }
    return MarianConfig.from_dict(teacher.to_dict() | changed)


def generation(pad: int) -> GenerationConfig:
    return GenerationConfig(
        num_beams=4,
        max_length=512,
        bad_words_ids=[[pad]],
        bos_token_id=0,
        eos_token_id=0,
        forced_eos_token_id=0,
        pad_token_id=pad,
        decoder_start_token_id=pad,
        renormalize_logits=True,
    )


def chosen_layers(weights: dict[str, torch.Tensor], stack: str, layers: list[int]) -> Row:
    """The weights of some layers of `encoder` or `decoder`, numbered from 0 again."""
    kept = {}
    for name, weight in weights.items():
        if found := re.match(rf"(model\.{stack}\.layers\.)(\d+)(\..*)", name):
            before, number, after = found.groups()
            if int(number) in layers:
                kept[f"{before}{layers.index(int(number))}{after}"] = weight
    return kept


def prepare_marian(options: argparse.Namespace) -> None:
    torch.manual_seed(options.seed)
    with options.train.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    texts = {row[side] for row in rows for side in ("source", "target")}
    spm_path = train_pieces(texts, options.vocab, options.out)
    spm = sentencepiece.SentencePieceProcessor(model_file=str(spm_path))
    tokens = [spm.id_to_piece(id) for id in range(spm.get_piece_size())]
    tokens += [*(f">>{code}<<" for code in LANGUAGES), PAD]
    vocab_path = options.out / "vocab.json"
    vocab = {token: id for id, token in enumerate(tokens)}
    vocab_path.write_text(json.dumps(vocab, ensure_ascii=False, indent=1), encoding="utf-8")

    teacher = MarianMTModel.from_pretrained(options.teacher)
    weights = teacher.state_dict()
    pieces = Pieces(options.teacher)
    sources = [pieces.ids(token) for token in tokens]
    sources[-1 - len(LANGUAGES) : -1] = [[] for _ in LANGUAGES]

    model = MarianMTModel(small_config(teacher.config, options))
    shared = new_rows(weights["model.shared.weight"], sources)
    bias = weights["final_logits_bias"]  # (1,V)
    started = chosen_layers(weights, "encoder", options.encoder_layers)
    started |= chosen_layers(weights, "decoder", options.decoder_layers)
    started["final_logits_bias"] = torch.stack(
        [bias[0, ids].mean() if ids else bias.mean() for ids in sources]
    )[None]
    for name in model.state_dict():
        if name.endswith(("shared.weight", "embed_tokens.weight", "lm_head.weight")):
            started[name] = shared
        elif "embed_positions" in name:  # sines, computed
            started[name] = model.state_dict()[name]
    model.load_state_dict(started)
    model.tie_weights()
    model.generation_config = generation(vocab[PAD])
    model.save_pretrained(options.out)
    tokenizer = MarianTokenizer(
        str(spm_path),
        str(options.out / "target.spm"),
        str(vocab_path),
        source_lang="en",
        target_lang="mul",  # as OPUS calls several: the token before the text says which
    )
    tokenizer.save_pretrained(options.out)
    ways = Counter(min(len(ids), 2) for ids in sources)
    print(f"{len(tokens)} tokens: {ways[1]} copied, {ways[2]} means, {ways[0]} random")
    describe(model)
    check_round_trip(tokenizer, sorted(texts))


def check_round_trip(tokenizer: MarianTokenizer, texts: list[str]) -> None:
    """Print how many texts come back as they were, spaces and invisible characters aside."""
    lost = []
    unknown = total = 0
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        unknown += ids.count(tokenizer.unk_token_id)
        total += len(ids)
        back = tokenizer.decode(ids, skip_special_tokens=True)
        if bare(back) != bare(text):
            lost.append((text, back))
    print(f"{len(texts) - len(lost)} of {len(texts)} texts come back whole; "
          f"{unknown} of {total} tokens are unknown; not whole: {lost[:5]}")  # fmt: skip


def bare(text: str) -> str:
    for char in INVISIBLE:
        text = text.replace(char, "")
    return " ".join(text.split())


# ------------------------------------------------------------------ bert: a smaller vocabulary

TEXT_KEYS = ("text", "context", "question")
SAMPLE = 10_000_000  # characters of each file
COMPARED = 200  # sentences


def read_texts(path: Path, draw: random.Random) -> list[str]:
    """The texts of a JSON or JSON Lines file, cut at blank lines, up to SAMPLE characters."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        whole = file.read()
    rows = whole.splitlines() if ".jsonl" in path.name else [whole]
    texts = [
        part for row in rows for text in strings(json.loads(row)) for part in text.split("\n\n")
    ]
    draw.shuffle(texts)
    taken = []
    left = SAMPLE
    for text in texts:
        left -= len(text)
        if left < 0:
            break
        taken.append(text)
    return taken


def strings(value: Any) -> Iterator[str]:
    """Every string under one of TEXT_KEYS, however deep."""
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                if key in TEXT_KEYS:
                    yield item
            else:
                yield from strings(item)


def kept_tokens(old: Tokenizer, texts: list[str], size: int) -> list[str]:
    """Which tokens stay, in their old order: special ones, characters, then the frequent."""
    counts: Counter[str] = Counter()
    characters: set[str] = set()
    for start in range(0, len(texts), 1000):
        batch = texts[start : start + 1000]
        for text in batch:
            characters.update(old.normalizer.normalize_str(text))
        for encoding in old.encode_batch(batch, add_special_tokens=False):
            counts.update(encoding.tokens)
    vocab = old.get_vocab()
    special = {token.content for token in old.get_added_tokens_decoder().values()}
    kept = set(special)
    for token in vocab:
        char = token.removeprefix("##") or token
        if len(char) == 1 and (char.isascii() or char in characters):
            kept.add(token)
    ranked = sorted(counts, key=lambda token: (-counts[token], vocab[token]))
    for token in ranked:
        if len(kept) >= size:
            break
        kept.add(token)
    return sorted(kept, key=vocab.__getitem__)


def embed(model: Any, tokenizer: Any, texts: list[str]) -> torch.Tensor:
    """The mean of the hidden states of each text. -> (N,D)"""
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    mask = batch["attention_mask"][..., None]  # (N,T,1)
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state  # (N,T,D)
    return (hidden * mask).sum(dim=1) / mask.sum(dim=1)


def changed_share(old: Tokenizer, new: Tokenizer, texts: list[str]) -> float:
    """Of the old tokens, those that the new vocabulary cuts otherwise."""
    changed = total = 0
    for start in range(0, len(texts), 1000):
        batch = texts[start : start + 1000]
        whole, pruned = (places(tokenizer, batch) for tokenizer in (old, new))
        for before, after in zip(whole, pruned, strict=True):
            changed += len(before - after)
            total += len(before)
    return changed / total


def places(tokenizer: Tokenizer, texts: list[str]) -> list[set[tuple[str, tuple[int, int]]]]:
    """The tokens of each text, each with where it begins and ends."""
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [set(zip(one.tokens, one.offsets, strict=True)) for one in encoded]


def prepare_bert(options: argparse.Namespace) -> None:
    draw = random.Random(options.seed)
    torch.manual_seed(options.seed)
    texts = [text for path in options.texts for text in read_texts(path, draw)]
    before = BertTokenizer.from_pretrained(options.model)
    old = before.backend_tokenizer
    old.no_truncation()
    old.no_padding()
    tokens = kept_tokens(old, texts, options.vocab)
    after = BertTokenizer({token: id for id, token in enumerate(tokens)}, model_max_length=512)

    model = AutoModel.from_pretrained(options.model).eval()
    compared = draw.sample([t for t in texts if 20 < len(t) < 300], COMPARED)
    if options.compare:
        compared = draw.sample(read_texts(options.compare, draw), COMPARED)
    reference = embed(model, before, compared)
    vocab = old.get_vocab()
    rows = model.embeddings.word_embeddings.weight.data[[vocab[token] for token in tokens]]
    model.resize_token_embeddings(len(tokens), mean_resizing=False)
    model.embeddings.word_embeddings.weight.data = rows.clone()
    model.config.pad_token_id = after.pad_token_id
    model.save_pretrained(options.out)
    after.save_pretrained(options.out)
    (options.out / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), "utf-8")
    write_pooling(options.out, model.config.hidden_size)

    describe(model)
    share = changed_share(old, after.backend_tokenizer, texts)
    cosines = torch.cosine_similarity(reference, embed(model, after, compared))
    print(f"{len(tokens)} tokens; {share:.2%} of {sum(map(len, texts)) / 1e6:.1f}M characters' "
          f"tokens changed; cosine with the whole model on {len(compared)} texts: "
          f"mean {cosines.mean():.4f}, least {cosines.min():.4f}")  # fmt: skip


def write_pooling(folder: Path, size: int) -> None:
    """Say how vectors are made, as sentence-transformers reads it: the mean, of length 1."""
    package = "sentence_transformers.models"
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"{package}.{name}"}
        for at, (path, name) in enumerate(steps)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n", "utf-8")
    pooling = {"word_embedding_dimension": size, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling) + "\n", "utf-8")
    # As long as the texts that its vectors are learnt from: recipes/bert-parts.yaml, block-size.
    limits = {"max_seq_length": 48, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(limits, indent=2) + "\n", "utf-8")


# ------------------------------------------------------------------ sentences: text for BERT

SHARES = {  # how many of each are drawn
    "books/books.jsonl.xz": 12_000,
    "movie-reviews/train.jsonl.xz": 6_000,
    "squad/train-36-articles.json.xz": 6_000,
    "tatoeba/eng-fra.tsv.xz": 6_000,
    "pros-cons/train.jsonl.xz": 4_000,
}
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\u201d]*\s+(?=[A-Z\"'(\u201ca-z])")
SHORTEST, LONGEST = 15, 220  # characters
HELD_OUT_SENTENCES = 400
PHRASES = 4_000  # of pros-cons, beside the sentences of sentence-polarity


def prepare_sentences(options: argparse.Namespace) -> None:
    """Sentences of several kinds to guess words in, and labelled ones; dev rows as they are."""
    draw = random.Random(options.seed)
    data, out = Path(options.data), Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    known: dict[str, None] = {}
    for name, count in SHARES.items():
        if name.endswith(".tsv.xz"):
            texts = [pair.english for pair in read_pairs(data / name, "fr")]
        else:
            texts = read_texts(data / name, draw)
        found = [part for text in texts for part in SENTENCE_END.split(" ".join(text.split()))]
        fitting = sorted({one for one in found if SHORTEST <= len(one) <= LONGEST})
        known |= dict.fromkeys(draw.sample(fitting, min(count, len(fitting))))
    sentences = list(known)
    draw.shuffle(sentences)
    rows = [{"text": one} for one in sentences]
    write_rows(out / "sentences.jsonl", rows[HELD_OUT_SENTENCES:])
    write_rows(out / "sentences-dev.jsonl", rows[:HELD_OUT_SENTENCES])
    polarity = read_rows(data / "sentence-polarity/train.jsonl.xz")
    phrases = read_rows(data / "pros-cons/train.jsonl.xz")
    labelled = polarity + draw.sample(phrases, PHRASES)
    draw.shuffle(labelled)
    write_rows(out / "polarity.jsonl", labelled)
    print(f"{len(sentences):,} sentences, {len(labelled):,} with a label")


def read_rows(path: Path) -> list[Row]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def describe(model: Any) -> None:
    count = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    print(f"{count:,} parameters that train; {2 * count / 1e6:.1f} MB in bfloat16")


# ------------------------------------------------------------------ the command line


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser(
        "tatoeba", help="pairs to train, develop and test a translator on"
    )
    command.add_argument("data_dir", type=Path, metavar="DATA_DIR")
    command.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    command.set_defaults(run=prepare_tatoeba)

    command = commands.add_parser("marian", help="a small translator, cut from a larger one")
    command.add_argument("teacher", metavar="TEACHER")
    command.add_argument("train", type=Path, metavar="TRAIN.jsonl")
    command.add_argument("out", type=Path, metavar="OUT")
    command.add_argument("--vocab", type=int, default=10_000)
    command.add_argument("--encoder-layers", type=numbers, default=[0, 5])
    command.add_argument("--decoder-layers", type=numbers, default=[0])
    command.set_defaults(run=prepare_marian)

    command = commands.add_parser("sentences", help="text for the encoder to learn from")
    command.add_argument("data", help="the folder with the data sets")
    command.add_argument("out")
    command.set_defaults(run=prepare_sentences)
    command = commands.add_parser("bert", help="an encoder with fewer wordpieces")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("out", type=Path, metavar="OUT")
    command.add_argument("--vocab", type=int, default=12_000)
    command.add_argument("--texts", type=Path, nargs="+", required=True, metavar="FILE")
    command.add_argument("--compare", type=Path, metavar="FILE", help="texts for the cosines")
    command.set_defaults(run=prepare_bert)
    return parser.parse_args()


if __name__ == "__main__":
    options = parse()
    options.run(options)
