"""What every signal says about itself: name, need, reach and limits. ``SIGNALS`` is the visible list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signal:
    """One way to measure.

    Attributes:
        name: with version; a change that changes results changes the version.
        kind: ``declared | architecture | tokenizer | weights | activations | behaviour``.
        test: what stands behind its number: exact, calibrated, heuristic or none.
        summary: what it measures, in a sentence.
        needs: what a model must have.
        survives: changes under which it still works.
        cannot_see: what it is blind to, and what it never proves.
        reference: paper or document.
        null: what its p-value is computed under; "" for a signal that has none.
    """

    name: str
    kind: str
    test: str
    summary: str
    needs: str
    survives: str
    cannot_see: str
    reference: str
    null: str = ""


SIGNALS: tuple[Signal, ...] = (
    Signal(
        "slices/2",
        "weights",
        "none",
        "A digest of the roles, their sizes and every value that the sign code reads; the same in every file format.",
        "readable weights",
        "renaming the folder, editing the card",
        "differences in values that were not read; equal slices are not equal models",
        "this project",
    ),
    Signal(
        "content/1",
        "weights",
        "exact",
        "Hashes of every value, decoded to float32: two models with equal hashes are the same model.",
        "all bytes of both models (--effort deep)",
        "re-upload, other file names, other shards, a lossless change of format, a changed licence or card",
        "any change of a single value",
        "this project",
    ),
    Signal(
        "shape/1",
        "architecture",
        "none",
        "Family and sizes of the network.",
        "a known architecture",
        "fine-tuning, quantisation, a changed model_type",
        "descent: thousands of unrelated models share a shape. Never counts towards a verdict of relatedness",
        "this project",
    ),
    Signal(
        "vocabulary/1",
        "tokenizer",
        "none",
        "The share of token strings that two tokenizers have in common.",
        "a readable tokenizer",
        "added tokens",
        "descent: tokenizers are copied without weights. Never counts towards a verdict of relatedness",
        "Broder 1997 (bottom-k MinHash)",
    ),
    Signal(
        "declared/1",
        "declared",
        "none",
        "What card and config claim about base model and licence.",
        "README.md or config.json",
        "nothing: anyone can write anything",
        "whether it is true",
        "Hugging Face model card metadata",
    ),
    Signal(
        "sign-code/1",
        "weights",
        "exact",
        "One coin per sign symmetry of the network; between independently initialised models every coin is fair.",
        "a known architecture with sign symmetries",
        "fine-tuning, long continued pretraining, quantisation, pruning, merging, added tokens, lost or doubled layers",
        "permuted or rotated coordinates (a disguise); distillation. It does not tell descent from one shared random "
        "initialisation, nor who came first",
        "docs/architecture.md; cf. Zhu et al. 2025, arXiv 2502.12292",
        null="the two models were initialised independently: every coin is fair, whatever the data",
    ),
    Signal(
        "tower-coins/1",
        "weights",
        "exact",
        "The coins of sign-code/1 in an encoder of images or sound beside (or without) a language model.",
        "layers of a known convention in at least one of the two models (data/towers)",
        "fine-tuning, quantisation, other prefixes, another language model around the tower",
        "projectors and what is no attention and MLP; permuted or rotated coordinates. It tells that two models have "
        "one tower, never who has it from whom, nor anything about the language model: published towers stand in "
        "hundreds of models",
        "docs/architecture.md",
        null="the two towers were initialised independently: every coin is fair",
    ),
    Signal(
        "aligned-coins/1",
        "weights",
        "exact",
        "The coins of sign-code/1 after coordinates were put together: residual stream, layers, heads and neurons.",
        "the weights of both models; tokens in common",
        "permuted or rotated residual stream, reordered neurons, heads, experts and layers, moved norm gains, rescaled "
        "channels, pruned or padded neurons, renumbered tokens; all that sign-code/1 survives",
        "flipped signs of neurons or value dimensions on top of a rotation, rotations layer by layer; replaced "
        "embeddings. It does not tell descent from one shared random initialisation, nor who came first",
        "docs/architecture.md; Schönemann 1966 (Procrustes) for the coordinates",
        null="the two models were initialised independently: every coin is fair, whatever the data",
    ),
    Signal(
        "spectra/1",
        "weights",
        "calibrated",
        "Singular values of what attention heads read and write, seen from the residual stream, without what all "
        "references have in common. It nominates references to be read where the sign code is silent; its p-value is "
        "the rank among disjoint pairs of independent models of one stratum.",
        "attention of a known layout; a local model (reads up to 150 MB)",
        "rotated or permuted residual stream, neurons and heads, mixed value dimensions, folded or scaled norms, "
        "quantisation, light fine-tuning; other tokenizers",
        "descent: independent models have similar spectra. Long continued training moves them; of very large models "
        "only keys and values are read, which scaled head dimensions change. Never counts towards a verdict",
        "docs/calibration.md; cf. Wang et al. 2025, arXiv 2511.06390 (GhostSpec)",
        null="the two models are independent: their score is one of disjoint independent pairs of a stratum",
    ),
    Signal(
        "token-geometry/1",
        "weights",
        "calibrated",
        "How the embeddings of up to 192 known strings lie to one another, whitened, without what all references have "
        "in common. It nominates references to be read where the sign code is silent; its p-value is the rank among "
        "disjoint pairs of independent models of one stratum.",
        "an embedding, and 48 tokens in common",
        "rotated or permuted residual stream, any change of layers, added tokens, another tokenizer whose embeddings "
        "were made from the old ones, long continued training",
        "descent: embeddings can be copied without the model, and models of the same texts resemble each other. It is "
        "blind where embeddings were drawn anew. Never counts towards a verdict",
        "docs/calibration.md",
        null="the two models are independent: their score is one of disjoint independent pairs of a stratum",
    ),
    Signal(
        "match/1",
        "weights",
        "heuristic",
        "Whether different weights of a neuron find the same neuron of another model, with coordinates put together. "
        "In a scan its share is also held against independent models: then that p-value is calibrated.",
        "the weights of both models; tokens in common; MLPs of one kind",
        "all that aligned-coins/1 survives, and flipped signs of neurons or value dimensions on top of it, pruned "
        "neurons, a merge with an independent model",
        "layers that were trained anew; replaced embeddings. It only says whom a model resembles: its null is what "
        "other models show, it supports nothing, and a shared random start looks the same as descent",
        "Zhu et al. 2025, arXiv 2502.12292 (unconstrained setting); Gurnee et al. 2024, arXiv 2401.12181",
        null="none of its own; in a scan, neurons of independent references, which its share is held against",
    ),
    Signal(
        "activations/1",
        "activations",
        "calibrated",
        "How short texts lie to one another in a model's hidden states, without what all references have in common, in "
        "standard deviations of what is usual among independent references. It names whom a model resembles beyond "
        "open-set rejection, and, beside controls of the same tokenizer, whose outputs it may have learned from.",
        "the model run on 128 short texts (--activations); references added with --activations, eight of them "
        "independent for a p-value",
        "every change of coordinates, quantisation, pruning, lost or doubled layers, merging, fine-tuning, long "
        "continued pretraining; other sizes and tokenizers",
        "descent: imitation of a model's outputs looks similar, only weaker. It is blind where embeddings were drawn "
        "anew and not trained for long. It never counts towards a verdict, and tells no direction",
        "docs/activations.md; cf. Zhang et al. 2025, arXiv 2410.14273 (REEF); Matějka et al. 2017 (adaptive score "
        "normalisation)",
        null="the two models are independent: their score is one more among those of independent references",
    ),
    Signal(
        "experts/1",
        "weights",
        "heuristic",
        "Which expert is which, by router rows and by what its gate rows have in common: kept, copied, blended.",
        "the weights of two models with routed experts; tokens in common",
        "reordered or dropped experts; replaced routers, or replaced gate rows, one of the two",
        "descent: it is context for the coins and the match. Experts are told apart only as far as their gate rows are",
        "this project",
    ),
    Signal(
        "delta/1",
        "weights",
        "heuristic",
        "What lies between two aligned models: drift, equal values, lost information, shared movement of norm gains.",
        "two readable models that the sign code aligned",
        "fine-tuning",
        "direction, unless one whole model is the other with values set to zero; a very light fine-tune of the true "
        "parent looks like the parent",
        "docs/architecture.md",
    ),
    Signal(
        "change/1",
        "weights",
        "heuristic",
        "What lies between two dependent models tensor by tensor: drift, bit-identical values, zeros, and the rank of "
        "the difference above the edge of rounding. It tells how they are related.",
        "the weights of both models, coordinates in their places",
        "added or lost layers, tokens and experts; quantisation and pruning, which it names",
        "scrambled coordinates; who came first where nothing was lost. Never counts towards dependence",
        "docs/relations.md; cf. Mukherjee et al. 2025, arXiv 2505.11711",
    ),
    Signal(
        "lattice/1",
        "weights",
        "exact",
        "Whether weights that are plain floats lie on a quantiser's grid in every group that was sampled: they were "
        "quantised, and dequantised. By chance plain floats do so once in 2^64, for each grid and cut that is tried.",
        "matrices of plain floats",
        "renaming, storage as bfloat16 or float16, a rotation before it",
        "quantisers that order columns by importance; who quantised. Never counts towards dependence",
        "docs/relations.md",
        null="weights are plain floats: in a group they lie on a quantiser's grid by chance alone",
    ),
    Signal(
        "still-rows/1",
        "weights",
        "exact",
        "Whether embedding rows that lie still between two dependent models had been trained before the two parted. "
        "Under one random initialisation that was trained twice, the sign of a still row's inner product with the sum "
        "of those before it is a fair coin. By which factor still rows shrank tells who was trained for longer.",
        "input embeddings with tokens in common, in their coordinates",
        "training of whatever length, as long as it never saw some tokens; weight decay; renumbered tokens",
        "tied embeddings that are trained; other widths. Never counts towards dependence",
        "docs/relations.md",
        null="one random initialisation was trained twice: the sign of each still row's inner product is a fair coin",
    ),
    Signal(
        "mixture/1",
        "weights",
        "heuristic",
        "Which references explain a model together: coefficients of merges, stacked layers, parts of updates; and "
        "whether the point where related models part is indexed.",
        "at least two references that the sign code ties to the model, with their files",
        "linear, spherical, TIES, DARE and stacked merges, rounding, light training afterwards; other vocabularies",
        "merges whose parents (or, for TIES and DARE, whose base) are not indexed; it proves no dependence",
        "docs/architecture.md; mergekit's documented methods; Buneman 1971 (three points)",
    ),
    Signal(
        "adapter-rows/1",
        "weights",
        "exact",
        "One coin per sign symmetry of a base: whether rows of an adapter's B resemble one another as its outputs do.",
        "an adapter of low rank that changes v, o, up or down, and a base of a known architecture with its files",
        "every rank, rate, optimiser and length of training that was measured (docs/architecture.md)",
        "adapters on q and k alone, or of another kind. It does not tell the base from its descendants, nor from "
        "another model with the same start",
        "this project",
        null="the adapter was trained on a base that was initialised independently of this one: every coin is fair",
    ),
    Signal(
        "adapter-shape/1",
        "architecture",
        "none",
        "Whether an adapter's matrices fit the base that it names.",
        "an adapter of low rank; the base in the index or in the catalogue",
        "a changed card",
        "descent: every model of the same shape fits. It can contradict a claim and never supports one",
        "this project",
    ),
    Signal(
        "token-counts/1",
        "tokenizer",
        "exact",
        "Which known tokenizers agree with the token counts that an endpoint reports for guarded texts.",
        "an endpoint that reports token counts, and the tokenizer in the catalogue or the index",
        "hidden system prompts, templates, rounding, counts that are off by a few; fine-tuning, quantisation, merging",
        "descent: unrelated models share tokenizers. A gateway may count with a tokenizer of its own; tokenizers that "
        "differ in few tokens may count alike",
        "Wasserman, Ramdas and Balakrishnan 2020 (universal inference)",
        null="the endpoint counts with this tokenizer, up to an unknown constant and a stated rate of errors",
    ),
    Signal(
        "token-strings/1",
        "tokenizer",
        "heuristic",
        "Whether the strings of an answer's tokens are tokens of a known tokenizer.",
        "an endpoint that gives log probabilities, and a tokenizer of the catalogue",
        "fine-tuning, quantisation, merging; hidden prompts",
        "which of several vocabularies with the same common words it is: it excludes and never names. A server that "
        "rewrites token strings is taken for another tokenizer's",
        "Bloom 1970",
    ),
    Signal(
        "agreement/1",
        "behaviour",
        "heuristic",
        "Whether an endpoint continues short texts more like an enrolled model than like any unrelated one.",
        "enrolled models, one candidate and at least one control",
        "quantisation, light fine-tuning, another gateway",
        "descent: good models agree with each other, a student with its teacher, and a system prompt changes answers",
        "Nikolic et al. 2025 (arXiv 2502.00706)",
        null="none of its own; what unrelated enrolled models agree on is its control",
    ),
    Signal(
        "equality/1",
        "behaviour",
        "exact",
        "Whether two endpoints' answers to the same texts come from one distribution.",
        "a trusted endpoint of the claimed model",
        "nothing: it is a test of sameness",
        "lineage: a quantised copy or another system prompt is told apart like another model, and answers that are not "
        "told apart may still come from two",
        "Gao, Liang and Guestrin 2024 (arXiv 2410.20247)",
        null="both endpoints draw their answers from one distribution",
    ),
)
"""Every signal, weakest claim last to be believed; shown by ``forebear explain``."""


def signal(name: str) -> Signal | None:
    """A signal by name, with or without its version."""
    return next((s for s in SIGNALS if name in (s.name, s.name.split("/")[0])), None)
