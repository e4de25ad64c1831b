"""Rules about latency, found by timing networks against each other."""

from __future__ import annotations

from zoodiff.rules.base import Rule, register

for code, name, cause, consequence, advice in (
    (
        "LAT101",
        "slower",
        "Measured in turns in the same run, one entry needs longer than the other, and by more "
        "than the noise that the same run showed between two copies of one entry.",
        "What is asked of the first takes so much longer on this machine, at this batch size and "
        "number of threads; elsewhere it may be otherwise.",
        "See which part is the architecture's and which the framework's: "
        "`zoodiff latency A B --why`. Measure on the machine that will run it.",
    ),
    (
        "LAT102",
        "latency claim not met",
        "The zoo publishes latencies of both entries, measured by itself on one machine, and their "
        "ratio is not the one that was measured here.",
        "Which of two networks is the faster one cannot be read off the zoo's table for this "
        "machine.",
        "Trust the measurement on the machine in question; published latencies hold for the "
        "hardware, the batch size and the library versions of that table.",
    ),
    (
        "LAT103",
        "MACs and latency out of step",
        "The network with fewer multiply-accumulates is the slower one: depthwise convolutions, "
        "small layers and many branches are bound by memory or by the cost of each call.",
        "Choosing by published FLOPs chooses the slower network.",
        "Choose by measured latency; `--why` shows in which layers the time is spent.",
    ),
    (
        "LAT104",
        "more threads than cores",
        "Threads outnumber the cores that this process may use, be it by the options, by "
        "environment variables or by a quota of the control group.",
        "Threads wait for each other; latencies grow and scatter, often by more than any "
        "difference of networks.",
        "Use at most as many threads as cores: --threads.",
    ),
    (
        "LAT105",
        "cold start dwarfs the steady state",
        "Importing the framework, building, loading and compiling take as long as very many "
        "inferences.",
        "For a process that answers few requests the start decides, not the latency.",
        "Keep the process alive, export to a lighter runtime, or leave compilation out.",
    ),
    (
        "LAT106",
        "rank changes with the batch size",
        "One entry is the faster one for small batches and the other for large ones.",
        "A comparison at one batch size says nothing about another.",
        "Compare at the batch size that will be used: --batch.",
    ),
    (
        "LAT107",
        "slower after pauses",
        "Calls that follow some idle time take longer than calls back to back: the clock has gone "
        "down, caches belong to others, threads have gone to sleep.",
        "A service with few requests sees higher latencies than a benchmark shows.",
        "Measure with the pauses of the real load: --pause.",
    ),
    (
        "LAT108",
        "not settled",
        "Rounds become steadily faster or slower until the end of most processes: memory grows, "
        "something is still being compiled, or the processor heats up.",
        "The latency depends on how long was measured.",
        "Measure longer (--seconds), or fewer entries at a time.",
    ),
    (
        "LAT109",
        "the machine was disturbed",
        "Other programs, the hypervisor, swapping or throttling took time from the measurement.",
        "Intervals are wider than need be, and single latencies too high; ratios within rounds "
        "suffer least.",
        "Measure again on a quiet machine where the numbers themselves matter.",
    ),
):
    register(Rule(code, name, "measurement", cause, consequence, advice))
