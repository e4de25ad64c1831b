"""Latency: what a run says beside its numbers (LAT101 to LAT112)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

SLOWER = Rule(
    code="LAT101",
    name="slower",
    effect="measurement",
    cause="Both entries were timed in the same rounds. One takes longer than the other, by more "
    "than the noise between two copies of one entry in the same run.",
    consequence="The first entry is slower by this factor on this machine, at this batch size and "
    "number of threads. It may not be slower elsewhere.",
    advice="`zoodiff latency A B --why` shows the factors of architecture and framework. Measure "
    "on the machine that will run the network.",
    references=(
        "A. Georges et al., Statistically rigorous Java performance evaluation, OOPSLA 2007",
    ),
    raised_by="`zoodiff latency`",
)
CLAIM = Rule(
    code="LAT102",
    name="latency claim not met",
    effect="measurement",
    cause="The zoo publishes latencies of both entries, measured on one machine. Their ratio "
    "differs from the ratio measured here.",
    consequence="The zoo's table is no guide to which of the two networks is faster on this "
    "machine.",
    advice="Trust the measurement on your machine. Published latencies hold for the "
    "hardware, the batch size and the library versions of their table.",
    references=("facebookresearch/pycls#79", "NVIDIA/TensorRT#3013"),
    raised_by="`zoodiff latency`",
)
OUT_OF_STEP = Rule(
    code="LAT103",
    name="MACs and latency out of step",
    effect="measurement",
    cause="The network with fewer multiply-accumulates is the slower one. Memory, or the cost of "
    "each call, bounds depthwise convolutions, small layers and many branches.",
    consequence="A choice by published FLOPs selects the slower network.",
    advice="Choose by measured latency. `--why` shows which layers take the time.",
    references=(
        "N. Ma et al., ShuffleNet V2: practical guidelines for efficient CNN architecture design, "
        "ECCV 2018, arXiv:1807.11164",
    ),
    raised_by="`zoodiff latency`",
)
THREADS = Rule(
    code="LAT104",
    name="more threads than cores",
    effect="measurement",
    cause="The process has more threads than usable cores, because of the options, environment "
    "variables or a quota of the control group.",
    consequence="Threads wait for each other. Latencies grow and scatter, often by more than any "
    "difference between networks.",
    advice="Use at most as many threads as cores: --threads.",
    references=("microsoft/onnxruntime#13808",),
    raised_by="`zoodiff latency`",
)
COLD_START = Rule(
    code="LAT105",
    name="cold start dwarfs the steady state",
    effect="measurement",
    cause="Importing the framework, building, loading and compiling take as long as many "
    "inferences.",
    consequence="In a process that answers few requests, the start takes most of the time.",
    advice="Keep the process alive, export to a lighter runtime, or skip compilation.",
    references=("tensorflow/tensorflow#41141",),
    raised_by="`zoodiff latency --cold`",
)
RANK_CHANGES = Rule(
    code="LAT106",
    name="rank changes with the batch size",
    effect="measurement",
    cause="One entry is faster with small batches and the other with large ones.",
    consequence="A comparison at one batch size does not hold for another.",
    advice="Compare at the batch size that will be used: --batch.",
    references=("microsoft/onnxruntime#9162",),
    raised_by="`zoodiff latency --sweep`",
)
PAUSES = Rule(
    code="LAT107",
    name="slower after pauses",
    effect="measurement",
    cause="Calls after idle time take longer than calls in direct succession: the clock frequency "
    "has dropped, caches hold other data, threads sleep.",
    consequence="A service with few requests sees higher latencies than a benchmark shows.",
    advice="Measure with the pauses of the real load: --pause.",
    references=("pytorch/pytorch#137872", "microsoft/onnxruntime#17711"),
    raised_by="`zoodiff latency`",
)
NOT_SETTLED = Rule(
    code="LAT108",
    name="not settled",
    effect="measurement",
    cause="In most processes, rounds become steadily faster or slower until the end: memory grows, "
    "code is still being compiled, or the processor heats up.",
    consequence="The latency depends on the duration of the measurement.",
    advice="Measure longer (--seconds), or fewer entries at a time.",
    references=(
        "E. Barrett et al., Virtual machine warmup blows hot and cold, OOPSLA 2017, "
        "arXiv:1602.00602",
    ),
    raised_by="`zoodiff latency`",
)
DISTURBED = Rule(
    code="LAT109",
    name="the machine was disturbed",
    effect="measurement",
    cause="Other programs, the hypervisor, swapping or throttling took time from the measurement.",
    consequence="Intervals are wider than necessary, and single latencies are too high. Ratios "
    "within rounds suffer least.",
    advice="If the latencies themselves matter, measure again on a quiet machine.",
    references=(
        "pyperf, Tune the system for benchmarks, "
        "https://pyperf.readthedocs.io/en/latest/system.html",
    ),
    raised_by="`zoodiff latency`",
)
FRAMEWORK = Rule(
    code="LAT110",
    name="slower framework",
    effect="measurement",
    cause="Both networks were also timed in one reference runtime, in the same rounds. Relative to "
    "it one framework takes longer than the other, by more than the noise of the run.",
    consequence="The factor belongs to kernels, fusion, memory layout and copies, not to the "
    "network. Another version or mode of the framework may remove it.",
    advice="Compare modes of execution (`zoodiff latency A --mode ...`), or run the network in the "
    "faster runtime.",
    references=(
        "S. Shi et al., Benchmarking state-of-the-art deep learning software tools, CCBD 2016, "
        "arXiv:1608.07249",
    ),
    raised_by="`zoodiff latency --why`, studies with `why = true`",
)
ARCHITECTURE = Rule(
    code="LAT111",
    name="slower architecture",
    effect="measurement",
    cause="In one reference runtime, without what only one of them has inside, the layers of one "
    "network take longer than those of the other, by more than the noise of the run.",
    consequence="The two are not one network, or hold the same layers at other sizes; the factor "
    "stays in any framework.",
    advice="`zoodiff diff A B` names the layers that differ, `zoodiff latency A B --why` their "
    "times.",
    references=(
        "D. Montes et al., Discrepancies among pre-trained deep neural networks: a new threat to "
        "model zoo reliability, ESEC/FSE 2022",
    ),
    raised_by="`zoodiff latency --why`, studies with `why = true`",
)
INSIDE = Rule(
    code="LAT112",
    name="slower by what is inside",
    effect="measurement",
    cause="Only one of the networks has pre- or post-processing inside: scaling of pixels, a "
    "transposition of the image, a softmax. Without it, it is faster in the reference runtime by "
    "more than the noise of the run.",
    consequence="The comparison is uneven: for the other network the user does the same work "
    "outside the timed call.",
    advice="Add the time of the outer processing, or remove the inner one.",
    references=(
        "D. Montes et al., Discrepancies among pre-trained deep neural networks: a new threat to "
        "model zoo reliability, ESEC/FSE 2022",
    ),
    raised_by="`zoodiff latency --why`, studies with `why = true`",
)
