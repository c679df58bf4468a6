"""The components around a vocabulary that the classes of transformers build themselves.

From tokenizer.json those classes take the vocabulary; normalizer, pre-tokenizer, decoder and
post-processor are their own, whatever the file says. Here a backend of `tokenizers` gets the same.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcli.errors import ModelUnsuitable
from llmcli.system.panics import panics_caught
from llmcli.tokenization.base import Settings, UnsupportedTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WORD_PIECES = ("BertTokenizer", "DistilBertTokenizer")
VOCABULARY = ("vocab.txt", "vocab.json", "merges.txt")
MERGES = {
    "dropout": None,
    "ignore_merges": False,
    "continuing_subword_prefix": "",
    "end_of_word_suffix": "",
}
"""Settings that the classes give their BPE models."""
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Matches the parts that Qwen's pre-tokenizer splits a text into."""
PROBE = "a \ue000"
"""A text with a character that is in no vocabulary: some damaged tokenizers can encode others."""
SPACE = "\u2581"
"""What SentencePiece writes for a space."""


def load_backend(folder: Path, name: str, tokens: dict[str, Any]) -> "Tokenizer":
    """The backend in tokenizer.json; without that file, one made of the vocabulary.

    name: the class of transformers. tokens: special tokens by their role.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import BPE, WordPiece

    paths = {file: str(folder / file) for file in ("tokenizer.json", *VOCABULARY)}
    files = {file for file, path in paths.items() if Path(path).is_file()}
    try:
        if "tokenizer.json" in files:
            with panics_caught():
                return Tokenizer.from_file(paths["tokenizer.json"])
        if "vocab.txt" in files and name in WORD_PIECES:
            words = WordPiece.read_file(paths["vocab.txt"])
            return Tokenizer(WordPiece(words, unk_token=str(text_of(tokens["unk"]))))
        if {"vocab.json", "merges.txt"} <= files and name in ("GPT2Tokenizer", "RobertaTokenizer"):
            return Tokenizer(BPE(*BPE.read_file(paths["vocab.json"], paths["merges.txt"])))
    except Exception as error:  # the package raises nothing narrower
        raise UnsupportedTokenizer(f"its tokenizer cannot be read: {error}") from None
    raise UnsupportedTokenizer("it has no tokenizer.json")


def require_usable(backend: "Tokenizer") -> None:
    """Raise ModelUnsuitable if a backend loses a text, or splits it in another way each time.

    Raises what `tokenizers` raises for one that cannot encode.
    """
    fault = None
    if getattr(backend.model, "dropout", None):
        fault = f"splits words at random: `model.dropout` is {backend.model.dropout}"
    length, processor = len(backend.encode(PROBE)), backend.post_processor
    backend.post_processor = None
    if length < len(backend.encode(PROBE)):
        fault = "loses the text: `post_processor` leaves it out"
    backend.post_processor = processor
    if fault is not None:
        raise ModelUnsuitable(f"its tokenizer.json {fault}")


def replace_components(
    backend: "Tokenizer", name: str, settings: Settings, tokens: dict[str, Any]
) -> None:
    """Give a backend the normalizer, pre-tokenizer and decoder of its class.

    name, tokens: as of `load_backend`. Raises UnsupportedTokenizer if the vocabulary was made for
    other components.
    """
    if name in WORD_PIECES:
        normalizer = _become_bert(backend, settings, str(text_of(tokens["unk"])))
    elif name == "LlamaTokenizer":
        normalizer = _become_llama(backend, settings)
    else:
        normalizer = _become_byte_level(backend, name, settings)
    if any(token.normalized for token in backend.get_added_tokens_decoder().values()):
        if _state(backend.normalizer) != _state(normalizer):
            raise UnsupportedTokenizer(
                "its tokenizer.json normalizes texts in another way than its class"
            )
    backend.normalizer = normalizer


# Each of these sets pre-tokenizer and decoder, and returns the normalizer.


def _become_bert(backend: "Tokenizer", settings: Settings, unk_token: str) -> Any:
    from tokenizers import decoders, normalizers, pre_tokenizers

    _check_model(
        backend,
        unk_token=unk_token,
        continuing_subword_prefix="##",
        max_input_chars_per_word=100,
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix="##")
    return normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings.get("do_lower_case", True),
    )


def _become_llama(backend: "Tokenizer", settings: Settings) -> Any:
    from tokenizers import decoders, pre_tokenizers

    _check_model(backend, fuse_unk=True, byte_fallback=True, **MERGES)
    backend.model.unk_token = None
    setting = settings.get("add_prefix_space")
    adds_space = setting is None or setting
    scheme = "never" if not adds_space else "always" if settings.get("legacy") else "first"
    backend.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, scheme, split=False)
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if adds_space:
        steps.append(decoders.Strip(" ", left=1))
    backend.decoder = decoders.Sequence(steps)
    return None


def _become_byte_level(backend: "Tokenizer", name: str, settings: Settings) -> Any:
    from tokenizers import Regex, decoders, normalizers, pre_tokenizers

    _check_model(backend, unk_token=None, fuse_unk=False, byte_fallback=False, **MERGES)
    adds_space = bool(settings.get("add_prefix_space"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=adds_space)
    if name == "Qwen2Tokenizer":
        words = pre_tokenizers.Split(Regex(QWEN_WORDS), behavior="isolated")
        letters = pre_tokenizers.ByteLevel(add_prefix_space=adds_space, use_regex=False)
        backend.pre_tokenizer = pre_tokenizers.Sequence([words, letters])
    backend.decoder = decoders.ByteLevel()
    return normalizers.NFC() if name in ("Qwen2Tokenizer", "GPTNeoXTokenizer") else None


def _check_model(backend: "Tokenizer", **expected: Any) -> None:
    for key, value in expected.items():
        stored = getattr(backend.model, key, UnsupportedTokenizer)
        if stored != value and not (value == "" and stored is None):
            raise UnsupportedTokenizer(f"its tokenizer.json has another {key} than its class")


def text_of(token: Any) -> Any:
    """The text of a special token, which is given as text or with the rules for matching it."""
    return token.get("content") if isinstance(token, dict) else token


def _state(component: Any) -> Any:
    return None if component is None else component.__getstate__()


def add_missing(backend: "Tokenizer", tokens: Sequence[Any]) -> None:
    """Add those special tokens that tokenizer.json lacks."""
    from tokenizers import AddedToken

    known = {token.content: token for token in backend.get_added_tokens_decoder().values()}
    missing: dict[str, AddedToken] = {}
    for token in tokens:
        text = text_of(token)
        if text in known and not known[text].special:
            raise UnsupportedTokenizer(f"its token {text} is special in one file only")
        rules = token if isinstance(token, dict) else {}
        rules = {key: value for key, value in rules.items() if key not in ("__type", "special")}
        if text not in known:
            missing.setdefault(text, AddedToken(**{"content": text, **rules}, special=True))
    backend.add_tokens(list(missing.values()))


def replace_template(
    backend: "Tokenizer", name: str, settings: Settings, special: dict[str, str]
) -> None:
    """Give a backend the special tokens that its class puts around a text, or a pair of texts."""
    from tokenizers import processors

    def with_id(role: str) -> tuple[str, Any]:
        return special[role], backend.token_to_id(special[role])

    if name in WORD_PIECES:
        cls, sep = with_id("cls"), with_id("sep")
        backend.post_processor = processors.TemplateProcessing(
            single=f"{cls[0]}:0 $A:0 {sep[0]}:0",
            pair=f"{cls[0]}:0 $A:0 {sep[0]}:0 $B:1 {sep[0]}:1",
            special_tokens=[cls, sep],
        )
    elif name == "RobertaTokenizer":
        backend.post_processor = processors.RobertaProcessing(
            with_id("sep"),
            with_id("cls"),
            settings.get("trim_offsets", True),
            settings.get("add_prefix_space", False),
        )
    elif name == "GPTNeoXTokenizer" or backend.post_processor is None:
        if settings.get("add_bos_token") or settings.get("add_eos_token"):
            raise UnsupportedTokenizer("it adds BOS or EOS tokens that tokenizer.json lacks")
        backend.post_processor = processors.TemplateProcessing(single="$A:0", pair="$A:0 $B:1")
