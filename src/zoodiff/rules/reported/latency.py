"""Latency: what a run says beside its numbers (LAT101 to LAT109)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

SLOWER = Rule(
    code="LAT101",
    name="slower",
    effect="measurement",
    cause="Both entries were measured in turns in the same run. One takes longer than the other, "
    "by more than the noise that the same run showed between two copies of one entry.",
    consequence="The first entry is slower by this factor on this machine, at this batch size and "
    "number of threads. It may not be elsewhere.",
    advice="See which part is the architecture's and which the framework's: "
    "`zoodiff latency A B --why`. Measure on the machine that will run it.",
    references=(
        "A. Georges et al., Statistically rigorous Java performance evaluation, OOPSLA 2007",
    ),
    raised_by="`zoodiff latency`",
)
CLAIM = Rule(
    code="LAT102",
    name="latency claim not met",
    effect="measurement",
    cause="The zoo publishes latencies of both entries, which it measured on one machine. Their "
    "ratio is not the one that was measured here.",
    consequence="The zoo's table does not tell which of the two networks is faster on this "
    "machine.",
    advice="Trust the measurement on the machine in question. Published latencies hold for the "
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
    consequence="Whoever chooses by published FLOPs chooses the slower network.",
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
    cause="There are more threads than cores that this process may use, by the options, by "
    "environment variables or by a quota of the control group.",
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
    cause="Importing the framework, building, loading and compiling take as long as very many "
    "inferences.",
    consequence="For a process that answers few requests, the start decides and not the latency.",
    advice="Keep the process alive, export to a lighter runtime, or leave compilation out.",
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
    cause="Calls after some idle time take longer than calls back to back: the clock has gone "
    "down, caches hold other data, threads sleep.",
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
    "something is still being compiled, or the processor heats up.",
    consequence="The latency depends on how long was measured.",
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
    advice="Where the numbers themselves matter, measure again on a quiet machine.",
    references=(
        "pyperf, Tune the system for benchmarks, https://pyperf.readthedocs.io/en/latest/system.html",
    ),
    raised_by="`zoodiff latency`",
)
