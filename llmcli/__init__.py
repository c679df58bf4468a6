"""Run, understand and fine-tune transformers, from a terminal and from Python.

    import llmcli
    llmcli.classify("What a wonderful film!").label

Each name is imported when it is first used: `import llmcli` loads neither torch nor numpy.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # as type checkers know it, without the import of typing

if TYPE_CHECKING:
    from llmcli.api.answer import answer as answer
    from llmcli.api.call import OnError as OnError
    from llmcli.api.classify import classify as classify
    from llmcli.api.compare import compare as compare
    from llmcli.api.embed import embed as embed
    from llmcli.api.evaluate import evaluate as evaluate
    from llmcli.api.explain import explain as explain
    from llmcli.api.fill import fill as fill
    from llmcli.api.finetune import finetune as finetune
    from llmcli.api.forward import forward as forward
    from llmcli.api.generate import generate as generate
    from llmcli.api.inputs import ModelLike as ModelLike
    from llmcli.api.inputs import Text as Text
    from llmcli.api.inputs import Texts as Texts
    from llmcli.api.inputs import rows as rows
    from llmcli.api.learn import learn as learn
    from llmcli.api.load import load as load
    from llmcli.api.score import score as score
    from llmcli.api.search import search as search
    from llmcli.api.stream import Stream as Stream
    from llmcli.api.stream import stream as stream
    from llmcli.api.tag import tag as tag
    from llmcli.api.tokenize import tokenize as tokenize
    from llmcli.api.translate import translate as translate
    from llmcli.data.rows import Failure as Failure
    from llmcli.data.rows import Row as Row
    from llmcli.decoding.traces import BeamNode as BeamNode
    from llmcli.decoding.traces import BeamTree as BeamTree
    from llmcli.decoding.traces import TraceCandidate as TraceCandidate
    from llmcli.decoding.traces import TraceRemoval as TraceRemoval
    from llmcli.decoding.traces import TraceRest as TraceRest
    from llmcli.decoding.traces import TraceStep as TraceStep
    from llmcli.errors import DiskFull as DiskFull
    from llmcli.errors import InputError as InputError
    from llmcli.errors import Interrupted as Interrupted
    from llmcli.errors import LlmcliError as LlmcliError
    from llmcli.errors import ModelNotFound as ModelNotFound
    from llmcli.errors import ModelUnsuitable as ModelUnsuitable
    from llmcli.errors import OutOfMemory as OutOfMemory
    from llmcli.errors import UsageError as UsageError
    from llmcli.evaluation.comparison import Change as Change
    from llmcli.evaluation.comparison import Comparison as Comparison
    from llmcli.evaluation.comparison import Difference as Difference
    from llmcli.evaluation.comparison import McnemarTest as McnemarTest
    from llmcli.evaluation.metrics.classification import ClassScore as ClassScore
    from llmcli.evaluation.predictions import RowFailure as RowFailure
    from llmcli.evaluation.report import Details as Details
    from llmcli.evaluation.report import Measure as Measure
    from llmcli.evaluation.report import Mistake as Mistake
    from llmcli.evaluation.report import Report as Report
    from llmcli.evaluation.report import Slice as Slice
    from llmcli.inference.answers import Answer as Answer
    from llmcli.inference.answers import ScoredAnswer as ScoredAnswer
    from llmcli.inference.classification import Classification as Classification
    from llmcli.inference.classification import LabelScore as LabelScore
    from llmcli.inference.continuations import Generation as Generation
    from llmcli.inference.continuations import TokenChance as TokenChance
    from llmcli.inference.continuations import TokenStep as TokenStep
    from llmcli.inference.embedding import Embedding as Embedding
    from llmcli.inference.filling import Filled as Filled
    from llmcli.inference.filling import Gap as Gap
    from llmcli.inference.filling import ScoredWord as ScoredWord
    from llmcli.inference.loading import Model as Model
    from llmcli.inference.ranking import Ranked as Ranked
    from llmcli.inference.scoring.results import Beside as Beside
    from llmcli.inference.scoring.results import BesideSpan as BesideSpan
    from llmcli.inference.scoring.results import Score as Score
    from llmcli.inference.scoring.results import SpanScore as SpanScore
    from llmcli.inference.scoring.results import TokenScore as TokenScore
    from llmcli.inference.tagging import Entity as Entity
    from llmcli.inference.tagging import Tagged as Tagged
    from llmcli.inference.translation.results import Sentence as Sentence
    from llmcli.inference.translation.results import Translation as Translation
    from llmcli.interpretability.checks import SelfCheck as SelfCheck
    from llmcli.interpretability.explanation import Explanation as Explanation
    from llmcli.interpretability.explanation import Subject as Subject
    from llmcli.interpretability.reading import Side as Side
    from llmcli.interpretability.tour.step import TourStep as TourStep
    from llmcli.interpretability.tour.tour import Tour as Tour
    from llmcli.spec import BatchOptions as BatchOptions
    from llmcli.spec import Chat as Chat
    from llmcli.spec import Decoding as Decoding
    from llmcli.spec import FileOptions as FileOptions
    from llmcli.spec import ModelSpec as ModelSpec
    from llmcli.spec.evaluation import EvaluateOptions as EvaluateOptions
    from llmcli.spec.evaluation import PerplexityOptions as PerplexityOptions
    from llmcli.spec.explain import ExplainOptions as ExplainOptions
    from llmcli.spec.tasks import AnswerOptions as AnswerOptions
    from llmcli.spec.tasks import ClassifyOptions as ClassifyOptions
    from llmcli.spec.tasks import EmbedOptions as EmbedOptions
    from llmcli.spec.tasks import FillOptions as FillOptions
    from llmcli.spec.tasks import ScoreOptions as ScoreOptions
    from llmcli.spec.tasks import TagOptions as TagOptions
    from llmcli.spec.tasks import TranslateOptions as TranslateOptions
    from llmcli.spec.training import LoraOptions as LoraOptions
    from llmcli.spec.training import Training as Training
    from llmcli.tasks.forward import Forward as Forward
    from llmcli.tasks.forward import Position as Position
    from llmcli.tasks.forward import Prediction as Prediction
    from llmcli.tasks.tokenize import Tokenized as Tokenized
    from llmcli.tokenization.vocabulary import Token as Token
    from llmcli.training.curves import Curves as Curves
    from llmcli.training.results import Event as Event
    from llmcli.training.results import Finetuned as Finetuned
    from llmcli.training.results import Note as Note
    from llmcli.training.results import Progress as Progress

_NAMES = {
    "api.answer": "answer",
    "api.call": "OnError",
    "api.classify": "classify",
    "api.compare": "compare",
    "api.embed": "embed",
    "api.evaluate": "evaluate",
    "api.explain": "explain",
    "api.fill": "fill",
    "api.finetune": "finetune",
    "api.forward": "forward",
    "api.generate": "generate",
    "api.inputs": "ModelLike Text Texts rows",
    "api.learn": "learn",
    "api.load": "load",
    "api.score": "score",
    "api.search": "search",
    "api.stream": "Stream stream",
    "api.tag": "tag",
    "api.tokenize": "tokenize",
    "api.translate": "translate",
    "data.rows": "Failure Row",
    "decoding.traces": "BeamNode BeamTree TraceCandidate TraceRemoval TraceRest TraceStep",
    "errors": (
        "DiskFull InputError Interrupted LlmcliError ModelNotFound ModelUnsuitable OutOfMemory "
        "UsageError"
    ),
    "evaluation.comparison": "Change Comparison Difference McnemarTest",
    "evaluation.metrics.classification": "ClassScore",
    "evaluation.predictions": "RowFailure",
    "evaluation.report": "Details Measure Mistake Report Slice",
    "inference.answers": "Answer ScoredAnswer",
    "inference.classification": "Classification LabelScore",
    "inference.continuations": "Generation TokenChance TokenStep",
    "inference.embedding": "Embedding",
    "inference.filling": "Filled Gap ScoredWord",
    "inference.loading": "Model",
    "inference.ranking": "Ranked",
    "inference.scoring.results": "Beside BesideSpan Score SpanScore TokenScore",
    "inference.tagging": "Entity Tagged",
    "inference.translation.results": "Sentence Translation",
    "interpretability.checks": "SelfCheck",
    "interpretability.explanation": "Explanation Subject",
    "interpretability.reading": "Side",
    "interpretability.tour.step": "TourStep",
    "interpretability.tour.tour": "Tour",
    "spec": "BatchOptions Chat Decoding FileOptions ModelSpec",
    "spec.evaluation": "EvaluateOptions PerplexityOptions",
    "spec.explain": "ExplainOptions",
    "spec.tasks": (
        "AnswerOptions ClassifyOptions EmbedOptions FillOptions ScoreOptions TagOptions "
        "TranslateOptions"
    ),
    "spec.training": "LoraOptions Training",
    "tasks.forward": "Forward Position Prediction",
    "tasks.tokenize": "Tokenized",
    "tokenization.vocabulary": "Token",
    "training.curves": "Curves",
    "training.results": "Event Finetuned Note Progress",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]

if not TYPE_CHECKING:  # type checkers would take any name to be there

    def __getattr__(name: str) -> object:
        """Import a public name from its module when it is first used (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
